"""Tokens and sessions: who has access, until when, and that each second of use counts once."""

import asyncio

import pytest
from msgspec.structs import replace

from mock_server.core.account_service import AccountSpec
from mock_server.core.errors import Conflict, NotFound
from mock_server.tests.makers import NOW, HesitatingStore, an_account, run
from mock_server.tests.workshop.session_bench import ADA, WEB, SessionBench
from mock_server.workshop.session_service import WhenLive
from mock_server.workshop.session_transitions import own_token
from mock_server.workshop.sessions import Metering, SessionEndReason, SessionOptions, SessionSlot
from mock_server.workshop.token_history import (
    CHAPTER,
    MAX_BROWSERS,
    history_of,
    keep_preferences,
    made_with,
    meet,
    remember,
)
from mock_server.workshop.tokens import HistoryChapter, Token, TokenHistory

FLOW, BRUSH = SessionSlot("flow"), SessionSlot("web", "brush")


@pytest.fixture
def bench():
    return SessionBench()


# Tokens


def test_tokens_made_in_one_moment_are_told_apart(bench):
    ids = [bench.token() for _ in range(50)]

    assert len(set(ids)) == 50
    assert {len(id) for id in ids} == {26}
    assert len({id[:10] for id in ids}) == 1  # the moment, as a ULID begins


def test_accounts_do_not_see_each_others_tokens(bench):
    bob, token, service = an_account("bob"), bench.token(), bench.service

    for ask in (
        lambda world: own_token(world, token),
        lambda world: service.change(world, token, role="x"),
        lambda world: service.set_expiry(world, token, NOW),
        lambda world: service.used(world, token, live=False),
        lambda world: service.close(world, token),
        lambda world: history_of(world, token),
        lambda world: remember(world, token, "job", metered=False),
    ):
        with pytest.raises(NotFound):
            bench.do(ask, account=bob)


def test_the_oldest_token_makes_room_with_all_that_belongs_to_it():
    bench = SessionBench(keep_tokens=2)
    first, second = bench.token(), bench.token()
    session = bench.open(first)
    bench.do(lambda world: keep_preferences(world, first, "web", "{}"))

    third = bench.token()

    assert [token.id for token in run(bench.calls.kept(Token))] == [second, third]
    assert bench.problem(session.id) is None
    assert run(bench.calls.kept(TokenHistory)) == []


async def test_a_unique_name_is_given_once_however_many_ask_at_once():
    bench = SessionBench(HesitatingStore())

    made = await asyncio.gather(
        *(
            bench.act(lambda world: bench.service.allocate(world, name="shop", unique_name=True))
            for _ in range(5)
        ),
        return_exceptions=True,
    )

    assert sorted(isinstance(each, Conflict) for each in made) == [False, True, True, True, True]


def test_only_what_is_named_is_changed(bench):
    token = bench.token(role="painter")

    bench.do(lambda world: bench.service.change(world, token, model="m", vae="v"))
    changed = bench.do(lambda world: bench.service.change(world, token, model=""))

    assert (changed.role, changed.model, changed.vae) == ("painter", "", "v")


# Sessions


def test_a_session_gives_access_until_it_expires(bench):
    session = bench.open(bench.token())

    assert bench.problem(session.id, NOW + 59.9) == ""
    assert bench.problem(session.id, NOW + 60) == "expired"
    assert bench.problem("0") is None


@pytest.mark.parametrize("new_id", [False, True])
def test_a_session_in_the_place_of_a_live_one_begins_anew(bench, new_id):
    token = bench.token()
    first = bench.open(token)

    second = bench.open(token, NOW + 10, new_id=new_id, role="r")

    assert (second.opened_at, second.expires_at, second.role) == (NOW + 10, NOW + 70, "r")
    assert (second.id != first.id) == new_id
    assert bench.problem(first.id, NOW + 10) == ("replaced" if new_id else "")
    assert bench.used(token, NOW + 10) == 10
    assert bench.used(token, NOW + 1000) == 70


def test_a_live_session_is_kept_or_refused(bench):
    token = bench.token()
    first = bench.open(token)

    kept = bench.open(token, NOW + 10, when_live=WhenLive.KEEP, role="other")
    with pytest.raises(Conflict):
        bench.open(token, NOW + 10, when_live=WhenLive.REFUSE)

    assert kept == first
    assert bench.live(token, now=NOW + 10) == first


