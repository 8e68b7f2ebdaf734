"""A proxy before a second mock: clients of both vendors work, faults and limits as well."""

import json
import time
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from mock_server.core.accounts import LimitMode, Progression
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tams import signature as tams
from mock_server.tams.key_pairs import key_pair
from mock_server.tests.tams import graphs
from mock_server.tests.tams.world import text_to_image
from mock_server.web.pictures import Recipe, render
from mock_server.workshop import signature as workshop


def signs_tams(app_id="mockApp01", key=0):
    """Return what signs a request of httpx with a test key."""

    def auth(request):
        value = tams.sign(
            key_pair(key).private_pem, app_id, request.method, request.url.raw_path,
            request.read(), timestamp=int(time.time()), nonce="n",
        )  # fmt: skip
        request.headers["authorization"] = value
        return request

    return auth


def signs_workshop(key="204800001", secret="mock-secret-0001"):
    def auth(request):
        headers = {name: request.headers.get(name, "") for name in ("content-type", "accept")}
        signed = workshop.sign(
            secret, key, request.method, request.url.raw_path, request.read(),
            timestamp_ms=int(time.time() * 1000), nonce=uuid4().hex,
            content_type=headers["content-type"], accept=headers["accept"],
        )  # fmt: skip
        request.headers.update({name: value for name, value in signed.items() if value})
        return request

    return auth


def bears(token):
    def auth(request):
        request.headers["authorization"] = f"Bearer {token}"
        return request

    return auth


TAMS = signs_tams()
WORKSHOP = signs_workshop()
PICTURE = render(Recipe("a brass key", seed=3, width=64, height=48))


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def upstream(state):
    settings = Settings(
        port=0, rate_limit=LimitMode.OFF, state_dir=state, progress=Progression.INSTANT
    )
    with serve_in_thread(settings) as server:
        yield server


@pytest.fixture
def proxied(upstream, state):
    """Return a maker of clients of new proxies."""

    @contextmanager
    def proxy(**changes):
        known: dict[str, Any] = {
            "port": 0,
            "upstream": upstream.url,
            "allow_spending": True,
            "rate_limit": LimitMode.OFF,
            "state_dir": state,
        }
        with (
            serve_in_thread(Settings(**known | changes)) as server,
            httpx.Client(base_url=server.url) as client,
        ):
            yield client

    return proxy


def journal(client):
    return client.get("/_mock/requests").json()["requests"]


@pytest.mark.parametrize("auth", [TAMS, bears("mock-token-0001")], ids=["signed", "token"])
def test_a_job_is_made_polled_and_its_picture_downloaded(proxied, upstream, auth):
    with proxied(rewrite_urls=True) as client:
        job = client.post("/v1/jobs", json=text_to_image(), auth=auth).json()["job"]
        done = client.get(f"/v1/jobs/{job['id']}", auth=auth).json()["job"]
        url = done["successInfo"]["images"][0]["url"]
        picture = client.get(url)
        entries = journal(client)

    assert done["status"] == "SUCCESS"
    assert url.startswith(str(client.base_url))
    direct = httpx.get(url.replace(str(client.base_url), upstream.url))
    assert picture.content == direct.content
    assert picture.headers["content-type"] == "image/png"
    assert [each["operation"] for each in reversed(entries)][:2] == [
        "POST /v1/jobs",
        "GET /v1/jobs/{job_id}",
    ]
    assert all(each["decided"] == {"passed": True} for each in entries)


def test_a_picture_is_uploaded_to_the_url_that_the_upstream_gives(proxied):
    with proxied(rewrite_urls=True) as client:
        place = client.post("/v1/resource/image", json={}, auth=TAMS).json()
        answer = client.put(place["putUrl"], content=PICTURE, headers=place["headers"])
        described = client.post(
            "/v1/img2prompt", json={"resourceId": place["resourceId"]}, auth=TAMS
        )

    assert place["putUrl"].startswith(str(client.base_url))
    assert answer.json() == {"Status": "OK"}
    assert described.json()["prompts"]


