"""Faults of calls: what they match, which of them they hit, when, and what the client gets."""

import asyncio
import json
from collections import Counter
from io import BytesIO

import httpx
import pytest
from anyio.lowlevel import checkpoint
from PIL import Image

from mock_server.tests.tams.world import NOW, a_world, text_to_image
from mock_server.tests.workshop import world as workshop
from mock_server.web.faults.effects import _other_type

JOB = {"operation": "CreateJob"}
DOWN = {"kind": "status", "status": 503}


async def fault(world, fault, match=JOB, **more):
    answer = await world.http.post(
        "http://127.0.0.1/_mock/faults", json={"fault": fault, "match": match, **more}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def refused(world, **rule):
    answer = await world.http.post("http://127.0.0.1/_mock/faults", json={"fault": DOWN, **rule})
    assert answer.status_code in (400, 422), answer.text
    return answer.json()["detail"]


async def statuses(world, count, body=None):
    answers = [await world.call("POST", "/v1/jobs", body or text_to_image()) for _ in range(count)]
    return [answer.status_code for answer in answers]


async def shown(world, id):
    return (await world.http.get(f"http://127.0.0.1/_mock/faults/{id}")).json()


# Which calls are hit


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        ({}, [503] * 6),
        ({"times": 2}, [503, 503, 200, 200, 200, 200]),
        ({"skip": 2}, [200, 200, 503, 503, 503, 503]),
        ({"first": 3}, [503, 503, 503, 200, 200, 200]),
        ({"every": 3}, [200, 200, 503, 200, 200, 503]),
        ({"skip": 1, "every": 2, "times": 1}, [200, 200, 503, 200, 200, 200]),
        ({"skip": 1, "first": 5, "every": 2}, [200, 200, 503, 200, 503, 200]),
    ],
)
async def test_a_fault_hits_the_calls_that_its_life_allows(life, expected):
    async with a_world() as world:
        id = (await fault(world, DOWN, **life))["id"]

        assert await statuses(world, 6) == expected

        now = await shown(world, id)
        assert (now["matches"], now["hits"]) == (min(now["matches"], 6), expected.count(503))
        assert now["ended"] is ("times" in life or "first" in life)


async def test_a_fault_ends_with_virtual_time():
    async with a_world() as world:
        await fault(world, DOWN, seconds=60)
        await fault(world, {"kind": "status", "status": 500}, until=NOW + 90)

        assert await statuses(world, 1) == [503]
        await world.advance(60)
        assert await statuses(world, 1) == [500]
        await world.advance(30)
        assert await statuses(world, 1) == [200]


async def test_a_chance_hits_the_same_calls_for_the_same_seed():
    runs = []
    for seed in (7, 7, 8):
        async with a_world(seed=seed) as world:
            await fault(world, DOWN, {**JOB, "chance": 0.3})
            runs.append(await statuses(world, 60))

    assert runs[0] == runs[1] != runs[2]
    assert 5 <= Counter(runs[0])[503] <= 35


@pytest.mark.parametrize(
    "match",
    [
        {},
        {"surface": "tams"},
        {"operation": "create_job"},
        {"operation": "createjob", "method": "POST"},
        {"path": "/v1/jobs"},
        {"path": "/v1/*"},
        {"headers": {"X-Team": "re*"}},
        {"body": {"/stages/1/type": "DIFFUSION", "/stages/*/diffusion/steps": 15}},
        {"prompt": "Green HILLS"},
        {"chance": 1},
    ],
)
async def test_every_member_of_a_match_can_fit(match):
    async with a_world() as world:
        await fault(world, DOWN, match)
        headers = {"authorization": "Bearer mock-token-0001", "x-team": "red"}

        answer = await world.call("POST", "/v1/jobs", text_to_image(), headers=headers)

        assert answer.status_code == 503


