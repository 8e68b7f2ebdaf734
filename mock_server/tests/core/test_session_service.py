"""Tokens and sessions: who is let in, until when, and that every second is counted once."""

import asyncio

import pytest
from msgspec.structs import replace

from mock_server.core.account_service import AccountSpec
from mock_server.core.errors import Conflict, NotFound
from mock_server.core.session_service import BROWSERS, GALLERY_JOBS, SessionService, WhenLive
from mock_server.core.sessions import Metering, SessionEndReason, SessionOptions, SessionSlot
from mock_server.core.tokens import TokenHistory
from mock_server.tests.makers import (
    NOW,
    HesitatingStore,
    a_job_service,
    an_account,
    an_order,
    run,
    some_work,
    some_worlds,
)

WEB, FLOW, BRUSH = SessionSlot("web"), SessionSlot("flow"), SessionSlot("web", "brush")
ADA = an_account()


def a_session_service(store=None, **changes):
    limits = {"slots": 2, "keep_tokens": 100, "keep_sessions": 100, **changes}
    return SessionService(store or a_job_service().store, **limits)


def a_token(session_service, now=NOW, account=ADA, **wish):
    return run(session_service.allocate(account, now, **wish)).id


def enter(
    session_service,
    token,
    now=NOW,
    session_slot=WEB,
    when_live=WhenLive.REPLACE,
    account=ADA,
    **options,
):
    lifetime = options.pop("lifetime", 60.0)
    again = options.pop("again", lifetime)
    new_id = options.pop("new_id", False)
    terms = SessionOptions(lifetime, **options)
    return run(
        session_service.open(
            account, token, session_slot, terms, now,
            when_live=when_live, again=lambda live: again, new_id=new_id,
        )
    )  # fmt: skip


def used(session_service, token, now, *, live=False, account=ADA):
    return run(session_service.used(account, token, now, live=live))


def problem(session_service, session, now):
    session_access = run(session_service.session_access(session.id, now))
    return None if session_access is None else session_access.problem


# Tokens


def test_tokens_made_in_one_moment_are_told_apart():
    session_service = a_session_service()

    ids = [a_token(session_service) for _ in range(50)]

    assert len(set(ids)) == 50
    assert {len(id) for id in ids} == {26}
    assert len({id[:10] for id in ids}) == 1  # the moment, as a ULID begins


def test_accounts_do_not_see_each_others_tokens():
    session_service, bob = a_session_service(), an_account("bob")
    token = a_token(session_service)

    for asked in (
        session_service.token(bob, token),
        session_service.change(bob, token, role="x"),
        session_service.set_expiry(bob, token, NOW, NOW),
        session_service.used(bob, token, NOW, live=False),
        session_service.find(bob, token, WEB, NOW),
        session_service.close(bob, token, NOW),
        session_service.history(bob, token),
        session_service.remember(bob, token, "job", NOW, metered=False),
    ):
        with pytest.raises(NotFound):
            run(asked)
    assert run(session_service.owner_of(token)) == ADA.id
    assert list(run(session_service.tokens(bob))) == []


def test_the_oldest_token_makes_room_with_all_that_belongs_to_it():
    session_service = a_session_service(keep_tokens=2)
    first, second = a_token(session_service), a_token(session_service)
    session = enter(session_service, first)
    run(session_service.keep_preferences(ADA, first, "web", "{}"))

    third = a_token(session_service)

    assert [token.id for token in run(session_service.tokens(ADA))] == [second, third]
    assert problem(session_service, session, NOW) is None
    with pytest.raises(NotFound):
        run(session_service.history(ADA, first))


async def test_a_name_that_is_to_be_unique_is_given_once_however_many_ask_at_once():
    session_service = a_session_service(HesitatingStore())

    made = await asyncio.gather(
        *(session_service.allocate(ADA, NOW, name="shop", unique_name=True) for _ in range(5)),
        return_exceptions=True,
    )

    assert sorted(isinstance(each, Conflict) for each in made) == [False, True, True, True, True]


def test_what_is_none_stays_attached_and_an_empty_text_takes_it_off():
    session_service = a_session_service()
    token = a_token(session_service, role="painter")

    run(session_service.change(ADA, token, model="m", vae="v"))
    changed = run(session_service.change(ADA, token, model=""))

    assert (changed.role, changed.model, changed.vae) == ("painter", "", "v")


