"""What clients sign in place of the method, URL, timestamp and nonce that they send.

A step names a cause and how it was done; a variant is the value of one signed part after one or
more steps. The likeliest come first, because the first that fits is the one that is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import md5
from typing import NamedTuple
from urllib.parse import quote, quote_plus, unquote_to_bytes, urlencode

from mock_server.web.auth_diagnostics.findings import Step, Variant


class Parts(NamedTuple):
    """The five signed parts."""

    method: bytes
    target: bytes
    timestamp: bytes
    nonce: bytes
    body: bytes

    def joined(self) -> bytes:
        """Return the string to sign."""
        return b"\n".join(self)


Change = tuple[Step, Callable[[bytes], bytes]]

_METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD")
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_UUID = re.compile(rb"[0-9a-fA-F]{32}")


def method_variants(method: bytes) -> Iterator[Variant]:
    """Yield what may be signed as the method."""
    yield _one("method-case", "in lower case", method.lower())
    yield _one("method-case", "capitalised", method.capitalize())
    yield _one("method-case", "in upper case", method.upper())
    for other in _METHODS:
        if other != method.upper():
            yield _one("other-method", f"as {other.decode()}", other)


def timestamp_variants(timestamp: bytes, *, deep: bool = False) -> Iterator[Variant]:
    """Yield what may be signed as the timestamp; `deep` adds every millisecond of the second."""
    if not timestamp.isdigit():
        return
    number = int(timestamp)
    if len(timestamp) >= 13:
        for seconds in (number // 1000, number // 1000 + 1):
            yield _one("timestamp-seconds-signed", f"as {seconds}", b"%d" % seconds)
    else:
        yield _one("timestamp-milliseconds-signed", f"as {number}000", timestamp + b"000")
    for off in (1, -1, 2, -2, 3, -3, 4, -4, 5, -5):
        if number + off >= 0:
            yield _one("timestamp-differs", f"as {number + off} ({off:+d})", b"%d" % (number + off))
    yield _one("timestamp-fraction", f"as {number}.0", timestamp + b".0")
    if deep and len(timestamp) < 13:
        for ms in range(1, 1000):
            signed = b"%d%03d" % (number, ms)
            yield _one("timestamp-milliseconds-signed", f"as {signed.decode()}", signed)


def nonce_variants(nonce: bytes, timestamp: bytes) -> Iterator[Variant]:
    """Yield what may be signed as the nonce."""
    for how, value in (
        ("in lower case", nonce.lower()),
        ("in upper case", nonce.upper()),
        ("without hyphens", nonce.replace(b"-", b"")),
        ("in quotes", b'"' + nonce + b'"'),
        ("without the blanks around it", nonce.strip()),
        # The official demos make their nonce so (TAMS › 3.3).
        (
            "as the MD5 of the timestamp",
            md5(timestamp, usedforsecurity=False).hexdigest().encode(),
        ),
        ("as the timestamp", timestamp),
    ):
        yield _one("nonce-differs", how, value)
    if _UUID.fullmatch(nonce):
        text = nonce.decode()
        cuts = (text[:8], text[8:12], text[12:16], text[16:20], text[20:])
        yield _one("nonce-differs", "with hyphens", "-".join(cuts).encode())


def target_changes(
    scheme: str, host: bytes, body: bytes, paths: Sequence[bytes] = ()
) -> list[Change]:
    """Return what may be done to path and query before they are signed."""
    port_free = host.partition(b":")[0] if host[:1] != b"[" else host
    changes: list[Change] = [
        (Step("query-left-out", "without the query"), lambda t: t.partition(b"?")[0]),
        (Step("query-sorted", "sorted by name"), _sorted_query),
        (Step("url-decoded", "percent-decoded"), unquote_to_bytes),
        (Step("url-decoded", "decoded, + as a blank"), _form_decoded),
        (Step("url-encoded", "encoded once more"), lambda t: _encoded(t, b"")),
        (Step("url-encoded", "with capital digits in escapes"), _escapes(bytes.upper)),
        (Step("url-encoded", "with small digits in escapes"), _escapes(bytes.lower)),
        (Step("url-encoded", "with %20 for +"), lambda t: t.replace(b"+", b"%20")),
        (Step("url-encoded", "with + for %20"), lambda t: t.replace(b"%20", b"+")),
        (Step("url-encoded", "with reserved characters of the query encoded"), _encoded_query),
        (Step("version-missing", "without /v1"), lambda t: t.removeprefix(b"/v1")),
        (Step("version-doubled", "with /v1 twice"), lambda t: b"/v1" + t),
        (Step("trailing-slash-added", "with / behind the path"), _path_with(lambda p: p + b"/")),
        (
            Step("trailing-slash-removed", "without / behind the path"),
            _path_with(lambda p: p.rstrip(b"/") or b"/"),
        ),
        (Step("double-slash", "with // in front"), lambda t: b"/" + t),
        (
            Step("double-slash", "with single slashes"),
            _path_with(lambda p: re.sub(rb"//+", b"/", p)),
        ),
        (Step("leading-slash-missing", "without the first /"), lambda t: t.removeprefix(b"/")),
        (Step("query-added", "with a bare ? at the end"), _bare_question),
        (Step("url-lower-case", "in lower case"), bytes.lower),
        (
            Step("path-segment-left-out", "without the last part of the path"),
            _path_with(lambda p: p.rpartition(b"/")[0]),
        ),
    ]
    for name in dict.fromkeys((host, port_free)):
        if name:
            shown = name.decode("ascii", "backslashreplace")
            changes.append((Step("host-included", f"with {shown} in front"), _prefix(name)))
            for word in dict.fromkeys((scheme, "https", "http")):
                origin = word.encode() + b"://" + name
                step = Step("scheme-and-host-included", f"with {word}://{shown} in front")
                changes.append((step, _prefix(origin)))
    if fields := _query_of(body):
        changes.append((Step("query-added", "made of the body's members"), _suffix(b"?" + fields)))
    for path in paths:
        step = Step("other-path", f"as {path.decode('ascii', 'backslashreplace')}")
        changes.append((step, _constant(path)))
    return changes


def target_variants(target: bytes, changes: Sequence[Change]) -> Iterator[Variant]:
    """Yield what may be signed as the URL, by one change."""
    for step, change in changes:
        yield Variant((step,), change(target))


def target_pairs(target: bytes, changes: Sequence[Change]) -> Iterator[Variant]:
    """Yield what may be signed as the URL, by two changes of different causes."""
    for first, change in changes:
        once = change(target)
        if once == target:
            continue
        for second, change_again in changes:
            if second.cause != first.cause:
                twice = change_again(once)
                if twice not in (once, target):
                    yield Variant((first, second), twice)


def _one(cause: str, how: str, value: bytes) -> Variant:
    return Variant((Step(cause, how),), value)


def _sorted_query(target: bytes) -> bytes:
    path, mark, query = target.partition(b"?")
    return path + mark + b"&".join(sorted(query.split(b"&")))


def _form_decoded(target: bytes) -> bytes:
    return unquote_to_bytes(target.replace(b"+", b" "))


def _encoded(target: bytes, more: bytes) -> bytes:
    return quote(target, safe=b"/?&=:,+~-._" + more).encode()


def _encoded_query(target: bytes) -> bytes:
    """Encode values as urlencode does, whatever the client left raw on the wire."""
    path, mark, query = target.partition(b"?")
    pairs = (pair.partition(b"=") for pair in query.split(b"&"))
    return (
        path
        + mark
        + b"&".join(
            name + equals + quote_plus(unquote_to_bytes(value)).encode()
            for name, equals, value in pairs
        )
    )


def _escapes(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda target: _ESCAPE.sub(lambda match: change(match[0]), target)


def _path_with(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def changed(target: bytes) -> bytes:
        path, mark, query = target.partition(b"?")
        return change(path) + mark + query

    return changed


def _bare_question(target: bytes) -> bytes:
    return target if b"?" in target else target + b"?"


def _prefix(words: bytes) -> Callable[[bytes], bytes]:
    return lambda target: words + target


def _suffix(words: bytes) -> Callable[[bytes], bytes]:
    return lambda target: target + words


def _constant(value: bytes) -> Callable[[bytes], bytes]:
    return lambda target: value


def _query_of(body: bytes) -> bytes:
    """Return a small flat body as a query, or nothing."""
    if not 0 < len(body) <= 2048:
        return b""
    if body[:1] != b"{":
        return body if b"=" in body and body.isascii() else b""
    from mock_server.web.auth_diagnostics.json_spellings import parse

    parsed = parse(body)
    if parsed is None or not isinstance(parsed[1], dict):
        return b""
    members = parsed[1].items()
    if any(isinstance(value, dict | list) for _, value in members):
        return b""
    return urlencode(list(members), errors="backslashreplace").encode()
