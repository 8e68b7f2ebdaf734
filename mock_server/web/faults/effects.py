"""What a fault does: each kind is a model of its parameters, and acts on a call or its answer.

Kinds that `stop` answer in place of the work, or after it; the others change what goes out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from math import log
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace
from pydantic import Field

from mock_server.core.errors import DomainError
from mock_server.core.jobs.job import JobState
from mock_server.web.calls import GONE, Answer, Call, WireFault, json_answer
from mock_server.web.faults.plans import MAX_PLAN_SECONDS, PlanChangeBody
from mock_server.web.json_bodies import WHOLE, IncomingBody
from mock_server.web.request_matches import members, steps_of, values_at
from mock_server.web.wall import wait

MAX_SECONDS = 600.0
# How often a wait looks whether the client is still there, and what the account's clock shows.
_LOOK_SECONDS = 0.05

Refusal = Callable[[], Answer | DomainError]


class FaultContext(Struct, frozen=True):
    """What an effect may use. `refusals` are those of the call's vendor, by name.

    `now` returns the account's time, or the server's where no account is known. `earlier` returns
    the answer that the same call got before, if it is remembered. `job_age` returns how long ago
    the job that a call names was submitted (virtual seconds).
    """

    refusals: Mapping[str, Refusal]
    now: Callable[[], Awaitable[float]]
    earlier: Callable[[], Answer | None]
    job_age: Callable[[], Awaitable[float | None]]
    random: Random


class EffectBody(IncomingBody):
    """What happens to a call that is hit."""

    needs_answer: ClassVar[bool] = False
    needs_job: ClassVar[bool] = False  # It acts on jobs of this server.

    def problem(self) -> str:
        """Return what its members, taken together, lack."""
        return ""

    async def act(self, call: Call, context: FaultContext) -> Answer | None:
        """Return the answer to send in place of any other, or None to go on."""
        raise NotImplementedError


class AnswerEffectBody(EffectBody):
    """What happens to an answer, so the work is done first."""

    needs_answer = True

    def changed(self, answer: Answer, call: Call, context: FaultContext) -> Answer:
        """Return the answer to send instead."""
        raise NotImplementedError


class RefusalFault(EffectBody):
    """One of the vendor's own refusals, by its name (see `GET /_mock/faults/kinds`)."""

    kind: Literal["refusal"]
    name: Annotated[str, Field(min_length=1, max_length=100)]

    async def act(self, call: Call, context: FaultContext) -> Answer | None:
        if self.name not in context.refusals:
            return None  # It is another vendor's.
        return refused(context.refusals[self.name])


class StatusFault(EffectBody):
    """Any status, headers and body: a text, or a value that is sent as JSON."""

    kind: Literal["status"]
    status: Annotated[int, Field(ge=200, le=599), WHOLE]
    headers: dict[
        Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")],
        Annotated[str, Field(pattern=r"^[\t -~]{0,4000}$")],
    ] = Field(
        default_factory=dict, max_length=50, json_schema_extra={"additionalProperties": False}
    )
    body: Any = None

    async def act(self, call: Call, context: FaultContext) -> Answer | None:
        made = json_answer(self.body, self.status)
        if self.body is None or isinstance(self.body, str):
            plain = (b"content-type", b"text/plain; charset=utf-8")
            made = Answer(self.status, (self.body or "").encode(), (plain,))
        named = {name.lower().encode(): value.encode() for name, value in self.headers.items()}
        kept = tuple(header for header in made.headers if header[0] not in named)
        return replace(made, headers=(*kept, *named.items()))


class NotYetFault(EffectBody):
    """Refuses calls about a job, as if it were unknown, for `seconds` after its submission."""

    needs_job = True

    kind: Literal["not-yet"]
    seconds: Annotated[float, Field(gt=0, le=86_400)] = 2.0

    async def act(self, call: Call, context: FaultContext) -> Answer | None:
        age = await context.job_age()
        if age is None or age >= self.seconds:
            return None
        name = next(each for each in ("job-unknown", "task-unknown") if each in context.refusals)
        return refused(context.refusals[name])


class PlanFault(PlanChangeBody, EffectBody):
    """Changes how the job goes that a call submits."""

    needs_job = True

    kind: Literal["plan"]

    async def act(self, call: Call, context: FaultContext) -> Answer | None:
        call.plan_change = self.change()
        return None


