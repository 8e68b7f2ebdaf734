"""What a page's call does: the customer is asked and told, the token's use is counted."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from mock_server.tests.workshop.page_users import a_user
from mock_server.tests.workshop.task_calls import LONG
from mock_server.tests.workshop.world import a_world
from mock_server.web.callback_formats import CallbackReply
from mock_server.workshop.event_signature import unseal

URL = "http://127.0.0.1:1/events"
YES = {"success": True}


class Customer:
    """The customer's system, in place of the wire: answers by event, and remembers all of them."""

    def __init__(self, world, **answers):
        self.answers = answers
        self.heard = []
        world.app.dispatcher._send = self._take

    async def _take(self, target, body):
        query = dict(parse_qsl(urlsplit(target.url).query))
        self.heard.append((query, json.loads(body) if body else None))
        answer = self.answers.get(query["bizType"], YES)
        return CallbackReply(200, "", json.dumps(answer).encode())

    @property
    def events(self):
        return [query["bizType"] for query, _ in self.heard]


def listening(**settings):
    return a_world(workshop_event_url=URL, **settings)


async def test_all_events_of_a_generation_have_one_id():
    async with listening() as world:
        user = await a_user(world)
        customer = Customer(world)
        task = await user.draw(prompt="a paper boat")
        await world.advance(LONG)
        await world.deliver()

    queries = [query for query, _ in customer.heard]
    assert customer.events == [
        "apiAccessPreInvoke", "sdPreInvoke", "apiAccessCommit", "sdTaskFinished",
    ]  # fmt: skip
    assert {query["apiId"] for query in queries} == {"sd_txt2img"}
    assert len({query["invokeId"] for query in queries}) == 1
    secret = world.app.settings.event_secret
    assert {unseal(secret, query["apiToken"]) for query in queries} == {user.token}
    assert customer.heard[0][1]["prompt"] == "a paper boat"
    assert set(customer.heard[1][1]["checkpoint"]) == {"modelId", "modelVersionId", "aliasName"}
    assert customer.heard[3][1]["taskId"] == task


@pytest.mark.parametrize(
    ("event", "heard"),
    [
        ("apiAccessPreInvoke", ["apiAccessPreInvoke"]),
        ("sdPreInvoke", ["apiAccessPreInvoke", "sdPreInvoke", "apiAccessRollback"]),
    ],
)
async def test_a_denied_call_makes_nothing_and_shows_the_customers_words(event, heard):
    async with listening() as world:
        user = await a_user(world)
        customer = Customer(world, **{event: {"success": False, "errMessage": "Quota <b>gone</b>"}})
        answer = await user.generate(prompt="x")
        await world.deliver()
        state = await user.state()

    assert answer.status_code == 403
    assert answer.json() == {"problem": "denied", "message": "Quota <b>gone</b>", "field": ""}
    assert (state["tasks"], state["history"]["items"]) == ([], [])
    assert customer.events == heard


async def test_a_call_that_fails_after_it_was_allowed_is_rolled_back():
    async with listening(balance=0, workshop_credits="priced") as world:
        user = await a_user(world)
        customer = Customer(world)
        answer = await user.generate(prompt="x")
        await world.deliver()

    assert (answer.status_code, answer.json()["problem"]) == (402, "credits")
    assert customer.events == ["apiAccessPreInvoke", "sdPreInvoke", "apiAccessRollback"]


async def test_the_customer_is_not_asked_about_an_invalid_form():
    async with listening() as world:
        user = await a_user(world)
        customer = Customer(world)
        await user.generate(prompt="x", steps=0)

    assert customer.heard == []


async def test_a_workflow_asks_only_for_the_call():
    async with listening() as world:
        user = await a_user(world, subProduct="comfyui_api")
        customer = Customer(world)
        form = {"workflow_id": "artistic_characters", "inputs": {"prompt": "a fox"}}
        answer = await user.generate(**form)

    assert answer.status_code == 200
    assert customer.events == ["apiAccessPreInvoke"]
    assert customer.heard[0][0]["apiId"] == "comfy_prompt"


@pytest.mark.parametrize("name", ["text", "message"])
async def test_the_customers_note_is_on_the_page_as_text(name):
    note = "3 of 10 left <script>alert(1)</script>"
    async with listening() as world:
        user = await a_user(world)
        customer = Customer(world, sdImgGenControlConfig={name: note})
        page = await user.open()

    assert customer.events == ["sdImgGenControlConfig"]
    assert "3 of 10 left &lt;script&gt;" in page.text
    assert "<script>alert" not in page.text


