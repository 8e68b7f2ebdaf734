"""What clients sign, or digest, in place of the body that they send; the same for both vendors."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations, islice, product
from json import dumps
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from mock_server.web.auth_diagnostics import text_changes as change
from mock_server.web.auth_diagnostics.byte_changes import edges, hash_variants, others
from mock_server.web.auth_diagnostics.findings import Mistake, PartVariant, Stream, variant
from mock_server.web.auth_diagnostics.json_texts import (
    LONG_LEXEME,
    MAX_REWRITTEN,
    Edit,
    JsonLayout,
    JsonObject,
    NotJsonText,
    TooLongText,
    edited,
    flat,
    laid_out,
    lexemes,
    parse,
    value_of,
    without_each,
)
from mock_server.web.auth_diagnostics.search_budget import Paced, SearchWork
from mock_server.web.auth_diagnostics.serialisers import (
    EDGES,
    EDITS,
    GO,
    LAYOUTS,
    LIKELY,
    NEEDS,
    OBJECT_TEXTS,
    OBJECT_WORDS,
    OF_NUMBERS,
    PYTHON,
    SORTED,
    TEXTS,
    Way,
    in_go,
)
from mock_server.web.auth_diagnostics.streams import SMALL_BYTES, decoded, quiet, text_pieces

_PLACEHOLDERS = ("{}", "null", '""', "[]", "undefined", "None", "nil", "[object Object]", "b''",
                 "NULL", "false", "0", " ", "\n")  # fmt: skip
_MAX_MEMBERS = 200
_BLANKS = " \t\r\n"
_MAX_BLANKS = 64 * 1024  # around JSON
_BLANKS_BEFORE = re.compile(f"[{_BLANKS}]{{0,{_MAX_BLANKS}}}")
_UTF_8 = ("utf-8", "surrogatepass")
_MAX_PLACES = 16  # among the members of an object
MAX_DETAILED_BYTES = 64 * 1024  # of bodies that are written once for each of their members
_MAX_KEPT = 40
_ESCAPE_UNITS = 500  # of work for each escape in a text that is changed
_WAYS_UNITS = 3_000  # of work, see search_budget
_LAYOUTS_BESIDE = {2: 15, 3: 7, 4: 2}  # how many layouts are tried with so many ways in all


class BodyVariants:
    """What may be signed as a body, the likeliest first. None stands where a slice is over.

    `names` are those of members that a client may have signed and not sent.
    """

    def __init__(self, body: bytes, work: SearchWork, names: Sequence[str] = ()) -> None:
        self.body = body
        self.names = names
        self.work = work
        self._is_short = len(body) <= SMALL_BYTES
        self._was_read = False
        self._tree: Any = None
        self._decoded: str | None = None
        self._text: str | None = None  # of JSON, without blanks around it
        self._before = self._after = ""
        self._layout: JsonLayout | None = None  # that of the body, where it is a known one
        self._needs: set[str] = set()  # of the changes of the text, those that change anything
        self._seen = {hash(body)} if self._is_short else set()
        self._texts: dict[tuple[int, int], str] = {}
        self._kept: list[tuple[tuple[Mistake, ...], bytes]] = []  # short ones that may be wrapped

    def singles(self) -> Iterator[PartVariant | None]:
        """Yield what one mistake makes."""
        if not self.body:
            for word in _PLACEHOLDERS:
                yield variant("body-placeholder", f"as {word!r}", word.encode())
            return
        yield variant("body-left-out", "as nothing", b"")
        yield from edges(self.body)
        yield from self._read()
        for way in (*LAYOUTS, *TEXTS, *EDITS):
            yield from self._spelled((way,))
        if self._layout is None:
            # The layout is the client's own, so an edited value is written in another as well.
            for ways in product(EDITS[:4], LAYOUTS[:5]):
                yield from self._spelled(ways)
        yield from hash_variants(self.body)
        yield from self._otherwise()
        yield from others(self.body, self._decoded)
        yield from self._other_members()

    def several(self) -> Iterator[PartVariant | None]:
        """Yield what two to four things make that a serialiser does at once."""
        yield from self._read()
        if self._text is None:
            return
        kinds = ("letters", "slashes", "html", "numbers", "ends")
        texts = [
            [way for way in TEXTS if way.kind == kind and (kind == "ends" or self._may(way))]
            for kind in kinds
        ]
        # A long body costs milliseconds each time.
        edits, layouts = (EDITS, LAYOUTS) if self._is_short else (EDITS[:1], LAYOUTS[:4])
        for count, beside in _LAYOUTS_BESIDE.items():
            for chosen in combinations((edits, *texts, layouts), count):
                for ways in product(*chosen):
                    most = 2 if ways[0] in EDITS[3:] else beside
                    if ways[-1].layout is None or ways[-1] in LAYOUTS[:most]:
                        yield from self._spelled(ways)
                    self.work.add(_WAYS_UNITS)
                    if self.work.is_over():
                        yield None
        for way in (*LAYOUTS, *TEXTS, *edits):
            for edge in EDGES:
                yield from self._spelled((way,), edge)
        for steps, value in self._kept:
            text = value.decode("utf-8", "replace")
            for wrapped in (
                *hash_variants(value),
                variant(
                    "body-object-text", "then str(bytes) of Python: b'…'", repr(value).encode()
                ),
                variant("body-quoted", "then as a JSON string", dumps(text).encode()),
                variant("body-base64", "then as base64", b64encode(value)),
            ):
                yield PartVariant((*steps, *wrapped.steps), wrapped.value)

    def _read(self) -> Paced[None]:
        """Read the body as JSON, and find out which layout it has."""
        if self._was_read:
            return
        self._was_read = True
        self._decoded = text = yield from decoded(self.body, self.work)
        if text is None:
            return
        start = len(_BLANKS_BEFORE.match(text)[0])  # type: ignore[index]
        end = len(text) - len(text[-_MAX_BLANKS:]) + len(text[-_MAX_BLANKS:].rstrip(_BLANKS))
        core = text[start:end]
        if max(start, len(text) - end) >= _MAX_BLANKS:
            self.work.is_partial = True
            return
        if core[:1] not in ("{", "[", '"'):
            return
        self._tree = yield from parse(core, self.work)
        if self._tree is None and (self._is_short or core[0] == '"'):
            return
        self._text, self._before, self._after = core, text[:start], text[end:]
        for piece in text_pieces(core):
            self._needs |= {cause for cause, needs in NEEDS.items() if needs(piece)}
            self.work.add(5 * len(piece))
            if self.work.is_over():
                yield
        if self._tree is None:
            self.work.is_partial = True  # of so much, no values are edited
        if core[0] != '"':
            for way in LAYOUTS:
                if way.layout is not None and (yield from self._has(way.layout)):
                    self._layout = way.layout
                    return

    def _has(self, layout: JsonLayout) -> Paced[bool]:
        """Say whether the body has this layout."""
        at, text = 0, self._text or ""
        try:
            for piece in laid_out(self._lexemes(), layout):
                if not text.startswith(piece, at):
                    return False
                at += len(piece)
                self.work.add(len(piece) // 4)
                if not piece or self.work.is_over():
                    yield
        except NotJsonText:
            return False
        return at == len(text)

    def _lexemes(self) -> Iterator[str | None]:
        return lexemes(self._text or "", self.work) if self._tree is None else flat(self._tree)

    def _may(self, way: Way) -> bool:
        """Say whether a change of the text changes anything."""
        return way.step.cause not in NEEDS or way.step.cause in self._needs

    def _spelled(
        self, ways: Sequence[Way], edge: tuple[str, str, Mistake] | None = None
    ) -> Iterator[PartVariant | None]:
        """Yield the body after some ways, with other bytes around it."""
        if self._text is None or self._text[0] == '"':
            return
        if len(ways) == 1 and not self._may(ways[0]):
            return
        edit = next((way.edit for way in ways if way.edit), None)
        layout = next((way.layout for way in ways if way.layout), self._layout)
        if edit is not None and (layout is None or self._tree is None):
            return
        steps = tuple(way.step for way in ways)
        around = (self._before, self._after)
        if edge is not None:
            around, steps = edge[:2], (*steps, edge[2])
        texts = [way.text for way in ways if way.text]
        if not self._is_short:
            yield PartVariant(steps, partial(self._stream, edit, layout, texts, around))
            return
        text = self._short_text(edit, layout)
        if edit is not None and text == self._short_text(None, layout):
            return  # a way that changes nothing: fewer ways make the same
        for change_text in texts:
            before, text = text, change_text(text)
            if text == before:
                return
        yield from self._once(steps, (around[0] + text + around[1]).encode(*_UTF_8))

    def _offered(self, steps: tuple[Mistake, ...], stream: Stream) -> Iterator[PartVariant | None]:
        """Yield a stream: a short one as bytes and once, a long one as it is."""
        if not self._is_short:
            yield PartVariant(steps, stream)
        else:
            yield from self._once(steps, b"".join(stream()))

    def _short_text(self, edit: Edit | None, layout: JsonLayout | None) -> str:
        """Return the JSON after an edit and in a layout; each is made once."""
        key = id(edit), id(layout)
        if key not in self._texts:
            self._texts[key] = b"".join(self._stream(edit, layout)).decode(*_UTF_8)
        return self._texts[key]

    def _once(self, steps: tuple[Mistake, ...], value: bytes) -> Iterator[PartVariant | None]:
        """Yield a value, unless it was there before."""
        self.work.add(30 * len(value))
        if hash(value) not in self._seen:
            self._seen.add(hash(value))
            if len(self._kept) < _MAX_KEPT and {step.cause for step in steps} <= LIKELY:
                self._kept.append((steps, value))
            yield PartVariant(steps, value)
        if self.work.is_over():
            yield None

    def _stream(
        self,
        edit: Edit | None,
        layout: JsonLayout | None,
        texts: Sequence[change.TextChange] = (),
        around: tuple[str, str] = ("", ""),
    ) -> Iterator[bytes]:
        source = self._lexemes()
        if edit is not None:
            source = flat((yield from quiet(edited(self._tree, edit, self.work))))
        if around[0]:
            yield around[0].encode()
        try:
            whole = text_pieces(self._text or "")
            for batch in whole if layout is None else laid_out(source, layout):
                is_inside = len(batch) > LONG_LEXEME  # of a long string
                for piece in text_pieces(batch):
                    self.work.add(5 * len(piece))
                    if texts:
                        self.work.add(_ESCAPE_UNITS * piece.count("\\"))
                    text = piece
                    for each in texts:
                        text = text if is_inside and each in OF_NUMBERS else each(text)
                    if texts:
                        yield b""  # to change many characters is a slice
                    yield text.encode(*_UTF_8)
        except NotJsonText as error:
            self.work.is_partial |= isinstance(error, TooLongText)
            yield b""  # nothing was counted
            return
        if around[1]:
            yield around[1].encode()

    def _otherwise(self) -> Iterator[PartVariant | None]:
        """Yield JSON that was serialised twice, not at all, or as something else."""
        if self._text is None:
            return
        for how, to_ascii in (("as a JSON string", True), ("as a string of UTF-8", False)):
            stream = partial(self._quoted, to_ascii=to_ascii)
            yield from self._offered((Mistake("body-quoted", how),), stream)
        if self._text[0] == '"':
            if len(self._text) > MAX_REWRITTEN:
                self.work.is_partial = True
                return
            inner = str(value_of(self._text)).encode(*_UTF_8)
            yield variant("body-quoted", "the text inside the sent string", inner)
            return
        for how, layout in OBJECT_TEXTS:
            stream = partial(self._stream, None, layout)
            yield from self._offered((Mistake("body-object-text", f"as {how}"),), stream)
        if self._tree is not None:
            stream = partial(self._stream, SORTED, GO, [in_go])
            yield from self._offered((Mistake("body-object-text", "as %v of a Go map"),), stream)
        for word in OBJECT_WORDS:
            yield variant("body-object-text", f"as {word}", word.encode())
        if isinstance(self._tree, JsonObject) and self._is_short:
            yield from self._fields()

    def _quoted(self, *, to_ascii: bool) -> Iterator[bytes]:
        yield b'"'
        for piece in text_pieces(self._text or ""):
            self.work.add(5 * len(piece))
            yield dumps(piece, ensure_ascii=to_ascii)[1:-1].encode(*_UTF_8)
        yield b'"'

    def _fields(self) -> Iterator[PartVariant | None]:
        """Yield the members as form fields, in the texts of several languages."""
        for layout, how in (
            (JsonLayout(), "as form fields"),
            (PYTHON, "as form fields of Python"),
        ):
            pairs = [(str(value_of(name)), _field(child, layout)) for name, child in self._tree]
            for via in (quote_plus, quote):
                fields = urlencode(pairs, quote_via=via, errors="backslashreplace")
                yield variant("body-form-encoded", how, fields.encode())
            for words, ordered in (("", pairs), (", sorted", sorted(pairs))):
                plain = "&".join(f"{name}={value}" for name, value in ordered)
                value = plain.encode("utf-8", "backslashreplace")
                yield variant("body-form-encoded", f"{how}, not encoded{words}", value)

    def _other_members(self) -> Iterator[PartVariant | None]:
        """Yield the body without one of its members, and with one more."""
        if len(self.body) > MAX_DETAILED_BYTES or self._tree is None:
            return
        layout = self._layout or JsonLayout()
        for cause, how, tree in self._changed_members(self._tree):
            text = "".join(laid_out(flat(tree), layout))
            self.work.add(60 * len(text))
            whole = (self._before + text + self._after).encode(*_UTF_8)
            yield variant(cause, how, whole)
            if self.work.is_over():
                yield None

    def _changed_members(self, whole: Any) -> Iterator[tuple[str, str, Any]]:
        for name, tree in islice(without_each(whole), _MAX_MEMBERS):
            yield "body-member-left-out", f"without {name[:40]}", tree
        if not isinstance(whole, JsonObject) or not self._is_short:
            return
        for name, value in product(self.names, ("null", '""', "{}", "[]", "0", "false")):
            how, member = f'with "{name}":{value}', (f'"{name}"', value)
            yield "body-member-added", how, JsonObject([*whole, member])
            yield "body-member-added", how, JsonObject([member, *whole])
        for name, place in product(self.names, range(1, min(len(whole), _MAX_PLACES))):
            member = (f'"{name}"', "null")
            tree = JsonObject([*whole[:place], member, *whole[place:]])
            yield "body-member-added", f'with "{name}":null', tree


def _field(node: Any, layout: JsonLayout) -> str:
    if type(node) is str and node[0] == '"':
        return str(value_of(node))
    return "".join(laid_out(flat(node), layout))
