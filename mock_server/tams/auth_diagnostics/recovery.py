"""What a signature really signs: the digest inside it, which the public key gives back.

One operation with the public key yields the digest that the client signed; after that every guess
at the client's string costs one hash. So a hundred guesses cost less than a few verifications.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import new
from hmac import compare_digest
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mock_server.tams.signature import SHA256_INFO, signature_bytes
from mock_server.web.auth_diagnostics.findings import Mistake
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search import Probe
from mock_server.web.auth_diagnostics.signatures import KeyedGoal, secret_variants

# DigestInfo in front of the digest, RFC 8017, 9.2, note 1.
_DIGEST_INFO = {
    SHA256_INFO: "SHA-256",
    bytes.fromhex("3021300906052b0e03021a05000414"): "SHA-1",
    bytes.fromhex("3051300d060960864801650304020305000440"): "SHA-512",
    bytes.fromhex("3041300d060960864801650304020205000430"): "SHA-384",
    bytes.fromhex("302d300d06096086480165030402040500041c"): "SHA-224",
    bytes.fromhex("3020300c06082a864886f70d020505000410"): "MD5",
}
_BY_SIZE = {32: "SHA-256", 20: "SHA-1", 64: "SHA-512", 48: "SHA-384", 28: "SHA-224", 16: "MD5"}
_HASH_CAUSES = {"SHA-1": "hash-sha1", "SHA-512": "hash-sha512"}
_PKCS1V15 = PKCS1v15()


@dataclass(frozen=True, slots=True)
class DigestGoal:
    """What a string must hash to for being the one that was signed.

    `steps` are mistakes that the signature itself shows, whatever the string was. `form` is how the
    digest is written; None is the string itself, unhashed. `salt` is that of PSS.
    """

    algorithm: str
    digest: bytes
    steps: tuple[Mistake, ...] = ()
    form: Callable[[bytes], bytes] | None = bytes
    salt: bytes | None = None

    def fits(self, message: bytes) -> bool:
        """Say whether the signature is one of this string."""
        if self.form is None:
            return compare_digest(message, self.digest)
        return self.is_met(_hash(self.algorithm, message).digest())

    def hasher(self) -> Any:
        """Return what takes a long string in pieces, or None where it must be whole."""
        if self.form is None:
            return None
        return _hash(self.algorithm)

    def is_met(self, digest: bytes) -> bool:
        """Say whether this digest of the string is the one that was signed."""
        if self.salt is not None:
            digest = _hash(self.algorithm, bytes(8) + digest + self.salt).digest()
        return compare_digest(digest if self.form is None else self.form(digest), self.digest)


def recover(key: RSAPublicKey, signature: bytes) -> DigestGoal | None:
    """Return what was signed with this key under PKCS #1 v1.5, or None if it was not."""
    if len(signature) != signature_bytes(key):
        return None
    try:
        data = key.recover_data_from_signature(signature, _PKCS1V15, None)
    except InvalidSignature:
        return None
    for prefix, algorithm in _DIGEST_INFO.items():
        if data.startswith(prefix) and len(data) == len(prefix) + _hash(algorithm).digest_size:
            return DigestGoal(algorithm, data[len(prefix) :], _hash_steps(algorithm))
    return _bare(data)


def _bare(data: bytes) -> DigestGoal:
    """Return the goal for bytes that do not say what they are, the most specific first."""
    for how, form, words in _FORMS:
        for size, algorithm in _BY_SIZE.items():
            if words.fullmatch(data) and len(form(bytes(size))) == len(data):
                step = Mistake("digest-info-missing", f"as {algorithm} {how}")
                return DigestGoal(algorithm, data, (step, *_hash_steps(algorithm)), form)
    return DigestGoal("none", data, (Mistake("hash-left-out", "as it is"),), form=None)


