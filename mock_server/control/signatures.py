"""Explains what is wrong with the signature of a captured request."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mock_server.control.dependencies import ControlDependencies
from mock_server.control.problems import NOT_A_CAPTURE, Problem
from mock_server.web.calls import Call
from mock_server.web.captures import CaptureError
from mock_server.web.json_bodies import WHOLE, IncomingBody

MAX_HEADERS = 1000


def _few(headers: Any) -> Any:
    """Refuse long lists before each of their headers is an error."""
    if isinstance(headers, dict | list) and len(headers) > MAX_HEADERS:
        raise ValueError(f"must have at most {MAX_HEADERS} headers")
    return headers


Headers = Annotated[dict[str, str] | list[dict[str, str]], BeforeValidator(_few)]


class CapturedBody(IncomingBody):
    """A captured request in one of four forms: `curl`, `har`, `raw` (or `rawBase64`), `method`.

    `account` says whose credentials it was signed with; without it the header is looked up.
    `at` is when it was sent, in seconds since the epoch.
    """

    account: str | None = Field(None, max_length=100)
    curl: str | None = None
    har: dict[str, Any] | None = None
    entry: Annotated[int, Field(ge=0), WHOLE] | None = None
    raw: str | None = None
    raw_base64: str | None = Field(None, alias="rawBase64")
    method: str | None = Field(None, max_length=100)
    url: str | None = None
    headers: Headers | None = None
    body: str | None = None
    body_base64: str | None = Field(None, alias="bodyBase64")
    at: float | None = None


class Signatures:
    """The operation that explains a captured request."""

    def __init__(self, known: ControlDependencies) -> None:
        self.known = known

    async def explain(self, call: Call, body: CapturedBody) -> dict[str, Any]:
        captured = body.model_dump(by_alias=True, exclude_none=True)
        try:
            return await self.known.explain(captured)
        except CaptureError as error:
            raise Problem(NOT_A_CAPTURE, str(error)) from error