@pytest.mark.parametrize("when_live", WhenLive)
def test_without_a_live_session_all_ways_of_opening_are_one(bench, when_live):
    token = bench.token()
    bench.open(token)

    session = bench.open(token, NOW + 60, when_live=when_live, again=5)

    assert (session.opened_at, session.expires_at) == (NOW + 60, NOW + 120)


@pytest.mark.parametrize("new_id", [False, True])
def test_a_session_that_goes_on_counts_from_its_beginning_and_once(bench, new_id):
    token = bench.token()
    first = bench.open(token)

    longer = bench.open(token, NOW + 10, when_live=WhenLive.PROLONG, again=100, new_id=new_id)

    assert (longer.opened_at, longer.expires_at) == (NOW, NOW + 110)
    assert bench.problem(first.id, NOW + 20) == ("replaced" if new_id else "")
    assert bench.used(token, NOW + 20) == 0
    assert bench.used(token, NOW + 20, live=True) == 20
    assert [bench.used(token, NOW + 1000, live=live) for live in (True, False)] == [110, 110]


def test_a_session_that_changes_its_mode_counts_in_each_mode_for_its_time(bench):
    token = bench.token()
    bench.open(token, metering=Metering.TIME)

    renewed = {"when_live": WhenLive.RENEW, "again": 100}
    bench.open(token, NOW + 10, metering=Metering.WORK, **renewed)
    back = bench.open(token, NOW + 50, metering=Metering.TIME, **renewed)

    assert (back.opened_at, back.expires_at) == (NOW + 50, NOW + 150)
    assert bench.used(token, NOW + 1000) == 10 + 100


def test_a_renewed_session_takes_role_and_pools_and_a_prolonged_one_keeps_them(bench):
    token = bench.token()
    bench.open(token, role="old", pools="a")

    kept = bench.open(token, when_live=WhenLive.PROLONG, role="new", pools="b")
    taken = bench.open(token, when_live=WhenLive.RENEW, role="new", pools="b")

    assert (kept.role, kept.pools) == ("old", "a")
    assert (taken.role, taken.pools) == ("new", "b")
    assert taken.opened_at == kept.opened_at


def test_prolonging_can_shorten_a_session(bench):
    token = bench.token()
    bench.open(token, lifetime=1000)

    shorter = bench.do(lambda world: bench.service.prolong(world, token, WEB, 5), NOW + 10)

    assert shorter.expires_at == NOW + 15
    assert bench.used(token, NOW + 1000) == 15
    with pytest.raises(NotFound):
        bench.do(lambda world: bench.service.prolong(world, token, WEB, 5), NOW + 1000)


def test_slots_are_told_apart_by_product_and_gadget(bench):
    token = bench.token()
    opened = {slot: bench.open(token, slot=slot) for slot in (WEB, FLOW, BRUSH)}

    for slot, session in opened.items():
        assert bench.live(token, slot) == session
    assert len({session.id for session in opened.values()}) == 3


@pytest.mark.parametrize(
    ("which", "closed"),
    [
        ({"product": "web", "gadget": ""}, {WEB}),
        ({"product": "web", "gadget": "brush"}, {BRUSH}),
        ({"product": "web"}, {WEB, BRUSH}),
        ({"product": "flow", "gadget": "brush"}, set()),
        ({}, {WEB, FLOW, BRUSH}),
    ],
)
def test_only_the_sessions_that_are_meant_are_closed(bench, which, closed):
    token = bench.token()
    opened = {slot: bench.open(token, slot=slot) for slot in (WEB, FLOW, BRUSH)}

    ended = bench.do(lambda world: bench.service.close(world, token, **which), NOW + 5)

    assert {session.session_slot for session in ended} == closed
    assert {session.over for session in ended} <= {SessionEndReason.CLOSED}
    for slot, session in opened.items():
        assert bench.problem(session.id, NOW + 5) == ("closed" if slot in closed else "")
    assert bench.used(token, NOW + 6) == 5 * len(closed)


