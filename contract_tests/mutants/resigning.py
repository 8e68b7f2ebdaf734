"""Signing for accounts: mutations use it for calls that the service would refuse."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from contract_tests.credentials import TargetCredentials
from contract_tests.mutants.calls import HttpCall
from contract_tests.signing import SCHEME, tams_string_to_sign

METHODS = ("GET", "POST", "PUT", "DELETE")


def resigned(call: HttpCall, known: dict[str, TargetCredentials]) -> HttpCall:
    """Return a call signed by the account that it names, or by the last known account."""
    if not known:
        return call
    workshop = call.path.startswith("/scc/")
    named = call.header("x-ca-key") if workshop else tams_parts(call).get("app_id", "")
    credentials = known.get(named) or known[next(reversed(known))]
    auth = credentials.workshop.auth() if workshop else credentials.tams.signature()
    if auth is None:
        return call
    headers = [
        pair for pair in call.headers if not pair[0].lower().startswith(("x-ca-", "content-md5"))
    ]
    request = httpx.Request(
        call.method, httpx.URL("http://behind", raw_path=call.target.encode("latin-1")),
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers],
        content=call.body,
    )  # fmt: skip
    signed = next(auth.auth_flow(request))
    pairs = [(name.decode(), value.decode("latin-1")) for name, value in signed.headers.raw]
    return replace(call, headers=tuple(pairs))


def tams_parts(call: HttpCall) -> dict[str, str]:
    """Return the pairs of a TAMS signature; empty if the call has none."""
    scheme, _, text = call.header("Authorization").partition(" ")
    if scheme != SCHEME:
        return {}
    return {name: value for name, _, value in (pair.partition("=") for pair in text.split(","))}


def tams_deviation(call: HttpCall, private_key: str) -> str:
    """Return the part of a call that differs from the signed one by one byte; empty if none.

    Parts are method, target, timestamp, nonce and body. The signed digest is recovered from the
    signature, and compared with the digest of every variation of the call.
    """
    key = load_pem_private_key(private_key.encode(), password=None) if private_key else None
    given = tams_parts(call)
    if not isinstance(key, rsa.RSAPrivateKey) or "signature" not in given:
        return ""
    try:
        signed = key.public_key().recover_data_from_signature(
            base64.b64decode(given["signature"]), padding.PKCS1v15(), SHA256()
        )
    except (ValueError, InvalidSignature):
        return ""
    parts = {
        "method": call.method.encode(),
        "target": call.target.encode("latin-1"),
        "timestamp": given.get("timestamp", "").encode(),
        "nonce": given.get("nonce_str", "").encode(),
        "body": call.body,
    }
    for part, value in parts.items():
        others = (m.encode() for m in METHODS) if part == "method" else _neighbours(value)
        for other in others:
            tried = {**parts, part: other}
            text = tams_string_to_sign(
                tried["method"].decode(), tried["target"], tried["timestamp"].decode("latin-1"),
                tried["nonce"].decode("latin-1"), tried["body"],
            )  # fmt: skip
            if hashlib.sha256(text).digest() == signed:
                return part
    return ""


def _neighbours(value: bytes) -> Iterator[bytes]:
    """Yield the values that differ in one printable byte."""
    for place in range(len(value)):
        head, tail = value[:place], value[place + 1 :]
        for byte in range(32, 127):
            yield head + bytes((byte,)) + tail
