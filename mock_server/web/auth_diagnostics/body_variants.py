"""What clients sign, or digest, in place of the body that they send; the same for both vendors.

The tables are by what serialisers do. A way is one thing that they do; at most one of a kind is
combined with others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, urlencode

from mock_server.web.auth_diagnostics import text_changes as change
from mock_server.web.auth_diagnostics.byte_changes import byte_variants, hash_variants
from mock_server.web.auth_diagnostics.findings import Paced, Step, Stream, Variant, variant
from mock_server.web.auth_diagnostics.json_texts import (
    LONG_LEXEME,
    Edit,
    JsonObject,
    Layout,
    edited,
    members_sorted,
    parse,
    quoted,
    value_of,
    without_each,
    write,
)
from mock_server.web.auth_diagnostics.search_budget import Work
from mock_server.web.auth_diagnostics.streams import SMALL_BYTES, decoded, quiet, text_pieces

_PLACEHOLDERS = ("{}", "null", '""', "[]", "undefined", "None", "nil", "[object Object]", "b''",
                 "NULL", "false", "0", " ", "\n")  # fmt: skip
_MAX_MEMBERS = 200
MAX_DETAILED_BYTES = 64 * 1024  # of bodies that are written once for each of their members
_MANY = 3


class Way(NamedTuple):
    """One thing that serialisers do: an edit of the value, a layout, or a change of the text."""

    kind: str
    step: Step
    edit: Edit | None = None
    layout: Layout | None = None
    text: change.TextChange | None = None


def _way(kind: str, cause: str, how: str, **does: Any) -> Way:
    return Way(kind, Step(f"body-{cause}", how), **does)


_LAYOUTS = (
    _way("layout", "spaced", "as json.dumps of Python", layout=Layout(", ", ": ")),
    _way("layout", "compact", "JSON without white space", layout=Layout()),
    _way("layout", "pretty-printed", "JSON indented by 2", layout=Layout(colon=": ", indent="  ")),
    _way("layout", "pretty-printed", "by 4", layout=Layout(colon=": ", indent="    ")),
    _way("layout", "pretty-printed", "by tabs", layout=Layout(colon=": ", indent="\t")),
    _way("layout", "spaced", "with a blank after colons", layout=Layout(colon=": ")),
    _way("layout", "spaced", "with a blank after commas", layout=Layout(item=", ")),
    _way("layout", "pretty-printed", "as Swift", layout=Layout(colon=" : ", indent="  ")),
    _way("layout", "spaced", 'with blanks around colons ("a" : 1)', layout=Layout(",", " : ")),
    _way("layout", "spaced", "with blanks around colons", layout=Layout(", ", " : ")),
    _way("layout", "pretty-printed", "as Jackson",
         layout=Layout(colon=" : ", indent="  ", row=True)),
    _way("layout", "spaced", "with blanks inside brackets", layout=Layout(", ", ": ", pad=" ")),
    _way("layout", "pretty-printed", "by 3", layout=Layout(colon=": ", indent="   ")),
    _way("layout", "pretty-printed", "by 1", layout=Layout(colon=": ", indent=" ")),
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
    _way("edit", "types-changed", "numbers in strings as numbers",
         edit=Edit(value=change.unquoted_number)),
    _way("edit", "types-changed", "numbers as strings", edit=Edit(value=change.quoted_number)),
    _way("edit", "types-changed", "numbers, true and false as strings",
         edit=Edit(value=change.quoted_scalar)),
    _way("edit", "names-changed", "as snake_case", edit=Edit(name=change.snake_case)),
    _way("edit", "names-changed", "as camelCase", edit=Edit(name=change.camel_case)),
    _way("edit", "names-changed", "as PascalCase", edit=Edit(name=change.pascal_case)),
    _way("edit", "names-changed", "in lower case", edit=Edit(name=str.lower)),
    _way("edit", "names-changed", "with a small first letter", edit=Edit(name=change.lower_first)),
    _way("edit", "names-changed", "in capitals", edit=Edit(name=str.upper)),
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


_PYTHON = {"true": "True", "false": "False", "null": "None"}
_RUBY = {"null": "nil"}
_OBJECT_TEXTS = (
    ("str(dict) of Python", Layout(", ", ": ", string=_repr, name=_repr, words=_PYTHON), False),
    ("toString of a Java map", Layout(", ", "=", string=_plain, name=_plain), False),
    ("inspect of Ruby", Layout(", ", "=>", words=_RUBY), False),
    ("inspect of Ruby 3.4", Layout(", ", " => ", words=_RUBY), False),
    ("inspect of Ruby with symbols", Layout(", ", ": ", name=_plain, words=_RUBY), False),
    ("%v of a Go map", Layout(" ", ":", brackets="{}[]", string=_plain, name=_plain,
                             words={"null": "<nil>"}), True),
    ("toString of Dart", Layout(", ", ": ", string=_plain, name=_plain), False),
    ("description of Swift", Layout(", ", ": ", brackets="[][]", words=_RUBY), False),
    ("util.inspect of Node", Layout(", ", ": ", pad=" ", string=_repr, name=_util_name), False),
)  # fmt: skip


_OF_NUMBERS = [way.text for way in _TEXTS if way.kind == "numbers"]
_OBJECT_WORDS = (
    "[object Object]",
    "Array",
    "System.Object",
    "System.Collections.Generic.Dictionary`2[System.String,System.Object]",
)
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
    """What may be signed as a body, the likeliest first. None stands where a slice is over."""

    def __init__(self, body: bytes, work: Work) -> None:
        self.body = body
        self.work = work
        self.tree: Any = None
        self._was_read = False
        self._text = self._before = self._after = ""
        self._layout: Layout | None = None
        self._seen = {hash(body)}

    def singles(self) -> Iterator[Variant | None]:
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
            for edit, layout in product(_EDITS[:4], _LAYOUTS[:5]):
                yield from self._spelled((edit, layout))
        yield from hash_variants(self.body)
        yield from self._otherwise()
        yield from others
        yield from self._members()

    def several(self) -> Iterator[Variant | None]:
        """Yield what two to four things make that a serialiser does at once."""
        yield from self._read()
        if self.tree is None:
            return
        kinds = [
            [way for way in _TEXTS if way.kind == kind and self._may_apply(way)]
            for kind in ("letters", "slashes", "html", "numbers", "ends")
        ]
        choices = [(None, *ways) for ways in (_EDITS[:3], *kinds, _LAYOUTS)]
        for count in range(2, _MANY + 2):
            for chosen in product(*choices):
                ways = tuple(way for way in chosen if way is not None)
                if len(ways) == count and (count <= _MANY or ways[-1] in _LAYOUTS[:2]):
                    yield from self._spelled(ways)
        if self._before or self._after:
            for way in (*_LAYOUTS, *_TEXTS, *_EDITS):
                yield from self._spelled((way,), stripped=True)

    def _read(self) -> Paced[None]:
        """Read the body as JSON, and find out which layout it has."""
        if self._was_read:
            return
        self._was_read = True
        text = yield from decoded(self.body, self.work)
        if text is None:
            return
        core = text.strip(" \t\r\n")
        start = text.find(core) if core else 0
        self._text, self._before, self._after = core, text[:start], text[start + len(core) :]
        self.tree = yield from parse(core, self.work)
        if self.tree is None or type(self.tree) is str:
            return
        for way in _LAYOUTS:
            if way.layout is not None and (yield from self._is_written_as(way.layout)):
                self._layout = way.layout
                return

    def _is_written_as(self, layout: Layout) -> Paced[bool]:
        at = 0
        for piece in write(self.tree, layout):
            self.work.add(20 * len(piece))
            if not self._text.startswith(piece, at):
                return False
            at += len(piece)
            if self.work.is_over():
                yield
        return at == len(self._text)

    def _may_apply(self, way: Way) -> bool:
        needs = _NEEDS.get(way.step.cause)
        return needs is None or needs(self._text)

    def _spelled(self, ways: Sequence[Way], *, stripped: bool = False) -> Iterator[Variant | None]:
        """Yield the body after some ways, if that makes a difference."""
        if self.tree is None or type(self.tree) is str:
            return
        if not all(map(self._may_apply, ways[:1])):
            return
        edit = next((way.edit for way in ways if way.edit), None)
        layout = next((way.layout for way in ways if way.layout), None)
        if edit is not None and layout is None and (layout := self._layout) is None:
            return
        steps = tuple(way.step for way in ways)
        around = ("", "") if stripped else (self._before, self._after)
        if stripped:
            steps += (Step("body-space-stripped", "without white space around it"),)
        texts = [way.text for way in ways if way.text]
        stream = partial(self._stream, edit, layout, texts, around)
        yield from self._offered(steps, stream)

    def _offered(self, steps: tuple[Step, ...], stream: Stream) -> Iterator[Variant | None]:
        """Yield a stream: a short one as bytes and once, a long one as it is."""
        if len(self.body) > SMALL_BYTES:
            yield Variant(steps, stream)
            return
        value = b"".join(stream())
        self.work.add(60 * len(value))
        if hash(value) not in self._seen:
            self._seen.add(hash(value))
            yield Variant(steps, value)
        if self.work.is_over():
            yield None

    def _stream(
        self,
        edit: Edit | None,
        layout: Layout | None,
        texts: Sequence[change.TextChange],
        around: tuple[str, str] = ("", ""),
    ) -> Iterator[bytes]:
        tree = self.tree
        if edit is not None:
            tree = yield from quiet(edited(tree, edit, self.work))
        layout = layout or self._layout
        batches = text_pieces(self._text) if layout is None else write(tree, layout)
        yield around[0].encode()
        for batch in batches:
            inside = len(batch) > LONG_LEXEME  # of a long string
            for piece in text_pieces(batch):
                self.work.add(10 * len(piece))
                text = piece
                for each in texts:
                    text = text if inside and each in _OF_NUMBERS else each(text)
                yield text.encode("utf-8", "surrogatepass")
        yield around[1].encode()

    def _otherwise(self) -> Iterator[Variant | None]:
        """Yield JSON that was serialised twice, not at all, or as something else."""
        for how, text in (
            ("as a JSON string", change.ascii_escaped("\\u%04x")),
            ("as a JSON string, not in ASCII", lambda text: text),
        ):
            yield from self._offered((Step("body-quoted", how),), partial(self._quoted, [text]))
        if type(self.tree) is str:
            inner = value_of(self.tree)
            yield variant("body-quoted", "the text inside of the sent string", inner.encode())
        if self.tree is None or type(self.tree) is str:
            return
        for how, layout, is_go in _OBJECT_TEXTS:
            stream = partial(self._object_text, layout, is_go=is_go)
            yield from self._offered((Step("body-object-text", f"as {how}"),), stream)
        for word in _OBJECT_WORDS:
            yield variant("body-object-text", f"as {word}", word.encode())
        if isinstance(self.tree, JsonObject) and len(self.body) <= SMALL_BYTES:
            yield from self._fields()

    def _quoted(self, texts: Sequence[change.TextChange]) -> Iterator[bytes]:
        yield b'"'
        for piece in text_pieces(self._text):
            self.work.add(10 * len(piece))
            yield texts[0](quoted(piece)[1:-1]).encode("utf-8", "surrogatepass")
        yield b'"'

    def _object_text(self, layout: Layout, *, is_go: bool) -> Iterator[bytes]:
        for piece in self._stream(_SORTED if is_go else None, layout, ()):
            # Go writes every map as map[…] and every array as […].
            yield piece.replace(b"{", b"map[").replace(b"}", b"]") if is_go else piece

    def _fields(self) -> Iterator[Variant | None]:
        """Yield the members as form fields, in the texts of several languages."""
        names = [(str(value_of(name)), child) for name, child in self.tree]
        texts = ["".join(write(child, Layout())) for _, child in names]
        script = [value_of(text) if text[:1] == '"' else text for text in texts]
        python = [
            "".join(write(child, _OBJECT_TEXTS[0][1])) if text[:1] != '"' else value_of(text)
            for (_, child), text in zip(names, texts, strict=True)
        ]
        for values, how in ((script, "as form fields"), (python, "as form fields of Python")):
            pairs = [(name, str(value)) for (name, _), value in zip(names, values, strict=True)]
            for via in (quote_plus, quote):
                fields = urlencode(pairs, quote_via=via, errors="backslashreplace")
                yield variant("body-form-encoded", how, fields.encode())
            plain = "&".join(f"{name}={value}" for name, value in pairs)
            yield variant("body-form-encoded", f"{how}, not encoded", _bytes(plain))
            plain = "&".join(f"{name}={value}" for name, value in sorted(pairs))
            yield variant("body-form-encoded", f"{how}, sorted", _bytes(plain))

    def _members(self) -> Iterator[Variant | None]:
        """Yield the body without one of its members."""
        if self.tree is None or type(self.tree) is str or len(self.body) > MAX_DETAILED_BYTES:
            return
        layouts = (self._layout,) if self._layout is not None else (_LAYOUTS[1].layout,)
        for name, tree in without_each(self.tree, _MAX_MEMBERS):
            for layout in layouts:
                if layout is not None:
                    text = "".join(write(tree, layout))
                    self.work.add(60 * len(text))
                    how = f"without {name[:40]}"
                    value = (self._before + text + self._after).encode("utf-8", "surrogatepass")
                    yield variant("body-member-left-out", how, value)
            if self.work.is_over():
                yield None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
