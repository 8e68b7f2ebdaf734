"""Works out why the gateway refused credentials, and proves it by the signature that came."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from mock_server.web.auth_diagnostics.diagnoser import TOO_MANY, Diagnoser
from mock_server.web.auth_diagnostics.findings import Diagnosis, Mistake, read_causes
from mock_server.web.auth_diagnostics.search import Match, search
from mock_server.web.auth_diagnostics.search_budget import Exhausted, Paced
from mock_server.web.auth_diagnostics.signatures import base64_of
from mock_server.workshop.auth_diagnostics.keys import probes, sent_digests
from mock_server.workshop.auth_diagnostics.rules import Caller, caller, missing_steps, rule_steps
from mock_server.workshop.auth_diagnostics.scheme import WorkshopScheme
from mock_server.workshop.settings import WorkshopSettings

CAUSES = read_causes(Path(__file__).with_name("causes.toml"))


class WorkshopDiagnoser(Diagnoser[WorkshopSettings]):
    """Looks for secret and string that make the signature which came."""

    causes = CAUSES
    secrets = 0  # that were tried

    def run(self) -> Paced[Diagnosis]:
        evidence = self.evidence
        self.rules.extend(missing_steps(evidence))
        if self.rules:
            return (yield from self.ended(complete=True))
        scheme = WorkshopScheme(evidence, self.work)
        expected = b"".join(scheme.bases[0].pieces())
        if not self.budget.guesses:
            return (yield from self.ended(complete=False, expected=expected, doubt=TOO_MANY))
        who = Caller((), None)
        try:
            who = yield from caller(evidence, self.accounts, self.work)
            self.rules += yield from rule_steps(evidence, who.known_account, self.work)
            self._note_absent(scheme)
            match = yield from self._match(scheme, who)
        except Exhausted:
            self.rules[:0] = who.steps
            return (
                yield from self.ended(
                    complete=False, expected=expected, doubt=self.not_explained(whole=False)
                )
            )
        return (yield from self._judged(who, match, expected))

    def _match(self, scheme: WorkshopScheme, who: Caller) -> Paced[Match | None]:
        signature = self.evidence.value(b"x-ca-signature")
        method = self.evidence.value(b"x-ca-signature-method")
        digests = sent_digests(signature, method)
        if not digests:
            cause = "signature-not-base64" if base64_of(signature) is None else "signature-length"
            self.rules.append(Mistake(cause, f"{len(signature)} characters"))
            return None
        own = who.known_account
        others = (
            other
            for other in self.accounts
            if other.secret and (own is None or other.secret != own.secret)
        )
        keys = probes(digests, own, islice(others, self.budget.keys), swapped=who.swapped)
        self.secrets = len({probe.owner for probe in keys if probe.owner is not None})
        self.facts.append(("secretsTried", str(self.secrets)))
        return (yield from search(scheme, keys, self.work)) if keys else None

    def _judged(self, who: Caller, match: Match | None, expected: bytes) -> Paced[Diagnosis]:
        steps = who.steps
        unknown = bool(steps) and steps[0].cause == "key-unknown"
        if unknown and match is not None and match.probe.owner is not None:
            # The account is known by its secret alone.
            how = f"the secret is that of account {match.probe.owner.account}"
            steps = (Mistake("key-wrong", how),)
            left = [step for step in match.steps if step.cause != "secret-of-another-app"]
            match = match._replace(steps=tuple(left))
        shapeless = any(
            step.cause in ("signature-not-base64", "signature-length") for step in self.rules
        )
        self.rules[:0] = steps
        return self.ended(
            complete=match is not None or unknown or shapeless,
            match=match,
            expected=expected,
            doubt=self.not_explained(whole=True),
        )

    def _note_absent(self, scheme: WorkshopScheme) -> None:
        """Note which signed headers did not come: no rule forbids it, but it is seldom meant."""
        absent = [
            name.decode("latin-1")[:60]
            for name in scheme.names or ()
            if self.evidence.header(name.lower()) is None
        ]
        if absent:
            self.facts.append(("signedButAbsent", ", ".join(absent[:10])))

    def not_explained(self, *, whole: bool) -> str:
        # An HMAC does not tell whether its key or its message is wrong.
        return (
            f"{super().not_explained(whole=whole)} with one of the {self.secrets}"
            " secrets tried; compare the server's string with yours first, then the secret"
        )

    def unchecked(self) -> Iterator[str]:
        evidence = self.evidence
        settings, timed = evidence.settings, evidence.capture.at is not None
        if settings.timestamp_window and not timed and evidence.value(b"x-ca-timestamp"):
            yield "the timestamp, because the capture has no time"
        if settings.nonce_replay == "refuse" and evidence.value(b"x-ca-nonce"):
            yield "whether the nonce was used before"
