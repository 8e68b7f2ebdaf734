"""What serialisers do with a body, as tables: layouts, edits of the value, changes of the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from mock_server.web.auth_diagnostics import text_changes as change
from mock_server.web.auth_diagnostics.findings import Mistake
from mock_server.web.auth_diagnostics.json_texts import (
    Edit,
    JsonLayout,
    JsonObject,
    members_sorted,
    value_of,
)


class Way(NamedTuple):
    """One thing that serialisers do: an edit of the value, a layout, or a change of the text."""

    kind: str
    step: Mistake
    edit: Edit | None = None
    layout: JsonLayout | None = None
    text: change.TextChange | None = None


def _way(kind: str, cause: str, how: str, **does: Any) -> Way:
    return Way(kind, Mistake(f"body-{cause}", how), **does)


LAYOUTS = (
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
SORTED = Edit(container=members_sorted)
_EMPTY: tuple[Any, ...] = ('""', "null", [], {}, "false", "0")
EDITS = (
    _way("edit", "sorted-keys", "sorted by name", edit=SORTED),
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
TEXTS = (
    _way("letters", "ascii-escaped", r"as \uXXXX", text=change.ascii_escaped),
    _way("letters", "ascii-escaped", r"as \uXXXX in capitals",
         text=change.ascii_escaped_in_capitals),
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
PYTHON = JsonLayout(", ", ": ", string=_repr, name=_repr,
                 words={"true": "True", "false": "False", "null": "None"})  # fmt: skip
GO = JsonLayout(" ", ":", string=_plain, name=_plain, words={"null": "<nil>"})
OBJECT_TEXTS = (
    ("str(dict) of Python", PYTHON),
    ("toString of a Java map", JsonLayout(", ", "=", string=_plain, name=_plain)),
    ("inspect of Ruby", JsonLayout(", ", "=>", words=_RUBY_WORDS)),
    ("inspect of Ruby 3.4", JsonLayout(", ", " => ", words=_RUBY_WORDS)),
    ("inspect of Ruby with symbols", JsonLayout(", ", ": ", name=_plain, words=_RUBY_WORDS)),
    ("toString of Dart", JsonLayout(", ", ": ", string=_plain, name=_plain)),
    ("description of Swift", JsonLayout(", ", ": ", brackets="[][]", words=_RUBY_WORDS)),
    ("util.inspect of Node", JsonLayout(", ", ": ", pad=" ", string=_repr, name=_util_name)),
)
OF_NUMBERS = [way.text for way in TEXTS if way.kind == "numbers"]
OBJECT_WORDS = (
    "[object Object]",
    "Array",
    "System.Object",
    "System.Collections.Generic.Dictionary`2[System.String,System.Object]",
)
EDGES = (
    ("", "", Mistake("body-space-stripped", "without white space around it")),
    ("\ufeff", "", Mistake("body-bom", "with the mark")),
    ("", "\n", Mistake("body-newline-added", "with a line feed behind it")),
)
LIKELY = {"body-spaced", "body-compact", "body-ascii-escaped", "body-pretty-printed",
           "body-sorted-keys"}  # fmt: skip
NEEDS: dict[str, Callable[[str], bool]] = {
    "body-ascii-escaped": lambda text: not text.isascii(),
    "body-raw-non-ascii": lambda text: "\\u" in text,
    "body-slashes-escaped": lambda text: "/" in text,
    "body-slashes-plain": lambda text: "\\/" in text,
    "body-html-escaped": lambda text: any(each in text for each in "<>&='+`"),
    "body-html-plain": lambda text: "\\u00" in text,
    "body-crlf": lambda text: "\n" in text,
}


def in_go(text: str) -> str:
    """Write maps as map[…], as Go does; arrays are in brackets already."""
    return text.replace("{", "map[").replace("}", "]")
