"""Rules as users write them: what a rule matches, which of those calls it hits, and what happens.

A rule that can never hit a call is refused with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from mock_server.core.errors import Invalid
from mock_server.core.fault_rules import FaultLife, Moment
from mock_server.web.faults.effects import Effect, Refusal, RefusalFault
from mock_server.web.hints import near
from mock_server.web.json_bodies import WHOLE, IncomingBody, read_list
from mock_server.web.json_bodies import Moment as VirtualMoment
from mock_server.web.pipeline import Operation, Surface
from mock_server.web.request_matches import RequestMatchBody, Text, names_of, plain_name

MAX_SPEC_BYTES = 64 * 1024

Count = Annotated[int, Field(ge=1, le=1_000_000), WHOLE]


class FaultMatchBody(RequestMatchBody):
    """Which calls a rule is about; every member that is given must fit.

    `operation` is the vendor's name, or method and path as in `GET /_mock/routes`. `path` and the
    values of `headers` may contain *. `body` maps JSON pointers to values; a step * is any member.
    `prompt` is a part of any prompt in the body. `job` and `token` are ids, in the path, query or
    body. `chance` is the share of the calls that are hit, drawn with the account's seed.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE"] | None = None
    path: Annotated[str, Field(pattern=r"^[/*].*$", max_length=500)] | None = None
    chance: Annotated[float, Field(gt=0, le=1)] = 1.0


class NewFaultBody(IncomingBody):
    """A rule. Without `match` it is about every call of the vendors.

    `moment` is when it acts: `received` (before the signature is checked, for all accounts only),
    `before` the work, or `after` it, when the job exists and only the answer is lost. Of the calls
    that match, the first `skip` are left out, or all but the first `first`; then each `every`-th
    is hit, at most `times`, until the moment `until` or for `seconds` of virtual time. The journal
    shows the `note` with each hit.
    """

    account: Text | None = None
    match: FaultMatchBody = Field(default_factory=FaultMatchBody)
    moment: Moment | None = None
    fault: Effect
    times: Count | None = None
    first: Count | None = None
    skip: Annotated[int, Field(ge=0, le=1_000_000), WHOLE] = 0
    every: Count = 1
    until: VirtualMoment | None = None
    seconds: Annotated[float, Field(gt=0, le=1e9)] | None = None
    note: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    def problem(self) -> str:
        """Return why the rule can never act, as far as its members say."""
        match, fault = self.match, self.fault
        if self.until is not None and self.seconds is not None:
            return "cannot have both until and seconds"
        if self.first is not None and self.first <= self.skip:
            return "can never act: all of the first calls are skipped"
        if self.first is not None and self.first - self.skip < self.every:
            return "can never act: there is no every-th call among the first"
        if self.moment == "received" and (self.account or match.job or match.token):
            return "cannot know the account, job or token at the moment received"
        if self.moment in ("received", "before") and fault.needs_answer:
            return f"can never act: {fault.kind} needs an answer, so it acts after"
        if fault.kind == "callback" and not self._is_about_callbacks():
            return "can never act: callbacks have only an account, surface, job and chance"
        if self.moment == "after" and fault.kind == "plan":
            return "can never act: a job is planned before the work"
        return fault.problem()

    @property
    def acts_at(self) -> Moment:
        """When the rule acts; effects that change an answer act after the work."""
        return self.moment or ("after" if self.fault.needs_answer else "before")

    def _is_about_callbacks(self) -> bool:
        others = self.match.model_fields_set - {"surface", "job", "chance"}
        return self.moment is None and not others

    def life(self, now: float) -> FaultLife:
        """Return which of the matching calls are hit, for a rule that is made now."""
        times = self.times
        if self.first is not None:
            hits = (self.first - self.skip) // self.every
            times = hits if times is None else min(times, hits)
        until = now + self.seconds if self.seconds is not None else self.until
        return FaultLife(self.skip, self.every, times, until)


_LIST = TypeAdapter(list[NewFaultBody])


@lru_cache(maxsize=4096)
def rule_of(spec: bytes) -> NewFaultBody:
    """Return the rule behind the JSON that a record keeps."""
    return NewFaultBody.model_validate_json(spec)


def spec_of(rule: NewFaultBody) -> bytes:
    """Return a rule as the JSON that a record keeps; raises Invalid if it is too large."""
    spec = rule.model_dump_json(by_alias=True, exclude_unset=True).encode()
    if len(spec) > MAX_SPEC_BYTES:
        raise Invalid("fault", f"must be at most {MAX_SPEC_BYTES} bytes, found {len(spec)}")
    return spec


