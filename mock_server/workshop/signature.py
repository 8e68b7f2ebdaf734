"""Checking the gateway's request signatures, with every outcome as data.

The scheme is Workshop › 3: an HMAC with the AppSecret over seven parts of the request as it came.
Which account an AppKey belongs to and what a refusal looks like on the wire are not known here.
"""

from __future__ import annotations

import hmac
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import md5
from typing import Literal
from urllib.parse import unquote_to_bytes

from mock_server.workshop.gateway import GatewayRefusal, Situation

Header = Callable[[bytes], bytes | None]  # a header's value by its name in lower case
MissingList = Literal["either", "none", "key"]

# The names of `x-ca-signature-method`, and what Python calls them.
ALGORITHMS: Mapping[bytes, str] = {b"HmacSHA256": "sha256", b"HmacSHA1": "sha1"}
# These are signed in another part, or are the signature itself (Workshop › 3.2).
UNSIGNABLE = frozenset(
    (b"x-ca-signature", b"x-ca-signature-headers", b"accept", b"content-md5", b"content-type",
     b"date")
)  # fmt: skip
FORM = b"application/x-www-form-urlencoded"

# What comes behind so many parameters, or names of headers, counts as a part of the last one, and
# a longer form is not decoded: neither must take long to read.
MAX_PARAMETERS = 1_000
MAX_NAMES = 200
MAX_FORM_BYTES = 16 * 1024
_MAX_TIMESTAMP_LENGTH = 20


@dataclass(frozen=True, slots=True)
class GatewayCredentials:
    """What the `x-ca-*` headers say; `names` are those of the signed headers as they are spelled.

    Without a list of signed headers `names` is None.
    """

    key: str
    signature: bytes = field(repr=False)
    algorithm: str = "sha256"
    names: tuple[bytes, ...] | None = None
    timestamp: bytes = b""
    nonce: bytes = b""
    stage: bytes = b""


def read_credentials(header: Header) -> GatewayCredentials | GatewayRefusal:
    """Read the `x-ca-*` headers; whatever the bytes are, nothing is raised."""
    key, signature = _value(header, b"x-ca-key"), _value(header, b"x-ca-signature")
    if not key:
        return GatewayRefusal(
            Situation.NO_CREDENTIALS, "there is no x-ca-key header, or it is empty"
        )
    if not signature:
        return GatewayRefusal(
            Situation.NO_CREDENTIALS, "there is no x-ca-signature header, or it is empty"
        )
    method = _value(header, b"x-ca-signature-method")
    algorithm = ALGORITHMS.get(method) if method else "sha256"
    if algorithm is None:
        return GatewayRefusal(
            Situation.HEADER_BAD,
            f"x-ca-signature-method is {_show(method)}, expected HmacSHA256 or HmacSHA1",
        )
    return GatewayCredentials(
        key.decode("latin-1"),
        signature,
        algorithm,
        listed(_value(header, b"x-ca-signature-headers")),
        _value(header, b"x-ca-timestamp"),
        _value(header, b"x-ca-nonce"),
        _value(header, b"x-ca-stage"),
    )


@lru_cache(maxsize=64)
def listed(value: bytes) -> tuple[bytes, ...] | None:
    """Return the names of a list of signed headers, or None where it is missing or empty."""
    parts = value.split(b",", MAX_NAMES)
    return tuple([name for part in parts if (name := part.strip(b" \t"))]) or None


