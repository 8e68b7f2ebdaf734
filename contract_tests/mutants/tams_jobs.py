"""Mutants of TAMS: states of jobs, results, requests and answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Service, a_reply
from contract_tests.mutants.mutant import Memory, Mutant, Mutation, on_json, on_reply, on_request
from contract_tests.mutants.pictures import a_png

JOB = r"/v1/jobs/\d+"
CREATE = r"/v1/jobs(/workflow(/template)?)?"
RESULT = r"/resource-upload/.*"
PNG = b"\x89PNG"


def jobs(method: str, pattern: str, change: Callable[[Any, Memory], object]) -> Mutation:
    """Return a mutation of jobs in answers, in place."""

    def change_job(body: Any, memory: Memory) -> None:
        if isinstance(body.get("job"), dict):
            change(body["job"], memory)

    return on_json(method, pattern, change_job)


def in_state(state: str, change: Callable[[Any, Memory], object]) -> Mutation:
    """Return a mutation of polled jobs in one state, in place."""

    def change_some(job: Any, memory: Memory) -> None:
        if job.get("status") == state:
            change(job, memory)

    return jobs("GET", JOB, change_some)


def images_of(job: Any) -> list[Any]:
    found = job.get("successInfo", {}).get("images", [])
    return found if isinstance(found, list) else []


def _back(job: Any, memory: Memory) -> None:
    ran = memory.setdefault("ran", set())
    if job["id"] in ran:
        job["status"], job["waitingInfo"] = "WAITING", {"queueRank": "1", "queueLen": "1"}
        job.pop("runningInfo", None)
        ran.discard(job["id"])
    else:
        ran.add(job["id"])


def _awake(job: Any, memory: Memory) -> None:
    """Show a finished job as running."""
    ended = memory.setdefault("ended", set())
    if job["id"] in ended:
        job["status"] = "RUNNING"
        job.pop("successInfo", None)
    ended.add(job["id"])


def _counting_down(job: Any, memory: Memory) -> None:
    for image in job.get("runningInfo", {}).get("processingImages", []):
        memory["progress"] = memory.get("progress", 100) - 7
        image["progress"] = max(1, memory["progress"])


def _rising(job: Any, memory: Memory) -> None:
    memory[job["id"]] = memory.get(job["id"], 0) + 1
    job["waitingInfo"] = {"queueRank": str(memory[job["id"]]), "queueLen": "50"}


def _waiting_while_running(job: Any, memory: Memory) -> None:
    """Show a running job as waiting, with a rising rank."""
    if job["status"] in ("WAITING", "RUNNING"):
        job["status"] = "WAITING"
        job.pop("runningInfo", None)
        _rising(job, memory)


def _beyond_queue(job: Any, memory: Memory) -> None:
    info = job.get("waitingInfo", {})
    if "queueRank" in info:
        info["queueRank"] = str(int(info.get("queueLen", info["queueRank"])) + 1)


def _rank_as_number(job: Any, memory: Memory) -> None:
    info = job.get("waitingInfo", {})
    if "queueRank" in info:
        info["queueRank"] = int(info["queueRank"])


def _each_image(**changes: Any) -> Callable[[Any, Memory], None]:
    def change(job: Any, memory: Memory) -> None:
        for image in images_of(job):
            image.update(changes)

    return change


def _wider(job: Any, memory: Memory) -> None:
    for image in images_of(job):
        image["meta"]["image"]["width"] += 64


def _expired_in_as_number(job: Any, memory: Memory) -> None:
    for image in images_of(job):
        image["expiredIn"] = int(image["expiredIn"])


def _width_as_text(job: Any, memory: Memory) -> None:
    for image in images_of(job):
        image["meta"]["image"]["width"] = str(image["meta"]["image"]["width"])


def _progress_as_text(job: Any, memory: Memory) -> None:
    for image in job.get("runningInfo", {}).get("processingImages", []):
        image["progress"] = str(image.get("progress", 0))


def _other_seed(job: Any, memory: Memory) -> None:
    for entry in job.get("successInfo", {}).get("imageExifMetaMap", {}).values():
        entry["meta"]["Seed"] = "1"


def _one_less(job: Any, memory: Memory) -> None:
    if len(images_of(job)) > 1:
        images_of(job).pop()


def _one_more(job: Any, memory: Memory) -> None:
    if images_of(job):
        images_of(job).append(images_of(job)[0])


def download(change: Callable[[HttpCall, HttpReply, Memory, Service], HttpReply]) -> Mutation:
    """Return a mutation of good pictures."""

    def change_good(
        call: HttpCall, reply: HttpReply, memory: Memory, service: Service
    ) -> HttpReply:
        good = reply.good and reply.body.startswith(PNG)
        return change(call, reply, memory, service) if good else reply

    return on_reply("GET", RESULT, change_good)


def _smaller(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    return replace(reply, body=a_png(64, 64))


def _torn(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def _first_of_its_size(
    call: HttpCall, reply: HttpReply, memory: Memory, service: Service
) -> HttpReply:
    size = reply.body[16:24]
    return replace(reply, body=memory.setdefault(size, reply.body))


def _gone(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    return a_reply(404, {"message": "no such file"})


def _kept(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    """Keep serving files that a job has shown."""
    if reply.good and call.method == "GET" and call.path.startswith("/v1/jobs/"):
        job = (reply.json or {}).get("job", {})
        for image in images_of(job):
            target = "/" + image["url"].split("/", 3)[3]
            if target not in memory:
                memory[target] = service(HttpCall("GET", target, call.headers[:1]))
        return reply
    kept: HttpReply = memory.get(call.target, reply)
    return reply if reply.good else kept


def _swapped(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    """Ask for the previous job."""
    other = memory.get("last")
    memory["last"] = call.target
    if other in (None, call.target):
        return call
    return service.signed(replace(call, target=other))


def _not_cancelled(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    return a_reply(200, {"jobId": call.path.rpartition("/")[2]})


def _found_anyway(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    if reply.status != 404 or b"job not found" not in reply.body:
        return reply
    return a_reply(200, {"job": {"id": call.path.rpartition("/")[2], "status": "CREATED"}})


def _failure_as_error(
    call: HttpCall, reply: HttpReply, memory: Memory, service: Service
) -> HttpReply:
    job = (reply.json or {}).get("job", {})
    failed = reply.good and isinstance(job, dict) and job.get("status") == "FAILED"
    return a_reply(500, {"code": 13, "message": "failed"}) if failed else reply


MUTANTS = (
    Mutant("state-undocumented", "Jobs are PROCESSING where they should be RUNNING.",
        "TAMS › 7", "PROCESSING",
        in_state("RUNNING", lambda job, memory: job.update(status="PROCESSING"))),
    Mutant("state-runs-back", "A job that ran waits again.", "TAMS › 7", "(?i)forward|back|order",
        in_state("RUNNING", _back)),
    Mutant("success-runs-again", "A job that succeeded runs again.", "TAMS › 7",
        "(?i)RUNNING|stays", in_state("SUCCESS", _awake)),
    Mutant("cancelled-runs-again", "A cancelled job runs again.", "TAMS › 7", "CANCELED|RUNNING",
        in_state("CANCELED", lambda job, memory: job.update(status="RUNNING"))),
    Mutant("progress-falls", "Progress runs back.", "TAMS › 7", "(?i)progress",
        in_state("RUNNING", _counting_down)),
    Mutant("rank-rises", "A job moves back in the queue.", "TAMS › 7", "(?i)rank",
        jobs("GET", JOB, _waiting_while_running)),
    Mutant("rank-beyond-queue", "A job's rank is larger than the queue.", "TAMS › 7",
        "(?i)queue|rank", in_state("WAITING", _beyond_queue)),
    Mutant("waiting-without-info", "A waiting job has no waitingInfo.", "TAMS › 7", "waitingInfo",
        in_state("WAITING", lambda job, memory: job.pop("waitingInfo", None))),
    Mutant("rank-as-number", "The rank is a number.", "TAMS › 2", "queueRank",
        in_state("WAITING", _rank_as_number)),
    Mutant("id-as-number", "A job's id is a number.", "TAMS › 2", r"\$\.job\.id",
        jobs("*", r"/v1/jobs.*", lambda job, memory: job.update(id=int(job["id"])))),
    Mutant("price-as-text", "A job's price is a text.", "TAMS › 10", "credits",
        jobs("GET", JOB, lambda job, memory: job.update(credits=str(job.get("credits", 0))))),
    Mutant("price-missing", "A job that succeeded has no price.", "TAMS › 7", "credits",
        in_state("SUCCESS", lambda job, memory: job.pop("credits", None))),
    Mutant("progress-as-text", "Progress is a text.", "TAMS › 2", "progress",
        in_state("RUNNING", _progress_as_text)),
    Mutant("expired-in-as-number", "expiredIn is a number.", "TAMS › 2", "expiredIn",
        in_state("SUCCESS", _expired_in_as_number)),
    Mutant("width-as-text", "The width of a picture is a text.", "TAMS › 2", "width",
        in_state("SUCCESS", _width_as_text)),
    Mutant("picture-id-no-uuid", "The id of a picture is not a UUID.", "TAMS › 7", "(?i)uuid",
        in_state("SUCCESS", _each_image(id="picture-1"))),
    Mutant("picture-without-url", "The URL of a picture is missing.", "TAMS › 7", "url",
        in_state("SUCCESS", lambda job, memory: [i.pop("url", None) for i in images_of(job)])),
    Mutant("picture-called-wider", "meta has another width than ordered.", "TAMS › 7",
        "(?i)width|large|size", in_state("SUCCESS", _wider)),
    Mutant("picture-missing", "One picture is missing.", "TAMS › 7", "(?i)as.many",
        in_state("SUCCESS", _one_less)),
    Mutant("picture-too-many", "There is one picture too many.", "TAMS › 7", "(?i)as.many",
        in_state("SUCCESS", _one_more)),
    Mutant("picture-too-small", "Pictures are smaller than ordered.", "TAMS › 12", "(?i)large|size",
        download(_smaller)),
    Mutant("picture-torn", "Pictures are truncated.", "TAMS › 12",
        "(?i)decode|truncat|picture", download(_torn)),
    Mutant("picture-for-every-seed", "Other seeds give the same picture.", "TAMS › 6", "(?i)seed",
        download(_first_of_its_size)),
    Mutant("picture-not-served", "The URL of a result is not found.", "TAMS › 9",
        "expected 200", download(_gone)),
    Mutant("expired-url-served", "The URL of a result never expires.", "TAMS › 9",
        "(?i)expired URL", on_reply("GET", r".*", _kept)),
    Mutant("meta-map-missing", "There is no imageExifMetaMap.", "TAMS › 7", "imageExifMetaMap",
        in_state("SUCCESS", lambda job, memory: job["successInfo"].pop("imageExifMetaMap", 0))),
    Mutant("meta-map-other-seed", "The seed in imageExifMetaMap is not the one ordered.",
        "TAMS › 7", "(?i)seed", in_state("SUCCESS", _other_seed)),
    Mutant("runtime-as-number", "runtime is a number.", "TAMS › 7", "runtime",
        in_state("SUCCESS", lambda job, memory: job["successInfo"].update(runtime=13))),
    Mutant("failure-without-info", "A failed job has no failedInfo.", "TAMS › 7", "failedInfo",
        in_state("FAILED", lambda job, memory: job.pop("failedInfo", None))),
    Mutant("failure-without-reason", "The reason of a failure is empty.", "TAMS › 7", "reason",
        in_state("FAILED", lambda job, memory: job["failedInfo"].update(reason=""))),
    Mutant("failure-is-500", "Polling a failed job is a server error.", "TAMS › 5.2",
        "500", on_reply("GET", JOB, _failure_as_error)),
    Mutant("cancel-does-nothing", "A cancelled job goes on.", "TAMS › 5.3", "CANCELED",
        on_request("DELETE", JOB, _not_cancelled)),
    Mutant("cancel-names-no-job", "The answer to a cancel has no jobId.", "TAMS › 5.3", "jobId",
        on_json("DELETE", JOB, lambda body, memory: body.update(job_id=body.pop("jobId")))),
    Mutant("unknown-job-found", "An unknown job is found.", "TAMS › 5.2", "expected 404",
        on_reply("GET", JOB, _found_anyway)),
    Mutant("another-job-answered", "A poll is answered with another job.", "TAMS › 5.2",
        "(?i)asked.for", on_request("GET", JOB, _swapped)),
    Mutant("created-without-state", "The answer to a creation has no status.", "TAMS › 5.1",
        "'status'", jobs("POST", CREATE, lambda job, memory: job.pop("status", None))),
    Mutant("created-succeeded", "A job succeeded when it is created.", "TAMS › 5.1",
        "CREATED|SUCCESS", jobs("POST", CREATE, lambda job, memory: job.update(status="SUCCESS"))),
)  # fmt: skip
