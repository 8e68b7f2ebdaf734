"""Jobs by hand."""

import pytest

from mock_server.core.accounts import Progression
from mock_server.tests.control.mock import Mock, a_client
from mock_server.tests.makers import NOW, an_account_service


async def test_jobs_are_listed_with_the_newest_first(http):
    await http("POST", "/accounts", {"id": "a"})
    ids = [(await http.mock.submit(id)).job.id for id in ("ready", "a", "ready")]

    jobs = (await http("GET", "/jobs"))["jobs"]

    assert [job["id"] for job in jobs] == ids[::-1]
    assert [job["id"] for job in (await http("GET", "/jobs?account=a"))["jobs"]] == [ids[1]]
    assert [job["id"] for job in (await http("GET", "/jobs?limit=1"))["jobs"]] == [ids[2]]


async def test_a_job_is_shown_as_its_accounts_clock_has_it(http):
    await http("POST", "/accounts", {"id": "a", "clock": {"start": 1000, "frozen": True}})
    id = (await http.mock.submit("a")).job.id
    await http("POST", "/clock/advance", {"seconds": 1000})

    job = await http("GET", f"/jobs/{id}")

    assert (job["state"], job["now"]["at"]) == ("created", 1000)
    assert job["submitted"] == {"at": 1000, "iso": "1970-01-01T00:16:40Z"}
    assert job["submitted"]["at"] < job["starts"]["at"] < job["ends"]["at"]
    assert job["prompt"] == "a lighthouse in the fog"
    assert job["price"] > 0


async def test_jobs_are_filtered_by_the_state_that_they_are_in_now(http):
    first = (await http.mock.submit()).job.id
    await http("POST", "/clock/advance", {"seconds": 1000})
    await http.mock.submit()

    (done,) = (await http("GET", "/jobs?state=succeeded"))["jobs"]

    assert (done["id"], done["done"]) == (first, 1)
    await http.problem(400, "GET", "/jobs?state=done")
    await http.problem(400, "GET", "/jobs?limit=0")


async def test_reading_a_job_here_does_not_count_as_a_poll():
    async with a_client(Mock(an_account_service(progress=Progression.POLLS))) as http:
        id = (await http.mock.submit()).job.id
        for _ in range(10):
            job = await http("GET", f"/jobs/{id}")
            await http("GET", "/jobs")

        assert (job["state"], job["polls"]) == ("created", 0)
        assert job["starts"] is job["ends"] is None


async def test_a_manual_job_advances_from_state_to_state():
    async with a_client(Mock(an_account_service(progress=Progression.MANUAL))) as http:
        id = (await http.mock.submit()).job.id

        states: list[str] = []
        while not states or states[-1] != "succeeded":
            states.append((await http("POST", f"/jobs/{id}/advance"))["state"])

        assert states[-2:] == ["running", "succeeded"]
        await http.problem(409, "POST", f"/jobs/{id}/advance")


async def test_a_manual_job_advances_by_its_seconds():
    async with a_client(Mock(an_account_service(progress=Progression.MANUAL))) as http:
        id = (await http.mock.submit()).job.id

        await http("POST", f"/jobs/{id}/advance", {"seconds": 0.01})
        job = await http("POST", f"/jobs/{id}/advance", {"seconds": 1000})

        assert (job["state"], job["ends"]["at"]) == ("succeeded", NOW)


async def test_a_job_that_time_advances_is_not_advanced_by_hand(http):
    id = (await http.mock.submit()).job.id

    problem = await http.problem(409, "POST", f"/jobs/{id}/advance")

    assert "advance the clock" in problem["detail"]


async def test_any_job_can_be_completed(http):
    id = (await http.mock.submit()).job.id

    job = await http("POST", f"/jobs/{id}/complete")

    assert (job["state"], job["starts"], job["ends"]["at"]) == ("succeeded", None, NOW)
    assert (await http("GET", "/accounts/ready/balance"))["charged"] == job["price"]
    problem = await http.problem(409, "POST", f"/jobs/{id}/fail")
    assert problem["type"].endswith(":already-ended")


@pytest.mark.parametrize(
    ("body", "reason"), [(None, "failed by hand"), ({"reason": "no more paper"}, "no more paper")]
)
async def test_any_job_can_be_failed(http, body, reason):
    id = (await http.mock.submit()).job.id

    job = await http("POST", f"/jobs/{id}/fail", body)

    assert (job["state"], job["reason"]) == ("failed", reason)
    assert (await http("GET", "/accounts/ready/balance"))["balance"] == 100


async def test_unknown_jobs_are_not_found(http):
    await http.problem(404, "GET", "/jobs/1")
    for command in ("advance", "complete", "fail"):
        await http.problem(404, "POST", f"/jobs/1/{command}")
    await http.problem(404, "GET", "/jobs?account=unknown")
