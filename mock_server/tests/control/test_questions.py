"""Questions to the journal: counts, sequences, conditions on requests, near misses, waits."""

import asyncio

import pytest

from mock_server.tests.control.mock import Mock, a_client
from mock_server.tests.tams.world import a_world, text_to_image

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def sent(http, *paths, **headers):
    for path in paths:
        await http.vendor("GET", path, headers=headers)


def steps(*paths):
    return [{"path": path} for path in paths]


@pytest.fixture
async def asked(http):
    """A mock that got three different requests."""
    body = {"stages": [{"type": "DIFFUSION", "steps": 20, "prompts": [{"text": "A red Kite"}]}]}
    await http.vendor("POST", "/toy/jobs", json=body, headers={"user-agent": "sdk/2.1"})
    await http.vendor("GET", "/toy/jobs/job-7?a=b", headers={"x-request-id": "mine"})
    await http.vendor("DELETE", "/toy/tokens", json={"token": 12}, headers={"traceparent": TRACE})
    return http


@pytest.mark.parametrize(
    ("match", "query", "id"),
    [
        ({"headers": {"User-Agent": "sdk/*"}}, "header=user-agent:%20sdk/*", "1"),
        ({"body": {"/stages/0/type": "DIFFUSION"}}, "body=/stages/0/type=DIFFUSION", "1"),
        ({"body": {"/stages/*/steps": 20}}, "body=/stages/*/steps=20", "1"),
        ({"prompt": "red kite"}, "prompt=red%20kite", "1"),
        ({"job": "job-7"}, "job=job-7", "2"),
        ({"token": "12"}, "token=12", "3"),
        ({"path": "/toy/*/job-7"}, "path=*/job-7", "2"),
        ({"operation": "get toy/jobs/job7"}, "operation=GET%20/toy/jobs/job-7", "2"),
        ({"correlationId": "mine"}, "correlationId=mine", "2"),
        ({"correlationId": TRACE}, f"correlationId={TRACE}", "3"),
        ({"correlationId": TRACE[3:35]}, f"correlationId={TRACE[3:35]}", "3"),
    ],
)
async def test_requests_are_found_by_what_is_in_them(asked, match, query, id):
    listed = (await asked("GET", f"/requests?{query}"))["requests"]
    waited = (await asked("POST", "/requests/wait", {**match, "timeout": 0}))["requests"]

    assert [each["id"] for each in listed] == [each["id"] for each in waited] == [f"0000000{id}"]
    assert await asked("POST", "/requests/verify", {**match, "count": 1}) == {
        "matched": 1,
        "dropped": 0,
    }


@pytest.mark.parametrize(
    "match",
    [
        {"headers": {"x-missing": "*"}},
        {"body": {"/stages/0/steps": "20"}},
        {"body": {"/stages": []}},
        {"path": "/toy/job?"},
        {"correlationId": "4bf92f35"},
    ],
)
async def test_what_does_not_fit_is_not_found(asked, match):
    assert await asked("POST", "/requests/verify", {**match, "never": True}) == {
        "matched": 0,
        "dropped": 0,
    }


async def test_operations_have_the_names_of_the_vendor():
    async with a_world() as world:
        await world.call("POST", "/v1/jobs", text_to_image())
        for name in ("CreateJob", "create_job", "POST /v1/jobs"):
            query = {"operation": name}
            answer = await world.http.get("http://127.0.0.1/_mock/requests", params=query)
            assert [each["path"] for each in answer.json()["requests"]] == ["/v1/jobs"], name


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ({"sequence": steps("/a", "/b", "/c")}, True),
        ({"sequence": steps("/a", "/c")}, True),
        ({"sequence": steps("/b", "/a")}, False),
        ({"sequence": steps("/a", "/a", "/b", "/c")}, True),
        ({"sequence": steps("/a", "/a", "/a")}, False),
        ({"sequence": steps("/a", "/b"), "contiguous": True}, True),
        ({"sequence": steps("/a", "/a", "/b"), "contiguous": True}, True),
        ({"sequence": steps("/a", "/c"), "contiguous": True}, False),
        ({"sequence": steps("/a", "/c"), "contiguous": True, "headers": {"x-no": "1"}}, False),
        ({"never": True, "path": "/d"}, True),
        ({"never": True, "path": "/a"}, False),
        ({"never": False, "path": "/a", "count": 2}, True),
    ],
)
async def test_sequences_and_what_never_came_are_verified(http, question, holds):
    await sent(http, "/a", "/a", "/b", "/x", "/c")

    answer = await http.raw("POST", "/requests/verify", question)

    assert answer.status_code == (200 if holds else 409), answer.text


