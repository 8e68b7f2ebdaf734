"""Multipart forms, as browsers post them: the parts of a body that was read completely.

Everything stays in memory: the body and one copy of its parts. The size was limited before, when
the body was read.
"""

from __future__ import annotations

import logging

from msgspec import Struct

MAX_PARTS = 100

_MAX_BOUNDARY = 70  # RFC 2046
_MAX_MEDIA_TYPE = 1000
# The parser logs what is wrong with a form; the caller already gets an exception.
_SILENT = logging.Logger("silent", logging.CRITICAL)


class NotAForm(ValueError):
    """The request does not say that its body is multipart/form-data."""


class MalformedForm(ValueError):
    """The body is not a valid form, or has too many parts."""


class Part(Struct, frozen=True):
    """One field of a form."""

    name: str
    data: bytes

    @property
    def text(self) -> str:
        """The value, decoded as UTF-8."""
        return self.data.decode("utf-8", "replace")


def read_form(content_type: bytes | None, body: bytes) -> tuple[Part, ...]:
    """Return the parts of a form in their order.

    Raises NotAForm or MalformedForm.
    """
    from python_multipart import MultipartParser
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import parse_options_header

    if len(content_type or b"") > _MAX_MEDIA_TYPE:
        raise MalformedForm(f"the Content-Type has more than {_MAX_MEDIA_TYPE} characters")
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise NotAForm(f"expected multipart/form-data, found {kind.decode('latin-1') or 'nothing'}")
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise MalformedForm(f"a boundary has 1 to {_MAX_BOUNDARY} characters, not {len(boundary)}")
    reader = _FormReader()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin_part,
                "on_header_field": reader.add_header_name,
                "on_header_value": reader.add_header_value,
                "on_header_end": reader.end_header,
                "on_part_data": reader.add_data,
                "on_part_end": reader.end_part,
                "on_end": reader.end_form,
            },
        )
        parser.logger = _SILENT
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise MalformedForm(str(error)) from error
    if not reader.ended:
        raise MalformedForm("the form breaks off before its last boundary")
    return tuple(reader.parts)


class _FormReader:
    """Collects the parts that the parser reports piece by piece."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._name = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._pieces: list[memoryview] = []

    def begin_part(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise MalformedForm(f"a form may have at most {MAX_PARTS} fields")
        self._headers = {}
        self._pieces = []

    def add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def add_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(memoryview(data)[start:end])

    def end_part(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if b"name" not in options:
            raise MalformedForm(f"field {len(self.parts) + 1} has no name")
        name = options[b"name"].decode("utf-8", "replace")
        self.parts.append(Part(name, b"".join(self._pieces)))

    def end_form(self) -> None:
        self.ended = True