def test_a_session_that_expired_unseen_cannot_be_closed(bench):
    token = bench.token()
    session = bench.open(token)

    assert bench.do(lambda world: bench.service.close(world, token), NOW + 60) == []
    assert bench.problem(session.id, NOW + 60) == "expired"


@pytest.mark.parametrize(("later", "problem"), [(0, "disabled"), (60, "expired")])
def test_the_sessions_of_a_disabled_token_give_no_access_until_it_is_enabled(bench, later, problem):
    token = bench.token()
    session = bench.open(token)

    bench.do(lambda world: bench.service.change(world, token, disabled=True))
    assert bench.problem(session.id, NOW + later) == problem

    bench.do(lambda world: bench.service.change(world, token, disabled=False), NOW + later)
    assert bench.problem(session.id, NOW + later) == ("" if later == 0 else "expired")


@pytest.mark.parametrize(("cut", "until"), [(True, NOW + 20), (False, NOW + 60)])
def test_a_session_outlives_its_token_unless_it_is_cut(cut, until):
    bench = SessionBench(cut_sessions=cut)
    token = bench.token(expires_at=NOW + 20)

    assert bench.open(token).expires_at == until
    prolonged = bench.do(lambda world: bench.service.prolong(world, token, WEB, 60))
    assert prolonged.expires_at == until


def test_an_open_session_is_cut_when_its_tokens_time_is_shortened():
    bench = SessionBench(cut_sessions=True)
    token = bench.token()
    session = bench.open(token)

    bench.do(lambda world: bench.service.set_expiry(world, token, NOW + 30), NOW + 5)
    assert bench.problem(session.id, NOW + 6) == ""
    bench.do(lambda world: bench.service.set_expiry(world, token, NOW + 7), NOW + 7)

    assert bench.problem(session.id, NOW + 7) == "expired"
    assert bench.used(token, NOW + 100) == 7


def test_a_session_does_not_become_longer_with_its_token():
    bench = SessionBench(cut_sessions=True)
    token = bench.token(expires_at=NOW + 20)
    session = bench.open(token)

    bench.do(lambda world: bench.service.set_expiry(world, token, None))

    assert bench.problem(session.id, NOW + 20) == "expired"


def test_sessions_that_are_over_make_room_and_live_ones_never_do():
    bench = SessionBench(keep_sessions=3)
    token = bench.token()
    slots = [SessionSlot("web", str(number)) for number in range(6)]
    over = [bench.open(token, slot=slot, lifetime=1) for slot in slots[:3]]

    live = [bench.open(token, NOW + 5, slot) for slot in slots[3:]]

    assert [bench.problem(session.id, NOW + 5) for session in over] == [None] * 3
    more = bench.open(token, NOW + 5, WEB)
    assert [bench.problem(session.id, NOW + 5) for session in (*live, more)] == [""] * 4
    assert bench.used(token, NOW + 5) == 3


async def test_five_that_open_at_once_leave_one_session():
    bench = SessionBench(HesitatingStore())
    token = (await bench.act(bench.service.allocate)).id

    def opening(world):
        return bench.service.open(
            world, token, WEB, SessionOptions(60),
            when_live=WhenLive.PROLONG, again=lambda live: 60, new_id=True,
        )  # fmt: skip

    await asyncio.gather(*(bench.act(opening) for _ in range(5)))

    (token_now,) = await bench.calls.kept(Token)
    assert len(token_now.sessions) == 1
    later = NOW + 100
    assert await bench.act(lambda world: bench.service.used(world, token, live=True), later) == 60


# What belongs to a token


@pytest.mark.parametrize("ending", ["well", "badly", "canceled"])
def test_metered_work_counts_from_its_submission_to_its_end_however_it_ends(bench, ending):
    token = bench.token()
    job = run(bench.calls.submit(ADA)).job
    bench.do(lambda world: remember(world, token, job.id, metered=True))

    assert bench.used(token, NOW + 0.5, live=True) == 0
    match ending:
        case "badly":
            run(bench.calls.finish(ADA, job.id, NOW + 0.5, failure="tired"))
        case "canceled":
            run(bench.calls.cancel(ADA, job.id, NOW + 0.5))

    expected = job.ended_at - NOW if ending == "well" else 0.5
    assert [bench.used(token, NOW + at) for at in (1000, 1000, 2000)] == [expected] * 3


