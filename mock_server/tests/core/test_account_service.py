"""Accounts are made, found and deleted, and their clocks moved; none sees another."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Limits, Progression, credential_ids
from mock_server.core.clock import Clock
from mock_server.core.errors import Conflict, Invalid, NotFound
from mock_server.core.jobs.job import Job, JobState
from mock_server.tests.makers import (
    NOW,
    Bench,
    an_account_service,
    run,
    some_work,
    too_much_for_memory,
    work_that_costs,
)

LATER = NOW + 1e6


def a_server(**options):
    return Bench(an_account_service(**options))


def make(bench, id="ada", **spec):
    return run(bench.accounts.create(AccountSpec(id=id, **spec), NOW))


def submit(bench, account, now=NOW, work=None, **options):
    return bench.submit(account, work or work_that_costs(8), now, **options).job


def account_of(bench, id="ada"):
    return run(bench.accounts.find(id))


def now_of(bench, id="ada", wall=NOW):
    return run(bench.accounts.now(account_of(bench, id), wall))


def advance(bench, id, to=None, wall=NOW):
    """Move a clock (None: the server's) to a moment or the next one; return it and the events."""
    move = None if to is None else lambda clock: clock.moved_to(wall, to)
    events = run(bench.accounts.advance(id, wall, move))
    return now_of(bench, id) if id else run(bench.accounts.clock(None)).now(wall), events


# Accounts


def test_a_server_opens_with_its_ready_made_account_and_only_once():
    bench = a_server()
    before = run(bench.accounts.all())

    run(bench.accounts.open(LATER))

    assert [(each.id, each.ready_made) for each in before] == [("ready", True)]
    assert run(bench.accounts.all()) == before
    assert run(bench.accounts.clock(None)).now(LATER) == NOW


def test_what_a_spec_leaves_out_is_generated_and_repeats():
    one, other = a_server(), a_server()
    ada = make(one)

    assert make(other) == ada
    assert (ada.number, ada.opening, ada.limits, ada.clock) == (1, 100, Limits(), None)
    credentials = ada.credentials
    assert credentials.private_key == "private key 1"
    assert credentials.public_key == "public key 1"
    lengths = [len(part) for part in (credentials.app_id, credentials.token, credentials.key)]
    assert lengths == [9, 32, 16]
    assert make(one, "bob").credentials.secret != credentials.secret
    assert make(one, "eve").seed != ada.seed


def test_what_a_spec_asks_for_is_given():
    spec = {"name": "Ada", "seed": 5, "limits": Limits(qps=9), "settings": (("slots", 3),)}
    ada = make(a_server(), **spec, balance=Decimal(7), app_id="app", token="token")

    assert {name: getattr(ada, name) for name in spec} == spec
    assert ada.opening == 7
    assert (ada.credentials.app_id, ada.credentials.token) == ("app", "token")


def test_a_public_key_that_is_given_comes_without_a_private_one():
    credentials = make(a_server(), public_key="mine").credentials

    assert (credentials.public_key, credentials.private_key) == ("mine", "")


@pytest.mark.parametrize("spec", [{"clock_start": 50.0}, {"clock_rate": 2.0}])
def test_a_clock_that_is_asked_for_is_anchored_where_the_account_was_made(spec):
    ada = make(a_server(), **spec)
    start, rate = spec.get("clock_start", NOW), spec.get("clock_rate", 1.0)

    assert ada.clock.now(NOW) == start
    assert ada.clock.now(NOW + 10) == start + 10 * rate


def test_an_account_is_found_by_its_id_and_credentials():
    bench = a_server()
    ada = make(bench)

    assert account_of(bench) == ada
    for name in credential_ids(ada.credentials):
        assert run(bench.accounts.by_credential(name)) == ada
    with pytest.raises(NotFound, match="account"):
        account_of(bench, "nobody")


@pytest.mark.parametrize("what", ["app_id", "token", "key"])
def test_an_id_or_a_credential_that_is_taken_makes_no_account(what):
    bench = a_server()
    ada = make(bench)
    taken = {what: getattr(ada.credentials, what)}

    with pytest.raises(Conflict, match="account 'ada' already"):
        make(bench)
    with pytest.raises(Conflict, match="another account has the credential"):
        make(bench, "bob", **taken)

    assert [each.id for each in run(bench.accounts.all())] == ["ready", "ada"]
    assert make(bench, "bob").number == 2


@pytest.mark.parametrize("id", ["server", "a/b", "a b", "a\n", "ä", "x" * 101])
def test_an_id_that_could_be_taken_for_something_else_is_refused(id):
    with pytest.raises(Invalid, match="id"):
        make(a_server(), id)


def test_an_opening_balance_is_not_negative():
    with pytest.raises(Invalid, match="balance"):
        make(a_server(), balance=Decimal("-0.1"))


def test_a_generated_id_goes_around_those_that_were_asked_for():
    bench = a_server()
    make(bench, "account-2")

    assert [make(bench, "").id for _ in range(2)] == ["account-3", "account-4"]


def test_the_oldest_accounts_make_room_but_the_ready_made_one_stays():
    bench = a_server(keep_accounts=3)
    made = [make(bench, f"account-{number}x") for number in range(6)]

    assert [each.id for each in run(bench.accounts.all())] == ["ready", "account-4x", "account-5x"]
    for old in made[:4]:
        assert run(bench.accounts.by_credential(credential_ids(old.credentials)[0])) is None
    assert make(bench, made[0].id).number == 7


@pytest.mark.parametrize("keep_accounts", [0, 1])
def test_a_new_account_is_there_however_few_are_kept(keep_accounts):
    bench = a_server(keep_accounts=keep_accounts)
    make(bench)
    bob = make(bench, "bob")

    assert account_of(bench, "bob") == bob
    assert [each.id for each in run(bench.accounts.all())] == ["ready", "bob"]


def test_an_account_that_was_deleted_leaves_nothing():
    bench = a_server()
    ada = make(bench)
    job = submit(bench, ada, request_key="key")
    bench.set_balance(ada, by=Decimal(5))
    bench.admit(ada, ada.limits)

    run(bench.accounts.delete("ada"))

    with pytest.raises(NotFound):
        account_of(bench)
    assert bench.get(Job, job.id) is None
    again = make(bench)
    assert bench.wallet(again).balance == 100
    submit(bench, again, request_key="key")


def test_the_ready_made_account_is_not_deleted():
    bench = a_server()

    with pytest.raises(Conflict, match="reset it instead"):
        run(bench.accounts.delete("ready"))
    assert [each.id for each in run(bench.accounts.all())] == ["ready"]


# Clocks


def test_accounts_follow_the_servers_clock_until_they_have_another():
    bench = a_server(rate=1.0)
    make(bench)
    make(bench, "bob", clock_start=50.0, clock_rate=0.0)

    assert now_of(bench, "ada", NOW + 5) == NOW + 5
    assert now_of(bench, "bob", NOW + 5) == 50.0
    assert advance(bench, None, NOW + 100) == (NOW + 100, [])
    assert now_of(bench, "ada") == NOW + 100
    assert now_of(bench, "bob") == 50.0


def test_advancing_one_account_gives_it_a_clock():
    bench = a_server()
    make(bench)
    make(bench, "bob")

    advance(bench, "ada", NOW + 100)

    assert now_of(bench, "ada") == NOW + 100
    assert now_of(bench, "bob") == NOW
    advance(bench, None, NOW + 50)
    assert now_of(bench, "ada") == NOW + 100
    assert now_of(bench, "bob") == NOW + 50


def test_a_clock_is_put_in_place_for_one_account_or_for_all():
    bench = a_server()
    ada = make(bench)
    fast, slow = Clock.at(NOW, rate=60.0), Clock.at(NOW, rate=0.5)

    def set_clock(id, clock):
        return run(bench.accounts.change_clock(id, NOW, lambda _: clock))

    assert set_clock(None, fast) == fast == run(bench.accounts.clock(ada))
    assert set_clock("ada", slow) == slow == run(bench.accounts.clock(account_of(bench)))
    assert run(bench.accounts.clock(None)) == fast


@pytest.mark.parametrize("whose", ["server", "ada"])
def test_a_clock_is_not_advanced_into_the_past(whose):
    bench = a_server()
    make(bench)

    with pytest.raises(Conflict, match="never runs back"):
        advance(bench, "ada" if whose == "ada" else None, NOW - 0.001)
    assert now_of(bench, "ada") == NOW
    assert account_of(bench).clock is None


def test_advancing_tells_what_happened_in_order():
    bench = a_server()
    ada = make(bench)
    good, bad = (
        submit(bench, ada),
        submit(bench, ada, work=too_much_for_memory()),
    )
    _, events = advance(bench, None, LATER)

    assert [event.at for event in events] == sorted(event.at for event in events)
    assert [event.state for event in events if event.id == good.id] == [
        *(JobState.WAITING, JobState.RUNNING, JobState.SUCCEEDED)
    ]
    assert [event.state for event in events if event.id == bad.id] == [
        *(JobState.WAITING, JobState.RUNNING, JobState.FAILED)
    ]
    assert {event.account for event in events} == {"ada"}


def test_advancing_tells_nothing_twice_and_nothing_that_was_seen_before():
    bench = a_server()
    ada = make(bench)
    job = submit(bench, ada)
    _, early = advance(bench, None, job.starts_at)
    _, late = advance(bench, None, LATER)

    assert [event.state for event in early] == [JobState.WAITING, JobState.RUNNING]
    assert [event.state for event in late] == [JobState.SUCCEEDED]
    assert advance(bench, None, LATER) == (LATER, [])


def test_without_anything_to_come_there_is_no_next_event():
    bench = a_server()
    submit(bench, make(bench), progress=Progression.MANUAL)

    assert advance(bench, None) == (NOW, [])


works = st.sampled_from([work_that_costs(8), too_much_for_memory(), some_work(inputs=("nothing",))])


@given(
    st.lists(st.tuples(works, st.sampled_from([0.0, 0.1, 1.5]), st.booleans()), max_size=8),
    st.sampled_from([0.1, 1000.3, NOW + 0.123]),
    st.sampled_from([0.0, 0.3]),
)
def test_going_from_event_to_event_is_exact_and_misses_nothing(history, start, pending):
    def a_busy_server():
        bench = a_server(start=start, slots=1)
        accounts = [make(bench), make(bench, "bob")]
        now = start
        for work, gap, bobs in history:
            submit(bench, accounts[bobs], now, replace(work, pending=pending))
            now += gap
            advance(bench, None, now)
        return bench, accounts, now

    bench, accounts, now = a_busy_server()
    found = []
    while True:
        before, (now, events) = now, advance(bench, None)
        if not events:
            assert now == before
            break
        assert now > before
        assert {event.at for event in events} == {now}
        for event in events:
            [account] = [each for each in accounts if each.id == event.account]
            state = bench.look(account, event.id, now).state
            same = [each.state for each in events if each.id == event.id]
            assert state is same[-1]
        found += events
    other, accounts, start = a_busy_server()
    _, at_once = advance(other, None, start + 1e6)

    assert found == at_once
    assert all(start < event.at <= start + 1e6 for event in at_once)
    assert all(one.at <= other.at for one, other in pairwise(at_once))
    jobs_over = {event.id for event in found if JobState(event.state).final}
    assert sum(JobState(event.state).final for event in found) == len(jobs_over) <= len(history)


def test_the_whole_server_goes_to_the_first_event_of_any_follower():
    bench = a_server()
    ada, bob = make(bench), make(bench, "bob")
    eve = make(bench, "eve", clock_start=NOW - 1000, clock_rate=0.0)
    submit(bench, ada, NOW)
    advance(bench, None, NOW + 0.1)
    submit(bench, bob, NOW + 0.1)
    submit(bench, eve, NOW - 1000)

    assert [event.account for event in advance(bench, None)[1]] == ["ada"]
    assert [event.account for event in advance(bench, None)[1]] == ["bob"]
    now, events = advance(bench, "eve")
    assert [event.account for event in events] == ["eve"]
    assert now < NOW
