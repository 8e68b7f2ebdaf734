"""How scenarios run: steps act at their moments and events, and a stop undoes what they set."""

import asyncio
import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from mock_server.core.clock import Clock
from mock_server.core.errors import Conflict, DomainError
from mock_server.core.unit_of_work import ServerClock
from mock_server.incidents.replay import read_incident, replay
from mock_server.tests.makers import HesitatingStore
from mock_server.tests.scenarios.watcher import Watcher, a_watcher
from mock_server.tests.tams.world import NOW, text_to_image
from mock_server.web.wall import wall

LIMITS = {"put_limits": {"qps": 3}}
POOR = {"put_balance": {"balance": 1, "reason": "poor"}}
OVERLOADED = {
    "create_fault": {
        "match": {"operation": "GetJob"},
        "fault": {"kind": "refusal", "name": "overloaded"},
    }
}


@pytest.fixture
async def watcher():
    async with a_watcher() as watcher:
        yield watcher


async def begin(watcher: Watcher, *steps, start=(), name="mine"):
    """Add a scenario and start it."""
    await watcher.mock("POST", "/scenarios", {"name": name, "start": start, "steps": steps})
    return await watcher.start(name)


async def the_run(watcher: Watcher, name="mine"):
    (run,) = (await watcher.mock("GET", f"/scenarios/{name}"))["runs"]
    return run


async def refused(watcher: Watcher, method, path, body=None):
    answer = await watcher.http.request(method, f"/_mock{path}", json=body)
    return answer.status_code, answer.json()


# Moments


async def test_a_step_acts_at_its_moment_whatever_is_advanced_at_once(watcher):
    await begin(watcher, {"at": 30, "do": [POOR]}, {"at": "1 m", "do": [LIMITS]})
    began = (await the_run(watcher))["began"]["at"]

    fired = (await watcher.advance(100))["fired"]
    ledger = (await watcher.mock("GET", "/accounts/default/ledger"))["lines"]

    assert [(each["at"] - began, each["kind"], each["id"], each["state"]) for each in fired] == [
        (30, "scenario", "mine/1", "done"),
        (60, "scenario", "mine/2", "done"),
    ]
    assert (ledger[0]["note"], ledger[0]["at"] - began) == ("poor", 30)
    steps = (await the_run(watcher))["steps"]
    assert [(step["moment"], step["done"]["at"] - began) for step in steps] == [
        ("at 30 s", 30),
        ("at 60 s", 60),
    ]


MOMENTS = st.one_of(
    st.fixed_dictionaries({"at": st.integers(0, 80).map(lambda tenths: tenths / 10)}),
    st.fixed_dictionaries(
        {
            "when": st.fixed_dictionaries(
                {
                    "job": st.integers(1, 3),
                    "state": st.sampled_from(["waiting", "running", "succeeded", "ended"]),
                }
            ),
            "delay": st.sampled_from([0, 0.25, 1]),
        }
    ),
)
DEEDS = st.sampled_from(
    [
        {"put_balance": {"topUp": 5}},
        {"put_limits": {"qps": 7}},
        {"fail_job": {"id": "{job}"}},
        {"plan_job": {"id": "{job}", "factor": 2}},
        {"advance_clock": {"seconds": 1.5}},
        {"rotate_credentials": {"accessToken": True}},
    ]
)
STEPS = st.lists(
    st.tuples(MOMENTS, st.lists(DEEDS, min_size=1, max_size=2)).filter(
        lambda step: "when" in step[0] or "{job}" not in json.dumps(step[1])
    ),
    min_size=1,
    max_size=4,
)


async def history(steps, parts):
    """Return what happened to an account while its clock was moved in parts."""
    async with a_watcher() as watcher:
        await watcher.mock("POST", "/clock/freeze?account=default")
        await begin(watcher, *({**moment, "do": deeds} for moment, deeds in steps))
        for _ in range(3):
            await watcher.submit()
        fired = []
        for part in parts:
            path = "/clock/advance?account=default"
            fired += (await watcher.mock("POST", path, {"seconds": part}))["fired"]
        run = await the_run(watcher)
        return (
            [(each["at"], each["id"], each["state"]) for each in fired],
            [(step["done"], step["problem"]) for step in run["steps"]],
            [(job["state"], job["ends"]) for job in await watcher.jobs()],
            (await watcher.mock("GET", "/accounts/default/ledger"))["lines"],
        )


