"""With what clients make the HMAC: other secrets, other algorithms, other ways of encoding it."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import new
from typing import NamedTuple

from mock_server.web.auth_diagnostics.findings import Mistake
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search import Probe
from mock_server.web.auth_diagnostics.signatures import KeyedGoal, decodings, secret_variants
from mock_server.workshop.signature import ALGORITHMS

_BY_LENGTH = {16: "md5", 20: "sha1", 28: "sha224", 32: "sha256", 48: "sha384", 64: "sha512"}
_LIKELY_OTHERS = 4  # other accounts whose secrets are also tried with a mistake in the string


class SentDigest(NamedTuple):
    """The digest that was sent, what it was made with, and the mistakes that are plain from it."""

    steps: tuple[Mistake, ...]
    digest: bytes
    algorithm: str


def sent_digests(signature: bytes, named: bytes) -> list[SentDigest]:
    """Return what the signature may stand for; `named` is `x-ca-signature-method`."""
    expected = ALGORITHMS.get(named or b"HmacSHA256")
    found: dict[bytes, SentDigest] = {}
    for decoding, digest in decodings(signature):
        algorithm = _BY_LENGTH.get(len(digest))
        if algorithm is None or digest in found:
            continue
        steps = decoding
        if expected is not None and algorithm != expected:
            how = f"Hmac{algorithm.upper()}, expected Hmac{expected.upper()}"
            steps = (*decoding, Mistake("algorithm-other", how))
        found[digest] = SentDigest(steps, digest, algorithm)
    return list(found.values())


def probes(
    digests: Sequence[SentDigest],
    account: KnownAccount | None,
    others: Iterable[KnownAccount],
    *,
    swapped: bool,
) -> list[Probe]:
    """Return what may have been the key of the HMAC: the account's own first, then others'."""
    own = [] if account is None else list(_own_secrets(account, swapped=swapped))
    found = [_probe(digests, account, steps, secret) for steps, secret in own]
    for number, other in enumerate(others):
        step = Mistake("secret-of-another-app", f"it is that of account {other.account}")
        probe = _probe(digests, other, (step,), other.secret.encode())
        found.append(probe._replace(likely=number < _LIKELY_OTHERS))
    if own:
        found += _twisted(digests, account, own[0][1])
    return found


def _probe(
    digests: Sequence[SentDigest],
    owner: KnownAccount | None,
    steps: tuple[Mistake, ...],
    secret: bytes,
) -> Probe:
    goals = [KeyedGoal(secret, each.digest, each.algorithm, each.steps) for each in digests]
    return Probe(steps, goals, owner)


def _own_secrets(
    account: KnownAccount, *, swapped: bool
) -> Iterator[tuple[tuple[Mistake, ...], bytes]]:
    """Yield the account's secret, and what else clients take for it."""
    secret = account.secret.encode()
    if swapped:
        yield (), account.key.encode()
    yield (), secret
    for step, value in secret_variants(secret):
        yield (step,), value
    yield (Mistake("key-as-secret", "the AppKey"),), account.key.encode()
    for words, other in account.credentials():
        if other and other not in (account.secret, account.key):
            step = Mistake("secret-is-other-credential", f"it is {words}")
            yield (step,), other.encode()
    for how, text in (
        ("AppKey and secret", account.key + account.secret),
        ("AppKey:secret", f"{account.key}:{account.secret}"),
        ("secret and AppKey", account.secret + account.key),
    ):
        yield (Mistake("secret-decorated", f"as {how}"),), text.encode()


_Make = Callable[[bytes, bytes, str], bytes]  # of secret, string and algorithm

# What is made of secret and string other than their HMAC.
_TWISTS: tuple[tuple[str, str, _Make], ...] = (
    ("plain-digest", "of the string alone", lambda key, text, name: _hash(text, name)),
    ("plain-digest", "of secret and string", lambda key, text, name: _hash(key + text, name)),
    ("plain-digest", "of string and secret", lambda key, text, name: _hash(text + key, name)),
    ("plain-digest", "of the string between two secrets",
     lambda key, text, name: _hash(key + text + key, name)),
    ("arguments-swapped", "the string is the key",
     lambda key, text, name: hmac.digest(text, key, name)),
    ("signed-twice", "the bytes",
     lambda key, text, name: hmac.digest(key, hmac.digest(key, text, name), name)),
    ("signed-twice", "the base64",
     lambda key, text, name: hmac.digest(key, b64encode(hmac.digest(key, text, name)), name)),
    ("signed-twice", "the hexadecimal digits",
     lambda key, text, name: hmac.digest(key, hmac.digest(key, text, name).hex().encode(), name)),
    ("hashed-first", "the bytes of its digest",
     lambda key, text, name: hmac.digest(key, _hash(text, name), name)),
    ("hashed-first", "its digest in hexadecimal",
     lambda key, text, name: hmac.digest(key, _hash(text, name).hex().encode(), name)),
    ("hashed-first", "its digest in base64",
     lambda key, text, name: hmac.digest(key, b64encode(_hash(text, name)), name)),
    ("hashed-first", "its MD5 in hexadecimal",
     lambda key, text, name: hmac.digest(key, _hash(text, "md5").hex().encode(), name)),
    ("hashed-first", "its base64", lambda key, text, name: hmac.digest(key, b64encode(text), name)),
)  # fmt: skip


def _twisted(
    digests: Sequence[SentDigest], account: KnownAccount | None, secret: bytes
) -> Iterator[Probe]:
    for cause, how, make in _TWISTS:
        goals = [
            KeyedGoal(
                secret,
                each.digest,
                each.algorithm,
                tuple(step for step in each.steps if step.cause != "algorithm-other"),
                make,
            )
            for each in digests
        ]
        yield Probe((Mistake(cause, how),), goals, account, likely=False)


def _hash(text: bytes, name: str) -> bytes:
    return new(name, text, usedforsecurity=False).digest()