@pytest.mark.parametrize(
    "match",
    [
        {"surface": "workshop"},
        {"operation": "GetJob"},
        {"method": "GET"},
        {"path": "/v1/models/*"},
        {"headers": {"X-Team": "blue"}},
        {"body": {"/stages/1/type": "VIDEO"}},
        {"body": {"/nothing": None}},
        {"prompt": "sea"},
        {"job": "1"},
        {"token": "t"},
    ],
)
async def test_every_member_of_a_match_can_keep_a_fault_away(match):
    async with a_world() as world:
        id = (await fault(world, DOWN, match))["id"]

        assert await statuses(world, 1) == [200]
        assert (await shown(world, id))["matches"] == 0


async def test_a_fault_can_be_about_one_job_and_one_account():
    async with a_world() as world:
        jobs = [(await world.submit())["id"] for _ in range(2)]
        await fault(world, DOWN, {"job": jobs[0]}, account="default")
        await world.http.post("http://127.0.0.1/_mock/accounts", json={"id": "ada"})
        await fault(world, {"kind": "status", "status": 500}, {}, account="ada")

        answers = [(await world.call("GET", f"/v1/jobs/{id}")).status_code for id in jobs]

        assert answers == [503, 200]


# What is refused


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"match": {"operation": "CreateJop"}}, "did you mean 'CreateJob'?"),
        ({"match": {"surface": "tam"}}, "did you mean 'tams'?"),
        ({"match": {"surface": "workshop", "operation": "CreateJob"}}, "is unknown"),
        ({"match": {"operation": "CreateJob", "method": "GET"}}, "can never act"),
        ({"match": {"operation": "CreateJob", "path": "/v1/models"}}, "can never act"),
        ({"match": {"chance": 0}}, "greater than 0"),
        ({"match": {"promt": "x"}}, "did you mean 'prompt'?"),
        ({"times": 0}, "greater than or equal to 1"),
        ({"first": 2, "skip": 2}, "can never act"),
        ({"first": 2, "every": 3}, "can never act"),
        ({"until": NOW}, "can never act"),
        ({"until": NOW + 1, "seconds": 1}, "cannot have both"),
        ({"moment": "received", "account": "default"}, "cannot know the account"),
        ({"moment": "before", "fault": {"kind": "half"}}, "needs an answer"),
        ({"fault": {"kind": "refusal", "name": "credits-shrt"}}, "did you mean 'credits-short'?"),
        ({"fault": {"kind": "explode"}}, "explode"),
        ({"fault": {"kind": "latency"}}, "needs seconds"),
        ({"fault": {"kind": "latency", "low": 2, "high": 1}}, "must not be above"),
        ({"fault": {"kind": "plan", "stall": 5}}, "needs stallAt and stall together"),
        ({"fault": {"kind": "plan", "reason": "x"}}, "needs failAt"),
        ({"fault": {"kind": "plan", "failAt": 1, "withoutResults": True}}, "cannot both"),
        ({"fault": {"kind": "plan"}, "moment": "after"}, "can never act"),
    ],
)
async def test_a_fault_that_can_never_act_is_refused_with_the_reason(rule, words):
    async with a_world() as world:
        assert words in await refused(world, **rule)
        assert (await world.http.get("http://127.0.0.1/_mock/faults")).json()["faults"] == []
        assert await statuses(world, 1) == [200]


async def test_a_fault_of_an_unknown_account_is_refused():
    async with a_world() as world:
        rule = {"fault": DOWN, "account": "nobody"}
        assert (
            await world.http.post("http://127.0.0.1/_mock/faults", json=rule)
        ).status_code == 404
        assert (
            await world.http.get("http://127.0.0.1/_mock/faults?account=nobody")
        ).status_code == 404
        assert (await world.http.get("http://127.0.0.1/_mock/faults/f1")).status_code == 404
        assert (await world.http.delete("http://127.0.0.1/_mock/faults/f1")).status_code == 404


# When faults act