# Sessions


def test_a_session_lets_its_token_in_until_it_expires():
    session_service = a_session_service()
    session = enter(session_service, a_token(session_service))

    assert problem(session_service, session, NOW + 59.9) == ""
    assert problem(session_service, session, NOW + 60) == "expired"
    assert problem(session_service, replace(session, id="0"), NOW) is None


@pytest.mark.parametrize("new_id", [False, True])
def test_a_session_in_the_place_of_a_live_one_begins_anew(new_id):
    session_service = a_session_service()
    token = a_token(session_service)
    first = enter(session_service, token)

    second = enter(session_service, token, NOW + 10, new_id=new_id, role="r")

    assert (second.opened_at, second.expires_at, second.role) == (NOW + 10, NOW + 70, "r")
    assert (second.id != first.id) == new_id
    assert problem(session_service, first, NOW + 10) == ("replaced" if new_id else "")
    assert used(session_service, token, NOW + 10) == 10
    assert used(session_service, token, NOW + 1000) == 70


def test_a_live_session_is_kept_or_refused_as_it_is_asked_for():
    session_service = a_session_service()
    token = a_token(session_service)
    first = enter(session_service, token)

    kept = enter(session_service, token, NOW + 10, when_live=WhenLive.KEEP, role="other")
    with pytest.raises(Conflict):
        enter(session_service, token, NOW + 10, when_live=WhenLive.REFUSE)

    assert kept == first == run(session_service.find(ADA, token, WEB, NOW + 10))


@pytest.mark.parametrize("when_live", WhenLive)
def test_where_nobody_is_all_ways_of_opening_are_one(when_live):
    session_service = a_session_service()
    token = a_token(session_service)
    enter(session_service, token)

    session = enter(session_service, token, NOW + 60, when_live=when_live, again=5)

    assert (session.opened_at, session.expires_at) == (NOW + 60, NOW + 120)


@pytest.mark.parametrize("new_id", [False, True])
def test_a_session_that_goes_on_is_counted_from_its_beginning_and_once(new_id):
    session_service = a_session_service()
    token = a_token(session_service)
    first = enter(session_service, token)

    longer = enter(
        session_service, token, NOW + 10, when_live=WhenLive.PROLONG, again=100, new_id=new_id
    )

    assert (longer.opened_at, longer.expires_at) == (NOW, NOW + 110)
    assert problem(session_service, first, NOW + 20) == ("replaced" if new_id else "")
    assert used(session_service, token, NOW + 20) == 0
    assert used(session_service, token, NOW + 20, live=True) == 20
    assert (
        used(session_service, token, NOW + 1000, live=True)
        == used(session_service, token, NOW + 1000)
        == 110
    )


def test_a_session_that_takes_other_terms_is_counted_by_each_for_its_time():
    session_service = a_session_service()
    token = a_token(session_service)
    enter(session_service, token, metering=Metering.TIME)

    renewed = {"when_live": WhenLive.RENEW, "again": 100}
    enter(session_service, token, NOW + 10, metering=Metering.WORK, **renewed)
    back = enter(session_service, token, NOW + 50, metering=Metering.TIME, **renewed)

    assert (back.opened_at, back.expires_at) == (NOW + 50, NOW + 150)
    assert used(session_service, token, NOW + 1000) == 10 + 100


def test_a_session_takes_role_and_pools_where_it_is_renewed_and_keeps_them_otherwise():
    session_service = a_session_service()
    token = a_token(session_service)
    enter(session_service, token, role="old", pools="a")

    kept = enter(session_service, token, when_live=WhenLive.PROLONG, role="new", pools="b")
    taken = enter(session_service, token, when_live=WhenLive.RENEW, role="new", pools="b")

    assert (kept.role, kept.pools) == ("old", "a")
    assert (taken.role, taken.pools) == ("new", "b")
    assert taken.opened_at == kept.opened_at


def test_prolonging_can_shorten_a_session():
    session_service = a_session_service()
    token = a_token(session_service)
    enter(session_service, token, lifetime=1000)

    shorter = run(session_service.prolong(ADA, token, WEB, 5, NOW + 10))

    assert shorter.expires_at == NOW + 15
    assert used(session_service, token, NOW + 1000) == 15
    with pytest.raises(NotFound):
        run(session_service.prolong(ADA, token, WEB, 5, NOW + 15))


