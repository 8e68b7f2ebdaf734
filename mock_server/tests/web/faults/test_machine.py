"""Testers do whatever comes to their minds with a whole mock, and nothing breaks.

Faults, plans by rule and by id, clocks, credentials, resets and deletions of accounts are mixed
with calls of both vendors. What the machine of the core proves about jobs is not proved again here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mock_server.core.accounts import Progression
from mock_server.core.clock import MAX_LATE
from mock_server.core.credits import ZERO
from mock_server.core.fault_rules import FaultRule
from mock_server.core.jobs.job import RUNS, Job
from mock_server.core.jobs.queue import QueuePlace, QueueState
from mock_server.core.ledger import entries, records_of
from mock_server.core.outbox import Delivery
from mock_server.core.store import Record
from mock_server.tests.tams.world import BEARER, TOKEN
from mock_server.tests.web.faults.bench import Json, Reply, WholeMock
from mock_server.tests.workshop.task_calls import prompt_of

HOOK = "http://127.0.0.1:1/hook"
ACCOUNTS = ("ada", "bob")

PLANS: list[Json] = [
    {"wait": 5},
    {"wait": "forever", "ahead": 3},
    {"wait": 0, "pending": 0},
    {"pending": "forever"},
    {"pending": 2},
    {"sit": 30, "ahead": 2},
    {"ahead": 9},
    {"run": 40},
    {"factor": 0.1},
    {"stallAt": 0.5, "stall": "forever"},
    {"stallAt": 0.9, "stall": 7, "stage": 1},
    {"stallAt": None},
    {"loseAt": 0.6, "losses": 3},
    {"loseAt": 0.2, "backTo": "queue", "waitAgain": 4},
    {"loseAt": 0.8, "backTo": "stage"},
    {"loseAt": None},
    {"failAt": 0.5, "reason": "planned", "code": "OOM", "keepStages": True},
    {"failAt": 1.0, "loseAt": 0.5},
    {"failAt": None},
    {"ignoreCancel": True},
    {"withoutResults": True},
    {"withoutResults": False, "ignoreCancel": False},
]
FAULTS: list[Json] = [
    *({"kind": "plan", **plan} for plan in PLANS),
    *({"kind": "refusal", "name": name} for name in ("overloaded", "credits-short", "job-unknown")),
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 429, "body": {"slow": "down"}},
    {"kind": "not-yet", "seconds": 5},
    {"kind": "reset"},
    {"kind": "half"},
    {"kind": "garbage"},
    {"kind": "invalid-json"},
    {"kind": "missing", "pointer": "/job/status"},
    {"kind": "null", "pointer": "/*"},
    {"kind": "stale"},
    {"kind": "date-skew", "seconds": 900},
    {"kind": "latency", "seconds": 0},
    *(
        {"kind": "callback", "how": how, "seconds": 12}
        for how in ("late", "overtaken", "twice", "replayed", "lost", "lost-once", "truncated")
    ),
]
LIVES: list[Json] = [{}, {"times": 2}, {"every": 2}, {"skip": 1, "first": 3}, {"seconds": 20}]
MATCHES: list[Json] = [{}, {"surface": "tams"}, {"surface": "workshop"}, {"chance": 0.5}]
WISHES = [None, None, "503", "reset; moment=after", "plan; failAt=0.3", "plan; run=60", "half"]

R = TypeVar("R", bound=Record)

FASTEST = 60  # of all clocks
TOLERANCE = MAX_LATE * FASTEST  # virtual seconds by which a late call may be behind

PATHS = re.compile(rb'"http://127.0.0.1:8080(/[^"]+)"')  # of files, in an answer

names = st.sampled_from(ACCOUNTS)
wishes = st.sampled_from(WISHES)
times = st.sampled_from([0.0, 0.2, 0.5, 1.0, 3.0, 30.0, 1e5])


class Memory:
    """What a tester remembers of an account: its credentials, and the jobs that were answered."""

    def __init__(self, body: Json) -> None:
        self.body = body
        self.jobs: dict[str, Job] = {}
        self.forgiven = False


class Qa(RuleBasedStateMachine):
    """`ada` has a clock of her own, `bob` follows that of the server."""

    @initialize()
    def open(self) -> None:
        self.mock = WholeMock()
        self.memory: dict[str, Memory] = {}
        self.steps = 0
        for name in ACCOUNTS:
            self.create(name)

    def teardown(self) -> None:
        if hasattr(self, "mock"):
            self.end()
            self.mock.close()

    def end(self) -> None:
        """Without faults, everything that is open arrives."""
        self.mock.callback_statuses.clear()
        self.control("DELETE", "/faults")
        for name in ACCOUNTS:
            # A wall that stepped back a little may show less than notices say.
            self.control("POST", f"/clock/advance?account={name}", {"seconds": TOLERANCE})
            self.control("POST", f"/callbacks/drain?account={name}")
            assert not any(each.due_at is not None for each in self.kept(Delivery, name))

    def create(self, name: str) -> None:
        own = {"clock": {"start": 1000.3, "rate": 0.5}} if name == "ada" else {}
        body = self.control("POST", "/accounts", {"id": name, "balance": 60, "seed": 3, **own})
        self.memory[name] = Memory(body)
        self.submit_jobs(name, None, count=2, hook=True)
        self.draw_pictures(name, None, count=1)

    def kept(self, kind: type[R], name: str) -> list[R]:
        return [*self.mock.run(self.mock.app.accounts.store.list(kind, name))]

    def a_job(self, name: str, data: st.DataObject) -> str:
        """Return a job of the account, rather one that has not ended."""
        jobs = self.jobs(name).values()
        going = [job.id for job in jobs if job.ending is None]
        return str(data.draw(st.sampled_from(going or [job.id for job in jobs] or ["9345"])))

    # Calls of the vendors, which only faults may break

    def checked(self, reply: Reply) -> Json:
        """Return the body of an answer that went well; only a fault may break it."""
        trace = next(iter(self.mock.app.journal))
        is_hit = any(remark.startswith("fault ") for remark in trace.remarks)
        assert is_hit or 200 <= reply.status < 500, (reply, trace.remarks)
        body = reply.json if reply.status == 200 else {}
        assert is_hit or isinstance(body, dict) or "json" not in reply.headers["content-type"]
        return body if isinstance(body, dict) else {}

    @rule(name=names, wish=wishes, hook=st.booleans(), count=st.integers(1, 4))
    def submit(self, name: str, wish: str | None, hook: bool, count: int) -> None:
        self.submit_jobs(name, wish, count=count, hook=hook)

    def submit_jobs(self, name: str, wish: str | None, *, count: int, hook: bool) -> None:
        headers = {"x-mock-fault": wish} if wish else {}
        hook_url = f"{HOOK}/{name}" if hook else ""
        token = self.memory[name].body["accessToken"]
        for _ in range(count):
            reply = self.mock.submit(token, headers, hook=hook_url, count=count)
            self.remember(name, self.checked(reply).get("job"), "id")

    @rule(name=names, wish=wishes)
    def run_workflow(self, name: str, wish: str | None) -> None:
        headers = {"x-mock-fault": wish} if wish else {}
        key = self.memory[name].body["appKey"]
        reply = self.mock.post("comfy_prompt", key, prompt_of(), headers)
        self.remember(name, self.checked(reply).get("data"), "taskId")

    @rule(name=names, wish=wishes, count=st.integers(1, 3))
    def draw(self, name: str, wish: str | None, count: int) -> None:
        self.draw_pictures(name, wish, count=count)

    def draw_pictures(self, name: str, wish: str | None, *, count: int) -> None:
        prompt = "a kite" if wish is None else f"a kite [mock:{wish}]"
        key = self.memory[name].body["appKey"]
        for _ in range(count):
            reply = self.mock.post("sd_txt2img", key, {"prompt": prompt, "seed": 7})
            self.remember(name, self.checked(reply).get("data"), "taskId")

    def remember(self, name: str, answer: Any, member: str) -> None:
        """A job whose id was answered is there, whatever else happens."""
        if answer and answer[member]:
            self.memory[name].jobs[answer[member]] = self.jobs(name)[answer[member]]

    @rule(name=names, data=st.data())
    def poll(self, name: str, data: st.DataObject) -> None:
        id, body = self.a_job(name, data), self.memory[name].body
        bearer = {"authorization": f"Bearer {body['accessToken']}"}
        for operation in ("comfy_get_progress", "sd_get_result"):
            self.follow(self.mock.post(operation, body["appKey"], {"taskId": id}))
        self.follow(self.mock.call("GET", f"/v1/jobs/{id}", headers=bearer))

    def follow(self, reply: Reply) -> None:
        """Download the files that an answer names."""
        self.checked(reply)
        for path in PATHS.findall(reply.body):
            self.checked(self.mock.call("GET", path.decode()))

    @rule(name=names, data=st.data())
    def cancel(self, name: str, data: st.DataObject) -> None:
        bearer = {"authorization": f"Bearer {self.memory[name].body['accessToken']}"}
        self.checked(self.mock.call("DELETE", f"/v1/jobs/{self.a_job(name, data)}", headers=bearer))

    @rule(statuses=st.lists(st.sampled_from([200, 500]), max_size=4))
    def let_callbacks_fail(self, statuses: list[int]) -> None:
        self.mock.callback_statuses = statuses

    # The control API, which nothing breaks

    def control(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.mock.control(method, path, body)
        assert 200 <= reply.status < 500, (method, path, body, reply)
        return reply.json if reply.status < 400 else {}

    @rule(
        fault=st.sampled_from(FAULTS),
        match=st.sampled_from(MATCHES),
        life=st.sampled_from(LIVES),
        name=st.none() | names,
    )
    def add_fault(self, fault: Json, match: Json, life: Json, name: str | None) -> None:
        self.control("POST", "/faults", {"fault": fault, "match": match, "account": name, **life})

    @precondition(lambda self: len(self.mock.run(self.mock.app.accounts.store.list(FaultRule))) > 3)
    @rule(name=st.none() | names)
    def delete_faults(self, name: str | None) -> None:
        self.control("DELETE", f"/faults?account={name}" if name else "/faults")

    @rule(
        name=names, plans=st.lists(st.sampled_from(PLANS), min_size=1, max_size=3), data=st.data()
    )
    def plan(self, name: str, plans: list[Json], data: st.DataObject) -> None:
        for plan in plans:
            self.control("PATCH", f"/jobs/{self.a_job(name, data)}/plan", plan)

    @rule(name=names, what=st.sampled_from(["complete", "fail", "advance"]), data=st.data())
    def by_hand(self, name: str, what: str, data: st.DataObject) -> None:
        self.control("POST", f"/jobs/{self.a_job(name, data)}/{what}")

    @rule(name=names, path=st.sampled_from(["/jobs", "/callbacks", "/requests", "/faults"]))
    def look(self, name: str, path: str) -> None:
        self.control("GET", f"{path}?account={name}")
        self.control("GET", path)

    @rule(
        name=names,
        settings=st.fixed_dictionaries(
            {"progress": st.sampled_from([None, *Progression]), "slots": st.sampled_from([None, 1])}
        ),
    )
    def change_settings(self, name: str, settings: Json) -> None:
        self.control("PATCH", f"/accounts/{name}/settings", settings)

    @rule(name=names, balance=st.sampled_from([0, 3, 30]))
    def set_balance(self, name: str, balance: float) -> None:
        self.control("PUT", f"/accounts/{name}/balance", {"balance": balance})

    @rule(name=names, member=st.sampled_from(["accessToken", "appKey"]), revoked=st.booleans())
    def change_credentials(self, name: str, member: str, revoked: bool) -> None:
        path, old = f"/accounts/{name}/credentials", self.memory[name].body
        if revoked:
            self.control("POST", f"{path}/revoke", {"credentials": [member]})
        made = self.control("POST", f"{path}/rotate", {member: True})
        self.memory[name].body = made
        bearer = {"authorization": f"Bearer {old['accessToken']}"}
        replies = {
            "accessToken": self.mock.call("GET", "/v1/jobs/1", headers=bearer),
            "appKey": self.mock.post("sd_get_result", old["appKey"], {"taskId": "1"}),
        }
        assert made[member] != old[member]
        assert not self.checked(replies[member]).get("data")

    @precondition(lambda self: self.steps > 15)
    @rule(name=names, only=st.sets(st.sampled_from(["jobs", "faults", "credits", "clock"])))
    def reset(self, name: str, only: set[str]) -> None:
        self.steps = 0
        parts = f"&only={','.join(sorted(only))}" if only else ""
        self.control("POST", f"/reset?account={name}{parts}")
        memory = self.memory[name]
        memory.body |= self.control("GET", f"/accounts/{name}")
        if not only or only & {"jobs", "clock"}:
            memory.jobs.clear()
        memory.forgiven = (memory.forgiven or "credits" in only) and bool(only)

    @precondition(lambda self: self.steps > 15)
    @rule(name=names)
    def delete(self, name: str) -> None:
        self.steps = 0
        self.control("DELETE", f"/accounts/{name}")
        self.create(name)

    @rule(name=names)
    def save_and_load(self, name: str) -> None:
        saved = self.control("GET", f"/state?account={name}")
        self.control("PUT", "/state", saved)

    # Clocks

    @rule(name=names, seconds=times, own=st.booleans())
    def advance(self, name: str, seconds: float, own: bool) -> None:
        target = f"?account={name}" if own else ""
        before = self.control("GET", f"/clock{target}")["now"]
        body = self.control("POST", f"/clock/advance{target}", {"seconds": seconds})
        moments = [each["at"] for each in body["fired"]]
        assert moments == sorted(moments)
        assert all(before < at <= before + seconds for at in moments)

    @rule(name=names)
    def advance_to_the_next(self, name: str) -> None:
        self.control("POST", f"/clock/advance?account={name}", {"next": True})

    @rule(name=st.none() | names, rate=st.sampled_from([None, 0, 0.5, FASTEST]))
    def change_the_rate(self, name: str | None, rate: float | None) -> None:
        target = f"?account={name}" if name else ""
        if rate is None:
            self.control("POST", f"/clock/freeze{target}")
            self.control("POST", f"/clock/resume{target}")
        else:
            self.control("PUT", f"/clock{target}", {"rate": rate})

    @rule(seconds=times | st.sampled_from([-5.0, -3600.0]))
    def let_the_wall_pass_or_step_back(self, seconds: float) -> None:
        self.mock.wall += seconds

    # What is always true

    def jobs(self, name: str) -> dict[str, Job]:
        return {job.id: job for job in self.kept(Job, name)}

    @invariant()
    def everything_adds_up(self) -> None:
        self.steps += 1
        for name in self.memory:
            self.mock.run(self.check(name))

    async def check(self, name: str) -> None:
        async with self.mock.app.accounts.act(name, self.mock.wall) as world:
            wallet, jobs, top_ups = await records_of(world)
            places = await world.tx.list(QueuePlace, name)
            notices = await world.tx.list(Delivery, name)
            queue, now = await world.queue(), world.now
        going = [job for job in jobs if job.ending is None]
        assert wallet.balance == sum(line.amount for line in entries(wallet, jobs, top_ups))
        assert wallet.held == sum((job.price for job in going), ZERO)
        assert wallet.balance >= 0 or self.memory[name].forgiven
        assert not any(job.on_the_clock and job.state_at(now).final for job in going)
        check_history(self.memory[name], {job.id: job for job in jobs})
        check_queue(queue, going, places)
        check_notices(jobs, notices)


def check_history(memory: Memory, jobs: dict[str, Job]) -> None:
    """No job that was answered is lost, and what has ended stays so."""
    for id, before in memory.jobs.items():
        job = memory.jobs[id] = jobs[id]
        if before.ending is not None and job.ending is not None:
            assert job.ending.state is before.ending.state
            assert job.told == before.told
        else:
            assert before.ending is None


def check_queue(queue: QueueState, going: list[Job], places: Sequence[QueuePlace]) -> None:
    """Who waits has a place, and nobody else."""
    waiting = {job.id: job.starts_at for job in going if job.queues and job.applied < RUNS}
    assert {each.id: each.due_at for each in places} == waiting
    assert queue.waiting == len(waiting)
    assert queue.watched == sum(job.watch is not None for job in going)
    assert len(set(waiting.values())) == len(waiting)


def check_notices(jobs: Sequence[Job], notices: Sequence[Delivery]) -> None:
    """All that a watch was told is there, in order; its end is told once, and last."""
    told: dict[str, list[Delivery]] = {}
    for each in sorted(notices, key=lambda each: each.number):
        told.setdefault(each.job, []).append(each)
    for job in jobs:
        own = told.get(job.id, [])
        assert [each.number for each in own] == [*range(1, job.told + 1)]
        assert job.open_notices == sum(each.due_at is not None for each in own)
        moments = [each.made_at for each in own]
        assert all(one - TOLERANCE <= other for one, other in pairwise(moments))
        ends = [bool(each.state and each.state.final) for each in own]
        assert ends == [False] * (len(ends) - 1) + [job.ending is not None] * bool(ends)


TestQa: type[Any] = Qa.TestCase
TestQa.settings = settings(max_examples=40, stateful_step_count=40)


# Time in pieces

actions = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from([None, "plan; failAt=0.3", "plan; run=9"])),
    st.tuples(st.just("draw"), st.sampled_from([None, "plan; loseAt=0.5"])),
    st.tuples(st.just("plan"), st.tuples(st.integers(0, 5), st.sampled_from(PLANS))),
    st.tuples(st.just("fault"), st.tuples(st.sampled_from(FAULTS), st.sampled_from(LIVES))),
)
advances = st.tuples(
    st.sampled_from([0.7, 4.0, 40.0, 4000.0]),
    st.lists(st.floats(0, 1, exclude_min=True, exclude_max=True), max_size=5, unique=True),
)
parts = st.tuples(st.lists(actions, max_size=6), advances)


class Story:
    """A mock that is told a story, whose advances are made at once or in pieces."""

    def __init__(self, statuses: list[int]) -> None:
        self.mock = WholeMock()
        self.mock.callback_statuses = [*statuses]
        self.jobs: list[str] = []

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return self.mock.control(method, path, body).json

    def history(self, parts: list[Any], *, in_pieces: bool) -> Json:
        """Tell it; return what happened, was booked and told, and the last answers."""
        fired: list[Any] = []
        for actions, (seconds, cuts) in parts:
            for kind, members in actions:
                getattr(self, kind)(members)
            now = self.control("GET", "/clock")["now"]
            ends = [now + seconds * cut for cut in sorted(cuts)] if in_pieces else []
            for end in [*ends, now + seconds]:
                fired += self.control("POST", "/clock/advance", {"to": end})["fired"]
        jobs = self.control("GET", "/jobs")["jobs"]
        history = {
            "fired": sorted(fired, key=lambda each: (each["at"], each["id"])),
            "ledger": self.control("GET", "/accounts/default/ledger"),
            "callbacks": self.control("GET", "/callbacks"),
            "received": self.mock.received,
            "jobs": jobs,
            "answers": [self.answers(job["id"]) for job in jobs],
        }
        self.mock.close()
        return history

    def answers(self, id: str) -> list[Any]:
        calls = [self.mock.post(f"sd_get_{what}", "", {"taskId": id}) for what in SD_CALLS]
        calls.append(self.mock.call("GET", f"/v1/jobs/{id}", headers=BEARER))
        return [(reply.status, timeless(reply)) for reply in calls]

    def submit(self, wish: str | None) -> None:
        headers = {"x-mock-fault": wish} if wish else {}
        self.mock.submit(TOKEN, headers, hook=HOOK)

    def draw(self, wish: str | None) -> None:
        prompt = f"a kite [mock:{wish}]" if wish else "a kite"
        self.mock.post("sd_txt2img", "", {"prompt": prompt, "seed": 7})

    def plan(self, given: tuple[int, Json]) -> None:
        number, plan = given
        jobs = self.control("GET", "/jobs")["jobs"]
        if jobs:
            self.control("PATCH", f"/jobs/{jobs[number % len(jobs)]['id']}/plan", plan)

    def fault(self, given: tuple[Json, Json]) -> None:
        fault, life = given
        self.control("POST", "/faults", {"fault": fault, **life})


SD_CALLS = ("progress", "result")


def timeless(reply: Reply) -> Any:
    """Return a body without the id of its call."""
    body = reply.json
    return {key: value for key, value in body.items() if key != "apiInvokeId"} if body else None


@given(st.lists(parts, min_size=1, max_size=3), st.lists(st.sampled_from([200, 500]), max_size=6))
@settings(max_examples=60)
def test_any_split_of_an_advance_gives_the_same_history(parts, statuses):
    at_once = Story(statuses).history(parts, in_pieces=False)

    assert Story(statuses).history(parts, in_pieces=True) == at_once
