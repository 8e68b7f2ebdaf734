"""Which requests match: the same conditions for faults and for questions to the journal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import parse_qsl

from msgspec import Struct
from pydantic import Field

from mock_server.web.calls import Call
from mock_server.web.json_bodies import IncomingBody
from mock_server.web.pipeline import Operation
from mock_server.web.traces import Trace

MAX_PARSED_BYTES = 2 * 1024 * 1024  # of a request's body, to look for members in it
MAX_CONDITIONS = 20  # on headers, and on members of the body

Text = Annotated[str, Field(min_length=1, max_length=500)]
Pointer = Annotated[str, Field(pattern=r"^(/[^/]+)+$")]


class RequestMatchBody(IncomingBody):
    """Conditions for a request; every member that is given must fit.

    `operation` is the vendor's name, or method and path as in `GET /_mock/routes`. `path` and the
    values of `headers` may contain *. `body` maps JSON pointers to values; a step * is any member.
    `prompt` is a part of any prompt in the body. `job` and `token` are ids, in the path, query or
    body.
    """

    surface: Text | None = None
    operation: Text | None = None
    method: str | None = None
    path: str | None = None
    headers: Annotated[dict[Text, Text], Field(max_length=MAX_CONDITIONS)] | None = None
    body: (
        Annotated[
            dict[Pointer, Any],
            Field(max_length=MAX_CONDITIONS, json_schema_extra={"additionalProperties": False}),
        ]
        | None
    ) = None
    prompt: Text | None = None
    job: Text | None = None
    token: Text | None = None

    @property
    def path_pattern(self) -> str | None:
        """The pattern with * that the whole path must fit."""
        return self.path


class RequestView:
    """A request as conditions see it. `body` is None if only a part of it is known.

    `names` returns the names of its operation.
    """

    def __init__(
        self,
        request: Call | Trace,
        body: bytes | None,
        surface: str,
        names: Callable[[], Sequence[str]],
    ) -> None:
        self.method = request.method
        self.path = request.path
        self.head = request.head
        self.body = body
        self.surface = surface
        self.names = names

    @cached_property
    def parsed(self) -> Any:
        """The body as JSON; None if it is not JSON, or too large."""
        if not self.body or len(self.body) > MAX_PARSED_BYTES:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def ids(self) -> set[str]:
        """What may be an id in the path, the query, and the top level of the body."""
        ids = {*self.path.split("/")}
        ids |= {value for _, value in parse_qsl(self.head.query, max_num_fields=100)}
        if isinstance(self.parsed, dict):
            ids |= {str(value) for value in self.parsed.values() if isinstance(value, str | int)}
        return ids

    @cached_property
    def prompts(self) -> str:
        """All prompts in the body as one text."""
        found: list[str] = []
        waiting: list[tuple[str, Any]] = [("", self.parsed)]
        while waiting:
            name, value = waiting.pop()
            if isinstance(value, dict):
                waiting += value.items()
            elif isinstance(value, list):
                waiting += ((name, each) for each in value)
            elif isinstance(value, str) and name in _PROMPT_MEMBERS:
                found.append(value)
        return "\n".join(found)


_PROMPT_MEMBERS = {"prompt", "prompts", "text", "negative_prompt", "negtive_prompt"}


class Difference(Struct, frozen=True):
    """A condition that a request does not fit, and what was found instead (None: nothing).

    `name` is that of the header, or the pointer into the body. `unknown` is set where the
    condition may fit, as only a part of the body is known.
    """

    condition: str
    found: Any
    name: str = ""
    unknown: bool = False


def differences(match: RequestMatchBody, request: RequestView) -> Iterator[Difference]:
    """Yield the conditions that the request does not fit; those of the body come last."""
    method, path = request.method, request.path
    if match.surface not in (None, request.surface):
        yield Difference("surface", request.surface)
    if match.operation is not None:
        names = request.names()
        if plain_name(match.operation) not in map(plain_name, names):
            yield Difference("operation", names[-1])
    if match.method is not None and match.method.upper() != method:
        yield Difference("method", method)
    if (pattern := match.path_pattern) is not None and not fnmatchcase(path, pattern):
        yield Difference("path", path)
    if match.headers:
        sent = {name: value.decode("latin-1") for name, value in request.head.headers}
        for name, wanted in match.headers.items():
            value = sent.get(name.lower().encode())
            if value is None or not fnmatchcase(value, wanted):
                yield Difference("header", value, name)
    if any(each is not None for each in (match.job, match.token, match.prompt, match.body)):
        yield from _differences_in_body(match, request)


def _differences_in_body(match: RequestMatchBody, request: RequestView) -> Iterator[Difference]:
    unknown = request.body is None
    for condition, id in (("job", match.job), ("token", match.token)):
        if id is not None and id not in request.ids:
            yield Difference(condition, None, unknown=unknown)
    if match.prompt is not None and match.prompt.lower() not in request.prompts.lower():
        yield Difference("prompt", request.prompts or None, unknown=unknown)
    for pointer, value in (match.body or {}).items():
        found = values_at(request.parsed, steps_of(pointer))
        if value not in found:
            yield Difference("body", found[0] if found else None, pointer, unknown)


def names_of(operation: Operation) -> tuple[str, ...]:
    """Return the names of an operation: the vendor's own first, method and path last."""
    return (operation.label, operation.run.__name__, f"{operation.method} {operation.path}")


def plain_name(name: str) -> str:
    """Return the name of an operation without what people spell differently."""
    return re.sub(r"[_\W]", "", name).lower()


# JSON pointers


def steps_of(pointer: str) -> list[str]:
    """Return the steps of a JSON pointer."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def members(holder: Any, step: str) -> list[tuple[Any, Any]]:
    """Return the members of an object or array that a step of a pointer names, or all for *."""
    if isinstance(holder, dict):
        return [(key, value) for key, value in holder.items() if step in ("*", key)]
    if isinstance(holder, list):
        return [(at, value) for at, value in enumerate(holder) if step in ("*", str(at))]
    return []


def values_at(body: Any, steps: Iterable[str]) -> list[Any]:
    """Return the values that the steps of a JSON pointer name."""
    holders = [body]
    for step in steps:
        holders = [value for holder in holders for _, value in members(holder, step)]
    return holders
