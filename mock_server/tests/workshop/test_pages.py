"""The pages behind session URLs: who comes in, what browsers are told, and who sees what."""

from __future__ import annotations

import asyncio
import json
import re
from html.parser import HTMLParser
from io import BytesIO

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from PIL import Image

from mock_server.tests.workshop.page_users import SAME_ORIGIN, a_user
from mock_server.tests.workshop.task_calls import DATA_URI, LONG
from mock_server.tests.workshop.world import NOW_MS, ORIGIN, a_world
from mock_server.workshop import token_history
from mock_server.workshop.pages import assets

PRODUCTS = ("sd_webui", "comfyui_api")
BELOW = ("", "/state", "/history", "/workflows", "/pictures/x_0.png")
EXPIRED_OR_UNKNOWN = "The session does not exist or has expired"

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert('1')>",
    "$prompt ${title} {{ 7*7 }}",
    "\u202eabc \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0000 \U0001f98a",
    "x" * 10_000,
)


class Loaded(HTMLParser):
    """What a page makes a browser load, and what in it would run or style inline."""

    def __init__(self, text):
        super().__init__()
        self.files, self.inline = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.files += [value for name, value in attrs if name in ("src", "href")]
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)


# Coming in


@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_sessions_url_opens_a_page_and_all_its_files_are_there(product):
    async with a_world() as world:
        user = await a_user(world, subProduct=product)
        page = await user.open()
        loaded = Loaded(page.text)
        paths = [each for each in loaded.files if each.startswith("../static/")]
        statuses = [(await user.http.get(f"/{product}/s/{each}")).status_code for each in paths]

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert len(paths) == 4
    assert set(statuses) == {200}
    assert {each for each in loaded.files if not each.startswith(("../static/", "#"))} == set()


def test_no_page_and_no_script_runs_or_loads_anything_from_elsewhere():
    pages = ["page.html", "refusal.html", "sd_webui.html", "comfyui_api.html"]
    texts = [(assets.TEMPLATES / name).read_text("utf-8") for name in pages]

    assert [Loaded(text).inline for text in texts] == [[], [], [], []]
    for name, (body, _) in assets.static_files().items():
        addresses = re.findall(rb"https?://[^\"'\s]+", body)
        assert set(addresses) <= {b"http://www.w3.org/2000/svg"}, name


def test_scripts_import_only_known_files():
    for name, (body, _) in assets.static_files().items():
        for imported in re.findall(rb'from "\./([^"]+)"', body):
            assert imported.decode() in assets.static_files(), name


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("below", BELOW)
async def test_an_unknown_session_is_a_404_everywhere(product, below):
    async with a_world() as world:
        answer = await world.http.get(f"/{product}/s/{'0' * 32}{below}")

    assert answer.status_code == 404
    assert EXPIRED_OR_UNKNOWN in answer.text or below == "/workflows"


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("below", ["", "/state", "/history"])
async def test_a_session_of_one_product_opens_nothing_of_the_other(product, below):
    other = PRODUCTS[product == "sd_webui"]
    async with a_world() as world:
        user = await a_user(world, subProduct=product)
        answer = await user.http.get(user.path.replace(product, other) + below)

    assert answer.status_code == 404
    assert EXPIRED_OR_UNKNOWN in answer.text


async def expire(world, user):
    await world.advance(200_000)


async def close(world, user):
    await world.data("/scc/spDeleteSession", {"apiToken": user.token})


async def replace_it(world, user):
    await world.data("/scc/spCreateSession", {"apiToken": user.token})


async def disable(world, user):
    await world.disable(user.token)


ENDS = {
    "expired": (expire, "16 January 2026 at 11:46:40 UTC"),
    "closed": (close, "15 January 2026 at 08:00:00 UTC"),
    "replaced": (replace_it, "15 January 2026 at 08:00:00 UTC"),
    "disabled": (disable, ""),
}


@pytest.mark.parametrize("why", ENDS)
async def test_the_page_of_a_session_that_is_over_says_why_and_since_when(why):
    end, when = ENDS[why]
    async with a_world(workshop_session_url="fresh") as world:
        user = await a_user(world)
        assert (await user.open()).status_code == 200
        await end(world, user)
        page, state = await user.open(), await user.get("state")
        made = await user.generate(prompt="a red kite")

    assert page.status_code == state.status_code == made.status_code == 403
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    body = state.json()
    assert (body["problem"], body["why"]) == ("over", why)
    assert body["message"] in page.text.replace("&#x27;", "'")
    assert body["message"].startswith("The session has expired")
    assert when in body["since"]
    assert body["since"] in page.text
    assert made.json()["why"] == why


