"""A client cannot tell a mock from another one that loaded its state, whatever happened before."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.app import App, create_app
from mock_server.core.accounts import LimitMode
from mock_server.settings import Settings
from mock_server.tests.tams.world import BEARER, NOW, text_to_image
from mock_server.tests.workshop.task_calls import PICTURE, prompt_of
from mock_server.web.wall import wall
from mock_server.workshop.settings import WorkshopSettings

ORIGIN = "http://127.0.0.1:8080"
DATA_URI = "data:image/png;base64," + b64encode(PICTURE).decode()

Step = tuple[str, str, Any]


def new_app() -> App:
    return create_app(
        Settings(
            clock_start=NOW,
            clock_rate=0,
            qps=3,
            slots=1,
            keep_jobs=4,
            keep_uploads=3,
            rate_limit=LimitMode.ON,
            balance=Decimal(20),
            workshop=WorkshopSettings(signature_check="off", credits="priced"),
        )
    )


class Client:
    """A client of one app that remembers the ids that answers have, in order."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.jobs: list[str] = []
        self.tokens: list[str] = []
        self.uploads: list[str] = []

    async def open(self) -> None:
        if await self.app.accounts.get("default") is None:
            await self.app.open(wall())
        transport = httpx.ASGITransport(app=self.app)
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=BEARER)

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        answer = await self.http.request(method, path, json=body)
        found = answer.json() if answer.content.startswith(b"{") else {"content": answer.content}
        found.pop("apiInvokeId", None)  # It is that of the exchange.
        return answer.status_code, found

    def moved(self, app: App) -> Client:
        other = Client(app)
        other.jobs, other.tokens, other.uploads = [*self.jobs], [*self.tokens], [*self.uploads]
        return other

    # What histories are made of; `n` chooses among what there is

    async def submit(self, n: int) -> Any:
        body = text_to_image(f"r{n % 5}" if n % 2 else None, count=1 + n % 2, seed=n)
        if self.uploads and n % 3 == 0:
            body["stages"][0]["inputInitialize"] |= {
                "imageResourceId": self.uploads[n % len(self.uploads)]
            }
        answer = await self.call("POST", "/v1/jobs", body)
        if answer[0] == 200:
            self.jobs.append(answer[1]["job"]["id"])
        return answer

    async def task(self, n: int) -> Any:
        if n % 3 == 0:
            answer = await self.call("POST", "/scc/comfy_prompt", prompt_of())
        elif n % 3 == 1:
            body = {"prompt": "a boat", "init_images": [DATA_URI], "seed": n}
            answer = await self.call("POST", "/scc/sd_img2img", body)
        else:
            answer = await self.call("POST", "/scc/sd_txt2img", {"prompt": "a boat", "seed": n})
        if (data := answer[1].get("data")) is not None:
            self.jobs.append(data["taskId"])
        return answer

    async def upload(self, n: int) -> Any:
        status, place = await self.call("POST", "/v1/resource/image", {"expireSec": 30 + n})
        if status != 200:
            return status, place
        self.uploads.append(place["resourceId"])
        if n % 2:
            put = await self.http.put(place["putUrl"], content=PICTURE, headers=place["headers"])
            return place, put.status_code
        return place

    async def token(self, n: int) -> Any:
        answer = await self.call("POST", "/scc/allocate_token", {"name": f"user {n}"})
        if (data := answer[1].get("data")) is not None:
            self.tokens.append(data["apiToken"])
        return answer

    async def session(self, n: int) -> Any:
        if not self.tokens:
            return None
        token = self.tokens[n % len(self.tokens)]
        name = ("spCreateSession", "spQuerySession", "spDeleteSession", "spQueryToken")[n % 4]
        return await self.call(
            "POST", f"/scc/{name}", {"apiToken": token, "subProduct": "sd_webui"}
        )

    async def look(self, n: int) -> Any:
        if not self.jobs:
            return None
        id = self.jobs[n % len(self.jobs)]
        if id.isdigit():
            return await self.call("GET", f"/v1/jobs/{id}")
        return await self.call("POST", "/scc/sd_get_progress", {"taskId": id})

    async def end(self, n: int) -> Any:
        if not self.jobs:
            return None
        id, how = self.jobs[n % len(self.jobs)], ("cancel", "complete", "fail")[n % 3]
        if how == "cancel" and id.isdigit():
            return await self.call("POST", f"/v1/jobs/{id}/cancel", {})
        return await self.call("POST", f"/_mock/jobs/{id}/{how.replace('cancel', 'fail')}")

    async def pass_time(self, n: int) -> Any:
        return await self.call("POST", "/_mock/clock/advance", {"seconds": n / 4})

    async def own_clock(self, n: int) -> Any:
        return await self.call("PUT", "/_mock/clock?account=default", {"rate": 0})

    async def money(self, n: int) -> Any:
        body = {"topUp": n - 5, "reason": "a test"} if n % 2 else {"balance": n}
        return await self.call("PUT", "/_mock/accounts/default/balance", body)

    async def fault(self, n: int) -> Any:
        fault = {"kind": "status", "status": 503} if n % 2 else {"kind": "plan", "runs": n}
        rule: dict[str, Any] = {"fault": fault, "match": {"chance": 0.5, "method": "POST"}}
        if n % 2:
            rule["account"] = "default"
        return await self.call("POST", "/_mock/faults", rule)

    async def settings(self, n: int) -> Any:
        changes = (
            {"progress": "manual"},
            {"progress": None},
            {"slots": n or 1},
            {"retry_after": n},
        )
        return await self.call("PATCH", "/_mock/accounts/default/settings", changes[n % 4])

    async def plan(self, n: int) -> Any:
        if not self.jobs:
            return None
        changes = ({"wait": "forever"}, {"loseAt": 0.5, "times": 2}, {"failAt": 0.9}, {"factor": n})
        path = f"/_mock/jobs/{self.jobs[n % len(self.jobs)]}/plan"
        return await self.call("PATCH", path, changes[n % 4])

    async def scenario(self, n: int) -> Any:
        names = ("credits-gone-in-mid-batch", "service-down-for-a-minute")
        path = f"/_mock/scenarios/{names[n % 2]}/{'start' if n % 3 else 'stop'}"
        return await self.call("POST", path)

    async def rotate(self, n: int) -> Any:
        body = {"appKey": True, "publicKey": True}
        return await self.call("POST", "/_mock/accounts/default/credentials/rotate", body)

    async def new_account(self, n: int) -> Any:
        return await self.call(
            "POST", "/_mock/accounts", {"clock": {"rate": 0, "start": NOW}} if n % 2 else {}
        )

    async def reset(self, n: int) -> Any:
        parts = ("jobs", "credits", "uploads", "limits", "faults", "tokens", "nonces")
        return await self.call("POST", f"/_mock/reset?account=default&only={parts[n % 7]}")

    async def see(self) -> dict[str, Any]:
        """Return all that can be seen."""
        paths = [
            "accounts", "accounts/default", "accounts/default/ledger", "accounts/default/limits",
            "jobs", "faults", "callbacks", "clock", "clock?account=default", "tokens",
        ]  # fmt: skip
        return {path: await self.call("GET", f"/_mock/{path}") for path in paths}


