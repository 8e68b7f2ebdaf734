"""State in and out: what is saved, what goes on from it, and what is refused."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec.json import Decoder, Encoder
from msgspec.structs import replace

from mock_server.core.account_service import AccountService, AccountSpec
from mock_server.core.accounts import Account, Credential, Progression
from mock_server.core.errors import AccountGone, Conflict, Invalid, Malformed, NotFound
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Delivery
from mock_server.core.outbox_service import claim
from mock_server.core.resets import ResetService
from mock_server.core.resources import Resource
from mock_server.core.state_documents import notes_on, read, written
from mock_server.core.states import SavedState, StateService
from mock_server.tests.makers import (
    NOW,
    AsyncBench,
    Bench,
    HesitatingStore,
    an_account_service,
    an_order,
    loaded,
    run,
    some_work,
)
from mock_server.tests.stores.contract import RECORDS as KEPT
from mock_server.web.auth_diagnostics.turns import finish

WATCH = Watch("http://127.0.0.1:9/hook", "toy")


def service_of(accounts: AccountService) -> StateService:
    return StateService(accounts, ResetService(accounts))


def a_busy_server(**options: Any) -> Bench:
    """A server whose account "ada", with its own frozen clock, has some of everything."""
    bench = Bench(an_account_service(**options))
    spec = AccountSpec(id="ada", balance=Decimal(10), clock_start=1000.0, clock_rate=0.0)
    run(bench.accounts.create(spec, NOW))
    picture = bench.upload("ada")
    bench.submit("ada", replace(some_work(), inputs=(picture.id,)), request_key="first")
    bench.submit("ada", progress=Progression.MANUAL, watch=WATCH)
    bench.submit("ada", watch=WATCH)
    bench.set_balance("ada", by=Decimal(5))
    return bench


def document(bench: Bench, id: str | None = "ada", wall: float = NOW) -> bytes:
    states = service_of(bench.accounts)
    state = run(states.save_all(wall)) if id is None else SavedState([run(states.save(id, wall))])
    return b"".join(written(state, "a test"))


def load(data: bytes, bench: Bench, wall: float = NOW) -> Any:
    states = service_of(bench.accounts)
    return run(states.restore(finish(read(data, states)), wall))


def everything(bench: Bench) -> list[tuple[type, list[Any]]]:
    kinds = service_of(bench.accounts).kinds.values()
    return [(kind, bench.kept(kind)) for kind in kinds]


def fork(bench: Bench, source: str = "ada", /, **spec: Any) -> tuple[Account, Any]:
    async def at_once(work: Any) -> Any:
        return finish(work)

    forked = service_of(bench.accounts).fork(source, AccountSpec(**spec), NOW, at_once)
    account, renaming, _ = run(forked)
    return account, renaming.ids


# Out and in


def test_a_state_has_each_record_in_a_line_and_the_same_bytes_each_time():
    bench = a_busy_server()

    data = document(bench, None)
    assert data == document(bench, None)
    account = json.loads(data)["accounts"][1]
    assert [each["id"] for each in account["records"]["Job"]] == [
        job.id for job in bench.kept(Job, "ada")
    ]
    for each in account["records"]["Job"]:
        assert f'"id":"{each["id"]}","account":"ada"'.encode() in data
    assert list(account["blobs"].values()) == ["ZGF0YQ=="]  # data


def test_time_goes_on_from_the_moment_at_which_the_account_was_saved():
    bench, later = Bench(an_account_service(rate=2.0)), NOW + 1e6
    run(bench.accounts.create(AccountSpec(id="ada"), NOW))
    job = bench.submit("ada", now=NOW + 1).job

    others = Bench(an_account_service(wall=later, rate=0.0))
    load(document(bench, "ada", NOW + 1), others, later)
    account = others.get(Account, "ada")
    assert run(others.accounts.now(account, later)) == NOW + 2
    assert run(others.accounts.now(account, later + 10)) == NOW + 22  # at the rate that it had
    assert others.look("ada", job.id, later).job == job
    assert others.look("ada", job.id, later + 60).state is JobState.SUCCEEDED


def test_a_frozen_account_stands_still_and_one_of_a_whole_server_follows_that():
    bench, later = a_busy_server(rate=0.0, start=5000.0), NOW + 1e6
    run(bench.accounts.create(AccountSpec(id="bob"), NOW))

    others = Bench(an_account_service(wall=later, rate=1.0))
    load(document(bench, None), others, later)
    times = {
        each.id: run(others.accounts.now(each, later + 9)) for each in run(others.accounts.all())
    }
    assert times == {"ready": 5000.0, "ada": 1000.0, "bob": 5000.0}
    run(others.accounts.advance(None, later, lambda clock: clock.advanced(later, 60)))
    assert run(others.accounts.now(others.get(Account, "bob"), later)) == 5060.0


def test_an_account_replaces_the_one_with_its_id_and_no_other():
    bench = a_busy_server()
    data = document(bench)
    before = everything(bench)
    bench.submit("ada")
    bench.upload("ada")
    bench.submit("ready")
    kept = bench.kept(Job, "ready")

    assert load(data, bench).replaced == ["ada"]
    assert bench.kept(Job, "ready") == kept
    for kind, records in before:
        own = [each for each in records if each.account == "ada"]
        if kind is not Account:
            assert bench.kept(kind, "ada") == own


def test_a_whole_server_replaces_all_but_the_ready_made_account():
    bench = Bench(an_account_service())
    data = document(bench, None)
    made = run(bench.accounts.create(AccountSpec(), NOW))

    done = load(data, bench)
    assert (done.created, done.replaced, done.deleted) == ([], ["ready"], [made.id])
    assert [each.id for each in run(bench.accounts.all())] == ["ready"]
    again = run(bench.accounts.create(AccountSpec(), NOW))
    assert (again.id, again.credentials) == (made.id, made.credentials)


def test_the_ready_made_account_is_that_of_the_server():
    bench = Bench(an_account_service())
    load(document(a_busy_server()).replace(b'"ready_made":false', b'"ready_made":true'), bench)
    assert [each.ready_made for each in run(bench.accounts.all())] == [True, False]
    run(bench.accounts.delete("ada"))


def test_work_that_is_under_way_finds_out():
    bench = a_busy_server()
    data = document(bench)
    incarnation = bench.get(Account, "ada").incarnation
    load(data, bench)

    async def go_on() -> None:
        async with bench.accounts.act("ada", NOW, incarnation):
            pass

    with pytest.raises(AccountGone):
        run(go_on())


def test_credentials_of_another_account_are_never_shared():
    bench = a_busy_server()
    data = document(bench)
    run(bench.accounts.delete("ada"))
    token = json.loads(data)["accounts"][0]["records"]["Account"][0]["credentials"]["token"]
    run(bench.accounts.create(AccountSpec(id="eve", token=token), NOW))
    before = everything(bench)

    with pytest.raises(Conflict, match="account eve has the credential token of account ada"):
        load(data, bench)
    assert everything(bench) == before


def test_ids_of_another_account_are_refused():
    bench, others = a_busy_server(), Bench(an_account_service())
    job = bench.kept(Job, "ada")[0]
    others.put(replace(job, account="ready"))
    with pytest.raises(Conflict, match=f"account ready has the Job '{job.id}'"):
        load(document(bench), others)
    assert others.get(Account, "ada") is None


def test_no_account_makes_room_for_one_that_is_loaded():
    others = Bench(an_account_service(keep_accounts=1))
    with pytest.raises(Conflict, match="at most 1 accounts"):
        load(document(a_busy_server()), others)


def test_a_rotated_credential_never_comes_back():
    bench = a_busy_server()

    def new_token(credentials: Any, number: int) -> Any:
        return replace(credentials, token=bench.accounts.new_credential("token", "ada", number))

    def rotated(bench: Bench) -> str:
        account, _ = run(bench.accounts.change_credentials("ada", NOW, new_token))
        return account.credentials.token

    first = rotated(bench)
    others = Bench(an_account_service())
    states = service_of(bench.accounts)
    state = SavedState([run(states.save("ada", NOW))], made=run(bench.accounts.made(bench.store)))
    load(b"".join(written(state, "a test")), others)
    second = rotated(others)
    assert second == rotated(bench) != first


def test_a_notice_that_was_being_sent_is_open_again():
    bench = a_busy_server()
    job = bench.kept(Job, "ada")[1]
    bench.finish("ada", job.id)
    [notice] = bench.kept(Delivery, "ada")

    async def claimed(world: Any) -> None:
        await claim(world, notice, "me", 20)

    bench.act("ada", NOW, claimed)
    saved = run(service_of(bench.accounts).save("ada", NOW))
    assert saved.records[Delivery] == [notice]
    assert notes_on([saved]) == ["account ada: 1 callbacks were being sent, and are sent again"]
    others = Bench(an_account_service())
    load(document(bench), others)
    assert others.kept(Delivery, "ada") == [notice]


async def test_a_load_waits_for_calls_and_calls_for_a_load():
    store = HesitatingStore()
    bench = a_busy_server()
    accounts = an_account_service(store, is_open=False)
    await accounts.open(NOW)
    states = service_of(accounts)
    await states.restore(finish(read(document(bench), states)), NOW)
    assert (await accounts.find("ada")).clock is not None
    assert await store.list(Job, "ada") == bench.kept(Job, "ada")


@pytest.mark.parametrize("forked", [False, True])
def test_the_jobs_that_ended_first_make_room_first_there_too(forked):
    bench = Bench(an_account_service(keep_jobs=3))
    run(bench.accounts.create(AccountSpec(id="ada", clock_rate=0.0), NOW))
    ids = [bench.submit("ada", progress=Progression.MANUAL).job.id for _ in range(3)]
    for id in (ids[1], ids[2], ids[0]):
        bench.finish("ada", id)
    others, names = Bench(an_account_service(keep_jobs=3)), {id: id for id in ids}
    if forked:
        others, (account, names) = bench, fork(bench)
    else:
        load(document(bench), others)
    for _ in range(2):
        others.submit(account if forked else "ada", progress=Progression.MANUAL)
    kept = {job.id for job in others.kept(Job, account.id if forked else "ada")}
    assert kept & set(names.values()) == {names[ids[0]]}


@pytest.mark.parametrize("record", KEPT, ids=lambda each: type(each).__name__)
def test_every_value_of_a_record_is_the_same_in_a_file(record):
    assert Decoder(type(record)).decode(Encoder().encode(record)) == record


@pytest.mark.parametrize("seed", range(8))
async def test_calls_beside_a_load_and_a_fork_meet_one_account_or_the_other(seed):
    data, store = document(a_busy_server()), HesitatingStore(seed=seed)
    accounts = an_account_service(store, is_open=False)
    await accounts.open(NOW)
    states, calls = service_of(accounts), AsyncBench(accounts)
    state = finish(read(data, states))
    await states.restore(state, NOW)
    incarnation = (await accounts.find("ada")).incarnation
    outcomes = []

    async def submit(number: int) -> None:
        try:
            async with accounts.act("ada", NOW, incarnation) as world:
                await world.jobs.submit(an_order(), some_work(), request_key=f"r{number}")
            outcomes.append("made")
        except AccountGone:
            outcomes.append("gone")

    async def at_once(work: Any) -> Any:
        return finish(work)

    await asyncio.gather(
        submit(1),
        submit(2),
        states.restore(state, NOW),
        submit(3),
        states.fork("ada", AccountSpec(id="eve"), NOW, at_once),
        calls.reserve("ada"),
        submit(4),
    )
    assert len(outcomes) == 4
    whole = b"".join(written(await states.save_all(NOW), "a test"))
    assert len(finish(read(whole, states)).accounts) == 3  # and all adds up


# Forks


def test_a_fork_goes_on_separately():
    bench = a_busy_server()
    before = everything(bench)
    _, ids = fork(bench, id="eve")

    assert bench.wallet("eve").balance == bench.wallet("ada").balance
    for one, other in zip(bench.kept(Job, "ada"), bench.kept(Job, "eve"), strict=True):
        assert other == replace(
            one,
            id=ids[one.id],
            account="eve",
            waits_for=tuple(ids[each] for each in one.waits_for),
            request_key=one.request_key.replace("ada", "eve"),
        )
    for job in bench.kept(Job, "eve"):
        if job.progress is not Progression.TIME:
            bench.finish("eve", job.id)
    run(bench.accounts.advance("eve", NOW, lambda clock: clock.advanced(NOW, 60)))
    assert {job.ending.state for job in bench.kept(Job, "eve")} == {JobState.SUCCEEDED}
    assert bench.wallet("eve").held == 0
    own = [
        (kind, [each for each in found if each.account != "eve"])
        for kind, found in everything(bench)
    ]
    assert own == before
    run(bench.accounts.delete("eve"))
    assert everything(bench) == before


def test_a_fork_has_the_future_that_the_other_one_has():
    bench = a_busy_server()
    fork(bench, id="eve")
    one, other = bench.submit("ada").job, bench.submit("eve").job
    assert (one.plan, one.starts_at, one.serial) == (other.plan, other.starts_at, other.serial)
    assert one.order == other.order


def test_a_fork_has_the_bytes_of_uploads_under_its_own_ids():
    bench = a_busy_server()
    _, ids = fork(bench, id="eve")
    [place] = bench.kept(Resource, "eve")
    [original] = bench.kept(Resource, "ada")
    assert place.id == ids[original.id]
    assert run(bench.store.blobs.all("eve")) == [(place.id, b"data")]


def test_a_fork_has_its_own_credentials_and_a_state_to_reset_to():
    bench = a_busy_server()
    account, _ = fork(bench)
    assert account.id == "account-2"
    original = bench.get(Account, "ada")
    own = [each.id for each in bench.kept(Credential, account.id)]
    assert not {*own} & {each.id for each in bench.kept(Credential, "ada")}
    assert (account.seed, account.opening, account.clock) == (
        original.seed, original.opening, original.clock,
    )  # fmt: skip
    run(ResetService(bench.accounts).reset(account, (), NOW))
    assert run(bench.accounts.find(account.id)).credentials == account.credentials
    assert bench.kept(Job, account.id) == []


def test_a_fork_of_a_fork_and_two_forks_differ():
    bench = a_busy_server()
    found = [fork(bench)[0], fork(bench)[0]]
    found.append(fork(bench, found[0].id)[0])
    ids = [job.id for job in bench.kept(Job)]
    assert len(set(ids)) == len(ids) == 12
    assert {each.id for each in found} == {"account-2", "account-3", "account-4"}


def test_a_fork_that_cannot_be_made_leaves_nothing():
    bench = a_busy_server()
    before = everything(bench)
    with pytest.raises(NotFound):
        fork(bench, "nobody")
    with pytest.raises(Conflict):
        fork(bench, id="ready")
    assert everything(bench) == before


# What is refused

Change = tuple[tuple[str | int, ...], Any, str]
RECORDS = ("accounts", 0, "records")
FAILING = {
    "created": 0.0, "pending": 0.0, "wait": 0.0, "stages": [1.0], "sizes": [[8, 8]],
    "failure": {"after": 0.5, "reason": "tired", "kept": 2},
}  # fmt: skip
CHANGES: dict[str, Change] = {
    "another file": (("format",), "har", "format"),
    "a version of the future": (("version",), 2, "version"),
    "no version": (("version",), None, "version"),
    "a member of the future": (("more",), 1, "body"),
    "a kind of the future": ((*RECORDS, "Dream"), [], "accounts/0/records/Dream"),
    "a member of a record of the future": (
        (*RECORDS, "Job", 1, "plan", "mood"), 1, "accounts/0/records/Job/1/plan/mood",
    ),
    "a text for a number": (
        (*RECORDS, "Job", 0, "serial"), "1", "accounts/0/records/Job/0/serial",
    ),
    "no border": (
        (*RECORDS, "Job", 0, "applied"), -1, "accounts/0/records/Job/0/applied",
    ),
    "pictures of a stage that is not there": (
        (*RECORDS, "Job", 0, "plan"), FAILING, "accounts/0/records/Job/0/plan/failure/kept",
    ),
    "a window without time": (
        (*RECORDS, "Account", 0, "limits", "window"), 0,
        "accounts/0/records/Account/0/limits/window",
    ),
    "a record of another account": (
        (*RECORDS, "Job", 2, "account"), "bob", "accounts/0/records/Job/2/account",
    ),
    "the account itself as another": (
        (*RECORDS, "Account", 0, "id"), "bob", "accounts/0/records/Account/0/account",
    ),
    "no account": ((*RECORDS, "Account"), [], "accounts/0/records/Account"),
    "a bad id": (("accounts", 0, "id"), "a/b", "accounts/0/records/Account/0/account"),
    "foreign credentials": (
        (*RECORDS, "Credential", 0, "id"), "app:eve", "accounts/0/records/Credential",
    ),
    "a negative price": (
        (*RECORDS, "Job", 0, "price"), "-1", "accounts/0/records/Job/0/price",
    ),
    "an endless price": (
        (*RECORDS, "Job", 0, "price"), "Infinity", "accounts/0/records/Job/0/price",
    ),
    "a negative opening": (
        (*RECORDS, "Wallet", 0, "opening"), "-1", "accounts/0/records/Wallet/0/opening",
    ),
    "held credits that no job holds": (
        (*RECORDS, "Wallet", 0, "held"), "7", "accounts/0/records/Wallet/0/held",
    ),
    "a top-up that is not in the ledger": (
        (*RECORDS, "Wallet", 0, "topped_up"), "500", "accounts/0/records/Wallet/0/topped_up",
    ),
    "a queue that is longer": (
        (*RECORDS, "QueueState", 0, "waiting"), 9, "accounts/0/records/QueueState/0/waiting",
    ),
    "a place for no job": (
        (*RECORDS, "QueuePlace", 0, "id"), "1", "accounts/0/records/QueuePlace/0/id",
    ),
    "a clock that runs back": (("accounts", 0, "clock", "rate"), -1, "rate"),
    "a clock after the end of time": (("accounts", 0, "clock", "virtual_anchor"), 1e12, "start"),
    "a clock of no server": (("accounts", 0, "clock"), None, "accounts/0/clock"),
    "bytes that are none": (("accounts", 0, "blobs"), {"a": "?"}, "accounts/0/blobs/a"),
}  # fmt: skip


@pytest.mark.parametrize(("place", "value", "field"), CHANGES.values(), ids=CHANGES)
def test_a_file_that_does_not_fit_is_refused_with_its_place(place, value, field):
    changed = json.loads(document(a_busy_server()))
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value

    others = Bench(an_account_service())
    before = everything(others)
    with pytest.raises(Invalid) as refused:
        load(json.dumps(changed).encode(), others)
    assert refused.value.field == field
    assert everything(others) == before


@pytest.mark.parametrize("times", [1, 2])
def test_nothing_is_loaded_twice(times):
    state = json.loads(document(a_busy_server()))
    if times == 2:
        state["accounts"] *= 2
    else:
        state["accounts"][0]["records"]["TopUp"] *= 2
    with pytest.raises(Invalid, match=r"twice|top-ups"):
        load(json.dumps(state).encode(), Bench(an_account_service()))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"format": 1e999}'])
def test_what_is_no_json_is_no_state(data):
    with pytest.raises((Malformed, Invalid)):
        load(data, Bench(an_account_service()))


def test_a_file_that_was_laid_out_anew_is_the_same():
    bench, others = a_busy_server(), Bench(an_account_service())
    load(json.dumps(json.loads(document(bench)), indent=1).encode(), others)
    assert others.kept(Job) == bench.kept(Job)


def test_checks_of_others_name_the_place():
    bench = a_busy_server()

    def check(job: Job) -> None:
        raise ValueError("too late")

    states = service_of(bench.accounts)
    states.checks.append((Job, check))
    with pytest.raises(Invalid, match="accounts/0/records/Job/0: cannot be used: too late"):
        finish(read(document(bench), states))


def test_all_that_a_server_has_can_be_loaded_where_it_is():
    bench = a_busy_server()
    before = everything(bench)
    loaded(bench.accounts, NOW, bench.accounts)
    after = everything(bench)
    own = {Account}
    assert [each for each in after if each[0] not in own] == [
        each for each in before if each[0] not in own
    ]
