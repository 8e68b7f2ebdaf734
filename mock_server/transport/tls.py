"""https for a local server: a certificate authority that is kept, and a new certificate per start.

The private key and the certificate of the authority are in one file, so that they always match.
Another file has only the certificate, for clients that should trust it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from mock_server.transport import private_files

if TYPE_CHECKING:
    import trustme

CA_FILE = "ca.pem"
BUNDLE_FILE = "ca-with-key.pem"
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

# The variables that make clients trust it: Node, Python's ssl and httpx, requests, curl.
TRUST_VARIABLES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

# Apple's clients refuse certificates that are valid for more than 825 days.
_BEFORE = timedelta(days=30)
_AFTER = timedelta(days=397)


class Tls(Struct, frozen=True):
    """The TLS context of a server, and the certificate file for its clients."""

    context: ssl.SSLContext
    ca_file: Path


def server_tls(state_dir: Path, names: Iterable[str], wall: float) -> Tls:
    """Return a context with a certificate for the local names and for `names`.

    Raises OSError if the folder cannot be used, and ValueError for an invalid name.
    """
    now = datetime.fromtimestamp(wall, UTC)
    authority = _authority(state_dir, now)
    ca_file = state_dir / CA_FILE
    private_files.write(ca_file, authority.cert_pem.bytes(), mode=private_files.PUBLIC)
    certificate = authority.issue_cert(
        *dict.fromkeys((*LOCAL_NAMES, *names)),
        organization_name="tams-mock",
        not_before=now - _BEFORE,
        not_after=now + _AFTER,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    certificate.configure_cert(context)
    return Tls(context, ca_file)


def _authority(state_dir: Path, now: datetime) -> trustme.CA:
    bundle = state_dir / BUNDLE_FILE
    kept = _kept(bundle, now)
    if kept is not None:
        return kept
    import trustme

    # Of servers that start at the same time, one makes the authority, and the others read it.
    with private_files.locked(state_dir):
        kept = _kept(bundle, now)
        if kept is not None:
            return kept
        made = trustme.CA(organization_name="tams-mock", organization_unit_name="test authority")
        private_files.write(bundle, made.private_key_pem.bytes() + made.cert_pem.bytes())
        return made


def _kept(bundle: Path, now: datetime) -> trustme.CA | None:
    """Return the authority in a file, unless it is missing, unreadable or about to expire."""
    import trustme
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    try:
        pem = bundle.read_bytes()
    except FileNotFoundError:
        return None
    try:
        certificate = load_pem_x509_certificate(pem)
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        return None
    if (
        certificate.public_key() != key.public_key()
        or certificate.not_valid_after_utc < now + _AFTER
    ):
        return None
    return trustme.CA.from_pem(pem, pem)