def check_timestamp(
    credentials: GatewayCredentials, now: float, window: float, *, required: bool = False
) -> GatewayRefusal | None:
    """Refuse a timestamp (ms) further than `window` seconds from `now`; 0 allows all.

    Documented: it is good for 15 minutes. What the gateway makes of one in the future is not
    known; it is treated alike.
    """
    stamp = credentials.timestamp
    if not stamp:
        words = "there is no x-ca-timestamp header, or it is empty"
        return GatewayRefusal(Situation.HEADER_MISSING, words) if required else None
    if not stamp.isdigit() or len(stamp) > _MAX_TIMESTAMP_LENGTH:
        return GatewayRefusal(
            Situation.TIMESTAMP_MALFORMED,
            f"x-ca-timestamp is {_show(stamp)}, expected milliseconds since 1970 in digits",
        )
    ahead = int(stamp) / 1000 - now
    if not window or abs(ahead) <= window:
        return None
    return GatewayRefusal(
        Situation.TIMESTAMP_EXPIRED,
        f"x-ca-timestamp {stamp.decode()} is {abs(ahead):.0f} s "
        f"{'ahead of' if ahead > 0 else 'behind'} the server's {now * 1000:.0f}, expected at most "
        f"{window:g} s (both are milliseconds)",
    )


def check_signature(
    credentials: GatewayCredentials,
    secret: str,
    method: str,
    target: bytes,
    header: Header,
    body: bytes,
    *,
    missing_list: MissingList = "either",
) -> GatewayRefusal | None:
    """Verify a request with the AppSecret; `target` and `body` are the bytes as they came."""
    first = b""
    for names in name_lists(credentials, missing_list):
        expected = string_to_sign(method, target, header, body, names)
        if hmac.compare_digest(
            signature_of(secret.encode(), expected, credentials.algorithm), credentials.signature
        ):
            return None
        first = first or expected
    return GatewayRefusal(
        Situation.MISMATCH,
        f"the signature does not fit the server's string to sign of {len(first)} bytes",
        first,
    )


def name_lists(
    credentials: GatewayCredentials, missing_list: MissingList = "either"
) -> Iterator[tuple[bytes, ...]]:
    """Yield the names whose lines may have been signed: those listed, or the guesses without.

    Without a list nothing says how X-Ca-Key is spelled in its line (choice 25).
    """
    if credentials.names is not None:
        yield credentials.names
        return
    if missing_list != "key":
        yield ()
    if missing_list != "none":
        yield (b"X-Ca-Key",)
        yield (b"x-ca-key",)


def signature_of(secret: bytes, message: bytes, algorithm: str = "sha256") -> bytes:
    """Return the signature of a string in base64."""
    return b2a_base64(hmac.digest(secret, message, algorithm), newline=False)


def string_to_sign(
    method: str, target: bytes, header: Header, body: bytes, names: tuple[bytes, ...]
) -> bytes:
    """Join the seven signed parts (Workshop › 3.2)."""
    content_type = _value(header, b"content-type")
    return b"\n".join(
        (
            method.upper().encode(),
            _value(header, b"accept"),
            _value(header, b"content-md5"),
            content_type,
            _value(header, b"date"),
            header_lines(header, names) + resource(target, body if is_form(content_type) else b""),
        )
    )


def header_lines(header: Header, names: tuple[bytes, ...]) -> bytes:
    """Return the lines of the signed headers: sorted by name, spelled as in the list.

    A header that did not come is signed as an empty one.
    """
    return b"".join([b"%b:%b\n" % (name, _value(header, low)) for name, low in _in_order(names)])