def test_a_session_is_opened_and_a_task_is_made(proxied, upstream):
    def call(operation, **body):
        answer = client.post(f"/scc/{operation}", json=body, auth=WORKSHOP).json()
        assert answer["status"] == 10, answer
        return answer["data"]

    with proxied() as client:
        token = call("allocate_token", name="ada")["apiToken"]
        session = call("spRefreshOrCreateSession", apiToken=token)
        task = call("sd_txt2img", prompt="a paper boat", width=512, height=512)["taskId"]
        result = call("sd_get_result", taskId=task)

    assert session["sessionUrl"].startswith(upstream.url)
    assert httpx.get(session["sessionUrl"]).status_code == 200
    assert httpx.get(result["images"][0]).content.startswith(b"\x89PNG")


def test_what_the_upstream_refuses_is_passed_back(proxied):
    with proxied() as client:
        wrong = client.get("/v1/jobs/1", auth=signs_tams(key=1))
        unknown = client.get("/v1/jobs/1", auth=TAMS)
        nowhere = client.get("/unheard-of")
        method = client.patch("/v1/jobs", json={}, auth=TAMS)
        workshop = client.post("/scc/spQueryToken", json={"apiToken": "x"})

    assert (wrong.status_code, wrong.json()["message"]) == (401, "unauthorized")
    assert (unknown.status_code, unknown.json()["message"]) == (404, "job not found")
    assert nowhere.status_code == 404
    assert method.status_code == 405
    assert "x-ca-error-message" in workshop.headers


# Faults, limits, the journal


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", "reset|disconnected|^$"),
        ("empty", "disconnected without sending"),
        ("garbage", "illegal|invalid"),
        ("half", "complete message body"),
        ("wrong-length", "complete message body"),
    ],
)
def test_a_broken_connection_is_the_proxys_and_the_job_is_made(proxied, upstream, kind, error):
    body = text_to_image() | {"requestId": f"broken by {kind}"}
    with proxied() as client:
        rule = {
            "fault": {"kind": kind},
            "match": {"operation": "CreateJob"},
            "moment": "after",
            "times": 1,
        }
        client.post("/_mock/faults", json=rule).raise_for_status()
        with pytest.raises(httpx.TransportError, match=error):
            client.post("/v1/jobs", json=body, auth=TAMS)
        made = httpx.get(f"{upstream.url}/_mock/jobs").json()["jobs"]
        again = client.post("/v1/jobs", json=body, auth=TAMS).json()["job"]
        entries = journal(client)

    assert again["id"] == made[0]["id"]  # The first call made it.
    assert "(after the work)" in entries[1]["remarks"][0]


def test_faults_change_answers_of_the_upstream(proxied):
    with proxied() as client:
        answers = [
            client.post("/v1/jobs", json=text_to_image(), auth=TAMS, headers={"x-mock-fault": each})
            for each in ("missing; pointer=/job/credits", "truncated-json", "credits-short", "503")
        ]
        marked = client.post(
            "/v1/jobs", json=text_to_image(prompts=[{"text": "a kite [mock:418]"}]), auth=TAMS
        )

    assert answers[0].json()["job"].keys() == {"id", "status"}
    with pytest.raises(json.JSONDecodeError):
        answers[1].json()
    assert "credits" in answers[2].text
    assert [each.status_code for each in answers] == [200, 200, 400, 503]
    assert marked.status_code == 418


def test_pictures_can_be_broken_on_the_way(proxied, upstream):
    with proxied(rewrite_urls=True) as client:
        job = client.post("/v1/jobs", json=text_to_image(), auth=TAMS).json()["job"]
        done = client.get(f"/v1/jobs/{job['id']}", auth=TAMS).json()["job"]
        url = done["successInfo"]["images"][0]["url"]
        rule = {"fault": {"kind": "corrupt"}, "match": {"path": "/resource-upload/*"}}
        client.post("/_mock/faults", json=rule).raise_for_status()
        broken = client.get(url).content
        client.delete("/_mock/faults").raise_for_status()
        whole = client.get(url).content

    assert len(broken) == len(whole)
    assert broken != whole