def test_seats_are_told_apart_by_product_and_gadget():
    session_service = a_session_service()
    token = a_token(session_service)
    opened = {
        session_slot: enter(session_service, token, session_slot=session_slot).id
        for session_slot in (WEB, FLOW, BRUSH)
    }

    found = {
        session_slot: run(session_service.find(ADA, token, session_slot, NOW))
        for session_slot in opened
    }

    assert {
        session_slot: session and session.id for session_slot, session in found.items()
    } == opened
    assert len(set(opened.values())) == 3


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
def test_only_the_sessions_that_are_meant_are_closed(which, closed):
    session_service = a_session_service()
    token = a_token(session_service)
    opened = {
        session_slot: enter(session_service, token, session_slot=session_slot)
        for session_slot in (WEB, FLOW, BRUSH)
    }

    ended = run(session_service.close(ADA, token, NOW + 5, **which))

    assert {session.session_slot for session in ended} == closed
    assert {session.why_at(NOW + 5) for session in ended} <= {SessionEndReason.CLOSED}
    for session_slot, session in opened.items():
        assert problem(session_service, session, NOW + 5) == (
            "closed" if session_slot in closed else ""
        )
    assert used(session_service, token, NOW + 6) == 5 * len(closed)


def test_a_session_that_ran_out_unseen_cannot_be_closed():
    session_service = a_session_service()
    token = a_token(session_service)
    session = enter(session_service, token)

    assert run(session_service.close(ADA, token, NOW + 60)) == []
    assert problem(session_service, session, NOW + 60) == "expired"


def test_nobody_comes_in_while_a_token_is_switched_off():
    session_service = a_session_service()
    token = a_token(session_service)
    session = enter(session_service, token)

    run(session_service.change(ADA, token, disabled=True))
    assert problem(session_service, session, NOW) == "disabled"
    assert problem(session_service, session, NOW + 60) == "expired"

    run(session_service.change(ADA, token, disabled=False))
    assert problem(session_service, session, NOW) == ""


@pytest.mark.parametrize(("cut", "until"), [(True, NOW + 20), (False, NOW + 60)])
def test_a_session_goes_on_beyond_its_token_unless_it_is_cut(cut, until):
    session_service = a_session_service(cut_sessions=cut)
    token = a_token(session_service, expires_at=NOW + 20)

    assert enter(session_service, token).expires_at == until
    assert run(session_service.prolong(ADA, token, WEB, 60, NOW)).expires_at == until


def test_an_open_session_is_cut_when_its_tokens_time_is_shortened():
    session_service = a_session_service(cut_sessions=True)
    token = a_token(session_service)
    session = enter(session_service, token)

    run(session_service.set_expiry(ADA, token, NOW + 30, NOW + 5))
    assert problem(session_service, session, NOW + 29) == ""
    assert problem(session_service, session, NOW + 30) == "expired"
    run(session_service.set_expiry(ADA, token, NOW + 7, NOW + 7))

    assert problem(session_service, session, NOW + 7) == "expired"
    assert used(session_service, token, NOW + 100) == 7


def test_a_session_is_not_lengthened_with_its_token():
    session_service = a_session_service(cut_sessions=True)
    token = a_token(session_service, expires_at=NOW + 20)
    session = enter(session_service, token)

    run(session_service.set_expiry(ADA, token, None, NOW))

    assert problem(session_service, session, NOW + 20) == "expired"


def test_sessions_that_are_over_make_room_and_live_ones_never_do():
    session_service = a_session_service(keep_sessions=3)
    token = a_token(session_service)
    slots_of = [SessionSlot("web", str(number)) for number in range(6)]
    over = [
        enter(session_service, token, session_slot=session_slot, lifetime=1)
        for session_slot in slots_of[:3]
    ]

    live = [
        enter(session_service, token, NOW + 5, session_slot=session_slot)
        for session_slot in slots_of[3:]
    ]

    assert [problem(session_service, session, NOW + 5) for session in over] == [None] * 3
    assert [problem(session_service, session, NOW + 5) for session in live] == [""] * 3
    more = enter(session_service, token, NOW + 5, session_slot=WEB)
    assert len(run(session_service.sessions(ADA))) == 4
    assert problem(session_service, more, NOW + 5) == ""
    assert used(session_service, token, NOW + 5) == 3


