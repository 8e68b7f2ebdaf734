"""Resets through the control API."""

import pytest

PARTS = [
    "jobs",
    "credits",
    "uploads",
    "limits",
    "nonces",
    "clock",
    "callbacks",
    "faults",
    "settings",
    "scenarios",
    "requests",
]


async def test_a_reset_of_the_server_leaves_the_ready_made_account(http):
    await http("POST", "/accounts", {"id": "a"})
    await http.mock.submit()
    await http.vendor("GET", "/toy")
    await http("POST", "/clock/advance", {"seconds": 5})

    answer = await http("POST", "/reset")

    assert answer == {"accounts": ["ready"], "parts": PARTS}
    assert (await http("GET", "/jobs"))["jobs"] == []
    assert (await http("GET", "/requests"))["requests"] == []
    assert (await http("GET", "/clock"))["now"] == http.mock.wall
    assert http.mock.forgotten == [None]


async def test_a_reset_of_one_account_leaves_the_others(http):
    await http("POST", "/accounts", {"id": "a"})
    for id in ("a", "ready"):
        await http.mock.submit(id)
        await http.vendor("GET", "/toy", headers={"x-account": id})

    assert (await http("POST", "/reset?account=a"))["accounts"] == ["a"]

    assert [job["account"] for job in (await http("GET", "/jobs"))["jobs"]] == ["ready"]
    assert [entry["account"] for entry in (await http("GET", "/requests"))["requests"]] == ["ready"]
    assert http.mock.forgotten == ["a"]


async def test_only_the_parts_that_are_named_are_reset(http):
    await http("PUT", "/accounts/ready/limits", {"qps": 1})
    await http("PUT", "/accounts/ready/balance", {"balance": 1})
    await http.vendor("GET", "/toy")

    answer = await http("POST", "/reset?only=limits,requests")

    assert answer["parts"] == ["limits", "requests"]
    assert (await http("GET", "/accounts/ready/limits"))["qps"] == 5
    assert (await http("GET", "/accounts/ready/balance"))["balance"] == 1
    assert (await http("GET", "/requests"))["requests"] == []
    assert http.mock.forgotten == []


async def test_a_reset_of_the_requests_leaves_the_accounts_unchanged(http):
    await http("POST", "/accounts", {"id": "a"})
    await http.mock.submit("a")

    answer = await http("POST", "/reset?only=requests")

    assert answer["accounts"] == ["ready", "a"]
    assert len((await http("GET", "/jobs"))["jobs"]) == 1


@pytest.mark.parametrize("query", ["only=job", "only=", "only=jobs,", "only=jobs&only=credits"])
async def test_unknown_parts_are_refused_and_nothing_is_reset(http, query):
    await http.mock.submit()

    problem = await http.problem(400, "POST", f"/reset?{query}")

    assert problem["errors"][0]["parameter"] == "only"
    if "repeated" not in problem["detail"]:
        assert all(part in problem["detail"] for part in PARTS)
    assert len((await http("GET", "/jobs"))["jobs"]) == 1


async def test_a_body_instead_of_the_query_is_refused(http):
    await http.problem(400, "POST", "/reset", {"only": ["jobs"]})
    await http("POST", "/reset", {})


async def test_a_reset_of_an_unknown_account_is_not_found(http):
    await http.problem(404, "POST", "/reset?account=unknown")
