"""Lies of TAMS about money."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contract_tests.lies.calls import Call, Distortion, Reply, Service
from contract_tests.lies.lie import Breach, Lie, Memory, both, calls, told
from contract_tests.lies.tams_doors import PRICE
from contract_tests.lies.tams_jobs import CREATE, JOB

ESTIMATES = r"/v1/jobs/credits|/v1/jobs/workflow/params/check|/v1/workflows/template/check"
_A_LITTLE = Decimal("0.1")
_balance = calls("GET", r"/_mock/accounts/[^/]+/balance")


def _charging(extra: Callable[[Call, Reply, Memory], Decimal]) -> Breach:
    """Return the lie that a call takes more from the balance than it should."""

    def make() -> Distortion:
        memory: Memory = {"taken": Decimal(0)}

        def distort(call: Call, service: Service) -> Reply:
            reply = service(call)
            if not _balance(call):
                memory["taken"] += extra(call, reply, memory)
                return reply
            data = reply.json
            data["balance"] = float(Decimal(str(data["balance"])) - memory["taken"])
            return reply.with_json(data)

        return distort

    return Breach(_balance, make)


def _once_in(state: str, factor: int) -> Callable[[Call, Reply, Memory], Decimal]:
    """Return the price of a job, times `factor`, when it is first seen in a state."""
    polled = calls("GET", JOB)

    def extra(call: Call, reply: Reply, memory: Memory) -> Decimal:
        if not (polled(call) and reply.good):
            return Decimal(0)
        job = reply.json["job"]
        if job["status"] != state or job["id"] in memory:
            return Decimal(0)
        memory[job["id"]] = True
        return factor * Decimal(str(job.get("credits", 0)))

    return extra


def _each_good(method: str, pattern: str) -> Callable[[Call, Reply, Memory], Decimal]:
    concerned = calls(method, pattern)
    return lambda call, reply, memory: _A_LITTLE if concerned(call) and reply.good else Decimal(0)


def _dearer(body: Any, memory: Memory) -> None:
    job = body.get("job", {})
    if "credits" in job:
        job["credits"] = round(job["credits"] + 0.1, 3)


def _changing(body: Any, memory: Memory) -> None:
    memory["price"] = memory.get("price", 0.0) + 0.1
    body["credits"] = round(body["credits"] + memory["price"], 3)


def _cheaper_by_the_dozen(body: Any, memory: Memory) -> None:
    body["credits"] = round(1 / body["credits"], 3)


LIES = (
    Lie("success-charged-twice", "A job that succeeds is charged twice.", "TAMS › 10",
        "(?i)balance|estimate|charge|cost", _charging(_once_in("SUCCESS", 1))),
    Lie("success-not-charged", "A job that succeeds is not charged.", "TAMS › 10",
        "(?i)balance|estimate|charge|cost", _charging(_once_in("SUCCESS", -1))),
    Lie("failure-charged", "A job that fails is charged.", "TAMS › 10",
        "(?i)fail", _charging(_once_in("FAILED", 1))),
    Lie("cancelled-charged", "A job that is cancelled is charged.", "TAMS › 10",
        "(?i)cancel", _charging(_once_in("CANCELED", 1))),
    Lie("estimate-charged", "Asking for a price costs.", "TAMS › 5",
        "(?i)estimate|balance|free", _charging(_each_good("POST", ESTIMATES))),
    Lie("price-above-estimate", "A job costs more than was estimated.", "TAMS › 10",
        "(?i)estimate|price", both(
            told("*", rf"{CREATE}|{JOB}", _dearer), _charging(_each_good("POST", CREATE))
        )),
    Lie("estimate-changes", "The same order has another price each time.", "TAMS › 10",
        "(?i)same.price", told("POST", PRICE, _changing)),
    Lie("more-costs-less", "More pictures cost less.", "TAMS › 10",
        "(?i)more|price", told("POST", PRICE, _cheaper_by_the_dozen)),
    Lie("estimate-unnamed", "An estimate has no credits.", "TAMS › 5.4", "credits",
        told("POST", PRICE, lambda body, memory: body.update(price=body.pop("credits")))),
)  # fmt: skip
