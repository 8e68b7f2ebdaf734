"""A walk through both vendors' APIs, by the ready-made account: what each call is answered.

Its clock stands until the walk moves it, so that two walks through equal mocks are equal.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx

from mock_server.app import App, create_app
from mock_server.settings import Settings
from mock_server.tests.tams.graphs import example
from mock_server.tests.tams.graphs import text_to_image as graph
from mock_server.tests.tams.signing import send
from mock_server.tests.tams.world import BEARER, NOW, ORIGIN, text_to_image
from mock_server.tests.workshop.signing import KEY, a_request, signed
from mock_server.tests.workshop.task_calls import PICTURE, prompt_of
from mock_server.web.wall import wall

ACCOUNT = "http://127.0.0.1/_mock/accounts/default"
CALLBACKS = "http://127.0.0.1/_mock/callbacks"
ANIME = "676018193025756628"
MODEL = "600423083519508503"


class Tour:
    """One walk. `answers` are status, headers and body of each call, in their order."""

    def __init__(self, app: App, http: httpx.AsyncClient) -> None:
        self.app = app
        self.http = http
        self.answers: list[Any] = []
        self.calls = 0

    async def walk(self) -> list[Any]:
        await self._models_and_refusals()
        await self._jobs()
        await self._graphs()
        await self._uploads()
        await self._gateway()
        await self._tasks()
        await self._sessions()
        await self._callbacks()
        return self.answers

    async def _call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Make a call of TAMS; return what it answers if that is an object, else {}."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"x-mock-request-id": "1", **more.pop("headers", BEARER)}
        answer = await self.http.request(method, path, content=content, headers=headers, **more)
        shown = {name: text for name, text in answer.headers.items() if name in _COMPARED}
        self.answers.append((method, path, answer.status_code, shown, answer.content))
        try:
            found = answer.json()
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    async def _scc(self, name: str, body: Any, **headers: str | None) -> Any:
        """Make a signed call of the Workshop; return the data of its envelope."""
        self.calls += 1
        path, content = f"/scc/{name}", json.dumps(body).encode()
        usual: dict[str, str | None] = {
            "x_ca_timestamp": str(int(wall() * 1000)),
            "x_ca_nonce": f"n-{self.calls}",
        }
        request = signed(a_request("POST", path, content).having(**usual | headers))
        found = await self._call("POST", path, content, headers=dict(request.headers))
        return found.get("data") or {}

    async def _advance(self, seconds: float) -> None:
        now = wall()
        await self.app.accounts.advance(None, now, lambda clock: clock.advanced(now, seconds))

    async def _models_and_refusals(self) -> None:
        await self._call("GET", f"/v1/models/{MODEL}")
        await self._call("GET", "/v1/models/1")
        await self._call("GET", "/v1/jobs/1")
        await self._call("DELETE", "/v1/jobs/1")
        await self._call("GET", "/v1/jobs/1", headers={"authorization": "bearer mock-token-0001"})
        for key in (0, 3):
            sent = send("GET", b"/v1/jobs/1", b"", timestamp="1700000000", key=key)
            for _ in range(2):
                header = {"authorization": sent.authorization.decode()}
                await self._call("GET", "/v1/jobs/1", headers=header)
        await self._call("POST", "/v1/jobs", b"{")

    async def _jobs(self) -> None:
        changes: list[dict[str, Any]] = [
            {},
            {"width": 500},
            {"sampler": None, "sdVae": None},
            {"sampler": "nobody's"},
            {"steps": 5},
            {"cfgScale": 33},
            {"cfgScale": 99},
            {"sdModel": "1"},
            {"sdModel": "619225630271212879"},
            {"widht": 3},
            {"width": 512, "Width": 512, "cfg_scale": 7},
            {"width": 4096, "height": 4096},
        ]
        made = []
        for number, each in enumerate(changes):
            body = text_to_image(f"r-{number}", **each)
            await self._call("POST", "/v1/jobs/credits", {"stages": body["stages"]})
            made.append(await self._call("POST", "/v1/jobs", body))
            await self._advance(0.1)
        ids = [each["job"]["id"] for each in made if "job" in each]
        for body in (
            text_to_image("r-0"),
            text_to_image("r-0", steps=20),
            text_to_image("", steps=20),
            text_to_image("c", count=9),
            text_to_image("s", seed=2**40),
            text_to_image("i") | {"notifyUrl": "http://127.0.0.1:9/told"},
        ):
            await self._call("POST", "/v1/jobs", body)
        missing = text_to_image("m")
        missing["stages"][0]["inputInitialize"]["imageResourceId"] = "nothing"
        await self._call("POST", "/v1/jobs", missing)
        for id in ids:
            await self._call("GET", f"/v1/jobs/{id}")
        for _ in range(4):
            await self._advance(1.5)
            for id in ids:
                await self._call("GET", f"/v1/jobs/{id}")
        await self._call("DELETE", f"/v1/jobs/{ids[-1]}")
        await self._call("GET", f"/v1/jobs/{ids[-1]}")
        await self._advance(100)
        urls = []
        for id in ids:
            job = (await self._call("GET", f"/v1/jobs/{id}")).get("job", {})
            urls += [each["url"] for each in job.get("successInfo", {}).get("images", ())]
        for url in urls[:2]:
            await self._call("GET", url)
        await self._call("DELETE", f"/v1/jobs/{ids[0]}")
        await self._call("POST", "/v1/jobs", text_to_image("r-0"))
        await self._advance(2000)
        for url in urls[:1]:
            await self._call("GET", url)
        await self._call("GET", f"/v1/jobs/{ids[0]}")

    async def _graphs(self) -> None:
        unknown = graph(n99={"classType": "Nobodys", "inputs": {}})
        broken = graph(n99={"classType": "KSampler", "inputs": {"seed": "x"}})
        for params in (graph(), unknown, broken):
            await self._call("POST", "/v1/jobs/workflow/params/check", {"params": params})
        told = {"params": graph(), "runningNotifyUrl": "http://127.0.0.1:9/run"}
        job = (await self._call("POST", "/v1/jobs/workflow", told)).get("job", {})
        for _ in range(5):
            await self._advance(1)
            await self._call("GET", f"/v1/jobs/{job.get('id', 1)}")
        for template in (ANIME, "123"):
            await self._call("GET", f"/v1/workflows/{template}")
        body = json.loads(example("template-check")["request"]["rawBody"])
        fields = body["fields"]["fieldAttrs"]
        more = [*fields, {"nodeId": "77", "fieldName": "x", "fieldValue": "1"}]
        for sent in (fields, fields[1:], more):
            filled = {**body, "fields": {"fieldAttrs": sent}}
            await self._call("POST", "/v1/workflows/template/check", filled)
            await self._call("POST", "/v1/jobs/workflow/template", filled)

    async def _uploads(self) -> None:
        place: Any = {}
        for body in ({"expireSec": 60}, {"expireSec": "undefined"}, {"term": 1}, {}):
            place = await self._call("POST", "/v1/resource/image", body) or place
        headers = place.get("headers", {})
        url = place.get("putUrl", "/nothing")
        await self._call("PUT", url, b"", headers=headers)
        for _ in range(2):
            await self._call("PUT", url, PICTURE, headers=headers)
        await self._call("POST", "/v1/resource/image/sts", {"term": 1})
        picture = {"resourceId": place.get("resourceId", "")}
        await self._call("POST", "/v1/img2prompt", picture)
        canny = picture | {"controlnetModule": "canny"}
        found = await self._call("POST", "/v1/controlnet/detect", canny)
        if url := found.get("result", {}).get("url"):
            await self._call("GET", url)
        await self._call("POST", "/v1/controlnet/detect", picture | {"controlnetModule": "odd"})
        await self._advance(4000)
        await self._call("PUT", place.get("putUrl", "/nothing"), PICTURE, headers=headers)
        await self._advance(8 * 86_400)
        await self._call("POST", "/v1/img2prompt", picture)

    async def _gateway(self) -> None:
        query = {"apiToken": "nothing"}
        old = str(int((wall() - 1000) * 1000))
        await self._scc("spQueryToken", query)
        await self._scc("spQueryToken", query, x_ca_nonce="n-1")
        await self._scc("spQueryToken", query, x_ca_nonce=None)
        await self._scc("spQueryToken", query, x_ca_timestamp=old)
        await self._scc("spQueryToken", query, x_ca_timestamp=str(int(NOW * 1000)))
        await self._scc("spQueryToken", query, x_ca_timestamp=None)
        await self._scc("spQueryToken", query, x_ca_stage="DREAM")
        await self._scc("spQueryToken", query, x_ca_signature_headers=None)
        await self._scc("spQueryToken", query, content_md5="AAAAAAAAAAAAAAAAAAAAAA==")
        await self._call("POST", "/scc/spQueryToken", query, headers={"x-ca-key": KEY})
        request = signed(
            a_request("POST", "/scc/spQueryToken", b"{", x_ca_timestamp=str(int(wall() * 1000)))
        )
        await self._call("POST", "/scc/spQueryToken", b"{", headers=dict(request.headers))

    async def _tasks(self) -> None:
        boat = {"prompt": "a boat"}
        tasks = []
        for body in (
            boat,
            boat | {"widht": 3},
            boat | {"width": 9000},
            boat | {"steps": 170},
            boat | {"batch_size": 3, "width": "512"},
            boat | {"stable_diffusion_model": "mine.safetensors"},
            {"prompt": "b" * 300},
        ):
            tasks.append((await self._scc("sd_txt2img", body)).get("taskId"))
        await self._scc("sd_img2img", {"prompt": "a boat", "init_images": []})
        workflow = prompt_of()
        tasks.append((await self._scc("comfy_prompt", workflow)).get("taskId"))
        both = workflow | {"version_id": "1"}
        for body in (both, prompt_of("01key7y1m0unknown000000000")):
            await self._scc("comfy_prompt", body)
        known = [task for task in tasks if task]
        for _ in range(3):
            for task in known:
                await self._scc("sd_get_progress", {"taskId": task})
            await self._scc("sd_get_result", {"taskId": known[-1] if known else "1"})
            await self._advance(2)
        await self._advance(1000)
        for task in known:
            images = (await self._scc("sd_get_result", {"taskId": task})).get("images") or ()
            for url in images[:1]:
                await self._call("GET", _path(url))
                await self._advance(5000)
                await self._call("GET", _path(url))
        pools = {"resourceConfigIds": ["a"]}
        await self._scc("query_sp_resource_monitor_data", pools)
        model = {"modelId": "m", "name": "M", "modelType": "checkpoint", "sourceType": "internal"}
        await self._scc("spSdModelSync", model)
        wanted = {"contentType": "image/png", "originalFilename": "a.png"}
        place = await self._scc("sp_create_temp_file_upload_sign", wanted)
        if url := place.get("uploadUrl"):
            await self._advance(30)
            await self._call("PUT", _path(url), PICTURE, headers={"content-type": "image/png"})
            await self._call("GET", _path(place["accessUrl"]))
            await self._advance(100_000)
            await self._call("GET", _path(place["accessUrl"]))
        await self._scc("sd_get_result", {"taskId": known[0] if known else "1"})

    async def _sessions(self) -> None:
        later = int((await self.app.accounts.now(None, wall()) + 500) * 1000)
        for body in (
            {"name": "Ann"},
            {"name": "Ann"},
            {"name": "n" * 200},
            {"tokenExpiredAt": 1},
            {"tokenExpiredAt": 1_700_000_000_000},
            {"sceneRoleId": "painter"},
        ):
            await self._scc("allocate_token", body)
        token = (await self._scc("allocate_token", {"tokenExpiredAt": later})).get("apiToken")
        named = {"apiToken": token}
        await self._scc("sp_put_user_state", named | {"stableDiffusionModel": "x"})
        await self._scc("sp_put_user_state", named | {"stableDiffusionModel": ""})
        for call in ("spQuerySession", "spDeleteSession", "spRefreshSession"):
            await self._scc(call, named)
        for body in (
            named,
            named | {"expiredInSeconds": "100"},
            named | {"expiredInSeconds": 700_000},
            named | {"gadgetId": "g", "roleId": "painter"},
            named | {"customResourceConfigId": "a,b"},
            named | {"sessionMode": 20, "subProduct": "comfyui_api"},
        ):
            await self._scc("spCreateSession", body)
            await self._advance(1)
        await self._scc("spRefreshOrCreateSession", named | {"sessionMode": 20})
        await self._scc("spRefreshSession", named)
        url = _path((await self._scc("spQuerySession", named)).get("sessionUrl", "/nothing"))
        await self._call("GET", url, headers={"accept": "text/html"})
        await self._call("GET", f"{url}/state", headers={})
        form = {
            "origin": ORIGIN,
            "sec-fetch-site": "same-origin",
            "content-type": "application/json",
        }
        for _ in range(6):
            await self._call("POST", f"{url}/generate", {"prompt": "a kite"}, headers=form)
        await self._call("GET", f"{url}/state", headers={})
        await self._scc("spQueryToken", named)
        await self._scc("spDeleteSession", named)
        await self._advance(600)
        await self._call("GET", f"{url}/state", headers={})
        await self._scc("spCreateSession", named)
        await self._scc("spQueryToken", named)

    async def _callbacks(self) -> None:
        await self._advance(10)
        await self.app.dispatcher.deliver_due("default")
        answer = await self.http.get(f"{CALLBACKS}?limit=1000")
        for each in answer.json()["callbacks"]:
            told = (await self.http.get(f"{CALLBACKS}/{each['id']}")).json()
            tries = len(told["attempts"])
            self.answers.append((told["topic"], told["state"], tries, told["payload"]))


_COMPARED = {
    "content-type",
    "retry-after",
    "allow",
    "content-security-policy",
    "x-frame-options",
    "x-ca-error-message",
    "x-ca-error-code",
    "x-mock-remark",
}


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def walked(own: dict[str, Any], **server: Any) -> list[Any]:
    """Walk through a mock whose server, or whose account, has settings."""
    chosen = {"clock_start": NOW, "clock_rate": 0, "rate_limit": "off", "balance": 100_000}
    app = create_app(Settings.model_validate(chosen | server))
    await app.open(wall())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        changed = await http.patch(f"{ACCOUNT}/settings", json=own)
        assert changed.is_success, changed.text
        answers = await Tour(app, http).walk()
    await app.close()
    return answers
