"""A TAMS signer of the tests' own, written from the reference alone, that can do it wrong.

`TAMS › 3.2 Signature`: METHOD, URL, TIMESTAMP, NONCE and BODY joined by line feeds, signed with
RSASSA-PKCS1-v1_5 and SHA-256, in base64.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mock_server.tams.key_pairs import key_pair
from mock_server.web.captures import Capture

NOW = 1_768_464_000
NONCE = "8f3a1c5e-77AB-4d0e-9c1b-2f6d5e4c3b2a"
APP = "mockApp01"
BODY = (
    '{"requestId": "r-1", "stages": [{"type": "DIFFUSION", "text": "caf\u00e9 <b> a/b", '
    '"cfgScale": 7.0, "width": 512}]}'
).encode()
TARGET = b"/v1/jobs?b=2&a=x%20y"
HOST = b"127.0.0.1:8080"


@cache
def private_key(number: int) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(key_pair(number).private_pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@dataclass(frozen=True)
class Sent:
    """A request as it goes over the wire."""

    method: str
    target: bytes
    authorization: bytes
    body: bytes

    @property
    def capture(self) -> Capture:
        sent = (("authorization", self.authorization.decode("latin-1")),)
        return Capture(self.method, self.target, sent, self.body, host=HOST.decode(), at=float(NOW))


def joined(*parts: bytes) -> bytes:
    return b"\n".join(parts)


def pkcs1(message: bytes, key: rsa.RSAPrivateKey, hashed: HashAlgorithm) -> bytes:
    return key.sign(message, padding.PKCS1v15(), hashed)


def raw_rsa(block: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """Do textbook RSA with the private key on a block of bytes."""
    numbers = key.private_numbers()
    size = key.key_size // 8
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(
        size, "big"
    )


def padded(data: bytes, size: int = 256) -> bytes:
    """Pad as PKCS #1 v1.5 does, without saying which hash it is."""
    return b"\x00\x01" + b"\xff" * (size - len(data) - 3) + b"\x00" + data


def send(
    method: str = "POST",
    target: bytes = TARGET,
    body: bytes = BODY,
    *,
    timestamp: str = str(NOW),
    nonce: str = NONCE,
    app_id: str = APP,
    key: int = 0,
    hashed: HashAlgorithm | None = None,
    sign: Callable[[bytes, rsa.RSAPrivateKey], bytes] | None = None,
    encode: Callable[[bytes], str] | None = None,
    join: Callable[..., bytes] = joined,
    string: Callable[[bytes], bytes] = lambda message: message,
    header: str = "TAMS-SHA256-RSA app_id={app},nonce_str={nonce},timestamp={ts},signature={sig}",
    **signed: Any,
) -> Sent:
    """Send a request; `signed` names parts that are signed otherwise than they are sent."""
    parts = {
        "method": method.encode(),
        "target": target,
        "timestamp": timestamp.encode(),
        "nonce": nonce.encode(),
        "body": body,
    }
    for name, value in signed.items():
        part = name.removeprefix("signed_")
        parts[part] = value(parts[part]) if callable(value) else value
    message = string(join(*parts.values()))
    if sign is None:
        signature = pkcs1(message, private_key(key), hashed or SHA256())
    else:
        signature = sign(message, private_key(key))
    text = base64.b64encode(signature).decode() if encode is None else encode(signature)
    line = header.format(app=app_id, nonce=nonce, ts=timestamp, sig=text)
    return Sent(method, target, line.encode(), body)
