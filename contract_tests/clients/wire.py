"""The wire: the only module that sends requests to the target.

It paces calls, repeats calls when the vendor asks for it, refuses calls that cost and have no
reservation, writes the transcript, and compares each answer with the OpenAPI file.
"""

from __future__ import annotations

import json as jsons
import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from contract_tests import wall
from contract_tests.answers import NoAnswer, NotSent, ReceivedAnswer, Remembered, SentRequest, Unmet
from contract_tests.clocks import TargetClock
from contract_tests.current_test import CurrentTest
from contract_tests.money import Ledger, Reservation
from contract_tests.openapi import description
from contract_tests.pacing import Pacer
from contract_tests.resources import ResourceLog
from contract_tests.transcripts import ExchangeResult, Transcript
from contract_tests.troubles import BUSY, is_connection_lost

MAX_ATTEMPTS = 5  # of a call that a busy target does not take
MAX_RETRY_AFTER = 60.0  # seconds; the wire does not wait for a longer Retry-After
MAX_EXCHANGES = 40  # of one test, in the report; the transcript has all
_FREE_METHODS = {"GET", "HEAD", "OPTIONS", "DELETE"}


@dataclass(frozen=True)
class SurfaceRules:
    """What the wire needs to know about a vendor.

    `spending` are the paths below the endpoint whose calls cost; `repeated` are the statuses after
    which the vendor asks for the same call again, also if it costs; `created` and `cost` read an
    answer; `expiring` are the kinds of resources that expire by themselves; `judge` raises `Unmet`
    for an answer that lacks something that is documented beyond the OpenAPI file.
    """

    surface: str
    spending: frozenset[str]
    repeated: frozenset[int]
    created: Callable[[str, Any], Iterable[tuple[str, str]]]
    cost: Callable[[Any], Decimal | None]
    expiring: frozenset[str]
    judge: Callable[[ReceivedAnswer, str, Remembered], None]


