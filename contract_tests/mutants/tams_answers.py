"""Mutants of TAMS: members by state and way, values that move, whole files, ranges, lifetimes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service, a_reply
from contract_tests.mutants.mutant import (
    Memory,
    Mutant,
    Mutation,
    calls,
    on_json,
    on_reply,
    on_request,
)
from contract_tests.mutants.pictures import png_chunk
from contract_tests.mutants.tams_authentication import PARAMS, PRICE, objects
from contract_tests.mutants.tams_extras import GRAPH, RESERVE
from contract_tests.mutants.tams_jobs import (
    CREATE,
    JOB,
    RESULT,
    download,
    images_of,
    in_state,
)
from contract_tests.mutants.tams_money import FLUX, member, priced_as

_DAY = 86400
_LOST = "00000000-0000-4000-8000-00000000dead"
_STAGES, _TEMPLATE = r"/v1/jobs", r"/v1/jobs/workflow/template"
_reserved, _created, _polled = calls("POST", RESERVE), calls("POST", CREATE), calls("GET", JOB)


def _made_by(pattern: str, state: str, change: Callable[[Any], object]) -> Mutation:
    """Return a mutation of polled jobs in one state that were made by one operation."""
    made = calls("POST", pattern)

    def change_some(
        call: HttpCall, reply: HttpReply, memory: Memory, service: Service
    ) -> HttpReply:
        body = reply.json
        job = body.get("job") if reply.good and isinstance(body, dict) else None
        if isinstance(job, dict) and made(call):
            memory[job["id"]] = True
        elif isinstance(job, dict) and job.get("status") == state and job.get("id") in memory:
            change(job)
            return reply.with_json(body)
        return reply

    return on_reply("*", r"/v1/jobs.*", change_some)


def _stray(state: str, name: str, value: Any) -> Mutation:
    return in_state(state, lambda job, memory: job.setdefault(name, value))


def _beside(body: Any, memory: Memory) -> None:
    body["credits"] = body["job"].get("credits", 0)


def _progress(change: Callable[[int], int]) -> Mutation:
    def change_all(job: Any, memory: Memory) -> None:
        for image in job.get("runningInfo", {}).get("processingImages", []):
            image["progress"] = change(image.get("progress", 0))

    return in_state("RUNNING", change_all)


def _in_milliseconds(job: Any, memory: Memory) -> None:
    job["successInfo"]["runtime"] += "000"


def _longer_each_time(job: Any, memory: Memory) -> None:
    for image in images_of(job):
        memory["looks"] = memory.get("looks", 0) + 1
        image["expiredIn"] = str(int(image["expiredIn"]) + memory["looks"])


def _of_31_bits(job: Any, memory: Memory) -> None:
    for entry in job["successInfo"].get("imageExifMetaMap", {}).values():
        entry["meta"]["Seed"] = str(int(entry["meta"]["Seed"]) % 2**31)


def _changed_before_made(job: Any, memory: Memory) -> None:
    item = job["successInfo"].get("workflowFinishItem")
    if item:
        item["mtime"] = str(int(item["ctime"]) - 1)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(png):
        size = int.from_bytes(png[place : place + 4])
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        place += 12 + size


def _half_the_rows(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    chunks = list(_chunks(reply.body))
    rows = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    kept = [chunk for chunk in chunks if chunk[0] not in (b"IDAT", b"IEND")]
    parts = [*kept, (b"IDAT", zlib.compress(rows[: len(rows) // 2])), (b"IEND", b"")]
    return replace(reply, body=reply.body[:8] + b"".join(png_chunk(*part) for part in parts))


def _wrong_checksum(
    call: HttpCall, reply: HttpReply, memory: Memory, service: Service
) -> HttpReply:
    return replace(reply, body=reply.body[:-16] + b"\0\0\0\0" + reply.body[-12:])


def _another_each_time(
    call: HttpCall, reply: HttpReply, memory: Memory, service: Service
) -> HttpReply:
    memory[call.target] = memory.get(call.target, 0) + 1
    note = png_chunk(b"tEXt", b"look\0%d" % memory[call.target])
    return replace(reply, body=reply.body[:-12] + note + reply.body[-12:])


def _two_at_most(job: Any, memory: Memory) -> None:
    del images_of(job)[2:]


def _few_prompts(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    many = any(len(data.get("prompts") or ()) > 100 for data in objects(call.json))
    return a_reply(400, PARAMS) if many else call


def _two_samplers(order: Any) -> None:
    nodes = order["params"].values()
    for node in [node for node in nodes if node["classType"] == "KSampler"][2:]:
        node["inputs"]["steps"] = 1


def _own_model(order: Any) -> None:
    if member(order, "imageToUpscaler")["diffusion"]["sdModel"] == FLUX:
        member(order, "diffusion")["sdModel"] = FLUX


def _same_each_time(call: HttpCall, memory: Memory, service: Service) -> HttpCall:
    order = call.json
    for data in objects(order):
        if "inputInitialize" in data and data["inputInitialize"].get("seed", 0) in (0, -1):
            data["inputInitialize"]["seed"] = 42
            call = call.with_json(order)
    return service.signed(call) if call.json == order else call


def _one_input(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    body = reply.json
    if reply.good or not isinstance(body, dict):
        return reply
    for detail in body.get("details") or []:
        detail["message"] = "".join(detail["message"].splitlines(keepends=True)[:3])
    return reply.with_json(body)


def _dying_early() -> Middleware:
    """Serve results for half of the time that a job tells."""
    memory: Memory = {}

    def handle(call: HttpCall, service: Service) -> HttpReply:
        if call.target in memory and service.moved() > memory[call.target]:
            return a_reply(403, {"message": "expired"})
        reply = service(call)
        if _polled(call) and reply.good:
            for image in images_of(reply.json["job"]):
                target = "/" + image["url"].split("/", 3)[3]
                memory.setdefault(target, service.moved() + int(image["expiredIn"]) / 2)
        return reply

    return handle


def _kept_for(days: dict[int, float]) -> Mutation:
    """Return a mutation that keeps resources for some days; their term decides."""

    def make() -> Middleware:
        memory: dict[str, float] = {}

        def handle(call: HttpCall, service: Service) -> HttpReply:
            text = call.body.decode("latin-1")
            for resource, end in memory.items():
                if _created(call) and resource in text and service.moved() > end:
                    body = text.replace(resource, _LOST).encode("latin-1")
                    call = service.signed(replace(call, body=body))
            reply = service(call)
            if _reserved(call) and reply.good and (call.json or {}).get("term") in days:
                kept = days[call.json["term"]] * _DAY
                memory[reply.json["resourceId"]] = service.moved() + kept
            return reply

        return handle

    return Mutation(calls("*", rf"{RESERVE}|{CREATE}|{JOB}"), make)


MUTANTS = (
    Mutant("template-running-without-info", "A template that runs has no runningInfo.",
        "TAMS › 7", "runningInfo",
        _made_by(_TEMPLATE, "RUNNING", lambda job: job.pop("runningInfo", None))),
    Mutant("template-running-without-price", "A template that runs has no credits.", "TAMS › 7",
        "credits", _made_by(_TEMPLATE, "RUNNING", lambda job: job.pop("credits", None))),
    Mutant("price-missing-while-waiting", "A waiting job has no credits.", "TAMS › 7",
        "credits", in_state("WAITING", lambda job, memory: job.pop("credits", None))),
    Mutant("waiting-info-while-running", "A running job has waitingInfo.", "TAMS › 7",
        "RUNNING job has waitingInfo", _stray("RUNNING", "waitingInfo", {"queueRank": "1"})),
    Mutant("cancelled-with-results", "A cancelled job has successInfo.", "TAMS › 7",
        "CANCELED job has", _stray("CANCELED", "successInfo", {"runtime": "0"})),
    Mutant("success-with-failed-info", "A job that succeeded has failedInfo.", "TAMS › 7",
        "SUCCESS job has failedInfo", _stray("SUCCESS", "failedInfo", {"reason": "none"})),
    Mutant("price-beside-job", "The credits of a job are beside it too.", "TAMS › 2",
        "(?i)beside", on_json("*", rf"{CREATE}|{JOB}",
                             lambda body, memory: _beside(body, memory) if "job" in body else 0)),
    Mutant("job-as-text", "A job is sent as text/plain.", "TAMS › 2", "text/plain",
        on_reply("GET", JOB, lambda call, reply, memory, service:
                 reply.with_header("Content-Type", "text/plain"))),
    Mutant("progress-of-one", "Progress is a share of one.", "TAMS › 7", "(?i)progress",
        _progress(lambda progress: round(progress / 100))),
    Mutant("progress-stands-still", "Progress does not move.", "TAMS › 7", "(?i)progress",
        _progress(lambda progress: 50)),
    Mutant("runtime-in-milliseconds", "runtime is in milliseconds.", "TAMS › 7", "runtime",
        in_state("SUCCESS", _in_milliseconds)),
    Mutant("expired-in-grows", "The URL of a result lives longer at each look.", "TAMS › 7",
        "expiredIn", in_state("SUCCESS", _longer_each_time)),
    Mutant("seed-of-31-bits", "Large seeds are told in 31 bits.", "TAMS › 6", "(?i)seed",
        in_state("SUCCESS", _of_31_bits)),
    Mutant("changed-before-made", "A workflow's mtime is before its ctime.", "TAMS › 7",
        "mtime", in_state("SUCCESS", _changed_before_made)),
    Mutant("picture-of-half-the-rows", "A picture lacks half of its rows.", "TAMS › 12",
        "(?i)rows", download(_half_the_rows)),
    Mutant("picture-checksum-wrong", "A checksum in a picture is wrong.", "TAMS › 12",
        "(?i)checksum", download(_wrong_checksum)),
    Mutant("picture-changes", "A picture has other bytes at each look.", "TAMS › 9",
        "(?i)second look", download(_another_each_time)),
    Mutant("two-pictures-at-most", "Three or four pictures are two.", "TAMS › 6",
        "(?i)as.many", in_state("SUCCESS", _two_at_most)),
    Mutant("hundred-prompts-at-most", "More than 100 prompts are refused.", "TAMS › 6",
        "(?i)prompts", on_request("POST", PRICE, _few_prompts)),
    Mutant("third-sampler-free", "Two samplers of a graph have a price at most.", "TAMS › 10",
        "(?i)sampler", priced_as(_two_samplers, GRAPH)),
    Mutant("upscaler-of-own-model", "An upscaler's own model counts beside a diffusion.",
        "TAMS › 6", "(?i)own diffusion", priced_as(_own_model)),
    Mutant("one-bad-input-named", "Only the first bad input of a node is named.", "TAMS › 4",
        "(?i)lacks_an_input", on_reply("POST", GRAPH, _one_input)),
    Mutant("random-seed-is-fixed", "Random seeds are the same each time.", "TAMS › 6",
        "(?i)seed", on_request("POST", _STAGES, _same_each_time)),
    Mutant("result-dies-early", "The URL of a result lives half of its time.", "TAMS › 7",
        "expected 200", Mutation(calls("*", rf"{JOB}|{RESULT}"), _dying_early)),
    Mutant("short-term-is-a-day", "A short-term resource is kept for a day.", "TAMS › 9",
        "term 1", _kept_for({1: 1})),
    Mutant("long-term-is-a-week", "A long-term resource is kept for a week.", "TAMS › 9",
        "term 2", _kept_for({2: 7})),
)  # fmt: skip