async def test_two_who_open_at_once_get_one_session():
    session_service = a_session_service(HesitatingStore())
    token = (await session_service.allocate(ADA, NOW)).id

    await asyncio.gather(
        *(
            session_service.open(
                ADA, token, WEB, SessionOptions(60), NOW,
                when_live=WhenLive.PROLONG, again=lambda live: 60, new_id=True,
            )
            for _ in range(5)
        )
    )  # fmt: skip

    live = [each for each in await session_service.sessions(ADA, token) if each.live_at(NOW)]
    assert len(live) == 1
    assert await session_service.used(ADA, token, NOW + 100, live=True) == 60


# What belongs to a token


def job_of(job_service, now=NOW, account=ADA):
    return run(job_service.submit(account, an_order(), some_work(), now)).job


@pytest.mark.parametrize("ending", ["well", "badly", "canceled"])
def test_metered_work_counts_from_its_submission_to_its_end_however_it_ends(ending):
    job_service = a_job_service()
    session_service = a_session_service(job_service.store)
    token = a_token(session_service)
    job = job_of(job_service)
    run(session_service.remember(ADA, token, job.id, NOW, metered=True))

    assert used(session_service, token, NOW + 0.5, live=True) == 0
    match ending:
        case "badly":
            run(job_service.finish(ADA, job.id, NOW + 0.5, failure="tired"))
        case "canceled":
            run(job_service.cancel(ADA, job.id, NOW + 0.5))

    expected = job.ended_at - NOW if ending == "well" else 0.5
    assert [used(session_service, token, NOW + at) for at in (1000, 1000, 2000)] == [expected] * 3


def test_work_that_is_not_metered_is_shown_and_not_counted():
    job_service = a_job_service()
    session_service = a_session_service(job_service.store)
    token = a_token(session_service)
    job = job_of(job_service)

    run(session_service.remember(ADA, token, job.id, NOW, metered=False))

    assert run(session_service.history(ADA, token)).jobs == (job.id,)
    assert used(session_service, token, NOW + 1000) == 0


def test_a_gallery_shows_the_newest_jobs_and_preferences_of_its_token_alone():
    session_service = a_session_service()
    one, other = a_token(session_service), a_token(session_service)
    for number in range(GALLERY_JOBS + 3):
        run(session_service.remember(ADA, one, str(number), NOW, metered=False))
    run(session_service.keep_preferences(ADA, one, "web", "dark"))
    run(session_service.keep_preferences(ADA, one, "web", "light"))
    run(session_service.keep_preferences(ADA, one, "flow", "grey"))

    history = run(session_service.history(ADA, one))

    assert history.jobs == tuple(str(number) for number in range(3, GALLERY_JOBS + 3))
    assert dict(history.preferences) == {"web": "light", "flow": "grey"}
    assert run(session_service.history(ADA, other)) == TokenHistory(other, ADA.id)


def test_browsers_that_come_with_one_token_meet():
    session_service = a_session_service()
    token = a_token(session_service)

    def meet(browser, at):
        meeting = run(session_service.meet(ADA, token, browser, NOW + at, within=60))
        return meeting.others, meeting.new

    assert meet("mine", 0) == (0, True)
    assert meet("mine", 30) == (0, False)
    assert meet("yours", 40) == (1, True)
    assert meet("mine", 50) == (1, False)
    assert meet("mine", 100) == (0, False)
    assert meet("mine", 160) == (0, True)
    for number in range(100):
        meet(str(number), 200)
    assert len(run(session_service.history(ADA, token)).browsers) == BROWSERS


# Resets, and the clock


@pytest.fixture
def world():
    """A server, the lobby over its store, and an account with a clock of its own."""
    account_service = some_worlds()
    wish = AccountSpec(id="ada", clock_start=NOW, clock_rate=0.0)
    return (
        account_service,
        a_session_service(account_service.store),
        run(account_service.create(wish, NOW)),
    )


def reset(world, *parts):
    account_service, _, account = world
    run(account_service.reset(run(account_service.find(account.id)), parts, NOW))


def move(world, to):
    account_service, _, account = world
    return run(account_service.advance(run(account_service.find(account.id)), NOW, to))[1]


