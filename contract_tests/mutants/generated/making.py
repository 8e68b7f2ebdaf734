"""All generated mutants, made again from their names.

A name is `surface:operation:state:member:kind`, for example
`tams:getJob:SUCCESS:job.successInfo.images[].id:drop`. The member is empty for a whole answer, and
begins with `request.` for what becomes of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Service, a_reply
from contract_tests.mutants.generated import kinds
from contract_tests.mutants.generated.members import (
    ENTRIES,
    ITEMS,
    Answers,
    all_answers,
    operation_of,
    state_of,
    surface_of,
)
from contract_tests.mutants.mutant import Memory, Mutation

ANY, REQUEST = "any", "request."  # a state, and the beginning of a path
# Enumerations of the reference: the member's last name, and the values of its surface.
VALUES = {
    ("tams", "job.status"): (
        "CREATED", "WAITING", "RUNNING", "SUCCESS", "FAILED", "CANCELED", "DEFAULT",
    ),
    ("tams", "model.modelType"): ("CHECKPOINT", "LORA", "DEFAULT"),
    ("workshop", "data.status"): ("waiting", "running", "succeeded", "failed", "successed"),
    ("workshop", "status"): (10, 20, 0, 200),
}  # fmt: skip
# Members of requests that win over others beside them (`TAMS › 6`); others win in no known case.
WINNERS = {"hrScale": ("hrResizeX", "hrResizeY")}
# Statuses that another answer may be changed to.
NO_CONTENT = 204
GOOD, BAD = (201, 202, NO_CONTENT), (200, 400, 401, 403, 404, 409, 429, 500)
_SWAPPED = (str, int, float, list, dict)
Change = Callable[[HttpCall, HttpReply, Memory], HttpReply]


@dataclass(frozen=True)
class GeneratedMutant:
    """A generated mutant: what it changes, and the operation and state whose answers it changes."""

    name: str
    surface: str
    operation: str
    state: str
    mutation: Mutation

    @property
    def answers(self) -> str:
        """Return the name of the answers that it changes."""
        return f"{self.surface}:{self.operation}:{self.state}"


@cache
def all_generated() -> dict[str, GeneratedMutant]:
    """Return all generated mutants by name, also those that the reference allows."""
    made = (mutant for answers in all_answers().values() for mutant in _of(answers))
    return {mutant.name: mutant for mutant in made}


def _of(answers: Answers) -> Iterator[GeneratedMutant]:
    for path, examples in answers.members.items():
        for kind in kinds.fitting(path, examples):
            yield _member(answers, path, kind, kinds.KINDS[kind].change)
        if kinds.varies(examples) and not path.endswith((ITEMS, ENTRIES)):
            yield _member(answers, path, "constant", partial(_put, examples[0]))
        for sibling in _siblings(answers, path):
            yield _member(answers, path, f"swap={sibling}", kinds.swapped(sibling))
        for value in VALUES.get((answers.surface, path), ()):
            if value not in examples:
                yield _member(answers, path, f"value={value}", partial(_put, value))
    for path, example in _strays(answers).items():
        yield _whole(answers, f"{path}:stray", _stray(path, example))
    for name, change in _changes_of_answers(answers):
        yield _whole(answers, f":{name}", change)
    for header in answers.headers:
        if header != "content-type":
            yield _whole(answers, f"{header}:drop", partial(_without, header))
    if answers.good:
        for path in answers.asked:
            if not path.endswith((ITEMS, ENTRIES)):
                yield _ignoring(answers, path, "ignore")
            if path.endswith(tuple(WINNERS)):
                yield _ignoring(answers, path, "precedence", WINNERS[path.rpartition(".")[2]])


def _put(value: Any, spot: kinds.Spot) -> None:
    spot.put(value)


def _without(header: str, call: HttpCall, reply: HttpReply, memory: Memory) -> HttpReply:
    return reply.without_header(header)


def _with_status(status: int, call: HttpCall, reply: HttpReply, memory: Memory) -> HttpReply:
    return replace(reply, status=status, body=b"" if status == NO_CONTENT else reply.body)


def _member(
    answers: Answers, path: str, kind: str, change: Callable[[kinds.Spot], None]
) -> GeneratedMutant:
    def whole(call: HttpCall, reply: HttpReply, memory: Memory) -> HttpReply:
        body = reply.json
        for spot in kinds.spots(body, path):
            change(spot)
        return reply if body == reply.json else reply.with_json(body)

    return _whole(answers, f"{path}:{kind}", whole)


def _siblings(answers: Answers, path: str) -> Iterator[str]:
    """Yield the names of the members beside one, after it, that have the same kind of values."""
    if path.endswith((ITEMS, ENTRIES)):
        return
    holder, kind = path.rpartition(".")[0], type(answers.members[path][0])
    paths = list(answers.members)
    for other in paths[paths.index(path) + 1 :]:
        place, _, sibling = other.rpartition(".")
        beside = place == holder and not sibling.endswith((ITEMS, ENTRIES))
        if beside and type(answers.members[other][0]) is kind and kind in _SWAPPED:
            yield sibling


def _others(answers: Answers) -> list[Answers]:
    """Return the answers of the same operation in other states that are as good."""
    return [
        other for other in all_answers().values()
        if (other.surface, other.operation, other.good)
        == (answers.surface, answers.operation, answers.good)
        and other is not answers
    ]  # fmt: skip


def _strays(answers: Answers) -> dict[str, Any]:
    """Return members of other states with an example, where this state has their holder alone."""
    found: dict[str, Any] = {}
    for other in _others(answers):
        for path, examples in other.members.items():
            holder = path.rpartition(".")[0]
            fits = holder in answers.members and path not in answers.members
            if fits and not path.endswith((ITEMS, ENTRIES)):
                found.setdefault(path, next(filter(None, examples), examples[0]))
    return found


def _stray(path: str, example: Any) -> Change:
    holder, _, name = path.rpartition(".")

    def change(call: HttpCall, reply: HttpReply, memory: Memory) -> HttpReply:
        body = reply.json
        for spot in kinds.spots(body, holder):
            if isinstance(spot.value, dict):
                spot.value.setdefault(name, example)
        return reply if body == reply.json else reply.with_json(body)

    return change


def _changes_of_answers(answers: Answers) -> Iterator[tuple[str, Change]]:
    for status in GOOD if answers.good or answers.state == "failure" else BAD:
        if str(status) != answers.state:
            yield f"status={status}", partial(_with_status, status)
    if answers.members:
        yield "wrapped", lambda c, r, m: r.with_json({"data": r.json})
        yield "listed", lambda c, r, m: r.with_json([r.json])
        yield "plain-text", lambda c, r, m: r.with_header("Content-Type", "text/plain")
        yield "no-content-type", lambda c, r, m: r.without_header("Content-Type")
        yield "no-body", lambda c, r, m: replace(r, body=b"")
    if answers.good:
        yield "stale", _stale(answers)
        yield "of-another-account", _of_another_account(answers)
        yield "refused-and-done", lambda c, r, m: _refusal(answers)
    else:
        yield "accepted", _accepted(answers)


def _stale(answers: Answers) -> Change:
    """Return a change to the answer before, or at first to an example."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory) -> HttpReply:
        before = memory.get("stale") or reply.with_json(answers.body)
        memory["stale"] = reply
        return before if before.json != reply.json else reply

    return change


