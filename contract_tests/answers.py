"""Answers of the target. Reading a missing member or item is an unmet expectation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, SupportsIndex

MAX_EXCERPT = 600


class Unmet(AssertionError):
    """An expectation is not met; the message says what was expected and what was found."""


class NoAnswer(Unmet):
    """The target broke the connection, or did not answer in time."""


class NotSent(NoAnswer):
    """A request was not sent, because there was no connection; this judges nothing."""


class RefusedCall(Unmet):
    """A call was refused with a 4xx, and another status was expected."""


class AnswerObject(dict[str, Any]):
    """A JSON object of an answer. Reading a missing member raises `Unmet`."""

    def __missing__(self, name: str) -> NoReturn:
        there = ", ".join(self) or "none"
        raise Unmet(f"the answer has no member {name!r} where it was expected; it has: {there}")


class AnswerArray(list[Any]):
    """A JSON array of an answer. Reading a missing item raises `Unmet`."""

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        try:
            return super().__getitem__(index)
        except IndexError:
            raise Unmet(f"the answer has {len(self)} items, but none at index {index}") from None


@dataclass(frozen=True)
class SentRequest:
    """A request as it was sent."""

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
        """Return the JSON as `AnswerObject` and `AnswerArray`; raises `Unmet`."""
        try:
            return wrapped(json.loads(self.content))
        except ValueError:
            raise Unmet(f"{self.sent} answered a body that is not JSON: {self.excerpt()}") from None

    def expect(self, *statuses: int) -> Any:
        """Return the JSON of an answer with one of these statuses, or raise `Unmet`."""
        self.expect_status(*statuses)
        return self.json

    def expect_status(self, *statuses: int) -> ReceivedAnswer:
        """Return the answer itself if it has one of these statuses, or raise `Unmet`."""
        if self.status not in statuses:
            wanted = " or ".join(map(str, statuses))
            kind = RefusedCall if 400 <= self.status < 500 else Unmet
            raise kind(f"{self.sent} answered {self.status}, expected {wanted}: {self.excerpt()}")
        return self

    def expect_json_type(self) -> None:
        """Raise `Unmet` unless the answer says that it is JSON."""
        media_type = self.headers.get("content-type", "")
        if not media_type.lower().startswith("application/json"):
            raise Unmet(f"{self.sent} answered {self.status} as {media_type!r}, which is not JSON")

    def excerpt(self) -> str:
        """Return the beginning of the body, for messages."""
        text = self.text
        return (
            text
            if len(text) <= MAX_EXCERPT
            else f"{text[:MAX_EXCERPT]}… ({len(self.content)} bytes)"
        )


class Remembered:
    """What the answers of one run told so far, to compare later ones with it."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, Any], Any] = {}

    def expect_new(self, what: str, value: Any) -> None:
        """Raise `Unmet` if an earlier answer had the same value."""
        if (what, value) in self._told:
            raise Unmet(f"the {what} {value!r} was answered before")
        self._told[what, value] = True

    def expect_owner(self, what: str, value: Any, owner: Any) -> None:
        """Raise `Unmet` if the value belonged to something else in an earlier answer."""
        before = self._told.setdefault((what, value), owner)
        if before != owner:
            raise Unmet(f"the {what} {value!r} of {owner!r} was that of {before!r}")


def wrapped(value: Any) -> Any:
    """Return JSON data as `AnswerObject` and `AnswerArray`, at every level."""
    if isinstance(value, dict):
        return AnswerObject((name, wrapped(member)) for name, member in value.items())
    if isinstance(value, list):
        return AnswerArray(wrapped(item) for item in value)
    return value


def expect_one_of(found: object, expected: Iterable[object], what: str) -> None:
    """Raise `Unmet` unless `found` is among `expected`."""
    allowed = list(expected)
    if found not in allowed:
        raise Unmet(f"{what} is {found!r}, expected one of {allowed}")
