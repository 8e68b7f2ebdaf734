"""How clients put the signed parts together, other than as the gateway does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.findings import Mistake
from mock_server.web.auth_diagnostics.search import Parts, PartsLayout
from mock_server.workshop.auth_diagnostics.parts import LINES, RESOURCE
from mock_server.workshop.settings import WorkshopSettings

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


def layouts(evidence: Evidence[WorkshopSettings]) -> Iterator[PartsLayout]:
    """Yield every known way to join the parts, those that go with other mistakes first."""
    yield _layout("feed-added", "behind the path", lambda parts: _whole(parts) + b"\n", common=True)
    for cause, how, separator in _SEPARATORS[:3]:
        yield _layout(cause, how, _separated(separator), common=True)
    yield _layout("empty-parts-skipped", "with their line feeds", _without_empty, common=True)
    yield _layout("lines-feed-missing", "before the path", _without_last_feed, common=True)
    yield _layout("lines-feed-doubled", "an empty line before the path", _with_feed)
    for number, name in enumerate(_NAMES):
        yield _layout("part-left-out", f"{name}, with its line feed", _without(number))
    yield _layout(
        "part-left-out",
        "the path, with its line feed",
        lambda parts: b"\n".join(parts[: LINES + 1]).removesuffix(b"\n"),
    )
    for how, order in _ORDERS:
        yield _layout("parts-order", how, _ordered(order))
    for cause, how, separator in _SEPARATORS[3:]:
        yield _layout(cause, how, _separated(separator))
    yield _layout("string-case", "in lower case", lambda parts: _whole(parts).lower())
    yield _layout("string-case", "in upper case", lambda parts: _whole(parts).upper())
    body = evidence.capture.body
    if body:
        yield _layout("body-signed", "the body alone", lambda parts: body)
        yield _layout("body-signed", "behind the path", lambda parts: _whole(parts) + body)
        yield _layout(
            "body-signed",
            "behind the path and a line feed",
            lambda parts: _whole(parts) + b"\n" + body,
        )
    yield from _foreign(evidence)


def _layout(
    cause: str, how: str, join: Callable[[Parts], bytes], *, common: bool = False
) -> PartsLayout:
    return PartsLayout(Mistake(cause, how), join, common)


def _whole(parts: Parts) -> bytes:
    return b"\n".join((*parts[:LINES], parts[LINES] + parts[RESOURCE]))


def _separated(separator: bytes) -> Callable[[Parts], bytes]:
    return lambda parts: _whole(parts).replace(b"\n", separator)


def _without_empty(parts: Parts) -> bytes:
    return b"".join([part + b"\n" for part in parts[:LINES] if part] + [*parts[LINES:]])


def _without(number: int) -> Callable[[Parts], bytes]:
    return lambda parts: b"\n".join(
        (*parts[:number], *parts[number + 1 : LINES], parts[LINES] + parts[RESOURCE])
    )


def _without_last_feed(parts: Parts) -> bytes:
    return b"\n".join((*parts[:LINES], parts[LINES].removesuffix(b"\n") + parts[RESOURCE]))


def _with_feed(parts: Parts) -> bytes:
    return b"\n".join((*parts[:LINES], parts[LINES] + b"\n" + parts[RESOURCE]))


# The first five parts by their numbers; the path stands elsewhere where it is among them.
_ORDERS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("Content-Type before Content-MD5", (0, 1, 3, 2, 4)),
    ("Content-MD5 before Accept", (0, 2, 1, 3, 4)),
    ("Content-MD5, Content-Type, Accept", (0, 2, 3, 1, 4)),
    ("Content-Type before Accept", (0, 3, 1, 2, 4)),
    ("Date before Content-Type", (0, 1, 2, 4, 3)),
    ("Date first", (0, 4, 1, 2, 3)),
    ("the path before the header lines", (0, 1, 2, 3, 4, RESOURCE)),
    ("the path behind the method", (0, RESOURCE, 1, 2, 3, 4)),
    ("the path first", (RESOURCE, 0, 1, 2, 3, 4)),
    ("the method behind the path", (1, 2, 3, 4, RESOURCE, 0)),
)


def _ordered(order: tuple[int, ...]) -> Callable[[Parts], bytes]:
    def join(parts: Parts) -> bytes:
        last = parts[LINES].removesuffix(b"\n")
        if RESOURCE not in order:
            last = parts[LINES] + parts[RESOURCE]
        return b"\n".join((*(parts[number] for number in order), last))

    return join


def _foreign(evidence: Evidence[WorkshopSettings]) -> Iterator[PartsLayout]:
    """Strings of other schemes, and parts of this one."""
    key, stamp, nonce = (
        evidence.value(name) for name in (b"x-ca-key", b"x-ca-timestamp", b"x-ca-nonce")
    )
    for how, time in (("in milliseconds", stamp), ("in seconds", stamp[:-3])):
        tail = (evidence.capture.target, time, nonce, evidence.capture.body)
        yield _layout("tams-string", how, _constant(evidence.capture.method.encode(), *tail))
    for how, cut in (
        ("the path", lambda parts: parts[RESOURCE]),
        ("the header lines and the path", lambda parts: parts[LINES] + parts[RESOURCE]),
        ("the header lines", lambda parts: parts[LINES]),
        ("method and path", lambda parts: parts[0] + b"\n" + parts[RESOURCE]),
        ("AppKey, timestamp and nonce", _constant(key + stamp + nonce)),
        ("AppKey and timestamp", _constant(key + stamp)),
        ("timestamp and nonce", _constant(stamp + nonce)),
        ("the timestamp", _constant(stamp)),
        ("nothing", _constant(b"")),
    ):
        yield _layout("string-incomplete", f"only {how}", cut)


def _constant(*lines: bytes) -> Callable[[Parts], bytes]:
    return lambda parts: b"\n".join(lines)
