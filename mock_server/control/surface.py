"""The control API as a surface of the pipeline: how its calls are read and answered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any, get_type_hints

from msgspec.structs import replace

from mock_server.control import problems
from mock_server.control.gate import Gate, check_media_type
from mock_server.control.payloads import read_body, read_query
from mock_server.control.problems import Problem, problem_of
from mock_server.core.errors import DomainError
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import CONTROL, Answer, Call, json_answer
from mock_server.web.pipeline import Operation
from mock_server.web.traces import Trace


def typed(operation: Operation) -> Operation:
    """Return the operation with the types of query, body and answer that its handler declares.

    The handler takes the call, and by name a `query` and a `body` if it has them. It opens its
    units of work. Types that the operation names itself are kept.
    """
    handler = operation.run
    declared = get_type_hints(handler)
    answer = declared.get("return")

    @wraps(handler)
    async def run(call: Call, parsed: dict[str, Any]) -> Any:
        return await handler(call, **parsed)

    return replace(
        operation,
        run=run,
        query=operation.query or declared.get("query"),
        body=operation.body or declared.get("body"),
        answer=operation.answer or (answer if hasattr(answer, "model_fields") else None),
    )


class ControlSurface:
    """Operations under /_mock, with the types that `typed` gives them.

    A handler returns a body, a whole answer, or None. No caller of the control API is an account.
    """

    name = CONTROL
    cross_origin = False

    def __init__(self, operations: Sequence[Operation], gate: Gate) -> None:
        self.operations = operations
        self.gate = gate

    async def authenticate(self, call: Call) -> None:
        self.gate.check(call)

    async def admit(self, world: UnitOfWork, call: Call, operation: Operation) -> None:
        """Count nothing: the control API has no limits."""

    def parse(self, operation: Operation, call: Call) -> dict[str, Any]:
        """Return the query and the body that the operation has, as arguments of its handler."""
        check_media_type(call)
        parsed: dict[str, Any] = {
            "query": read_query(operation.query, call.scope["query_string"]),
            "body": read_body(operation.body, call.body),
        }
        return {name: value for name, value in parsed.items() if value is not None}

    def render(self, result: Any, operation: Operation, trace: Trace) -> Answer:
        if isinstance(result, Answer):
            return result
        if result is None:
            return Answer(operation.status, headers=())
        return json_answer(result, operation.status)

    def render_error(self, error: DomainError, call: Call) -> Answer:
        return problem_of(error).answer(call.path)

    def render_crash(self, call: Call) -> Answer:
        words = f"unexpected error; the log has more about request {call.trace.id}"
        return Problem(problems.CRASH, words).answer(call.path)

    def unknown_path(self, call: Call) -> Answer:
        from difflib import get_close_matches

        known = list(dict.fromkeys(operation.path for operation in self.operations))
        near = get_close_matches(call.path[:200], known, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        unknown = f"there is no such path{hint}"
        return self._refused(
            call, Problem(problems.NOT_FOUND, unknown, more={"near": near} if near else None)
        )

    def wrong_method(self, allowed: Sequence[str], call: Call) -> Answer:
        listed = ", ".join([*allowed, "HEAD"] if "GET" in allowed else allowed)
        headers = ((b"allow", listed.encode()),)
        detail = f"{call.method} is not allowed here, only {listed}"
        return self._refused(call, Problem(problems.WRONG_METHOD, detail, headers=headers))

    def _refused(self, call: Call, problem: Problem) -> Answer:
        """Return the problem, but tell callers that are not allowed nothing about paths."""
        try:
            self.gate.check(call)
        except Problem as refusal:
            problem = refusal
        return problem.answer(call.path)