class CallbackEffect(EffectBody):
    """Lets callbacks misbehave: those of the `state` (a vendor-neutral one) or on the `topic`.

    `late` sends one after `seconds`, and those behind it later still; `overtaken` lets those behind
    it arrive first. `twice` sends it two times, `replayed` again after `seconds`. `lost` never
    sends it, `lost-once` only at the next try of the vendor's schedule. The others break it.
    """

    needs_job = True

    kind: Literal["callback"]
    how: Literal[
        "late",
        "overtaken",
        "twice",
        "replayed",
        "lost",
        "lost-once",
        "truncated",
        "wrong-content-type",
        "wrong-signature",
    ]
    seconds: Annotated[float, Field(gt=0, le=MAX_PLAN_SECONDS)] = 60.0
    state: JobState | None = None
    topic: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class LatencyFault(EffectBody):
    """Waits: `seconds`, or between `low` and `high`, or log-normal with `median` and `sigma`.

    On the account's clock it ends after ten real minutes, even if that clock stands.
    """

    kind: Literal["latency"]
    seconds: Annotated[float, Field(ge=0, le=MAX_SECONDS)] | None = None
    low: Annotated[float, Field(ge=0, le=MAX_SECONDS)] | None = None
    high: Annotated[float, Field(ge=0, le=MAX_SECONDS)] | None = None
    median: Annotated[float, Field(gt=0, le=MAX_SECONDS)] | None = None
    sigma: Annotated[float, Field(ge=0, le=5)] = 0.5
    clock: Literal["wall", "account"] = "wall"

    def problem(self) -> str:
        ranged = self.low is not None and self.high is not None
        if [self.seconds is not None, ranged, self.median is not None].count(True) != 1:
            return "needs seconds, or low and high, or median"
        if self.low is not None and self.high is not None and self.low > self.high:
            return "low must not be above high"
        return ""

    async def act(self, call: Call, context: FaultContext) -> Answer | None:
        seconds = self._seconds(context.random)
        if self.clock == "wall":
            await _pause(call, seconds)
            return None
        until, looks = await context.now() + seconds, int(MAX_SECONDS / _LOOK_SECONDS)
        while GONE not in call.scope.get("state", ()) and await context.now() < until and looks:
            await wait(_LOOK_SECONDS)
            looks -= 1
        return None

    def _seconds(self, random: Random) -> float:
        if self.low is not None and self.high is not None:
            return random.uniform(self.low, self.high)
        if self.median is not None:
            return min(MAX_SECONDS, random.lognormvariate(log(self.median), self.sigma))
        return self.seconds or 0.0


class ConnectionFault(EffectBody):
    """Breaks the connection in place of an answer.

    `reset` ends it with a reset, `empty` closes it, and `garbage` sends bytes that are no HTTP.
    """

    kind: Literal["reset", "empty", "garbage"]

    async def act(self, call: Call, context: FaultContext) -> Answer | None:
        return Answer(200, b"", wire=WireFault(self.kind))


class CutAnswerFault(AnswerEffectBody):
    """Breaks the connection in the answer.

    `half` closes it in the middle of the body, and `wrong-length` announces more than it sends.
    """

    kind: Literal["half", "wrong-length"]

    def changed(self, answer: Answer, call: Call, context: FaultContext) -> Answer:
        return replace(answer, wire=WireFault(self.kind))


class DripFault(AnswerEffectBody):
    """Sends the body of the answer in `pieces`, spread over `seconds`."""

    kind: Literal["drip"]
    seconds: Annotated[float, Field(gt=0, le=MAX_SECONDS)] = 5.0
    pieces: Annotated[int, Field(ge=2, le=1000), WHOLE] = 10

    def changed(self, answer: Answer, call: Call, context: FaultContext) -> Answer:
        return replace(answer, wire=WireFault("drip", self.seconds, self.pieces))


class DateFault(AnswerEffectBody):
    """Sends a `Date` header that is `seconds` ahead (or, if negative, behind)."""

    kind: Literal["date-skew"]
    seconds: Annotated[float, Field(ge=-1e9, le=1e9)]

    def changed(self, answer: Answer, call: Call, context: FaultContext) -> Answer:
        return replace(answer, wire=WireFault("date-skew", self.seconds))