def _of_another_account(answers: Answers) -> Change:
    """Return a change to what another caller was answered last, or to an example."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory) -> HttpReply:
        caller = call.header("x-ca-key") or call.header("Authorization")[:48]
        last = memory.setdefault("last", {})
        other = next((kept for who, kept in last.items() if who != caller), None)
        last[caller] = reply
        return other or reply.with_json(answers.body)

    return change


def _refusal(answers: Answers) -> HttpReply:
    if answers.surface == "tams":
        return a_reply(400, {"code": 3, "message": "Params Valid", "details": []})
    words = {"errCode": "BAD", "errMessage": "bad", "subErrCode": None, "subErrMessage": None}
    times = {"startTime": None, "endTime": None, "apiInvokeId": "i_69689e800000000000abc001"}
    return a_reply(200, {"status": 20, "data": None, **words, **times})


def _accepted(answers: Answers) -> Change:
    """Return a change of a refusal to the last good answer of the operation, or to an example."""
    good = next((other.body for other in _others(replace(answers, good=True))), None)

    def change(call: HttpCall, reply: HttpReply, memory: Memory) -> HttpReply:
        return memory.get("good") or a_reply(200, good)

    return change


def _whole(answers: Answers, ending: str, change: Change) -> GeneratedMutant:
    def make() -> Callable[[HttpCall, Service], HttpReply]:
        memory: Memory = {}

        def handle(call: HttpCall, service: Service) -> HttpReply:
            reply = service(call)
            if not concerned(call):
                return reply
            body = reply.json
            state = state_of(answers.surface, answers.operation, reply.status, body)
            if state != answers.state:
                if reply.good and state != "failure":
                    memory["good"] = reply
                return reply
            return change(call, reply, memory)

        return handle

    concerned = _concerned(answers)
    return GeneratedMutant(
        f"{answers.name}:{ending}", answers.surface, answers.operation, answers.state,
        Mutation(concerned, make),
    )  # fmt: skip


def _ignoring(
    answers: Answers, path: str, kind: str, losers: Sequence[str] = ()
) -> GeneratedMutant:
    """Return a mutant that does not see a member of the body, or only if `losers` are there."""

    def make() -> Callable[[HttpCall, Service], HttpReply]:
        def handle(call: HttpCall, service: Service) -> HttpReply:
            if not concerned(call):
                return service(call)
            body = call.json
            for spelling in _spellings(path):
                for spot in kinds.spots(body, spelling):
                    if not losers or any(name in spot.holder for name in losers):
                        kinds.KINDS["drop"].change(spot)
            if body == call.json:
                return service(call)
            changed = call.with_json(body)
            bearer = call.header("Authorization").startswith("Bearer ")
            return service(changed if bearer else service.signed(changed))

        return handle

    concerned = _concerned(answers)
    return GeneratedMutant(
        f"{answers.surface}:{answers.operation}:{ANY}:{REQUEST}{path}:{kind}", answers.surface,
        answers.operation, ANY, Mutation(concerned, make),
    )  # fmt: skip


def _spellings(path: str) -> tuple[str, ...]:
    """Return a path in both spellings of TAMS (`TAMS › 2.3`); the Workshop has one."""
    holder, dot, name = path.rpartition(".")
    return (path, f"{holder}{dot}{kinds.other_spelling(name)}")


def _concerned(answers: Answers) -> Callable[[HttpCall], bool]:
    def concerned(call: HttpCall) -> bool:
        return (
            surface_of(call.path) == answers.surface
            and operation_of(answers.surface, call.method, call.path) == answers.operation
        )

    return concerned


def answers_of(call: HttpCall, reply: HttpReply) -> str:
    """Return the name of the answers that an exchange belongs to; empty if there is none."""
    surface = surface_of(call.path)
    operation = operation_of(surface, call.method, call.path) if surface else None
    if surface is None or operation is None:
        return ""
    return f"{surface}:{operation}:{state_of(surface, operation, reply.status, reply.json)}"
