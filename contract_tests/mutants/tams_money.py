"""Mutants of TAMS: prices and charges."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service
from contract_tests.mutants.mutant import (
    Memory,
    Mutant,
    Mutation,
    calls,
    combine,
    on_json,
    on_reply,
    on_request,
)
from contract_tests.mutants.tams_authentication import PRICE
from contract_tests.mutants.tams_jobs import CREATE, JOB

ESTIMATES = r"/v1/jobs/credits|/v1/jobs/workflow/params/check|/v1/workflows/template/check"
GRAPH_CHECK = r"/v1/jobs/workflow/params/check"
TEMPLATE_CHECK = r"/v1/workflows/template/check"
_A_LITTLE = Decimal("0.1")
_SDXL, FLUX = "808939700149555823", "757279507095956705"
_balance = calls("GET", r"/_mock/accounts/[^/]+/balance")


def charging(extra: Callable[[HttpCall, HttpReply, Memory], Decimal]) -> Mutation:
    """Return a mutation that takes more, or less, from the balance."""

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


_OTHER_ORDER = (
    IndexError,
    KeyError,
    StopIteration,
    TypeError,
)  # an order without what is mispriced


def priced_as(change: Callable[[Any], object], path: str = PRICE) -> Mutation:
    """Return a mutation that answers with the price of another order, made in place."""

    def ask(call: HttpCall, memory: Memory, service: Service) -> HttpCall:
        order = call.json
        try:
            change(order)
        except _OTHER_ORDER:
            return call
        return service.signed(call.with_json(order))

    return on_request("POST", path, ask)


def _priced_times(factor: Callable[[Any], float], path: str = PRICE) -> Mutation:
    """Return a mutation that multiplies the price of an order by a factor."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        try:
            price = Decimal(str(reply.json["credits"])) * Decimal(str(factor(call.json)))
        except _OTHER_ORDER:
            return reply
        return reply.with_json({**reply.json, "credits": float(price)})

    return on_reply("POST", path, change)


def member(order: Any, name: str) -> Any:
    """Return the member of the first stage that has it; raises StopIteration without one."""
    return next(stage[name] for stage in order["stages"] if name in stage)


def _fewer_steps(order: Any) -> None:
    diffusion = member(order, "diffusion")
    diffusion["steps"] = max(1, diffusion["steps"] - 4)


def _first_repair(order: Any) -> None:
    del member(order, "imageToAdetailer")["args"][1:]


def _without_inpainting(order: Any) -> None:
    member(order, "diffusion")
    order["stages"] = [stage for stage in order["stages"] if "imageToInpaint" not in stage]


def _upscaled_last(order: Any) -> None:
    order["stages"].sort(key=lambda stage: "imageToUpscaler" in stage)


def _light_upscaler(order: Any) -> None:
    member(order, "imageToUpscaler")
    diffusion = member(order, "diffusion")
    if diffusion["sdModel"] == FLUX:
        diffusion["sdModel"] = _SDXL  # with the same factor


def _one_frame_less(order: Any) -> None:
    member(order, "videoDiffusion")["totalFrames"] -= 1


def _in_mode(before: str) -> Callable[[Any], None]:
    def change(order: Any) -> None:
        video = member(order, "videoDiffusion")
        if video["generationMode"] == before:
            video["generationMode"] = "TEXT_TO_VIDEO"

    return change


def _first_sampler(order: Any) -> None:
    nodes = order["params"].values()
    for node in [node for node in nodes if node["classType"] == "KSampler"][1:]:
        node["inputs"]["steps"] = 1


def _by_area(order: Any) -> float:
    diffusion = member(order, "diffusion")
    return float(diffusion["width"] * diffusion["height"] / 512**2)


def _of_model(model: str, factor: float) -> Callable[[Any], float]:
    return lambda order: factor if member(order, "diffusion")["sdModel"] == model else 1


