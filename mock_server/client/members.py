"""Members and parameters that several calls take, by name and in snake case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

Moment = float | str  # seconds since the epoch, or ISO 8601


class IdentityMembers(TypedDict, total=False):
    """What no two accounts share; what is left out is generated. `public_key` is PEM."""

    id: str | None
    name: str | None
    public_key: str | None
    app_id: str | None
    access_token: str | None
    app_key: str | None
    app_secret: str | None


class AccountMembers(IdentityMembers, total=False):
    """Options of a new account; `clock` has `start`, `rate` and `frozen`."""

    balance: float | None
    qps: int | None
    rate_limit: Literal["on", "off", "shadow"] | None
    seed: int | None
    clock: Mapping[str, Any] | None
    progress: Literal["instant", "time", "polls", "manual"] | None
    slots: int | None
    events_url: str | None
    settings: Mapping[str, Any] | None


class PageMembers(TypedDict, total=False):
    """Which page of a list; `before` is where the page before ended."""

    limit: int | None
    before: str | None


class CallbacksMembers(PageMembers, total=False):
    """Which callbacks are listed."""

    job: str | None
    state: str | None
    topic: str | None
    kind: Literal["told", "asked"] | None
    arrived: bool | None


class MatchMembers(TypedDict, total=False):
    """What a request must have had. `since` is the id of an earlier entry of the journal."""

    surface: str | None
    operation: str | None
    method: str | None
    path: str | None
    prompt: str | None
    job: str | None
    token: str | None
    status: int | None
    correlation_id: str | None
    since: str | None


class RequestsMembers(MatchMembers, PageMembers, total=False):
    """Which requests are listed: with a header `Name: value`, a member `/pointer=value`."""

    header: str | None
    body: str | None


class QuestionMembers(MatchMembers, total=False):
    """How many requests must have come, or in which sequence; see `POST /_mock/requests/verify`."""

    headers: Mapping[str, str] | None
    body: Mapping[str, Any] | None
    count: int | Mapping[str, int] | None
    never: bool | None
    sequence: Sequence[Mapping[str, Any]] | None
    contiguous: bool | None


class CaptureMembers(TypedDict, total=False):
    """A captured request: a curl line, an entry of a HAR, raw HTTP, or its parts."""

    account: str | None
    curl: str | None
    har: Mapping[str, Any] | None
    entry: int | None
    raw: str | None
    raw_base64: str | None
    method: str | None
    url: str | None
    headers: Sequence[Mapping[str, str]] | Mapping[str, str] | None
    body: str | None
    body_base64: str | None
    at: Moment | None