def test_work_that_is_not_metered_is_in_the_history_and_not_counted(bench):
    token = bench.token()
    job = run(bench.calls.submit(ADA)).job

    bench.do(lambda world: remember(world, token, job.id, metered=False))

    assert bench.do(lambda world: history_of(world, token)).jobs == (job.id,)
    assert bench.used(token, NOW + 1000) == 0


def test_a_history_has_all_jobs_and_preferences_of_its_token_alone(bench):
    one, other = bench.token(), bench.token()
    jobs = [run(bench.calls.submit(ADA)).job.id for _ in range(2 * CHAPTER + 3)]

    async def fill(world):
        for job in jobs:
            await remember(world, one, job, metered=False)
        for product, text in (("web", "dark"), ("web", "light"), ("flow", "grey")):
            await keep_preferences(world, one, product, text)

    bench.do(fill)
    history = bench.do(lambda world: history_of(world, one))

    assert made(bench, one) == jobs[::-1]
    assert made(bench, one, before=jobs[CHAPTER + 1]) == jobs[CHAPTER::-1]
    assert made(bench, one, most=CHAPTER + 1) == jobs[: CHAPTER + 1 : -1]
    assert made(bench, one, before="unknown") == []
    assert len(history.jobs) < CHAPTER
    assert dict(history.preferences) == {"web": "light", "flow": "grey"}
    assert bench.do(lambda world: history_of(world, other)) == TokenHistory(other, ADA.id)


def test_chapters_of_which_no_job_is_left_are_deleted(bench):
    token = bench.token()

    async def fill(world):
        for number in range(4 * CHAPTER + 1):
            await remember(world, token, f"gone {number}", metered=False)

    bench.do(fill)
    kept = run(bench.accounts.store.list(HistoryChapter))

    assert [each.id for each in kept] == [f"{token}/3"]


def test_the_history_of_a_token_that_made_room_is_deleted():
    bench = SessionBench(keep_tokens=1)
    token = bench.token()

    async def fill(world):
        for number in range(2 * CHAPTER + 1):
            await remember(world, token, f"gone {number}", metered=False)

    bench.do(fill)
    bench.token()

    assert run(bench.accounts.store.list(HistoryChapter)) == []
    assert run(bench.accounts.store.list(TokenHistory)) == []


def test_a_reset_of_jobs_empties_the_history_and_keeps_its_place(bench):
    token = bench.token()
    jobs = [run(bench.calls.submit(ADA)).job.id for _ in range(CHAPTER + 3)]

    async def fill(world):
        for job in jobs:
            await remember(world, token, job, metered=False)

    bench.do(fill)
    bench.reset(ADA.id, "jobs")

    assert made(bench, token) == []
    assert run(bench.accounts.store.list(HistoryChapter)) == []


def made(bench, token, **which):
    """Return the ids of the jobs in a token's history."""

    async def ids(world):
        return [id async for id in made_with(world, token, **which)]

    return bench.do(ids)


def test_browsers_with_one_token_are_counted_for_a_while(bench):
    token = bench.token()

    def met(browser, at):
        found = bench.do(lambda world: meet(world, token, browser, within=60), NOW + at)
        return found.others, found.new

    assert met("mine", 0) == (0, True)
    assert met("mine", 30) == (0, False)
    assert met("yours", 40) == (1, True)
    assert met("mine", 50) == (1, False)
    assert met("mine", 100) == (0, False)
    assert met("mine", 160) == (0, True)
    for number in range(100):
        met(str(number), 200)
    history = bench.do(lambda world: history_of(world, token), NOW + 200)
    assert len(history.browsers) == MAX_BROWSERS


# Resets, and the clock

EVE = "eve"


@pytest.fixture
def eve():
    """An opened server with an account whose clock is frozen at NOW."""
    bench = SessionBench(is_open=True)
    run(bench.accounts.create(AccountSpec(id=EVE, clock_start=NOW, clock_rate=0.0), NOW))
    return bench