MUTANTS = (
    Mutant("success-charged-twice", "A job that succeeds is charged twice.", "TAMS › 10",
        "(?i)balance|estimate|charge|cost", charging(_once_in("SUCCESS", 1))),
    Mutant("success-not-charged", "A job that succeeds is not charged.", "TAMS › 10",
        "(?i)balance|estimate|charge|cost", charging(_once_in("SUCCESS", -1))),
    Mutant("failure-charged", "A job that fails is charged.", "TAMS › 10",
        "(?i)fail", charging(_once_in("FAILED", 1))),
    Mutant("cancelled-charged", "A job that is cancelled is charged.", "TAMS › 10",
        "(?i)cancel", charging(_once_in("CANCELED", 1))),
    Mutant("estimate-charged", "An estimate costs credits.", "TAMS › 5",
        "(?i)estimate|balance|free", charging(_each_good("POST", ESTIMATES))),
    Mutant("price-above-estimate", "A job costs more than was estimated.", "TAMS › 10",
        "(?i)estimate|price", combine(
            on_json("*", rf"{CREATE}|{JOB}", _dearer), charging(_each_good("POST", CREATE))
        )),
    Mutant("estimate-changes", "The same order has another price each time.", "TAMS › 10",
        "(?i)same.price", on_json("POST", PRICE, _changing)),
    Mutant("more-costs-less", "More pictures cost less.", "TAMS › 10",
        "(?i)more|price", on_json("POST", PRICE, _cheaper_by_the_dozen)),
    Mutant("count-not-priced", "Two pictures cost what one costs.", "TAMS › 10",
        "each_picture", priced_as(lambda order: member(order, "inputInitialize").pop("count"))),
    Mutant("steps-rounded-down", "A rest of five steps is free.", "TAMS › 10",
        "printed|rounded_up", priced_as(_fewer_steps)),
    Mutant("size-priced", "The price of a diffusion depends on its size.", "TAMS › 10",
        "each_size", _priced_times(_by_area)),
    Mutant("flux-as-cheap-as-sd", "The factor of FLUX is 1.", "TAMS › 10",
        "flux", _priced_times(_of_model(FLUX, 0.5))),
    Mutant("flux-upscaler-as-sd", "An upscaler of FLUX counts pixels twice, not three times.",
        "TAMS › 10", "upscaler.*FLUX", priced_as(_light_upscaler)),
    Mutant("upscaler-at-old-size", "An upscaler is priced at the size before it.", "TAMS › 10",
        "upscaler|size_of_the_stage",
        priced_as(lambda order: member(order, "imageToUpscaler").update(hrScale=1))),
    Mutant("repair-at-first-size", "A repair after an upscaler is priced at the size before.",
        "TAMS › 10", "repair|size_of_the_stage", priced_as(_upscaled_last)),
    Mutant("one-repair-priced", "A repair with three arguments costs what one costs.", "TAMS › 10",
        "sum_of_its_arguments", priced_as(_first_repair)),
    Mutant("inpainting-free", "Inpainting after a diffusion is free.", "TAMS › 10",
        "inpainting", priced_as(_without_inpainting)),
    Mutant("last-frame-free", "A video costs its frames without one more.", "TAMS › 10",
        "video", priced_as(_one_frame_less)),
    Mutant("video-of-image-as-text", "Image to video costs what text to video costs.", "TAMS › 10",
        "IMAGE_TO_VIDEO", priced_as(_in_mode("IMAGE_TO_VIDEO"))),
    Mutant("fast-not-cheaper", "A fast video has no discount.", "TAMS › 10",
        "(?i)fast", priced_as(_in_mode("FAST"))),
    Mutant("video-not-rounded", "The price of a video has more than two decimals.", "TAMS › 10",
        "video", _priced_times(lambda order: 1.0003 if member(order, "videoDiffusion") else 1)),
    Mutant("second-sampler-free", "Only the first sampler of a graph has its price.", "TAMS › 10",
        "sampler", priced_as(_first_sampler, GRAPH_CHECK)),
    Mutant("graph-dearer", "A sampler costs more than a diffusion.", "TAMS › 10",
        "sampler_costs", _priced_times(lambda order: 1.5, GRAPH_CHECK)),
    Mutant("template-dearer", "The template of the documentation costs 1.5.", "TAMS › 10",
        "template", _priced_times(lambda order: 1.5, TEMPLATE_CHECK)),
    Mutant("estimate-unnamed", "An estimate has no credits.", "TAMS › 5.4", "credits",
        on_json("POST", PRICE, lambda body, memory: body.update(price=body.pop("credits")))),
)  # fmt: skip
