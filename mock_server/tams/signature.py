"""Checking TAMS request signatures, with every outcome as data.

The scheme is TAMS › Signature: `Authorization: TAMS-SHA256-RSA app_id=…,nonce_str=…,timestamp=…,
signature=…`, made over the bytes as they came. Which account a header belongs to, which key that
account has and what a refusal looks like on the wire are not known here.
"""

from __future__ import annotations

import binascii
import re
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import Struct

from mock_server.tams.key_pairs import load_private_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

MAX_HEADER_BYTES = 8192

# What stands before the digest in a signature: DigestInfo of RFC 8017, 9.2, note 1.
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class Scheme(StrEnum):
    """The two kinds of credentials: TAMS › Signature ("standard") and TAMS › Token ("simple")."""

    RSA = "TAMS-SHA256-RSA"
    BEARER = "Bearer"


class Reason(StrEnum):
    """Why a request is refused; the value is the id that journals and refusals show."""

    HEADER_MISSING = "header-missing"
    SCHEME_UNKNOWN = "scheme-unknown"
    SCHEME_NOT_ALLOWED = "scheme-not-allowed"
    GRAMMAR = "grammar"
    PAIR_MISSING = "pair-missing"
    PAIR_REPEATED = "pair-repeated"
    TIMESTAMP_NOT_A_NUMBER = "timestamp-not-a-number"
    CLOCK_SKEW = "clock-skew"
    NONCE_REPLAYED = "nonce-replayed"
    SIGNATURE_NOT_BASE64 = "signature-not-base64"
    SIGNATURE_LENGTH = "signature-length"
    APP_UNKNOWN = "app-unknown"
    KEY_MISSING = "key-missing"
    TOKEN_UNKNOWN = "token-unknown"  # noqa: S105 - an id, no secret
    MISMATCH = "mismatch"


class SignedHeader(Struct, frozen=True):
    """The four pairs of a signature header, each as it was sent, without quotes."""

    app_id: str
    nonce: str
    timestamp: str
    signature: str


class BearerToken(Struct, frozen=True):
    """The token of a `Bearer` header; it is a secret and stays out of `repr`."""

    token: str

    def __repr__(self) -> str:
        return "BearerToken()"


class SignatureRefusal(Struct, frozen=True):
    """Why a request is refused, in a sentence that never holds a token."""

    reason: Reason
    detail: str


_PAIRS = ("app_id", "nonce_str", "timestamp", "signature")
_EXACT_FORM = "TAMS-SHA256-RSA app_id=APP,nonce_str=NONCE,timestamp=SECONDS,signature=BASE64"
_EXACT = re.compile(
    r"TAMS-SHA256-RSA app_id=([!#-+\--~]+),nonce_str=([!#-+\--~]+),"
    r"timestamp=([0-9]{1,20}),signature=([!#-+\--~]+)"
)
_HEXADECIMAL = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_WHOLE_SECONDS = re.compile(r"[0-9]{1,20}")


