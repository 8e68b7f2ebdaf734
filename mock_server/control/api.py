"""The door of the control API: lets callers in, finds the operation, reads, runs, answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property

from starlette.types import Receive, Scope, Send

from mock_server.control import problems
from mock_server.control.dependencies import ControlDependencies
from mock_server.control.descriptions import account_body
from mock_server.control.gate import Gate, check_media_type
from mock_server.control.operations import ControlOperation, ControlRequest, ControlTable
from mock_server.control.payloads import read_body, read_query
from mock_server.control.probes import Probes
from mock_server.control.problems import Problem, problem_of
from mock_server.core.errors import DomainError, Malformed
from mock_server.web.calls import (
    Answer,
    Bounds,
    Call,
    Disconnected,
    Trace,
    json_answer,
    send_answer,
)

__all__ = ["Control", "ControlDependencies", "account_body", "create_control"]

log = logging.getLogger("tams_mock")

BOUNDS = Bounds(body_bytes=1024 * 1024, body_timeout=30.0)
_MAX_DIGITS = 18


def create_control(known: ControlDependencies) -> Control:
    """Return everything under /_mock as an ASGI app."""
    return Control(known)


class Control:
    """Everything under /_mock."""

    def __init__(self, known: ControlDependencies) -> None:
        self.known = known
        self.gate = Gate(
            known.control_token,
            beyond_loopback=known.beyond_loopback,
            own_hosts=known.own_hosts,
        )
        self._probes = Probes(known.account_service, known.version)
        self._probe_table = ControlTable(self._probes.operations)
        self._serial = 0

    @cached_property
    def table(self) -> ControlTable:
        """The table of operations. Its fifty shapes take 30 ms, so a start does without them."""
        from mock_server.control.table import whole_table

        return whole_table(self.known, self._probes)

    @property
    def operations(self) -> Sequence[ControlOperation]:
        return self.table.operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Behind the journal an exchange has a trace already; in front of it, ids of its own.
        trace = scope.get("trace")
        if trace is None:
            self._serial += 1
            trace = Trace(f"control-{self._serial:08x}", self.known.wall(), scope)
        methods, params = self._probe_table.find(scope["path"])
        if not methods:
            methods, params = self.table.find(scope["path"])
        call = Call(scope, trace, params)
        try:
            answer = await self._answer(call, methods, receive)
        except Disconnected:
            return
        trace.answer = answer
        await send_answer(send, answer, request_id=trace.id)

    async def _answer(
        self, call: Call, methods: Mapping[str, ControlOperation], receive: Receive
    ) -> Answer:
        try:
            method = "GET" if call.method == "HEAD" else call.method
            operation = methods.get(method)
            self.gate.check(call, open=operation is not None and operation.open)
            if operation is None:
                raise self._nothing_here(call, methods)
            call.trace.operation = f"{operation.method} {operation.whole_path}"
            return await self._run(operation, call, receive)
        except Problem as problem:
            return problem.answer(call.path)
        except DomainError as error:
            return problem_of(error).answer(call.path)
        except Disconnected:
            raise
        except Exception:
            log.exception("request %s was not foreseen", call.trace.id)
            words = f"the log says more about request {call.trace.id}"
            return Problem(problems.CRASH, words).answer(call.path)

    async def _run(self, operation: ControlOperation, call: Call, receive: Receive) -> Answer:
        length = call.header(b"content-length")
        if length is not None and not (length.isdigit() and len(length) <= _MAX_DIGITS):
            raise Malformed("the content length is not a number of bytes")
        await call.read(receive, BOUNDS)
        check_media_type(call)
        query = read_query(operation.query, call.scope["query_string"])
        body = read_body(operation.body, call.body)
        result = await operation.run(ControlRequest(call.params, query, body, call.wall))
        if isinstance(result, Answer):
            return result
        if result is None:
            return Answer(operation.status, headers=())
        return json_answer(result, operation.status)

    def _nothing_here(self, call: Call, methods: Mapping[str, ControlOperation]) -> Problem:
        if methods:
            allowed = ", ".join([*methods, "HEAD"] if "GET" in methods else methods)
            return Problem(
                problems.WRONG_METHOD,
                f"{call.method} is not known here, but {allowed}",
                headers=((b"allow", allowed.encode()),),
            )
        near = self.table.near(call.path)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return Problem(
            problems.NOT_FOUND, f"there is no such path{hint}", more={"near": near} if near else {}
        )
