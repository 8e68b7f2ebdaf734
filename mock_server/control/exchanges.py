"""An exchange as the journal shows it."""

from __future__ import annotations

from typing import Any

from mock_server.web.json_bodies import MomentBody, OutgoingBody, TextOrNull


class EntryBody(OutgoingBody):
    """One exchange in short. `at` is wall time, `now` the account's, `refusal` why it failed.

    `decided` is what came of it: ids, states, the price in credits.
    """

    id: str
    at: float
    iso: str
    method: str
    path: str
    target: str
    status: int | None
    account: TextOrNull
    operation: TextOrNull
    now: MomentBody | None
    duration_ms: float
    decided: dict[str, Any] | None
    refusal: TextOrNull
    remarks: list[str]


class HeaderBody(OutgoingBody):
    """One header; its name is spelled as on the wire, as far as that is known."""

    name: str
    value: str


class ContentBody(OutgoingBody):
    """Bytes, also as text if they are UTF-8; `truncated` if there were more."""

    base64: str
    text: str | None
    truncated: bool


class AnsweredBody(OutgoingBody):
    """What was sent as the answer."""

    status: int
    headers: list[HeaderBody]
    body: ContentBody


class ExchangeBody(EntryBody):
    """One exchange with all details. Secrets are replaced by ***."""

    headers: list[HeaderBody]
    body: ContentBody
    answer: AnsweredBody | None
    verdict: dict[str, Any] | None