# Eighths add up exactly.
@settings(max_examples=15)
@given(STEPS, st.lists(st.integers(0, 60).map(lambda eighths: eighths / 8), max_size=5))
def test_any_split_of_an_advance_gives_the_same_history(steps, parts):
    async def both():
        at_once = await history(steps, [sum(parts)])
        assert await history(steps, parts) == at_once

    asyncio.run(both())


async def test_next_stops_at_a_step(watcher):
    await begin(watcher, {"at": 30, "do": [LIMITS]})

    moved = await watcher.mock("POST", "/clock/advance", {"next": True})

    assert moved["now"] == (await the_run(watcher))["began"]["at"] + 30
    assert [each["id"] for each in moved["fired"]] == ["mine/1"]


async def test_a_step_may_move_the_clock_of_an_account(watcher):
    await begin(watcher, {"at": 10, "do": [{"advance_clock": {"seconds": 1000}}]})
    before = (await the_run(watcher))["began"]["at"]

    await watcher.advance(20)
    clock = await watcher.mock("GET", "/clock?account=default")

    assert (clock["own"], clock["now"]) == (True, before + 1020)


@pytest.mark.parametrize(
    ("deed", "shown"),
    [
        ({"freeze_clock": {}}, 30),
        ({"put_clock": {"rate": 10}}, 30 + 70 * 10),
        ({"put_clock": {"now": NOW + 50}}, 50 + 70),
        ({"advance_clock": {"seconds": 5}}, 105),
        ({"advance_clock": {"next": True}}, 60 + 70),
    ],
)
@pytest.mark.parametrize("late", ["a look", "another rate"])
async def test_a_clock_changes_at_the_moment_of_the_step(watcher, deed, shown, late):
    """Not when somebody looks, nor where the server's clock changes meanwhile."""
    await begin(watcher, {"at": 30, "do": [deed]}, {"at": 60, "do": [LIMITS]})
    accounts, began = watcher.app.accounts, wall()
    await accounts.change_clock(None, began, lambda clock: clock.with_rate(began, 1))
    if late == "another rate":
        await accounts.change_clock(None, began + 80, lambda clock: clock.with_rate(began + 80, 5))

    async with accounts.act("default", began + 100) as world:
        assert world.now - NOW == pytest.approx(shown)
    limited = (await watcher.mock("GET", "/accounts/default"))["limits"]["qps"] == 3
    assert limited is (shown >= 60)


async def test_a_step_acts_before_a_look_at_the_clock(watcher):
    await begin(watcher, {"at": 30, "do": [{"freeze_clock": {}}]})
    now = wall()
    running = Clock.at(now - 50, start=NOW)
    await watcher.app.accounts.change_clock(None, now, lambda _: running)

    assert (await watcher.mock("GET", "/clock?account=default"))["now"] == NOW + 30


async def test_a_step_acts_before_the_call_that_comes_after_its_moment(watcher):
    """Also where its fault, or the key that it revokes, is a matter of that very call."""
    await begin(watcher, {"at": 5, "do": [OVERLOADED]})
    await watcher.submit()
    await move_only_the_clock(watcher, 5)
    assert (await watcher.poll("1")).status_code == 503

    await watcher.stop("mine")
    strict = {"patch_account_settings": {"tams.repeated_request_other_body": "refuse"}}
    await begin(watcher, {"at": 5, "do": [strict]})
    await watcher.submitted("r-1")
    await move_only_the_clock(watcher, 5)
    assert (await watcher.submit("r-1", width=768)).status_code == 400

    await watcher.stop("mine")
    assert (await watcher.submit("r-1", width=768)).status_code == 200
    await begin(watcher, {"at": 5, "do": [{"revoke_credentials": {"credentials": ["publicKey"]}}]})
    await move_only_the_clock(watcher, 5)
    assert (await watcher.poll("1")).status_code == 401


