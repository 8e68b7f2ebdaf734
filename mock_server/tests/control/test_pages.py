"""Lists come in pages, the newest first; a page costs the same in a list of any length."""

import pytest

from mock_server.core.accounts import Progression
from mock_server.core.jobs.watch import Watch
from mock_server.tests.control.mock import Mock, a_client
from mock_server.tests.makers import CountingStore, an_account_service
from mock_server.web import listing

WATCH = Watch("http://127.0.0.1:1/", "toy")

LISTS = {
    "accounts": ("id", "/accounts?"),
    "jobs": ("id", "/jobs?"),
    "jobs of one": ("id", "/jobs?account=ready&"),
    "callbacks": ("id", "/callbacks?"),
    "requests": ("id", "/requests?"),
}


async def fill(http, count):
    for number in range(count):
        await http("POST", "/accounts", {"id": f"a{number}"})
        await http.mock.submit(watch=WATCH, progress=Progression.INSTANT)
        await http.vendor("GET", "/toy")


async def pages(http, name, limit):
    key, path = LISTS[name]
    found, before = [], ""
    while True:
        page = await http("GET", f"{path}limit={limit}{before}")
        assert len(page[name.split()[0]]) <= limit
        found += [each[key] for each in page[name.split()[0]]]
        if page["next"] is None:
            return found
        before = f"&before={page['next']}"


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("name", LISTS)
async def test_the_pages_of_a_list_are_the_list(http, name, limit):
    await fill(http, 6)
    whole = await pages(http, name, 1000)

    assert await pages(http, name, limit) == whole
    assert len(whole) == len(set(whole)) == 6 + (name == "accounts")


async def test_new_ones_do_not_move_the_pages_that_follow(http):
    await fill(http, 3)
    first = await http("GET", "/jobs?limit=1")
    await fill_jobs(http, 2)

    rest = await http("GET", f"/jobs?before={first['next']}")

    assert [each["serial"] for each in rest["jobs"]] == [2, 1]


async def fill_jobs(http, count):
    for _ in range(count):
        await http.mock.submit(progress=Progression.INSTANT)


async def test_where_few_fit_a_page_ends_early_and_says_where_the_next_begins(http, monkeypatch):
    monkeypatch.setattr(listing, "MAX_LOOKED_AT", 10)
    failed = await http.mock.submit(progress=Progression.MANUAL)
    await http("POST", f"/jobs/{failed.job.id}/fail", {})
    await fill_jobs(http, 12)

    first = await http("GET", "/jobs?state=failed&limit=1")
    assert first["jobs"] == []
    rest = await http("GET", f"/jobs?state=failed&before={first['next']}")
    assert [each["id"] for each in rest["jobs"]] == [failed.job.id]
    assert rest["next"] is None


@pytest.mark.parametrize("path", ["/jobs", "/callbacks", "/accounts", "/accounts/ready/ledger"])
async def test_a_place_that_is_not_there_is_not_found(http, path):
    problem = await http.problem(404, "GET", f"{path}?before=nothing")

    assert "nothing" in problem["detail"]


async def test_a_page_asks_the_store_as_often_among_many_records_as_among_few():
    asked = []
    for count in (5, 50):
        store = CountingStore()
        async with a_client(Mock(an_account_service(store))) as http:
            await fill(http, count)
            store.counts.clear()
            for name in LISTS:
                await http("GET", f"{LISTS[name][1]}limit=5")
            asked.append(dict(store.counts))

    assert asked[0] == asked[1]
