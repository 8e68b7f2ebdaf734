"""Worlds are made, moved, counted and brought back, and never see each other."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.core.account_service import PARTS, AccountSpec
from mock_server.core.accounts import Limits, Progression, credential_ids
from mock_server.core.clock import Clock
from mock_server.core.errors import Conflict, Invalid, NotFound, RateLimited, RequestRepeated
from mock_server.core.jobs.job import JobState
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


def make(account_service, id="ada", **wish):
    return run(account_service.create(AccountSpec(id=id, **wish), NOW))


def submit(account_service, account, now=NOW, work=None, **options):
    job_service = account_service.job_service
    return run(
        job_service.submit(account, an_order(), work or work_that_costs(8), now, **options)
    ).job


def now_of(account_service, account, wall=NOW):
    return run(account_service.job_service.now(account, wall))


def sums(account_service, account, now=NOW):
    """Return the wallet, after checking that the ledger adds up to it."""
    wallet, lines = run(account_service.ledger(account, now))
    assert sum(line.amount for line in lines) == wallet.balance
    return wallet


def advance(account_service, account, to, wall=NOW):
    clock, events = run(account_service.advance(account, wall, to))
    return clock.now(wall), events


# Accounts


def test_a_server_opens_with_its_ready_made_account_and_only_once():
    account_service = some_worlds()
    before = run(account_service.all())

    run(account_service.open(LATER))

    assert [(each.id, each.ready_made) for each in before] == [("ready", True)]
    assert run(account_service.all()) == before
    assert run(account_service.clock(None)).now(LATER) == NOW


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
    wish = {"name": "Ada", "seed": 5, "limits": Limits(qps=9), "progress": Progression.MANUAL}
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
    account_service = some_worlds()
    ada = make(account_service)

    assert run(account_service.find("ada")) == ada
    for name in credential_ids(ada.credentials):
        assert run(account_service.job_service.account(name)) == ada
    with pytest.raises(NotFound, match="account"):
        run(account_service.find("nobody"))


@pytest.mark.parametrize("what", ["app_id", "token", "key"])
def test_an_id_or_a_credential_that_is_taken_makes_no_account(what):
    account_service = some_worlds()
    ada = make(account_service)
    taken = {what: getattr(ada.credentials, what)}

    with pytest.raises(Conflict, match="account 'ada' already"):
        make(account_service)
    with pytest.raises(Conflict, match="another account has the credential"):
        make(account_service, "bob", **taken)

    assert [each.id for each in run(account_service.all())] == ["ready", "ada"]
    assert make(account_service, "bob").number == 2


@pytest.mark.parametrize("id", ["server", "a/b", "a b", "a\n", "ä", "x" * 101])
def test_an_id_that_could_be_taken_for_something_else_is_refused(id):
    with pytest.raises(Invalid, match="id"):
        make(some_worlds(), id)


def test_an_opening_balance_is_not_negative():
    with pytest.raises(Invalid, match="balance"):
        make(some_worlds(), balance=Decimal("-0.1"))


def test_a_made_up_id_goes_around_those_that_were_wished_for():
    account_service = some_worlds()
    make(account_service, "account-2")

    assert [make(account_service, "").id for _ in range(2)] == ["account-3", "account-4"]


def test_the_oldest_accounts_make_room_but_the_ready_made_one_stays():
    account_service = some_worlds(keep_accounts=3)
    made = [make(account_service, f"account-{number}x") for number in range(6)]

    assert [each.id for each in run(account_service.all())] == ["ready", "account-4x", "account-5x"]
    for old in made[:4]:
        assert run(account_service.job_service.account(credential_ids(old.credentials)[0])) is None
    assert make(account_service, made[0].id).number == 7


@pytest.mark.parametrize("keep_accounts", [0, 1])
def test_a_new_account_is_there_however_few_are_kept(keep_accounts):
    account_service = some_worlds(keep_accounts=keep_accounts)
    make(account_service)
    bob = make(account_service, "bob")

    assert run(account_service.find("bob")) == bob
    assert [each.id for each in run(account_service.all())] == ["ready", "bob"]


def test_a_world_that_was_deleted_leaves_nothing():
    account_service = some_worlds()
    ada = make(account_service)
    job = submit(account_service, ada, request_key="key")
    run(account_service.set_balance(ada, NOW, to=None, by=Decimal(5), reason="gift"))
    run(account_service.job_service.admit(ada, ada.limits, NOW))

    run(account_service.delete("ada"))

    with pytest.raises(NotFound):
        run(account_service.find("ada"))
    assert run(account_service.job_service.job(job.id)) is None
    again = make(account_service)
    assert sums(account_service, again).balance == 100
    submit(account_service, again, request_key="key")


def test_the_ready_made_account_is_not_deleted():
    account_service = some_worlds()

    with pytest.raises(Conflict, match="reset it instead"):
        run(account_service.delete("ready"))
    assert [each.id for each in run(account_service.all())] == ["ready"]


# Clocks


def test_accounts_follow_the_servers_clock_until_they_have_their_own():
    account_service = some_worlds(rate=1.0)
    ada, bob = make(account_service), make(account_service, "bob", clock_start=50.0, clock_rate=0.0)

    assert now_of(account_service, ada, NOW + 5) == NOW + 5
    assert now_of(account_service, bob, NOW + 5) == 50.0
    assert advance(account_service, None, NOW + 100) == (NOW + 100, [])
    assert now_of(account_service, ada) == NOW + 100
    assert now_of(account_service, bob) == 50.0


def test_advancing_one_account_gives_it_a_clock_of_its_own():
    account_service = some_worlds()
    ada, bob = make(account_service), make(account_service, "bob")

    advance(account_service, ada, NOW + 100)

    assert now_of(account_service, run(account_service.find("ada"))) == NOW + 100
    assert now_of(account_service, bob) == NOW
    advance(account_service, None, NOW + 50)
    assert now_of(account_service, run(account_service.find("ada"))) == NOW + 100
    assert now_of(account_service, bob) == NOW + 50


def test_a_clock_is_put_in_place_for_one_account_or_for_all():
    account_service = some_worlds()
    ada = make(account_service)
    fast, slow = Clock.at(NOW, rate=60.0), Clock.at(NOW, rate=0.5)

    assert run(account_service.set_clock(None, fast)) == fast == run(account_service.clock(ada))
    assert (
        run(account_service.set_clock(ada, slow))
        == slow
        == run(account_service.clock(run(account_service.find("ada"))))
    )
    assert run(account_service.clock(None)) == fast


@pytest.mark.parametrize("whose", ["server", "ada"])
def test_a_clock_is_not_advanced_into_the_past(whose):
    account_service = some_worlds()
    ada = make(account_service)
    account = ada if whose == "ada" else None

    with pytest.raises(Conflict, match="never runs back"):
        advance(account_service, account, NOW - 0.001)
    assert now_of(account_service, run(account_service.find("ada"))) == NOW
    assert run(account_service.find("ada")).clock is None


def test_advancing_tells_what_happened_in_order():
    account_service = some_worlds()
    ada = make(account_service)
    good, bad = (
        submit(account_service, ada),
        submit(account_service, ada, work=too_much_for_memory()),
    )
    _, events = advance(account_service, None, LATER)

    assert [event.at for event in events] == sorted(event.at for event in events)
    assert [event.state for event in events if event.id == good.id] == [
        *(JobState.WAITING, JobState.RUNNING, JobState.SUCCEEDED)
    ]
    assert [event.state for event in events if event.id == bad.id] == [
        *(JobState.WAITING, JobState.RUNNING, JobState.FAILED)
    ]
    assert {event.account for event in events} == {"ada"}


def test_advancing_tells_nothing_twice_and_nothing_that_was_seen_before():
    account_service = some_worlds()
    ada = make(account_service)
    job = submit(account_service, ada)
    _, early = advance(account_service, None, job.starts_at)
    _, late = advance(account_service, None, LATER)

    assert [event.state for event in early] == [JobState.WAITING, JobState.RUNNING]
    assert [event.state for event in late] == [JobState.SUCCEEDED]
    assert advance(account_service, None, LATER) == (LATER, [])


def test_without_anything_to_come_there_is_no_next_event():
    account_service = some_worlds()
    submit(account_service, make(account_service), progress=Progression.MANUAL)

    assert advance(account_service, None, None) == (NOW, [])


works = st.sampled_from([work_that_costs(8), too_much_for_memory(), some_work(inputs=("nothing",))])


@given(
    st.lists(st.tuples(works, st.sampled_from([0.0, 0.1, 1.5]), st.booleans()), max_size=8),
    st.sampled_from([0.1, 1000.3, NOW + 0.123]),
    st.sampled_from([0.0, 0.3]),
)
def test_going_from_event_to_event_is_exact_and_misses_nothing(history, start, pending):
    def a_busy_server():
        account_service = some_worlds(start=start, slots=1, planner=a_planner(pending=pending))
        accounts = [make(account_service), make(account_service, "bob")]
        now = start
        for work, gap, bobs in history:
            submit(account_service, accounts[bobs], now, work)
            now += gap
            advance(account_service, None, now)
        return account_service, accounts, now

    account_service, accounts, now = a_busy_server()
    found = []
    while True:
        before, (now, events) = now, advance(account_service, None, None)
        if not events:
            assert now == before
            break
        assert now > before
        assert {event.at for event in events} == {now}
        for event in events:
            [account] = [each for each in accounts if each.id == event.account]
            state = run(account_service.job_service.look(account, event.id, now)).state
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
    account_service = some_worlds()
    ada, bob = make(account_service), make(account_service, "bob")
    eve = make(account_service, "eve", clock_start=NOW - 1000, clock_rate=0.0)
    submit(account_service, ada, NOW)
    advance(account_service, None, NOW + 0.1)
    submit(account_service, bob, NOW + 0.1)
    submit(account_service, eve, NOW - 1000)

    assert [event.account for event in advance(account_service, None, None)[1]] == ["ada"]
    assert [event.account for event in advance(account_service, None, None)[1]] == ["bob"]
    now, events = advance(account_service, eve, None)
    assert [event.account for event in events] == ["eve"]
    assert now < NOW


# Money


def test_a_balance_is_changed_by_an_amount_or_to_one():
    account_service = some_worlds()
    ada = make(account_service)
    job = submit(account_service, ada)

    run(account_service.set_balance(ada, NOW, to=None, by=Decimal(5), reason="gift"))
    assert sums(account_service, ada).balance == 105 - job.price
    wallet = run(account_service.set_balance(ada, NOW, to=Decimal(3), by=Decimal(0), reason="test"))
    assert wallet.balance == 3
    assert sums(account_service, ada) == wallet
    lines = run(account_service.ledger(ada, NOW))[1]
    assert [line.note for line in lines if line.kind == "top-up"] == ["gift", "test"]


@pytest.mark.parametrize("change", [{"to": Decimal("-0.1")}, {"to": None, "by": Decimal(-101)}])
def test_a_balance_is_not_made_negative(change):
    account_service = some_worlds()
    ada = make(account_service)

    with pytest.raises(Invalid, match="cannot become negative"):
        run(account_service.set_balance(ada, NOW, **{"by": Decimal(0), **change}, reason="test"))
    assert sums(account_service, ada).balance == 100


def test_the_ledger_adds_up_though_old_jobs_are_forgotten():
    account_service = some_worlds(keep_jobs=3)
    ada = make(account_service)
    for number in range(12):
        work = too_much_for_memory() if number % 3 else work_that_costs(8)
        submit(account_service, ada, NOW + 100 * number, work)
        sums(account_service, ada, NOW + 100 * number)

    wallet = sums(account_service, ada, LATER)
    lines = run(account_service.ledger(ada, LATER))[1]
    assert wallet.charged == 4 * Decimal("0.8")
    assert [line.amount for line in lines if line.kind == "carried"] == [-3 * Decimal("0.8")]


# Resets


def a_lived_in_world(**rules):
    """Return worlds and an account of which every part has been used."""
    account_service = some_worlds(**rules)
    ada = make(account_service, balance=Decimal(10), clock_start=NOW, clock_rate=0.0)
    over, going = (
        submit(account_service, ada, request_key="over"),
        submit(account_service, ada, request_key="going"),
    )
    run(account_service.job_service.cancel(ada, going.id, NOW))
    advance(account_service, ada, over.ends_at)
    ada = run(account_service.find("ada"))
    now = over.ends_at
    going = submit(account_service, ada, now, request_key="now")
    run(account_service.set_balance(ada, now, to=None, by=Decimal(90), reason="gift"))
    place = run(account_service.job_service.reserve(ada, now, upload_for=60, keep_for=None))
    run(account_service.job_service.receive(ada, replace(place, uploaded_at=now), b"data"))
    ada = run(account_service.change(replace(ada, limits=Limits(qps=1), slots=5)))
    run(account_service.job_service.admit(ada, ada.limits, now))
    return account_service, ada, over, going, place


def is_limited(account_service, account):
    now = now_of(account_service, account)
    try:
        run(account_service.job_service.admit(account, account.limits, now))
    except RateLimited:
        return True
    return False


def is_repeated(account_service, account, key):
    try:
        submit(account_service, account, now_of(account_service, account), request_key=key)
    except RequestRepeated:
        return True
    return False


def test_a_reset_brings_a_world_back_to_its_birth():
    account_service, ada, over, going, place = a_lived_in_world()
    spec = make(some_worlds(), balance=Decimal(10), clock_start=NOW, clock_rate=0.0)

    [ada] = run(account_service.reset(ada, [], NOW + 500))

    assert ada == replace(spec, clock=replace(spec.clock, wall_anchor=NOW + 500))
    assert run(account_service.find("ada")) == ada
    assert now_of(account_service, ada, NOW + 500) == NOW
    assert [line.kind for line in run(account_service.ledger(ada, NOW))[1]] == ["opening"]
    for job in (over, going):
        assert run(account_service.job_service.job(job.id)) is None
    assert run(account_service.job_service.resource(place.id)) is None
    assert run(account_service.job_service.store.blobs.get(place.id)) is None
    assert not any(is_limited(account_service, ada) for _ in range(5))
    assert not any(is_repeated(account_service, ada, key) for key in ("over", "going", "now"))


def test_a_world_that_was_reset_lives_through_the_same_again():
    account_service = some_worlds()
    ada = make(account_service, clock_start=NOW, clock_rate=0.0)
    first = [submit(account_service, ada, NOW, some_work()) for _ in range(3)]
    advance(account_service, ada, LATER)

    [ada] = run(account_service.reset(run(account_service.find("ada")), [], NOW + 77))

    assert [submit(account_service, ada, NOW, some_work()) for _ in range(3)] == first


def test_a_reset_of_one_world_leaves_the_others_alone():
    account_service = some_worlds()
    ada, bob = make(account_service), make(account_service, "bob")
    jobs = [submit(account_service, account) for account in (ada, bob)]

    run(account_service.reset(ada, [], NOW))

    assert run(account_service.job_service.job(jobs[0].id)) is None
    assert run(account_service.job_service.job(jobs[1].id)) == jobs[1]
    assert sums(account_service, bob).held == jobs[1].price


def test_jobs_that_are_forgotten_hold_nothing_but_what_they_cost_stays_charged():
    account_service, ada, over, going, place = a_lived_in_world()
    now = now_of(account_service, ada)
    run(account_service.reset(ada, ["jobs"], NOW))

    wallet = sums(account_service, ada, now)
    assert (wallet.charged, wallet.held, wallet.topped_up) == (over.price, 0, 90)
    assert run(account_service.job_service.job(going.id)) is None
    assert run(account_service.job_service.resource(place.id)) is not None
    assert not is_repeated(account_service, ada, "over")
    assert now_of(account_service, run(account_service.find("ada"))) == now


def test_a_job_that_was_over_unnoticed_is_charged_before_it_is_forgotten():
    account_service = some_worlds(rate=1.0)
    ada = make(account_service)
    job = submit(account_service, ada)

    run(account_service.reset(ada, ["jobs"], job.ends_at))

    assert sums(account_service, ada, job.ends_at).charged == job.price


def test_credits_are_reset_but_for_what_jobs_still_hold():
    account_service, ada, over, going, _ = a_lived_in_world()
    now = now_of(account_service, ada)
    run(account_service.reset(ada, ["credits"], NOW))

    wallet = sums(account_service, ada, now)
    assert (wallet.topped_up, wallet.charged, wallet.held) == (0, 0, going.price)
    assert sums(account_service, ada, LATER).charged == going.price
    assert run(account_service.job_service.job(over.id)) is not None


def test_an_account_whose_jobs_hold_more_than_its_opening_can_be_topped_up_again():
    account_service = some_worlds()
    ada = make(account_service, balance=Decimal(1))
    run(account_service.set_balance(ada, NOW, to=None, by=Decimal(9), reason="gift"))
    submit(account_service, ada, work=work_that_costs(50))
    run(account_service.reset(ada, ["credits"], NOW))
    assert sums(account_service, ada).balance == -4

    run(account_service.set_balance(ada, NOW, to=None, by=Decimal(1), reason="gift"))

    assert sums(account_service, ada).balance == -3
    with pytest.raises(Invalid, match="cannot become negative"):
        run(account_service.set_balance(ada, NOW, to=None, by=Decimal(-1), reason="gift"))


def test_uploads_are_reset_with_their_bytes_and_nothing_else():
    account_service, ada, over, going, place = a_lived_in_world()
    run(account_service.reset(ada, ["uploads"], NOW))

    assert run(account_service.job_service.resource(place.id)) is None
    assert run(account_service.job_service.store.blobs.get(place.id)) is None
    assert {run(account_service.job_service.job(job.id)).id for job in (over, going)} == {
        over.id,
        going.id,
    }


def test_limits_are_reset_with_the_calls_they_counted():
    account_service, ada, *_ = a_lived_in_world()
    assert is_limited(account_service, ada)

    [ada] = run(account_service.reset(ada, ["limits"], NOW))

    assert ada.limits == Limits()
    assert ada.slots == 5
    assert not is_limited(account_service, ada)
    assert is_repeated(account_service, ada, "now")


def test_a_clock_that_goes_back_takes_along_what_it_has_stamped():
    account_service, ada, over, _, place = a_lived_in_world()
    [ada] = run(account_service.reset(ada, ["clock"], NOW + 9))

    assert now_of(account_service, ada, NOW + 9) == NOW
    assert run(account_service.job_service.job(over.id)) is None
    assert run(account_service.job_service.resource(place.id)) is None
    assert not is_limited(account_service, ada)
    wallet = sums(account_service, ada, NOW)
    assert (wallet.held, wallet.charged, wallet.topped_up) == (0, over.price, 90)


def test_a_clock_that_does_not_go_back_takes_nothing_along():
    account_service = some_worlds(rate=1.0)
    ada = make(account_service)
    job = submit(account_service, ada)

    run(account_service.reset(ada, ["clock"], NOW + 0.1))
    run(account_service.reset(None, ["clock"], NOW + 0.2))

    assert run(account_service.job_service.job(job.id)) == job


def test_the_servers_clock_is_reset_for_all_that_follow_it():
    account_service = some_worlds(start=1000.0)
    ada, bob = (
        make(account_service),
        make(account_service, "bob", clock_start=500.0, clock_rate=0.0),
    )
    jobs = submit(account_service, ada, 1000.0), submit(account_service, bob, 500.0)
    advance(account_service, None, 2000.0)

    run(account_service.reset(None, ["clock"], NOW + 9))

    assert now_of(account_service, ada, NOW + 9) == 1000.0
    assert run(account_service.job_service.job(jobs[0].id)) is None
    assert sums(account_service, ada, 1000.0).charged == jobs[0].price
    assert run(account_service.job_service.job(jobs[1].id)) == jobs[1]


def test_a_whole_server_is_reset_to_its_ready_made_account():
    account_service = some_worlds(start=1000.0)
    ready = run(account_service.find("ready"))
    ada = make(account_service)
    job = submit(account_service, ready, 1000.0)
    submit(account_service, ada, 1000.0)
    advance(account_service, None, 2000.0)

    assert run(account_service.reset(None, [], NOW + 9)) == [ready]

    assert run(account_service.all()) == [ready]
    assert now_of(account_service, ready, NOW + 9) == 1000.0
    assert sums(account_service, ready, 1000.0).balance == 100
    assert submit(account_service, ready, 1000.0) == job
    assert make(account_service) == ada


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_all_worlds_can_be_reset(part):
    account_service = some_worlds()
    accounts = [make(account_service), make(account_service, "bob")]
    jobs = [submit(account_service, account) for account in accounts]

    left = run(account_service.reset(None, [part], NOW))

    assert [each.id for each in left] == ["ready", "ada", "bob"]
    kept = [run(account_service.job_service.job(job.id)) is not None for job in jobs]
    assert kept == [part != "jobs"] * 2
    for account, job in zip(accounts, jobs, strict=True):
        assert sums(account_service, account).held == (0 if part == "jobs" else job.price)


def test_a_part_that_is_not_known_is_refused_before_anything_is_reset():
    account_service = some_worlds()
    ada = make(account_service)
    job = submit(account_service, ada)

    with pytest.raises(Invalid, match=r"knows jobs, credits, .* found dreams"):
        run(account_service.reset(ada, ["jobs", "dreams"], NOW))
    assert run(account_service.job_service.job(job.id)) == job


def test_uploads_do_not_come_back_under_an_old_id_after_jobs_were_reset():
    account_service = some_worlds()
    ada = make(account_service)
    first = run(account_service.job_service.reserve(ada, NOW, upload_for=60, keep_for=None))
    run(account_service.reset(ada, ["jobs"], NOW))

    second = run(account_service.job_service.reserve(ada, NOW, upload_for=60, keep_for=None))

    assert second.id != first.id
