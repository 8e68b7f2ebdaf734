"""Checks of a surface by free calls: its answers, credentials, the clock, latency, limits."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from email.utils import parsedate_to_datetime
from statistics import median

import httpx

from contract_tests import wall
from contract_tests.availability import ask
from contract_tests.doctor.findings import Finding, not_checked, ok, problem, warning
from contract_tests.outcomes import Unsupported
from contract_tests.pacing import CALLS
from contract_tests.refused_credentials import refusal
from contract_tests.targets import ContractTarget
from contract_tests.troubles import no_answer, not_the_service, quoted

SLOW = 2.0  # seconds for a free call
SKEW = 30.0  # seconds; clocks that are kept right differ by less
MAX_SKEW = {"tams": 300.0, "workshop": 900.0}
_ALLOWED = {
    "tams": "how much TAMS allows is not documented; 300 s is usual",
    "workshop": "the Workshop allows 900 s",
}
LIMITS = {"tams": "5 calls a second are documented", "workshop": "no limit is documented"}


class SurfaceCalls:
    """The free calls to one surface, and what they showed."""

    def __init__(self, target: ContractTarget, surface: str) -> None:
        self.surface = surface
        self._target = target
        self._answers: list[tuple[float, httpx.Response]] = []

    def findings(self) -> Iterator[Finding]:
        """Yield what free calls show. Nothing is spent."""
        credentials = self._target.credentials
        schemes: dict[str, httpx.Auth | None] = {"signature": credentials.workshop.auth()}
        if self.surface == "tams":
            schemes = {
                "signature": credentials.tams.signature(),
                "token": credentials.tams.bearer(),
            }
        given = {name: auth for name, auth in schemes.items() if auth}
        reached = yield from self._answer(next(iter(given.values()), None))
        if not reached:
            return
        for name in schemes:
            if name in given:
                yield self._credential(name, given[name])
            else:
                yield not_checked(self.surface, name, "none is given")
        yield self._clock()
        yield self._latency()
        yield self._limit()
        yield self._balance()

    def _call(self, auth: httpx.Auth | None) -> httpx.Response:
        url = self._target.urls[self.surface]
        at = wall.now()
        answer = ask(self._target.http, self.surface, url, auth)
        self._answers.append((at, answer))
        return answer

    def _answer(self, auth: httpx.Auth | None) -> Generator[Finding, None, bool]:
        url = self._target.urls[self.surface]
        try:
            answer = self._call(auth)
        except httpx.TransportError as error:
            yield Finding.of(self.surface, "answer", no_answer(error, url))
            return False
        trouble = not_the_service(answer, url)
        if trouble is None and (refused := refusal(self.surface, answer)) and auth:
            trouble = refused if refused.area == "answer" else None
        if trouble:
            yield Finding.of(self.surface, "answer", trouble)
            return False
        kind = answer.headers.get("content-type", "no content type")
        yield ok(self.surface, "answer", f"status {answer.status_code}, {kind}")
        return True

    def _credential(self, name: str, auth: httpx.Auth) -> Finding:
        try:
            answer = self._call(auth)
        except httpx.TransportError as error:
            return Finding.of(self.surface, name, no_answer(error, self._target.urls[self.surface]))
        if trouble := refusal(self.surface, answer):
            return Finding.of(self.surface, name, trouble)
        # The service may answer a failure with any status (W21). The gateway then let the call in.
        if answer.is_success or self.surface == "workshop":
            return ok(self.surface, name, f"accepted{self._of_app(name)}")
        return warning(
            self.surface, name,
            f"not refused, but a free call answers {answer.status_code}: {quoted(answer.text)}",
            "run the suite to see more",
        )  # fmt: skip

    def _of_app(self, name: str) -> str:
        if (self.surface, name) != ("tams", "signature"):
            return ""
        return f": the key belongs to app {self._target.credentials.tams.app_id}"

    def _clock(self) -> Finding:
        skews = []
        for at, answer in self._answers:
            try:
                date = parsedate_to_datetime(answer.headers["date"]).timestamp()
            except (KeyError, ValueError):
                continue
            # Date is cut to whole seconds, and was written in the middle of the call.
            skews.append(at + answer.elapsed.total_seconds() / 2 - date - 0.5)
        if not skews:
            return not_checked(self.surface, "clock", "answers have no Date header")
        skew, allowed = median(skews), _ALLOWED[self.surface]
        words = f"this computer is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}; {allowed}"
        if abs(skew) > MAX_SKEW[self.surface]:
            return problem(self.surface, "clock", words, "set the clock of this computer")
        if abs(skew) > SKEW:
            return warning(self.surface, "clock", words, "set the clock of this computer")
        return ok(self.surface, "clock", f"within {max(1.0, abs(skew)):.0f} s of the target's")

    def _latency(self) -> Finding:
        took = median(answer.elapsed.total_seconds() for _, answer in self._answers)
        words = f"{took * 1000:.0f} ms for a free call"
        if took > SLOW:
            return warning(self.surface, "latency", words, "a run takes longer than planned")
        return ok(self.surface, "latency", words)

    def _limit(self) -> Finding:
        for _, answer in self._answers:
            told = [f"{name}: {value}" for name, value in answer.headers.items()
                    if "ratelimit" in name.replace("-", "") or name == "retry-after"]  # fmt: skip
            if answer.status_code == 429:
                return warning(
                    self.surface, "rate limit", f"reached by few calls: 429 {', '.join(told)}",
                    "stop other traffic of this app during a run",
                )  # fmt: skip
            if told:
                return ok(self.surface, "rate limit", quoted(", ".join(told)))
        return not_checked(
            self.surface, "rate limit",
            f"not reached; {LIMITS[self.surface]}, and the suite sends {CALLS}",
        )  # fmt: skip

    def _balance(self) -> Finding:
        if self.surface == "workshop":
            return not_checked(self.surface, "balance", "the Workshop has no balance")
        try:
            return ok(self.surface, "balance", f"{self._target.balance()} credits")
        except Unsupported:
            return not_checked(
                self.surface, "balance", "no free call says it: look into the vendor's console"
            )