MOVES: tuple[Callable[[Client, int], Any], ...] = (
    Client.submit, Client.submit, Client.task, Client.task, Client.upload, Client.token,
    Client.session, Client.look, Client.end, Client.pass_time, Client.pass_time, Client.own_clock,
    Client.money, Client.fault, Client.settings, Client.plan, Client.plan,
    Client.scenario, Client.rotate, Client.new_account, Client.reset,
)  # fmt: skip
histories = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 40)), max_size=14)


@settings(max_examples=20)
@given(before=histories, after=histories)
def test_every_later_answer_is_the_same(before, after):
    async def check() -> None:
        client = Client(new_app())
        await client.open()
        for move, n in before:
            await move(client, n)
        saved = (await client.http.get("/_mock/state")).content

        other = client.moved(new_app())
        await other.open()
        loaded = await other.http.put("/_mock/state", content=saved)
        assert loaded.status_code == 200, loaded.text
        assert await state_of(other) == await state_of(client)
        assert await other.see() == await client.see()
        for move, n in after:
            assert await move(other, n) == await move(client, n), (move.__name__, n)
        assert await other.see() == await client.see()
        for each in (client, other):
            await each.http.aclose()
            await each.app.close()

    asyncio.run(check())


async def state_of(client: Client) -> Any:
    """Return a state without what is another one in each server: wall time and incarnations."""
    _, state = await client.call("GET", "/_mock/state")

    def common(value: Any) -> Any:
        if isinstance(value, dict):
            own = ("wall_anchor", "incarnation")
            return {name: common(each) for name, each in value.items() if name not in own}
        return [common(each) for each in value] if isinstance(value, list) else value

    return common(state)