async def move_only_the_clock(watcher, seconds):
    """Let time pass without anybody looking."""
    accounts = watcher.app.accounts
    account = accounts.ready_made.id
    clock = await accounts._server_clock(accounts.store)
    now = clock.wall_anchor
    async with accounts.store.transaction("server") as tx:
        await tx.put(ServerClock("server", "server", clock.advanced(now, seconds)))
    assert account in accounts.scenarios.running


# Events


@pytest.mark.parametrize(
    ("state", "seen"),
    [("submitted", "created"), ("waiting", "waiting"), ("running", "running"), ("ended", None)],
)
async def test_a_step_waits_for_a_job(watcher, state, seen):
    await begin(watcher, {"when": {"job": 2, "state": state}, "do": [LIMITS]})
    await watcher.submit()
    assert (await the_run(watcher))["steps"][0]["done"] is None
    job = await watcher.submitted()

    for _ in range(100):
        found = await watcher.mock("GET", f"/jobs/{job}")
        if (await the_run(watcher))["steps"][0]["done"]:
            break
        await watcher.advance(0.1)

    assert found["state"] == (seen or "succeeded")


async def test_jobs_that_polls_advance_are_waited_for(watcher):
    await begin(watcher, {"when": {"state": "running"}, "do": [LIMITS]})
    headers = {"authorization": "Bearer mock-token-0001", "x-mock-progress": "polls"}
    made = await watcher.http.post("/v1/jobs", json=text_to_image(), headers=headers)
    job = made.json()["job"]["id"]
    states = []
    while "RUNNING" not in states:
        assert not (await the_run(watcher))["steps"][0]["done"]
        states.append((await watcher.job(job))["status"])

    assert (await the_run(watcher))["steps"][0]["done"]


async def test_a_step_waits_for_calls_and_knows_what_they_said(watcher):
    fail = {"fail_job": {"id": "{answer/job/id}", "reason": "{request/requestId}"}}
    match = {"operation": "CreateJob", "prompt": "kite"}
    await begin(watcher, {"after": {"calls": 2, "match": match}, "do": [fail]})

    jobs = [await watcher.submitted(f"r-{number}") for number in range(3)]
    states = [await watcher.mock("GET", f"/jobs/{job}") for job in jobs]

    assert [job["state"] for job in states] == ["created", "failed", "created"]
    assert states[1]["reason"] == "r-1"
    assert (await the_run(watcher))["steps"][0]["moment"] == "after 2 calls of CreateJob"


async def test_a_placeholder_without_a_value_is_a_problem_of_its_step(watcher):
    fail = {"fail_job": {"id": "{answer/nothing}"}}
    await begin(watcher, {"after": {"calls": 1}, "do": [fail, LIMITS]})
    await watcher.submit()

    (step,) = (await the_run(watcher))["steps"]
    assert step["problem"] == "fail_job: there is no answer/nothing in what was waited for"
    assert (await watcher.mock("GET", "/accounts/default"))["limits"]["qps"] == 5


async def test_a_reset_of_jobs_counts_them_anew(watcher):
    await begin(watcher, {"when": {"job": 3, "state": "submitted"}, "do": [LIMITS]})
    for _ in range(2):
        await watcher.submit()
    await watcher.mock("POST", "/reset?only=jobs")
    await watcher.submit()
    assert (await the_run(watcher))["steps"][0]["done"] is None


# Starting and stopping


