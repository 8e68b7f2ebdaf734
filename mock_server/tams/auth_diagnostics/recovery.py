"""What a signature really signs: the digest inside it, which the public key gives back.

One operation with the public key yields the digest that the client signed; after that every guess
at the client's string costs one hash. So a hundred guesses cost less than a few verifications.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import md5, sha1, sha224, sha256, sha384, sha512
from hmac import digest as hmac_digest
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mock_server.web.auth_diagnostics.findings import Step

Digest = Callable[[bytes], bytes]

DIGESTS: dict[str, Digest] = {
    "SHA-256": lambda data: sha256(data).digest(),
    "SHA-1": lambda data: sha1(data, usedforsecurity=False).digest(),
    "SHA-512": lambda data: sha512(data).digest(),
    "SHA-384": lambda data: sha384(data).digest(),
    "SHA-224": lambda data: sha224(data).digest(),
    "MD5": lambda data: md5(data, usedforsecurity=False).digest(),
}
# DigestInfo in front of the digest, RFC 8017, 9.2, note 1.
_DIGEST_INFO = {
    bytes.fromhex("3031300d060960864801650304020105000420"): "SHA-256",
    bytes.fromhex("3021300906052b0e03021a05000414"): "SHA-1",
    bytes.fromhex("3051300d060960864801650304020305000440"): "SHA-512",
    bytes.fromhex("3041300d060960864801650304020205000430"): "SHA-384",
    bytes.fromhex("302d300d06096086480165030402040500041c"): "SHA-224",
    bytes.fromhex("3020300c06082a864886f70d020505000410"): "MD5",
}
_BY_SIZE = {32: "SHA-256", 20: "SHA-1", 64: "SHA-512", 48: "SHA-384", 28: "SHA-224", 16: "MD5"}
_HASH_CAUSES = {"SHA-1": "hash-sha1", "SHA-512": "hash-sha512"}
_PKCS1V15 = PKCS1v15()
_HEXADECIMAL = re.compile(rb"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+")
_BREAKS = re.compile(rb"\\r\\n|\\n|\r\n|\n|%0[Aa]")


class Encoded(NamedTuple):
    """The signature's bytes, and in which wrong ways they were encoded."""

    steps: tuple[Step, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Goal:
    """What a string must hash to for being the one that was signed.

    `steps` are mistakes that the signature itself shows, whatever the string was.
    """

    algorithm: str
    digest: bytes
    steps: tuple[Step, ...] = ()
    kind: str = "digest"
    salt: bytes = b""
    secret: bytes = field(default=b"", repr=False)

    def checker(self) -> Callable[[bytes], bool]:
        """Return what says whether the signature is one of a message."""
        digest = self.digest
        if self.kind == "message":
            return digest.__eq__
        if self.kind == "hmac":
            secret, name = self.secret, _HMACS[len(digest)]
            return lambda message: hmac_digest(secret, message, name) == digest
        hashed = DIGESTS[self.algorithm]
        if self.kind == "pss":
            salt = self.salt
            return lambda message: hashed(bytes(8) + hashed(message) + salt) == digest
        if self.algorithm == "SHA-256":
            return lambda message: sha256(message).digest() == digest
        return lambda message: hashed(message) == digest

    def fits(self, message: bytes) -> bool:
        """Say whether the signature is one of this message."""
        return self.checker()(message)


_HMACS = {32: "sha256", 20: "sha1", 64: "sha512", 48: "sha384", 16: "md5"}


def decodings(text: bytes) -> Iterator[Encoded]:
    """Yield what the signature's text may stand for; the right encoding comes alone."""
    steps: list[Step] = []
    if b"%" in text and (plain := unquote_to_bytes(text)) != text:
        found = _BREAKS.search(plain)
        steps.append(Step("signature-percent-encoded", "with %2B, %2F or %3D"))
        text = plain if not found else _BREAKS.sub(b"\n", plain)
    if (plain := _BREAKS.sub(b"", text)) != text:
        steps.append(Step("signature-line-breaks", "with line breaks in it"))
        text = plain
    if len(text) > 1 and text[:1] == text[-1:] and text[:1] in (b"'", b"`"):
        steps.append(Step("header-quotes", "around the signature"))
        text = text[1:-1]
    if _HEXADECIMAL.fullmatch(text):
        yield Encoded(
            (*steps, Step("signature-hex", "in hexadecimal")), bytes.fromhex(text.decode())
        )
        return
    if b" " in text:
        blanks = text.split(b" ")
        lines = len(blanks) > 2 and len({len(line) for line in blanks[:-1]}) == 1
        cause = "signature-line-breaks" if lines and len(blanks[0]) in (64, 76) else ""
        how = "with its lines joined by blanks" if cause else "with blanks in it"
        step = Step(cause or "signature-blanks", how)
        if (data := _base64(text.replace(b" ", b""))) is not None:
            yield from _twice(Encoded((*steps, step), data))
        plus = Step("signature-plus-as-blank", "with blanks for +")
        if (data := _base64(text.replace(b" ", b"+"))) is not None:
            yield from _twice(Encoded((*steps, plus), data))
        return
    if b"-" in text or b"_" in text:
        steps.append(Step("signature-url-safe", "with - and _"))
        text = text.translate(_FROM_URL_SAFE)
    if len(text) % 4 > 1 and not text.endswith(b"="):
        steps.append(Step("signature-unpadded", "without ="))
        text += b"=" * (-len(text) % 4)
    if (data := _base64(text)) is not None:
        yield from _twice(Encoded(tuple(steps), data))


_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _base64(text: bytes) -> bytes | None:
    try:
        data = binascii.a2b_base64(text)
    except binascii.Error:
        return None
    return data if data and b64encode(data) == text else None


def _twice(encoded: Encoded) -> Iterator[Encoded]:
    inner = _base64(encoded.data.replace(b"\n", b"")) if encoded.data.isascii() else None
    if inner is not None and len(inner) >= 32:
        step = Step("signature-base64-twice", "base64 of base64")
        yield Encoded((*encoded.steps, step), inner)
    elif encoded.data.isascii() and _HEXADECIMAL.fullmatch(encoded.data):
        step = Step("signature-hex", "base64 of hexadecimal")
        yield Encoded((*encoded.steps, step), bytes.fromhex(encoded.data.decode()))
    else:
        yield encoded


def size_bytes(key: RSAPublicKey) -> int:
    """Return how long the key's signatures are."""
    return (key.key_size + 7) // 8


def recover(key: RSAPublicKey, signature: bytes) -> Goal | None:
    """Return what was signed with this key under PKCS #1 v1.5, or None if it was not."""
    if len(signature) != size_bytes(key):
        return None
    try:
        data = key.recover_data_from_signature(signature, _PKCS1V15, None)
    except InvalidSignature:
        return None
    for prefix, algorithm in _DIGEST_INFO.items():
        if data.startswith(prefix) and len(data) == len(prefix) + _size(algorithm):
            return Goal(algorithm, data[len(prefix) :], _hash_steps(algorithm))
    return _bare(data)


def _bare(data: bytes) -> Goal:
    """Return the goal for bytes that do not say what they are."""
    if len(data) in _BY_SIZE:
        algorithm = _BY_SIZE[len(data)]
        step = Step("digest-info-missing", f"as {len(data)} bare bytes")
        return Goal(algorithm, data, (step, *_hash_steps(algorithm)))
    return Goal("none", data, (Step("hash-left-out", "as it is"),), kind="message")


def recover_otherwise(key: RSAPublicKey, signature: bytes) -> Goal | None:
    """Return what was signed with this key under PSS, or without any padding.

    This works in Python, and takes some twenty times as long as `recover`.
    """
    size, numbers = size_bytes(key), key.public_numbers()
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
        return Goal(
            goal.algorithm,
            goal.digest,
            (Step("padding-none", "raw RSA"), *goal.steps),
            goal.kind,
        )
    return None


def _probabilistic(block: bytes, bits: int, algorithm: str, mask: str) -> Goal | None:
    """Undo EMSA-PSS (RFC 8017, 9.1.2) as far as it goes without the message."""
    size = _size(algorithm)
    encoded = block[len(block) - (bits + 6) // 8 :]
    masked, digest = encoded[: -size - 1], encoded[-size - 1 : -1]
    stream = b"".join(
        DIGESTS[mask](digest + count.to_bytes(4, "big"))
        for count in range(len(masked) // _size(mask) + 1)
    )
    data = bytearray(a ^ b for a, b in zip(masked, stream, strict=False))
    data[0] &= 0xFF >> (8 * len(encoded) - (bits - 1))
    zeros, one, salt = bytes(data).partition(b"\x01")
    if not one or any(zeros) or len(zeros) + len(salt) + 1 != len(masked):
        return None
    if len(zeros) < 8 and len(salt) not in (size, len(masked) - 1):
        return None  # with so few zeros it may be chance
    step = Step("padding-pss", f"with {len(salt)} bytes of salt")
    return Goal(algorithm, digest, (step, *_hash_steps(algorithm)), kind="pss", salt=salt)


def keyed(signature: bytes, secrets: Iterable[tuple[str, bytes]]) -> Iterator[Goal]:
    """Yield the goals of a signature that is as long as a digest: an HMAC, or no key at all."""
    algorithm = _BY_SIZE.get(len(signature))
    if algorithm is None:
        return
    yield Goal(algorithm, signature, (Step("digest-only", f"as {algorithm}"),))
    if len(signature) in _HMACS:
        for words, secret in secrets:
            step = Step("hmac", f"HMAC with {algorithm}, key: {words}")
            yield Goal(algorithm, signature, (step,), kind="hmac", secret=secret)


def _size(algorithm: str) -> int:
    return next(size for size, name in _BY_SIZE.items() if name == algorithm)


def _hash_steps(algorithm: str) -> tuple[Step, ...]:
    if algorithm == "SHA-256":
        return ()
    return (Step(_HASH_CAUSES.get(algorithm, "hash-other"), f"as {algorithm}"),)