# How a digest is written, and what that looks like.
_FORMS: tuple[tuple[str, Callable[[bytes], bytes], re.Pattern[bytes]], ...] = (
    ("in hexadecimal", lambda digest: digest.hex().encode(), re.compile(b"[0-9a-f]+")),
    ("in capital hexadecimal", lambda digest: digest.hex().upper().encode(),
     re.compile(b"[0-9A-F]+")),
    ("in base64", b64encode, re.compile(b"[0-9A-Za-z+/]+=*")),
    ("in bare bytes", bytes, re.compile(b".*", re.DOTALL)),
)  # fmt: skip


def recover_otherwise(key: RSAPublicKey, signature: bytes) -> DigestGoal | None:
    """Return what was signed with this key under PSS, or without any padding.

    This works in Python, and takes some twenty times as long as `recover`.
    """
    size, numbers = signature_bytes(key), key.public_numbers()
    if len(signature) != size:
        return None
    block = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(size, "big")
    if block[-1] == 0xBC:
        for algorithm in ("SHA-256", "SHA-1", "SHA-512", "SHA-384"):
            for mask in dict.fromkeys((algorithm, "SHA-1")):
                if goal := _probabilistic(block, key.key_size, algorithm, mask):
                    return goal
    stripped = block.lstrip(b"\0")
    if 16 <= len(stripped) <= size - 32:
        # By chance this happens once in 2 to the 256; shorter are the powers of zero and one.
        goal = _bare(stripped)
        return replace(goal, steps=(Mistake("padding-none", "raw RSA"), *goal.steps))
    return None


def _probabilistic(block: bytes, bits: int, algorithm: str, mask: str) -> DigestGoal | None:
    """Undo EMSA-PSS (RFC 8017, 9.1.2) as far as it goes without the message."""
    size = _hash(algorithm).digest_size
    encoded = block[len(block) - (bits + 6) // 8 :]
    masked, digest = encoded[: -size - 1], encoded[-size - 1 : -1]
    stream = b"".join(
        _hash(mask, digest + count.to_bytes(4, "big")).digest()
        for count in range(len(masked) // _hash(mask).digest_size + 1)
    )
    data = bytearray(a ^ b for a, b in zip(masked, stream, strict=False))
    data[0] &= 0xFF >> (8 * len(encoded) - (bits - 1))
    zeros, one, salt = bytes(data).partition(b"\x01")
    if not one or any(zeros) or len(zeros) + len(salt) + 1 != len(masked):
        return None
    if len(zeros) < 8 and len(salt) not in (size, len(masked) - 1):
        return None  # with so few zeros it may be chance
    step = Mistake("padding-pss", f"with {len(salt)} bytes of salt")
    return DigestGoal(algorithm, digest, (step, *_hash_steps(algorithm)), salt=salt)


def keyed(signature: bytes, account: KnownAccount | None) -> Iterator[Probe]:
    """Yield the probes for a signature that is as long as a digest: an HMAC, or no key at all."""
    algorithm = _BY_SIZE.get(len(signature))
    if algorithm is None:
        return
    name = algorithm.replace("-", "").lower()
    for words, secret in _secrets(account):
        how = f"HMAC with {algorithm}, key: {words}"
        yield Probe((Mistake("hmac", how),), (KeyedGoal(secret, signature, name),))
    yield Probe((Mistake("digest-only", f"as {algorithm}"),), (DigestGoal(algorithm, signature),))


def _secrets(account: KnownAccount | None) -> Iterator[tuple[str, bytes]]:
    """Yield what a client may have taken for the key of an HMAC."""
    if account is None:
        return
    for words, value in reversed(account.credentials()):
        if value:
            yield words, value.encode()
    if account.secret:
        for step, secret in secret_variants(account.secret.encode()):
            yield f"the app secret {step.how}", secret
    if account.public_key:
        yield "the public key's PEM", account.public_key.encode()
        yield (
            "the public key's PEM without its last line break",
            account.public_key.rstrip().encode(),
        )


def _hash(algorithm: str, data: bytes = b"") -> Any:
    return new(algorithm.replace("-", ""), data, usedforsecurity=False)


def _hash_steps(algorithm: str) -> tuple[Mistake, ...]:
    if algorithm == "SHA-256":
        return ()
    return (Mistake(_HASH_CAUSES.get(algorithm, "hash-other"), f"as {algorithm}"),)
