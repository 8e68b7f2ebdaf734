"""What clients sign, or digest, in place of the body that they send; the same for both vendors.

The tables are by what serialisers do. A way is one thing that they do; at most one of a kind is
combined with others.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations, islice, product
from json import dumps
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, urlencode

from mock_server.web.auth_diagnostics import text_changes as change
from mock_server.web.auth_diagnostics.byte_changes import byte_variants, hash_variants
from mock_server.web.auth_diagnostics.findings import Mistake, Paced, PartVariant, Stream, variant
from mock_server.web.auth_diagnostics.json_texts import (
    LONG_LEXEME,
    Edit,
    JsonLayout,
    JsonObject,
    NotJsonText,
    edited,
    flat,
    laid_out,
    lexemes,
    members_sorted,
    parse,
    value_of,
    without_each,
)
from mock_server.web.auth_diagnostics.search_budget import SearchWork
from mock_server.web.auth_diagnostics.streams import SMALL_BYTES, decoded, quiet, text_pieces

_PLACEHOLDERS = ("{}", "null", '""', "[]", "undefined", "None", "nil", "[object Object]", "b''",
                 "NULL", "false", "0", " ", "\n")  # fmt: skip
_MAX_MEMBERS = 200
_UTF_8 = ("utf-8", "surrogatepass")
_MAX_PLACES = 16  # among the members of an object
MAX_DETAILED_BYTES = 64 * 1024  # of bodies that are written once for each of their members


class Way(NamedTuple):
    """One thing that serialisers do: an edit of the value, a layout, or a change of the text."""

    kind: str
    step: Mistake
    edit: Edit | None = None
    layout: JsonLayout | None = None
    text: change.TextChange | None = None


def _way(kind: str, cause: str, how: str, **does: Any) -> Way:
    return Way(kind, Mistake(f"body-{cause}", how), **does)


_LAYOUTS = (
    _way("layout", "spaced", "as json.dumps of Python", layout=JsonLayout(", ", ": ")),
    _way("layout", "compact", "JSON without white space", layout=JsonLayout()),
    _way("layout", "pretty-printed", "by 2", layout=JsonLayout(colon=": ", indent="  ")),
    _way("layout", "pretty-printed", "by 4", layout=JsonLayout(colon=": ", indent="    ")),
    _way("layout", "pretty-printed", "by tabs", layout=JsonLayout(colon=": ", indent="\t")),
    _way("layout", "pretty-printed", "as Swift", layout=JsonLayout(colon=" : ", indent="  ")),
    _way("layout", "pretty-printed", "as Swift, with empty lines in {}",
         layout=JsonLayout(colon=" : ", indent="  ", hollow=True)),
    _way("layout", "spaced", "with a blank after colons", layout=JsonLayout(colon=": ")),
    _way("layout", "spaced", "with a blank after commas", layout=JsonLayout(item=", ")),
    _way("layout", "spaced", 'with blanks around colons ("a" : 1)', layout=JsonLayout(",", " : ")),
    _way("layout", "spaced", "with blanks around colons", layout=JsonLayout(", ", " : ")),
    _way("layout", "pretty-printed", "as Jackson",
         layout=JsonLayout(colon=" : ", indent="  ", row=True)),
    _way("layout", "spaced", "with blanks inside brackets", layout=JsonLayout(", ", ": ", pad=" ")),
    _way("layout", "pretty-printed", "by 3", layout=JsonLayout(colon=": ", indent="   ")),
    _way("layout", "pretty-printed", "by 1", layout=JsonLayout(colon=": ", indent=" ")),
)  # fmt: skip
_SORTED = Edit(container=members_sorted)
_EMPTY: tuple[Any, ...] = ('""', "null", [], {}, "false", "0")
_EDITS = (
    _way("edit", "sorted-keys", "sorted by name", edit=_SORTED),
    _way("edit", "members-left-out", "without null", edit=Edit(keep=lambda value: value != "null")),
    _way("edit", "members-left-out", "without empty values (omitempty)",
         edit=Edit(keep=lambda value: bool(value) and value not in _EMPTY)),
    _way("edit", "members-left-out", "without null and empty values",
         edit=Edit(keep=lambda value: bool(value) and value not in _EMPTY[:2])),
    _way("edit", "empty-otherwise", "{} as [] (PHP)",
         edit=Edit(container=lambda node: node or [])),
    _way("edit", "empty-otherwise", "[] as {} (PHP, Lua)",
         edit=Edit(container=lambda node: node or JsonObject())),
    *(_way("edit", "types-changed", how, edit=Edit(value=do)) for how, do in change.TYPES),
    *(_way("edit", "names-changed", how, edit=Edit(name=do)) for how, do in change.NAMES),
    _way("edit", "sorted-keys", "sorted by name, the outermost members alone",
         edit=Edit(container=members_sorted, outermost=True)),
    _way("edit", "members-repeated", "each name once, the last value",
         edit=Edit(container=lambda node: JsonObject(dict(node).items())
                   if isinstance(node, JsonObject) else node)),
)  # fmt: skip
_TEXTS = (
    _way("letters", "ascii-escaped", r"as \uXXXX", text=change.ascii_escaped("\\u%04x")),
    _way("letters", "ascii-escaped", r"as \uXXXX in capitals",
         text=change.ascii_escaped("\\u%04X")),
    _way("letters", "raw-non-ascii", "as UTF-8", text=change.raw_non_ascii),
    _way("slashes", "slashes-escaped", r"as \/", text=change.slashes_escaped),
    _way("slashes", "slashes-plain", "as /", text=change.slashes_plain),
    _way("slashes", "slashes-escaped", r"</ as <\/", text=change.closing_slashes_escaped),
    _way("html", "html-escaped", r"as \u003c and so on",
         text=change.characters_escaped("<>&\u2028\u2029", "\\u%04x")),
    _way("html", "html-escaped", r"as \u003c, also = and ' (Gson)",
         text=change.characters_escaped("<>&='\u2028\u2029", "\\u%04x")),
    _way("html", "html-escaped", r"as \u003C, also ', + and quotes (System.Text.Json)",
         text=change.characters_escaped("<>&'+`\"", "\\u%04X")),
    _way("html", "html-escaped", r"as \u003C and so on in capitals",
         text=change.characters_escaped("<>&'\"", "\\u%04X")),
    _way("html", "html-escaped", r"as \u003C, < and > alone",
         text=change.characters_escaped("<>", "\\u%04X")),
    _way("html", "html-plain", "as < and so on", text=change.characters_plain),
    _way("numbers", "numbers-rewritten", "as JavaScript",
         text=change.numbers_changed(change.as_script)),
    _way("numbers", "numbers-rewritten", "whole ones with .0 (Gson)",
         text=change.numbers_changed(change.as_double)),
    _way("numbers", "numbers-rewritten", "as Python",
         text=change.numbers_changed(change.as_python)),
    _way("ends", "crlf", "with CRLF", text=lambda text: text.replace("\n", "\r\n")),
)  # fmt: skip


def _plain(lexeme: str) -> str:
    return str(value_of(lexeme))


def _repr(lexeme: str) -> str:
    return repr(value_of(lexeme))


def _util_name(lexeme: str) -> str:
    name = _plain(lexeme)
    return name if name.isidentifier() else f"'{name}'"


_RUBY_WORDS = {"null": "nil"}
_PYTHON = JsonLayout(", ", ": ", string=_repr, name=_repr,
                 words={"true": "True", "false": "False", "null": "None"})  # fmt: skip
_GO = JsonLayout(" ", ":", string=_plain, name=_plain, words={"null": "<nil>"})
_OBJECT_TEXTS = (
    ("str(dict) of Python", _PYTHON),
    ("toString of a Java map", JsonLayout(", ", "=", string=_plain, name=_plain)),
    ("inspect of Ruby", JsonLayout(", ", "=>", words=_RUBY_WORDS)),
    ("inspect of Ruby 3.4", JsonLayout(", ", " => ", words=_RUBY_WORDS)),
    ("inspect of Ruby with symbols", JsonLayout(", ", ": ", name=_plain, words=_RUBY_WORDS)),
    ("toString of Dart", JsonLayout(", ", ": ", string=_plain, name=_plain)),
    ("description of Swift", JsonLayout(", ", ": ", brackets="[][]", words=_RUBY_WORDS)),
    ("util.inspect of Node", JsonLayout(", ", ": ", pad=" ", string=_repr, name=_util_name)),
)
_OF_NUMBERS = [way.text for way in _TEXTS if way.kind == "numbers"]
_OBJECT_WORDS = (
    "[object Object]",
    "Array",
    "System.Object",
    "System.Collections.Generic.Dictionary`2[System.String,System.Object]",
)
_EDGES = (
    ("", "", Mistake("body-space-stripped", "without white space around it")),
    ("\ufeff", "", Mistake("body-bom", "with the mark")),
    ("", "\n", Mistake("body-newline-added", "with a line feed behind it")),
)
_MAX_KEPT = 40
_WAYS_UNITS = 3_000  # of work, see search_budget
_LAYOUTS_BESIDE = {2: 15, 3: 7, 4: 2}  # how many layouts are tried with so many ways in all
_LIKELY = {"body-spaced", "body-compact", "body-ascii-escaped", "body-pretty-printed",
           "body-sorted-keys"}  # fmt: skip
_NEEDS: dict[str, Callable[[str], bool]] = {
    "body-ascii-escaped": lambda text: not text.isascii(),
    "body-raw-non-ascii": lambda text: "\\u" in text,
    "body-slashes-escaped": lambda text: "/" in text,
    "body-slashes-plain": lambda text: "\\/" in text,
    "body-html-escaped": lambda text: any(each in text for each in "<>&='+`"),
    "body-html-plain": lambda text: "\\u00" in text,
    "body-crlf": lambda text: "\n" in text,
}


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
        self._text: str | None = None
        self._before = self._after = ""
        self._layout: JsonLayout | None = None  # that of the body, where it is a known one
        self._seen = {hash(body)}
        self._texts: dict[tuple[int, int], str] = {}
        self._kept: list[tuple[tuple[Mistake, ...], bytes]] = []  # short ones that may be wrapped

    def singles(self) -> Iterator[PartVariant | None]:
        """Yield what one mistake makes."""
        if not self.body:
            for word in _PLACEHOLDERS:
                yield variant("body-placeholder", f"as {word!r}", word.encode())
            return
        yield variant("body-left-out", "as nothing", b"")
        edges, others = byte_variants(self.body)
        yield from edges
        yield from self._read()
        for way in (*_LAYOUTS, *_TEXTS, *_EDITS):
            yield from self._spelled((way,))
        if self._layout is None:
            # The layout is the client's own, so an edited value is written in another as well.
            for ways in product(_EDITS[:4], _LAYOUTS[:5]):
                yield from self._spelled(ways)
        yield from hash_variants(self.body)
        yield from self._otherwise()
        yield from others
        yield from self._other_members()

    def several(self) -> Iterator[PartVariant | None]:
        """Yield what two to four things make that a serialiser does at once."""
        yield from self._read()
        if self._text is None:
            return
        kinds = ("letters", "slashes", "html", "numbers", "ends")
        texts = [
            [way for way in _TEXTS if way.kind == kind and (kind == "ends" or self._may(way))]
            for kind in kinds
        ]
        # A long body costs milliseconds each time.
        edits, layouts = (_EDITS, _LAYOUTS) if self._is_short else (_EDITS[:1], _LAYOUTS[:4])
        for count, beside in _LAYOUTS_BESIDE.items():
            for chosen in combinations((edits, *texts, layouts), count):
                for ways in product(*chosen):
                    most = 2 if ways[0] in _EDITS[3:] else beside
                    if ways[-1].layout is None or ways[-1] in _LAYOUTS[:most]:
                        yield from self._spelled(ways)
                    self.work.add(_WAYS_UNITS)
                    if self.work.is_over():
                        yield None
        for way in (*_LAYOUTS, *_TEXTS, *edits):
            for edge in _EDGES:
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
        text = yield from decoded(self.body, self.work)
        core = (text or "").strip(" \t\r\n")
        if text is None or core[:1] not in ("{", "[", '"'):
            return
        self._tree = yield from parse(core, self.work)
        if self._tree is None and (self._is_short or core[0] == '"'):
            return
        start = text.find(core)
        self._text, self._before, self._after = core, text[:start], text[start + len(core) :]
        if self._tree is None:
            self.work.is_partial = True  # of so much, no values are edited
        if core[0] != '"':
            for way in _LAYOUTS:
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
        needs = _NEEDS.get(way.step.cause)
        return needs is None or needs(self._text or "")

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
            if len(self._kept) < _MAX_KEPT and {step.cause for step in steps} <= _LIKELY:
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
                    text = piece
                    for each in texts:
                        text = text if is_inside and each in _OF_NUMBERS else each(text)
                    yield text.encode(*_UTF_8)
        except NotJsonText:
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
            inner = str(value_of(self._text)).encode(*_UTF_8)
            yield variant("body-quoted", "the text inside the sent string", inner)
            return
        for how, layout in _OBJECT_TEXTS:
            stream = partial(self._stream, None, layout)
            yield from self._offered((Mistake("body-object-text", f"as {how}"),), stream)
        if self._tree is not None:
            stream = partial(self._stream, _SORTED, _GO, [_in_go])
            yield from self._offered((Mistake("body-object-text", "as %v of a Go map"),), stream)
        for word in _OBJECT_WORDS:
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
            (_PYTHON, "as form fields of Python"),
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
        changes = [
            ("body-member-left-out", f"without {name[:40]}", tree)
            for name, tree in islice(without_each(self._tree), _MAX_MEMBERS)
        ]
        if isinstance(self._tree, JsonObject) and self._is_short:
            for name, value in product(self.names, ("null", '""', "{}", "[]", "0", "false")):
                how, member = f'with "{name}":{value}', (f'"{name}"', value)
                changes.append(("body-member-added", how, JsonObject([*self._tree, member])))
                changes.append(("body-member-added", how, JsonObject([member, *self._tree])))
            for name, place in product(self.names, range(1, min(len(self._tree), _MAX_PLACES))):
                member = (f'"{name}"', "null")
                tree = JsonObject([*self._tree[:place], member, *self._tree[place:]])
                changes.append(("body-member-added", f'with "{name}":null', tree))
        for cause, how, tree in changes:
            text = "".join(laid_out(flat(tree), layout))
            self.work.add(60 * len(text))
            whole = (self._before + text + self._after).encode(*_UTF_8)
            yield variant(cause, how, whole)
            if self.work.is_over():
                yield None


def _field(node: Any, layout: JsonLayout) -> str:
    if type(node) is str and node[0] == '"':
        return str(value_of(node))
    return "".join(laid_out(flat(node), layout))


def _in_go(text: str) -> str:
    """Write maps as map[…], as Go does; arrays are in brackets already."""
    return text.replace("{", "map[").replace("}", "]")