async def test_a_sequence_looks_only_at_the_entries_that_the_other_members_choose(http):
    await sent(http, "/a", **{"x-account": "mine"})
    await sent(http, "/x", **{"x-account": "other"})
    await sent(http, "/b", **{"x-account": "mine"})

    question = {"sequence": steps("/a", "/b"), "contiguous": True}
    await http.problem(409, "POST", "/requests/verify", question)
    assert await http("POST", "/requests/verify", {**question, "account": "mine"}) == {
        "matched": 2,
        "dropped": 0,
    }


async def test_a_sequence_that_breaks_off_says_what_is_missing(http):
    await sent(http, "/b", "/a", "/bb")

    problem = await http.problem(
        409, "POST", "/requests/verify", {"sequence": steps("/a", "/c", "/b")}
    )

    assert problem["matched"] == 1
    assert problem["detail"] == (
        "expected 3 requests in this order, found 1 and then none with path /c, since 00000002"
    )
    assert [each["path"] for each in problem["found"]] == ["/a"]
    assert problem["nearMisses"][0]["differs"] == "path: /bb"

    problem = await http.problem(
        409, "POST", "/requests/verify", {"sequence": steps("/a", "/b", "/b")}
    )
    assert problem["nearMisses"][-1]["differs"] == "since: it was before 00000003"


@pytest.mark.parametrize(
    "question",
    [
        {"count": 1, "never": True},
        {"never": True, "sequence": [{}]},
        {"count": 1, "sequence": [{}]},
        {"contiguous": True},
        {"count": {"atLeast": 2, "atMost": 1}},
    ],
)
async def test_a_question_that_contradicts_itself_is_refused(http, question):
    await sent(http, "/a")
    await http.problem(422, "POST", "/requests/verify", question)
    await http.problem(422, "POST", "/requests/wait", question)


async def test_misspelled_names_are_refused_as_they_prove_no_absence():
    async with a_world() as world:
        for question, hint in (
            ({"never": True, "operation": "CreatJob"}, "did you mean 'CreateJob'?"),
            ({"sequence": [{"operation": "POST /v1/job"}]}, "no operation 'POST /v1/job'"),
            ({"never": True, "surface": "tam"}, "did you mean 'tams'?"),
        ):
            url = "http://127.0.0.1/_mock/requests/verify"
            answer = await world.http.post(url, json=question)
            assert answer.status_code == 422
            assert hint in answer.json()["detail"]
        query = {"surface": "control", "operation": "POST /_mock/requests/verify"}
        answer = await world.http.post(url, json={**query, "count": 3})
        assert answer.json()["matched"] == 3


# Near misses


async def test_near_misses_are_those_of_the_account_that_differ_least(http):
    await sent(http, "/toy/1", **{"x-account": "other"})
    await sent(http, "/toy/1", **{"x-account": "mine", "x-a": "1"})
    await sent(http, "/toy/2", **{"x-account": "mine", "x-a": "1"})
    await sent(http, "/none", **{"x-account": "mine"})

    question = {"account": "mine", "path": "/toy/1", "headers": {"x-a": "2"}, "method": "GET"}
    problem = await http.problem(409, "POST", "/requests/verify", question)

    near = [(each["id"], each["differs"]) for each in problem["nearMisses"]]
    assert near == [
        ("00000002", "header x-a: 1"),
        ("00000004", "path: /none; header x-a: none"),
        ("00000003", "path: /toy/2; header x-a: 1"),
    ]


async def test_requests_that_should_not_have_come_are_shown(http):
    await sent(http, "/a", "/b")

    problem = await http.problem(409, "POST", "/requests/verify", {"never": True, "path": "/a"})

    assert problem["detail"] == "expected exactly 0 requests, found 1 with path /a"
    assert [each["id"] for each in problem["found"]] == ["00000001"]
    assert problem["nearMisses"] == []


async def test_near_misses_show_no_secrets(http):
    await http.vendor(
        "POST",
        "/toy",
        json={"user": {"appSecret": "ABCDEFGHIJ", "name": "x" * 300}, "text": "KLMNOPQRST"},
        headers={"authorization": "Bearer KLMNOPQRST"},
    )
    for match, differs in (
        ({"headers": {"Authorization": "Bearer *X"}}, "header Authorization: Bearer ***"),
        ({"body": {"/user/appSecret": "x"}}, "body /user/appSecret: ***"),
        ({"body": {"/user": "x"}}, 'body /user: {"appSecret": "***", "name": "xxx'),
        ({"prompt": "nothing"}, "prompt: ***"),
        ({"body": {"/missing": "x"}}, "body /missing: none"),
    ):
        problem = await http.problem(409, "POST", "/requests/verify", match)
        assert problem["nearMisses"][0]["differs"].startswith(differs)
        assert len(problem["nearMisses"][0]["differs"]) < 300


async def test_halves_of_characters_in_a_body_can_be_shown(http):
    await http.vendor("POST", "/toy", content=rb'{"a": "\ud800", "prompt": "\ud800"}')

    for match in ({"body": {"/a": "b"}}, {"prompt": "b"}):
        problem = await http.problem(409, "POST", "/requests/verify", match)
        assert "ud800" in problem["nearMisses"][0]["differs"]


