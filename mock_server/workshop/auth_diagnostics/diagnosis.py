"""Working out why the gateway refused credentials, and proving it.

A cause is named only if a rule is broken that can be pointed at, or if the string that it leads to
has the very signature that came. What cannot be proved is not guessed.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import islice

from mock_server.web.auth_diagnostics.conclusions import conclude, secrets_of
from mock_server.web.auth_diagnostics.findings import Diagnosis, Step
from mock_server.web.auth_diagnostics.search_budget import FULL, SearchBudget, Work
from mock_server.workshop.auth_diagnostics.causes import CAUSES
from mock_server.workshop.auth_diagnostics.evidence import Evidence
from mock_server.workshop.auth_diagnostics.keys import (
    Secret,
    foreign_secret,
    goals,
    is_base64,
    own_secrets,
)
from mock_server.workshop.auth_diagnostics.rules import Caller, caller, missing_steps, rule_steps
from mock_server.workshop.auth_diagnostics.searching import Match, Request, search
from mock_server.workshop.signature import GatewayCredentials, listed, name_lists

_MAX_ACCOUNTS = 4096
# An HMAC does not tell whether its key or its message is wrong.
_DOUBT = (
    "either the secret is not this app's or the string differs in an unknown way; compare the"
    " server's string with yours first"
)


def diagnose(evidence: Evidence, budget: SearchBudget = FULL) -> Diagnosis:
    """Return why the credentials are refused, or that they are fine."""
    return _WorkshopDiagnoser(evidence, budget).run()


class _WorkshopDiagnoser:
    """One diagnosis while it is worked out."""

    def __init__(self, evidence: Evidence, budget: SearchBudget) -> None:
        self.evidence = evidence
        self.budget = budget
        self.work = Work(budget, len(evidence.body) + len(evidence.target) + 500)
        self.others = tuple(islice(evidence.others, _MAX_ACCOUNTS))
        known = [*self.others, *([evidence.known_account] if evidence.known_account else [])]
        self.secrets = secrets_of(known)
        self.rules: list[Step] = []
        self.facts: list[tuple[str, str]] = []

    def run(self) -> Diagnosis:
        evidence = self.evidence
        self.rules.extend(missing_steps(evidence))
        if self.rules:
            return self._ended(complete=True)
        who = caller(evidence, self.others)
        self.rules.extend(rule_steps(evidence, who.known_account))
        signature = evidence.value(b"x-ca-signature")
        names = listed(evidence.value(b"x-ca-signature-headers"))
        shown = GatewayCredentials("", signature, names=names)
        lists = tuple(name_lists(shown, evidence.settings.missing_header_list))
        request = Request(evidence, lists, names)
        expected = request.parts.joined()
        self._note(names)
        made_with = goals(signature, evidence.value(b"x-ca-signature-method"))
        if not made_with:
            self.rules[:0] = who.steps
            self.rules.append(_shapeless(signature))
            return self._ended(complete=True, expected=expected)
        own, foreign = self._secrets(who)
        match = search(made_with, request, own, foreign, self.budget, self.work)
        return self._judged(who, match, expected)

    def _judged(self, who: Caller, match: Match | None, expected: bytes) -> Diagnosis:
        steps = who.steps
        proved = () if match is None else match.steps
        unknown = bool(steps) and steps[0].cause == "key-unknown"
        if unknown and match is not None:
            # The account is known by its secret alone.
            how = f"the secret is that of account {match.secret.owner.account}"
            steps = (Step("key-wrong", how),)
            proved = tuple(step for step in proved if step.cause != "secret-of-another-app")
        self.rules[:0] = steps
        return self._ended(
            complete=match is not None or unknown,
            match=match,
            proved=proved,
            expected=expected,
        )

    def _secrets(self, who: Caller) -> tuple[list[Secret], list[Secret]]:
        """Return what may be the key of the HMAC: the account's own, then other accounts'."""
        known_account, most = who.known_account, self.budget.keys
        own: list[Secret] = []
        if known_account is not None:
            own = list(own_secrets(known_account))
            if who.swapped:
                own.insert(0, Secret((), known_account.key.encode(), known_account))
        foreign = [
            foreign_secret(other)
            for other in self.others
            if other.secret and (known_account is None or other.secret != known_account.secret)
        ][:most]
        tried = len(foreign) + (known_account is not None)
        self.facts.append(("secretsTried", str(tried)))
        return own, foreign

    def _note(self, names: tuple[bytes, ...] | None) -> None:
        """Note which signed headers did not come: no rule forbids it, but it is seldom meant."""
        absent = [
            name.decode("latin-1")[:60]
            for name in names or ()
            if self.evidence.header(name.lower()) is None
        ]
        if absent:
            self.facts.append(("signedButAbsent", ", ".join(absent[:10])))

    def _ended(
        self,
        *,
        complete: bool,
        match: Match | None = None,
        proved: tuple[Step, ...] = (),
        expected: bytes | None = None,
    ) -> Diagnosis:
        if expected is not None:
            self.facts.append(("serverDigest", sha256(expected).hexdigest()))
        return conclude(
            CAUSES,
            self.secrets,
            complete=complete,
            rules=self.rules,
            proved=proved,
            also=[other[0] for other in match.also] if match is not None else (),
            expected=expected,
            signed=None if match is None else match.message,
            facts=self.facts,
            hashes=self.work.hashes,
            doubt=_DOUBT,
        )


def _shapeless(signature: bytes) -> Step:
    """Return what is wrong with a signature that is no digest in any encoding that is known."""
    if is_base64(signature):
        return Step("signature-length", f"{len(signature)} characters")
    return Step("signature-not-base64", f"{len(signature)} characters")