async def test_before_the_work_nothing_is_done_and_after_it_the_answer_is_lost():
    async with a_world() as world:
        before = await world.balance()
        await fault(world, DOWN, times=1)
        await fault(world, DOWN, skip=1, moment="after", times=1)

        assert await statuses(world, 1, text_to_image("r1")) == [503]
        assert await world.balance() == before
        assert await statuses(world, 1, text_to_image("r2")) == [503]
        assert await world.balance() < before
        jobs = (await world.http.get("http://127.0.0.1/_mock/jobs")).json()["jobs"]
        assert len(jobs) == 1
        # The client repeats the request and gets the job that it made.
        again = await world.call("POST", "/v1/jobs", text_to_image("r2"))
        assert again.json()["job"]["id"] == jobs[0]["id"]


async def test_at_the_moment_received_credentials_are_not_looked_at():
    async with a_world() as world:
        await fault(world, DOWN, {}, moment="received", times=1)

        answers = [await world.call("GET", "/v1/jobs/1", headers={}) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [503, 401]


async def test_a_fault_before_the_work_is_not_for_callers_without_credentials():
    async with a_world() as world:
        await fault(world, DOWN, {})
        assert (await world.call("GET", "/v1/jobs/1", headers={})).status_code == 401


async def test_the_control_api_is_never_hit():
    async with a_world() as world:
        await fault(world, DOWN, {}, moment="received")
        answer = await world.http.get(
            "http://127.0.0.1/_mock/health", headers={"x-mock-fault": "reset"}
        )
        assert answer.status_code == 200


# What faults do


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("signature", 401, "unauthorized"),
        ("unknown-app", 404, "app not found"),
        ("credits-short", 400, "credits not enough"),
        ("credits-short-429", 429, "credits not enough"),
        ("rate-limited", 429, "RATELIMIT_EXCEEDED"),
        ("overloaded", 503, "SERVICE_UNAVAILABLE"),
        ("offline", 502, "SERVICE_UNAVAILABLE"),
        ("system-error", 500, "SYSTEM_ERROR"),
        ("accepted-not-processed", 202, "{}"),
        ("forbidden", 403, "permission"),
        ("parameter", 400, "Params Valid"),
    ],
)
async def test_tams_refuses_in_its_own_words(name, status, words):
    async with a_world() as world:
        await fault(world, {"kind": "refusal", "name": name})

        answer = await world.call("POST", "/v1/jobs", text_to_image())

        assert (answer.status_code, words in answer.text) == (status, True)


async def test_every_refusal_of_both_vendors_can_be_asked_for():
    async with workshop.a_world() as world:
        kinds = (await world.http.get("http://127.0.0.1/_mock/faults/kinds")).json()
        for surface, names in kinds["refusals"].items():
            for name in names:
                rule = {
                    "fault": {"kind": "refusal", "name": name},
                    "match": {"surface": surface},
                    "moment": "received",
                    "times": 1,
                }
                assert (
                    await world.http.post("http://127.0.0.1/_mock/faults", json=rule)
                ).status_code == 201
                path = "/scc/spQueryToken" if surface == "workshop" else "/v1/jobs"
                answer = await world.http.post(path, json={})
                code = answer.headers.get("x-ca-error-code", "")
                if name.startswith("gateway-"):
                    assert code
                elif surface == "workshop":
                    assert answer.json()["status"] == 20
                else:
                    assert answer.status_code != 200
    assert "gateway-nonce-used" in kinds["refusals"]["workshop"]
    assert len(kinds["refusals"]["workshop"]) > 40


async def test_any_status_headers_and_body_can_be_sent():
    async with a_world() as world:
        effect = {"kind": "status", "status": 418, "headers": {"X-A": "b"}, "body": {"tea": True}}
        await fault(world, effect, times=1)
        html = {"Content-Type": "text/html"}
        await fault(world, {"kind": "status", "status": 502, "headers": html, "body": "<p>no"})

        first, second = [await world.call("POST", "/v1/jobs", text_to_image()) for _ in range(2)]

        assert (first.status_code, first.headers["x-a"], first.json()) == (418, "b", {"tea": True})
        assert second.headers.get_list("content-type") == ["text/html"]
        assert second.text == "<p>no"


