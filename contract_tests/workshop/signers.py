"""A configurable signature for the gateway, for signatures other than the documented one.

Headers can be changed before signing (`headers`) or after (`after`), and `text` changes what is
signed. The default is the documented signature (`Workshop › 3.2`).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Generator, Mapping

import httpx

from contract_tests import wall
from contract_tests.credentials import WorkshopCredentials
from contract_tests.signing import (
    FORM,
    SIGNED_HEADERS,
    workshop_signature,
    workshop_string_to_sign,
)

SIGNATURE = "x-ca-signature"
Change = Callable[[httpx.Headers], None]


class WorkshopSigner(httpx.Auth):
    """Signs calls with an AppKey's secret; steps can be replaced.

    `headers` are added to the call before it is signed; the value None removes a header.
    """

    requires_request_body = True

    def __init__(
        self,
        app: WorkshopCredentials,
        *,
        headers: Mapping[str, str | None] | None = None,
        text: Callable[[str], str] | None = None,
        after: Change | None = None,
        secret: str | None = None,
    ) -> None:
        self._app = app
        self._headers = headers or {}
        self._text, self._after = text, after
        self._secret = app.app_secret if secret is None else secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the signature on the request."""
        usual: dict[str, str | None] = {
            "x-ca-key": self._app.app_key,
            "x-ca-timestamp": milliseconds_ago(0),
            "x-ca-nonce": secrets.token_hex(16),
            "x-ca-signature-method": "HmacSHA256",
            "x-ca-signature-headers": ",".join(SIGNED_HEADERS),
            "content-md5": digest_of(request.content) if request.content else None,
        }
        given = self._headers.get("content-type") or request.headers.get("content-type") or ""
        if given.startswith(FORM):  # the only kind of body without a digest
            usual["content-md5"] = None
        for name, value in {**usual, **self._headers}.items():
            if value is None:
                request.headers.pop(name, None)
            else:
                request.headers[name] = value
        sent = request.headers
        text = string_to_sign(request)
        signed = text if self._text is None else self._text(text)
        algorithm = sent.get("x-ca-signature-method", "HmacSHA256")
        sent[SIGNATURE] = workshop_signature(self._secret, signed.encode(), algorithm)
        if self._after is not None:
            self._after(sent)
        yield request


def string_to_sign(request: httpx.Request) -> str:
    """Return the string to sign of a request."""
    return workshop_string_to_sign(
        request.method, request.url.raw_path, request.headers, request.content
    ).decode()


def digest_of(body: bytes) -> str:
    """Return the Content-MD5 of a body."""
    # The scheme requires this digest. It is not used for security.
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def milliseconds_ago(seconds: float) -> str:
    """Return the timestamp of some seconds ago, in milliseconds."""
    return str(int((wall.now() - seconds) * 1000))


def one_byte_off(name: str, place: int) -> Change:
    """Return a change of one byte of a header, for after signing."""

    def change(headers: httpx.Headers) -> None:
        value = headers[name]
        at = place % len(value)
        other = "1" if value[at] != "1" else "2"
        headers[name] = value[:at] + other + value[at + 1 :]

    return change