@pytest.mark.parametrize("kind", ["plan", "not-yet", "callback"])
def test_faults_of_jobs_are_refused_because_the_jobs_are_elsewhere(proxied, kind):
    fault = {"kind": kind} | ({"how": "lost"} if kind == "callback" else {})
    with proxied() as client:
        rule = client.post("/_mock/faults", json={"fault": fault})
        asked = client.get("/v1/jobs/1", headers={"x-mock-fault": kind})

    assert rule.status_code == 422
    assert rule.json()["detail"] == f"fault: can never act: {kind} needs jobs of this server"
    assert asked.status_code == 400


def test_the_limit_protects_the_upstream_in_the_vendors_form(proxied):
    with proxied(rate_limit=LimitMode.ON) as client:
        limits = {"qps": 2, "window": 3600}
        client.put("/_mock/accounts/default/limits", json=limits).raise_for_status()
        answers = [client.get("/v1/jobs/1", auth=TAMS) for _ in range(3)]
        client.put("/_mock/clock/freeze")
        client.post("/_mock/clock/advance", json={"seconds": 7200}).raise_for_status()
        still = client.get("/v1/jobs/1", auth=TAMS)
        workshop = client.post("/scc/spQueryToken", json={"apiToken": "x"}, auth=WORKSHOP)
        entries = journal(client)

    assert [each.status_code for each in answers] == [404, 404, 429]
    assert answers[2].json()["code"] == 8
    assert still.status_code == 429  # The upstream's time goes on as before.
    assert workshop.headers["x-ca-error-code"].startswith("T429")
    assert entries[0]["decided"] is None
    assert "2 of 2 calls (upstream) within 3600 s are used" in entries[0]["refusal"]
    assert " s of real time" in entries[0]["refusal"]


def test_the_journal_is_exported_as_har_without_secrets(proxied):
    with proxied() as client:
        client.get("/v1/jobs/1", auth=bears("mock-token-0001"))
        har = client.get("/_mock/requests.har")

    (entry,) = har.json()["log"]["entries"]
    assert entry["response"]["status"] == 404
    assert "job not found" in entry["response"]["content"]["text"]
    assert entry["_decided"] == {"passed": True}
    assert "mock-token-0001" not in har.text


# Credentials


def test_calls_are_signed_again_with_the_upstreams_credentials(proxied, upstream, state):
    made = httpx.post(f"{upstream.url}/_mock/accounts", json={}).json()
    key = state / "upstream.pem"
    key.write_text(made["privateKey"])
    other = {"upstream_app_id": made["appId"], "upstream_private_key_file": key}
    other |= {"upstream_app_key": made["appKey"], "upstream_app_secret": made["appSecret"]}
    wrong = signs_tams("elsewhere", 5)

    with proxied(**other) as client:
        job = client.post("/v1/jobs", json=text_to_image(), auth=wrong)
        plain = client.post("/scc/allocate_token", content=b"", headers={"accept": "*/*"})
        odd = client.post(
            "/scc/allocate_token?a=1&b=%20x",
            content=b"name=a+b&x=",
            headers={"content-type": "application/x-www-form-urlencoded", "date": "yesterday"},
            auth=signs_workshop("1", "2"),
        )
        har = client.get("/_mock/requests.har").text

    jobs = httpx.get(f"{upstream.url}/_mock/jobs", params={"account": made["id"]}).json()["jobs"]
    assert [each["id"] for each in jobs] == [job.json()["job"]["id"]]
    assert plain.json()["status"] == 10
    assert "x-ca-error-code" not in odd.headers
    assert made["appSecret"] not in har


