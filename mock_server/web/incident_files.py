"""The file of an incident: what a mock was asked and answered, so that another can play it again.

It is one JSON document. `steps` are in the order in which they had effects.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from mock_server.web.json_bodies import OutgoingBody


class _FilePart(OutgoingBody):
    model_config = ConfigDict(
        allow_inf_nan=False,
        extra="forbid",
        json_schema_serialization_defaults_required=False,
        strict=True,
        validate_by_alias=True,
    )


class RecordedBody(_FilePart):
    """A body: `text` if it is UTF-8, or `base64`, or of a large one its size and digest.

    `digest` is BLAKE2b of 16 bytes, in hex. A request body with only a size had to make room.
    """

    text: str | None = None
    base64: str | None = None
    size: int | None = Field(None, ge=0)
    digest: str | None = None

    @classmethod
    def of(cls, data: bytes) -> RecordedBody:
        try:
            return cls(text=data.decode())
        except UnicodeDecodeError:
            return cls(base64=b64encode(data).decode())

    @property
    def data(self) -> bytes | None:
        """The bytes, if they are there."""
        if self.text is not None:
            return self.text.encode()
        return None if self.base64 is None else b64decode(self.base64)


HeaderLine = Annotated[str, Field(pattern=r"^[^:\r\n]+: [^\r\n]*$")]


class AnswerPart(_FilePart):
    """What was answered; `headers` are lines, without those that every answer has."""

    status: int
    headers: list[HeaderLine]
    body: RecordedBody


class RequestStep(_FilePart):
    """A request. `id` is its X-Mock-Request-Id, `at` when it came (real seconds since the epoch).

    `host` is where the connection went; `target` is path and query. `answer` is null if nothing was
    sent, and missing if the client did not wait for it. `remark` is the header X-Mock-Remark.
    `account` and `operation` are for readers.
    """

    kind: Literal["request"]
    id: str = Field(pattern="^[0-9a-f]{8,}$")
    at: float
    account: str | None = None
    operation: str | None = None
    method: str
    target: str
    scheme: Literal["http", "https"] = "http"
    server: list[str | int | None] | None = None
    client: str | None = None
    headers: list[HeaderLine]
    body: RecordedBody | None = None
    unanswered: bool = False
    remark: str | None = None
    answer: AnswerPart | None = None


class ResumeStep(_FilePart):
    """The moment at which a request begins its unit of work number `act`, after other steps."""

    kind: Literal["resume"]
    id: str
    act: int = Field(ge=2)


class CallbackStep(_FilePart):
    """One try of a callback, and what its receiver answered: `status` 0 is no answer.

    It went on from `at` to `until` (real seconds). It is done here unless a request did it; one
    that is `alone` was sent by itself. `number` counts tries. `fault` is the rule that hit it, and
    there is no `status` if that kept it from being sent. `url` is where it was sent. `answer` is
    there for questions, whose answers decide something.
    """

    kind: Literal["callback"]
    at: float
    until: float
    account: str
    callback: str
    number: int
    status: int | None = None
    url: str = ""
    problem: str = ""
    answer: RecordedBody | None = None
    fault: str = ""
    final: bool = False
    alone: bool = False


class AccountPart(_FilePart):
    """An account that took part: its number decides the credentials that the mock makes."""

    id: str
    number: int
    seed: int
    app_id: str
    app_key: str


Step = Annotated[RequestStep | ResumeStep | CallbackStep, Field(discriminator="kind")]


class IncidentBody(_FilePart):
    """What happened on a mock since `began_at`, when it began or was reset altogether.

    `partial` says in sentences what is missing; it is empty if another mock can play everything.
    `account` is there if the steps are those of one account. `settings` are by name, and `files`
    are the texts that they name. `redacted` says that foreign secrets have stand-ins.
    """

    tams_mock_incident: Literal[1]
    made_by: str
    libraries: dict[str, str]
    redacted: bool
    partial: list[str]
    account: str | None = None
    began_at: float
    settings: dict[str, Any]
    files: dict[str, str] = Field(default_factory=dict)
    accounts: list[AccountPart]
    steps: list[Step]
