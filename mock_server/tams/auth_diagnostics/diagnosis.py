"""Works out why TAMS credentials were refused, and proves it by the digest that was signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mock_server.tams.auth_diagnostics.header_mistakes import app_steps, read, token_steps
from mock_server.tams.auth_diagnostics.recovery import (
    DigestGoal,
    keyed,
    recover,
    recover_otherwise,
)
from mock_server.tams.auth_diagnostics.scheme import TamsScheme, parts_of
from mock_server.tams.key_pairs import load_public_key
from mock_server.tams.settings import TamsSettings
from mock_server.tams.signature import BearerToken, Reason, SignedHeader, signature_bytes
from mock_server.web.auth_diagnostics.clocks import clock_step
from mock_server.web.auth_diagnostics.diagnoser import TOO_MANY, Diagnoser
from mock_server.web.auth_diagnostics.findings import Diagnosis, Mistake, read_causes
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search import Probe, search
from mock_server.web.auth_diagnostics.search_budget import Exhausted, Paced
from mock_server.web.auth_diagnostics.signatures import Encoded, decodings

CAUSES = read_causes(Path(__file__).with_name("causes.toml"))

# Units of work (see search_budget) of one operation with a public key, and of undoing a padding.
_KEY_UNITS, _PADDING_UNITS = 80_000, 250_000
_UNITS = tuple(
    (factor, "timestamp-milliseconds-sent", f"in {words}")
    for factor, words in ((1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds"))
)
# What the encodings are called here where that differs.
_RENAMED = {"signature-base64-of-hex": "signature-hex", "signature-quoted": "header-quotes"}


class _Opened(NamedTuple):
    """Whose key opens a signature, what it then says, and how it was encoded."""

    owner: KnownAccount
    goal: DigestGoal
    steps: tuple[Mistake, ...]


class TamsDiagnoser(Diagnoser[TamsSettings]):
    """Reads what was signed out of the signature, and looks for the string with that digest."""

    causes = CAUSES

    def run(self) -> Paced[Diagnosis]:
        lenient = self.evidence.settings.header_grammar == "lenient"
        reading = read(self.evidence.header(b"authorization"), lenient=lenient)
        self.rules.extend(reading.steps)
        if reading.header is None:
            return (yield from self.ended(complete=True))
        try:
            if isinstance(reading.header, BearerToken):
                return (yield from self._bearer(reading.header))
            return (yield from self._signed(reading.header))
        except Exhausted:
            return (yield from self.ended(complete=False, doubt=self.not_explained(whole=False)))

    def _bearer(self, header: BearerToken) -> Paced[Diagnosis]:
        if not self.budget.guesses:
            return (yield from self.ended(complete=False, doubt=TOO_MANY))
        steps, owner = yield from token_steps(
            header.token, self.accounts, self.evidence.known_account, self.work
        )
        if self.rules and owner is None:
            steps = ()  # Of a header with another scheme it is not known that it holds a token.
        self.rules.extend(steps)
        if self.evidence.settings.schemes == "one" and owner is not None and owner.public_key:
            self.rules.append(Mistake("bearer-with-rsa-app", f"account {owner.account}"))
        return (yield from self.ended(complete=True))

    def _signed(self, header: SignedHeader) -> Paced[Diagnosis]:
        self._check_clock(header)
        expected = b"\n".join(parts_of(self.evidence, header))
        yield
        if not self.budget.guesses:
            return (yield from self.ended(complete=False, expected=expected, doubt=TOO_MANY))
        wrong, account = yield from self._account(header.app_id)
        if account is not None and not account.public_key:
            self.rules.append(Mistake("key-missing", f"of account {account.account}"))
        encodings = [
            Encoded(tuple(_renamed(step) for step in steps), data)
            for steps, data in decodings(header.signature.encode("latin-1", "replace"))
        ]
        scheme = TamsScheme(self.evidence, header, self.work)
        opened = yield from self._opened(encodings, account)
        if opened is None:
            return (yield from self._unopened(header, account, wrong, encodings, scheme, expected))
        owner, goal, steps = opened
        self._check_owner(owner, account, wrong)
        self.facts += [
            ("signedWithKeyOf", f"account {owner.account}"),
            ("hashAlgorithm", goal.algorithm),
        ]
        if goal.form is not None:
            self.facts.append(("signedDigest", goal.digest.hex()))
        whole = True
        try:
            match = yield from search(scheme, [Probe(steps, (goal,))], self.work)
        except Exhausted:
            match, whole = None, False
        return (
            yield from self.ended(
                complete=match is not None,
                proved=(*steps, *goal.steps),
                match=match,
                expected=expected,
                signed=goal.digest if goal.form is None else None,
                doubt=self.not_explained(whole=whole),
            )
        )

    def _account(self, app_id: str) -> Paced[tuple[Mistake | None, KnownAccount | None]]:
        """Return what is wrong with the app id, and the account that is most likely meant."""
        meant = self.evidence.known_account
        if meant is not None and meant.app_id == app_id:
            return None, meant
        steps, owner = yield from app_steps(app_id, self.accounts, self.work)
        if steps or meant is None or owner is None:
            return (steps[0] if steps else None), meant or owner
        return Mistake("app-id-of-another-account", f"of {owner}, expected that of {meant}"), meant

    def _opened(
        self, encodings: Sequence[Encoded], account: KnownAccount | None
    ) -> Paced[_Opened | None]:
        """Return whose key opens the signature."""
        for steps, data in encodings:
            for owner, key in self._keys(account):
                self.work.add(_KEY_UNITS)
                if self.work.is_over():
                    yield
                if goal := recover(key, data):
                    return _Opened(owner, goal, steps)
        if account is None or not account.public_key:
            return None
        key = load_public_key(account.public_key)
        for steps, data in encodings:
            self.work.add(_PADDING_UNITS)
            yield
            if goal := recover(key, data[::-1]):
                reversed_ = Mistake("signature-reversed", "last byte first")
                return _Opened(account, goal, (*steps, reversed_))
            if goal := recover_otherwise(key, data):
                return _Opened(account, goal, steps)
        return None

    def _keys(self, account: KnownAccount | None) -> Iterator[tuple[KnownAccount, RSAPublicKey]]:
        """Yield the account's key first, then those of others, each once."""
        seen: set[str] = set()
        for candidate in chain([account] if account else [], self.accounts):
            if candidate.public_key and candidate.public_key not in seen:
                if len(seen) > self.budget.keys:
                    return
                seen.add(candidate.public_key)
                yield candidate, load_public_key(candidate.public_key)

    def _check_owner(
        self, owner: KnownAccount, account: KnownAccount | None, wrong: Mistake | None
    ) -> None:
        if wrong is not None and wrong.cause == "app-unknown":
            self.rules.append(Mistake("app-id-wrong", f"the key is that of {owner}"))
        elif wrong is not None:
            self.rules.append(wrong)
        elif account is not None and owner.public_key != account.public_key:
            self.rules.append(Mistake("key-of-another-account", f"it is that of {owner}"))

    def _unopened(
        self,
        header: SignedHeader,
        account: KnownAccount | None,
        wrong: Mistake | None,
        encodings: Sequence[Encoded],
        scheme: TamsScheme,
        expected: bytes,
    ) -> Paced[Diagnosis]:
        """None of the keys opens the signature: it is not RSA, or the key is not registered."""
        if wrong is not None:
            self.rules.append(wrong)
        for steps, data in encodings:
            probes = [
                probe._replace(steps=(*steps, *probe.steps)) for probe in keyed(data, account)
            ]
            if probes and (match := (yield from search(scheme, probes, self.work))):
                return (yield from self.ended(complete=True, match=match, expected=expected))
        if not encodings:
            how = f"{len(header.signature)} characters"
            self.rules.append(Mistake("signature-not-base64", how))
            return (yield from self.ended(complete=True, expected=expected))
        pem = "" if account is None else account.public_key
        right = signature_bytes(load_public_key(pem)) if pem else 0
        steps, data = next((each for each in encodings if len(each.data) == right), encodings[0])
        self.rules.extend(steps)
        if right:
            keys, more = self._counted_keys(account)
            self.facts.append(("keysTried", str(keys)))
            if len(data) != right:
                how = f"{len(data)} bytes, expected {right}"
                self.rules.append(Mistake("signature-length", how))
            else:
                how = f"none of the {'first ' if more else ''}{keys} registered keys tried"
                self.rules.append(Mistake("key-not-registered", how))
        return (yield from self.ended(complete=True, expected=expected))

    def _counted_keys(self, account: KnownAccount | None) -> tuple[int, bool]:
        """Return how many keys were tried, and whether there may be more."""
        keys = sum(1 for _ in islice(self._keys(account), self.budget.keys + 1))
        return keys, keys > self.budget.keys

    def _check_clock(self, header: SignedHeader) -> None:
        if self.evidence.refused is Reason.NONCE_REPLAYED:
            self.rules.append(Mistake("nonce-replayed", "used before"))
        skew_seconds, now = self.evidence.settings.clock_skew, self.evidence.capture.at
        if skew_seconds and now is not None and abs(int(header.timestamp) - now) > skew_seconds:
            self.rules.append(clock_step(int(header.timestamp), now, _UNITS))

    def unchecked(self) -> Iterator[str]:
        settings = self.evidence.settings
        if settings.clock_skew and self.evidence.capture.at is None:
            yield "the timestamp, because the capture has no time"
        if settings.nonce_replay == "refuse":
            yield "whether the nonce was used before"


def _renamed(step: Mistake) -> Mistake:
    return step._replace(cause=_RENAMED.get(step.cause, step.cause))
