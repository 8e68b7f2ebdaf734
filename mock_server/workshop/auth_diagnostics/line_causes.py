"""Mistakes in the lines of the signed headers and in the list that names them."""

from __future__ import annotations

from mock_server.workshop.auth_diagnostics.cause import HEADERS, UNKNOWNS, cause

_NAMES = "Spell each name in its line exactly as it stands in x-ca-signature-headers."
_LIST = "Sign one line for each name in x-ca-signature-headers, and for no other header."
_ORDER = "Sort the lines by name, whatever the order of the list is."
_LINE = "Write each line as name:value with a line feed behind it, the last one too."
_VALUE = "Sign the value that is sent, byte by byte."
_STAGE = "Sign x-ca-stage if the list names it, or take it out of the list."

NAMES = (
    cause(
        "names-lower-cased",
        "The signed lines have their names in lower case, the list has not.",
        _NAMES,
        UNKNOWNS,
    ),
    cause(
        "names-capitalised",
        "The signed lines have their names as X-Ca-…, the list has not.",
        _NAMES,
        UNKNOWNS,
    ),
    cause(
        "names-upper-cased",
        "The signed lines have capital letters in their names that the list has not.",
        _NAMES,
        UNKNOWNS,
    ),
    cause(
        "names-underscored",
        "Names in the list or in the lines have underscores in place of hyphens.",
        "Spell header names with hyphens: x-ca-key.",
        HEADERS,
    ),
    cause("name-listed-twice", "A name that is in the list twice was signed twice.", _LIST),
)
SELECTION = (
    cause("lines-left-out", "No header lines were signed, though the list names some.", _LIST),
    cause("line-left-out", "A header that the list names was not signed.", _LIST),
    cause("line-not-in-list", "A header was signed that the list does not name.", _LIST),
    cause(
        "lines-of-all-headers", "All x-ca-* headers were signed, whatever the list names.", _LIST
    ),
    cause(
        "list-not-sent",
        "Header lines were signed, but x-ca-signature-headers did not come.",
        "Send x-ca-signature-headers with the names of the signed headers.",
        UNKNOWNS,
    ),
    cause(
        "empty-lines-left-out",
        "Headers of the list that are empty or absent were left out of the lines.",
        "Sign name: with nothing behind the colon for a header that is empty or does not come.",
    ),
    cause(
        "unsignable-signed",
        "A line was signed for a header that has none: Accept, Content-MD5, Content-Type, Date, "
        "x-ca-signature or x-ca-signature-headers.",
        "Leave these headers out of the list and of the lines.",
    ),
    cause("stage-not-signed", "The list names x-ca-stage, but it was not signed.", _STAGE),
)
ORDER = (
    cause("list-order-kept", "The lines stand in the order of the list, not sorted.", _ORDER),
    cause("names-sorted-otherwise", "The lines are sorted, but otherwise than by name.", _ORDER),
)
FORM = (
    cause("line-blank", "The signed lines have blanks around their colons.", _LINE),
    cause("line-equals", "The signed lines have an equals sign for the colon.", _LINE),
    cause("line-names-left-out", "The values were signed without their names.", _LINE),
    cause("lines-joined-otherwise", "The signed headers are not on lines of their own.", _LINE),
    cause("lines-feed-missing", "The line feed between header lines and path is missing.", _LINE),
    cause(
        "lines-feed-doubled",
        "An empty line stands between header lines and path.",
        "Put the path right behind the last header line, or behind Date if there is none.",
    ),
)
VALUES = (
    cause(
        "timestamp-signed-otherwise",
        "Another x-ca-timestamp was signed than was sent.",
        "Take the time once, in milliseconds, and sign and send that same number.",
        HEADERS,
    ),
    cause("value-case", "The signed value of a header differs by case.", _VALUE),
    cause(
        "value-space",
        "The signed value of a header has other blanks than the sent one.",
        "Strip a header's value before signing: blanks around it are lost on the way.",
    ),
    cause("value-encoded", "The signed value of a header is percent-encoded.", _VALUE),
    cause("value-left-out", "A header was signed as if it were empty.", _VALUE),
    cause(
        "value-not-sent",
        "A header was signed with a value, but it did not come.",
        "Send the header that you sign, or take it out of the list.",
    ),
    cause(
        "header-sent-twice",
        "A header came twice, and another of its values was signed than the last.",
        "Send each signed header once.",
    ),
)
