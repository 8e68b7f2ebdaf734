"""Accounts that a scenario makes: steps act on them, and they go with it."""

import json

import pytest

from mock_server.incidents.replay import read_incident, replay
from mock_server.tests.scenarios.test_engine import LIMITS, OVERLOADED, refused, the_run
from mock_server.tests.scenarios.watcher import Watcher, a_watcher

BEGUN = "/scenarios/mine/start"


@pytest.fixture
async def watcher():
    async with a_watcher() as watcher:
        yield watcher


async def add(watcher: Watcher, *steps, accounts=None, start=()):
    spec = {"name": "mine", "accounts": {"other": {}} if accounts is None else accounts}
    await watcher.mock("POST", "/scenarios", spec | {"start": start, "steps": steps})


async def begin(watcher: Watcher, *steps, on="default", **parts):
    """Add a scenario and start it; return the account that it made, or none."""
    await add(watcher, *steps, **parts)
    run = await watcher.mock("POST", f"{BEGUN}?account={on}")
    return run["accounts"].get("other")


async def ids(watcher: Watcher):
    return sorted(each["id"] for each in (await watcher.mock("GET", "/accounts"))["accounts"])


def on_other(action):
    """Return the action, about the other account."""
    ((name, members),) = action.items()
    return {name: members | {"account": "other"}}


async def test_a_start_makes_them_as_they_are_asked_for_and_a_stop_deletes_them(watcher):
    wanted = {"balance": 3, "qps": 7, "accessToken": "token-of-other", "appKey": "key-of-other"}
    settings = {"tams.bad_size": "refuse", "slots": 2}
    other = await begin(watcher, accounts={"other": wanted | {"settings": settings}})

    assert other == await watcher.mock("GET", "/accounts/default-other")
    assert {name: other[name] for name in wanted if name != "qps"} == {
        name: value for name, value in wanted.items() if name != "qps"
    }
    assert (other["limits"]["qps"], other["settings"]) == (7, settings)
    headers = {"authorization": "Bearer token-of-other"}
    assert "unauthorized" not in (await watcher.http.get("/v1/jobs/1", headers=headers)).text

    run = await watcher.stop("mine")
    assert (run["undone"], run["accounts"]) == (["accounts removed: default-other"], {})
    assert await ids(watcher) == ["default"]
    assert "unauthorized" in (await watcher.http.get("/v1/jobs/1", headers=headers)).text
    assert (await watcher.start("mine"))["accounts"]["other"]["accessToken"] == "token-of-other"


async def test_the_same_scenario_runs_on_several_accounts(watcher):
    await add(watcher)
    await watcher.mock("POST", "/accounts", {"id": "ada"})
    for id in ("default", "ada"):
        await watcher.mock("POST", f"{BEGUN}?account={id}")
    assert await ids(watcher) == ["ada", "ada-other", "default", "default-other"]

    await watcher.stop("mine")
    assert await ids(watcher) == ["ada", "ada-other", "default"]


async def test_steps_act_on_the_account_that_they_name(watcher):
    everything = [
        LIMITS,
        OVERLOADED,
        {"put_balance": {"balance": 1}},
        {"rotate_credentials": {"accessToken": "new"}},
        {"patch_account_settings": {"slots": 1}},
        {"freeze_clock": {}},
    ]
    before = await watcher.mock("GET", "/accounts/default")
    other = await begin(watcher, {"at": 30, "do": [on_other(each) for each in everything]})
    await watcher.advance(100)

    now = await watcher.mock("GET", "/accounts/default-other")
    assert [step["problem"] for step in (await the_run(watcher))["steps"]] == [None]
    assert (now["limits"]["qps"], now["balance"], now["accessToken"]) == (3, 1, "new")
    assert now["settings"] == {"slots": 1}
    assert now["clock"]["frozen"]
    assert other["clock"] is None
    (fault,) = (await watcher.mock("GET", "/faults"))["faults"]
    assert fault["account"] == "default-other"
    assert await watcher.mock("GET", "/accounts/default") == before

    await watcher.stop("mine")
    assert (await watcher.mock("GET", "/faults"))["faults"] == []


async def test_steps_wait_for_what_another_account_does(watcher):
    other = await begin(
        watcher,
        {"when": {"account": "other", "job": 2, "state": "submitted"}, "do": [LIMITS]},
        {"after": {"account": "other", "calls": 3}, "do": [{"put_balance": {"balance": 5}}]},
    )
    for _ in range(3):
        await watcher.submit()
    assert [step["done"] for step in (await the_run(watcher))["steps"]] == [None, None]

    for _ in range(3):
        await watcher.submitted_by(other)

    steps = (await the_run(watcher))["steps"]
    assert [step["moment"] for step in steps] == [
        "when job 2 of other is submitted",
        "after 3 calls of any kind by other",
    ]
    account = await watcher.mock("GET", "/accounts/default")
    assert (account["limits"]["qps"], account["balance"]) == (3, 5)


