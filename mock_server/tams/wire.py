"""Reads request bodies as protobuf's JSON mapping does.

Source: TAMS › Wire conventions 3 to 5 and 8; for all other cases, the mapping itself
(https://protobuf.dev/programming-guides/json). Members are in camelCase or snake_case; of two
equal names the last one counts. Unknown members are ignored, or refused if a setting says so. null
means unset, and an unset member
has its default. `scalars` has the types of members.

Error messages are made only if there is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar, cast, get_args

from msgspec import Struct, convert
from msgspec.structs import fields
from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, SchemaValidator, from_json
from pydantic_core.core_schema import CoreConfig, typed_dict_field, typed_dict_schema

from mock_server.core.errors import Malformed
from mock_server.tams.positions import (
    Path,
    later_name_at,
    line_and_column,
    offset_of,
    token_at,
    value_at,
    word_start,
)
from mock_server.tams.scalars import MAX_CHARACTERS, MAX_ELEMENTS, WRONG_SCALAR
from mock_server.web.calls import Call
from mock_server.web.json_values import read_json
from mock_server.web.unread_members import UnreadMember, unread_members


def json_name(name: str) -> str:
    """Return the JSON spelling of a snake_case name, by protobuf's rule."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


class TamsBody(Struct, frozen=True, gc=False):
    """A message: its fields are in snake_case, and each is read in both spellings.

    Pydantic validates the members; the result is a `Struct` like all other values.
    """

    # Whether an empty body, or null, counts as a message without members.
    may_be_empty: ClassVar[bool] = False
    # Bodies with more objects are refused before each of them is validated.
    max_objects: ClassVar[int] = 2_000

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        members = {
            field.name: typed_dict_field(
                handler.generate_schema(field.type),
                required=False,
                validation_alias=json_name(field.name),
            )
            for field in fields(cls)
        }
        # The alias is looked up first, so camelCase wins if both are there.
        both = CoreConfig(validate_by_alias=True, validate_by_name=True)
        return typed_dict_schema(members, extra_behavior="forbid", config=both)


Kind = TypeVar("Kind", bound=TamsBody)


def parse(
    kind: type[Kind],
    raw: bytes,
    *,
    both_spellings: Literal["camel", "refuse"] = "camel",
    unread_member: Literal["accept", "refuse"] = "accept",
    remark: Callable[[str], object] = str,
) -> Kind:
    """Return the message in the bytes; raises Malformed with protobuf's message.

    `remark` is told of members that nothing reads, where they are accepted.
    """
    most = kind.max_objects
    if len(raw) > most and raw.count(b"{") > most:  # braces in texts are rare enough to count too
        raise Malformed(f"proto: the body has more than {most} objects")
    # The fast path: most bodies are valid, and have no member twice and no number that JSON lacks.
    # A null is valid only where it means what an unset member means. `in` would be slower.
    if both_spellings == "camel" and raw.find(b"NaN") < 0 and raw.find(b"Infinity") < 0:
        try:
            return convert(read_json(_reader(kind).validate_json, raw), kind)
        except ValidationError:
            pass  # The error is explained below.
    try:
        data = read_json(_from_json, raw)
    except ValueError as error:
        if kind.may_be_empty and not raw.strip(b" \t\r\n"):
            return kind()
        raise _unreadable(raw, error) from None
    if data is None and kind.may_be_empty:
        data = {}
    if both_spellings == "refuse":
        _refuse_both_spellings(kind, data, raw)
    if b"null" in raw:
        data = _without_nulls(kind, data)
    unread = unread_members(kind, data, _kinds)
    if unread and unread_member == "refuse":
        raise _unknown_field(raw, unread[0])
    try:
        made = convert(_reader(kind).validate_python(data, extra="ignore"), kind)
    except ValidationError as error:
        raise _wrong_value(raw, error) from None
    for each in unread:
        remark(str(each))
    return made


def _from_json(raw: bytes) -> Any:
    return from_json(raw, allow_inf_nan=False)


@cache
def _reader(kind: type[TamsBody]) -> SchemaValidator:
    """Return the validator of a message; the first request that needs it builds it."""
    return cast(SchemaValidator, TypeAdapter(kind).validator)  # or a compatible class


@cache
def _members(kind: type[TamsBody]) -> dict[str, tuple[str, type[TamsBody] | None]]:
    """Return, for both spellings of each member, its JSON name and the type of message in it."""
    members: dict[str, tuple[str, type[TamsBody] | None]] = {}
    for field in fields(kind):
        alias = json_name(field.name)
        members[field.name] = members[alias] = (alias, next(_messages_in(field.type), None))
    return members


@cache
def _kinds(kind: type[TamsBody]) -> dict[str, type[TamsBody] | None]:
    return {name: held for name, (_, held) in _members(kind).items()}


def _messages_in(annotation: Any) -> Iterator[type[TamsBody]]:
    if isinstance(annotation, type) and issubclass(annotation, TamsBody):
        yield annotation
    for part in get_args(annotation):
        yield from _messages_in(part)


