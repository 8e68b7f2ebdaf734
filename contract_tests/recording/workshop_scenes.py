"""The scenes of the Workshop: every operation, taken and refused, and the gateway in front."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from contract_tests.answers import ReceivedAnswer
from contract_tests.clients.workshop_answers import TASK_ENDS
from contract_tests.recording.scenes import SceneContext, SceneRegistry, member
from contract_tests.recording.tams_scenes import PNG
from contract_tests.signing import WorkshopSignature

scene = SceneRegistry("workshop")

UNKNOWN_TOKEN = "01aaaaaaaa"  # noqa: S105 - it opens nothing
UNKNOWN_TASK = "01aaaaaaaaaaaaaaaaaaaaaaaa"
WORKFLOW = "artistic_characters"  # `Workshop › 8.1`: ready-made, documented with its inputs
DRAWING = {
    "prompt": "a red teapot on white", "negtive_prompt": "blurry", "batch_size": 1, "steps": 10,
    "cfg_scale": 7, "width": 512, "height": 512, "sampler_name": "Euler a", "seed": 7,
}  # fmt: skip
PICTURE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@dataclass(frozen=True)
class ChangedHeader(httpx.Auth):
    """Signs a request correctly, and then changes one header."""

    signer: httpx.Auth | None
    change: Callable[[httpx.Headers], None]

    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Any:
        """Sign the request and change it."""
        if self.signer is not None:
            next(self.signer.auth_flow(request))
        self.change(request.headers)
        yield request


def post(context: SceneContext, name: str, body: Any, **options: Any) -> ReceivedAnswer:
    """Post a body to an operation that costs nothing."""
    return context.workshop.call("POST", f"/scc/{name}", json=body, checked=False, **options)


def use(context: SceneContext, name: str, body: Any) -> ReceivedAnswer:
    """Post a body to an operation that counts as one use."""
    return post(context, name, body, reservation=context.one_use())


def a_token(context: SceneContext) -> str:
    """Make a token."""
    return str(member(post(context, "allocate_token", {}), "data", "apiToken"))


def look_until_over(context: SceneContext, kind: str, task_id: str) -> None:
    """Record a task while it waits, while it runs and when it is over; then fetch its result."""
    asked = {"taskId": task_id}
    for state in ("waiting", "running", "over"):
        states = TASK_ENDS if state == "over" else (state, *TASK_ENDS)
        found = context.until(
            lambda: post(context, f"{kind}_get_progress", asked),
            lambda body, states=states: member(body, "data", "status") in states,  # type: ignore[misc]
        )
        passing = state != "over"
        if not passing or member(found, "data", "status") == state:
            context.transcript.keep_last(f"progress when {state}", passing=passing)
    post(context, f"{kind}_get_result", asked)


@scene("Workshop › 3.2", "Workshop › 3.4")
def gateway(context: SceneContext) -> None:
    """What the gateway refuses before the service is asked."""
    asked = {"apiToken": UNKNOWN_TOKEN}
    context.transcript.name_next("no credentials")
    post(context, "spQueryToken", asked, auth=None)
    context.transcript.name_next("an unknown key")
    post(context, "spQueryToken", asked, auth=WorkshopSignature("100000001", "no secret"))
    for label, name, value in (
        ("a signature that is wrong", "x-ca-signature", base64.b64encode(bytes(32)).decode()),
        ("a timestamp that is old", "x-ca-timestamp", "1500000000000"),
        ("a digest that is wrong", "content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("an unknown algorithm", "x-ca-signature-method", "HmacMD5"),
    ):
        context.transcript.name_next(label)
        post(context, "spQueryToken", asked, auth=ChangedHeader(context.key, _changed(name, value)))
    context.transcript.name_next("a path that is not there")
    post(context, "no_such_operation", {})
    context.transcript.name_next("a method that is not there")
    context.workshop.call("GET", "/scc/spQueryToken", checked=False)


def _changed(name: str, value: str) -> Callable[[httpx.Headers], None]:
    return lambda headers: headers.__setitem__(name, value)


@scene("Workshop › 5.1", "Workshop › 5.2", "Workshop › 5.3", leaves_traces=True)
def tokens(context: SceneContext) -> None:
    """A token is made, looked up and changed."""
    context.transcript.name_next("nothing asked for")
    post(context, "allocate_token", {})
    expiry = int((context.clock.now() + 86_400) * 1000)
    asked = {"name": "contract", "tokenExpiredAt": expiry, "sceneRoleId": "role-1"}
    token = member(post(context, "allocate_token", asked), "data", "apiToken")
    post(context, "spQueryToken", {"apiToken": token})
    post(context, "sp_put_user_state", {"apiToken": token, "sdVae": "Automatic"})


@scene("Workshop › 5.1", "Workshop › 5.2", "Workshop › 5.3")
def tokens_refused(context: SceneContext) -> None:
    """Tokens that cannot be made, and calls without a token or with one that is unknown."""
    context.transcript.name_next("an expiry in the past")
    post(context, "allocate_token", {"tokenExpiredAt": 1_500_000_000_000})
    for name in ("spQueryToken", "sp_put_user_state"):
        for label, body in (("unknown token", {"apiToken": UNKNOWN_TOKEN}), ("no token", {})):
            context.transcript.name_next(f"{name}: {label}")
            post(context, name, body)
    context.transcript.name_next("broken JSON")
    context.workshop.call(
        "POST", "/scc/spQueryToken", content="{", checked=False,
        headers={"content-type": "application/json"},
    )  # fmt: skip


@scene("Workshop › 6.1", "Workshop › 6.4", spends=4, leaves_traces=True)
def session(context: SceneContext) -> None:
    """A session from its creation to its end."""
    asked = {"apiToken": a_token(context), "subProduct": "sd_webui"}
    use(context, "spCreateSession", {**asked, "expiredInSeconds": 600})
    context.clock.let_pass(60)
    post(context, "spQuerySession", asked)
    use(context, "spRefreshSession", {**asked, "expiredInSeconds": 600})
    use(context, "spRefreshOrCreateSession", {**asked, "expiredInSeconds": 600})
    context.transcript.name_next("create while it lives")
    use(context, "spCreateSession", {**asked, "expiredInSeconds": 600})
    post(context, "spDeleteSession", asked)


@scene("Workshop › 6.4", spends=2, leaves_traces=True)
def no_session(context: SceneContext) -> None:
    """What is asked of a session that is not there; then it is opened by the one that may."""
    asked = {"apiToken": a_token(context)}
    post(context, "spQuerySession", asked)
    post(context, "spDeleteSession", asked)
    use(context, "spRefreshSession", asked)
    context.transcript.name_next("opened in mode 20")
    more = {"sessionMode": 20, "subProduct": "comfyui_api"}
    use(context, "spRefreshOrCreateSession", {**asked, **more})
    with context.transcript.paused():
        post(context, "spDeleteSession", {**asked, "subProduct": "comfyui_api"})


@scene("Workshop › 6.2", spends=7)
def sessions_refused(context: SceneContext) -> None:
    """Sessions of unknown tokens, and with members that cannot be."""
    for name in ("spCreateSession", "spRefreshOrCreateSession", "spRefreshSession"):
        context.transcript.name_next(f"{name}: unknown token")
        use(context, name, {"apiToken": UNKNOWN_TOKEN})
    for name in ("spQuerySession", "spDeleteSession"):
        context.transcript.name_next(f"{name}: unknown token")
        post(context, name, {"apiToken": UNKNOWN_TOKEN})
    for label, body in (
        ("no token", {}),
        ("an unknown product", {"apiToken": UNKNOWN_TOKEN, "subProduct": "none"}),
        ("an unknown mode", {"apiToken": UNKNOWN_TOKEN, "sessionMode": 30}),
        ("a lifetime of nothing", {"apiToken": UNKNOWN_TOKEN, "expiredInSeconds": 0}),
    ):
        context.transcript.name_next(label)
        use(context, "spCreateSession", body)


@scene("Workshop › 7", spends=1)
def text_to_image(context: SceneContext) -> None:
    """A drawing out of words, to its result."""
    task = use(context, "sd_txt2img", DRAWING)
    look_until_over(context, "sd", member(task, "data", "taskId"))


@scene("Workshop › 7", spends=1)
def image_to_image(context: SceneContext) -> None:
    """A drawing out of a picture, to its result."""
    order = {**DRAWING, "init_images": [PICTURE], "denoising_strength": 0.5}
    task = use(context, "sd_img2img", order)
    look_until_over(context, "sd", member(task, "data", "taskId"))


@scene("Workshop › 7", "Workshop › 8", spends=4)
def tasks_refused(context: SceneContext) -> None:
    """Orders that cannot be, and tasks that are not there."""
    context.transcript.name_next("sd_txt2img: a width that is no number")
    use(context, "sd_txt2img", {**DRAWING, "width": "wide"})
    context.transcript.name_next("sd_img2img: pictures that are no list")
    use(context, "sd_img2img", {**DRAWING, "init_images": 1})
    context.transcript.name_next("comfy_prompt: no workflow")
    use(context, "comfy_prompt", {"inputs": {}, "version_id": "v4"})
    context.transcript.name_next("comfy_prompt: neither alias nor version")
    use(context, "comfy_prompt", {"workflow_id": WORKFLOW, "inputs": {"prompt": "a cat"}})
    for kind in ("sd", "comfy"):
        for what in ("progress", "result"):
            context.transcript.name_next(f"{kind}_get_{what}: unknown task")
            post(context, f"{kind}_get_{what}", {"taskId": UNKNOWN_TASK})
            context.transcript.name_next(f"{kind}_get_{what}: no task")
            post(context, f"{kind}_get_{what}", {})


@scene("Workshop › 8.1", "Workshop › 8.2", "Workshop › 8.3", spends=1)
def workflow(context: SceneContext) -> None:
    """A preset workflow, to its result."""
    inputs = {"prompt": "a red teapot", "seed": 7, "steps": 10, "cfg": 1.5, "width": 512,
              "height": 512}  # fmt: skip
    order = {"workflow_id": WORKFLOW, "alias_id": None, "version_id": "v4", "inputs": inputs}
    task = use(context, "comfy_prompt", order)
    look_until_over(context, "comfy", member(task, "data", "taskId"))


@scene("Workshop › 8.5")
def file(context: SceneContext) -> None:
    """A temporary file is uploaded and fetched, and one whose kind is not said."""
    asked = {"contentType": "image/png", "originalFilename": "in.png", "size": len(PNG)}
    reserved = member(post(context, "sp_create_temp_file_upload_sign", asked), "data")
    wire = context.workshop.wire
    for label, kind in (("upload", "image/png"), ("upload of another kind", "image/jpeg")):
        context.transcript.name_next(label)
        headers = {"content-type": kind}
        wire.send("PUT", reserved["uploadUrl"], auth=None, content=PNG, headers=headers)
    context.transcript.name_next("fetch")
    wire.send("GET", reserved["accessUrl"], auth=None)
    context.transcript.name_next("nothing said")
    post(context, "sp_create_temp_file_upload_sign", {})


@scene("Workshop › 9")
def pools(context: SceneContext) -> None:
    """The use of resource pools, and a question without a pool."""
    post(context, "query_sp_resource_monitor_data", {"resourceConfigIds": ["default"]})
    context.transcript.name_next("no pool")
    post(context, "query_sp_resource_monitor_data", {})


@scene("Workshop › 10", leaves_traces=True)
def model(context: SceneContext) -> None:
    """A model is synchronised, and one of a type that is not known."""
    version = {"modelVersionId": "contract-1.0", "name": "1.0", "baseModel": "v1.5"}
    asked = {"modelId": "contract-1", "name": "contract", "modelType": "checkpoint",
             "sourceType": "civitia", "versions": [version]}  # fmt: skip
    post(context, "spSdModelSync", asked)
    context.transcript.name_next("an unknown type")
    post(context, "spSdModelSync", {**asked, "modelType": "none"})
    context.transcript.name_next("no members")
    post(context, "spSdModelSync", {})