def parse_authorization(
    value: bytes | None, *, lenient: bool = True
) -> SignedHeader | BearerToken | SignatureRefusal:
    """Read an `Authorization` header; whatever the bytes are, nothing is raised.

    Strict is the form of TAMS › Signature, letter by letter. Lenient also takes the pairs in any
    order and among others, blanks after commas, quoted values and the scheme in any case. Whether
    the signature is base64 is left to `check_signature`.
    """
    # The blanks around a field value are not part of it (RFC 9110, 5.5), but httptools leaves
    # those at its end in place.
    value = value.strip(b" \t") if value else None
    if not value:
        return SignatureRefusal(
            Reason.HEADER_MISSING, "there is no Authorization header, or it is empty"
        )
    if len(value) > MAX_HEADER_BYTES:
        return SignatureRefusal(
            Reason.GRAMMAR,
            f"the Authorization header has {len(value)} bytes, over {MAX_HEADER_BYTES}",
        )
    text = value.decode("latin-1")
    if exact := _EXACT.fullmatch(text):
        return SignedHeader(*exact.groups())
    if stray := re.search(r"[^ -~]", text):
        return SignatureRefusal(
            Reason.GRAMMAR,
            f"the Authorization header has the byte 0x{ord(stray[0]):02x} at position "
            f"{stray.start()}, expected visible ASCII and blanks",
        )
    scheme, blank, rest = text.partition(" ")
    if scheme == Scheme.BEARER or (lenient and scheme.lower() == Scheme.BEARER.lower()):
        if token := rest.strip(" "):
            return BearerToken(token)
        return SignatureRefusal(
            Reason.GRAMMAR, "the Bearer header has no token, expected one after a blank"
        )
    if scheme != Scheme.RSA and not (lenient and scheme.lower() == Scheme.RSA.lower()):
        # A lone word may be a token whose scheme was forgotten, so it is not repeated here.
        word = _show_name(scheme) if blank else f"missing before a word of {len(text)} characters"
        return SignatureRefusal(
            Reason.SCHEME_UNKNOWN,
            f"the Authorization scheme is {word}, expected {Scheme.RSA} or {Scheme.BEARER}",
        )
    header = _read_pairs(rest)
    if lenient or isinstance(header, SignatureRefusal):
        return header
    return SignatureRefusal(
        Reason.GRAMMAR,
        f"the Authorization header is not exactly {_EXACT_FORM}: these four pairs in this order, "
        "commas between them, no blanks, no quotes",
    )


def _read_pairs(rest: str) -> SignedHeader | SignatureRefusal:
    """Read comma-separated pairs leniently.

    Blanks count as decoration before a name and nowhere else, and an empty pair is refused, so
    that no change of a single byte inside a value goes unseen.
    """
    pairs: dict[str, str] = {}
    for number, pair in enumerate(rest.split(","), start=1):
        name, equals, value = pair.lstrip(" ").partition("=")
        if not (name and equals):
            return SignatureRefusal(
                Reason.GRAMMAR,
                f"comma-separated part {number} of the Authorization header lacks a name or an "
                "equals sign, expected name=value",
            )
        if name in pairs:
            return SignatureRefusal(
                Reason.PAIR_REPEATED, f"{_show_name(name)} comes twice in the Authorization header"
            )
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if '"' in value:
            return SignatureRefusal(
                Reason.GRAMMAR,
                f"the value of {_show_name(name)} in the Authorization header has a stray quote",
            )
        pairs[name] = value
    missing = [name for name in _PAIRS if not pairs.get(name)]
    if missing:
        return SignatureRefusal(
            Reason.PAIR_MISSING,
            f"the Authorization header lacks {', '.join(missing)}, or has it empty; it has "
            f"{', '.join(map(_show_name, pairs))}, expected {_EXACT_FORM}",
        )
    app_id, nonce, timestamp, signature = (pairs[name] for name in _PAIRS)
    if not _WHOLE_SECONDS.fullmatch(timestamp):
        return SignatureRefusal(
            Reason.TIMESTAMP_NOT_A_NUMBER,
            f"the timestamp is {_show(timestamp)}, expected whole seconds since 1970 in digits",
        )
    return SignedHeader(app_id, nonce, timestamp, signature)


def check_timestamp(
    header: SignedHeader, wall: float, skew_seconds: float | None
) -> SignatureRefusal | None:
    """Refuse a timestamp further than `skew_seconds` from `wall`, either way; None allows all.

    Whether the real service looks at it, and how closely, is not known.
    """
    if skew_seconds is None:
        return None
    ahead = int(header.timestamp) - wall
    if abs(ahead) <= skew_seconds:
        return None
    return SignatureRefusal(
        Reason.CLOCK_SKEW,
        f"the timestamp {header.timestamp} is {abs(ahead):.0f} s "
        f"{'ahead of' if ahead > 0 else 'behind'} the server's {wall:.0f}, expected at most "
        f"{skew_seconds:g} s (both are Unix time in seconds)",
    )


