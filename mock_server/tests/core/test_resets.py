"""A reset brings an account or the server back to its start, altogether or in parts."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Limits
from mock_server.core.errors import AccountGone, Invalid, RateLimited, RequestRepeated
from mock_server.core.jobs.job import Job
from mock_server.core.nonces import Nonce, use_nonce
from mock_server.core.outbox import Delivery
from mock_server.core.resets import ResetService
from mock_server.core.resources import Resource
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.tests.makers import (
    NOW,
    Bench,
    an_account_service,
    run,
    some_work,
    work_that_costs,
)

LATER = NOW + 1e6
PARTS = tuple(ResetService(an_account_service()).parts)


def a_server(**options):
    return Bench(an_account_service(**options))


def make(bench, id="ada", **spec):
    return run(bench.accounts.create(AccountSpec(id=id, **spec), NOW))


def submit(bench, id="ada", now=NOW, work=None, **options):
    return bench.submit(id, work or work_that_costs(8), now, **options).job


def account_of(bench, id="ada"):
    return run(bench.accounts.find(id))


def now_of(bench, id="ada", wall=NOW):
    return run(bench.accounts.now(account_of(bench, id), wall))


def sums(bench, id="ada", now=NOW):
    """Return the wallet, after checking that the ledger adds up to it."""
    wallet, lines = bench.ledger(id, now)
    assert sum(line.amount for line in lines) == wallet.balance
    return wallet


def advance(bench, id, to, wall=NOW):
    """Move the clock of an account (None: of the server) to a moment."""
    return run(bench.accounts.advance(id, wall, lambda clock: clock.moved_to(wall, to)))


def reset(bench, id, only=(), wall=NOW):
    """Reset an account, or with None the server; return the accounts that are left."""
    account = None if id is None else account_of(bench, id)
    return run(ResetService(bench.accounts).reset(account, only, wall))


def a_used_account(**rules):
    """Return a server with an account of which every part has been used."""
    bench = a_server(**rules)
    make(bench, balance=Decimal(10), clock_start=NOW, clock_rate=0.0)
    over, going = submit(bench, request_key="over"), submit(bench, request_key="going")
    bench.cancel("ada", going.id)
    advance(bench, "ada", over.ends_at)
    going = submit(bench, request_key="now")
    bench.set_balance("ada", by=Decimal(90), reason="gift")
    picture = bench.upload("ada")

    async def change(world: UnitOfWork) -> None:
        await world.change_account(replace(world.account, limits=Limits(qps=1), settings=SLOTS))
        await world.admit(world.account.limits)
        assert await use_nonce(world.tx, "ada", b"nonce", world.now)

    bench.act("ada", NOW, change)
    return bench, over, going, picture


SLOTS = (("slots", 5),)


def is_limited(bench):
    try:
        bench.admit("ada", account_of(bench).limits)
    except RateLimited:
        return True
    return False


def is_repeated(bench, key):
    try:
        submit(bench, request_key=key)
    except RequestRepeated:
        return True
    return False


def test_a_reset_brings_an_account_back_to_its_start():
    bench, over, going, place = a_used_account()
    before = account_of(bench)
    spec = make(a_server(), balance=Decimal(10), clock_start=NOW, clock_rate=0.0)

    [ada] = reset(bench, "ada", (), NOW + 500)

    clock = replace(spec.clock, wall_anchor=NOW + 500)
    assert ada == replace(spec, clock=clock, incarnation=ada.incarnation)
    assert ada.incarnation > before.incarnation
    assert account_of(bench) == ada
    assert now_of(bench, "ada", NOW + 500) == NOW
    assert [line.kind for line in bench.ledger("ada", NOW)[1]] == ["opening"]
    for job in (over, going):
        assert bench.get(Job, job.id) is None
    assert bench.get(Resource, place.id) is None
    assert run(bench.store.blobs.get(place.id)) is None
    assert not any(is_limited(bench) for _ in range(5))
    assert not any(is_repeated(bench, key) for key in ("over", "going", "now"))
    assert bench.kept(Nonce) == bench.kept(Delivery) == []


def test_an_account_that_was_reset_goes_the_same_way_again():
    bench = a_server()
    make(bench, clock_start=NOW, clock_rate=0.0)
    first = [submit(bench, "ada", NOW, some_work()) for _ in range(3)]
    advance(bench, "ada", LATER)

    reset(bench, "ada", (), NOW + 77)

    assert [submit(bench, "ada", NOW, some_work()) for _ in range(3)] == first


def test_a_reset_of_one_account_leaves_the_others_alone():
    bench = a_server()
    jobs = [submit(bench, make(bench, id).id) for id in ("ada", "bob")]

    reset(bench, "ada", (), NOW)

    assert bench.get(Job, jobs[0].id) is None
    assert bench.get(Job, jobs[1].id) == jobs[1]
    assert sums(bench, "bob").held == jobs[1].price


def test_jobs_that_are_forgotten_hold_nothing_but_what_they_cost_stays_charged():
    bench, over, going, place = a_used_account()
    now = now_of(bench, "ada")
    reset(bench, "ada", ["jobs"], NOW)

    wallet = sums(bench, "ada", now)
    assert (wallet.charged, wallet.held, wallet.topped_up) == (over.price, 0, 90)
    assert bench.get(Job, going.id) is None
    assert bench.get(Resource, place.id) is not None
    assert not is_repeated(bench, "over")
    assert now_of(bench, "ada") == now


def test_a_job_that_was_over_unnoticed_is_charged_before_it_is_forgotten():
    bench = a_server(rate=1.0)
    make(bench)
    job = submit(bench, "ada")

    reset(bench, "ada", ["jobs"], job.ends_at)

    assert sums(bench, "ada", job.ends_at).charged == job.price


def test_credits_are_reset_but_for_what_jobs_still_hold():
    bench, over, going, _ = a_used_account()
    now = now_of(bench, "ada")
    reset(bench, "ada", ["credits"], NOW)

    wallet = sums(bench, "ada", now)
    assert (wallet.topped_up, wallet.charged, wallet.held) == (0, 0, going.price)
    advance(bench, "ada", LATER)
    assert sums(bench, "ada").charged == going.price
    assert bench.get(Job, over.id) is not None


def test_an_account_whose_jobs_hold_more_than_its_opening_can_be_topped_up_again():
    bench = a_server()
    make(bench, balance=Decimal(1))
    bench.set_balance("ada", NOW, by=Decimal(9), reason="gift")
    submit(bench, "ada", work=work_that_costs(50))
    reset(bench, "ada", ["credits"], NOW)
    assert sums(bench, "ada").balance == -4

    bench.set_balance("ada", NOW, by=Decimal(1), reason="gift")

    assert sums(bench, "ada").balance == -3
    with pytest.raises(Invalid, match="cannot become negative"):
        bench.set_balance("ada", NOW, by=Decimal(-1), reason="gift")


def test_uploads_are_reset_with_their_bytes_and_nothing_else():
    bench, over, going, place = a_used_account()
    reset(bench, "ada", ["uploads"], NOW)

    assert bench.get(Resource, place.id) is None
    assert run(bench.store.blobs.get(place.id)) is None
    assert all(bench.get(Job, job.id) is not None for job in (over, going))


def test_settings_are_reset_to_those_that_the_account_was_created_with():
    bench, over, *_ = a_used_account()
    incarnation = account_of(bench).incarnation

    [ada] = reset(bench, "ada", ["settings"], NOW)

    assert (ada.settings, ada.incarnation) == ((), incarnation)
    assert bench.get(Job, over.id) is not None


def test_limits_are_reset_with_the_calls_they_counted():
    bench, *_ = a_used_account()
    assert is_limited(bench)

    [ada] = reset(bench, "ada", ["limits"], NOW)

    assert ada.limits == Limits()
    assert ada.settings == SLOTS
    assert not is_limited(bench)
    assert is_repeated(bench, "now")


def test_a_clock_that_goes_back_takes_along_what_it_has_stamped():
    bench, over, _, place = a_used_account()
    reset(bench, "ada", ["clock"], NOW + 9)

    assert now_of(bench, "ada", NOW + 9) == NOW
    assert bench.get(Job, over.id) is None
    assert bench.get(Resource, place.id) is None
    assert not is_limited(bench)
    wallet = sums(bench, "ada", NOW)
    assert (wallet.held, wallet.charged, wallet.topped_up) == (0, over.price, 90)


def test_a_clock_that_does_not_go_back_takes_nothing_along():
    bench = a_server(rate=1.0)
    make(bench)
    job = submit(bench, "ada")

    reset(bench, "ada", ["clock"], NOW + 0.1)
    reset(bench, None, ["clock"], NOW + 0.2)

    assert bench.get(Job, job.id).starts_at == job.starts_at


def test_the_servers_clock_is_reset_for_all_that_follow_it():
    bench = a_server(start=1000.0)
    make(bench)
    make(bench, "bob", clock_start=500.0, clock_rate=0.0)
    jobs = submit(bench, "ada", 1000.0), submit(bench, "bob", 500.0)
    advance(bench, None, 2000.0)

    reset(bench, None, ["clock"], NOW + 9)

    assert now_of(bench, "ada", NOW + 9) == 1000.0
    assert bench.get(Job, jobs[0].id) is None
    assert sums(bench, "ada", 1000.0).charged == jobs[0].price
    assert bench.get(Job, jobs[1].id) == jobs[1]


def test_a_whole_server_is_reset_to_its_ready_made_account():
    bench = a_server(start=1000.0)
    ready = account_of(bench, "ready")
    ada = make(bench)
    job = submit(bench, "ready", 1000.0)
    submit(bench, "ada", 1000.0)
    advance(bench, None, 2000.0)

    [again] = reset(bench, None, (), NOW + 9)

    assert again == replace(ready, incarnation=again.incarnation)
    assert again.incarnation > ada.incarnation
    assert run(bench.accounts.all()) == [again]
    assert now_of(bench, "ready", NOW + 9) == 1000.0
    assert sums(bench, "ready", 1000.0).balance == 100
    assert submit(bench, "ready", 1000.0) == job
    ada_again = make(bench)
    assert ada_again == replace(ada, incarnation=ada_again.incarnation)
    assert ada_again.incarnation > again.incarnation


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_all_accounts_can_be_reset(part):
    bench = a_server()
    accounts = [make(bench), make(bench, "bob")]
    jobs = [submit(bench, account.id) for account in accounts]

    left = reset(bench, None, [part], NOW)

    assert [each.id for each in left] == ["ready", "ada", "bob"]
    kept = [bench.get(Job, job.id) is not None for job in jobs]
    assert kept == [part != "jobs"] * 2
    for account, job in zip(accounts, jobs, strict=True):
        assert sums(bench, account.id).held == (0 if part == "jobs" else job.price)


def test_a_part_that_is_not_known_is_refused_before_anything_is_reset():
    bench = a_server()
    make(bench)
    job = submit(bench, "ada")

    with pytest.raises(Invalid, match=r"knows jobs, credits, .* found dreams"):
        reset(bench, "ada", ["jobs", "dreams"], NOW)
    assert bench.get(Job, job.id) == job


def test_uploads_do_not_come_back_under_an_old_id_after_jobs_were_reset():
    bench = a_server()
    make(bench)
    first = bench.reserve("ada", NOW)
    reset(bench, "ada", ["jobs"], NOW)

    second = bench.reserve("ada", NOW)

    assert second.id != first.id


def test_a_nonce_can_be_used_again_after_a_reset():
    bench, *_ = a_used_account()

    def use():
        return bench.act("ada", NOW, lambda world: use_nonce(world.tx, "ada", b"nonce", world.now))

    assert not use()
    reset(bench, "ada", ["nonces"])
    assert use()
    assert not use()


def test_a_part_can_have_records_of_a_vendor_and_steps_before_and_after():
    bench = a_server()
    make(bench)
    seen = []
    resets = ResetService(bench.accounts)
    resets.add_part("pictures", Resource)

    async def before(world: UnitOfWork) -> None:
        seen.append(len(await world.tx.list(Resource)))

    async def after(world: UnitOfWork) -> None:
        seen.append(len(await world.tx.list(Resource)))

    resets.before.append(before)
    resets.after.append(after)
    picture = bench.upload("ada")

    run(resets.reset(account_of(bench), ["pictures"], NOW))

    assert seen == [1, 0]
    assert run(bench.store.blobs.get(picture.id)) is None


@pytest.mark.parametrize("part", ["jobs", "uploads", "clock"])
def test_what_began_before_a_reset_finds_out(part):
    bench = a_server()
    ada = make(bench)
    reset(bench, "ada", [part])

    with pytest.raises(AccountGone):
        run(bench.accounts.act("ada", NOW, ada.incarnation).__aenter__())
    bench.world("ada")  # The account is free again.


@pytest.mark.parametrize("part", ["limits", "nonces", "credits", "callbacks"])
def test_what_began_before_a_reset_of_something_else_goes_on(part):
    bench = a_server()
    ada = make(bench)
    reset(bench, "ada", [part])

    assert bench.world("ada").account.incarnation == ada.incarnation
