"""The scenes of TAMS: every operation, taken and refused."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from contract_tests.answers import Answer
from contract_tests.clients.tams import TERMINAL, a_request_id
from contract_tests.recording.scenes import Scenes, Set, member
from contract_tests.signing import TamsBearer
from contract_tests.tams.orders import MODEL, small_stages

scene = Scenes("tams")

UNKNOWN = "100000000000000001"  # no id of a job, a model or a template
TEMPLATE = "676018193025756628"  # of the documentation and the official demos
PICTURE = "f29036b4-ff7b-4394-8c26-aabc1bdae008"  # of the official demos
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


def post(on: Set, path: str, body: Any) -> Answer:
    """Post a body below /v1."""
    return on.tams.call("POST", f"/v1/{path}", json=body, checked=False)


def get(on: Set, path: str, method: str = "GET") -> Answer:
    """Ask without a body below /v1."""
    return on.tams.call(method, f"/v1/{path}", checked=False)


def submit(on: Set, path: str, body: dict[str, Any]) -> Answer:
    """Create a job; what it costs is asked first, unseen, and set aside."""
    with on.tape.unseen():
        if "stages" in body:
            price = on.tams.estimate(body["stages"])
        elif "params" in body:
            price = Decimal(str(on.tams.check_workflow(body["params"])["credits"]))
        else:
            filled = body["fields"]["fieldAttrs"]
            price = Decimal(str(on.tams.check_template(body["templateId"], filled)["credits"]))
    reservation = on.tams.reserve(price)
    return on.tams.call("POST", f"/v1/{path}", json=body, reservation=reservation, checked=False)


def look_while(on: Set, job_id: str, state: str) -> None:
    """Keep a look at the job in a state, unless it is over before it was seen so."""
    states = (state, *TERMINAL)
    found = on.until(lambda: get(on, f"jobs/{job_id}"), lambda body: _state(body) in states)
    if _state(found) == state:
        on.tape.keep_last(f"look while {state}", passing=True)


def look_when_over(on: Set, job_id: str) -> Any:
    """Keep a look at the job when it is over, and return it."""
    body = on.until(lambda: get(on, f"jobs/{job_id}"), lambda body: _state(body) in TERMINAL)
    on.tape.keep_last("look when it is over")
    return body


def _state(body: Any) -> Any:
    return member(body, "job", "status")


@scene("TAMS › 5.4")
def prices(on: Set) -> None:
    """The price of a job, and of jobs that cannot be."""
    post(on, "jobs/credits", {"stages": small_stages()})
    on.tape.call_it("both spellings, numbers as texts")
    mixed = small_stages(start={"count": "2"}, width="512", cfg_scale="7")
    post(on, "jobs/credits", {"request_id": "constant", "stages": mixed, "webhook": ""})
    on.tape.call_it("no stages")
    post(on, "jobs/credits", {"stages": []})
    on.tape.call_it("more pictures than can be")
    post(on, "jobs/credits", {"stages": small_stages(count=5)})
    on.tape.call_it("a type that cannot be")
    post(on, "jobs/credits", {"stages": {"type": True}})
    on.tape.call_it("broken JSON")
    on.tams.call("POST", "/v1/jobs/credits", content='{"stages": [', checked=False)


@scene("TAMS › 5.7", "TAMS › 5.8")
def templates(on: Set) -> None:
    """A template, and its check with fields that fit and that do not."""
    get(on, f"workflows/{TEMPLATE}")
    on.tape.call_it("an unknown template")
    get(on, f"workflows/{UNKNOWN}")
    post(on, "workflows/template/check", fields())
    on.tape.call_it("check without a field")
    post(on, "workflows/template/check", fields(image=None))
    on.tape.call_it("check with an empty field")
    post(on, "workflows/template/check", fields(None))
    on.tape.call_it("check of an unknown template")
    post(on, "workflows/template/check", {**fields(), "templateId": UNKNOWN})


@scene("TAMS › 5.6")
def graphs(on: Set) -> None:
    """The check of a graph that is good, of one that is bad, and of none."""
    post(on, "jobs/workflow/params/check", {"params": GRAPH})
    bad = {**GRAPH, "6": {"classType": "SaveImage", "inputs": {"images": ["9", 0]}}}
    on.tape.call_it("a link to nothing")
    post(on, "jobs/workflow/params/check", {"params": bad})
    on.tape.call_it("no graph")
    post(on, "jobs/workflow/params/check", {})


@scene("TAMS › 5.10")
def models(on: Set) -> None:
    """A model that is known, one that is not, and an id that is none."""
    get(on, f"models/{MODEL}")
    on.tape.call_it("an unknown model")
    get(on, f"models/{UNKNOWN}")
    on.tape.call_it("an id that is no number")
    get(on, "models/none")


@scene("TAMS › 5.11", "TAMS › 9")
def upload(on: Set) -> None:
    """An upload is reserved and filled; the URL runs out."""
    reserved = post(on, "resource/image", {"expireSec": "60", "term": 1}).json
    for label in ("upload", "upload again"):
        on.tape.call_it(label)
        on.tams.wire.send(
            "PUT", reserved["putUrl"], auth=None, content=PNG, headers=dict(reserved["headers"])
        )
    on.clock.let_pass(90)
    on.tape.call_it("upload too late")
    on.tams.wire.send(
        "PUT", reserved["putUrl"], auth=None, content=PNG, headers=dict(reserved["headers"])
    )
    on.tape.call_it("nothing asked for")
    post(on, "resource/image", {})
    on.tape.call_it("an expiry that is no number")
    post(on, "resource/image", {"expireSec": "undefined"})


@scene("TAMS › 5.12")
def upload_by_form(on: Set) -> None:
    """The parts of a form upload, and an expiry that is no number."""
    post(on, "resource/image/sts", {"expireSec": 60, "term": 1})
    on.tape.call_it("an expiry that is no number")
    post(on, "resource/image/sts", {"expireSec": "soon"})


@scene("TAMS › 3.4", "TAMS › 4")
def credentials(on: Set) -> None:
    """Calls without a credential, with one that is unknown, and to paths that are not there."""
    on.tape.call_it("no credential")
    on.tams.using(None).call("GET", f"/v1/jobs/{UNKNOWN}", checked=False)
    on.tape.call_it("an unknown token")
    stranger = on.tams.using(TamsBearer("unknown-token"))
    stranger.call("GET", f"/v1/jobs/{UNKNOWN}", checked=False)
    on.tape.call_it("a header that cannot be read")
    garbled = {"Authorization": "TAMS-SHA256-RSA app_id=nobody"}
    on.tams.using(None).call("GET", f"/v1/jobs/{UNKNOWN}", headers=garbled, checked=False)
    on.tape.call_it("a path that is not there")
    get(on, "jobs/list/all")
    on.tape.call_it("a method that is not there")
    get(on, "jobs/credits", "PUT")


@scene("TAMS › 3.1", needs=["bearer"])
def token(on: Set) -> None:
    """A call with the bearer token of the app."""
    owner = on.tams.using(on.bearer)
    owner.call("POST", "/v1/jobs/credits", json={"stages": small_stages()}, checked=False)


@scene("TAMS › 5.2", "TAMS › 5.3")
def unknown_job(on: Set) -> None:
    """A look at a job that is not there, its cancelling, and ids that are none."""
    get(on, f"jobs/{UNKNOWN}")
    get(on, f"jobs/{UNKNOWN}", "DELETE")
    on.tape.call_it("look at an id that is no number")
    get(on, "jobs/none")
    on.tape.call_it("cancel an id that is no number")
    get(on, "jobs/none", "DELETE")


@scene("TAMS › 5.1", "TAMS › 7", "TAMS › 9", spends=2)
def job_that_succeeds(on: Set) -> None:
    """A job of two pictures from its creation to the download of its first picture."""
    job = submit(on, "jobs", {"requestId": a_request_id(), "stages": small_stages(count=2)})
    job_id = str(member(job, "job", "id"))
    look_while(on, job_id, "WAITING")
    look_while(on, job_id, "RUNNING")
    images = member(look_when_over(on, job_id), "job", "successInfo", "images")
    on.tape.call_it("download")
    on.tams.wire.send("GET", images[0]["url"], auth=None)
    on.tape.call_it("download without a signature")
    on.tams.wire.send("GET", images[0]["url"].partition("?")[0], auth=None)
    on.tape.call_it("cancel when it is over")
    get(on, f"jobs/{job_id}", "DELETE")


@scene("TAMS › 5.3", spends=1)
def job_that_is_cancelled(on: Set) -> None:
    """A job is cancelled at once, looked at, and cancelled again."""
    job = submit(on, "jobs", {"requestId": a_request_id(), "stages": small_stages()})
    job_id = str(member(job, "job", "id"))
    get(on, f"jobs/{job_id}", "DELETE")
    get(on, f"jobs/{job_id}")
    get(on, f"jobs/{job_id}", "DELETE")


@scene("TAMS › 5.1", spends=2)
def request_id_again(on: Set) -> None:
    """A request id is sent again, with the same body and with another one."""
    order = {"requestId": a_request_id(), "stages": small_stages()}
    job_id = str(member(submit(on, "jobs", order), "job", "id"))
    # A job that is over is in the same state whenever we look.
    get(on, f"jobs/{job_id}", "DELETE")
    on.tape.call_it("the same again")
    submit(on, "jobs", order)
    on.tape.call_it("another body")
    submit(on, "jobs", {**order, "stages": small_stages(steps=12)})


@scene("TAMS › 5.1", "TAMS › 6", spends=5)
def jobs_refused(on: Set) -> None:
    """Jobs that cannot be."""
    # Nothing says what they would cost if they could be, so all that is declared is set aside.
    for label, stages in (
        ("no stages", []),
        ("more pictures than can be", small_stages(count=5)),
        ("a seed above the maximum", small_stages(start={"seed": 4_294_967_296})),
        ("more prompts than can be", small_stages(prompts=[{"text": "x"}] * 151)),
    ):
        on.tape.call_it(label)
        post(on, "jobs", {"requestId": a_request_id(), "stages": stages})


@scene("TAMS › 7", "TAMS › 9", spends=1)
def job_that_fails(on: Set) -> None:
    """A job whose start picture is not there."""
    start = {"imageResourceId": "00000000-0000-4000-8000-00000000dead"}
    stages = small_stages(start=start, denoisingStrength=0.5)
    job = submit(on, "jobs", {"requestId": a_request_id(), "stages": stages})
    job_id = str(member(job, "job", "id"))
    look_when_over(on, job_id)


@scene("TAMS › 5.5", "TAMS › 7", spends=2)
def graph_as_a_job(on: Set) -> None:
    """A job out of a graph, to its end, and one without a graph."""
    job = submit(on, "jobs/workflow", {
        "requestId": a_request_id(), "params": GRAPH, "runningNotifyUrl": "",
    })  # fmt: skip
    job_id = str(member(job, "job", "id"))
    look_while(on, job_id, "RUNNING")
    look_when_over(on, job_id)
    on.tape.call_it("no graph")
    post(on, "jobs/workflow", {"requestId": a_request_id()})


@scene("TAMS › 5.9", spends=3)
def template_as_a_job(on: Set) -> None:
    """A job out of a template, cancelled at once, and one that lacks a field."""
    job = submit(on, "jobs/workflow/template", {"requestId": a_request_id(), **fields()})
    get(on, f"jobs/{member(job, 'job', 'id')}", "DELETE")
    on.tape.call_it("without a field")
    post(on, "jobs/workflow/template", {"requestId": a_request_id(), **fields(image=None)})
