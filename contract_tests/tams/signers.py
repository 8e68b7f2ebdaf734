"""A configurable signature of TAMS, for signatures other than the documented one.

Every step can be replaced: what is signed, how, and how the header is written. The default is the
documented signature (`TAMS › 3.2`).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

import httpx
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm

from contract_tests import wall
from contract_tests.credentials import TamsCredentials
from contract_tests.signing import SCHEME, read_private_key, tams_string_to_sign


@dataclass(frozen=True)
class SignatureParts:
    """The parts of a signature: `target` is path and query, `timestamp` is in seconds."""

    method: str
    target: bytes
    timestamp: str
    nonce: str
    body: bytes

    def text(self) -> bytes:
        """Return the documented string-to-sign."""
        return tams_string_to_sign(self.method, self.target, self.timestamp, self.nonce, self.body)


@dataclass(frozen=True)
class SignatureScheme:
    """Padding, hash and encoding of a signature; `key` replaces the app's key."""

    padding: AsymmetricPadding = field(default_factory=padding.PKCS1v15)
    digest: HashAlgorithm = field(default_factory=SHA256)
    key: rsa.RSAPrivateKey | None = None
    spell: Callable[[bytes], bytes] = base64.b64encode

    def sign(self, key: rsa.RSAPrivateKey, text: bytes) -> str:
        """Return a signature as in the header."""
        return self.spell((self.key or key).sign(text, self.padding, self.digest)).decode()


def as_documented(pairs: Mapping[str, str]) -> str:
    """Return the documented header: four pairs, commas, no blanks, no quotes."""
    return f"{SCHEME} " + ",".join(f"{name}={value}" for name, value in pairs.items())


class TamsSigner(httpx.Auth):
    """Signs calls with an app's key; steps can be replaced.

    `timestamp` and `nonce` are new for each call unless they are given; `text` changes what is
    signed, and not what is sent.
    """

    requires_request_body = True

    def __init__(
        self,
        credentials: TamsCredentials,
        *,
        scheme: SignatureScheme | None = None,
        text: Callable[[SignatureParts], bytes] = SignatureParts.text,
        write: Callable[[Mapping[str, str]], str] = as_documented,
        timestamp: str | None = None,
        nonce: str | None = None,
        app_id: str | None = None,
    ) -> None:
        self._key = read_private_key(credentials.private_key)
        self._app_id = credentials.app_id if app_id is None else app_id
        self._scheme, self._text, self._write = scheme or SignatureScheme(), text, write
        self._timestamp, self._nonce = timestamp, nonce

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the signature on the request."""
        timestamp = str(int(wall.now())) if self._timestamp is None else self._timestamp
        nonce = secrets.token_hex(16) if self._nonce is None else self._nonce
        parts = SignatureParts(
            request.method, request.url.raw_path, timestamp, nonce, request.content
        )
        pairs = {
            "app_id": self._app_id,
            "nonce_str": nonce,
            "timestamp": timestamp,
            "signature": self._scheme.sign(self._key, self._text(parts)),
        }
        request.headers["Authorization"] = self._write(pairs)
        yield request
