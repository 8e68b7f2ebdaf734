"""How clients put the signed parts together, other than with one line feed between them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import md5, sha1, sha256
from itertools import permutations
from typing import NamedTuple

from mock_server.tams.auth_diagnostics.variants import Parts
from mock_server.web.auth_diagnostics.findings import Step


class Layout(NamedTuple):
    """A way of joining the parts; `common` ones are also tried with another mistake."""

    step: Step
    join: Callable[[Parts, bytes], bytes]
    common: bool = True


_SEPARATORS = (
    ("separator-crlf", "CRLF", b"\r\n"),
    ("separator-literal", r"a literal \n", b"\\n"),
    ("separator-other", "nothing", b""),
    ("separator-other", "a blank", b" "),
    ("separator-other", "a comma", b","),
    ("separator-other", "&", b"&"),
    ("separator-other", "|", b"|"),
    ("separator-other", "a colon", b":"),
    ("separator-other", "a semicolon", b";"),
    ("separator-other", "CR", b"\r"),
    ("separator-other", "a tabulator", b"\t"),
    ("separator-other", "two line feeds", b"\n\n"),
    ("separator-literal", r"a literal \r\n", b"\\r\\n"),
    ("separator-other", "a comma and a blank", b", "),
    ("separator-other", "a hyphen", b"-"),
    ("separator-other", "a dot", b"."),
    ("separator-other", "_", b"_"),
    ("separator-other", "a zero byte", b"\0"),
)
_COMMON_SEPARATORS = 7
NAMES = ("METHOD", "URL", "TIMESTAMP", "NONCE", "BODY")
_LABELS = (
    (b"method", b"url", b"timestamp", b"nonce", b"body"),
    (b"method", b"path", b"timestamp", b"nonce_str", b"body"),
    (b"method", b"uri", b"timestamp", b"nonce_str", b"body"),
)


@cache
def layouts() -> tuple[Layout, ...]:
    """Return the ways of joining that are tried at once, the likeliest first."""
    return tuple(_layouts())


@cache
def orders() -> tuple[Layout, ...]:
    """Return all orders of the five parts, and of six with the app id among them."""
    return tuple(_orders())


def _layouts() -> Iterator[Layout]:
    yield Layout(Step("final-lf-missing", "without the last line feed"), _without_final)
    yield Layout(Step("final-lf-extra", "with a line feed behind"), lambda p, a: _lf(p) + b"\n")
    yield Layout(
        Step("pairs-swapped", "with the nonce before the timestamp"),
        lambda p, a: b"\n".join((p.method, p.target, p.nonce, p.timestamp, p.body)),
    )
    for number, (cause, words, separator) in enumerate(_SEPARATORS):
        yield Layout(
            Step(cause, f"joined with {words}"), _joined(separator), number < _COMMON_SEPARATORS
        )
    for place in range(6):
        where = f"before {NAMES[place]}" if place < 5 else "at the end"
        yield Layout(Step("app-id-included", where), _with_app_id(place), place in (0, 5))
    for missing in range(5):
        names = [name for number, name in enumerate(NAMES) if number != missing]
        step = Step("part-left-out", f"{NAMES[missing]} is not there: {' '.join(names)}")
        yield Layout(step, _without(missing), False)
    for missing in range(1, 4):
        step = Step("part-left-out", f"{NAMES[missing]} is empty")
        yield Layout(step, _emptied(missing), False)
    yield Layout(
        Step("query-in-body", "the query behind the nonce, none in the URL"), _query_in_body
    )
    for how, before, after in (
        ("a line feed in front", b"\n", b""),
        ("line feeds around", b"\n", b"\n"),
        ("a blank behind", b"", b" "),
        ("CRLF behind", b"", b"\r\n"),
    ):
        yield Layout(Step("space-around", f"with {how}"), _wrapped(before, after), False)
    for labels in _LABELS:
        for separator, words in ((b"\n", "lines"), (b"&", "pairs with &")):
            step = Step(
                "parts-named", f"as {words}: {labels[0].decode()}=…, {labels[1].decode()}=…"
            )
            yield Layout(step, _named(labels, separator), False)
    step = Step("parts-named", "as the header's pairs: app_id=…,nonce_str=…,timestamp=…")
    yield Layout(step, _header_pairs, False)
    for cause, how, change in (
        ("string-hashed-first", "SHA-256 in hexadecimal", lambda m: sha256(m).hexdigest().encode()),
        ("string-hashed-first", "the bytes of SHA-256", lambda m: sha256(m).digest()),
        ("string-hashed-first", "SHA-256 in base64", lambda m: b64encode(sha256(m).digest())),
        (
            "string-hashed-first",
            "MD5 in hexadecimal",
            lambda m: md5(m, usedforsecurity=False).hexdigest().encode(),
        ),
        (
            "string-hashed-first",
            "SHA-1 in hexadecimal",
            lambda m: sha1(m, usedforsecurity=False).hexdigest().encode(),
        ),
        ("string-hashed-first", "base64", b64encode),
        ("string-hashed-first", "hexadecimal", lambda m: m.hex().encode()),
    ):
        yield Layout(Step(cause, f"as {how}"), _whole(change), False)


def _orders() -> Iterator[Layout]:
    names = (*NAMES, "APP_ID")
    for six in (False, True):
        for order in permutations(range(6 if six else 5)):
            if order[:5] == (0, 1, 2, 3, 4):
                continue
            words = " ".join(names[number] for number in order)
            cause = "app-id-included" if six else "parts-reordered"
            if six and tuple(number for number in order if number != 5) == (0, 1, 2, 3, 4):
                continue  # among the layouts
            yield Layout(Step(cause, f"as {words}"), _ordered(order), False)


def _lf(parts: Parts) -> bytes:
    return b"\n".join(parts)


def _without_final(parts: Parts, app_id: bytes) -> bytes:
    """Leave out the last line feed of a string without a body."""
    return b"\n".join(parts if parts.body else parts[:4])


def _joined(separator: bytes) -> Callable[[Parts, bytes], bytes]:
    return lambda parts, app_id: separator.join(parts)


def _with_app_id(place: int) -> Callable[[Parts, bytes], bytes]:
    return lambda parts, app_id: b"\n".join((*parts[:place], app_id, *parts[place:]))


def _without(missing: int) -> Callable[[Parts, bytes], bytes]:
    return lambda parts, app_id: b"\n".join(parts[:missing] + parts[missing + 1 :])


def _emptied(missing: int) -> Callable[[Parts, bytes], bytes]:
    return lambda parts, app_id: b"\n".join((*parts[:missing], b"", *parts[missing + 1 :]))


def _query_in_body(parts: Parts, app_id: bytes) -> bytes:
    path, mark, query = parts.target.partition(b"?")
    if not mark or parts.body:
        return _lf(parts)
    return _lf(parts._replace(target=path, body=query))


def _wrapped(before: bytes, after: bytes) -> Callable[[Parts, bytes], bytes]:
    return lambda parts, app_id: before + _lf(parts) + after


def _named(labels: tuple[bytes, ...], separator: bytes) -> Callable[[Parts, bytes], bytes]:
    return lambda parts, app_id: separator.join(
        label + b"=" + part for label, part in zip(labels, parts, strict=True)
    )


def _header_pairs(parts: Parts, app_id: bytes) -> bytes:
    return b"app_id=%b,nonce_str=%b,timestamp=%b" % (app_id, parts.nonce, parts.timestamp)


def _whole(change: Callable[[bytes], bytes]) -> Callable[[Parts, bytes], bytes]:
    return lambda parts, app_id: change(_lf(parts))


def _ordered(order: tuple[int, ...]) -> Callable[[Parts, bytes], bytes]:
    def join(parts: Parts, app_id: bytes) -> bytes:
        six = (*parts, app_id)
        return b"\n".join([six[number] for number in order])

    return join
