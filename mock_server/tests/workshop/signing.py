"""A gateway signer of the tests' own, written from the reference alone, that can do it wrong.

`Workshop › 3.2`: seven parts, HMAC with the AppSecret, base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import parse_qsl

from msgspec import Struct
from msgspec.structs import replace

from mock_server.web.captures import Capture

NOW = 1_768_464_000  # seconds
STAMP = f"{NOW}000"
KEY, SECRET = "204800001", "mock-secret-0001"
NONCE = "5f0e6a52-77AB-4d0e-9c1b-2f6d5e4c3b2a"
TARGET = "/scc/spQueryToken"
BODY = '{"apiToken": "01kexr9j00m0", "name": "caf\u00e9 <b> a/b", "cfg": 7.0}'.encode()
FORM = "application/x-www-form-urlencoded"
LIST = "x-ca-timestamp,x-ca-key,x-ca-nonce,x-ca-signature-method"
HOST = "127.0.0.1:8080"


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


class Request(Struct, frozen=True):
    """What goes over the wire, or what a client believes that goes over it."""

    method: str = "POST"
    target: str = TARGET
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = BODY

    def value(self, name: str) -> str:
        values = [value for each, value in self.headers if each.lower() == name.lower()]
        return values[-1].strip(" ") if values else ""

    def having(self, **headers: str | None) -> Request:
        """Return it with other headers, whose names have _ for -; None takes one away."""
        kept = self.headers
        for word, value in headers.items():
            name = word.replace("_", "-")
            kept = tuple(pair for pair in kept if pair[0].lower() != name.lower())
            kept += () if value is None else ((name, value),)
        return replace(self, headers=kept)

    @property
    def wire(self) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((name.encode(), value.encode()) for name, value in self.headers)

    def capture(self, at: float | None = None) -> Capture:
        headers = tuple((name, text.encode().decode("latin-1")) for name, text in self.headers)
        return Capture(self.method, self.target.encode(), headers, self.body, at=at)


def a_request(
    method: str = "POST",
    target: str = TARGET,
    body: bytes = BODY,
    content_type: str = "application/json; charset=utf-8",
    **headers: str | None,
) -> Request:
    """Return an unsigned request as the product's SDKs make it."""
    digest = md5(body) if body and not content_type.startswith(FORM) else None
    plain = Request(method, target, (("host", HOST),), body)
    usual: dict[str, str | None] = {
        "date": formatdate(NOW, usegmt=True),
        "accept": "application/json; charset=utf-8",
        "content_type": content_type or None,
        "content_md5": digest,
        "x_ca_key": KEY,
        "x_ca_timestamp": STAMP,
        "x_ca_nonce": NONCE,
        "x_ca_signature_method": "HmacSHA256",
        "x_ca_signature_headers": LIST,
    }
    return plain.having(**(usual | headers))


def names(request: Request) -> list[str]:
    """Return the list of signed headers in its order."""
    listed = request.value("x-ca-signature-headers").split(",")
    return [name.strip() for name in listed if name.strip()]


def lines(request: Request) -> str:
    return "".join(f"{name}:{request.value(name)}\n" for name in sorted(names(request)))


def resource(request: Request) -> str:
    path, _, query = request.target.partition("?")
    form = request.body.decode() if request.value("content-type").startswith(FORM) else ""
    found: dict[str, str] = {}
    for encoded in (query, form):
        for name, value in parse_qsl(encoded, keep_blank_values=True):
            found.setdefault(name, value)
    pairs = [f"{name}={value}" if value else name for name, value in sorted(found.items())]
    return path + ("?" + "&".join(pairs) if pairs else "")


def parts(request: Request) -> list[str]:
    """Return the seven parts; the sixth ends in a line feed unless there are no lines."""
    return [
        request.method,
        request.value("accept"),
        request.value("content-md5"),
        request.value("content-type"),
        request.value("date"),
        lines(request),
        resource(request),
    ]


def joined(pieces: list[str]) -> str:
    return "\n".join(pieces[:5]) + "\n" + "".join(pieces[5:])


def digest(secret: bytes, string: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret, string, algorithm).digest()


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def signed(
    request: Request,
    *,
    believed: Request | None = None,
    secret: str | bytes = SECRET,
    algorithm: str = "",
    split: Callable[[Request], list[str]] = parts,
    join: Callable[[list[str]], str | bytes] = joined,
    make: Callable[[bytes, bytes, str], bytes] = digest,
    encode: Callable[[bytes], str] = encoded,
) -> Request:
    """Sign a request. `believed` is what the client takes for the request that it sends."""
    string = join(split(believed or request))
    message = string if isinstance(string, bytes) else string.encode()
    key = secret if isinstance(secret, bytes) else secret.encode()
    sha1 = request.value("x-ca-signature-method") == "HmacSHA1"
    raw = make(key, message, algorithm or ("sha1" if sha1 else "sha256"))
    return request.having(x_ca_signature=encode(raw))
