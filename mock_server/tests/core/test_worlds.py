"""Worlds are made, moved, counted and brought back, and never see each other."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.core.accounts import Limits, Progress, credential_ids
from mock_server.core.clock import Clock
from mock_server.core.errors import Conflict, Invalid, NotFound, RateLimited, RequestRepeated
from mock_server.core.jobs import JobState
from mock_server.core.worlds import PARTS, Newborn
from mock_server.tests.makers import (
    NOW,
    a_planner,
    an_order,
    run,
    some_work,
    some_worlds,
    too_much_for_memory,
    work_that_costs,
)

LATER = NOW + 1e6


def make(worlds, id="ada", **wish):
    return run(worlds.create(Newborn(id=id, **wish), NOW))


def submit(worlds, account, now=NOW, work=None, **options):
    studio = worlds.studio
    return run(studio.submit(account, an_order(), work or work_that_costs(8), now, **options)).job


def now_of(worlds, account, wall=NOW):
    return run(worlds.studio.now(account, wall))


def sums(worlds, account, now=NOW):
    """Return the wallet, after checking that the ledger adds up to it."""
    wallet, lines = run(worlds.ledger(account, now))
    assert sum(line.amount for line in lines) == wallet.balance
    return wallet


def advance(worlds, account, to, wall=NOW):
    clock, events = run(worlds.advance(account, wall, to))
    return clock.now(wall), events


# Accounts


def test_a_server_opens_with_its_ready_made_account_and_only_once():
    worlds = some_worlds()
    before = run(worlds.all())

    run(worlds.open(LATER))

    assert [(each.id, each.ready_made) for each in before] == [("ready", True)]
    assert run(worlds.all()) == before
    assert run(worlds.clock(None)).now(LATER) == NOW


def test_what_is_left_out_of_a_wish_is_made_up_and_repeats():
    one, other = some_worlds(), some_worlds()
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


def test_what_is_wished_for_is_given():
    wish = {"name": "Ada", "seed": 5, "limits": Limits(qps=9), "progress": Progress.MANUAL}
    ada = make(some_worlds(), **wish, slots=3, balance=Decimal(7), app_id="app", token="token")

    assert {name: getattr(ada, name) for name in wish} == wish
    assert (ada.slots, ada.opening) == (3, 7)
    assert (ada.credentials.app_id, ada.credentials.token) == ("app", "token")


def test_a_public_key_of_ones_own_comes_without_a_private_one():
    credentials = make(some_worlds(), public_key="mine").credentials

    assert (credentials.public_key, credentials.private_key) == ("mine", "")


@pytest.mark.parametrize("wish", [{"clock_start": 50.0}, {"clock_rate": 2.0}])
def test_a_clock_of_ones_own_is_anchored_where_the_account_was_made(wish):
    ada = make(some_worlds(), **wish)
    start, rate = wish.get("clock_start", NOW), wish.get("clock_rate", 1.0)

    assert ada.clock.now(NOW) == start
    assert ada.clock.now(NOW + 10) == start + 10 * rate


def test_an_account_is_found_by_its_id_and_credentials():
    worlds = some_worlds()
    ada = make(worlds)

    assert run(worlds.find("ada")) == ada
    for name in credential_ids(ada.credentials):
        assert run(worlds.studio.account(name)) == ada
    with pytest.raises(NotFound, match="account"):
        run(worlds.find("nobody"))


@pytest.mark.parametrize("what", ["app_id", "token", "key"])
def test_an_id_or_a_credential_that_is_taken_makes_no_account(what):
    worlds = some_worlds()
    ada = make(worlds)
    taken = {what: getattr(ada.credentials, what)}

    with pytest.raises(Conflict, match="account 'ada' already"):
        make(worlds)
    with pytest.raises(Conflict, match="another account has the credential"):
        make(worlds, "bob", **taken)

    assert [each.id for each in run(worlds.all())] == ["ready", "ada"]
    assert make(worlds, "bob").number == 2


@pytest.mark.parametrize("id", ["server", "a/b", "a b", "a\n", "ä", "x" * 101])
def test_an_id_that_could_be_taken_for_something_else_is_refused(id):
    with pytest.raises(Invalid, match="id"):
        make(some_worlds(), id)


def test_an_opening_balance_is_not_negative():
    with pytest.raises(Invalid, match="balance"):
        make(some_worlds(), balance=Decimal("-0.1"))


def test_a_made_up_id_goes_around_those_that_were_wished_for():
    worlds = some_worlds()
    make(worlds, "account-2")

    assert [make(worlds, "").id for _ in range(2)] == ["account-3", "account-4"]


def test_the_oldest_accounts_make_room_but_the_ready_made_one_stays():
    worlds = some_worlds(keep_accounts=3)
    made = [make(worlds, f"account-{number}x") for number in range(6)]

    assert [each.id for each in run(worlds.all())] == ["ready", "account-4x", "account-5x"]
    for old in made[:4]:
        assert run(worlds.studio.account(credential_ids(old.credentials)[0])) is None
    assert make(worlds, made[0].id).number == 7


@pytest.mark.parametrize("keep_accounts", [0, 1])
def test_a_new_account_is_there_however_few_are_kept(keep_accounts):
    worlds = some_worlds(keep_accounts=keep_accounts)
    make(worlds)
    bob = make(worlds, "bob")

    assert run(worlds.find("bob")) == bob
    assert [each.id for each in run(worlds.all())] == ["ready", "bob"]


def test_a_world_that_was_deleted_leaves_nothing():
    worlds = some_worlds()
    ada = make(worlds)
    job = submit(worlds, ada, request_key="key")
    run(worlds.set_balance(ada, NOW, to=None, by=Decimal(5), reason="gift"))
    run(worlds.studio.admit(ada, ada.limits, NOW))

    run(worlds.delete("ada"))

    with pytest.raises(NotFound):
        run(worlds.find("ada"))
    assert run(worlds.studio.job(job.id)) is None
    again = make(worlds)
    assert sums(worlds, again).balance == 100
    submit(worlds, again, request_key="key")


def test_the_ready_made_account_is_not_deleted():
    worlds = some_worlds()

    with pytest.raises(Conflict, match="reset it instead"):
        run(worlds.delete("ready"))
    assert [each.id for each in run(worlds.all())] == ["ready"]


# Clocks


def test_accounts_follow_the_servers_clock_until_they_have_their_own():
    worlds = some_worlds(rate=1.0)
    ada, bob = make(worlds), make(worlds, "bob", clock_start=50.0, clock_rate=0.0)

    assert now_of(worlds, ada, NOW + 5) == NOW + 5
    assert now_of(worlds, bob, NOW + 5) == 50.0
    assert advance(worlds, None, NOW + 100) == (NOW + 100, [])
    assert now_of(worlds, ada) == NOW + 100
    assert now_of(worlds, bob) == 50.0


def test_advancing_one_account_gives_it_a_clock_of_its_own():
    worlds = some_worlds()
    ada, bob = make(worlds), make(worlds, "bob")

    advance(worlds, ada, NOW + 100)

    assert now_of(worlds, run(worlds.find("ada"))) == NOW + 100
    assert now_of(worlds, bob) == NOW
    advance(worlds, None, NOW + 50)
    assert now_of(worlds, run(worlds.find("ada"))) == NOW + 100
    assert now_of(worlds, bob) == NOW + 50


def test_a_clock_is_put_in_place_for_one_account_or_for_all():
    worlds = some_worlds()
    ada = make(worlds)
    fast, slow = Clock.at(NOW, rate=60.0), Clock.at(NOW, rate=0.5)

    assert run(worlds.set_clock(None, fast)) == fast == run(worlds.clock(ada))
    assert run(worlds.set_clock(ada, slow)) == slow == run(worlds.clock(run(worlds.find("ada"))))
    assert run(worlds.clock(None)) == fast


@pytest.mark.parametrize("whose", ["server", "ada"])
def test_a_clock_is_not_advanced_into_the_past(whose):
    worlds = some_worlds()
    ada = make(worlds)
    account = ada if whose == "ada" else None

    with pytest.raises(Conflict, match="never runs back"):
        advance(worlds, account, NOW - 0.001)
    assert now_of(worlds, run(worlds.find("ada"))) == NOW
    assert run(worlds.find("ada")).clock is None


def test_advancing_tells_what_happened_in_order():
    worlds = some_worlds()
    ada = make(worlds)
    good, bad = submit(worlds, ada), submit(worlds, ada, work=too_much_for_memory())
    _, events = advance(worlds, None, LATER)

    assert [event.at for event in events] == sorted(event.at for event in events)
    assert [event.state for event in events if event.id == good.id] == [
        *(JobState.WAITING, JobState.RUNNING, JobState.SUCCEEDED)
    ]
    assert [event.state for event in events if event.id == bad.id] == [
        *(JobState.WAITING, JobState.RUNNING, JobState.FAILED)
    ]
    assert {event.account for event in events} == {"ada"}


def test_advancing_tells_nothing_twice_and_nothing_that_was_seen_before():
    worlds = some_worlds()
    ada = make(worlds)
    job = submit(worlds, ada)
    _, early = advance(worlds, None, job.starts_at)
    _, late = advance(worlds, None, LATER)

    assert [event.state for event in early] == [JobState.WAITING, JobState.RUNNING]
    assert [event.state for event in late] == [JobState.SUCCEEDED]
    assert advance(worlds, None, LATER) == (LATER, [])


def test_without_anything_to_come_there_is_no_next_event():
    worlds = some_worlds()
    submit(worlds, make(worlds), progress=Progress.MANUAL)

    assert advance(worlds, None, None) == (NOW, [])


works = st.sampled_from([work_that_costs(8), too_much_for_memory(), some_work(inputs=("nothing",))])


@given(
    st.lists(st.tuples(works, st.sampled_from([0.0, 0.1, 1.5]), st.booleans()), max_size=8),
    st.sampled_from([0.1, 1000.3, NOW + 0.123]),
    st.sampled_from([0.0, 0.3]),
)
def test_going_from_event_to_event_is_exact_and_misses_nothing(history, start, pending):
    def a_busy_server():
        worlds = some_worlds(start=start, slots=1, planner=a_planner(pending=pending))
        accounts = [make(worlds), make(worlds, "bob")]
        now = start
        for work, gap, bobs in history:
            submit(worlds, accounts[bobs], now, work)
            now += gap
            advance(worlds, None, now)
        return worlds, accounts, now

    worlds, accounts, now = a_busy_server()
    found = []
    while True:
        before, (now, events) = now, advance(worlds, None, None)
        if not events:
            assert now == before
            break
        assert now > before
        assert {event.at for event in events} == {now}
        for event in events:
            [account] = [each for each in accounts if each.id == event.account]
            state = run(worlds.studio.look(account, event.id, now)).state
            same = [each.state for each in events if each.id == event.id]
            assert state is same[-1]
        found += events
    other, accounts, start = a_busy_server()
    _, at_once = advance(other, None, start + 1e6)

    assert found == at_once
    assert all(start < event.at <= start + 1e6 for event in at_once)
    assert all(one.at <= other.at for one, other in pairwise(at_once))
    jobs_over = {event.id for event in found if event.state.final}
    assert sum(event.state.final for event in found) == len(jobs_over) <= len(history)


def test_the_whole_server_goes_to_the_first_event_of_any_follower():
    worlds = some_worlds()
    ada, bob = make(worlds), make(worlds, "bob")
    eve = make(worlds, "eve", clock_start=NOW - 1000, clock_rate=0.0)
    submit(worlds, ada, NOW)
    advance(worlds, None, NOW + 0.1)
    submit(worlds, bob, NOW + 0.1)
    submit(worlds, eve, NOW - 1000)

    assert [event.account for event in advance(worlds, None, None)[1]] == ["ada"]
    assert [event.account for event in advance(worlds, None, None)[1]] == ["bob"]
    now, events = advance(worlds, eve, None)
    assert [event.account for event in events] == ["eve"]
    assert now < NOW


# Money


def test_a_balance_is_changed_by_an_amount_or_to_one():
    worlds = some_worlds()
    ada = make(worlds)
    job = submit(worlds, ada)

    run(worlds.set_balance(ada, NOW, to=None, by=Decimal(5), reason="gift"))
    assert sums(worlds, ada).balance == 105 - job.price
    wallet = run(worlds.set_balance(ada, NOW, to=Decimal(3), by=Decimal(0), reason="test"))
    assert wallet.balance == 3
    assert sums(worlds, ada) == wallet
    lines = run(worlds.ledger(ada, NOW))[1]
    assert [line.note for line in lines if line.kind == "top-up"] == ["gift", "test"]


@pytest.mark.parametrize("change", [{"to": Decimal("-0.1")}, {"to": None, "by": Decimal(-101)}])
def test_a_balance_is_not_made_negative(change):
    worlds = some_worlds()
    ada = make(worlds)

    with pytest.raises(Invalid, match="cannot become negative"):
        run(worlds.set_balance(ada, NOW, **{"by": Decimal(0), **change}, reason="test"))
    assert sums(worlds, ada).balance == 100


def test_the_ledger_adds_up_though_old_jobs_are_forgotten():
    worlds = some_worlds(keep_jobs=3)
    ada = make(worlds)
    for number in range(12):
        work = too_much_for_memory() if number % 3 else work_that_costs(8)
        submit(worlds, ada, NOW + 100 * number, work)
        sums(worlds, ada, NOW + 100 * number)

    wallet = sums(worlds, ada, LATER)
    lines = run(worlds.ledger(ada, LATER))[1]
    assert wallet.charged == 4 * Decimal("0.8")
    assert [line.amount for line in lines if line.kind == "carried"] == [-3 * Decimal("0.8")]


# Resets


def a_lived_in_world(**rules):
    """Return worlds and an account of which every part has been used."""
    worlds = some_worlds(**rules)
    ada = make(worlds, balance=Decimal(10), clock_start=NOW, clock_rate=0.0)
    over, going = submit(worlds, ada, request_key="over"), submit(worlds, ada, request_key="going")
    run(worlds.studio.cancel(ada, going.id, NOW))
    advance(worlds, ada, over.ends_at)
    ada = run(worlds.find("ada"))
    now = over.ends_at
    going = submit(worlds, ada, now, request_key="now")
    run(worlds.set_balance(ada, now, to=None, by=Decimal(90), reason="gift"))
    place = run(worlds.studio.reserve(ada, now, upload_for=60, keep_for=None))
    run(worlds.studio.receive(ada, replace(place, uploaded_at=now), b"data"))
    ada = run(worlds.change(replace(ada, limits=Limits(qps=1), slots=5)))
    run(worlds.studio.admit(ada, ada.limits, now))
    return worlds, ada, over, going, place


def is_limited(worlds, account):
    now = now_of(worlds, account)
    try:
        run(worlds.studio.admit(account, account.limits, now))
    except RateLimited:
        return True
    return False


def is_repeated(worlds, account, key):
    try:
        submit(worlds, account, now_of(worlds, account), request_key=key)
    except RequestRepeated:
        return True
    return False


def test_a_reset_brings_a_world_back_to_its_birth():
    worlds, ada, over, going, place = a_lived_in_world()
    newborn = make(some_worlds(), balance=Decimal(10), clock_start=NOW, clock_rate=0.0)

    [ada] = run(worlds.reset(ada, [], NOW + 500))

    assert ada == replace(newborn, clock=replace(newborn.clock, wall_anchor=NOW + 500))
    assert run(worlds.find("ada")) == ada
    assert now_of(worlds, ada, NOW + 500) == NOW
    assert [line.kind for line in run(worlds.ledger(ada, NOW))[1]] == ["opening"]
    for job in (over, going):
        assert run(worlds.studio.job(job.id)) is None
    assert run(worlds.studio.resource(place.id)) is None
    assert run(worlds.studio.store.blobs.get(place.id)) is None
    assert not any(is_limited(worlds, ada) for _ in range(5))
    assert not any(is_repeated(worlds, ada, key) for key in ("over", "going", "now"))


def test_a_world_that_was_reset_lives_through_the_same_again():
    worlds = some_worlds()
    ada = make(worlds, clock_start=NOW, clock_rate=0.0)
    first = [submit(worlds, ada, NOW, some_work()) for _ in range(3)]
    advance(worlds, ada, LATER)

    [ada] = run(worlds.reset(run(worlds.find("ada")), [], NOW + 77))

    assert [submit(worlds, ada, NOW, some_work()) for _ in range(3)] == first


def test_a_reset_of_one_world_leaves_the_others_alone():
    worlds = some_worlds()
    ada, bob = make(worlds), make(worlds, "bob")
    jobs = [submit(worlds, account) for account in (ada, bob)]

    run(worlds.reset(ada, [], NOW))

    assert run(worlds.studio.job(jobs[0].id)) is None
    assert run(worlds.studio.job(jobs[1].id)) == jobs[1]
    assert sums(worlds, bob).held == jobs[1].price


def test_jobs_that_are_forgotten_hold_nothing_but_what_they_cost_stays_charged():
    worlds, ada, over, going, place = a_lived_in_world()
    now = now_of(worlds, ada)
    run(worlds.reset(ada, ["jobs"], NOW))

    wallet = sums(worlds, ada, now)
    assert (wallet.charged, wallet.held, wallet.topped_up) == (over.price, 0, 90)
    assert run(worlds.studio.job(going.id)) is None
    assert run(worlds.studio.resource(place.id)) is not None
    assert not is_repeated(worlds, ada, "over")
    assert now_of(worlds, run(worlds.find("ada"))) == now


def test_a_job_that_was_over_unnoticed_is_charged_before_it_is_forgotten():
    worlds = some_worlds(rate=1.0)
    ada = make(worlds)
    job = submit(worlds, ada)

    run(worlds.reset(ada, ["jobs"], job.ends_at))

    assert sums(worlds, ada, job.ends_at).charged == job.price


def test_credits_are_reset_but_for_what_jobs_still_hold():
    worlds, ada, over, going, _ = a_lived_in_world()
    now = now_of(worlds, ada)
    run(worlds.reset(ada, ["credits"], NOW))

    wallet = sums(worlds, ada, now)
    assert (wallet.topped_up, wallet.charged, wallet.held) == (0, 0, going.price)
    assert sums(worlds, ada, LATER).charged == going.price
    assert run(worlds.studio.job(over.id)) is not None


def test_an_account_whose_jobs_hold_more_than_its_opening_can_be_topped_up_again():
    worlds = some_worlds()
    ada = make(worlds, balance=Decimal(1))
    run(worlds.set_balance(ada, NOW, to=None, by=Decimal(9), reason="gift"))
    submit(worlds, ada, work=work_that_costs(50))
    run(worlds.reset(ada, ["credits"], NOW))
    assert sums(worlds, ada).balance == -4

    run(worlds.set_balance(ada, NOW, to=None, by=Decimal(1), reason="gift"))

    assert sums(worlds, ada).balance == -3
    with pytest.raises(Invalid, match="cannot become negative"):
        run(worlds.set_balance(ada, NOW, to=None, by=Decimal(-1), reason="gift"))


def test_uploads_are_reset_with_their_bytes_and_nothing_else():
    worlds, ada, over, going, place = a_lived_in_world()
    run(worlds.reset(ada, ["uploads"], NOW))

    assert run(worlds.studio.resource(place.id)) is None
    assert run(worlds.studio.store.blobs.get(place.id)) is None
    assert {run(worlds.studio.job(job.id)).id for job in (over, going)} == {over.id, going.id}


def test_limits_are_reset_with_the_calls_they_counted():
    worlds, ada, *_ = a_lived_in_world()
    assert is_limited(worlds, ada)

    [ada] = run(worlds.reset(ada, ["limits"], NOW))

    assert ada.limits == Limits()
    assert ada.slots == 5
    assert not is_limited(worlds, ada)
    assert is_repeated(worlds, ada, "now")


def test_a_clock_that_goes_back_takes_along_what_it_has_stamped():
    worlds, ada, over, _, place = a_lived_in_world()
    [ada] = run(worlds.reset(ada, ["clock"], NOW + 9))

    assert now_of(worlds, ada, NOW + 9) == NOW
    assert run(worlds.studio.job(over.id)) is None
    assert run(worlds.studio.resource(place.id)) is None
    assert not is_limited(worlds, ada)
    wallet = sums(worlds, ada, NOW)
    assert (wallet.held, wallet.charged, wallet.topped_up) == (0, over.price, 90)


def test_a_clock_that_does_not_go_back_takes_nothing_along():
    worlds = some_worlds(rate=1.0)
    ada = make(worlds)
    job = submit(worlds, ada)

    run(worlds.reset(ada, ["clock"], NOW + 0.1))
    run(worlds.reset(None, ["clock"], NOW + 0.2))

    assert run(worlds.studio.job(job.id)) == job


def test_the_servers_clock_is_reset_for_all_that_follow_it():
    worlds = some_worlds(start=1000.0)
    ada, bob = make(worlds), make(worlds, "bob", clock_start=500.0, clock_rate=0.0)
    jobs = submit(worlds, ada, 1000.0), submit(worlds, bob, 500.0)
    advance(worlds, None, 2000.0)

    run(worlds.reset(None, ["clock"], NOW + 9))

    assert now_of(worlds, ada, NOW + 9) == 1000.0
    assert run(worlds.studio.job(jobs[0].id)) is None
    assert sums(worlds, ada, 1000.0).charged == jobs[0].price
    assert run(worlds.studio.job(jobs[1].id)) == jobs[1]


def test_a_whole_server_is_reset_to_its_ready_made_account():
    worlds = some_worlds(start=1000.0)
    ready = run(worlds.find("ready"))
    ada = make(worlds)
    job = submit(worlds, ready, 1000.0)
    submit(worlds, ada, 1000.0)
    advance(worlds, None, 2000.0)

    assert run(worlds.reset(None, [], NOW + 9)) == [ready]

    assert run(worlds.all()) == [ready]
    assert now_of(worlds, ready, NOW + 9) == 1000.0
    assert sums(worlds, ready, 1000.0).balance == 100
    assert submit(worlds, ready, 1000.0) == job
    assert make(worlds) == ada


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_all_worlds_can_be_reset(part):
    worlds = some_worlds()
    accounts = [make(worlds), make(worlds, "bob")]
    jobs = [submit(worlds, account) for account in accounts]

    left = run(worlds.reset(None, [part], NOW))

    assert [each.id for each in left] == ["ready", "ada", "bob"]
    kept = [run(worlds.studio.job(job.id)) is not None for job in jobs]
    assert kept == [part != "jobs"] * 2
    for account, job in zip(accounts, jobs, strict=True):
        assert sums(worlds, account).held == (0 if part == "jobs" else job.price)


def test_a_part_that_is_not_known_is_refused_before_anything_is_reset():
    worlds = some_worlds()
    ada = make(worlds)
    job = submit(worlds, ada)

    with pytest.raises(Invalid, match=r"knows jobs, credits, .* found dreams"):
        run(worlds.reset(ada, ["jobs", "dreams"], NOW))
    assert run(worlds.studio.job(job.id)) == job


def test_uploads_do_not_come_back_under_an_old_id_after_jobs_were_reset():
    worlds = some_worlds()
    ada = make(worlds)
    first = run(worlds.studio.reserve(ada, NOW, upload_for=60, keep_for=None))
    run(worlds.reset(ada, ["jobs"], NOW))

    second = run(worlds.studio.reserve(ada, NOW, upload_for=60, keep_for=None))

    assert second.id != first.id