class Wire:
    """Sends requests to one surface of the target."""

    def __init__(
        self,
        rules: SurfaceRules,
        endpoint: str,
        http: httpx.Client,
        *,
        unpooled: httpx.Client,
        clock: TargetClock,
        pacer: Pacer,
        ledger: Ledger,
        transcript: Transcript,
        resources: ResourceLog,
        current_test: Callable[[], CurrentTest],
    ) -> None:
        self.rules = rules
        self.endpoint = endpoint
        self.clock = clock
        self.ledger = ledger
        self.resources = resources
        self.current_test = current_test
        self.busy: Counter[tuple[int, str]] = Counter()
        self._http, self._unpooled = http, unpooled
        self._pacer = pacer
        self._transcript = transcript
        self._remembered = Remembered()

    def send(
        self,
        method: str,
        path: str,
        *,
        auth: httpx.Auth | None,
        json: Any = ...,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        files: Any = None,
        data: Mapping[str, str] | None = None,
        paced: bool = True,
        retried: bool = True,
        checked: bool = True,
        reservation: Reservation | None = None,
    ) -> ReceivedAnswer:
        """Send a request and return the answer.

        `path` is below the endpoint, or a whole URL. Raises `NoAnswer`, `OpenApiViolation`,
        and for calls that cost, the errors of `SpendingAllowance.take`.
        """
        own = path.startswith("/")
        if json is not ...:
            content = jsons.dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
            headers = {"Content-Type": "application/json", **(headers or {})}
        url = self.endpoint + path if own else path
        request = self._http.build_request(
            method, url, content=content, headers=headers, params=params, files=files, data=data
        )
        costs = self.costs(method, str(request.url))
        if costs and reservation is None:
            reservation = self.current_test().allowance.take(self.ledger, None)
        turn = paced if own else None  # other hosts are not part of the rate limit
        answer = self._send_repeatedly(request, auth, costs, paced=turn, retried=retried)
        if costs and reservation is not None:
            self._settle(reservation, answer)
        below = urlsplit(answer.sent.url).path.removeprefix(urlsplit(self.endpoint).path)
        if own:
            self._register(below, answer)
        if own and checked:
            expect_documented(self.rules, answer, below, self._remembered)
        return answer

    def costs(self, method: str, url: str) -> bool:
        """Say whether a call may cost something, however its path is spelled."""
        if method.upper() in _FREE_METHODS:
            return False
        path = urlsplit(url).path
        while (plain := unquote(path)) != path:
            path = plain
        path = posixpath.normpath(path).lower()
        return any(path.endswith(spending.lower()) for spending in self.rules.spending)

    def _send_repeatedly(
        self,
        request: httpx.Request,
        auth: httpx.Auth | None,
        costs: bool,
        *,
        paced: bool | None,
        retried: bool,
    ) -> ReceivedAnswer:
        """Send a call again if that is safe and may help.

        A call that costs is sent again only if the vendor asks for it. Otherwise nobody knows
        whether it was carried out, so the whole test is run again.
        """
        repeated = self.rules.repeated if costs else self.rules.repeated | BUSY
        for attempt in range(1, MAX_ATTEMPTS + 1):
            # A server may close an idle connection just when the next call arrives there.
            http = self._unpooled if costs or attempt > 1 else self._http
            try:
                answer = self._send_once(http, request, auth, paced=paced)
            except NoAnswer:
                if costs or attempt > 1:
                    raise
                continue
            if answer.status in BUSY:
                self.busy[answer.status, f"{request.method} {request.url.path}"] += 1
            if not retried or answer.status not in repeated:
                self.current_test().turned_away |= answer.status in BUSY
                break
            wait = _retry_after(answer) or 2.0 ** (attempt - 1)
            if attempt == MAX_ATTEMPTS or wait > MAX_RETRY_AFTER:
                break
            self.clock.pause(wait)
        return answer

    def _send_once(
        self,
        http: httpx.Client,
        request: httpx.Request,
        auth: httpx.Auth | None,
        *,
        paced: bool | None,
    ) -> ReceivedAnswer:
        current_test = self.current_test()
        if paced is not None:
            self._pacer.take_turn(paced=paced)
        current_test.calls += 1
        at, begin = wall.now(), wall.elapsed()
        fresh = httpx.Request(
            request.method, request.url, headers=request.headers, content=request.read()
        )
        try:
            response = http.send(fresh, auth=auth)
        except httpx.TransportError as error:
            sent = _sent(fresh)
            words = f"{type(error).__name__}: {error}".rstrip(": ")
            self._keep(current_test, sent, ExchangeResult(at, wall.elapsed() - begin, error=words))
            # A URL of another host, such as that of a result, must work while the target does.
            own = fresh.url.netloc == httpx.URL(self.endpoint).netloc
            kind = NotSent if own and is_connection_lost(error) else NoAnswer
            raise kind(f"{sent} got no answer: {words}") from error
        sent = _sent(response.request)
        result = ExchangeResult(
            at,
            wall.elapsed() - begin,
            status=response.status_code,
            headers=tuple(response.headers.multi_items()),
            content=response.content,
        )
        key = self._keep(current_test, sent, result)
        return ReceivedAnswer(sent, response.status_code, response.headers, response.content, key)

    def _keep(self, current_test: CurrentTest, sent: SentRequest, result: ExchangeResult) -> str:
        key, entry = self._transcript.write(current_test.test, self.rules.surface, sent, result)
        current_test.exchanges.append(entry)
        # The first exchanges show the set-up, the last ones show the end.
        if len(current_test.exchanges) > MAX_EXCHANGES:
            del current_test.exchanges[MAX_EXCHANGES // 2]
        return key

    def _settle(self, reservation: Reservation, answer: ReceivedAnswer) -> None:
        """Record the cost of a submission; if it is not certain, the reservation stays."""
        refused = 400 <= answer.status < 500
        known = refused or answer.status == 200
        cost = Decimal(0) if refused else self.rules.cost(_parsed(answer)) if known else None
        if cost == 0:
            self.ledger.release(reservation)
            self.current_test().allowance.give_back(reservation)
        elif cost is not None:
            self.ledger.settle(reservation, cost)

    def _register(self, path: str, answer: ReceivedAnswer) -> None:
        if answer.sent.method == "POST" and answer.status == 200:
            for kind, id in self.rules.created(path, _parsed(answer)):
                self.resources.add(kind, id, self.rules.surface, self.current_test().test)
                if kind in self.rules.expiring:
                    self.resources.end(id, "expires")


def expect_documented(
    rules: SurfaceRules, answer: ReceivedAnswer, path: str, remembered: Remembered
) -> None:
    """Raise `Unmet` unless an answer is as documented; `path` is below the endpoint."""
    described = description(rules.surface)
    try:
        rules.judge(answer, path, remembered)
    except (AttributeError, TypeError, ValueError) as error:
        described.check(answer, path)  # it names the member that has another type
        raise Unmet(f"{answer.sent} answered other types than documented: {error}") from error
    described.check(answer, path)


def _sent(request: httpx.Request) -> SentRequest:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
    )
    return SentRequest(request.method, str(request.url), headers, request.content)


def _parsed(answer: ReceivedAnswer) -> Any:
    try:
        return jsons.loads(answer.content)
    except ValueError:
        return None


def _retry_after(answer: ReceivedAnswer) -> float | None:
    try:
        return max(0.0, float(answer.headers.get("retry-after", "")))
    except ValueError:
        return None
