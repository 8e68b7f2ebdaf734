"""The signature of an event's query, and the encryption of its token.

Only the names of the parameters are documented (Workshop › 11); their form is choice 39:

- `sign` is the HMAC-SHA256, in lower-case hex, of all other query parameters, decoded, sorted and
  joined as in a query: `apiId=…&apiToken=…&…`. The key is the event secret.
- `apiToken` is Base64 (URL-safe, without padding) of a 12-byte nonce and the token encrypted with
  AES-256-GCM; the key is the SHA-256 of the event secret. The nonce depends only on the token and
  the secret, so the same token always has the same form and can be compared without the secret.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SIGN = "sign"
_NONCE_BYTES = 12
_MAX_LENGTH = 4096


def sign_of(secret: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return the sign of query parameters; a parameter `sign` is ignored."""
    text = "&".join(f"{name}={value}" for name, value in sorted(parameters) if name != SIGN)
    return hmac.digest(secret.encode(), text.encode("utf-8", "surrogateescape"), "sha256").hex()


def signed_url(url: str, secret: str, parameters: Mapping[str, str]) -> str:
    """Return the URL with the parameters and their `sign` appended to its query."""
    parts = urlsplit(url)
    existing = parse_qsl(parts.query, keep_blank_values=True)
    sign = sign_of(secret, [*existing, *parameters.items()])
    added = urlencode({**parameters, SIGN: sign}, quote_via=quote, safe="")
    query = f"{parts.query}&{added}" if parts.query else added
    return parts._replace(path=parts.path or "/", query=query).geturl()


def is_genuine(secret: str, query: str) -> bool:
    """Return whether the `sign` of a query is right."""
    parameters = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    given = [value for name, value in parameters if name == SIGN]
    expected = sign_of(secret, parameters)
    return len(given) == 1 and hmac.compare_digest(
        given[0].encode("utf-8", "surrogateescape"), expected.encode()
    )


def seal(secret: str, token: str) -> str:
    """Return the encrypted token of an event."""
    nonce = hmac.digest(secret.encode(), b"apiToken\n" + token.encode(), "sha256")[:_NONCE_BYTES]
    sealed = nonce + _cipher(secret).encrypt(nonce, token.encode(), None)
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(secret: str, sealed: str) -> str | None:
    """Return the token, or None if it was not encrypted with this secret."""
    from cryptography.exceptions import InvalidTag

    if len(sealed) > _MAX_LENGTH:
        return None
    try:
        data = urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
        opened = _cipher(secret).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None)
        return opened.decode()
    except (InvalidTag, ValueError):
        return None


def _cipher(secret: str) -> AESGCM:
    # Imported by the first event, to keep the start fast.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(sha256(secret.encode()).digest())