async def test_the_api_and_the_pages_have_one_wording_for_a_session_that_is_over():
    async with a_world() as world:
        user = await a_user(world)
        await close(world, user)
        _, said = await world.refusal("/scc/spRefreshSession", {"apiToken": user.token})
        page = await user.http.get("/sd_webui/s/" + "0" * 32)
        over = await user.open()

    assert said == EXPIRED_OR_UNKNOWN
    assert said in page.text
    assert "The session has expired: it was closed." in over.text


async def test_refreshing_a_session_keeps_its_page_alive():
    async with a_world() as world:
        user = await a_user(world, expiredInSeconds=60)
        await world.advance(50)
        await world.data("/scc/spRefreshSession", {"apiToken": user.token})
        await world.advance(50)
        state = await user.state()

    assert state["secondsLeft"] == 3550


# What browsers are told


@pytest.mark.parametrize("below", ["", "/state", "/history", "/nothing"])
async def test_every_answer_has_strict_headers(below):
    async with a_world() as world:
        user = await a_user(world)
        path = user.path + below if below != "/nothing" else "/sd_webui/static/studio.css"
        headers = (await user.http.get(path)).headers

    policy = dict(
        each.strip().partition(" ")[::2] for each in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "*"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "x-frame-options" not in headers


@pytest.mark.parametrize(
    ("choice", "ancestors", "option"), [("own", "'self'", "SAMEORIGIN"), ("none", "'none'", "DENY")]
)
async def test_a_setting_says_which_sites_may_frame_the_page(choice, ancestors, option):
    async with a_world(workshop_page_frames=choice) as world:
        headers = (await (await a_user(world)).open()).headers

    assert f"frame-ancestors {ancestors}" in headers["content-security-policy"]
    assert headers["x-frame-options"] == option


@pytest.mark.parametrize(
    "name", ["routes.py", "..%2froutes.py", "%2e%2e%2fdoors.py", "", "page.html", "a" * 5000]
)
async def test_nothing_in_a_request_names_a_file(name):
    async with a_world() as world:
        answer = await world.http.get(f"/sd_webui/static/{name}")

    assert answer.status_code == 404


# What the page shows


async def test_the_state_tells_time_by_the_accounts_clock():
    async with a_world() as world:
        user = await a_user(world, name="ada", sessionMode=20, roleId="painter")
        await world.advance(10)
        state = await user.state()

    assert state["now"] == NOW_MS + 10_000
    assert state["rate"] == 0
    assert state["secondsLeft"] == 99_990
    assert state["expiresAt"] == NOW_MS + 100_000_000
    assert (state["user"], state["role"], state["metered"]) == ("ada", "painter", "work")


@pytest.mark.parametrize(("choice", "role"), [("session", "guest"), ("token", "painter")])
async def test_a_setting_says_which_role_counts(choice, role):
    async with a_world(workshop_winning_role=choice) as world:
        user = await a_user(world, roleId="guest")
        attached = {"apiToken": user.token, "sceneRoleId": "painter"}
        await world.data("/scc/sp_put_user_state", attached)
        state = await user.state()

    assert state["role"] == role


async def test_a_page_draws_with_the_model_that_is_attached_to_its_token():
    async with a_world() as world:
        user = await a_user(world)
        attached = {"sdCheckpointFileId": "boats_v2.safetensors", "sdVae": "soft.safetensors"}
        await world.data("/scc/sp_put_user_state", {"apiToken": user.token, **attached})
        state = await user.state()
        item = await user.finished()
        result = await world.data("/scc/sd_get_result", {"taskId": item["id"]})

    assert (state["model"], state["vae"]) == ("boats_v2.safetensors", "soft.safetensors")
    assert item["model"] == "boats_v2.safetensors"
    assert result["parameters"]["sd_vae"] == "soft.safetensors"


async def test_a_task_waits_runs_and_ends_in_the_history():
    async with a_world() as world:
        user = await a_user(world)
        task = await user.draw(width=640, height=384, steps=12, seed=7, batch_size=2)
        waiting = (await user.state())["tasks"]
        await world.advance(1.2)
        running = (await user.state())["tasks"]
        await world.advance(LONG)
        state = await user.state()

    assert [(each["id"], each["status"], each["progress"]) for each in waiting] == [
        (task, "waiting", 0)
    ]
    assert waiting[0]["ahead"] > 0
    assert running[0]["status"] == "running"
    assert 0 < running[0]["progress"] < 1
    assert running[0]["steps"] == 12
    assert state["tasks"] == []
    (item,) = state["history"]["items"]
    assert (item["prompt"], item["width"], item["height"]) == ("a red kite", 640, 384)
    assert [each["seed"] for each in item["outputs"]] == ["7", "8"]


async def test_a_picture_of_the_history_is_one_of_the_size_asked_for():
    async with a_world() as world:
        user = await a_user(world)
        item = await user.finished(width=256, height=128)
        answer = await user.get(item["outputs"][0]["path"])

    assert answer.headers["content-type"] == "image/png"
    assert Image.open(BytesIO(answer.content)).size == (256, 128)


async def test_pictures_are_seen_by_their_own_token_and_while_its_session_lives():
    async with a_world() as world:
        ada, bob = await a_user(world), await a_user(world)
        item = await ada.finished()
        path = item["outputs"][0]["path"]
        statuses = [(await each.get(path)).status_code for each in (ada, bob)]
        wrong = [
            (await ada.get(path.replace("_0.", each))).status_code
            for each in ("_1.", "_-1.", "_00.", "_0.jpg.", "_.", ".")
        ]
        await world.advance(200_000)
        late = (await ada.get(path)).status_code

    assert statuses == [200, 404]
    assert set(wrong) == {404}
    assert late == 403


async def test_two_tokens_never_see_each_others_history_or_preferences():
    async with a_world() as world:
        ada, bob = await a_user(world), await a_user(world)
        await ada.prefer({"values": {"prompt": "mine alone"}})
        await ada.finished(prompt="a secret garden")
        await ada.draw(prompt="another one")
        seen = await bob.state()
        older = (await bob.get("history")).json()

    assert (seen["tasks"], seen["history"], seen["preferences"]) == (
        [],
        {"items": [], "more": False},
        {},
    )
    assert older == {"items": [], "more": False}


async def test_history_and_preferences_outlive_a_session():
    async with a_world() as world:
        user = await a_user(world)
        await user.prefer({"values": {"steps": "30"}})
        item = await user.finished()
        await world.advance(200_000)
        again = await a_user(world, user.token)
        state = await again.state()
        picture = await again.get(item["outputs"][0]["path"])

    assert again.path != user.path
    assert [each["id"] for each in state["history"]["items"]] == [item["id"]]
    assert state["preferences"] == {"steps": "30"}
    assert picture.status_code == 200


async def test_the_products_of_a_token_have_preferences_of_their_own():
    async with a_world() as world:
        drawing = await a_user(world)
        running = await a_user(world, drawing.token, subProduct="comfyui_api")
        await drawing.prefer({"values": {"steps": "30"}})
        kept = {"workflow_id": "artistic_characters", "inputs.steps": "4"}
        await running.prefer({"values": kept})
        states = [(await each.state())["preferences"] for each in (drawing, running)]

    assert states == [{"steps": "30"}, kept]


async def test_history_comes_in_pages_without_gaps_or_repeats():
    async with a_world(workshop_page_tasks=100) as world:
        user = await a_user(world)
        made = [await user.draw() for _ in range(7)]
        await world.advance(LONG)
        seen: list[str] = []
        more = True
        while more:
            query = f"history?limit=3&before={seen[-1]}" if seen else "history?limit=3"
            page = (await user.get(query)).json()
            seen += [each["id"] for each in page["items"]]
            more = page["more"]

    assert seen == made[::-1]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1e9", "99999999999999999999", "", "²"])
async def test_an_invalid_limit_is_refused(limit):
    async with a_world() as world:
        answer = await (await a_user(world)).get(f"history?limit={limit}")

    # An empty value is no value to those who read queries.
    assert answer.status_code == (200 if limit == "" else 422)


async def test_the_history_has_what_all_sessions_of_the_token_made():
    async with a_world(workshop_session_url="fresh") as world:
        user = await a_user(world)
        made = [(await user.finished())["id"]]
        await close(world, user)
        user = await a_user(world, user.token)
        made.append((await user.finished())["id"])
        running = await a_user(world, user.token, subProduct="comfyui_api")
        form = {"workflow_id": "artistic_characters", "inputs": {"prompt": "a fox"}}
        made.append((await running.finished(**form))["id"])
        gadget = await a_user(world, user.token, gadgetId="brush")
        made.append((await gadget.finished())["id"])
        shown = [
            [each["id"] for each in (await page.state())["history"]["items"]]
            for page in (user, running, gadget)
        ]
        picture = (await running.state())["history"]["items"][0]["outputs"][0]["path"]
        seen = await running.get(picture)

    assert shown == [made[::-1]] * 3
    assert seen.status_code == 200


async def test_a_history_has_no_end_but_that_of_the_jobs_kept(monkeypatch):
    monkeypatch.setattr(token_history, "CHAPTER", 4)
    async with a_world(workshop_page_tasks=100, progress="instant") as world:
        user = await a_user(world)
        made = [await user.draw() for _ in range(23)]
        page = (await user.get("history?limit=48")).json()
        part = (await user.get(f"history?limit=5&before={made[11]}")).json()
        oldest = await user.get(f"pictures/{made[0]}_0.png")
        elsewhere = (await user.get("history?before=nothing")).json()

    assert [each["id"] for each in page["items"]] == made[::-1]
    assert [each["id"] for each in part["items"]] == made[6:11][::-1]
    assert (page["more"], part["more"]) == (False, True)
    assert oldest.status_code == 200
    assert elsewhere["items"] == []


async def test_a_failed_task_is_in_the_history_with_its_reason():
    async with a_world(memory_pixels=100_000) as world:
        user = await a_user(world)
        item = await user.finished(width=1024, height=1024)

    assert (item["status"], item["outputs"]) == ("failed", [])
    assert "out of memory" in item["reason"]


async def test_a_cancelled_task_is_in_the_history_as_failed():
    async with a_world() as world:
        user = await a_user(world)
        task = await user.draw()
        await world.cancel(task)
        (item,) = (await user.state())["history"]["items"]

    assert (item["status"], item["reason"]) == ("failed", "The task was cancelled")


async def test_a_look_at_the_page_is_one_poll_of_each_task():
    async with a_world(progress="polls", polls=4) as world:
        user = await a_user(world)
        await user.draw()
        seen = [bool((await user.state())["tasks"]) for _ in range(5)]

    assert seen == [True, True, True, False, False]


async def test_forgotten_tasks_are_not_in_the_history():
    async with a_world(keep_jobs=2) as world:
        user = await a_user(world)
        made = [(await user.finished())["id"] for _ in range(4)]
        state = await user.state()

    assert [each["id"] for each in state["history"]["items"]] == [made[3], made[2]]


async def test_pictures_are_those_that_the_studio_draws_for_the_task():
    async with a_world() as world:
        user = await a_user(world)
        item = await user.finished(batch_size=2)
        shown = [(await user.get(each["path"])).content for each in item["outputs"]]
        result = await world.data("/scc/sd_get_result", {"taskId": item["id"]})
        drawn = [(await world.http.get(url)).content for url in result["images"]]

    assert shown == drawn


# How it looks


def luminance(colour):
    """Return the relative luminance of a colour (WCAG 2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(part * share for part, share in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        *(
            (ink, ground, 4.5)
            for ink in ("ink", "quiet")
            for ground in ("ground", "surface", "sunken")
        ),
        ("warn-ink", "warn-ground", 4.5),
        ("problem", "problem-ground", 4.5),
        ("problem", "surface", 4.5),
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-strong", 4.5),
        ("accent-strong", "surface", 4.5),
        ("accent", "ground", 3),
        ("edge", "surface", 3),
    ],
)
def test_everything_can_be_read(scheme, ink, ground, least):
    style = assets.static_files()["studio.css"][0].decode()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", blocks[scheme]))

    assert contrast(colours[ink], colours[ground]) >= least


# Hostile and broken input


@pytest.mark.parametrize("text", HOSTILE)
async def test_any_prompt_comes_back_unchanged_and_never_runs(text):
    async with a_world() as world:
        user = await a_user(world, name="x")
        item = await user.finished(prompt=text, negative_prompt=text)
        await user.prefer({"values": {"prompt": text}})
        state = await user.state()
        page = await user.open()

    assert item["prompt"] == item["negativePrompt"] == text
    assert state["preferences"] == {"prompt": text}
    assert text not in page.text


@given(text=st.text())
def test_texts_of_templates_are_always_escaped(text):
    page = assets.fill("refusal.html", sentence=text, since="")

    shown = re.search("<h1>(.*?)</h1>", page, re.DOTALL)
    assert shown is not None
    assert not set("<>\"'") & set(shown[1])


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, "body"),
        (b"[]", 400, "body"),
        (b"\xff", 400, "body"),
        (b"", 422, "prompt"),
        (b"null", 422, "prompt"),
        (b'{"prompt": ""}', 422, "prompt"),
        (b'{"prompt": 1}', 422, "prompt"),
        (b'{"prompt": "x", "steps": 0}', 422, "steps"),
        (b'{"prompt": "x", "steps": 1e400}', 400, "body"),
        (b'{"prompt": "x", "width": 100}', 422, "width"),
        (b'{"prompt": "x", "width": 4096}', 422, "width"),
        (b'{"prompt": "x", "seed": -2}', 422, "seed"),
        (b'{"prompt": "x", "batch_size": 100}', 422, "batch_size"),
        (b'{"prompt": "x", "image": "http://elsewhere/x.png"}', 422, "image"),
        (b'{"prompt": "x", "image": "data:image/png;base64,AAAA"}', 422, "image"),
        (b'{"prompt": "%s"}' % (b"x" * 20_001), 422, "prompt"),
    ],
)
async def test_an_invalid_form_is_refused_with_its_field(body, status, field):
    headers = {**SAME_ORIGIN, "content-type": "application/json"}
    async with a_world() as world:
        user = await a_user(world)
        path = f"{user.path}/generate"
        answer = await user.http.post(path, content=body, headers=headers)
        state = await user.state()

    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.json()["message"]
    assert state["tasks"] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["prompt", "width", "steps", "seed", "image", "cfg_scale", "workflow_id", "inputs", "values"]
)


@settings(max_examples=60)
@given(
    product=st.sampled_from(PRODUCTS),
    call=st.sampled_from([("POST", "generate"), ("PUT", "preferences")]),
    body=st.binary(max_size=30)
    | st.dictionaries(FIELDS, JSON).map(lambda d: json.dumps(d).encode()),
)
def test_no_body_makes_a_page_fail_unexpectedly(product, call, body):
    method, below = call

    async def send():
        async with a_world() as world:
            user = await a_user(world, subProduct=product)
            headers = {**SAME_ORIGIN, "content-type": "application/json"}
            path = f"{user.path}/{below}"
            return await user.http.request(method, path, content=body, headers=headers)

    answer = asyncio.run(send())

    assert answer.status_code < 500, answer.text
    assert answer.json()


@pytest.mark.parametrize(
    "values", [{"a": 1}, {"a": None, "b": []}, [], "x", {str(n): "" for n in range(129)}]
)
async def test_preferences_are_a_few_texts_by_name(values):
    async with a_world() as world:
        user = await a_user(world)
        answer = await user.prefer({"values": values})
        kept = (await user.state())["preferences"]

    assert answer.status_code == 422
    assert kept == {}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("steps", "500", "less than or equal to 100"),
        ("steps", "0", "greater than or equal to 1"),
        ("steps", "2.5", "integer"),
        ("steps", "many", "integer"),
        ("steps", "NaN", "integer"),
        ("steps", "", "integer"),
        ("steps", "9" * 5000, "integer"),
        ("width", "65", "multiple of 8"),
        ("cfg_scale", "nan", "30"),
        ("seed", "-2", "-1"),
        ("batch_size", "5", "4"),
        ("strength", "1.01", "1"),
        ("prompt", "x" * 20_001, "at most 20000 characters"),
        ("stepz", "3", "is not a field of this form"),
    ],
)
async def test_an_invalid_value_is_refused_and_the_old_ones_stay(name, text, problem):
    kept = {"prompt": "", "steps": "30"}
    async with a_world() as world:
        user = await a_user(world)
        await user.prefer({"values": kept})
        answer = await user.prefer({"values": {"width": "640", name: text}})
        state = await user.state()

    assert (answer.status_code, answer.json()["field"].rpartition(".")[2]) == (422, name)
    assert problem in answer.json()["message"]
    assert state["preferences"] == kept


@pytest.mark.parametrize(
    ("values", "field", "problem"),
    [
        ({"inputs.denoise": "2"}, "inputs.denoise", "must be at most 1, found 2"),
        ({"inputs.denoise": "much"}, "inputs.denoise", "must be a number"),
        ({"inputs.seed": "1.5"}, "inputs.seed", "must be an integer, found 1.5"),
        ({"inputs.seed": "inf"}, "inputs.seed", "must be between"),
        ({"inputs.nothing": "1"}, "inputs.nothing", "is not a field of this form"),
        ({"randomise_seeds": "maybe"}, "randomise_seeds", "boolean"),
        ({"version_id": "v99"}, "", "has no version 'v99'"),
        ({"workflow_id": "unknown"}, "", "does not exist"),
        ({"workflow_id": None}, "values.workflow_id", "must be a string, found null"),
    ],
)
async def test_an_invalid_value_of_a_workflow_is_refused(values, field, problem):
    kept = {"workflow_id": "artistic_characters", "inputs.denoise": "0.5", "inputs.prompt": ""}
    async with a_world() as world:
        user = await a_user(world, subProduct="comfyui_api")
        good = await user.prefer({"values": kept})
        answer = await user.prefer({"values": {"workflow_id": "artistic_characters", **values}})
        state = await user.state()

    assert good.status_code == 200, good.text
    assert answer.status_code in (409, 422)
    assert (answer.json()["field"], problem in answer.json()["message"]) == (field, True)
    assert state["preferences"] == kept


async def test_preferences_that_are_too_large_are_refused():
    async with a_world() as world:
        user = await a_user(world)
        answer = await user.prefer({"values": {"prompt": "x" * 300_000}})

    assert answer.status_code == 413


# Other sites


OTHER_SITES = [
    {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    {"sec-fetch-site": "same-site", "origin": ORIGIN},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://[broken"},
    {"origin": ORIGIN + "0"},
]


@pytest.mark.parametrize("headers", OTHER_SITES)
@pytest.mark.parametrize(("method", "below"), [("POST", "generate"), ("PUT", "preferences")])
async def test_other_sites_spend_nothing_and_change_nothing(method, below, headers):
    body = {"prompt": "x", "values": {"prompt": "theirs"}}
    async with a_world() as world:
        user = await a_user(world)
        path = f"{user.path}/{below}"
        answer = await user.http.request(method, path, json=body, headers=headers)
        state = await user.state()

    assert (answer.status_code, answer.json()["problem"]) == (403, "other-site")
    assert (state["tasks"], state["preferences"]) == ([], {})


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_that_a_form_elsewhere_could_send_is_refused(media_type):
    async with a_world() as world:
        user = await a_user(world)
        answer = await user.http.post(
            f"{user.path}/generate",
            content=b'{"prompt": "x"}',
            headers={"content-type": media_type},
        )

    assert (answer.status_code, answer.json()["problem"]) == (415, "not-json")


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        ({"public_url": "https://mock.example"}, "https://mock.example"),
        ({"workshop_custom_domain": "draw.example"}, "https://draw.example"),
        ({"workshop_sd_webui_url": "https://art.example"}, "https://art.example"),
        ({}, ORIGIN.replace("http:", "https:")),
    ],
)
async def test_a_page_under_another_name_of_the_mock_is_not_another_site(settings, origin):
    async with a_world(**settings) as world:
        user = await a_user(world)
        answer = await user.http.post(
            f"{user.path}/generate", json={"prompt": "x"}, headers={"origin": origin}
        )

    assert answer.status_code == 200


async def test_a_picture_to_start_from_is_drawn_over():
    async with a_world() as world:
        user = await a_user(world)
        task = await user.draw(image=DATA_URI, strength=0.1)
        job = await world.job(task)

    assert job.order.source
    assert job.order.denoising_strength == 0.1


async def test_the_polls_of_an_open_page_do_not_fill_the_journal():
    async with a_world() as world:
        user = await a_user(world)
        for _ in range(3):
            await user.state()
        kept = [trace.operation for trace in world.app.journal]

    assert "POST /scc/spRefreshOrCreateSession" in kept
    assert not [operation for operation in kept if operation.endswith("/state")]