@pytest.mark.parametrize("answer", [None, [], {"text": 7}, {"text": None}, "x", {}])
async def test_an_invalid_note_is_not_shown(answer):
    async with listening() as world:
        user = await a_user(world)
        Customer(world, sdImgGenControlConfig=answer)
        page = await user.open()

    assert page.status_code == 200
    assert '<p class="banner" id="note"></p>' in page.text


async def test_a_long_note_is_cut():
    async with listening() as world:
        user = await a_user(world)
        Customer(world, sdImgGenControlConfig={"text": "x" * 100_000})
        page = await user.open()

    assert "x" * 2000 in page.text
    assert "x" * 2001 not in page.text


@pytest.mark.parametrize("most", [1, 3])
async def test_a_token_has_a_limited_number_of_unfinished_tasks(most):
    async with a_world(workshop_page_tasks=most) as world:
        user, other = await a_user(world), await a_user(world)
        for _ in range(most):
            await user.draw()
        refused = await user.generate(prompt="one more")
        elsewhere = await other.generate(prompt="mine")
        await world.advance(LONG)
        later = await user.generate(prompt="one more")

    assert (refused.status_code, refused.json()["problem"]) == (429, "full")
    assert elsewhere.status_code == later.status_code == 200


@pytest.mark.parametrize(("mode", "used"), [(20, True), (10, False)])
async def test_work_is_counted_if_the_session_meters_work(mode, used):
    async with a_world() as world:
        user = await a_user(world, sessionMode=mode)
        await user.finished()
        token = await world.data("/scc/spQueryToken", {"apiToken": user.token})

    assert (token["usedSessionTimeInSeconds"] > 0) is used


async def test_a_task_runs_in_the_pool_of_its_session():
    async with a_world() as world:
        user = await a_user(world, customResourceConfigId="pool-7")
        await user.draw()
        body = {"resourceConfigIds": ["pool-7"], "subProduct": "sd_webui"}
        (pool,) = await world.data("/scc/query_sp_resource_monitor_data", body)

    assert pool["monitorData"][0]["utilizationRatio"] > 0


async def test_a_full_pool_refuses_with_a_sentence():
    async with a_world(workshop_pool_limit=0.5, workshop_pool_capacity=1) as world:
        user = await a_user(world, customResourceConfigId="pool-7")
        await user.draw()
        answer = await user.generate(prompt="x")

    assert (answer.status_code, answer.json()["problem"]) == (409, "refused")
    assert answer.json()["message"]


# Workflows


async def test_a_workflow_goes_from_node_to_node_and_gives_out_its_fields():
    nodes: list[str] = []
    async with a_world() as world:
        user = await a_user(world, subProduct="comfyui_api")
        listed = (await user.get("workflows")).json()["workflows"]
        caption = next(each for each in listed if each["id"].endswith("3"))
        version = caption["versions"][caption["aliases"]["main"]]
        form = {"workflow_id": caption["id"], "inputs": {"prompt": "a teapot"}}
        assert (await user.generate(**form)).status_code == 200
        while tasks := (await user.state())["tasks"]:
            nodes += [each["node"] for each in tasks if each["node"] not in nodes[-1:]]
            await world.advance(0.05)
        (item,) = (await user.state())["history"]["items"]
        pictures = [
            (await user.get(each["path"])).status_code for each in item["outputs"] if "path" in each
        ]

    labels = [node["label"] for node in version["nodes"]]
    assert "KSampler" in nodes
    assert [each for each in labels if each in nodes] == list(dict.fromkeys(filter(None, nodes)))
    assert {each["kind"] for each in item["outputs"]} == {"text", "image"}
    assert set(pictures) == {200}
    assert item["workflow"] == caption["id"]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"inputs": {}}, "workflow_id"),
        ({"workflow_id": "", "inputs": {}}, "workflow_id"),
        ({"workflow_id": "artistic_characters", "inputs": []}, "inputs"),
        ({"workflow_id": "artistic_characters", "inputs": {}}, "inputs.prompt"),
        (
            {"workflow_id": "artistic_characters", "inputs": {"prompt": "x", "denoise": 2}},
            "inputs.denoise",
        ),
    ],
)
async def test_an_invalid_input_is_refused_with_its_field(form, field):
    async with a_world() as world:
        user = await a_user(world, subProduct="comfyui_api")
        answer = await user.generate(**form)

    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_each_page_shows_the_tasks_of_its_token_in_progress():
    async with a_world() as world:
        drawing = await a_user(world)
        running = await a_user(world, drawing.token, subProduct="comfyui_api")
        drawn = await drawing.draw()
        run = await running.draw(workflow_id="artistic_characters", inputs={"prompt": "a fox"})
        seen = [
            [each["id"] for each in (await page.state())["tasks"]] for page in (drawing, running)
        ]

    assert seen == [[drawn, run]] * 2
