"""How clients put the signed parts together, other than as the gateway does."""

from __future__ import annotations

from collections.abc import Iterator

from mock_server.web.auth_diagnostics.findings import Step, Variant
from mock_server.workshop.auth_diagnostics.evidence import Evidence
from mock_server.workshop.auth_diagnostics.parts import Parts

_NAMES = ("the method", "Accept", "Content-MD5", "Content-Type", "Date")
_SEPARATORS = (
    ("feeds-crlf", "CRLF", b"\r\n"),
    ("feeds-literal", r"a literal \n", b"\\n"),
    ("feeds-echo", "#", b"#"),
    ("feeds-other", "nothing", b""),
    ("feeds-other", "a blank", b" "),
    ("feeds-other", "&", b"&"),
    ("feeds-other", "a comma", b","),
    ("feeds-other", "CR", b"\r"),
    ("feeds-other", "two line feeds", b"\n\n"),
)


def common_layouts(parts: Parts) -> Iterator[Variant]:
    """Yield whole strings to sign, joined in the ways that are also tried with other mistakes."""
    string = parts.joined()
    yield _one("feed-added", "behind the path", string + b"\n")
    for cause, how, separator in _SEPARATORS[:3]:
        yield _one(cause, how, string.replace(b"\n", separator))
    head = [part + b"\n" for part in parts[:5] if part]
    yield _one("empty-parts-skipped", "with their line feeds", b"".join((*head, *parts[5:])))
    yield _one("lines-feed-missing", "before the path", _without_last_feed(parts))


def layouts(parts: Parts, evidence: Evidence) -> Iterator[Variant]:
    """Yield whole strings to sign, joined in every way that is known."""
    yield from common_layouts(parts)
    string = parts.joined()
    yield _one("lines-feed-doubled", "an empty line before the path", _with_feed(parts))
    for number, name in enumerate(_NAMES):
        kept = (*parts[:number], *parts[number + 1 : 5])
        text = b"\n".join((*kept, parts.lines + parts.resource))
        yield _one("part-left-out", f"{name}, with its line feed", text)
    without = b"\n".join((*parts[:5], parts.lines)).removesuffix(b"\n")
    yield _one("part-left-out", "the path, with its line feed", without)
    yield from _reordered(parts)
    for cause, how, separator in _SEPARATORS[3:]:
        yield _one(cause, how, string.replace(b"\n", separator))
    yield _one("string-case", "in lower case", string.lower())
    yield _one("string-case", "in upper case", string.upper())
    yield from _bodies(string, evidence.body)
    yield from _foreign(parts, evidence)


def _one(cause: str, how: str, value: bytes) -> Variant:
    return Variant((Step(cause, how),), value)


def _without_last_feed(parts: Parts) -> bytes:
    return b"\n".join((*parts[:5], parts.lines.removesuffix(b"\n") + parts.resource))


def _with_feed(parts: Parts) -> bytes:
    return b"\n".join((*parts[:5], parts.lines + b"\n" + parts.resource))


def _reordered(parts: Parts) -> Iterator[Variant]:
    method, accept, digest, content_type, date, lines, resource = parts
    for how, order in (
        ("Content-Type before Content-MD5", (method, accept, content_type, digest, date)),
        ("Content-MD5 before Accept", (method, digest, accept, content_type, date)),
        ("Content-MD5, Content-Type, Accept", (method, digest, content_type, accept, date)),
        ("Content-Type before Accept", (method, content_type, accept, digest, date)),
        ("Date before Content-Type", (method, accept, digest, date, content_type)),
        ("Date first", (method, date, accept, digest, content_type)),
    ):
        yield _one("parts-order", how, b"\n".join((*order, lines + resource)))
    first = b"\n".join((*parts[:5], resource, lines.removesuffix(b"\n")))
    yield _one("parts-order", "the path before the header lines", first)
    second = b"\n".join((method, resource, *parts[1:5], lines.removesuffix(b"\n")))
    yield _one("parts-order", "the path behind the method", second)


def _bodies(string: bytes, body: bytes) -> Iterator[Variant]:
    if body:
        yield _one("body-signed", "the body alone", body)
        yield _one("body-signed", "behind the path", string + body)
        yield _one("body-signed", "behind the path and a line feed", string + b"\n" + body)


def _foreign(parts: Parts, evidence: Evidence) -> Iterator[Variant]:
    """Strings of other schemes, and parts of this one."""
    key, stamp, nonce = (
        evidence.value(name) for name in (b"x-ca-key", b"x-ca-timestamp", b"x-ca-nonce")
    )
    for how, time in (("in milliseconds", stamp), ("in seconds", stamp[:-3])):
        five = (parts.method, evidence.target, time, nonce, evidence.body)
        yield _one("tams-string", how, b"\n".join(five))
    for how, text in (
        ("the path", parts.resource),
        ("the header lines and the path", parts.lines + parts.resource),
        ("the header lines", parts.lines),
        ("method and path", parts.method + b"\n" + parts.resource),
        ("AppKey, timestamp and nonce", key + stamp + nonce),
        ("AppKey and timestamp", key + stamp),
        ("timestamp and nonce", stamp + nonce),
        ("the timestamp", stamp),
        ("nothing", b""),
    ):
        yield _one("string-incomplete", f"only {how}", text)
