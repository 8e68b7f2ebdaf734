"""The seven signed parts of a request, and what clients sign in place of the first five.

The likeliest come first, because the first that fits is the one that is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate

from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.findings import PartVariant, variant
from mock_server.web.auth_diagnostics.search import Parts
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.signature import header_lines, is_form, resource

METHOD, ACCEPT, DIGEST, CONTENT_TYPE, DATE, LINES, RESOURCE = range(7)
# What follows each part in the string to sign; each header line has its own line feed.
ENDS = (*(b"\n",) * 5, b"", b"")


def parts_of(evidence: Evidence[WorkshopSettings], names: tuple[bytes, ...]) -> Parts:
    """Return the parts as the server sees them, with the lines of these headers."""
    content_type = evidence.value(b"content-type")
    form = evidence.capture.body if is_form(content_type) else b""
    return (
        evidence.capture.method.upper().encode("latin-1", "replace"),
        evidence.value(b"accept"),
        evidence.value(b"content-md5"),
        content_type,
        evidence.value(b"date"),
        header_lines(evidence.header, names),
        resource(evidence.capture.target, form),
    )


_TYPES = (
    b"application/json",
    b"application/json; charset=utf-8",
    b"application/json; charset=UTF-8",
    b"application/json;charset=utf-8",
    b"application/json;charset=UTF-8",
)
# What HTTP libraries and SDKs put there by themselves.
_ACCEPTS = (*_TYPES, b"*/*", b"application/json, text/plain, */*", b"text/html", b"application/*")
_CONTENT_TYPES = (
    *_TYPES,
    b"application/octet-stream; charset=utf-8",
    b"application/octet-stream",
    b"application/x-www-form-urlencoded",
    b"application/x-www-form-urlencoded; charset=utf-8",
    b"application/x-www-form-urlencoded; charset=UTF-8",
    b"text/plain",
    b"text/plain; charset=utf-8",
    b"text/plain;charset=UTF-8",
    b"multipart/form-data",
)
_CHARSETS = (b"; charset=utf-8", b"; charset=UTF-8", b";charset=utf-8", b";charset=UTF-8")
_ZONES = (b"GMT", b"GMT+00:00", b"UTC", b"+0000", b"-0000", b"Z", b"GMT+0000")
_HOURS = (8, 9, -5, -8, 1)
_SLACK = (0, -1, 1, -2, 2, -3, 3)


def accept_variants(sent: bytes) -> Iterator[PartVariant]:
    """Yield what may be signed as Accept."""
    if sent:
        yield variant("accept-added", "nothing was signed", b"")
    cause = "accept-changed" if sent else "accept-not-sent"
    for other in (*_ACCEPTS, sent.lower(), sent.replace(b" ", b"")):
        yield variant(cause, f"as {other.decode('latin-1')}", other)


def content_type_variants(sent: bytes) -> Iterator[PartVariant]:
    """Yield what may be signed as Content-Type."""
    if not sent:
        for other in _CONTENT_TYPES:
            yield variant("content-type-not-sent", f"as {other.decode()}", other)
        return
    yield variant("content-type-added", "nothing was signed", b"")
    media, semicolon, rest = sent.partition(b";")
    if semicolon:
        boundary = b"boundary=" in rest.lower()
        cause = "content-type-boundary" if boundary else "content-type-charset"
        yield variant(cause, "without it", media.strip())
    yield variant("content-type-case", "in lower case", sent.lower())
    yield variant("content-type-case", "with UTF-8 in capitals", sent.replace(b"utf-8", b"UTF-8"))
    for charset in _CHARSETS:
        other = media.strip() + charset
        yield variant("content-type-charset", f"with{charset.decode().lstrip(';')}", other)
    for other in _CONTENT_TYPES:
        yield variant("content-type-changed", f"as {other.decode()}", other)


def date_variants(sent: bytes, timestamp: bytes) -> Iterator[PartVariant]:
    """Yield what may be signed as Date; without one, the timestamp (ms) tells the moment."""
    if not sent:
        stamped = _moment(timestamp)
        if stamped is not None:
            yield from _unsent_dates(stamped)
        return
    yield variant("date-not-signed", "as nothing", b"")
    moment = _parsed(sent)
    if moment is None:
        return
    for zone in _ZONES:
        yield variant("date-zone", f"as {zone.decode()}", _written(moment, zone))
    for hours in _HOURS:
        local = moment + timedelta(hours=hours)
        for zone in (b"GMT", b"GMT%+03d:00" % hours, b"%+03d00" % hours, b"CST"):
            how = f"{hours:+d} h, as {zone.decode()}"
            yield variant("date-zone", how, _written(local, zone))
    yield from _formats(moment, sent)
    for seconds in _SLACK[1:]:
        text = _written(moment + timedelta(seconds=seconds), sent.rpartition(b" ")[2])
        yield variant("date-moved", f"{seconds:+d} s", text)


def _unsent_dates(stamped: datetime) -> Iterator[PartVariant]:
    for seconds in _SLACK:
        for zone in _ZONES:
            text = _written(stamped + timedelta(seconds=seconds), zone)
            yield variant("date-not-sent", f"with the zone {zone.decode()}", text)


def _formats(moment: datetime, sent: bytes) -> Iterator[PartVariant]:
    seconds = int(moment.timestamp())
    zone = sent.rpartition(b" ")[2]
    for text in (
        _written(moment, zone).replace(b", 0", b", "),
        moment.strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
        moment.strftime("%Y-%m-%d %H:%M:%S").encode(),
        b"%d" % seconds,
        b"%d000" % seconds,
    ):
        yield variant("date-format", f"as {text.decode()}", text)


def _written(moment: datetime, zone: bytes) -> bytes:
    """Return an RFC 1123 text; the names of days are English whatever the machine speaks."""
    text = format_datetime(moment, usegmt=True).encode()
    return text.removesuffix(b"GMT") + zone


def _parsed(text: bytes) -> datetime | None:
    """Return the moment of an RFC 1123 text as if it were UTC."""
    try:
        found = parsedate(text.decode("latin-1"))
        return None if found is None else datetime(*found[:6], tzinfo=UTC)
    except (ValueError, IndexError, TypeError):
        return None


def _moment(timestamp: bytes) -> datetime | None:
    if not timestamp.isdigit() or len(timestamp) > 14:
        return None
    return datetime.fromtimestamp(int(timestamp) // 1000, UTC)
