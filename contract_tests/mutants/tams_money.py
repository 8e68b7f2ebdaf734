"""Mutants of TAMS: prices and charges."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service
from contract_tests.mutants.mutant import Memory, Mutant, Mutation, calls, combine, on_json
from contract_tests.mutants.tams_authentication import PRICE
from contract_tests.mutants.tams_jobs import CREATE, JOB

ESTIMATES = r"/v1/jobs/credits|/v1/jobs/workflow/params/check|/v1/workflows/template/check"
_A_LITTLE = Decimal("0.1")
_balance = calls("GET", r"/_mock/accounts/[^/]+/balance")


def _charging(extra: Callable[[HttpCall, HttpReply, Memory], Decimal]) -> Mutation:
    """Return a mutation that takes too much from the balance."""

    def make() -> Middleware:
        memory: Memory = {"taken": Decimal(0)}

        def handle(call: HttpCall, service: Service) -> HttpReply:
            reply = service(call)
            if not _balance(call):
                memory["taken"] += extra(call, reply, memory)
                return reply
            data = reply.json
            data["balance"] = float(Decimal(str(data["balance"])) - memory["taken"])
            return reply.with_json(data)

        return handle

    return Mutation(_balance, make)


def _once_in(state: str, factor: int) -> Callable[[HttpCall, HttpReply, Memory], Decimal]:
    """Return the price of a job, times `factor`, when it is first seen in a state."""
    polled = calls("GET", JOB)

    def extra(call: HttpCall, reply: HttpReply, memory: Memory) -> Decimal:
        if not (polled(call) and reply.good):
            return Decimal(0)
        job = reply.json["job"]
        if job["status"] != state or job["id"] in memory:
            return Decimal(0)
        memory[job["id"]] = True
        return factor * Decimal(str(job.get("credits", 0)))

    return extra


def _each_good(method: str, pattern: str) -> Callable[[HttpCall, HttpReply, Memory], Decimal]:
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


MUTANTS = (
    Mutant("success-charged-twice", "A job that succeeds is charged twice.", "TAMS › 10",
        "(?i)balance|estimate|charge|cost", _charging(_once_in("SUCCESS", 1))),
    Mutant("success-not-charged", "A job that succeeds is not charged.", "TAMS › 10",
        "(?i)balance|estimate|charge|cost", _charging(_once_in("SUCCESS", -1))),
    Mutant("failure-charged", "A job that fails is charged.", "TAMS › 10",
        "(?i)fail", _charging(_once_in("FAILED", 1))),
    Mutant("cancelled-charged", "A job that is cancelled is charged.", "TAMS › 10",
        "(?i)cancel", _charging(_once_in("CANCELED", 1))),
    Mutant("estimate-charged", "An estimate costs credits.", "TAMS › 5",
        "(?i)estimate|balance|free", _charging(_each_good("POST", ESTIMATES))),
    Mutant("price-above-estimate", "A job costs more than was estimated.", "TAMS › 10",
        "(?i)estimate|price", combine(
            on_json("*", rf"{CREATE}|{JOB}", _dearer), _charging(_each_good("POST", CREATE))
        )),
    Mutant("estimate-changes", "The same order has another price each time.", "TAMS › 10",
        "(?i)same.price", on_json("POST", PRICE, _changing)),
    Mutant("more-costs-less", "More pictures cost less.", "TAMS › 10",
        "(?i)more|price", on_json("POST", PRICE, _cheaper_by_the_dozen)),
    Mutant("estimate-unnamed", "An estimate has no credits.", "TAMS › 5.4", "credits",
        on_json("POST", PRICE, lambda body, memory: body.update(price=body.pop("credits")))),
)  # fmt: skip