# Clients send the same list with every call.
@lru_cache(maxsize=64)
def _in_order(names: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the names that have a line, sorted, each also as it is looked up."""
    signed = ((name, name.lower()) for name in sorted(set(names)))
    return tuple([each for each in signed if each[1] not in UNSIGNABLE])


def resource(target: bytes, form: bytes = b"") -> bytes:
    """Return path and parameters as they are signed: the path as it came, parameters decoded."""
    path, _, query = target.partition(b"?")
    if not query and not form:
        return path
    parameters = _parameters(query, form)
    return path + b"?" + parameters if parameters else path


# A refusal and its diagnosis need those of one request several times.
@lru_cache(maxsize=4)
def _parameters(query: bytes, form: bytes) -> bytes:
    found: dict[bytes, bytes] = {}
    for name, value in (*pairs(query), *pairs(form)):
        found.setdefault(name, value)
    return b"&".join(
        [name + b"=" + value if value else name for name, value in sorted(found.items())]
    )


def pairs(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the parameters of a query or form in their order, decoded."""
    if len(encoded) > 4 * MAX_FORM_BYTES:  # more than a query can have
        yield encoded, b""
        return
    for pair in encoded.split(b"&", MAX_PARAMETERS):
        if pair:
            name, _, value = pair.partition(b"=")
            yield decoded(name), decoded(value)


def decoded(text: bytes) -> bytes:
    """Undo percent-encoding and plus signs."""
    if b"+" in text:
        text = text.replace(b"+", b" ")
    return unquote_to_bytes(text) if b"%" in text else text


def is_form(content_type: bytes) -> bool:
    """Say whether the body's fields are signed as parameters."""
    return content_type.partition(b";")[0].strip().lower() == FORM


def digest_of(body: bytes) -> bytes:
    """Return what `Content-MD5` says of a body."""
    return b2a_base64(md5(body, usedforsecurity=False).digest(), newline=False)


def check_form(header: Header, body: bytes) -> GatewayRefusal | None:
    """Refuse a form with more or longer fields than are signed."""
    if not body or not is_form(_value(header, b"content-type")):
        return None
    fields = body.count(b"&") + 1
    if len(body) <= MAX_FORM_BYTES and fields <= MAX_PARAMETERS:
        return None
    return GatewayRefusal(
        Situation.BODY_TOO_LARGE,
        f"the form has {fields} fields in {len(body)} bytes, expected at most {MAX_PARAMETERS}"
        f" in {MAX_FORM_BYTES}",
    )


def check_digest(header: Header, body: bytes) -> GatewayRefusal | None:
    """Refuse a `Content-MD5` that is not that of the body, or comes without one.

    It is optional, and does not go with a form, whose fields are signed themselves.
    """
    digest = _value(header, b"content-md5")
    if not digest or is_form(_value(header, b"content-type")):
        return None
    if not body:
        words = "there is a content-md5 header and no body"
        return GatewayRefusal(Situation.DIGEST_WRONG, words)
    expected = digest_of(body)
    if hmac.compare_digest(expected, digest):
        return None
    return GatewayRefusal(
        Situation.DIGEST_WRONG,
        f"content-md5 is {_show(digest)}, expected {expected.decode()} of the {len(body)} bytes",
    )


def sign(
    secret: str,
    key: str,
    method: str,
    target: bytes,
    body: bytes = b"",
    *,
    timestamp_ms: int,
    nonce: str,
    content_type: str = "application/json; charset=utf-8",
    accept: str = "application/json; charset=utf-8",
    algorithm: Literal["HmacSHA256", "HmacSHA1"] = "HmacSHA256",
) -> dict[str, str]:
    """Return the headers that a client with this AppKey sends, as the product's SDKs do it."""
    headers = {
        "accept": accept,
        "content-type": content_type,
        "x-ca-key": key,
        "x-ca-timestamp": str(timestamp_ms),
        "x-ca-nonce": nonce,
        "x-ca-signature-method": algorithm,
    }
    names = tuple(sorted(name.encode() for name in headers if name.startswith("x-ca-")))
    if body and not is_form(content_type.encode()):
        headers["content-md5"] = digest_of(body).decode()
    sent = {name.encode(): value.encode() for name, value in headers.items()}
    message = string_to_sign(method, target, sent.get, body, names)
    signature = signature_of(secret.encode(), message, ALGORITHMS[algorithm.encode()])
    return headers | {
        "x-ca-signature-headers": b",".join(names).decode(),
        "x-ca-signature": signature.decode(),
    }


def _value(header: Header, name: bytes) -> bytes:
    # The blanks around a field value are not part of it (RFC 9110, 5.5), but httptools leaves
    # those at its end in place.
    value = header(name)
    return value.strip(b" \t") if value else b""


def _show(value: bytes) -> str:
    """Quote what a client sent, shortened, so that it fits a sentence."""
    text = value.decode("latin-1")
    return ascii(text if len(text) <= 60 else text[:57] + "...")
