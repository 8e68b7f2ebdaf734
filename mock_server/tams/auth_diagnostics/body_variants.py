"""What clients sign in place of the body that they send."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import md5, sha1, sha256
from itertools import combinations
from json import dumps
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode

from mock_server.web.auth_diagnostics import json_spellings as spellings
from mock_server.web.auth_diagnostics.findings import Step, Variant
from mock_server.web.auth_diagnostics.json_spellings import Spelling

# Larger bodies are not parsed, or not looked at in detail at all.
MAX_PARSED_BYTES = 64 * 1024
MAX_TOUCHED_BYTES = 1024 * 1024

_PLACEHOLDERS = (b"{}", b"null", b'""', b"[]", b"undefined", b"None", b"nil", b"[object Object]")
_MANY = 3


class _Way(NamedTuple):
    """One thing that serialisers do; at most one of a kind is combined with others."""

    kind: str
    step: Step
    spell: Spelling


_Memory = dict[tuple[_Way, ...], str | None]

_SORT = _Way("sort", Step("body-sorted-keys", "sorted by name"), spellings.sorted_keys)
_SPELLINGS = (
    _Way("letters", Step("body-ascii-escaped", r"as \uXXXX"), spellings.ascii_escaped),
    _Way(
        "letters",
        Step("body-ascii-escaped", r"as \uXXXX in capitals"),
        spellings.ascii_escaped_upper,
    ),
    _Way("letters", Step("body-raw-non-ascii", "as UTF-8"), spellings.raw_non_ascii),
    _Way("slashes", Step("body-slashes-escaped", r"as \/"), spellings.slashes_escaped),
    _Way("slashes", Step("body-slashes-plain", "as /"), spellings.slashes_plain),
    _Way("html", Step("body-html-escaped", r"as \u003c and so on"), spellings.html_escaped),
    _Way("html", Step("body-html-plain", "as < and so on"), spellings.html_plain),
    _Way("numbers", Step("body-numbers-rewritten", "as JavaScript"), spellings.script_numbers),
)
_SPACES = (
    _Way("space", Step("body-spaced", "as json.dumps does"), spellings.spaced),
    _Way("space", Step("body-compact", "without white space"), spellings.compact),
    _Way("space", Step("body-pretty-printed", "indented by 2"), spellings.pretty("  ")),
    _Way("space", Step("body-pretty-printed", "indented by 4"), spellings.pretty("    ")),
    _Way("space", Step("body-pretty-printed", "indented by tabs"), spellings.pretty("\t")),
)


def body_variants(body: bytes, *, deep: bool = False) -> Iterator[Variant]:
    """Yield what may be signed as the body; `deep` combines ways of writing JSON."""
    if not body:
        for word in _PLACEHOLDERS:
            yield _one("body-placeholder", f"as {word.decode()}", word)
        return
    yield _one("body-left-out", "as nothing", b"")
    yield from _around(body)
    if len(body) > MAX_TOUCHED_BYTES:
        return
    yield from _line_ends(body)
    parsed = spellings.parse(body) if len(body) <= MAX_PARSED_BYTES else None
    if parsed is not None:
        text, value = parsed
        core = text.strip(" \t\r\n")
        start = text.index(core)
        before, after = text[:start].encode(), text[start + len(core) :].encode()
        for steps, spelled in _spelled(core, deep=deep):
            yield Variant(steps, before + spelled + after)
            if deep and (before or after) and len(steps) < _MANY:
                step = Step("body-space-stripped", "without white space around it")
                yield Variant((*steps, step), spelled)
    yield from _hashed(body)
    if parsed is not None:
        yield from _retyped(text, value)
    yield _one("body-base64", "as base64", b64encode(body))
    yield from _charsets(body)


def _one(cause: str, how: str, value: bytes) -> Variant:
    return Variant((Step(cause, how),), value)


def _around(body: bytes) -> Iterator[Variant]:
    """White space in front and at the end."""
    yield _one("body-newline-stripped", "without the last line break", _chomp(body))
    yield _one("body-newline-added", "with a line feed behind it", body + b"\n")
    yield _one("body-newline-added", "with CRLF behind it", body + b"\r\n")
    yield _one("body-space-stripped", "without white space around it", body.strip())
    yield _one("body-space-stripped", "without white space behind it", body.rstrip())
    yield _one("body-space-added", "with a blank behind it", body + b" ")
    yield _one("body-space-added", "with line feeds around it", b"\n" + body + b"\n")
    mark = b"\xef\xbb\xbf"
    if body.startswith(mark):
        yield _one("body-bom", "without the mark", body[3:])
    else:
        yield _one("body-bom", "with the mark", mark + body)


def _chomp(body: bytes) -> bytes:
    if body.endswith(b"\r\n"):
        return body[:-2]
    return body[:-1] if body.endswith((b"\n", b"\r")) else body


def _line_ends(body: bytes) -> Iterator[Variant]:
    plain = body.replace(b"\r\n", b"\n")
    yield _one("body-lf", "with LF for CRLF", plain)
    yield _one("body-crlf", "with CRLF for LF", plain.replace(b"\n", b"\r\n"))


def _spelled(text: str, *, deep: bool) -> Iterator[tuple[tuple[Step, ...], bytes]]:
    """Yield the JSON in other spellings."""
    memory: _Memory = {}
    spaces = [way for way in _SPACES if _applied((way,), text, memory) is not None]
    # Sorting leaves no white space, so the way in which it was laid out is put back, if it is one
    # of ours. `_applied` says None to that one because it changes nothing.
    layout = next((way for way in _SPACES if way not in spaces), None)
    others = [way for way in _SPELLINGS if _applied((way,), text, memory) is not None]
    by_name = _safely(spellings.sorted_keys, text)
    sortable = by_name is not None and by_name != spellings.compact(text)
    if sortable and layout is not None:
        sort = _Way("sort", _SORT.step, _then(_SORT.spell, layout.spell))
        others.append(sort)
    for way in (*spaces, *others):
        yield from _encoded((way,), text, memory)
    if by_name is not None and sortable and layout is None:
        # The layout is the client's own and cannot be put back.
        for space in spaces:
            laid_out = _safely(space.spell, by_name)
            if laid_out is not None:
                yield (_SORT.step, space.step), laid_out.encode("utf-8", "surrogatepass")
    if not deep:
        return
    # What is laid out last comes last, so that the ways before it are worked out once.
    for several in (2, _MANY):
        for ways in combinations((*reversed(others), *spaces), several):
            if len({way.kind for way in ways}) == several:
                yield from _encoded(ways, text, memory)


def _applied(ways: tuple[_Way, ...], text: str, memory: _Memory) -> str | None:
    """Return the text after all ways, or None if the last of them changes nothing."""
    if not ways:
        return text
    if ways not in memory:
        before = _applied(ways[:-1], text, memory)
        after = None if before is None else _safely(ways[-1].spell, before)
        memory[ways] = None if after == before else after
    return memory[ways]


def _then(first: Spelling, second: Spelling) -> Spelling:
    return lambda text: second(first(text))


def _safely(spell: Spelling, text: str) -> str | None:
    try:
        return spell(text)
    except (RecursionError, ValueError, StopIteration):
        return None


def _encoded(
    ways: tuple[_Way, ...], text: str, memory: _Memory
) -> Iterator[tuple[tuple[Step, ...], bytes]]:
    spelled = _applied(ways, text, memory)
    if spelled is not None:
        yield tuple(way.step for way in ways), spelled.encode("utf-8", "surrogatepass")


def _hashed(body: bytes) -> Iterator[Variant]:
    for name, digest in (
        ("SHA-256", sha256(body).digest()),
        ("MD5", md5(body, usedforsecurity=False).digest()),
        ("SHA-1", sha1(body, usedforsecurity=False).digest()),
    ):
        cause = "body-hashed-first"
        yield _one(cause, f"as {name} in hexadecimal", digest.hex().encode())
        yield _one(cause, f"as {name} in capital hexadecimal", digest.hex().upper().encode())
        yield _one(cause, f"as {name} in base64", b64encode(digest))
        yield _one(cause, f"as the bytes of {name}", digest)


def _retyped(text: str, value: Any) -> Iterator[Variant]:
    """JSON that was serialised twice, not at all, or as something else."""
    yield _one("body-quoted", "as a JSON string", dumps(text).encode())
    raw = dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")
    yield _one("body-quoted", "as a JSON string", raw)
    try:
        yield _one("body-object-text", "as str(dict)", repr(value).encode("utf-8", "replace"))
    except RecursionError:
        return
    yield _one("body-object-text", "as [object Object]", b"[object Object]")
    yield _one("body-object-text", "as Array", b"Array")
    if isinstance(value, dict):
        fields = urlencode(list(value.items()), errors="backslashreplace", quote_via=quote_plus)
        yield _one("body-form-encoded", "as form fields", fields.encode())


def _charsets(body: bytes) -> Iterator[Variant]:
    if re.fullmatch(rb"[\x00-\x7f]*", body):
        for charset in ("utf-16-le", "utf-16"):
            yield _one("body-charset", f"as {charset}", body.decode("ascii").encode(charset))
        return
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return
    for charset in ("gbk", "latin-1", "ascii", "utf-16-le"):
        yield _one("body-charset", f"as {charset}", text.encode(charset, "replace"))
