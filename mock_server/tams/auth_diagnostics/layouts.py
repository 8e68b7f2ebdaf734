"""How clients put the signed parts together, other than with one line feed between them.

Without a body there may be four parts, METHOD, URL, TIMESTAMP and NONCE: then the last line feed
is missing as well.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import md5, sha1, sha256
from itertools import permutations

from mock_server.web.auth_diagnostics.findings import Mistake
from mock_server.web.auth_diagnostics.search import Parts, PartsLayout

_NAMES = ("METHOD", "URL", "TIMESTAMP", "NONCE", "BODY", "APP_ID")
_SEPARATORS = (
    ("separator-crlf", "CRLF", b"\r\n"), ("separator-literal", r"a literal \n", b"\\n"),
    ("separator-other", "nothing", b""), ("separator-other", "a blank", b" "),
    ("separator-other", "a comma", b","), ("separator-other", "&", b"&"),
    ("separator-other", "|", b"|"), ("separator-other", "a colon", b":"),
    ("separator-other", "a semicolon", b";"), ("separator-other", "CR", b"\r"),
    ("separator-other", "a tabulator", b"\t"), ("separator-other", "two line feeds", b"\n\n"),
    ("separator-literal", r"a literal \r\n", b"\\r\\n"),
    ("separator-other", "a comma and a blank", b", "), ("separator-other", "a hyphen", b"-"),
    ("separator-other", "a dot", b"."), ("separator-other", "_", b"_"),
    ("separator-other", "a zero byte", b"\0"),
)  # fmt: skip
_COMMON_SEPARATORS = 7
_AROUND = (
    ("a line feed in front", b"\n", b""), ("line feeds around", b"\n", b"\n"),
    ("a blank behind", b"", b" "), ("CRLF behind", b"", b"\r\n"),
)  # fmt: skip
_LABELS = (
    (b"method", b"url", b"timestamp", b"nonce", b"body"),
    (b"method", b"path", b"timestamp", b"nonce_str", b"body"),
    (b"method", b"uri", b"timestamp", b"nonce_str", b"body"),
)
_WHOLES: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("SHA-256 in hexadecimal", lambda text: sha256(text).hexdigest().encode()),
    ("SHA-256 in capital hexadecimal", lambda text: sha256(text).hexdigest().upper().encode()),
    ("the bytes of SHA-256", lambda text: sha256(text).digest()),
    ("SHA-256 in base64", lambda text: b64encode(sha256(text).digest())),
    ("MD5 in hexadecimal", lambda text: md5(text, usedforsecurity=False).hexdigest().encode()),
    ("SHA-1 in hexadecimal", lambda text: sha1(text, usedforsecurity=False).hexdigest().encode()),
    ("base64", b64encode),
    ("hexadecimal", lambda text: text.hex().encode()),
)


def layouts(app_id: bytes, count: int, *, is_long: bool) -> Iterator[PartsLayout]:
    """Yield ways to join so many parts, the likeliest first.

    Where the string `is_long` it is not hashed or encoded as a whole.
    """
    if count == 5:
        yield PartsLayout(Mistake("final-lf-extra", "with a line feed behind"),
                     lambda parts: _lf((*parts, b"")), common=True)  # fmt: skip
        yield PartsLayout(Mistake("query-in-body", "the query behind the nonce, none in the URL"),
                     _query_in_body, common=True)  # fmt: skip
    yield PartsLayout(Mistake("pairs-swapped", "with the nonce before the timestamp"),
                 partial(_ordered, (0, 1, 3, 2, 4)[:count], b""), common=True)  # fmt: skip
    for number, (cause, words, separator) in enumerate(_SEPARATORS):
        step = Mistake(cause, f"joined with {words}")
        yield PartsLayout(step, separator.join, common=number < _COMMON_SEPARATORS)
    for place in range(count + 1):
        order = (*range(place), count, *range(place, count))
        where = f"before {_NAMES[place]}" if place < count else "at the end"
        step = Mistake("app-id-included", where)
        yield PartsLayout(step, partial(_ordered, order, app_id), common=place in (0, count))
    for missing in range(count):
        kept = [number for number in range(count) if number != missing]
        step = Mistake("part-left-out", f"{_NAMES[missing]} is not there")
        yield PartsLayout(step, partial(_ordered, kept, b""))
    for missing in range(1, 4):
        order = tuple(count if number == missing else number for number in range(count))
        step = Mistake("part-left-out", f"{_NAMES[missing]} is empty")
        yield PartsLayout(step, partial(_ordered, order, b""))
    for how, before, after in _AROUND:
        yield PartsLayout(Mistake("space-around", f"with {how}"), partial(_around, before, after))
    for size in (2, 4, 8):
        step = Mistake("space-around", f"each line indented by {size}")
        yield PartsLayout(step, partial(_labelled, (b" " * size,) * 5, b"\n"))
    for labels in _LABELS:
        for separator, words in ((b"\n", "lines"), (b"&", "pairs with &")):
            step = Mistake("parts-named", f"as {words}: method=…, {labels[1].decode()}=…")
            yield PartsLayout(step, partial(_labelled, [name + b"=" for name in labels], separator))
    yield PartsLayout(
        Mistake("parts-named", "as the header's pairs: app_id=…,nonce_str=…,timestamp=…"),
        lambda parts: b"app_id=%b,nonce_str=%b,timestamp=%b" % (app_id, parts[3], parts[2]),
    )
    for how, change in () if is_long else _WHOLES:
        yield PartsLayout(Mistake("string-hashed-first", f"as {how}"), partial(_whole, change))


def orders(app_id: bytes, count: int) -> Iterator[PartsLayout]:
    """Yield all orders of the parts, and of the parts with the app id among them."""
    straight = tuple(range(count))
    names = (*_NAMES[:count], "APP_ID")
    for more, cause in ((0, "parts-reordered"), (1, "app-id-included")):
        for order in permutations(range(count + more)):
            if tuple(number for number in order if number < count) != straight:
                words = " ".join(names[number] for number in order)
                yield PartsLayout(Mistake(cause, f"as {words}"), partial(_ordered, order, app_id))


def _lf(parts: Sequence[bytes]) -> bytes:
    return b"\n".join(parts)


def _ordered(order: Sequence[int], last: bytes, parts: Parts) -> bytes:
    """Join the parts in an order; the number behind the last part's stands for `last`."""
    return _lf([(*parts, last)[number] for number in order])


def _query_in_body(parts: Parts) -> bytes:
    path, mark, query = parts[1].partition(b"?")
    return _lf((parts[0], path, *parts[2:4], query) if mark and not parts[4] else parts)


def _around(before: bytes, after: bytes, parts: Parts) -> bytes:
    # One join, because a body may be long.
    pieces = (piece for part in parts[:-1] for piece in (part, b"\n"))
    return b"".join((before, *pieces, parts[-1], after))


def _labelled(labels: Sequence[bytes], separator: bytes, parts: Parts) -> bytes:
    return separator.join(label + part for label, part in zip(labels, parts, strict=False))


def _whole(change: Callable[[bytes], bytes], parts: Parts) -> bytes:
    return change(_lf(parts))