@pytest.mark.parametrize("parts", [[64], [16, 48], [8] * 8, [0.5, 1.5, 30, 32]])
@pytest.mark.parametrize("clock", ["?account=default", ""])
async def test_any_split_of_an_advance_gives_the_same_history_of_all(clock, parts):
    assert await history(clock, parts) == await history(clock, [64])


async def history(clock, parts):
    async with a_watcher() as watcher:
        if clock:
            await watcher.mock("POST", "/clock/freeze?account=default")
        other = await begin(
            watcher,
            {
                "when": {"account": "other", "state": "running"},
                "delay": 2,
                "do": [{"fail_job": {"id": "{job}"}}, {"put_limits": {"qps": 2}}],
            },
            {"at": 20, "do": [on_other({"put_balance": {"balance": 1}})]},
            {"when": {"state": "ended"}, "do": [on_other({"put_balance": {"balance": 2}})]},
        )
        await watcher.submit()
        for _ in range(2):
            await watcher.submitted_by(other)
        fired = []
        for part in parts:
            moved = await watcher.mock("POST", f"/clock/advance{clock}", {"seconds": part})
            fired += moved["fired"]
        events = [(each["at"], each["account"], each["id"], each["state"]) for each in fired]
        assert {each["account"] for each in fired} == {"default", "default-other"}
        ledgers = [
            (await watcher.mock("GET", f"/accounts/{id}/ledger"))["lines"]
            for id in await ids(watcher)
        ]
        return sorted(events), [step["done"] for step in (await the_run(watcher))["steps"]], ledgers


async def test_their_time_is_that_of_the_account(watcher):
    await watcher.mock("POST", "/clock/freeze?account=default")
    other = await begin(watcher)
    before = (await watcher.mock("GET", "/clock?account=default-other"))["now"]
    job = await watcher.submitted_by(other)
    await watcher.mock("POST", "/clock/advance", {"seconds": 50})  # the server's
    assert (await watcher.mock("GET", "/clock?account=default-other"))["now"] == before

    moved = await watcher.mock("POST", "/clock/advance?account=default", {"next": True})
    assert [each["id"] for each in moved["fired"]] == [job]
    moved = await watcher.mock("POST", "/clock/advance?account=default", {"seconds": 100})
    assert (await watcher.mock("GET", "/clock?account=default-other"))["now"] == moved["now"]
    assert (await watcher.mock("GET", f"/jobs/{job}"))["state"] == "succeeded"


# What goes wrong


@pytest.mark.parametrize(
    ("parts", "pointer", "words"),
    [
        ({"accounts": {"Other": {}}}, "#/accounts/Other", "must match"),
        ({"accounts": {f"a{n}": {} for n in range(11)}}, "#/accounts", "at most 10"),
        ({"accounts": {"a": {"clock": {}}}}, "#/accounts/a/clock", "is unknown"),
        ({"accounts": {"a": {"balanse": 1}}}, "#/accounts/a/balanse", "did you mean 'balance'"),
        ({"accounts": {"a": {"publicKey": "x"}}}, "#/accounts/a/publicKey", "cannot be read"),
        (
            {"accounts": {"a": {"settings": {"tams": {"bad_siz": 1}}}}},
            "#/accounts/a/settings/tams/bad_siz",
            "did you mean",
        ),
        (
            {"accounts": {"other": {}}, "start": [{"put_limits": {"qps": 1, "account": "othr"}}]},
            "#/start/0/put_limits/account",
            "is no account of the scenario; did you mean 'other'",
        ),
        (
            {"steps": [{"when": {"account": "b", "state": "ended"}, "do": [LIMITS]}]},
            "#/steps/0/when/account",
            "'b' is no account of the scenario",
        ),
    ],
)
async def test_wrong_accounts_are_refused_with_the_place(watcher, parts, pointer, words):
    status, problem = await refused(watcher, "POST", "/scenarios", {"name": "a"} | parts)

    assert status in (400, 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert words in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ({"first": {}, "other": {"id": "default"}}, "there is an account 'default' already"),
        ({"first": {}, "other": {"accessToken": "mock-token-0001"}}, "has the credential token"),
        ({"a": {"id": "same"}, "b": {"id": "same"}}, "there is an account 'same' already"),
    ],
)
async def test_a_start_that_is_refused_makes_no_account(watcher, accounts, words):
    await add(watcher, accounts=accounts)
    status, problem = await refused(watcher, "POST", BEGUN)

    assert (status, words in problem["detail"]) == (409, True)
    assert await ids(watcher) == ["default"]
    assert (await watcher.mock("GET", "/scenarios/mine"))["runs"] == []