@pytest.mark.parametrize(
    ("effect", "changed"),
    [
        ({"kind": "missing", "pointer": "/job/status"}, {"id": "1", "credits": 0.6}),
        (
            {"kind": "null", "pointer": "/job/status"},
            {"id": "1", "status": None, "credits": 0.6},
        ),
        (
            {"kind": "wrong-type", "pointer": "/job/credits"},
            {"id": "1", "status": "CREATED", "credits": "0.6"},
        ),
        (
            {"kind": "unknown-enum", "pointer": "/*/status"},
            {"id": "1", "status": "UNKNOWN_TO_ALL_DOCUMENTS", "credits": 0.6},
        ),
        (
            {"kind": "extra", "pointer": "/job/new", "value": [1]},
            {"id": "1", "status": "CREATED", "credits": 0.6, "new": [1]},
        ),
        (
            {"kind": "set", "pointer": "/job/credits", "value": -1},
            {"id": "1", "status": "CREATED", "credits": -1},
        ),
        (
            {"kind": "missing", "pointer": "/not/there"},
            {"id": "1", "status": "CREATED", "credits": 0.6},
        ),
    ],
)
async def test_members_of_an_answer_can_be_changed(effect, changed):
    async with a_world() as world:
        await fault(world, effect)

        job = await world.submit()

        assert job | {"id": "1"} == changed


@pytest.mark.parametrize(
    ("sent", "other"),
    [
        (True, "true"),
        (7, "7"),
        ("7.5", 7.5),
        ("²", {"value": "²"}),
        ("9" * 400, {"value": "9" * 400}),
        ([1], "[1]"),
    ],
)
def test_each_value_gets_another_type(sent, other):
    assert _other_type(sent) == other


async def test_effects_on_one_answer_add_up():
    async with a_world() as world:
        await fault(world, {"kind": "missing", "pointer": "/job/status"})
        await fault(world, {"kind": "null", "pointer": "/job/credits"})

        assert (await world.submit()).keys() == {"id", "credits"}


@pytest.mark.parametrize("kind", ["invalid-json", "truncated-json"])
async def test_json_can_be_broken(kind):
    async with a_world() as world:
        await fault(world, {"kind": kind})

        answer = await world.call("POST", "/v1/jobs", text_to_image())

        assert answer.text.startswith('{"job":{"id":')
        with pytest.raises(json.JSONDecodeError):
            answer.json()


async def test_a_picture_can_be_expired_or_corrupt():
    async with a_world() as world:
        id = (await world.submit())["id"]
        await world.advance(1000)
        url = (await world.job(id))["successInfo"]["images"][0]["url"]
        whole = (await world.http.get(url)).content
        download = {"operation": "DownloadResult"}
        await fault(world, {"kind": "refusal", "name": "result-expired"}, download, times=1)
        await fault(world, {"kind": "corrupt"}, download, times=1, skip=1)

        expired, corrupt, after = [await world.http.get(url) for _ in range(3)]

        assert (expired.status_code, "expired" in expired.text) == (403, True)
        assert len(corrupt.content) == len(whole)
        assert whole == after.content
        with pytest.raises((OSError, SyntaxError)):
            Image.open(BytesIO(corrupt.content)).load()


async def test_a_stale_answer_is_the_one_before():
    async with a_world() as world:
        id = (await world.submit())["id"]
        first = await world.job(id)
        await fault(world, {"kind": "stale"}, {"operation": "GetJob"}, times=1)
        await world.advance(1000)

        assert [await world.job(id) for _ in range(2)] != [first, first]
        assert (await world.job(id))["status"] == "SUCCESS"


async def test_a_stale_answer_is_not_that_of_another_task():
    async with workshop.a_world() as world:
        tokens = [
            (await world.data("/scc/allocate_token", {"name": name}))["apiToken"]
            for name in ("ada", "bob")
        ]
        first, second = [
            await world.data("/scc/spQueryToken", {"apiToken": token}) for token in tokens
        ]
        rule = {"fault": {"kind": "stale"}, "match": {"operation": "spQueryToken"}}
        await world.http.post("http://127.0.0.1/_mock/faults", json=rule)

        again = await world.data("/scc/spQueryToken", {"apiToken": tokens[0]})

        assert again == first != second