def test_a_bearer_token_replaces_the_clients(proxied, upstream):
    made = httpx.post(f"{upstream.url}/_mock/accounts", json={}).json()

    with proxied(upstream_token=made["accessToken"]) as client:
        job = client.post("/v1/jobs", json=text_to_image())
        settings = client.get("/_mock/settings").text

    jobs = httpx.get(f"{upstream.url}/_mock/jobs", params={"account": made["id"]}).json()["jobs"]
    assert [each["id"] for each in jobs] == [job.json()["job"]["id"]]
    assert made["accessToken"] not in settings


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}], ids=str
)
def test_pages_of_other_sites_cannot_use_the_credentials(proxied, headers):
    with proxied(upstream_token="mock-token-0001") as client:
        refused = client.post("/v1/jobs", json=text_to_image(), headers=headers)
    with proxied() as client:
        own = client.post("/v1/jobs", json=text_to_image(), headers=headers, auth=TAMS)

    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert own.status_code == 200


# Money


def test_nothing_is_spent_unless_it_is_allowed(proxied):
    tasks = ("sd_txt2img", "sd_img2img", "comfy_prompt", "spCreateSession", "spRefreshSession")
    paths = ["/v1/jobs", "/v1/jobs/workflow", "/v1/jobs/workflow/template"]
    paths += [f"/scc/{each}" for each in tasks] + ["/v2/images/async/create"]

    with proxied(allow_spending=False) as client:
        refused = [client.post(path, json={}) for path in paths]
        refused += [client.get(path) for path in paths[:-1]]
        free = client.post("/v1/jobs/credits", json=text_to_image(), auth=TAMS)
        entries = journal(client)

    for answer in refused:
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:tams-mock:problem:spending-refused"
        assert "--allow-spending" in answer.json()["message"]
    assert free.json() == {"credits": 0.6}
    assert entries[1]["decided"] == {"passed": False}
    assert "--allow-spending" in entries[1]["refusal"]


def test_a_budget_is_spent_by_the_documented_prices_and_then_refuses(proxied, upstream):
    with proxied(max_credits="1.3") as client:
        odd = client.post("/v1/jobs", content=b"no json", auth=TAMS)
        taken = [client.post("/v1/jobs", json=text_to_image(), auth=TAMS) for _ in range(3)]
        session = client.post("/scc/sd_txt2img", json={"prompt": "a"}, auth=WORKSHOP)
        entries = journal(client)
        shown = client.get("/_mock/proxy").json()

    assert "what the call costs is not known: body: " in odd.json()["detail"]
    assert [each.status_code for each in taken] == [200, 200, 403]
    assert "0.6 credits, and 0.1 of --max-credits 1.3" in taken[2].json()["detail"]
    assert "no price" in session.json()["detail"]
    assert entries[2]["decided"] == {"passed": True, "credits": 0.6}
    assert shown == {
        "upstream": upstream.url,
        "allowSpending": True,
        "maxCredits": 1.3,
        "spent": 1.2,
    }


def test_graphs_count_unless_their_price_is_not_known(proxied):
    graph = graphs.text_to_image()
    odd = graph | {"99": graphs.node("SamplerOfSomebody")}
    template = {"templateId": "1", "fields": {"fieldAttrs": []}}
    with proxied(max_credits="100") as client:
        paths = ("/v1/jobs/workflow", "/v1/jobs/workflow", "/v1/jobs/workflow/template")
        bodies = ({"params": graph}, {"params": odd}, template)
        known, unknown, foreign = (
            client.post(path, json=body, auth=TAMS)
            for path, body in zip(paths, bodies, strict=True)
        )
        spent = client.get("/_mock/proxy").json()["spent"]

    assert (known.status_code, spent) == (200, known.json()["job"]["credits"])
    assert "no price" in unknown.json()["detail"]
    assert (
        "what the call costs is not known: workflow template not found" in foreign.json()["detail"]
    )


def test_what_the_upstream_refuses_leaves_the_budget_as_it_is(proxied):
    with proxied(max_credits="0.6") as client:
        unsigned = client.post("/v1/jobs", json=text_to_image())
        signed = client.post("/v1/jobs", json=text_to_image(), auth=TAMS)

    assert (unsigned.status_code, signed.status_code) == (401, 200)
