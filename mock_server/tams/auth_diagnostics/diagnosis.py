"""Working out why credentials were refused, and proving it.

A cause is named only if a rule is broken that can be pointed at, or if the string that it leads to
has the digest that was signed. What cannot be proved is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mock_server.tams.auth_diagnostics.causes import CAUSES
from mock_server.tams.auth_diagnostics.findings import Evidence
from mock_server.tams.auth_diagnostics.header_mistakes import app_steps, read, token_steps
from mock_server.tams.auth_diagnostics.recovery import (
    Goal,
    decodings,
    keyed,
    recover,
    recover_otherwise,
    size_bytes,
)
from mock_server.tams.auth_diagnostics.searching import Match, Request, search
from mock_server.tams.auth_diagnostics.variants import Parts
from mock_server.tams.key_pairs import load_public_key
from mock_server.tams.signature import BearerToken, SignedHeader
from mock_server.web.auth_diagnostics.clocks import clock_step
from mock_server.web.auth_diagnostics.conclusions import conclude, secrets_of
from mock_server.web.auth_diagnostics.findings import Diagnosis, Step
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search_budget import FULL, QUICK, SearchBudget, Work


def diagnose(evidence: Evidence, budget: SearchBudget = FULL) -> Diagnosis:
    """Return why the credentials are refused, or that they are fine."""
    return _TamsDiagnoser(evidence, budget).run()


class _TamsDiagnoser:
    """One diagnosis while it is worked out."""

    def __init__(self, evidence: Evidence, budget: SearchBudget) -> None:
        self.evidence = evidence
        self.budget = budget
        self.work = Work(budget, len(evidence.body) + len(evidence.target) + 100)
        self.others = tuple(islice(evidence.others, 4096))
        self.rules: list[Step] = []
        self.facts: list[tuple[str, str]] = []
        known_accounts = [
            *self.others,
            *([evidence.known_account] if evidence.known_account else []),
        ]
        self.secrets = secrets_of(known_accounts)

    def run(self) -> Diagnosis:
        evidence = self.evidence
        reading = read(evidence.authorization, lenient=evidence.lenient)
        self.rules.extend(reading.steps)
        if reading.header is None:
            return self._ended(complete=True)
        if isinstance(reading.header, BearerToken):
            return self._bearer(reading.header)
        return self._signed(reading.header)

    # Tokens

    def _bearer(self, header: BearerToken) -> Diagnosis:
        steps, owner = token_steps(header.token, self._parties(), self.evidence.known_account)
        if self.rules and owner is None:
            steps = ()  # Of a header with another scheme it is not known that it holds a token.
        self.rules.extend(steps)
        if self.evidence.one_scheme and owner is not None and owner.public_key:
            self.rules.append(Step("bearer-with-rsa-app", f"account {owner.account}"))
        return self._ended(complete=True)

    # Signatures

    def _signed(self, header: SignedHeader) -> Diagnosis:
        evidence, known_account = self.evidence, self.evidence.known_account
        if known_account is None:
            known_account = next(
                (other for other in self.others if other.app_id == header.app_id), None
            )
        unknown: Step | None = None
        if known_account is None:
            unknown, known_account = app_steps(header.app_id, self.others)
        elif known_account.app_id != header.app_id:
            unknown = _mistaken(header.app_id, known_account, self.others)
        self._clock(header)
        parts = Parts(
            evidence.method.encode("latin-1", "replace"),
            evidence.target,
            header.timestamp.encode("latin-1"),
            header.nonce.encode("latin-1"),
            evidence.body,
        )
        request = Request(
            parts,
            header.app_id.encode("latin-1"),
            evidence.host,
            evidence.scheme,
            tuple(path for path in evidence.paths if path != evidence.target),
        )
        if known_account is not None and not known_account.public_key:
            self.rules.append(Step("key-missing", f"of account {known_account.account}"))
        text = header.signature.encode("latin-1", "replace")
        encodings = list(decodings(text))
        opened = next(self._opened(encodings, known_account), None)
        if opened is None:
            return self._unopened(header, known_account, unknown, encodings, request)
        owner, goal, encoding_steps = opened
        self._whose(owner, known_account, unknown)
        self.facts += [
            ("signedWithKeyOf", f"account {owner.account}"),
            ("hashAlgorithm", goal.algorithm),
        ]
        if goal.kind in ("digest", "pss"):
            self.facts.append(("signedDigest", goal.digest.hex()))
        match = search(goal, request, self.budget, self.work)
        steps = (*encoding_steps, *goal.steps)
        return self._ended(
            complete=match is not None,
            steps=steps,
            match=match,
            expected=parts.joined(),
            message=goal.digest if match is None and goal.kind == "message" else None,
        )

    def _opened(
        self,
        encodings: Sequence[tuple[tuple[Step, ...], bytes]],
        known_account: KnownAccount | None,
    ) -> Iterator[tuple[KnownAccount, Goal, tuple[Step, ...]]]:
        """Yield whose key opens the signature, and what it then says."""
        for steps, data in encodings:
            for owner, key in self._keys(known_account):
                if goal := recover(key, data):
                    yield owner, goal, steps
        if not self.budget.deep or known_account is None or not known_account.public_key:
            return
        key = load_public_key(known_account.public_key)
        for steps, data in encodings:
            if goal := recover(key, data[::-1]):
                yield known_account, goal, (*steps, Step("signature-reversed", "last byte first"))
            if goal := recover_otherwise(key, data):
                yield known_account, goal, steps

    def _keys(
        self, known_account: KnownAccount | None
    ) -> Iterator[tuple[KnownAccount, RSAPublicKey]]:
        """Yield the account's key first, then those of others, each once."""
        seen: set[str] = set()
        for candidate in self._parties(known_account):
            if candidate.public_key and candidate.public_key not in seen:
                if len(seen) > self.budget.keys:
                    return
                seen.add(candidate.public_key)
                yield candidate, load_public_key(candidate.public_key)

    def _parties(self, known_account: KnownAccount | None = None) -> Iterator[KnownAccount]:
        for candidate in (known_account, self.evidence.known_account):
            if candidate is not None:
                yield candidate
        yield from self.others

    def _whose(
        self, owner: KnownAccount, known_account: KnownAccount | None, unknown: Step | None
    ) -> None:
        if unknown is not None and unknown.cause == "app-unknown":
            self.rules.append(Step("app-id-wrong", f"the key is that of {owner}"))
        elif unknown is not None:
            self.rules.append(unknown)
        elif known_account is not None and owner.public_key != known_account.public_key:
            self.rules.append(Step("key-of-another-account", f"it is that of {owner}"))

    def _unopened(
        self,
        header: SignedHeader,
        known_account: KnownAccount | None,
        unknown: Step | None,
        encodings: Sequence[tuple[tuple[Step, ...], bytes]],
        request: Request,
    ) -> Diagnosis:
        """No key opens the signature: it is no RSA signature, or one of a key nobody has."""
        expected = request.parts.joined()
        for steps, data in encodings:
            for goal in keyed(data, _secrets(known_account)):
                if match := self._keyed(goal, request):
                    if unknown is not None:
                        self.rules.append(unknown)
                    return self._ended(
                        complete=True, steps=(*steps, *goal.steps), match=match, expected=expected
                    )
        if unknown is not None:
            self.rules.append(unknown)
        if not encodings:
            how = f"{len(header.signature)} characters"
            self.rules.append(Step("signature-not-base64", how))
            return self._ended(complete=True, expected=expected)
        steps, data = encodings[0]
        self.rules.extend(steps)
        if known_account is not None and known_account.public_key:
            size = size_bytes(load_public_key(known_account.public_key))
            tried = sum(1 for _ in self._keys(known_account))
            self.facts.append(("keysTried", str(tried)))
            if len(data) != size:
                how = f"{len(data)} bytes, expected {size}"
                self.rules.append(Step("signature-length", how))
            else:
                how = f"{tried} known {'key was' if tried == 1 else 'keys were'} tried"
                self.rules.append(Step("key-not-registered", how))
        return self._ended(complete=True, expected=expected)

    def _keyed(self, goal: Goal, request: Request) -> Match | None:
        """Look for what was signed with a secret: the string itself, and little more."""
        if self.budget.deep and goal.kind == "hmac":
            return search(goal, request, QUICK, self.work)
        expected = request.parts.joined()
        self.work.hashes += 1
        return Match((), expected) if goal.fits(expected) else None

    def _clock(self, header: SignedHeader) -> None:
        evidence = self.evidence
        if evidence.replayed:
            self.rules.append(Step("nonce-replayed", "used before"))
        if evidence.skew_seconds is None:
            return
        stamp = int(header.timestamp)
        ahead = stamp - evidence.wall
        if abs(ahead) <= evidence.skew_seconds:
            return
        self.rules.append(_clock_step(stamp, ahead, evidence.wall))

    # The end

    def _ended(
        self,
        *,
        complete: bool,
        steps: tuple[Step, ...] = (),
        match: Match | None = None,
        expected: bytes | None = None,
        message: bytes | None = None,
    ) -> Diagnosis:
        matched, also = (match.steps, match.also) if match is not None else ((), ())
        signed = match.message if match is not None else message
        if expected is not None:
            self.facts.append(("serverDigest", sha256(expected).hexdigest()))
        return conclude(
            CAUSES,
            self.secrets,
            complete=complete,
            rules=self.rules,
            proved=(*steps, *matched),
            also=[other[0] for other in also],
            expected=expected,
            signed=signed,
            facts=self.facts,
            hashes=self.work.hashes,
        )


def _secrets(known_account: KnownAccount | None) -> Iterator[tuple[str, bytes]]:
    """Yield what a client may have taken for the key of an HMAC."""
    if known_account is None:
        return
    for words, value in known_account.credentials():
        if value:
            yield words, value.encode()
    if known_account.public_key:
        pem = known_account.public_key
        yield "the public key's PEM", pem.encode()
        yield "the public key's PEM without its last line break", pem.rstrip().encode()


def _mistaken(app_id: str, meant: KnownAccount, others: Sequence[KnownAccount]) -> Step:
    """Return what is wrong with an app id that is not the one of the account that is meant."""
    owner = next((other for other in others if other.app_id == app_id), None)
    if owner is None:
        return app_steps(app_id, (meant, *others))[0]
    return Step("app-id-of-another-account", f"of {owner}, expected that of {meant}")


def _clock_step(stamp: int, ahead: float, wall: float) -> Step:
    for unit, words in ((1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds")):
        if abs(stamp / unit - wall) < 366 * 86_400:
            return Step("timestamp-milliseconds-sent", f"in {words}")
    return clock_step(ahead)
