"""With what clients make the HMAC: other secrets, other algorithms, other ways of encoding it."""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from hashlib import new
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from mock_server.web.auth_diagnostics.findings import Step
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.workshop.signature import ALGORITHMS

_BY_LENGTH = {16: "md5", 20: "sha1", 28: "sha224", 32: "sha256", 48: "sha384", 64: "sha512"}
_NAMES = {
    "md5": "HmacMD5", "sha1": "HmacSHA1", "sha224": "HmacSHA224", "sha256": "HmacSHA256",
    "sha384": "HmacSHA384", "sha512": "HmacSHA512",
}  # fmt: skip
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_HEXADECIMAL = re.compile(rb"(?:[0-9a-fA-F]{2})+")


class Goal(Struct, frozen=True):
    """The digest that was sent, what it was made with, and the mistakes that are plain from it."""

    steps: tuple[Step, ...]
    digest: bytes
    algorithm: str


class Secret(NamedTuple):
    """Something that may have been used as the key, and the mistakes in it."""

    steps: tuple[Step, ...]
    value: bytes
    owner: KnownAccount


def goals(signature: bytes, named: bytes) -> list[Goal]:
    """Return what the signature may stand for; `named` is `x-ca-signature-method`."""
    expected = ALGORITHMS.get(named or b"HmacSHA256")
    found: dict[bytes, Goal] = {}
    for decoding, digest in _decodings(signature):
        algorithm = _BY_LENGTH.get(len(digest))
        if algorithm is None or digest in found:
            continue
        steps = decoding
        if expected is not None and algorithm != expected:
            how = f"{_NAMES[algorithm]}, expected {_NAMES[expected]}"
            steps = (*decoding, Step("algorithm-other", how))
        found[digest] = Goal(steps, digest, algorithm)
    return list(found.values())


def is_base64(signature: bytes) -> bool:
    """Say whether the signature is standard base64 of some bytes in its one canonical form."""
    return bool(signature) and b64encode(_plain(signature)) == signature


def _plain(text: bytes) -> bytes:
    """Return what padded standard base64 stands for; nothing where it is none."""
    if len(text) % 4 or not _BASE64.fullmatch(text):
        return b""
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        return b""


def _decodings(signature: bytes) -> Iterator[tuple[tuple[Step, ...], bytes]]:
    """Yield the bytes of a signature, however it is encoded."""
    yield (), _plain(signature)
    fixed: list[tuple[Step, bytes]] = [
        (Step("signature-plus-as-blank", "+ came as a blank"), signature.replace(b" ", b"+")),
        (Step("signature-blanks", "inside"), b"".join(signature.split())),
        (Step("signature-percent-encoded", "%2B, %2F or %3D"), unquote_to_bytes(signature)),
        (Step("signature-quoted", "in quotes"), signature.strip(b"\"'")),
        (Step("signature-unpadded", "without ="), _padded(signature)),
        (
            Step("signature-url-safe", "- and _"),
            _padded(signature.replace(b"-", b"+").replace(b"_", b"/")),
        ),
    ]
    for step, text in fixed:
        if text != signature:
            # Without padding and with other letters both are true, and one is said.
            yield (step,), _plain(text)
    if _HEXADECIMAL.fullmatch(signature):
        case = "in capitals" if signature.isupper() else "in lower case"
        yield (Step("signature-hex", case),), bytes.fromhex(signature.decode())
    inner = _plain(signature)
    if _HEXADECIMAL.fullmatch(inner):
        yield (
            (Step("signature-base64-of-hex", "base64 of hexadecimal"),),
            bytes.fromhex(inner.decode()),
        )
    if inner and is_base64(inner):
        yield (Step("signature-base64-twice", "base64 of base64"),), _plain(inner)


def _padded(text: bytes) -> bytes:
    return text.rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4)


def own_secrets(known_account: KnownAccount) -> Iterator[Secret]:
    """Yield the account's secret, and what else clients take for it."""
    secret = known_account.secret.encode()
    yield Secret((), secret, known_account)
    for cause, how, value in (
        ("secret-decorated", "with a line feed behind it", secret + b"\n"),
        ("secret-decorated", "with CRLF behind it", secret + b"\r\n"),
        ("secret-decorated", "with a blank behind it", secret + b" "),
        ("secret-decorated", "with a blank before it", b" " + secret),
        ("secret-decorated", "without blanks around it", secret.strip()),
        ("secret-decorated", "in double quotes", b'"' + secret + b'"'),
        ("secret-decorated", "in single quotes", b"'" + secret + b"'"),
        ("secret-ampersand", "secret&", secret + b"&"),
        ("secret-encoded", "decoded as base64", _decoded(secret)),
        ("secret-encoded", "decoded as hexadecimal", _unhexed(secret)),
        ("secret-encoded", "encoded as base64", b64encode(secret)),
        ("secret-encoded", "in hexadecimal", secret.hex().encode()),
        ("secret-case", "in lower case", secret.lower()),
        ("secret-case", "in upper case", secret.upper()),
        ("secret-empty", "no bytes", b""),
        ("key-as-secret", "the AppKey", known_account.key.encode()),
    ):
        if value is not None and value != secret:
            yield Secret((Step(cause, how),), value, known_account)
    for words, other in known_account.credentials():
        if other and other not in (known_account.secret, known_account.key):
            step = Step("secret-is-other-credential", f"it is {words}")
            yield Secret((step,), other.encode(), known_account)


def foreign_secret(other: KnownAccount) -> Secret:
    """Return the secret of another account."""
    step = Step("secret-of-another-app", f"it is that of account {other.account}")
    return Secret((step,), other.secret.encode(), other)


def _decoded(secret: bytes) -> bytes | None:
    try:
        return b64decode(secret, validate=True) or None
    except binascii.Error:
        return None


def _unhexed(secret: bytes) -> bytes | None:
    return bytes.fromhex(secret.decode()) if _HEXADECIMAL.fullmatch(secret) else None


_Make = Callable[[bytes, bytes, str], bytes]  # of secret, string and algorithm

# What is made of secret and string other than their HMAC.
TWISTS: tuple[tuple[Step, _Make], ...] = (
    (Step("plain-digest", "of the string alone"), lambda key, text, name: _hash(text, name)),
    (Step("plain-digest", "of secret and string"), lambda key, text, name: _hash(key + text, name)),
    (Step("plain-digest", "of string and secret"), lambda key, text, name: _hash(text + key, name)),
    (
        Step("plain-digest", "of the string between two secrets"),
        lambda key, text, name: _hash(key + text + key, name),
    ),
    (
        Step("arguments-swapped", "the string is the key"),
        lambda key, text, name: hmac.digest(text, key, name),
    ),
    (
        Step("signed-twice", "the bytes"),
        lambda key, text, name: hmac.digest(key, hmac.digest(key, text, name), name),
    ),
    (
        Step("signed-twice", "the base64"),
        lambda key, text, name: hmac.digest(key, b64encode(hmac.digest(key, text, name)), name),
    ),
    (
        Step("hashed-first", "the bytes of its digest"),
        lambda key, text, name: hmac.digest(key, _hash(text, name), name),
    ),
    (
        Step("hashed-first", "its digest in hexadecimal"),
        lambda key, text, name: hmac.digest(key, _hash(text, name).hex().encode(), name),
    ),
    (
        Step("hashed-first", "its base64"),
        lambda key, text, name: hmac.digest(key, b64encode(text), name),
    ),
)


def _hash(text: bytes, name: str) -> bytes:
    return new(name, text, usedforsecurity=False).digest()
