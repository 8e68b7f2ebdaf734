"""What the diagnosers of both vendors have in common, up to a diagnosis without secrets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import ClassVar, Generic

from mock_server.web.auth_diagnostics.evidence import Evidence, S
from mock_server.web.auth_diagnostics.excerpts import SECRETS_REACH, difference, redact, shown
from mock_server.web.auth_diagnostics.findings import Cause, Diagnosis, Found, Mistake, Proof
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount, KnownAccounts
from mock_server.web.auth_diagnostics.search import Match
from mock_server.web.auth_diagnostics.search_budget import FULL, Paced, SearchBudget, SearchWork

_MIN_SECRET = 8  # shorter ones stand in words that have nothing to do with them
_MAX_HOW = 300
_ACCOUNTS_PER_SLICE = 64

TOO_MANY = (
    "not searched further: too many wrong signatures at once; ask GET /_mock/requests/{id} or"
    " tams-mock explain"
)


class Diagnoser(ABC, Generic[S]):
    """Works out why credentials were refused, once; `causes` is the vendor's catalogue.

    A cause is named only if a rule is broken that can be pointed at, or if the string that it leads
    to is proved to be the one that was signed. What cannot be proved is not guessed.
    """

    causes: ClassVar[Mapping[str, Cause]]

    def __init__(self, evidence: Evidence[S], budget: SearchBudget = FULL) -> None:
        self.evidence = evidence
        self.budget = budget
        self.work = SearchWork(budget)
        meant = () if evidence.known_account is None else (evidence.known_account,)
        self.accounts = KnownAccounts(chain(meant, evidence.others))
        self.rules: list[Mistake] = []  # each breaks a rule that can be pointed at
        self.facts: list[tuple[str, str]] = []

    @abstractmethod
    def run(self) -> Paced[Diagnosis]:
        """Return why the credentials are refused, or that they are fine."""

    @abstractmethod
    def unchecked(self) -> Iterator[str]:
        """Yield what could not be looked at in a captured request."""

    def not_explained(self, *, whole: bool) -> str:
        """Say that no string fits, and whether all known mistakes were tried."""
        guesses = self.work.guesses
        if whole and not self.work.is_partial:
            return (
                f"not explained: none of the {guesses} strings that known mistakes make was signed"
            )
        return f"not searched further: {guesses} strings were tried, and known mistakes make more"

    def ended(
        self,
        *,
        complete: bool,
        proved: Iterable[Mistake] = (),
        match: Match | None = None,
        expected: bytes | None = None,
        signed: bytes | None = None,
        doubt: str = "",
    ) -> Paced[Diagnosis]:
        """Return the diagnosis: each cause once, and no secret of the accounts in it.

        `proved` are the mistakes that the signature itself shows; those of a `match` and the
        string that was signed come from there. `expected` is the server's string.
        """
        also: tuple[Mistake, ...] = ()
        if match is not None:
            proved, also, signed = match.steps, match.also, match.message
        once: dict[str, tuple[Mistake, Proof]] = {}
        for step in self.rules:
            once.setdefault(step.cause, (step, "rule"))
        for step in proved:
            once.setdefault(step.cause, (step, "digest"))
        hows = [step.how for step, _ in once.values()] + [step.how for step in also]
        texts = [data for data in (expected, signed) if data is not None]
        differs = len(texts) == 2 and expected != signed
        secrets = yield from _secrets_in(self.accounts, hows, texts, differ=differs)

        def found(step: Mistake, proof: Proof) -> Found:
            how = redact(step.how.encode("utf-8", "replace"), secrets).decode("utf-8", "replace")
            plain = "".join(letter if letter.isprintable() else "?" for letter in how)
            return Found(self.causes[step.cause], plain[:_MAX_HOW], proof)

        server = None if expected is None else (yield from shown(expected, secrets))
        if server is not None:
            self.facts.append(("serverDigest", server.sha256))
        return Diagnosis(
            accepted=not once and complete,
            complete=complete,
            found=tuple(found(step, proof) for step, proof in once.values()),
            also=tuple(found(step, "digest") for step in also),
            expected=server,
            signed=None if signed is None else (yield from shown(signed, secrets)),
            difference=(yield from difference(texts[0], texts[1], secrets)) if differs else None,
            facts=tuple(self.facts),
            hashes=self.work.guesses,
            doubt=doubt,
            unchecked=tuple(self.unchecked()) if self.evidence.refused is None else (),
        )


def _secrets_in(
    accounts: Iterable[KnownAccount], hows: list[str], texts: list[bytes], *, differ: bool
) -> Paced[tuple[bytes, ...]]:
    """Return the secrets that stand in what may be shown."""
    parts = [how.encode("utf-8", "replace") for how in hows]
    parts += [data[:SECRETS_REACH] for data in texts]
    if differ:
        place = yield from difference(texts[0], texts[1])
        around = slice(max(0, place.offset - SECRETS_REACH), place.offset + SECRETS_REACH)
        parts += [data[around] for data in texts]
    shown_bytes = b"\0".join(parts)
    found = []
    for number, account in enumerate(accounts):
        if number % _ACCOUNTS_PER_SLICE == 0:
            yield
        for secret in (account.token.encode(), account.secret.encode()):
            if len(secret) >= _MIN_SECRET and secret in shown_bytes:
                found.append(secret)
    return tuple(found)