async def test_a_stop_undoes_what_the_scenario_set_and_nothing_else(watcher):
    own = await watcher.mock("POST", "/faults", OVERLOADED["create_fault"])
    before = await watcher.mock("GET", "/accounts/default")
    rotate = {"rotate_credentials": {"accessToken": True}}
    revoke = {"revoke_credentials": {"credentials": ["appKey", "publicKey"]}}
    settings = {"patch_account_settings": {"slots": 9, "tams": {"bad_size": "refuse"}}}
    run = await begin(watcher, start=[OVERLOADED, LIMITS, POOR, rotate, revoke, settings])
    assert await watcher.mock("GET", "/accounts/default") != before
    assert len(run["faults"]) == 1

    run = await watcher.stop("mine")

    assert run["running"] is False
    assert run["undone"] == [
        "faults removed: 1",
        "as before: credentials",
        "as before: limits",
        "as before: settings",
        "credits given back: 999",
    ]
    assert await watcher.mock("GET", "/accounts/default") == before
    assert (await watcher.submit()).status_code == 200
    left = (await watcher.mock("GET", "/faults"))["faults"]
    assert [each["id"] for each in left] == [own["id"]]


async def test_steps_of_a_stopped_scenario_do_not_act(watcher):
    await begin(watcher, {"at": 30, "do": [LIMITS]}, {"after": {}, "do": [LIMITS]})
    await watcher.stop("mine")
    await watcher.submit()
    await watcher.advance(100)

    assert [step["done"] for step in (await the_run(watcher))["steps"]] == [None, None]
    assert (await watcher.mock("GET", "/accounts/default"))["limits"]["qps"] == 5


async def test_an_account_has_one_scenario_at_a_time(watcher):
    await begin(watcher, start=[LIMITS])
    status, problem = await refused(watcher, "POST", "/scenarios/429-storm/start")
    assert (status, problem["detail"]) == (
        409,
        "account default has the scenario mine; stop it first",
    )
    other = await watcher.mock("POST", "/accounts", {"id": "other"})
    await watcher.mock("POST", "/scenarios/429-storm/start?account=other")

    running = {
        run["account"]: each["name"]
        for each in (await watcher.mock("GET", "/scenarios"))["scenarios"]
        for run in each["runs"]
        if run["running"]
    }
    assert running == {"default": "mine", "other": "429-storm"}
    headers = {"authorization": f"Bearer {other['accessToken']}"}
    storm = [(await watcher.http.get("/v1/jobs/1", headers=headers)).status_code for _ in range(9)]
    assert 429 in storm
    assert {(await watcher.poll("1")).status_code for _ in range(9)} == {404}


@pytest.mark.parametrize("reset", ["?only=scenarios", "?only=clock", "?account=default", ""])
async def test_a_reset_stops_it(watcher, reset):
    await begin(watcher, {"at": 30, "do": [LIMITS]}, start=[OVERLOADED, POOR])
    await watcher.mock("POST", f"/reset{reset}")
    await watcher.advance(100)

    account = await watcher.mock("GET", "/accounts/default")
    assert (account["limits"]["qps"], account["balance"]) == (5, 1000)
    assert (await watcher.mock("GET", "/faults"))["faults"] == []
    runs = [each["runs"] for each in (await watcher.mock("GET", "/scenarios"))["scenarios"]]
    assert not any(run["running"] for each in runs for run in each)
    assert watcher.app.accounts.scenarios.running == {}


async def test_a_deleted_account_takes_its_scenario_along(watcher):
    await watcher.mock("POST", "/accounts", {"id": "other"})
    await watcher.mock("POST", "/scenarios/429-storm/start?account=other")
    await watcher.mock("DELETE", "/accounts/other")
    await watcher.mock("POST", "/accounts", {"id": "other"})

    assert (await watcher.mock("GET", "/scenarios/429-storm?account=other"))["runs"] == []
    assert watcher.app.accounts.scenarios.running == {}


async def test_two_starts_at_once_start_one(watcher):
    answers = await asyncio.gather(
        *(refused(watcher, "POST", "/scenarios/429-storm/start") for _ in range(3))
    )
    assert sorted(status for status, _ in answers) == [200, 409, 409]
    assert len((await watcher.mock("GET", "/faults"))["faults"]) == 1


