"""The scenes of the Workshop: every operation, taken and refused, and the gateway in front."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from contract_tests.answers import Answer
from contract_tests.clients.workshop import TASK_ENDS
from contract_tests.recording.scenes import Scenes, Set, member
from contract_tests.recording.tams_scenes import PNG
from contract_tests.signing import WorkshopSignature

scene = Scenes("workshop")

UNKNOWN_TOKEN = "01aaaaaaaa"  # noqa: S105 - it opens nothing
UNKNOWN_TASK = "01aaaaaaaaaaaaaaaaaaaaaaaa"
WORKFLOW = "artistic_characters"  # `Workshop › 8.1`: ready-made, documented with its inputs
DRAWING = {
    "prompt": "a red teapot on white", "negtive_prompt": "blurry", "batch_size": 1, "steps": 10,
    "cfg_scale": 7, "width": 512, "height": 512, "sampler_name": "Euler a", "seed": 7,
}  # fmt: skip
PICTURE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@dataclass(frozen=True)
class Spoilt(httpx.Auth):
    """Signs as it should, and then changes one header."""

    signer: httpx.Auth | None
    spoil: Callable[[httpx.Headers], None]

    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Any:
        """Sign and spoil the request."""
        if self.signer is not None:
            next(self.signer.auth_flow(request))
        self.spoil(request.headers)
        yield request


def post(on: Set, name: str, body: Any, **options: Any) -> Answer:
    """Post a body to an operation that costs nothing."""
    return on.workshop.call("POST", f"/scc/{name}", json=body, checked=False, **options)


def use(on: Set, name: str, body: Any) -> Answer:
    """Post a body to an operation that counts as one use."""
    return post(on, name, body, reservation=on.one_use())


def a_token(on: Set) -> str:
    """Make a token."""
    return str(member(post(on, "allocate_token", {}), "data", "apiToken"))


def look_until_over(on: Set, kind: str, task_id: str) -> None:
    """Look at a task as it waits, as it runs, and when it is over; then fetch its result."""
    asked = {"taskId": task_id}
    for state in ("waiting", "running", "over"):
        states = TASK_ENDS if state == "over" else (state, *TASK_ENDS)
        found = on.until(
            lambda: post(on, f"{kind}_get_progress", asked),
            lambda body, states=states: member(body, "data", "status") in states,  # type: ignore[misc]
        )
        passing = state != "over"
        if not passing or member(found, "data", "status") == state:
            on.tape.keep_last(f"progress when {state}", passing=passing)
    post(on, f"{kind}_get_result", asked)


@scene("Workshop › 3.2", "Workshop › 3.4")
def gateway(on: Set) -> None:
    """What the gateway refuses before the service is asked."""
    asked = {"apiToken": UNKNOWN_TOKEN}
    on.tape.call_it("no credentials")
    post(on, "spQueryToken", asked, auth=None)
    on.tape.call_it("an unknown key")
    post(on, "spQueryToken", asked, auth=WorkshopSignature("100000001", "no secret"))
    for label, name, value in (
        ("a signature that is wrong", "x-ca-signature", base64.b64encode(bytes(32)).decode()),
        ("a timestamp that is old", "x-ca-timestamp", "1500000000000"),
        ("a digest that is wrong", "content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("an unknown algorithm", "x-ca-signature-method", "HmacMD5"),
    ):
        on.tape.call_it(label)
        post(on, "spQueryToken", asked, auth=Spoilt(on.key, _changed(name, value)))
    on.tape.call_it("a path that is not there")
    post(on, "no_such_operation", {})
    on.tape.call_it("a method that is not there")
    on.workshop.call("GET", "/scc/spQueryToken", checked=False)


def _changed(name: str, value: str) -> Callable[[httpx.Headers], None]:
    return lambda headers: headers.__setitem__(name, value)


@scene("Workshop › 5.1", "Workshop › 5.2", "Workshop › 5.3", leaves_traces=True)
def tokens(on: Set) -> None:
    """A token is made, looked up and changed."""
    on.tape.call_it("nothing asked for")
    post(on, "allocate_token", {})
    expiry = int((on.clock.now() + 86_400) * 1000)
    asked = {"name": "contract", "tokenExpiredAt": expiry, "sceneRoleId": "role-1"}
    token = member(post(on, "allocate_token", asked), "data", "apiToken")
    post(on, "spQueryToken", {"apiToken": token})
    post(on, "sp_put_user_state", {"apiToken": token, "sdVae": "Automatic"})


@scene("Workshop › 5.1", "Workshop › 5.2", "Workshop › 5.3")
def tokens_refused(on: Set) -> None:
    """Tokens that cannot be made, and calls without a token or with one that is unknown."""
    on.tape.call_it("an expiry in the past")
    post(on, "allocate_token", {"tokenExpiredAt": 1_500_000_000_000})
    for name in ("spQueryToken", "sp_put_user_state"):
        for label, body in (("unknown token", {"apiToken": UNKNOWN_TOKEN}), ("no token", {})):
            on.tape.call_it(f"{name}: {label}")
            post(on, name, body)
    on.tape.call_it("broken JSON")
    on.workshop.call(
        "POST", "/scc/spQueryToken", content="{", checked=False,
        headers={"content-type": "application/json"},
    )  # fmt: skip


@scene("Workshop › 6.1", "Workshop › 6.4", spends=4, leaves_traces=True)
def session(on: Set) -> None:
    """A session from its creation to its end."""
    asked = {"apiToken": a_token(on), "subProduct": "sd_webui"}
    use(on, "spCreateSession", {**asked, "expiredInSeconds": 600})
    on.clock.let_pass(60)
    post(on, "spQuerySession", asked)
    use(on, "spRefreshSession", {**asked, "expiredInSeconds": 600})
    use(on, "spRefreshOrCreateSession", {**asked, "expiredInSeconds": 600})
    on.tape.call_it("create while it lives")
    use(on, "spCreateSession", {**asked, "expiredInSeconds": 600})
    post(on, "spDeleteSession", asked)


@scene("Workshop › 6.4", spends=2, leaves_traces=True)
def no_session(on: Set) -> None:
    """What is asked of a session that is not there; then it is opened by the one that may."""
    asked = {"apiToken": a_token(on)}
    post(on, "spQuerySession", asked)
    post(on, "spDeleteSession", asked)
    use(on, "spRefreshSession", asked)
    on.tape.call_it("opened in mode 20")
    more = {"sessionMode": 20, "subProduct": "comfyui_api"}
    use(on, "spRefreshOrCreateSession", {**asked, **more})
    with on.tape.unseen():
        post(on, "spDeleteSession", {**asked, "subProduct": "comfyui_api"})


@scene("Workshop › 6.2", spends=7)
def sessions_refused(on: Set) -> None:
    """Sessions of unknown tokens, and with members that cannot be."""
    for name in ("spCreateSession", "spRefreshOrCreateSession", "spRefreshSession"):
        on.tape.call_it(f"{name}: unknown token")
        use(on, name, {"apiToken": UNKNOWN_TOKEN})
    for name in ("spQuerySession", "spDeleteSession"):
        on.tape.call_it(f"{name}: unknown token")
        post(on, name, {"apiToken": UNKNOWN_TOKEN})
    for label, body in (
        ("no token", {}),
        ("an unknown product", {"apiToken": UNKNOWN_TOKEN, "subProduct": "none"}),
        ("an unknown mode", {"apiToken": UNKNOWN_TOKEN, "sessionMode": 30}),
        ("a lifetime of nothing", {"apiToken": UNKNOWN_TOKEN, "expiredInSeconds": 0}),
    ):
        on.tape.call_it(label)
        use(on, "spCreateSession", body)


@scene("Workshop › 7", spends=1)
def text_to_image(on: Set) -> None:
    """A drawing out of words, to its result."""
    task = use(on, "sd_txt2img", DRAWING)
    look_until_over(on, "sd", member(task, "data", "taskId"))


@scene("Workshop › 7", spends=1)
def image_to_image(on: Set) -> None:
    """A drawing out of a picture, to its result."""
    order = {**DRAWING, "init_images": [PICTURE], "denoising_strength": 0.5}
    task = use(on, "sd_img2img", order)
    look_until_over(on, "sd", member(task, "data", "taskId"))


@scene("Workshop › 7", "Workshop › 8", spends=4)
def tasks_refused(on: Set) -> None:
    """Orders that cannot be, and tasks that are not there."""
    on.tape.call_it("sd_txt2img: a width that is no number")
    use(on, "sd_txt2img", {**DRAWING, "width": "wide"})
    on.tape.call_it("sd_img2img: pictures that are no list")
    use(on, "sd_img2img", {**DRAWING, "init_images": 1})
    on.tape.call_it("comfy_prompt: no workflow")
    use(on, "comfy_prompt", {"inputs": {}, "version_id": "v4"})
    on.tape.call_it("comfy_prompt: neither alias nor version")
    use(on, "comfy_prompt", {"workflow_id": WORKFLOW, "inputs": {"prompt": "a cat"}})
    for kind in ("sd", "comfy"):
        for what in ("progress", "result"):
            on.tape.call_it(f"{kind}_get_{what}: unknown task")
            post(on, f"{kind}_get_{what}", {"taskId": UNKNOWN_TASK})
            on.tape.call_it(f"{kind}_get_{what}: no task")
            post(on, f"{kind}_get_{what}", {})


@scene("Workshop › 8.1", "Workshop › 8.2", "Workshop › 8.3", spends=1)
def workflow(on: Set) -> None:
    """A ready-made workflow, to its result."""
    inputs = {"prompt": "a red teapot", "seed": 7, "steps": 10, "cfg": 1.5, "width": 512,
              "height": 512}  # fmt: skip
    order = {"workflow_id": WORKFLOW, "alias_id": None, "version_id": "v4", "inputs": inputs}
    task = use(on, "comfy_prompt", order)
    look_until_over(on, "comfy", member(task, "data", "taskId"))


@scene("Workshop › 8.5")
def file(on: Set) -> None:
    """A temporary file is uploaded and fetched, and one whose kind is not said."""
    asked = {"contentType": "image/png", "originalFilename": "in.png", "size": len(PNG)}
    reserved = member(post(on, "sp_create_temp_file_upload_sign", asked), "data")
    wire = on.workshop.wire
    for label, kind in (("upload", "image/png"), ("upload of another kind", "image/jpeg")):
        on.tape.call_it(label)
        headers = {"content-type": kind}
        wire.send("PUT", reserved["uploadUrl"], auth=None, content=PNG, headers=headers)
    on.tape.call_it("fetch")
    wire.send("GET", reserved["accessUrl"], auth=None)
    on.tape.call_it("nothing said")
    post(on, "sp_create_temp_file_upload_sign", {})


@scene("Workshop › 9")
def pools(on: Set) -> None:
    """The use of resource pools, and a question without a pool."""
    post(on, "query_sp_resource_monitor_data", {"resourceConfigIds": ["default"]})
    on.tape.call_it("no pool")
    post(on, "query_sp_resource_monitor_data", {})


@scene("Workshop › 10", leaves_traces=True)
def model(on: Set) -> None:
    """A model is synchronised, and one of a type that is not known."""
    version = {"modelVersionId": "contract-1.0", "name": "1.0", "baseModel": "v1.5"}
    asked = {"modelId": "contract-1", "name": "contract", "modelType": "checkpoint",
             "sourceType": "civitia", "versions": [version]}  # fmt: skip
    post(on, "spSdModelSync", asked)
    on.tape.call_it("an unknown type")
    post(on, "spSdModelSync", {**asked, "modelType": "none"})
    on.tape.call_it("no members")
    post(on, "spSdModelSync", {})
