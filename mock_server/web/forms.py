"""Forms that browsers post: the parts of a multipart body that is there as a whole.

Nothing is written to a disk and nothing is held but the body and one copy of what its parts carry;
how large it may be was decided when it was read.
"""

from __future__ import annotations

import logging

from msgspec import Struct

MAX_PARTS = 100

_MAX_BOUNDARY = 70  # RFC 2046
# Where the parser writes what it thinks of bad forms: nowhere, since the caller is told.
_UNHEARD = logging.Logger("unheard", logging.CRITICAL)


class NotAForm(ValueError):
    """The request does not say that its body is multipart/form-data."""


class MalformedForm(ValueError):
    """The body is not what its content type says, or has more parts than are taken."""


class Part(Struct, frozen=True):
    """One field of a form; `file_name` is None for fields that carry no file."""

    name: str
    data: bytes
    file_name: str | None = None
    content_type: str = ""

    @property
    def text(self) -> str:
        """What was entered, as UTF-8."""
        return self.data.decode("utf-8", "replace")


def read_form(content_type: bytes | None, body: bytes) -> tuple[Part, ...]:
    """Return the parts of a form in the order in which they came.

    Raises NotAForm or MalformedForm.
    """
    from python_multipart import MultipartParser
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import parse_options_header

    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise NotAForm(f"expected multipart/form-data, found {kind.decode('latin-1') or 'nothing'}")
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise MalformedForm(f"a boundary has 1 to {_MAX_BOUNDARY} signs, not {len(boundary)}")
    reader = _FormReader()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.part_begins,
                "on_header_field": reader.header_name,
                "on_header_value": reader.header_value,
                "on_header_end": reader.header_ends,
                "on_part_data": reader.part_data,
                "on_part_end": reader.part_ends,
                "on_end": reader.form_ends,
            },
        )
        parser.logger = _UNHEARD
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise MalformedForm(str(error)) from error
    if not reader.ended:
        raise MalformedForm("the form breaks off before its last boundary")
    return tuple(reader.parts)


class _FormReader:
    """Puts together what the parser finds, piece by piece."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._name = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._pieces: list[memoryview] = []

    def part_begins(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise MalformedForm(f"a form has at most {MAX_PARTS} fields here, and this has more")
        self._headers = {}
        self._pieces = []

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_ends(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(memoryview(data)[start:end])

    def part_ends(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if b"name" not in options:
            raise MalformedForm(f"field {len(self.parts) + 1} has no name")
        file_name = options.get(b"filename")
        self.parts.append(
            Part(
                options[b"name"].decode("utf-8", "replace"),
                b"".join(self._pieces),
                None if file_name is None else file_name.decode("utf-8", "replace"),
                self._headers.get(b"content-type", b"").decode("latin-1"),
            )
        )

    def form_ends(self) -> None:
        self.ended = True