def check_signature(
    header: SignedHeader, key: RSAPublicKey, method: str, target: bytes, body: bytes
) -> SignatureRefusal | None:
    """Verify a request with the account's key; `target` and `body` are the bytes as they came."""
    signature = _decoded(header.signature)
    message = string_to_sign(method, target, header.timestamp, header.nonce, body)
    if verify(key, signature, message):
        return None
    problem = _encoding_problem(header.signature, signature)
    if problem:
        return SignatureRefusal(
            Reason.SIGNATURE_NOT_BASE64,
            f"the signature of {len(header.signature)} characters has {problem}, expected standard "
            "base64 (A-Z a-z 0-9 + /) padded with =",
        )
    size_bytes = signature_bytes(key)
    if len(signature) != size_bytes:
        return SignatureRefusal(
            Reason.SIGNATURE_LENGTH,
            f"the signature has {len(signature)} bytes, expected {size_bytes} from the key of "
            f"app {_show(header.app_id)}",
        )
    return SignatureRefusal(
        Reason.MISMATCH,
        f"signature verification failed: with the key of app {_show(header.app_id)} it does not "
        f"fit {_show(method)}, {_show(target.decode('ascii', 'backslashreplace'))}, "
        f"{header.timestamp}, {_show(header.nonce)} and the {len(body)} bytes of body",
    )


def _decoded(text: str) -> bytes:
    """Decode standard base64 with padding, in its one canonical form; anything else is empty."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return b""
    # The decoder ignores spare bits of the last character; encoding the end again tells.
    end = binascii.b2a_base64(data[len(data) // 3 * 3 :], newline=False)
    return data if text.endswith(end.decode()) else b""


def _encoding_problem(text: str, signature: bytes) -> str:
    """Return why the text of a signature is not standard base64, or nothing if it is.

    Hexadecimal is base64 by its letters, but no signature happens to have only those.
    """
    if _HEXADECIMAL.fullmatch(text):
        return "hexadecimal digits only"
    if signature:
        return ""
    if stray := re.search(r"[^A-Za-z0-9+/=]", text):
        return f"{_show(stray[0])} at position {stray.start()}"
    if len(text) % 4:
        return "a length that is not a multiple of four"
    return "misplaced padding, or bits behind the end in its last character"


def string_to_sign(method: str, target: bytes, timestamp: str, nonce: str, body: bytes) -> bytes:
    """Join the five signed parts; without a body the result ends in a line feed.

    `target` is path and query as they stand in the request line (TAMS › Signature: the URL
    without scheme and host).
    """
    return b"\n".join((method.encode(), target, timestamp.encode(), nonce.encode(), body))


def verify(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    """Say whether `signature` is the RSASSA-PKCS1-v1_5 SHA-256 signature of `message`.

    To compare what was signed costs less than `key.verify`.
    """
    if len(signature) != signature_bytes(key):
        return False
    padding, _, mismatch = _scheme()
    try:
        signed = key.recover_data_from_signature(signature, padding, None)
    except mismatch:
        return False
    return signed == SHA256_INFO + sha256(message).digest()


def signature_bytes(key: RSAPublicKey) -> int:
    """Return how long the key's signatures are."""
    return (key.key_size + 7) // 8


@cache
def _scheme() -> tuple[PKCS1v15, SHA256, type[Exception]]:
    """Load what signatures are made and checked with, and the error of one that does not fit."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return PKCS1v15(), SHA256(), InvalidSignature


def sign(
    private_pem: str,
    app_id: str,
    method: str,
    target: bytes,
    body: bytes = b"",
    *,
    timestamp: int,
    nonce: str,
) -> str:
    """Return the whole header value that a client with this key sends.

    Raises ValueError where the PEM is not a readable, unencrypted RSA private key.
    """
    message = string_to_sign(method, target, str(timestamp), nonce, body)
    padding, digest, _ = _scheme()
    signature = load_private_key(private_pem).sign(message, padding, digest)
    encoded = binascii.b2a_base64(signature, newline=False).decode()
    return (
        f"{Scheme.RSA} app_id={app_id},nonce_str={nonce},timestamp={timestamp},signature={encoded}"
    )


def _show(text: str) -> str:
    """Quote what a client sent, shortened, so that it fits a sentence."""
    return repr(text if len(text) <= 120 else text[:117] + "...")


def _show_name(text: str) -> str:
    """Quote a word that should be a name, unless it is so long that it may be a secret."""
    return repr(text) if len(text) <= 20 else f"a word of {len(text)} characters"