def test_the_clock_tells_each_expiry_once_and_stops_at_the_next(world):
    _, session_service, account = world
    token = a_token(session_service, account=account, expires_at=NOW + 20)
    session = enter(session_service, token, account=account, lifetime=10)
    enter(session_service, token, account=account, session_slot=FLOW, lifetime=30)

    told = [(event.at - NOW, event.kind, event.id) for _ in range(4) for event in move(world, None)]

    assert told[:2] == [(10, "session", session.id), (20, "token", token)]
    assert [at for at, _, _ in told] == [10, 20, 30]


def test_what_somebody_saw_expire_is_not_told_by_the_clock_again(world):
    _, session_service, account = world
    token = a_token(session_service, account=account)
    enter(session_service, token, account=account, lifetime=10)
    move(world, NOW + 15)

    assert move(world, NOW + 30) == []


@pytest.mark.parametrize("looked", [False, True])
def test_what_a_token_used_is_the_same_whether_or_not_somebody_looked_before_a_reset(world, looked):
    account_service, session_service, account = world
    token = a_token(session_service, account=account)
    enter(session_service, token, account=account, lifetime=10)
    job = job_of(account_service.job_service, account=account)
    run(session_service.remember(account, token, job.id, NOW, metered=True))
    later = replace(account, clock=replace(account.clock, virtual_anchor=NOW + 1000))
    run(account_service.change(later))  # Time has passed, and nobody has written down what ran out.
    if looked:
        used(session_service, token, NOW + 1000, account=account)

    reset(world, "jobs", "sessions")

    assert used(session_service, token, NOW + 1000, account=account) == 10 + job.ended_at - NOW


def test_sessions_that_were_reset_let_nobody_in_and_new_ones_do(world):
    _, session_service, account = world
    token = a_token(session_service, account=account)
    old = enter(session_service, token, account=account)

    reset(world, "sessions")

    assert problem(session_service, old, NOW) is None
    assert run(session_service.find(account, token, WEB, NOW)) is None
    assert enter(session_service, token, account=account).opened_at == NOW


def test_an_id_that_is_given_again_after_a_reset_is_nobody_elses(world):
    _, session_service, account = world
    one, other = (
        a_token(session_service, account=account),
        a_token(session_service, account=account),
    )
    reset(world, "jobs")  # Ticks begin anew, while time stands.
    first = enter(session_service, one, account=account)

    reset(world, "jobs", "sessions")
    second = enter(session_service, other, account=account)

    assert second.id == first.id
    assert run(session_service.find(account, one, WEB, NOW)) is None
    assert used(session_service, one, NOW + 1000, account=account, live=True) == 0


def test_a_job_that_has_the_id_of_a_forgotten_one_is_in_nobody_elses_gallery(world):
    account_service, session_service, account = world
    one, other = (
        a_token(session_service, account=account),
        a_token(session_service, account=account),
    )
    reset(world, "jobs")
    first = job_of(account_service.job_service, account=account)
    run(session_service.remember(account, one, first.id, NOW, metered=True))
    run(session_service.keep_preferences(account, one, "web", "dark"))

    reset(world, "jobs")
    second = job_of(account_service.job_service, account=account)
    run(session_service.remember(account, other, second.id, NOW, metered=True))

    assert second.id == first.id
    history = run(session_service.history(account, one))
    assert (history.jobs, history.metered) == ((), ())
    assert history.preferences == (("web", "dark"),)
    assert used(session_service, one, NOW + 1000, account=account) == 0


def test_tokens_are_reset_with_their_sessions_and_galleries(world):
    _, session_service, account = world
    token = a_token(session_service, account=account)
    session = enter(session_service, token, account=account)
    run(session_service.keep_preferences(account, token, "web", "dark"))

    reset(world, "tokens")

    assert list(run(session_service.tokens(account))) == []
    assert problem(session_service, session, NOW) is None
    again = a_token(session_service, account=account)
    assert run(session_service.history(account, again)).preferences == ()


def test_a_clock_that_goes_back_takes_tokens_and_sessions_along(world):
    _, session_service, account = world
    move(world, NOW + 100)
    token = a_token(session_service, NOW + 100, account=account)
    session = enter(session_service, token, NOW + 100, account=account)

    reset(world, "clock")

    assert list(run(session_service.tokens(account))) == []
    assert problem(session_service, session, NOW) is None


def test_a_world_that_is_deleted_takes_its_sessions_along(world):
    account_service, session_service, account = world
    session = enter(session_service, a_token(session_service, account=account), account=account)

    run(account_service.delete(account.id))

    assert problem(session_service, session, NOW) is None
