"""A TAMS request for the search: its five parts, and what is signed in their place."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import md5, sha256
from json import loads
from urllib.parse import quote, quote_plus, unquote_to_bytes, urlencode

from mock_server.tams.auth_diagnostics.layouts import layouts, orders
from mock_server.tams.settings import TamsSettings
from mock_server.tams.signature import SignedHeader
from mock_server.web.auth_diagnostics.body_variants import BodyVariants
from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.findings import Mistake, PartVariant, variant
from mock_server.web.auth_diagnostics.search import (
    MAX_WHOLE_BYTES,
    Axis,
    Base,
    Guess,
    Parts,
    PartsLayout,
    guesses,
    laid_out,
)
from mock_server.web.auth_diagnostics.search_budget import SearchWork
from mock_server.web.auth_diagnostics.url_variants import method_variants, path_changes

METHOD, TARGET, TIMESTAMP, NONCE, BODY = range(5)
_PATH_CAUSES = {
    "host": "host-included", "origin": "scheme-and-host-included",
    "prefix-left-out": "path-prefix-left-out", "prefix-added": "path-prefix-added",
    "prefix-doubled": "version-doubled", "leading-slash": "leading-slash-missing",
    "slash-added": "trailing-slash-added", "slash-removed": "trailing-slash-removed",
    "slashes": "double-slash", "lower-case": "url-lower-case", "decoded": "url-decoded",
    "encoded": "url-encoded", "segment-left-out": "path-segment-left-out",
    "left-out": "path-left-out", "other": "other-path",
}  # fmt: skip
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_UUID = re.compile(rb"[0-9a-fA-F]{32}")
# Of a body that a client may have signed and not sent.
_MEMBERS = ("requestId", "request_id", "notifyUrl", "notify_url", "stages", "params", "templateId",
            "fields", "expireSec", "term")  # fmt: skip
_MAX_FIELDS_BYTES = 2048


def parts_of(evidence: Evidence[TamsSettings], header: SignedHeader) -> Parts:
    """Return the parts as the server sees them."""
    capture = evidence.capture
    return (
        capture.method.encode("latin-1", "replace"),
        capture.target,
        header.timestamp.encode("latin-1"),
        header.nonce.encode("latin-1"),
        capture.body,
    )


class TamsScheme:
    """METHOD, URL, TIMESTAMP, NONCE and BODY, joined by line feeds (TAMS › 3.2)."""

    def __init__(
        self, evidence: Evidence[TamsSettings], header: SignedHeader, work: SearchWork
    ) -> None:
        self.evidence = evidence
        self.app_id = header.app_id.encode("latin-1")
        self.parts = parts = parts_of(evidence, header)
        whole = Base((), parts, (b"\n",) * 4 + (b"",), layouts_first=not parts[BODY])
        self.bases = [whole]
        if not parts[BODY]:
            # Without a body the string ends in a line feed, which many leave out.
            missing = Mistake("final-lf-missing", "without the last line feed")
            ends = (b"\n",) * 3 + (b"",)
            self.bases.append(Base((missing,), parts[:BODY], ends, layouts_first=True))
        self._bodies = BodyVariants(parts[BODY], work, _MEMBERS)
        self._changes = list(self._target_changes())
        method, target, timestamp, nonce, _ = parts
        self._axes = (
            Axis(TARGET, (PartVariant((step,), do(target)) for step, do in self._changes), 45),
            Axis(METHOD, method_variants(method, "other-method"), 4),
            Axis(BODY, self._bodies.singles(), 60),
            Axis(TIMESTAMP, timestamp_variants(timestamp), 8),
            Axis(NONCE, nonce_variants(nonce, timestamp), 12),
        )

    def axes(self, base: Base) -> Sequence[Axis]:
        return [axis for axis in self._axes if axis.part < len(base.parts)]

    def layouts(self, base: Base) -> Iterator[PartsLayout]:
        is_long = len(self.parts[BODY]) > MAX_WHOLE_BYTES
        return layouts(self.app_id, len(base.parts), is_long=is_long)

    def rare(self, base: Base) -> Iterator[Guess | None]:
        if len(base.parts) > BODY:
            yield from guesses(base, BODY, self._bodies.several())
        for layout in orders(self.app_id, len(base.parts)):
            yield laid_out(base, layout)
        yield from guesses(base, TIMESTAMP, rare_timestamps(self.parts[TIMESTAMP]))
        yield from guesses(base, TARGET, self._target_pairs())

    def _target_changes(self) -> Iterator[tuple[Mistake, Callable[[bytes], bytes]]]:
        """Yield what may be done to the URL, the likeliest first."""
        target, body = self.parts[TARGET], self.parts[BODY]
        yield from _QUERY_CHANGES
        path = target.partition(b"?")[0]
        others = [other for other in self.evidence.paths if other != target]
        scheme, host = self.evidence.capture.scheme, self.evidence.value(b"host")
        for kind, how, change in path_changes(scheme, host, path, others):
            cause = "version-missing" if how == "without /v1" else _PATH_CAUSES[kind]
            if kind == "prefix-doubled" and how != "with /v1 in front":
                cause = "path-prefix-added"
            # The path of another operation is signed without this one's query.
            yield Mistake(cause, how), change if kind == "other" else _path_with(change)
        if fields := _query_of(body):
            step = Mistake("query-added", "made of the body's members")
            yield step, lambda target: target + b"?" + fields

    def _target_pairs(self) -> Iterator[PartVariant]:
        """Yield what two changes of different causes make of the URL."""
        target = self.parts[TARGET]
        for first, change in self._changes[:45]:
            once = change(target)
            if once == target:
                continue
            for second, change_again in self._changes[:45]:
                if second.cause != first.cause:
                    twice = change_again(once)
                    if twice not in (once, target):
                        yield PartVariant((first, second), twice)


# Timestamps and nonces


def timestamp_variants(timestamp: bytes) -> Iterator[PartVariant]:
    """Yield what may be signed as the timestamp."""
    if not timestamp.isdigit():
        return
    number = int(timestamp)
    if len(timestamp) >= 13:
        for seconds in (number // 1000, number // 1000 + 1):
            yield variant("timestamp-seconds-signed", f"as {seconds}", b"%d" % seconds)
        yield variant("timestamp-fraction", "in seconds with a fraction",
                      b"%d.%03d" % divmod(number, 1000))  # fmt: skip
    else:
        for zeros, unit in ((3, "milliseconds"), (6, "microseconds"), (9, "nanoseconds")):
            value = timestamp + b"0" * zeros
            yield variant("timestamp-milliseconds-signed", f"in {unit}, as {value.decode()}", value)
    for off in (1, -1, 2, -2, 3, -3, 4, -4, 5, -5):
        if number + off >= 0:
            how = f"as {number + off} ({off:+d})"
            yield variant("timestamp-differs", how, b"%d" % (number + off))
    yield variant("timestamp-fraction", f"as {number}.0", timestamp + b".0")
    if number < 10**11:
        moment = datetime.fromtimestamp(number, UTC)
        for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%SZ",
                     "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S+00:00"):  # fmt: skip
            text = moment.strftime(form)
            yield variant("timestamp-differs", f"as the date {text}", text.encode())


def rare_timestamps(timestamp: bytes) -> Iterator[PartVariant]:
    """Yield every millisecond of the second, and other time zones."""
    if not timestamp.isdigit() or len(timestamp) >= 13:
        return
    number = int(timestamp)
    for ms in range(1, 1000):
        signed = b"%d%03d" % (number, ms)
        yield variant("timestamp-milliseconds-signed", f"as {signed.decode()}", signed)
    for digits in (3, 2, 1):
        for fraction in range(10**digits):
            signed = b"%d.%0*d" % (number, digits, fraction)
            yield variant("timestamp-fraction", f"as {signed.decode()}", signed)
    for half_hours in range(-24, 29):
        off = half_hours * 1800
        if off and number + off >= 0:
            how = f"of another time zone ({off / 3600:+g} h)"
            yield variant("timestamp-differs", how, b"%d" % (number + off))


def nonce_variants(nonce: bytes, timestamp: bytes) -> Iterator[PartVariant]:
    """Yield what may be signed as the nonce."""
    for how, value in (
        ("in lower case", nonce.lower()),
        ("in upper case", nonce.upper()),
        ("without hyphens", nonce.replace(b"-", b"")),
        ("in quotes", b'"' + nonce + b'"'),
        ("without the blanks around it", nonce.strip()),
        # The official demos make their nonce so (TAMS › 3.3).
        ("as the MD5 of the timestamp", md5(timestamp, usedforsecurity=False).hexdigest().encode()),
        ("as the SHA-256 of the timestamp", sha256(timestamp).hexdigest().encode()),
        ("as the timestamp", timestamp),
        ("as str(bytes) of Python: b'…'", b"b'" + nonce + b"'"),
        ("without hyphens, in lower case", nonce.replace(b"-", b"").lower()),
        ("in base64", b64encode(nonce)),
    ):
        yield variant("nonce-differs", how, value)
    if _UUID.fullmatch(nonce):
        text = nonce.decode()
        cuts = (text[:8], text[8:12], text[12:16], text[16:20], text[20:])
        yield variant("nonce-differs", "with hyphens", "-".join(cuts).encode())


# Queries


def _path_with(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def changed(target: bytes) -> bytes:
        path, mark, query = target.partition(b"?")
        return change(path) + mark + query

    return changed


def _query_with(change: Callable[[list[bytes]], Iterable[bytes]]) -> Callable[[bytes], bytes]:
    def changed(target: bytes) -> bytes:
        path, mark, query = target.partition(b"?")
        return path + mark + b"&".join(change(query.split(b"&"))) if mark else target

    return changed


def _value_with(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def changed(pair: bytes) -> bytes:
        name, equals, value = pair.partition(b"=")
        return name + equals + change(value)

    return _query_with(lambda pairs: map(changed, pairs))


_FALSY = (b"", b"0", b"false", b"False", b"null", b"None", b"undefined", b"nil")


def _bare(pair: bytes) -> bytes:
    name, _, value = pair.partition(b"=")
    return name if value in _FALSY else pair


_QUERY_CHANGES: tuple[tuple[Mistake, Callable[[bytes], bytes]], ...] = (
    (Mistake("query-left-out", "without the query"), lambda target: target.partition(b"?")[0]),
    (Mistake("query-sorted", "sorted by name"), _query_with(sorted)),
    (Mistake("query-sorted", "in reverse order"), _query_with(lambda pairs: pairs[::-1])),
    (Mistake("url-decoded", "percent-decoded"), unquote_to_bytes),
    (Mistake("url-decoded", "decoded, + as a blank"),
     lambda target: unquote_to_bytes(target.replace(b"+", b" "))),
    (Mistake("url-encoded", "encoded once more"),
     lambda target: quote(target, safe=b"/?&=:,+~-._").encode()),
    (Mistake("url-encoded", "encoded whole"), lambda target: quote(target, safe=b"").encode()),
    (Mistake("url-encoded", "encoded whole, slashes not"),
     lambda target: quote(target, safe=b"/").encode()),
    (Mistake("url-encoded", "with capital digits in escapes"),
     lambda target: _ESCAPE.sub(lambda match: match[0].upper(), target)),
    (Mistake("url-encoded", "with small digits in escapes"),
     lambda target: _ESCAPE.sub(lambda match: match[0].lower(), target)),
    (Mistake("url-encoded", "with %20 for +"), lambda target: target.replace(b"+", b"%20")),
    (Mistake("url-encoded", "with + for %20"), lambda target: target.replace(b"%20", b"+")),
    (Mistake("url-encoded", "with reserved characters of the query encoded"),
     _value_with(lambda value: quote_plus(unquote_to_bytes(value)).encode())),
    (Mistake("query-changed", "false, 0 and null as a bare name"),
     _query_with(lambda pairs: map(_bare, pairs))),
    (Mistake("query-changed", "without empty values"),
     _query_with(lambda pairs: [pair for pair in pairs if pair.partition(b"=")[2]])),
    (Mistake("query-changed", "without false, 0 and null"),
     _query_with(lambda pairs: [pair for pair in pairs if _bare(pair) == pair])),
    (Mistake("query-changed", "bare names with ="),
     _query_with(lambda pairs: [pair if b"=" in pair else pair + b"=" for pair in pairs])),
    (Mistake("query-added", "with a bare ? at the end"),
     lambda target: target if b"?" in target else target + b"?"),
    (Mistake("url-lower-case", "in lower case"), bytes.lower),
)  # fmt: skip


def _query_of(body: bytes) -> bytes:
    """Return a small flat body as a query, or nothing."""
    if not 0 < len(body) <= _MAX_FIELDS_BYTES:
        return b""
    if body[:1] != b"{":
        return body if b"=" in body and body.isascii() else b""
    try:
        members = list(dict(loads(body)).items())
    except (ValueError, RecursionError):
        return b""
    if any(isinstance(value, dict | list) for _, value in members):
        return b""
    return urlencode(members, errors="backslashreplace").encode()