async def test_a_job_can_be_unknown_for_a_moment():
    async with a_world() as world:
        await fault(world, {"kind": "not-yet", "seconds": 3}, {"operation": "GetJob"})
        id = (await world.submit())["id"]

        answers = []
        for _ in range(2):
            answers.append((await world.call("GET", f"/v1/jobs/{id}")).status_code)
            await world.advance(3)

        assert answers == [404, 200]


async def test_latency_on_the_accounts_clock_ends_when_time_moves():
    async with a_world() as world:
        await fault(world, {"kind": "latency", "seconds": 600, "clock": "account"})
        call = asyncio.ensure_future(world.call("POST", "/v1/jobs", text_to_image()))
        for _ in range(100):
            await checkpoint()
        assert not call.done()
        await world.advance(600)

        assert (await call).status_code == 200


async def test_broken_connections_are_errors_for_clients():
    async with a_world() as world:
        for kind in ("reset", "empty", "garbage", "half", "wrong-length"):
            await fault(world, {"kind": kind}, times=1)
            with pytest.raises((httpx.TransportError, ConnectionError)):
                await world.submit()
        assert (await world.submit())["id"]


# Asked for by the call


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("503", 503),
        ("overloaded", 503),
        ("status; status=418", 418),
        ("credits-short", 400),
        ("latency; seconds=0", 200),
        ("status; status=500; moment=after", 500),
    ],
)
@pytest.mark.parametrize("place", ["header", "prompt"])
async def test_a_call_can_ask_for_a_fault(text, status, place):
    async with a_world() as world:
        headers = {"authorization": "Bearer mock-token-0001"}
        body = text_to_image()
        if place == "header":
            headers["X-Mock-Fault"] = text
        else:
            body = text_to_image(prompts=[{"text": f"a kite [mock:{text}]"}])

        answer = await world.call("POST", "/v1/jobs", body, headers=headers)

        assert answer.status_code == status
        assert await statuses(world, 1) == [200]


async def test_a_call_that_asks_for_an_unknown_fault_is_refused():
    async with a_world() as world:
        headers = {"authorization": "Bearer mock-token-0001", "x-mock-fault": "resett"}

        answer = await world.call("POST", "/v1/jobs", text_to_image(), headers=headers)

        assert answer.status_code == 400
        assert "did you mean 'reset'?" in answer.text
        listed = (await world.http.get("http://127.0.0.1/_mock/jobs")).json()
        assert listed["jobs"] == []


@pytest.mark.parametrize(
    "text", ["²", "9" * 5000, "12345", "latency; seconds=" + "[" * 20_000, "set; pointer=/a; x=NaN"]
)
async def test_a_wish_that_cannot_be_read_is_refused_as_well(text):
    async with a_world() as world:
        headers = [
            (b"authorization", b"Bearer mock-token-0001"),
            (b"x-mock-fault", text.encode("latin-1")),
        ]
        answer = await world.http.post("/v1/jobs", json=text_to_image(), headers=headers)
        assert (answer.status_code, "X-Mock-Fault" in answer.text) == (400, True)


async def test_the_bytes_of_an_upload_ask_for_nothing():
    async with a_world() as world:
        # The prompt of a picture is in its metadata.
        assert await world.upload(b"\x89PNG\r\n\x1a\n a kite [mock:503]")


async def test_a_rule_that_is_made_while_others_are_counted_is_not_forgotten(monkeypatch):
    async with a_world() as world:
        faults, store = world.app.faults, world.app.accounts.store
        await fault(world, DOWN)
        await world.http.delete("http://127.0.0.1/_mock/faults")
        count = store.count

        async def slow_count(kind, account=None):
            counted = await count(kind, account)
            monkeypatch.undo()
            await fault(world, DOWN)
            return counted

        monkeypatch.setattr(store, "count", slow_count)
        await faults.forget_if_none()

        assert await statuses(world, 1) == [503]


