"""What clients sign in place of the method, the path and the host; the same for both vendors.

A vendor has its own ids for these causes: `kind` is what both have in common.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from mock_server.web.auth_diagnostics.findings import Mistake, PartVariant, variant

_METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS")
_PREFIXES = (b"/v1", b"/api", b"/openapi", b"/scc", b"/api/v1", b"/v2", b"/proxy", b"/prod")
_MAX_SEGMENTS = 6


class PathChange(NamedTuple):
    """Something that is done to a path before it is signed; the query is not touched."""

    kind: str
    how: str
    change: Callable[[bytes], bytes]


def method_variants(method: bytes, other: str) -> Iterator[PartVariant]:
    """Yield what may be signed as the method; `other` is the cause of another method."""
    yield variant("method-case", "in lower case", method.lower())
    yield variant("method-case", "capitalised", method.capitalize())
    yield variant("method-case", "in upper case", method.upper())
    for name in _METHODS:
        if name != method.upper():
            yield variant(other, f"as {name.decode()}", name)


def path_changes(
    scheme: str, host: bytes, path: bytes, known_paths: Sequence[bytes] = ()
) -> Iterator[PathChange]:
    """Yield what may be done to a path, the likeliest first."""
    yield from _host_changes(scheme, host)
    segments = path.split(b"/")[1 : _MAX_SEGMENTS + 1]
    for count in range(1, len(segments)):
        prefix = b"/" + b"/".join(segments[:count])
        if segments[0]:
            yield PathChange("prefix-left-out", f"without {_shown(prefix)}", _without(prefix))
    first = b"/" + segments[0] if segments and segments[0] else b""
    for prefix in dict.fromkeys((first, *_PREFIXES)):
        if prefix:
            kind = "prefix-doubled" if prefix == first else "prefix-added"
            yield PathChange(kind, f"with {_shown(prefix)} in front", prefix.__add__)
    yield PathChange("leading-slash", "without the first /", lambda path: path.lstrip(b"/"))
    rest = path.split(b"/", 2)[-1]
    yield PathChange("leading-slash", f"as {_shown(rest)}", lambda path: path.split(b"/", 2)[-1])
    yield PathChange("slash-added", "with / behind it", lambda path: path + b"/")
    yield PathChange("slash-removed", "without / behind it", lambda path: path.rstrip(b"/") or b"/")
    yield PathChange("slashes", "with // in front", lambda path: b"/" + path)
    yield PathChange("slashes", "with single slashes", lambda path: re.sub(rb"//+", b"/", path))
    yield PathChange("slashes", "with // for every /", lambda path: path.replace(b"/", b"//"))
    yield PathChange("slashes", "with // before the last part", _doubled_last)
    yield PathChange("lower-case", "in lower case", bytes.lower)
    yield PathChange("decoded", "percent-decoded", unquote_to_bytes)
    yield PathChange("encoded", "encoded", lambda path: quote(path, safe=b"/%").encode())
    yield PathChange("encoded", "encoded once more", lambda path: quote(path, safe=b"/").encode())
    yield PathChange("encoded", "with its slashes encoded", _wholly_encoded)
    yield PathChange("encoded", "with its slashes encoded, in small digits", _wholly_encoded_small)
    yield PathChange("segment-left-out", "without its last part", lambda p: p.rpartition(b"/")[0])
    yield PathChange("left-out", "as nothing", lambda path: b"")
    yield PathChange("left-out", "as / alone", lambda path: b"/")
    for other in known_paths:
        if other != path:
            yield PathChange("other", f"as {_shown(other)}", _constant(other))


def _host_changes(scheme: str, host: bytes) -> Iterator[PathChange]:
    without_port = host.partition(b":")[0] if host[:1] != b"[" else host
    for name in dict.fromkeys((host, without_port)):
        if name:
            yield PathChange("host", f"with {_shown(name)} in front", name.__add__)
            yield PathChange("host", f"with //{_shown(name)} in front", (b"//" + name).__add__)
            for word in dict.fromkeys((scheme, "https", "http")):
                origin = word.encode() + b"://" + name
                yield PathChange("origin", f"with {_shown(origin)} in front", origin.__add__)


def named(
    changes: Iterator[PathChange], causes: Mapping[str, str]
) -> list[tuple[Mistake, PathChange]]:
    """Return the changes with the ids that a vendor has for them."""
    return [(Mistake(causes[change.kind], change.how), change) for change in changes]


def _shown(text: bytes) -> str:
    return text.decode("ascii", "backslashreplace")[:80]


def _constant(path: bytes) -> Callable[[bytes], bytes]:
    return lambda _: path


def _without(prefix: bytes) -> Callable[[bytes], bytes]:
    return lambda path: path.removeprefix(prefix)


def _doubled_last(path: bytes) -> bytes:
    before, slash, last = path.rpartition(b"/")
    return before + slash + slash + last


def _wholly_encoded(path: bytes) -> bytes:
    return quote(path, safe=b"").encode()


def _wholly_encoded_small(path: bytes) -> bytes:
    return re.sub(rb"%..", lambda match: match[0].lower(), _wholly_encoded(path))
