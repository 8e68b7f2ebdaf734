"""Works out why the gateway refused credentials, and proves it.

A cause is named only if a rule is broken that can be pointed at, or if the string that it leads to
has the very signature that came. What cannot be proved is not guessed.
"""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path

from mock_server.web.auth_diagnostics.causes import read_causes
from mock_server.web.auth_diagnostics.conclusions import TOO_MANY, conclude, not_explained
from mock_server.web.auth_diagnostics.findings import Diagnosis, Mistake, Paced
from mock_server.web.auth_diagnostics.known_accounts import KnownAccounts
from mock_server.web.auth_diagnostics.search import Match, search
from mock_server.web.auth_diagnostics.search_budget import FULL, Exhausted, SearchBudget, SearchWork
from mock_server.web.auth_diagnostics.signatures import base64_of
from mock_server.workshop.auth_diagnostics.evidence import WorkshopEvidence
from mock_server.workshop.auth_diagnostics.keys import probes, sent_digests
from mock_server.workshop.auth_diagnostics.rules import Caller, caller, missing_steps, rule_steps
from mock_server.workshop.auth_diagnostics.scheme import WorkshopScheme

CAUSES = read_causes(Path(__file__).with_name("causes.toml"))


def diagnose(evidence: WorkshopEvidence, budget: SearchBudget = FULL) -> Paced[Diagnosis]:
    """Return why the credentials are refused, or that they are fine."""
    return _WorkshopDiagnoser(evidence, budget).run()


class _WorkshopDiagnoser:
    """One diagnosis while it is worked out."""

    def __init__(self, evidence: WorkshopEvidence, budget: SearchBudget) -> None:
        self.evidence = evidence
        self.budget = budget
        self.work = SearchWork(budget)
        known = () if evidence.known_account is None else (evidence.known_account,)
        self.accounts = KnownAccounts(chain(known, evidence.others))
        self.rules: list[Mistake] = []
        self.facts: list[tuple[str, str]] = []
        self.secrets = 0

    def run(self) -> Paced[Diagnosis]:
        evidence = self.evidence
        self.rules.extend(missing_steps(evidence))
        if self.rules:
            return (yield from self._ended(complete=True))
        scheme = WorkshopScheme(evidence, self.work)
        expected = scheme.bases[0].joined()
        if not self.budget.guesses:
            return (yield from self._ended(complete=False, expected=expected, doubt=TOO_MANY))
        who = Caller((), None)
        try:
            who = yield from caller(evidence, self.accounts, self.work)
            self.rules += yield from rule_steps(evidence, who.known_account, self.work)
            self._note_absent(scheme)
            match = yield from self._match(scheme, who)
        except Exhausted:
            self.rules[:0] = who.steps
            return (
                yield from self._ended(
                    complete=False, expected=expected, doubt=self._doubt(whole=False)
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
        proved = () if match is None else match.steps
        unknown = bool(steps) and steps[0].cause == "key-unknown"
        if unknown and match is not None and match.probe.owner is not None:
            # The account is known by its secret alone.
            how = f"the secret is that of account {match.probe.owner.account}"
            steps = (Mistake("key-wrong", how),)
            proved = tuple(step for step in proved if step.cause != "secret-of-another-app")
        shapeless = any(
            step.cause in ("signature-not-base64", "signature-length") for step in self.rules
        )
        self.rules[:0] = steps
        return self._ended(
            complete=match is not None or unknown or shapeless,
            match=match,
            proved=proved,
            expected=expected,
            doubt=self._doubt(whole=True),
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

    def _doubt(self, *, whole: bool) -> str:
        # An HMAC does not tell whether its key or its message is wrong.
        return (
            f"{not_explained(self.work, whole=whole)} with one of the {self.secrets}"
            " secrets tried; compare the server's string with yours first, then the secret"
        )

    def _ended(
        self,
        *,
        complete: bool,
        match: Match | None = None,
        proved: tuple[Mistake, ...] = (),
        expected: bytes | None = None,
        doubt: str = "",
    ) -> Paced[Diagnosis]:
        return conclude(
            CAUSES,
            self.accounts,
            complete=complete,
            rules=self.rules,
            proved=proved,
            also=() if match is None else match.also,
            expected=expected,
            signed=None if match is None else match.message,
            facts=self.facts,
            hashes=self.work.guesses,
            doubt=doubt,
            unchecked=self.evidence.unchecked,
        )
