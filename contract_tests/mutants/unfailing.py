"""Finding tests that cannot fail: they pass whatever orderly answer a service gives.

Four services give one kind of answer to every call: three refuse all, one never refuses. A test
that passes at each of them, and at the mock, accepts every orderly answer. It should be an
observation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from contract_tests.mutants.calls import (
    HttpCall,
    HttpReply,
    Middleware,
    Service,
    a_reply,
    unchanged,
)
from contract_tests.mutants.equivalents.transport import gateway_refusal
from contract_tests.mutants.equivalents.variant import is_api
from contract_tests.mutants.harness import Harness
from contract_tests.mutants.scoring import open_harness
from contract_tests.outcomes import TestOutcome

_DETAIL = {"@type": "type.googleapis.com/tams_api.ArgumentError", "field": "x", "message": "no"}
_ENVELOPE = {
    "status": 20, "apiInvokeId": "i_69689e800000000000abc001", "data": None,
    "errCode": "NO", "errMessage": "no", "subErrCode": None, "subErrMessage": None,
    "startTime": None, "endTime": None,
}  # fmt: skip
_SUCCESS = {**_ENVELOPE, "status": 10, "data": {}, "errCode": None, "errMessage": None}
_IDS = re.compile(r"[^/]*\d[^/]*")


def _refusing(tams: HttpReply, workshop: HttpReply) -> Callable[[], Middleware]:
    def handle(call: HttpCall, service: Service) -> HttpReply:
        if not is_api(call):
            return service(call)
        return workshop if call.path.startswith("/scc/") else tams

    return lambda: handle


def _agreeing() -> Middleware:
    """Answer a refused call as the last one of its operation that was carried out, or with {}."""
    good: dict[tuple[str, str], HttpReply] = {}

    def handle(call: HttpCall, service: Service) -> HttpReply:
        reply = service(call)
        operation = call.method, _IDS.sub("{}", call.path.removeprefix("/v1"))
        if is_api(call) and _carried_out(reply):
            good[operation] = reply
            return reply
        if not is_api(call):
            return reply
        empty = a_reply(200, _SUCCESS if call.path.startswith("/scc/") else {})
        return good.get(operation, empty)

    return handle


def _carried_out(reply: HttpReply) -> bool:
    body = reply.json
    return reply.good and (not isinstance(body, dict) or body.get("status") != _ENVELOPE["status"])


SERVICES: Mapping[str, Callable[[], Middleware]] = {
    "refuses all with 400": _refusing(
        a_reply(400, {"code": 3, "message": "Params Valid", "details": [_DETAIL]}),
        a_reply(200, _ENVELOPE),
    ),
    "refuses all with 403": _refusing(
        a_reply(403, {"code": 7, "message": "no permission", "details": []}),
        gateway_refusal(403, "A403IS", "Invalid Signature"),
    ),
    "refuses all with 404": _refusing(
        a_reply(404, {"code": 5, "message": "job not found", "details": []}),
        gateway_refusal(404, "I404NF", "API not found"),
    ),
    "agrees to all": _agreeing,
    "is as documented": lambda: unchanged,
}


def unfailing_tests(surfaces: Sequence[str], processes: int) -> list[str]:
    """Return the tests of some surfaces that pass at each of these services."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [test for tests in pool.map(_unfailing, surfaces) for test in tests]


def _unfailing(surface: str) -> list[str]:
    with open_harness({}) as harness:
        return _left(harness, surface)


def _left(harness: Harness, surface: str) -> list[str]:
    left: set[str] | None = None
    for make in SERVICES.values():
        runs = harness.run(make(), sorted(left or ()), surfaces=[surface])
        passed = {r.result.test for r in runs if r.result.outcome == TestOutcome.PASSED.value}
        left = passed if left is None else left & passed
        if not left:
            break
    return sorted(left or ())