async def test_calls_ask_in_vain_where_the_setting_is_off():
    async with a_world(request_faults=False) as world:
        headers = {"authorization": "Bearer mock-token-0001", "x-mock-fault": "503"}
        answer = await world.call("POST", "/v1/jobs", text_to_image(), headers=headers)
        assert answer.status_code == 200


# Listed, removed, remembered


async def test_faults_are_listed_and_removed_singly_per_account_and_by_reset():
    async with a_world() as world:
        await world.http.post("http://127.0.0.1/_mock/accounts", json={"id": "ada"})
        made = [
            await fault(world, DOWN, account=owner)
            for owner in ("default", "default", "ada", None, None)
        ]
        listed = (await world.http.get("http://127.0.0.1/_mock/faults")).json()["faults"]
        assert [each["account"] for each in listed].count(None) == 2
        of_ada = (await world.http.get("http://127.0.0.1/_mock/faults?account=ada")).json()[
            "faults"
        ]
        assert [each["id"] for each in of_ada] == [made[2]["id"]]

        await world.http.delete(f"http://127.0.0.1/_mock/faults/{made[0]['id']}")
        assert (await world.http.delete("http://127.0.0.1/_mock/faults?account=ada")).json() == {
            "deleted": 1
        }
        left = (await world.http.get("http://127.0.0.1/_mock/faults")).json()["faults"]
        assert {each["id"] for each in left} == {made[at]["id"] for at in (1, 3, 4)}

        await world.http.post("http://127.0.0.1/_mock/reset?only=faults&account=default")
        assert len((await world.http.get("http://127.0.0.1/_mock/faults")).json()["faults"]) == 2
        await world.http.post("http://127.0.0.1/_mock/reset?only=faults")
        assert await statuses(world, 1) == [200]
        await fault(world, DOWN)
        await world.http.post("http://127.0.0.1/_mock/reset")
        assert (await world.http.get("http://127.0.0.1/_mock/faults")).json()["faults"] == []


async def test_faults_are_listed_in_pages_the_newest_first():
    async with a_world() as world:
        ids = [(await fault(world, DOWN))["id"] for _ in range(3)]
        url = "http://127.0.0.1/_mock/faults?limit=2"

        first = (await world.http.get(url)).json()
        second = (await world.http.get(f"{url}&before={first['next']}")).json()

        pages = [[each["id"] for each in page["faults"]] for page in (first, second)]
        assert pages == [ids[:0:-1], ids[:1]]
        assert second["next"] is None


async def test_the_journal_says_which_fault_hit_a_call():
    async with a_world() as world:
        id = (await fault(world, DOWN))["id"]
        answer = await world.call("POST", "/v1/jobs", text_to_image())

        entry = await world.http.get(
            f"http://127.0.0.1/_mock/requests/{answer.headers['x-mock-request-id']}"
        )

        assert f"fault {id}: status (before the work)" in entry.json()["remarks"]


async def test_a_file_of_faults_is_there_from_the_start(tmp_path):
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"fault": DOWN, "match": JOB, "times": 1}]))
    async with a_world(faults_file=path) as world:
        assert await statuses(world, 2) == [503, 200]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "JSON"),
        ('[{"fault": {"kind": "reset"}, "tmes": 1}]', "0/tmes"),
        ('{"fault": {"kind": "reset"}}', "list"),
    ],
)
def test_a_file_of_faults_that_is_wrong_is_refused(tmp_path, text, words):
    from mock_server.web.faults.rules import load_faults

    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        load_faults(path)


async def test_a_server_without_faults_has_no_hooks_again():
    async with a_world() as world:
        await fault(world, DOWN, times=1)
        await world.http.delete("http://127.0.0.1/_mock/faults")
        assert await statuses(world, 2) == [200, 200]
        assert not world.app.faults._has_rules