async def test_a_step_that_changes_credentials_does_not_wait_for_a_call_that_does(watcher):
    rotate = {"rotate_credentials": {"accessToken": "by-the-step"}}
    await begin(watcher, {"at": 5, "do": [rotate]})
    await move_only_the_clock(watcher, 5)
    async with asyncio.timeout(20):
        await watcher.mock(
            "POST", "/accounts/default/credentials/rotate", {"accessToken": "by-the-call"}
        )

    account = await watcher.mock("GET", "/accounts/default")
    assert account["accessToken"] == "by-the-call"
    assert (await the_run(watcher))["steps"][0]["problem"] is None


@pytest.mark.parametrize("seed", range(5))
async def test_calls_at_once_let_each_step_act_once_and_in_order(seed):
    async with a_watcher(HesitatingStore(seed=seed)) as watcher:
        steps = [{"at": at, "do": [{"put_limits": {"qps": at}}, OVERLOADED]} for at in range(1, 6)]
        await begin(watcher, *steps)
        await move_only_the_clock(watcher, 3.5)
        stop = watcher.stop("mine")
        await asyncio.gather(
            watcher.poll("1"), watcher.poll("1"), watcher.advance(1), watcher.poll("1"),
            watcher.mock("GET", "/scenarios"), *([stop] if seed % 2 else []),
        )  # fmt: skip
        if not seed % 2:
            await stop
        run = await the_run(watcher)

        done = [step["done"]["at"] - run["began"]["at"] for step in run["steps"] if step["done"]]
        assert done == [1, 2, 3, 4][: len(done)]
        assert len(done) >= 3 or seed % 2  # A stop may come while the first step acts.
        assert (await watcher.mock("GET", "/faults"))["faults"] == []
        assert (await watcher.mock("GET", "/accounts/default"))["limits"]["qps"] == 5


async def test_the_journal_names_the_scenario_of_a_fault(watcher):
    await begin(watcher, start=[OVERLOADED])
    await watcher.poll("1")
    (entry,) = (await watcher.mock("GET", "/requests?limit=1"))["requests"]
    assert entry["remarks"] == ["fault default-f1 (scenario mine): refusal (before the work)"]


async def test_a_step_whose_account_is_deleted_meanwhile_ends_quietly(watcher):
    await begin(watcher, {"at": 1, "do": [{"reset": {"only": ["jobs", "scenarios"]}}, LIMITS]})
    await watcher.advance(2)
    assert (await watcher.mock("GET", "/scenarios/429-storm"))["runs"] == []


# Scenarios of one's own