def load_faults(path: Path) -> list[NewFaultBody]:
    """Read a file with a list of rules; raises ValueError with a sentence, or OSError."""
    return read_list(path, _LIST, "faults")


# Rules that can never act


def check_rule(
    rule: NewFaultBody,
    surfaces: Sequence[Surface],
    refusals: Mapping[str, Mapping[str, Refusal]],
    now: float,
) -> None:
    """Raise Invalid for a rule that can never hit a call; `refusals` are those of each vendor."""
    if problem := rule.problem():
        raise Invalid("fault", problem)
    match = rule.match
    by_name = {surface.name: surface for surface in surfaces}
    if match.surface is not None and match.surface not in by_name:
        hint = near(match.surface, by_name)
        raise Invalid("match/surface", f"must be one of {', '.join(by_name)}{hint}")
    left = [surface for surface in surfaces if match.surface in (None, surface.name)]
    named = [
        (surface, operation)
        for surface in left
        for operation in surface.operations
        if match.operation is None
        or plain_name(match.operation) in map(plain_name, names_of(operation))
    ]
    if not named:
        names = {names_of(each)[0] for surface in left for each in surface.operations}
        raise Invalid("match/operation", f"is unknown{near(match.operation or '', names)}")
    fitting = [
        (surface, operation)
        for surface, operation in named
        if match.method in (None, operation.method, _also(operation))
        and (match.path is None or _may_be(match.path, operation.path))
    ]
    if not fitting:
        raise Invalid("match", "can never act: no operation has this method and path")
    if isinstance(rule.fault, RefusalFault):
        known = [refusals[surface.name] for surface, _ in fitting]
        if not any(rule.fault.name in each for each in known):
            names = {name for each in known for name in each}
            raise Invalid("fault/name", f"is unknown{near(rule.fault.name, names)}")
    if rule.until is not None and rule.until <= now:
        raise Invalid("until", f"can never act: it is {now:.3f} already")


def _also(operation: Operation) -> str | None:
    return "HEAD" if operation.method == "GET" else None


def _may_be(pattern: str, path: str) -> bool:
    """Return whether a path of the operation may fit the pattern with *."""
    if fnmatchcase(path, pattern):
        return True
    wild = re.sub(r"\{\w+\}", "*", path)
    own, other = wild.split("/"), pattern.split("/")
    if any("*" in each and each != "*" for each in other) or len(own) != len(other):
        return "*" in pattern  # It cannot be excluded cheaply.
    return all(a == b or "*" in (a, b) for a, b in zip(own, other, strict=True))


# Rules in a header or in a prompt

_EFFECT: TypeAdapter[Any] = TypeAdapter(Effect)


def rule_in(text: str, refusals: Mapping[str, Refusal]) -> NewFaultBody:
    """Read a rule out of a header or prompt: a kind or the name of a refusal, and parameters.

    For example `reset`, `credits-short`, `503`, or `latency; seconds=2; moment=after`. Raises
    Invalid.
    """
    kind, *pairs = (part.strip() for part in text.split(";"))
    members: dict[str, Any] = {"kind": kind}
    if kind in refusals:
        members = {"kind": "refusal", "name": kind}
    elif re.fullmatch("[0-9]{3}", kind):
        members = {"kind": "status", "status": int(kind)}
    for pair in filter(None, pairs):
        name, _, value = pair.partition("=")
        try:
            members[name.strip()] = json.loads(value)
        except (ValueError, RecursionError):
            members[name.strip()] = value.strip()
    moment = members.pop("moment", None)
    rule = {"fault": members} | ({"moment": moment} if moment else {})
    try:
        made = NewFaultBody.model_validate_json(json.dumps(rule))
    except ValueError as error:
        kinds = {*kinds_of_faults(), *refusals}
        if kind in kinds:
            raise Invalid("X-Mock-Fault", f"{kind}: {_why(error)}") from error
        hint = near(kind, kinds) or "; GET /_mock/faults/kinds lists them"
        raise Invalid("X-Mock-Fault", f"{kind[:40]!r} is not a fault{hint}") from error
    if kind == "callback":
        raise Invalid("X-Mock-Fault", "only a rule makes callbacks misbehave")
    if problem := made.problem():
        raise Invalid("X-Mock-Fault", f"{kind}: {problem}")
    return made


def _why(error: Any) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(step) for step in first["loc"][2:])
    return f"{place} {first['msg']}".strip()


def kinds_of_faults() -> Iterator[str]:
    """Yield the kinds of faults that any vendor has."""
    for definition in _EFFECT.json_schema()["$defs"].values():
        if kind := definition.get("properties", {}).get("kind"):
            yield from kind.get("enum") or [kind["const"]]