def test_the_clock_reports_each_expiry_once_and_stops_at_the_next(eve):
    token = eve.token(account=EVE, expires_at=NOW + 20)
    session = eve.open(token, account=EVE, lifetime=10)
    eve.open(token, account=EVE, slot=FLOW, lifetime=30)

    told = [event for _ in range(4) for event in eve.advance(EVE)]

    assert [(event.at - NOW, event.kind, event.state) for event in told] == [
        (10, "session", "expired"),
        (20, "token", "expired"),
        (30, "session", "expired"),
    ]
    assert [event.id for event in told[:2]] == [session.id, token]
    assert eve.advance(EVE, 100) == []


def test_a_token_with_another_expiry_is_reported_again(eve):
    token = eve.token(account=EVE, expires_at=NOW + 20)
    assert [event.at for event in eve.advance(EVE, 20)] == [NOW + 20]

    eve.do(lambda world: eve.service.set_expiry(world, token, NOW + 30), account=EVE)

    assert [event.at for event in eve.advance(EVE, 20)] == [NOW + 30]


@pytest.mark.parametrize("looked", [False, True])
def test_use_is_the_same_whether_or_not_somebody_looked_before_a_reset(eve, looked):
    token = eve.token(account=EVE)
    eve.open(token, account=EVE, lifetime=10)
    job = run(eve.calls.submit(EVE)).job
    eve.do(lambda world: remember(world, token, job.id, metered=True), account=EVE)

    async def pass_time(world):
        await world.set_clock(replace(world.clock, virtual_anchor=NOW + 1000))

    eve.do(pass_time, account=EVE)
    if looked:
        eve.used(token, account=EVE)

    eve.reset(EVE, "jobs", "sessions")

    assert eve.used(token, account=EVE) == 10 + job.ended_at - NOW


def test_reset_sessions_give_no_access_and_new_ones_do(eve):
    token = eve.token(account=EVE)
    old = eve.open(token, account=EVE)

    eve.reset(EVE, "sessions")

    assert eve.problem(old.id, account=EVE) is None
    assert eve.live(token, account=EVE) is None
    assert eve.open(token, account=EVE).opened_at == NOW


def test_a_session_with_the_id_of_a_forgotten_one_belongs_to_its_token_alone(eve):
    one, other = eve.token(account=EVE), eve.token(account=EVE)
    eve.reset(EVE, "jobs")  # Ticks begin anew, while time stands.
    first = eve.open(one, account=EVE)

    eve.reset(EVE, "jobs", "sessions")
    second = eve.open(other, account=EVE)

    assert second.id == first.id
    assert eve.live(one, account=EVE) is None
    assert eve.used(one, account=EVE, live=True) == 0


def test_a_job_with_the_id_of_a_forgotten_one_is_in_its_tokens_history_alone(eve):
    one, other = eve.token(account=EVE), eve.token(account=EVE)

    def made_for(token):
        job = run(eve.calls.submit(EVE)).job
        eve.do(lambda world: remember(world, token, job.id, metered=True), account=EVE)
        return job

    eve.reset(EVE, "jobs")
    first = made_for(one)
    eve.do(lambda world: keep_preferences(world, one, "web", "dark"), account=EVE)
    eve.reset(EVE, "jobs")
    second = made_for(other)

    assert second.id == first.id
    history = eve.do(lambda world: history_of(world, one), account=EVE)
    assert (history.jobs, history.metered) == ((), ())
    assert history.preferences == (("web", "dark"),)
    eve.advance(EVE, 1000)
    assert eve.used(one, account=EVE) == 0


@pytest.mark.parametrize("how", ["tokens", "clock", "delete"])
def test_tokens_sessions_and_histories_are_forgotten_with(eve, how):
    eve.advance(EVE, 100)
    token = eve.token(account=EVE)
    session = eve.open(token, account=EVE)
    eve.do(lambda world: keep_preferences(world, token, "web", "dark"), account=EVE)

    if how == "delete":
        run(eve.accounts.delete(EVE))
        run(eve.accounts.create(AccountSpec(id=EVE), NOW))
    else:  # A clock that goes back leaves nothing behind that is dated.
        eve.reset(EVE, how)

    assert eve.problem(session.id, account=EVE) is None
    assert run(eve.calls.kept(Token)) == run(eve.calls.kept(TokenHistory)) == []
