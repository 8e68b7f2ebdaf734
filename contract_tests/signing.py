"""Signing calls to both vendors: `httpx.Auth` classes for the suite and for your own code.

    httpx.Client(auth=TamsSignature("myApp01", pem)).get("https://ap-east-1…/v1/jobs/1")

Sources: `TAMS › 3 Authentication` and `Workshop › 3 Authentication` of the fact sheets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Generator, Iterable, Mapping
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import unquote_plus

import httpx
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from contract_tests import wall

SCHEME = "TAMS-SHA256-RSA"
DIGESTS = {"HmacSHA256": "sha256", "HmacSHA1": "sha1"}
SIGNED_HEADERS = ("x-ca-key", "x-ca-nonce", "x-ca-signature-method", "x-ca-timestamp")
FORM = "application/x-www-form-urlencoded"


class BadKey(ValueError):
    """A private key cannot be read, or is not an RSA key."""


def tams_string_to_sign(
    method: str, target: bytes, timestamp: str, nonce: str, body: bytes
) -> bytes:
    """Return what TAMS signs: `target` is path and query as on the wire, `timestamp` in seconds."""
    return b"\n".join((method.upper().encode(), target, timestamp.encode(), nonce.encode(), body))


def workshop_string_to_sign(
    method: str, target: bytes, headers: Mapping[str, str], body: bytes
) -> bytes:
    """Return what the Workshop's gateway signs, from the headers as they are sent.

    Signed headers are sorted by name and spelled as in the list. Parameters of query and form are
    decoded and sorted; only the first of each name counts.
    """
    sent = {name.lower(): value for name, value in headers.items()}
    names = [name.strip() for name in sent.get("x-ca-signature-headers", "").split(",")]
    lines = [f"{name}:{sent.get(name.lower(), '')}" for name in sorted(filter(None, names))]
    fixed = [sent.get(name, "") for name in ("accept", "content-md5", "content-type", "date")]
    form = body if sent.get("content-type", "").lower().startswith(FORM) else b""
    return "\n".join([method.upper(), *fixed, *lines, _resource(target, form)]).encode()


def workshop_signature(secret: str, text: bytes, algorithm: str = "HmacSHA256") -> str:
    """Return the signature of a string-to-sign; `algorithm` is HmacSHA256 or HmacSHA1."""
    return base64.b64encode(hmac.digest(secret.encode(), text, DIGESTS[algorithm])).decode()


class TamsBearer(httpx.Auth):
    """The simple scheme of TAMS: a token of the app."""

    def __init__(self, token: str) -> None:
        self.token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the token on the request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request


class TamsSignature(httpx.Auth):
    """The standard scheme of TAMS: RSA-SHA256 over method, target, time, nonce and body.

    `private_key_pem` is PKCS#1 or PKCS#8 text without a password; other texts raise `BadKey`.
    """

    requires_request_body = True

    def __init__(
        self,
        app_id: str,
        private_key_pem: str | bytes,
        *,
        clock: Callable[[], float] = wall.now,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.app_id = app_id
        self._key = read_private_key(private_key_pem)
        self._clock = clock
        self._nonce = nonce

    def authorization(self, method: str, target: bytes, body: bytes) -> str:
        """Return the value of the `Authorization` header for one request, made now."""
        timestamp, nonce = str(int(self._clock())), self._nonce()
        text = tams_string_to_sign(method, target, timestamp, nonce, body)
        signature = base64.b64encode(self._key.sign(text, padding.PKCS1v15(), SHA256())).decode()
        return (
            f"{SCHEME} app_id={self.app_id},nonce_str={nonce},"
            f"timestamp={timestamp},signature={signature}"
        )

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request as it will be sent."""
        header = self.authorization(request.method, request.url.raw_path, request.content)
        request.headers["Authorization"] = header
        yield request


class WorkshopSignature(httpx.Auth):
    """The Workshop's scheme: an HMAC of the API gateway, with AppKey and AppSecret.

    `signed` names the signed headers, spelled as in the list; `digested` adds a Content-MD5 to
    bodies; `stage` and `dated` add `x-ca-stage` and `date`.
    """

    requires_request_body = True

    def __init__(
        self,
        app_key: str,
        app_secret: str,
        *,
        algorithm: str = "HmacSHA256",
        signed: Iterable[str] = SIGNED_HEADERS,
        digested: bool = True,
        stage: str | None = None,
        dated: bool = False,
        clock: Callable[[], float] = wall.now,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        if algorithm not in DIGESTS:
            raise ValueError(f"algorithm is {algorithm!r}, expected {' or '.join(DIGESTS)}")
        self.app_key = app_key
        self._secret = app_secret
        self._algorithm = algorithm
        self._signed = tuple(signed)
        self._digested = digested
        self._stage = stage
        self._dated = dated
        self._clock = clock
        self._nonce = nonce

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request as it will be sent, with its present headers."""
        headers, now = request.headers, self._clock()
        headers["x-ca-key"] = self.app_key
        headers["x-ca-timestamp"] = str(int(now * 1000))
        headers["x-ca-nonce"] = self._nonce()
        headers["x-ca-signature-method"] = self._algorithm
        headers["x-ca-signature-headers"] = ",".join(self._signed)
        if self._stage is not None:
            headers["x-ca-stage"] = self._stage
        if self._dated:
            headers["date"] = formatdate(now, usegmt=True)
        is_form = headers.get("content-type", "").lower().startswith(FORM)
        if self._digested and request.content and not is_form:
            # The scheme requires this digest. It is not used for security.
            digest = hashlib.md5(request.content, usedforsecurity=False).digest()
            headers["content-md5"] = base64.b64encode(digest).decode()
        text = workshop_string_to_sign(
            request.method, request.url.raw_path, headers, request.content
        )
        headers["x-ca-signature"] = workshop_signature(self._secret, text, self._algorithm)
        yield request


def _resource(target: bytes, form: bytes) -> str:
    """Return the last part of the Workshop's string: the path, and parameters in order."""
    path, _, query = target.partition(b"?")
    parameters: dict[str, str] = {}
    for pair in [*query.split(b"&"), *form.split(b"&")]:
        name, _, value = pair.decode("utf-8", "replace").partition("=")
        if name:
            parameters.setdefault(unquote_plus(name), unquote_plus(value))
    pairs = (f"{name}={value}" if value else name for name, value in sorted(parameters.items()))
    return path.decode("latin-1") + ("?" + "&".join(pairs) if parameters else "")


_OTHER_KEYS = (
    (b"PUBLIC KEY", ", found a public key"),
    (b"CERTIFICATE", ", found a certificate"),
    (b"OPENSSH", ", found the format of OpenSSH: convert it with ssh-keygen -p -m PEM"),
    (b"ENCRYPTED", ", found one with a password: remove it with openssl rsa"),
)


@lru_cache(maxsize=8)  # checking a key takes a tenth of a second
def read_private_key(pem: str | bytes) -> rsa.RSAPrivateKey:
    """Return the RSA key of a PEM text without a password, or raise `BadKey`."""
    data = pem.encode() if isinstance(pem, str) else pem
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        found = next((words for mark, words in _OTHER_KEYS if mark in data), "")
        raise BadKey(
            f"the private key cannot be read: expected PEM without a password{found}"
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadKey("the private key is not an RSA key")
    return key
