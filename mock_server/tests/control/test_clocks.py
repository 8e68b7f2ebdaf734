"""Virtual time through the control API."""

import pytest

from mock_server.tests.control.mock import Mock, a_client
from mock_server.tests.makers import NOW, an_account_service

ISO = "2025-06-15T15:06:40Z"  # of NOW


async def test_the_clock_shows_its_time_in_seconds_and_as_iso(http):
    assert await http("GET", "/clock") == {
        "account": None,
        "own": False,
        "now": NOW,
        "iso": ISO,
        "rate": 0.0,
        "frozen": True,
        "accountsWithOwnClock": 0,
    }


async def test_time_is_advanced_by_seconds_to_a_moment_or_to_a_date(http):
    assert (await http("POST", "/clock/advance", {"seconds": 2.5}))["now"] == NOW + 2.5
    assert (await http("POST", "/clock/advance", {"to": NOW + 10}))["now"] == NOW + 10
    moved = await http("POST", "/clock/advance", {"to": "2025-06-15T17:06:55+02:00"})
    assert moved["now"] == NOW + 15
    assert moved["iso"] == "2025-06-15T15:06:55Z"


async def test_advancing_answers_what_happened_in_order(http):
    job = (await http.mock.submit()).job

    fired = (await http("POST", "/clock/advance", {"seconds": 1000}))["fired"]

    assert [event["state"] for event in fired] == ["waiting", "running", "succeeded"]
    assert {(event["account"], event["job"]) for event in fired} == {("ready", job.id)}
    assert [event["at"] for event in fired] == sorted(event["at"] for event in fired)
    assert all(event["iso"].endswith("Z") for event in fired)


async def test_next_goes_from_one_event_to_the_next(http):
    await http.mock.submit()

    states = []
    for _ in range(3):
        moved = await http("POST", "/clock/advance", {"next": True})
        (event,) = moved["fired"]
        assert event["at"] == moved["now"]
        states.append(event["state"])

    assert states == ["waiting", "running", "succeeded"]
    still = await http("POST", "/clock/advance", {"next": True})
    assert (still["fired"], still["now"]) == ([], moved["now"])


@pytest.mark.parametrize(
    "body", [{}, {"seconds": 1, "next": True}, {"next": False}, {"seconds": -1}, {"to": "noon"}]
)
async def test_an_invalid_advance_is_refused(http, body):
    await http.problem(400, "POST", "/clock/advance", body)


async def test_time_never_runs_back(http):
    before = {"now": NOW - 1}
    await http.problem(409, "PUT", "/clock", before)
    await http.problem(409, "POST", "/clock/advance", {"to": NOW - 1})
    await http.problem(409, "POST", "/clock/advance", {"seconds": 32_000_000_000})

    assert (await http("GET", "/clock"))["now"] == NOW


async def test_the_clock_is_set_with_time_rate_or_both(http):
    set_to = await http("PUT", "/clock", {"now": "2026-01-01T00:00:00Z", "rate": 60})
    assert (set_to["iso"], set_to["rate"]) == ("2026-01-01T00:00:00Z", 60)

    http.mock.wall += 2
    assert (await http("GET", "/clock"))["now"] == set_to["now"] + 120
    await http("PUT", "/clock", {"rate": 0})
    http.mock.wall += 2
    assert (await http("GET", "/clock"))["now"] == set_to["now"] + 120
    await http.problem(400, "PUT", "/clock", {})


async def test_a_frozen_clock_resumes_at_its_earlier_rate(http):
    await http("PUT", "/clock", {"rate": 60})
    await http("POST", "/clock/freeze")
    await http("POST", "/clock/freeze")
    await http("POST", "/clock/advance", {"seconds": 5})

    assert (await http("POST", "/clock/resume"))["rate"] == 60
    assert (await http("POST", "/clock/resume"))["rate"] == 60
    assert (await http("POST", "/clock/resume", {"rate": 2}))["rate"] == 2


async def test_a_clock_that_began_frozen_resumes_at_rate_one(http):
    assert (await http("POST", "/clock/resume"))["rate"] == 1


async def test_freezing_stops_time_where_it_is():
    async with a_client(Mock(an_account_service(rate=10))) as http:
        http.mock.wall += 1
        assert (await http("POST", "/clock/freeze"))["now"] == NOW + 10
        http.mock.wall += 1
        assert (await http("GET", "/clock"))["now"] == NOW + 10


async def test_accounts_with_their_own_clock_do_not_follow_the_servers(http):
    await http("POST", "/accounts", {"id": "own", "clock": {"start": 1000, "frozen": True}})
    await http("POST", "/accounts", {"id": "follower"})

    moved = await http("POST", "/clock/advance", {"seconds": 60})

    assert moved["accountsWithOwnClock"] == 1
    assert (await http("GET", "/clock?account=own"))["now"] == 1000
    assert (await http("GET", "/clock?account=follower"))["now"] == NOW + 60


async def test_an_account_whose_clock_is_moved_has_its_own_from_then_on(http):
    await http("POST", "/accounts", {"id": "a"})
    assert (await http("GET", "/clock?account=a"))["own"] is False

    moved = await http("POST", "/clock/advance?account=a", {"seconds": 5})

    assert (moved["account"], moved["own"], moved["now"]) == ("a", True, NOW + 5)
    assert (await http("GET", "/clock"))["now"] == NOW


async def test_the_clock_of_an_unknown_account_is_not_found(http):
    await http.problem(404, "GET", "/clock?account=unknown")
    await http.problem(404, "POST", "/clock/advance?account=unknown", {"seconds": 1})
    await http.problem(400, "GET", "/clock?account=")
    await http.problem(400, "GET", "/clock?account=a&account=b")
    problem = await http.problem(400, "GET", "/clock?acount=a")
    assert problem["errors"] == [
        {"parameter": "acount", "detail": "is unknown; did you mean 'account'?"}
    ]