def _without_nulls(kind: type[TamsBody], data: Any) -> Any:
    """Return the data without null members; free maps are not changed."""
    if isinstance(data, list):
        return [_without_nulls(kind, each) for each in data]
    if not isinstance(data, dict):
        return data
    members = _members(kind)
    kept = {}
    for name, value in data.items():
        if value is not None:
            held = members[name][1] if name in members else None
            kept[name] = value if held is None else _without_nulls(held, value)
    return kept


def _refuse_both_spellings(
    kind: type[TamsBody], data: Any, raw: bytes, path: tuple[str | int, ...] = ()
) -> None:
    if isinstance(data, list):
        for index, each in enumerate(data):
            _refuse_both_spellings(kind, each, raw, (*path, index))
    elif isinstance(data, dict):
        members = _members(kind)
        seen: dict[str, str] = {}
        for name, value in data.items():
            alias, held = members.get(name, ("", None))
            if alias and value is not None:
                if alias in seen:
                    raise _duplicate_field(raw, path, (seen[alias], name))
                seen[alias] = name
                if held is not None:
                    _refuse_both_spellings(held, value, raw, (*path, name))


def path_number(call: Call, name: str) -> str:
    """Return a path id, an unsigned integer of 64 bits in decimal (U57 for what is not)."""
    text = call.params[name]
    if not text.isascii() or not text.isdigit():
        problem = "invalid syntax"
    elif len(text) > 20 or int(text) >= 2**64:
        problem = "value out of range"
    else:
        return text
    shown = text if len(text) <= 100 else text[:100] + "…"
    parsing = f'strconv.ParseUint: parsing "{shown}": {problem}'
    raise Malformed(f"type mismatch, parameter: {name}, error: {parsing}", field=name)


# Error messages, in the words of protobuf's reader for Go


def _duplicate_field(raw: bytes, path: Path, names: tuple[str, str]) -> Malformed:
    text = raw.decode()
    offset = later_name_at(text, path, names)
    return Malformed(f"proto: {_position(text, offset)}: duplicate field {token_at(text, offset)}")


def _unknown_field(raw: bytes, unread: UnreadMember) -> Malformed:
    text = raw.decode()
    offset = later_name_at(text, unread.path, (unread.name,))
    token = token_at(text, offset)
    return Malformed(f"proto: {_position(text, offset)}: unknown field {token}")


def _wrong_value(raw: bytes, error: ValidationError) -> Malformed:
    text = raw.decode()
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = first["loc"]  # in the spelling of the request
    offset = value_at(text, path)
    token, names = token_at(text, offset), [step for step in path if isinstance(step, str)]
    name = json_name(names[-1]) if names else ""
    if not first["type"].startswith(WRONG_SCALAR):
        position = _position(text, offset)
        if first["type"] == "too_long":
            return Malformed(f"proto: {position}: more than {MAX_ELEMENTS} values for field {name}")
        # An object or a list was expected.
        return Malformed(f"proto: syntax error {position}: unexpected token {token}")
    # The position of a string is that of the character after its quote, as in this example, whose
    # message is made up: fixtures/exchanges/tams/create-resource-image.error-bad-expire.json.
    position = _position(text, offset + text.startswith('"', offset))
    kind = first["type"].removeprefix(WRONG_SCALAR)
    if kind == "string" and token.startswith('"'):
        problem = f"more than {MAX_CHARACTERS} characters for field {name}"
        return Malformed(f"proto: {position}: {problem}")
    return Malformed(f"proto: {position}: invalid value for {kind} field {name}: {token}")


def _unreadable(raw: bytes, error: ValueError) -> Malformed:
    try:
        text = raw.decode()
    except UnicodeDecodeError as problem:
        text = raw.decode(errors="replace")
        offset = len(raw[: problem.start].decode())
        return Malformed(f"proto: syntax error {_position(text, offset)}: invalid UTF-8")
    found = _SYNTAX_POSITION.match(str(error))
    why, line, column = found.groups() if found else (str(error), "1", "1")
    offset = offset_of(raw, int(line), int(column))
    if why.startswith("EOF"):
        offset, why = len(text), "unexpected EOF"
    elif why.startswith("recursion"):
        why = "exceeded max recursion depth"
    elif _IN_STRING.search(why):
        why = f"{why} in string"
    else:
        offset = word_start(text, offset)
        why = f"unexpected token {token_at(text, offset)}"
    return Malformed(f"proto: syntax error {_position(text, offset)}: {why}")


# The parser's message with the position at its end, and the messages about strings.
_SYNTAX_POSITION = re.compile(
    r"(.*?)(?: found while parsing a string)? at line (\d+) column (\d+)$"
)
_IN_STRING = re.compile("control character|escape|unicode")


def _position(text: str, offset: int) -> str:
    line, column = line_and_column(text, offset)
    return f"(line {line}:{column})"
