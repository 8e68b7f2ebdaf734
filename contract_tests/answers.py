"""What came back, in a form that turns what is missing into an expectation that was not met."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, SupportsIndex

MAX_EXCERPT = 600


class Unmet(AssertionError):
    """The target did not keep its word; the message says what was expected and what was found."""


class JsonObject(dict[str, Any]):
    """A JSON object of an answer; a member that is not there is an unmet expectation."""

    def __missing__(self, name: str) -> NoReturn:
        there = ", ".join(self) or "none"
        raise Unmet(f"the answer has no member {name!r} where it was expected; there: {there}")


class JsonArray(list[Any]):
    """A JSON array of an answer; an item that is not there is an unmet expectation."""

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        try:
            return super().__getitem__(index)
        except IndexError:
            raise Unmet(f"the answer has {len(self)} items, and none at {index}") from None


@dataclass(frozen=True)
class SentRequest:
    """A request as it went out."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


@dataclass(frozen=True)
class ReceivedAnswer:
    """What the target answered; `exchange` is its key in the transcript."""

    sent: SentRequest
    status: int
    headers: Mapping[str, str]
    content: bytes
    exchange: str

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.content.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """Return the body's JSON; objects are `JsonObject`, arrays `JsonArray`. Raises `Unmet`."""
        try:
            return wrapped(json.loads(self.content))
        except ValueError:
            raise Unmet(f"{self.sent} answered no JSON: {self.excerpt()}") from None

    def expect(self, *statuses: int) -> Any:
        """Return the JSON of an answer with one of these statuses, or raise `Unmet`."""
        self.expect_status(*statuses)
        return self.json

    def expect_status(self, *statuses: int) -> ReceivedAnswer:
        """Return the answer itself if it has one of these statuses, or raise `Unmet`."""
        if self.status not in statuses:
            wanted = " or ".join(map(str, statuses))
            raise Unmet(f"{self.sent} answered {self.status}, expected {wanted}: {self.excerpt()}")
        return self

    def excerpt(self) -> str:
        """Return the beginning of the body, for messages."""
        text = self.text
        return (
            text
            if len(text) <= MAX_EXCERPT
            else f"{text[:MAX_EXCERPT]}… ({len(self.content)} bytes)"
        )


def wrapped(value: Any) -> Any:
    """Return JSON data as `JsonObject` and `JsonArray`, all the way down."""
    if isinstance(value, dict):
        return JsonObject((name, wrapped(member)) for name, member in value.items())
    if isinstance(value, list):
        return JsonArray(wrapped(item) for item in value)
    return value


def expect_one_of(found: object, expected: Iterable[object], what: str) -> None:
    """Raise `Unmet` unless `found` is among `expected`."""
    allowed = list(expected)
    if found not in allowed:
        raise Unmet(f"{what} is {found!r}, expected one of {allowed}")