async def test_a_second_start_makes_no_account(watcher):
    await begin(watcher)
    await watcher.mock("DELETE", "/accounts/default-other")
    assert (await refused(watcher, "POST", BEGUN))[0] == 409
    assert await ids(watcher) == ["default"]


async def test_a_server_that_keeps_few_accounts_makes_room_or_refuses():
    async with a_watcher(keep_accounts=2) as watcher:
        await watcher.mock("POST", "/accounts", {"id": "old"})
        await begin(watcher)
        assert await ids(watcher) == ["default", "default-other"]
        await watcher.stop("mine")

        await add(watcher, accounts={"a": {}, "b": {}})
        status, problem = await refused(watcher, "POST", BEGUN)
        assert (status, "keeps at most 2 accounts" in problem["detail"]) == (409, True)
        assert await ids(watcher) == ["default"]


async def test_an_account_of_a_scenario_has_none_of_its_own(watcher):
    await begin(watcher)
    status, problem = await refused(
        watcher, "POST", "/scenarios/429-storm/start?account=default-other"
    )
    assert (status, "belongs to the scenario of account default" in problem["detail"]) == (
        409,
        True,
    )


async def test_a_step_about_an_account_that_was_deleted_is_a_problem_of_the_step(watcher):
    await begin(watcher, {"at": 5, "do": [on_other(LIMITS)]})
    await watcher.mock("DELETE", "/accounts/default-other")
    await watcher.mock("POST", "/accounts", {"id": "default-other"})
    await watcher.advance(10)

    (step,) = (await the_run(watcher))["steps"]
    assert step["problem"] == "put_limits: there is no account of this scenario 'other'"
    assert (await the_run(watcher))["accounts"] == {}
    await watcher.stop("mine")
    assert await ids(watcher) == ["default", "default-other"]


# What ends it


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/reset?only=scenarios"),
        ("POST", "/reset?account=ada"),
        ("POST", "/reset?only=clock&account=ada"),
        ("DELETE", "/accounts/ada"),
    ],
)
async def test_what_ends_the_scenario_deletes_them(watcher, method, path):
    await watcher.mock("POST", "/accounts", {"id": "ada"})
    await begin(watcher, on="ada")
    await watcher.mock(method, path)

    assert "ada-other" not in await ids(watcher)
    assert watcher.app.accounts.scenarios.running == {}


async def test_a_reset_of_one_of_them_does_not_end_it(watcher):
    await begin(watcher, {"at": 5, "do": [on_other(LIMITS)]})
    await watcher.mock("POST", "/reset?account=default-other")
    await watcher.advance(10)
    assert (await watcher.mock("GET", "/accounts/default-other"))["limits"]["qps"] == 3


async def test_a_saved_server_goes_on_with_them(watcher):
    await begin(watcher, {"at": 30, "do": [on_other(LIMITS)]})
    state = await watcher.mock("GET", "/state")
    await watcher.stop("mine")
    await watcher.mock("PUT", "/state", state)
    await watcher.advance(60)

    assert (await watcher.mock("GET", "/accounts/default-other"))["limits"]["qps"] == 3
    await watcher.stop("mine")
    assert await ids(watcher) == ["default"]


async def test_a_state_from_before_takes_them_away(watcher):
    await add(watcher)
    state = await watcher.mock("GET", "/state?account=default")
    await watcher.start("mine")
    loaded = await watcher.mock("PUT", "/state?account=default", state)

    assert (loaded["deleted"], await ids(watcher)) == (["default-other"], ["default"])
    await watcher.start("mine")


async def test_a_fork_has_none_of_them(watcher):
    await begin(watcher, {"at": 5, "do": [on_other(LIMITS)]})
    fork = await watcher.mock("POST", "/state/fork?account=default", {"id": "copy"})
    assert fork["notes"] == ["the accounts that its scenario made are not copied"]

    await watcher.mock("POST", "/scenarios/mine/stop?account=copy")
    assert await ids(watcher) == ["copy", "default", "default-other"]


async def test_an_incident_replays_them():
    async with a_watcher(recorded_bytes=10**7) as watcher:
        step = {"after": {"account": "other", "calls": 2}, "do": [{"put_balance": {"balance": 1}}]}
        other = await begin(watcher, step, accounts={"other": {"accessToken": "my-own-token"}})
        for _ in range(3):
            await watcher.submitted_by(other)
            await watcher.submit()
        await watcher.stop("mine")
        await watcher.mock("POST", "/accounts", {"id": "noise"})
        for body in ({}, {"account": "default"}):
            incident = await watcher.mock("POST", "/incident", body)
            text = json.dumps(incident)
            assert "my-own-token" not in text
            answers = [each["answer"]["status"] for each in incident["steps"]]
            report = await replay(read_incident(text.encode()))

            assert answers.count(400) == 1  # The credits are gone.
            assert (report.differences, report.notes) == ([], [])