@pytest.mark.parametrize(
    ("scenario", "pointer", "words"),
    [
        ({"name": "a"}, "#", "needs accounts, a start or steps"),
        ({"name": "A b", "start": [LIMITS]}, "#/name", "must match"),
        ({"name": "a", "start": [{"put_limit": {}}]}, "#/start/0/put_limit", "put_limits"),
        ({"name": "a", "start": [{}]}, "#/start/0", "needs the name of one operation"),
        ({"name": "a", "start": [LIMITS | POOR]}, "#/start/0", "put_balance and put_limits"),
        (
            {"name": "a", "steps": [{"at": 1, "after": {}, "do": [LIMITS]}]},
            "#/steps/0",
            "exactly one of at, when, after",
        ),
        (
            {"name": "a", "start": [{"create_fault": {"fault": {"kind": "refusal", "name": "x"}}}]},
            "#/start/0/create_fault/fault/name",
            "is unknown",
        ),
        (
            {"name": "a", "start": [{"patch_account_settings": {"tams": {"bad_siz": "no"}}}]},
            "#/start/0/patch_account_settings/tams/bad_siz",
            "did you mean",
        ),
        (
            {"name": "a", "start": [{"create_fault": {"fault": {"kind": "half"}, "account": "b"}}]},
            "#/start/0/create_fault/account",
            "is no account of the scenario",
        ),
        (
            {"name": "a", "steps": [{"at": 1, "do": [{"fail_job": {"id": "{job}"}}]}]},
            "#/steps/0/do/0/fail_job/id",
            "job is not known here",
        ),
        (
            {"name": "a", "start": [{"create_fault": {"fault": {"kind": "latency", "secons": 1}}}]},
            "#/start/0/create_fault/fault/latency/secons",
            "did you mean 'seconds'",
        ),
    ],
)
async def test_a_wrong_scenario_is_refused_with_the_place(watcher, scenario, pointer, words):
    status, problem = await refused(watcher, "POST", "/scenarios", scenario)

    assert status in (400, 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert problem["detail"].startswith(pointer.strip("#/") or words)
    assert words in problem["errors"][0]["detail"]


async def test_names_are_taken_or_unknown(watcher):
    taken = {"name": "429-storm", "start": [LIMITS]}
    assert (await refused(watcher, "POST", "/scenarios", taken))[0] == 409
    status, problem = await refused(watcher, "POST", "/scenarios/429-strom/start")
    assert (status, "did you mean '429-storm'" in problem["detail"]) == (404, True)
    for path in ("/scenarios/429-storm/stop", "/scenarios/mine", "/scenarios?account=nobody"):
        method = "POST" if path.endswith("stop") else "GET"
        assert (await refused(watcher, method, path))[0] == 404


async def test_one_of_ones_own_is_replaced_and_forgotten(watcher):
    await begin(watcher, start=[LIMITS])
    await watcher.stop("mine")
    await begin(watcher, start=[POOR])
    assert (await watcher.mock("GET", "/accounts/default"))["balance"] == 1

    await watcher.mock("POST", "/reset?only=scenarios")
    assert (await refused(watcher, "GET", "/scenarios/mine"))[0] == 404


# From the start of the server


async def test_a_server_begins_with_a_scenario(tmp_path):
    file = tmp_path / "slow-day.yaml"
    file.write_text("start:\n  - put_limits: {qps: 2, rateLimit: off}\n")
    for begins, name in (("429-storm", "429-storm"), (str(file), "slow-day")):
        async with a_watcher(scenario=begins) as watcher:
            assert (await the_run(watcher, name))["running"]


async def test_a_server_does_not_begin_with_a_scenario_that_nobody_knows():
    with pytest.raises(DomainError, match="there is no scenario '429-strom'; did you mean '429-"):
        async with a_watcher(scenario="429-strom"):
            pass


async def test_an_incident_replays_a_scenario(tmp_path):
    file = tmp_path / "hard-day.yaml"
    file.write_text(
        "start: [create_fault: {match: {chance: 0.3}, fault: {kind: refusal, name: overloaded}}]\n"
        "steps:\n  - {after: {calls: 4}, do: [put_balance: {balance: 1}]}\n"
        "  - {when: {state: running}, delay: 1, do: [patch_account_settings: {slots: 1}]}\n"
    )
    async with a_watcher(scenario=str(file), clock_rate=10, recorded_bytes=10**7) as watcher:
        for _ in range(9):
            await watcher.submit()
            await the_run(watcher, "hard-day")  # A look lets steps act, and is not recorded.
            await watcher.advance(0.7)
        await watcher.stop("hard-day")
        await watcher.start("credits-gone-in-mid-batch")
        for _ in range(3):
            await watcher.submit()
            await watcher.advance(100)
        incident = await watcher.mock("POST", "/incident", {})
        statuses = {each["answer"]["status"] for each in incident["steps"]}

    report = await replay(read_incident(json.dumps(incident).encode()))

    assert statuses >= {200, 400, 503}
    assert (report.differences, report.notes) == ([], [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "cannot be read: No such file"),
        ("", "the file is empty"),
        ("start: [", ":2:1: this is not YAML"),
        ("strat: []\n", ":1:1: strat: is unknown; did you mean 'start'?"),
    ],
)
async def test_a_server_does_not_begin_with_a_wrong_scenario(tmp_path, text, problem):
    file = tmp_path / "wrong.yaml"
    if text is not None:
        file.write_text(text + "\n")
    with pytest.raises(Conflict) as caught:
        async with a_watcher(scenario=str(file)):
            pass
    assert problem in str(caught.value)