async def test_a_body_that_was_cut_proves_nothing(http):
    await http.vendor("POST", "/toy", json={"a": 1, "long": "x" * 1000})
    match = {"method": "POST", "body": {"/a": 1}}

    never = await http.problem(409, "POST", "/requests/verify", {**match, "never": True})
    once = await http.problem(409, "POST", "/requests/verify", match)

    assert "and perhaps 1 more whose bodies were cut" in never["detail"]
    assert once["nearMisses"][0]["differs"] == "body /a: not known, as the journal has cut the body"
    certain = {**match, "path": "/other", "never": True}
    assert await http("POST", "/requests/verify", certain) == {"matched": 0, "dropped": 0}


async def test_requests_that_the_journal_could_not_keep_are_counted():
    async with a_client(Mock(journal={"entries": 2})) as http:
        await sent(http, "/a", "/b", "/c")

        verified = await http("POST", "/requests/verify", {"never": True, "path": "/a"})
        problem = await http.problem(409, "POST", "/requests/verify", {"path": "/a"})

        assert verified == {"matched": 0, "dropped": 1}
        assert problem["detail"].endswith("(1 older requests are no longer in the journal)")
        await http("DELETE", "/requests")
        never = await http("POST", "/requests/verify", {"never": True})
        assert never == {"matched": 0, "dropped": 0}


# Waits


async def test_waiting_ends_when_a_sequence_is_complete(http):
    await sent(http, "/a")
    waiting = asyncio.create_task(
        http("POST", "/requests/wait", {"sequence": steps("/a", "/b"), "timeout": 60})
    )
    await http.until_a_wait_has_begun()

    await sent(http, "/x")
    assert not waiting.done()
    await sent(http, "/b")

    assert [each["path"] for each in (await waiting)["requests"]] == ["/b", "/a"]
    assert http.mock.journal.listeners == set()


async def test_what_comes_while_the_journal_is_read_counts_once_and_last(http):
    await sent(http, *["/old"] * 100)
    waiting = asyncio.create_task(http("POST", "/requests/wait", {"count": 101, "timeout": 60}))
    await http.until_a_wait_has_begun()

    await sent(http, "/new")

    assert [each["path"] for each in (await waiting)["requests"]] == ["/new"] + ["/old"] * 100


@pytest.mark.parametrize("bounds", [{"never": True}, {"count": {"atMost": 0}}])
async def test_waiting_for_nothing_ends_when_something_comes(http, bounds):
    question = {"path": "/a", **bounds}
    waiting = asyncio.create_task(
        http.problem(409, "POST", "/requests/wait", {**question, "timeout": 60})
    )
    await http.until_a_wait_has_begun()
    await sent(http, "/b", "/a")

    assert [each["path"] for each in (await waiting)["found"]] == ["/a"]
    await http.problem(409, "POST", "/requests/wait", {**question, "timeout": 60})
    await http("DELETE", "/requests")
    assert await http("POST", "/requests/wait", {**question, "timeout": 0}) == {
        "next": None,
        "requests": [],
    }


async def test_an_exact_number_is_known_only_at_the_end(http):
    await sent(http, "/a")
    exactly = {"count": {"atLeast": 1, "atMost": 1}, "path": "/a"}

    found = await http("POST", "/requests/wait", {**exactly, "timeout": 0})
    assert len(found["requests"]) == 1
    waiting = asyncio.create_task(
        http.problem(503, "POST", "/requests/wait", {**exactly, "timeout": 60})
    )
    await http.until_a_wait_has_begun()
    http.mock.journal.end_waits()
    assert (await waiting)["matched"] == 1


async def test_calls_of_the_control_api_can_be_waited_for(http):
    question = {"surface": "control", "operation": "GET /_mock/clock", "timeout": 60}
    waiting = asyncio.create_task(http("POST", "/requests/wait", question))
    await http.until_a_wait_has_begun()

    await sent(http, "/_mock/clock")

    assert [each["path"] for each in (await waiting)["requests"]] == ["/_mock/clock"]


# The caller's own ids in answers


@pytest.mark.parametrize("echoes", [False, True])
async def test_ids_of_the_caller_are_sent_back_if_wanted(echoes):
    async with a_world(echo_request_ids=echoes) as world:
        own = {"X-Request-Id": "mine", "traceparent": TRACE}
        answers = [
            await world.http.get("http://127.0.0.1/v1/models/1", headers=own),
            await world.http.get("http://127.0.0.1/nowhere", headers=own),
        ]
        plain = await world.http.get("http://127.0.0.1/v1/models/1")

        for answer in answers:
            sent_back = {name: answer.headers.get(name) for name in own}
            assert sent_back == (own if echoes else dict.fromkeys(own))
        assert not own.keys() & plain.headers.keys()
