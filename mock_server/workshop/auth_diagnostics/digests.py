"""What clients put into Content-MD5, or sign in its place, other than the MD5 of the body."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import md5, sha1, sha256

from mock_server.web.auth_diagnostics import json_spellings as spellings
from mock_server.web.auth_diagnostics.findings import Step, Variant
from mock_server.web.auth_diagnostics.json_spellings import Spelling
from mock_server.workshop.signature import digest_of

# Larger bodies are not parsed, or digested in no more than one way.
MAX_PARSED_BYTES = 64 * 1024
MAX_TOUCHED_BYTES = 1024 * 1024

_SPELLINGS: tuple[tuple[str, Spelling], ...] = (
    ("compact JSON", spellings.compact),
    ("JSON with a blank after commas and colons", spellings.spaced),
    ("JSON sorted by name", spellings.sorted_keys),
    (r"JSON with \uXXXX", spellings.ascii_escaped),
    ("JSON with raw characters", spellings.raw_non_ascii),
    ("JSON indented by 2", spellings.pretty("  ")),
    ("JSON indented by 4", spellings.pretty("    ")),
    ("JSON with escaped slashes", spellings.slashes_escaped),
    ("JSON with plain slashes", spellings.slashes_plain),
    ("JSON escaped for HTML", spellings.html_escaped),
    ("JSON not escaped for HTML", spellings.html_plain),
    ("JSON with numbers as JavaScript writes them", spellings.script_numbers),
)
_LETTERS = (spellings.compact, spellings.spaced, spellings.sorted_keys)


def digest_variants(sent: bytes, body: bytes) -> Iterator[Variant]:
    """Yield what may be signed as Content-MD5."""
    if sent:
        yield _one("digest-not-signed", "as nothing", b"")
        yield _one("digest-sent-otherwise", "of the body as it came", digest_of(body))
        yield from digest_forms(body)
        return
    absent = Step("digest-not-sent", "the header did not come")
    yield Variant((absent,), digest_of(body))
    for steps, value in digest_forms(body):
        yield Variant((absent, *steps), value)


def digest_forms(body: bytes) -> Iterator[Variant]:
    """Yield what clients take for the Content-MD5 of a body, each with the mistake in it."""
    digest = md5(body, usedforsecurity=False).digest()
    yield _one("digest-hex", "in lower case", digest.hex().encode())
    yield _one("digest-hex", "in capitals", digest.hex().upper().encode())
    yield _one("digest-base64-of-hex", "in lower case", b64encode(digest.hex().encode()))
    yield _one("digest-base64-of-hex", "in capitals", b64encode(digest.hex().upper().encode()))
    yield _one("digest-encoding", "without padding", b64encode(digest).rstrip(b"="))
    yield _one("digest-encoding", "URL-safe", urlsafe_b64encode(digest))
    if body:
        yield _one("digest-of-nothing", "of no bytes", digest_of(b""))
    if len(body) > MAX_TOUCHED_BYTES:
        return
    for how, other in _other_bytes(body):
        yield _one("digest-of-other-bytes", how, digest_of(other))
    yield _one("digest-other-hash", "SHA-1", b64encode(sha1(body, usedforsecurity=False).digest()))
    yield _one("digest-other-hash", "SHA-256", b64encode(sha256(body).digest()))
    yield _one("digest-is-body", f"{len(body)} bytes", body)


def _other_bytes(body: bytes) -> Iterator[tuple[str, bytes]]:
    parsed = spellings.parse(body) if len(body) <= MAX_PARSED_BYTES else None
    if parsed is not None:
        text = parsed[0].strip(" \t\r\n")
        for how, spell in _SPELLINGS:
            if (spelled := _safely(spell, text)) is not None and spelled.encode() != body:
                yield how, spelled.encode()
        # json.dumps does both by default, and so does its compact form.
        for spell in _LETTERS:
            escaped = _safely(spellings.ascii_escaped, _safely(spell, text) or "")
            if escaped:
                yield r"JSON in other white space and with \uXXXX", escaped.encode()
    yield "with a line feed behind it", body + b"\n"
    yield "without white space around it", body.strip()
    yield "an empty object", b"{}"
    yield "null", b"null"
    yield "of its base64", b64encode(body)


def _safely(spell: Spelling, text: str) -> str | None:
    try:
        spelled = spell(text)
        spelled.encode()
    except (RecursionError, ValueError, StopIteration):
        return None
    return spelled


def _one(cause: str, how: str, value: bytes) -> Variant:
    return Variant((Step(cause, how),), value)
