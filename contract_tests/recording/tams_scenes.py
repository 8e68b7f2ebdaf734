"""The scenes of TAMS: every operation, taken and refused."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from contract_tests.answers import ReceivedAnswer
from contract_tests.clients.tams import TERMINAL, a_request_id
from contract_tests.recording.scenes import SceneContext, SceneRegistry, member
from contract_tests.signing import TamsBearer
from contract_tests.tams.orders import MODEL, small_stages

scene = SceneRegistry("tams")

UNKNOWN = "100000000000000001"  # not the id of a job, a model or a template
TEMPLATE = "676018193025756628"  # of the documentation and the official demos
PICTURE = "f29036b4-ff7b-4394-8c26-aabc1bdae008"  # of the official demos
UNKNOWN_PICTURE = "00000000-0000-4000-8000-00000000ffff"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f0001010100b138f6140000000049454e44ae426082"
)
GRAPH: Mapping[str, Any] = {
    "1": {"classType": "CheckpointLoaderSimple", "inputs": {"ckpt_name": MODEL}},
    "2": {"classType": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["1", 1]}},
    "3": {
        "classType": "EmptyLatentImage",
        "inputs": {"width": 512, "height": 512, "batch_size": 1},
    },
    "4": {
        "classType": "KSampler",
        "inputs": {
            "seed": 7, "steps": 10, "cfg": 7, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1, "model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0],
            "latent_image": ["3", 0],
        },
    },
    "5": {"classType": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
    "6": {"classType": "SaveImage", "inputs": {"filename_prefix": "out", "images": ["5", 0]}},
}  # fmt: skip


def fields(text: str | None = "a lighthouse", *, image: str | None = PICTURE) -> dict[str, Any]:
    """Return the filled-in fields of the template; None leaves the picture out."""
    filled = [{"nodeId": "27", "fieldName": "text", "fieldValue": text}]
    if image is not None:
        filled.insert(0, {"nodeId": "25", "fieldName": "image", "fieldValue": image})
    return {"templateId": TEMPLATE, "fields": {"fieldAttrs": filled}}


def post(context: SceneContext, path: str, body: Any) -> ReceivedAnswer:
    """Post a body below /v1."""
    return context.tams.call("POST", f"/v1/{path}", json=body, checked=False)


def get(context: SceneContext, path: str, method: str = "GET") -> ReceivedAnswer:
    """Ask without a body below /v1."""
    return context.tams.call(method, f"/v1/{path}", checked=False)


def submit(context: SceneContext, path: str, body: dict[str, Any]) -> ReceivedAnswer:
    """Create a job; its price is asked first, without recording, and reserved."""
    with context.transcript.paused():
        if "stages" in body:
            price = context.tams.estimate(body["stages"])
        elif "params" in body:
            price = Decimal(str(context.tams.check_workflow(body["params"])["credits"]))
        else:
            filled = body["fields"]["fieldAttrs"]
            price = Decimal(str(context.tams.check_template(body["templateId"], filled)["credits"]))
    reservation = context.tams.reserve(price)
    return context.tams.call(
        "POST", f"/v1/{path}", json=body, reservation=reservation, checked=False
    )


def look_while(context: SceneContext, job_id: str, state: str) -> None:
    """Record the job in a state, unless it is over before."""
    states = (state, *TERMINAL)
    found = context.until(
        lambda: get(context, f"jobs/{job_id}"), lambda body: _state(body) in states
    )
    if _state(found) == state:
        context.transcript.keep_last(f"look while {state}", passing=True)


def look_when_over(context: SceneContext, job_id: str) -> Any:
    """Record the job when it is over, and return it."""
    body = context.until(
        lambda: get(context, f"jobs/{job_id}"), lambda body: _state(body) in TERMINAL
    )
    context.transcript.keep_last("look when it is over")
    return body


def _state(body: Any) -> Any:
    return member(body, "job", "status")


@scene("TAMS › 5.4")
def prices(context: SceneContext) -> None:
    """The price of a job, and of jobs that cannot be."""
    post(context, "jobs/credits", {"stages": small_stages()})
    context.transcript.name_next("both spellings, numbers as texts")
    mixed = small_stages(start={"count": "2"}, width="512", cfg_scale="7")
    post(context, "jobs/credits", {"request_id": "constant", "stages": mixed, "webhook": ""})
    context.transcript.name_next("no stages")
    post(context, "jobs/credits", {"stages": []})
    context.transcript.name_next("more pictures than can be")
    post(context, "jobs/credits", {"stages": small_stages(count=5)})
    context.transcript.name_next("a type that cannot be")
    post(context, "jobs/credits", {"stages": {"type": True}})
    context.transcript.name_next("broken JSON")
    context.tams.call("POST", "/v1/jobs/credits", content='{"stages": [', checked=False)


@scene("TAMS › 5.7", "TAMS › 5.8")
def templates(context: SceneContext) -> None:
    """A template, and its check with fields that fit and that do not."""
    get(context, f"workflows/{TEMPLATE}")
    context.transcript.name_next("an unknown template")
    get(context, f"workflows/{UNKNOWN}")
    post(context, "workflows/template/check", fields())
    context.transcript.name_next("check without a field")
    post(context, "workflows/template/check", fields(image=None))
    context.transcript.name_next("check with an empty field")
    post(context, "workflows/template/check", fields(None))
    context.transcript.name_next("check of an unknown template")
    post(context, "workflows/template/check", {**fields(), "templateId": UNKNOWN})


@scene("TAMS › 5.6")
def graphs(context: SceneContext) -> None:
    """The check of a graph that is good, of one that is bad, and of none."""
    post(context, "jobs/workflow/params/check", {"params": GRAPH})
    bad = {**GRAPH, "6": {"classType": "SaveImage", "inputs": {"images": ["9", 0]}}}
    context.transcript.name_next("a link to nothing")
    post(context, "jobs/workflow/params/check", {"params": bad})
    context.transcript.name_next("no graph")
    post(context, "jobs/workflow/params/check", {})


@scene("TAMS › 5.10")
def models(context: SceneContext) -> None:
    """A model that is known, one that is not, and an id that is none."""
    get(context, f"models/{MODEL}")
    context.transcript.name_next("an unknown model")
    get(context, f"models/{UNKNOWN}")
    context.transcript.name_next("an id that is no number")
    get(context, "models/none")


@scene("TAMS › 5.11", "TAMS › 9")
def upload(context: SceneContext) -> None:
    """An upload is reserved and filled; the URL runs out."""
    reserved = post(context, "resource/image", {"expireSec": "60", "term": 1}).json
    for label in ("upload", "upload again"):
        context.transcript.name_next(label)
        context.tams.wire.send(
            "PUT", reserved["putUrl"], auth=None, content=PNG, headers=dict(reserved["headers"])
        )
    context.clock.let_pass(90)
    context.transcript.name_next("upload too late")
    context.tams.wire.send(
        "PUT", reserved["putUrl"], auth=None, content=PNG, headers=dict(reserved["headers"])
    )
    context.transcript.name_next("nothing asked for")
    post(context, "resource/image", {})
    context.transcript.name_next("an expiry that is no number")
    post(context, "resource/image", {"expireSec": "undefined"})


@scene("TAMS › 5.12")
def upload_by_form(context: SceneContext) -> None:
    """The parts of a form upload, and an expiry that is no number."""
    post(context, "resource/image/sts", {"expireSec": 60, "term": 1})
    context.transcript.name_next("an expiry that is no number")
    post(context, "resource/image/sts", {"expireSec": "soon"})


@scene("TAMS › 5.13", "TAMS › 5.14")
def looks_at_a_picture(context: SceneContext) -> None:
    """A preprocessor and both kinds of words for an upload, and for one that is not there."""
    place = post(context, "resource/image", {"expireSec": 60, "term": 1}).json
    context.tams.wire.send(
        "PUT", place["putUrl"], auth=None, content=PNG, headers=dict(place["headers"])
    )
    for id, label in ((place["resourceId"], ""), (UNKNOWN_PICTURE, " of an unknown picture")):
        context.transcript.name_next(f"a pose{label}")
        post(context, "controlnet/detect", {"controlnetModule": "openpose", "resourceId": id})
        context.transcript.name_next(f"words{label}")
        post(context, "img2prompt", {"resourceId": id})
        context.transcript.name_next(f"a sentence{label}")
        post(context, "img2prompt", {"resourceId": id, "tagger": "llm"})
    context.transcript.name_next("a picture that was never sent")
    empty = post(context, "resource/image", {"term": 1}).json
    post(
        context,
        "controlnet/detect",
        {"controlnetModule": "canny", "resourceId": empty["resourceId"]},
    )


@scene("TAMS › 3.4", "TAMS › 4")
def credentials(context: SceneContext) -> None:
    """Calls without a credential, with one that is unknown, and to paths that are not there."""
    context.transcript.name_next("no credential")
    context.tams.using(None).call("GET", f"/v1/jobs/{UNKNOWN}", checked=False)
    context.transcript.name_next("an unknown token")
    stranger = context.tams.using(TamsBearer("unknown-token"))
    stranger.call("GET", f"/v1/jobs/{UNKNOWN}", checked=False)
    context.transcript.name_next("a header that cannot be read")
    garbled = {"Authorization": "TAMS-SHA256-RSA app_id=nobody"}
    context.tams.using(None).call("GET", f"/v1/jobs/{UNKNOWN}", headers=garbled, checked=False)
    context.transcript.name_next("a path that is not there")
    get(context, "jobs/list/all")
    context.transcript.name_next("a method that is not there")
    get(context, "jobs/credits", "PUT")


@scene("TAMS › 3.1", needs=["bearer"])
def token(context: SceneContext) -> None:
    """A call with the bearer token of the app."""
    owner = context.tams.using(context.bearer)
    owner.call("POST", "/v1/jobs/credits", json={"stages": small_stages()}, checked=False)


@scene("TAMS › 5.2", "TAMS › 5.3")
def unknown_job(context: SceneContext) -> None:
    """A look at a job that is not there, its cancelling, and ids that are none."""
    get(context, f"jobs/{UNKNOWN}")
    get(context, f"jobs/{UNKNOWN}", "DELETE")
    context.transcript.name_next("look at an id that is no number")
    get(context, "jobs/none")
    context.transcript.name_next("cancel an id that is no number")
    get(context, "jobs/none", "DELETE")


@scene("TAMS › 5.1", "TAMS › 7", "TAMS › 9", spends=2)
def job_that_succeeds(context: SceneContext) -> None:
    """A job of two pictures from its creation to the download of its first picture."""
    job = submit(context, "jobs", {"requestId": a_request_id(), "stages": small_stages(count=2)})
    job_id = str(member(job, "job", "id"))
    look_while(context, job_id, "WAITING")
    look_while(context, job_id, "RUNNING")
    images = member(look_when_over(context, job_id), "job", "successInfo", "images")
    context.transcript.name_next("download")
    context.tams.wire.send("GET", images[0]["url"], auth=None)
    context.transcript.name_next("download without a signature")
    context.tams.wire.send("GET", images[0]["url"].partition("?")[0], auth=None)
    context.transcript.name_next("cancel when it is over")
    get(context, f"jobs/{job_id}", "DELETE")


@scene("TAMS › 5.3", spends=1)
def job_that_is_cancelled(context: SceneContext) -> None:
    """A job is cancelled at once, looked at, and cancelled again."""
    job = submit(context, "jobs", {"requestId": a_request_id(), "stages": small_stages()})
    job_id = str(member(job, "job", "id"))
    get(context, f"jobs/{job_id}", "DELETE")
    get(context, f"jobs/{job_id}")
    get(context, f"jobs/{job_id}", "DELETE")


@scene("TAMS › 5.1", spends=2)
def request_id_again(context: SceneContext) -> None:
    """A request id is sent again, with the same body and with another one."""
    order = {"requestId": a_request_id(), "stages": small_stages()}
    job_id = str(member(submit(context, "jobs", order), "job", "id"))
    # A job that is over does not change any more.
    get(context, f"jobs/{job_id}", "DELETE")
    context.transcript.name_next("the same again")
    submit(context, "jobs", order)
    context.transcript.name_next("another body")
    submit(context, "jobs", {**order, "stages": small_stages(steps=12)})


@scene("TAMS › 5.1", "TAMS › 6", spends=5)
def jobs_refused(context: SceneContext) -> None:
    """Jobs that cannot be."""
    # Their price is unknown, so the whole declared amount is reserved.
    for label, stages in (
        ("no stages", []),
        ("more pictures than can be", small_stages(count=5)),
        ("a seed above the maximum", small_stages(start={"seed": 4_294_967_296})),
        ("more prompts than can be", small_stages(prompts=[{"text": "x"}] * 151)),
    ):
        context.transcript.name_next(label)
        post(context, "jobs", {"requestId": a_request_id(), "stages": stages})


@scene("TAMS › 7", "TAMS › 9", spends=1)
def job_that_fails(context: SceneContext) -> None:
    """A job whose start picture is not there."""
    start = {"imageResourceId": "00000000-0000-4000-8000-00000000dead"}
    stages = small_stages(start=start, denoisingStrength=0.5)
    job = submit(context, "jobs", {"requestId": a_request_id(), "stages": stages})
    job_id = str(member(job, "job", "id"))
    look_when_over(context, job_id)


@scene("TAMS › 5.5", "TAMS › 7", spends=2)
def graph_as_a_job(context: SceneContext) -> None:
    """A job out of a graph, to its end, and one without a graph."""
    job = submit(context, "jobs/workflow", {
        "requestId": a_request_id(), "params": GRAPH, "runningNotifyUrl": "",
    })  # fmt: skip
    job_id = str(member(job, "job", "id"))
    look_while(context, job_id, "RUNNING")
    look_when_over(context, job_id)
    context.transcript.name_next("no graph")
    post(context, "jobs/workflow", {"requestId": a_request_id()})


@scene("TAMS › 5.9", spends=3)
def template_as_a_job(context: SceneContext) -> None:
    """A job out of a template, cancelled at once, and one that lacks a field."""
    job = submit(context, "jobs/workflow/template", {"requestId": a_request_id(), **fields()})
    get(context, f"jobs/{member(job, 'job', 'id')}", "DELETE")
    context.transcript.name_next("without a field")
    post(context, "jobs/workflow/template", {"requestId": a_request_id(), **fields(image=None)})