class RedirectFault(EffectBody):
    """Redirects to another location."""

    kind: Literal["redirect"]
    location: Annotated[str, Field(pattern=r"^[!-~]{1,2000}$")] = "http://127.0.0.1:9/"
    status: Annotated[Literal[301, 302, 303, 307, 308], WHOLE] = 302

    async def act(self, call: Call, context: FaultContext) -> Answer | None:
        return Answer(self.status, b"", ((b"location", self.location.encode()),))


class BrokenBodyFault(AnswerEffectBody):
    """Breaks the bytes of the answer's body.

    `invalid-json` and `truncated-json` cannot be parsed, though their length is right. `corrupt`
    changes bytes inside, so that a picture cannot be decoded.
    """

    kind: Literal["invalid-json", "truncated-json", "corrupt"]

    def changed(self, answer: Answer, call: Call, context: FaultContext) -> Answer:
        body = answer.body
        if self.kind == "truncated-json":
            return replace(answer, body=body[: len(body) * 2 // 3])
        if self.kind == "invalid-json":
            return replace(answer, body=body[:-1] + b",}" if body else b"{,}")
        changed = bytearray(body)
        for start in (len(body) // 16, len(body) // 2):  # The middle of a PNG may be padding.
            changed[start : start + 64] = bytes(byte ^ 0x55 for byte in body[start : start + 64])
        return replace(answer, body=bytes(changed))


class MemberFault(AnswerEffectBody):
    """Changes members of the JSON answer; `pointer` is a JSON pointer, in which * is any step.

    `missing` removes them, `null` empties them, `wrong-type` sends numbers as texts and the other
    way round, `unknown-enum` sends a word that no document lists, `extra` adds a member, and `set`
    gives them a `value`.
    """

    kind: Literal["missing", "null", "wrong-type", "unknown-enum", "extra", "set"]
    pointer: Annotated[str, Field(pattern=r"^(/[^/]+)+$", max_length=500)]
    value: Any = None

    def changed(self, answer: Answer, call: Call, context: FaultContext) -> Answer:
        try:
            body = json.loads(answer.body)
        except ValueError:
            return answer
        *path, last = steps_of(self.pointer)
        places = list(_places(body, path, last, extra=self.kind == "extra"))
        for holder, key in places:
            self._change(holder, key)
        return replace(answer, body=json_answer(body).body)

    def _change(self, holder: Any, key: Any) -> None:
        match self.kind:
            case "missing":
                del holder[key]
            case "null":
                holder[key] = None
            case "wrong-type":
                holder[key] = _other_type(holder[key])
            case "unknown-enum":
                holder[key] = "UNKNOWN_TO_ALL_DOCUMENTS" if self.value is None else self.value
            case "extra":
                holder[key] = "unexpected" if self.value is None else self.value
            case "set":
                holder[key] = self.value


class StaleFault(AnswerEffectBody):
    """Sends the answer that the same call got before, if there is one in the journal."""

    kind: Literal["stale"]

    def changed(self, answer: Answer, call: Call, context: FaultContext) -> Answer:
        return context.earlier() or answer


Effect = Annotated[
    RefusalFault
    | StatusFault
    | NotYetFault
    | CallbackEffect
    | PlanFault
    | LatencyFault
    | ConnectionFault
    | CutAnswerFault
    | DripFault
    | DateFault
    | RedirectFault
    | BrokenBodyFault
    | MemberFault
    | StaleFault,
    Field(discriminator="kind"),
]


def refused(refusal: Refusal) -> Answer:
    """Return a refusal that is an answer, or raise the error that it is."""
    made = refusal()
    if isinstance(made, DomainError):
        raise made
    return made


async def _pause(call: Call, seconds: float) -> None:
    """Wait, but not for a client that went away."""
    while seconds > 0 and GONE not in call.scope.get("state", ()):
        await wait(min(seconds, 1.0))
        seconds -= 1.0


def _places(body: Any, path: list[str], last: str, *, extra: bool) -> Iterator[tuple[Any, Any]]:
    """Yield containers and keys that the pointer names; with `extra`, keys that are new."""
    for holder in values_at(body, path):
        if extra and isinstance(holder, dict):
            yield holder, last
        elif not extra:
            yield from ((holder, key) for key, _ in reversed(members(holder, last)))


_NUMBER = re.compile(r"[0-9]{1,300}(\.[0-9]+)?")


def _other_type(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else {"value": value}
    return str(value)
