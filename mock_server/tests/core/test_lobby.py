"""Tokens and sessions: who is let in, until when, and that every second is counted once."""

import asyncio

import pytest
from msgspec.structs import replace

from mock_server.core.errors import Conflict, NotFound
from mock_server.core.lobby import BROWSERS, GALLERY_JOBS, Lobby, WhenLive
from mock_server.core.sessions import Metering, Seat, Terms, Why
from mock_server.core.tokens import Gallery
from mock_server.core.worlds import Newborn
from mock_server.tests.makers import (
    NOW,
    HesitatingStore,
    a_studio,
    an_account,
    an_order,
    run,
    some_work,
    some_worlds,
)

WEB, FLOW, BRUSH = Seat("web"), Seat("flow"), Seat("web", "brush")
ADA = an_account()


def a_lobby(store=None, **changes):
    limits = {"slots": 2, "keep_tokens": 100, "keep_sessions": 100, **changes}
    return Lobby(store or a_studio().store, **limits)


def a_token(lobby, now=NOW, account=ADA, **wish):
    return run(lobby.allocate(account, now, **wish)).id


def enter(lobby, token, now=NOW, seat=WEB, when_live=WhenLive.REPLACE, account=ADA, **options):
    lifetime = options.pop("lifetime", 60.0)
    again = options.pop("again", lifetime)
    new_id = options.pop("new_id", False)
    terms = Terms(lifetime, **options)
    return run(
        lobby.open(
            account, token, seat, terms, now,
            when_live=when_live, again=lambda live: again, new_id=new_id,
        )
    )  # fmt: skip


def used(lobby, token, now, *, live=False, account=ADA):
    return run(lobby.used(account, token, now, live=live))


def problem(lobby, session, now):
    visit = run(lobby.visit(session.id, now))
    return None if visit is None else visit.problem


# Tokens


def test_tokens_made_in_one_moment_are_told_apart():
    lobby = a_lobby()

    ids = [a_token(lobby) for _ in range(50)]

    assert len(set(ids)) == 50
    assert {len(id) for id in ids} == {26}
    assert len({id[:10] for id in ids}) == 1  # the moment, as a ULID begins


def test_accounts_do_not_see_each_others_tokens():
    lobby, bob = a_lobby(), an_account("bob")
    token = a_token(lobby)

    for asked in (
        lobby.token(bob, token),
        lobby.change(bob, token, role="x"),
        lobby.set_expiry(bob, token, NOW, NOW),
        lobby.used(bob, token, NOW, live=False),
        lobby.find(bob, token, WEB, NOW),
        lobby.close(bob, token, NOW),
        lobby.gallery(bob, token),
        lobby.remember(bob, token, "job", NOW, metered=False),
    ):
        with pytest.raises(NotFound):
            run(asked)
    assert run(lobby.owner_of(token)) == ADA.id
    assert list(run(lobby.tokens(bob))) == []


def test_the_oldest_token_makes_room_with_all_that_belongs_to_it():
    lobby = a_lobby(keep_tokens=2)
    first, second = a_token(lobby), a_token(lobby)
    session = enter(lobby, first)
    run(lobby.keep_preferences(ADA, first, "web", "{}"))

    third = a_token(lobby)

    assert [token.id for token in run(lobby.tokens(ADA))] == [second, third]
    assert problem(lobby, session, NOW) is None
    with pytest.raises(NotFound):
        run(lobby.gallery(ADA, first))


async def test_a_name_that_is_to_be_unique_is_given_once_however_many_ask_at_once():
    lobby = a_lobby(HesitatingStore())

    made = await asyncio.gather(
        *(lobby.allocate(ADA, NOW, name="shop", unique_name=True) for _ in range(5)),
        return_exceptions=True,
    )

    assert sorted(isinstance(each, Conflict) for each in made) == [False, True, True, True, True]


def test_what_is_none_stays_attached_and_an_empty_text_takes_it_off():
    lobby = a_lobby()
    token = a_token(lobby, role="painter")

    run(lobby.change(ADA, token, model="m", vae="v"))
    changed = run(lobby.change(ADA, token, model=""))

    assert (changed.role, changed.model, changed.vae) == ("painter", "", "v")


# Sessions


def test_a_session_lets_its_token_in_until_it_expires():
    lobby = a_lobby()
    session = enter(lobby, a_token(lobby))

    assert problem(lobby, session, NOW + 59.9) == ""
    assert problem(lobby, session, NOW + 60) == "expired"
    assert problem(lobby, replace(session, id="0"), NOW) is None


@pytest.mark.parametrize("new_id", [False, True])
def test_a_session_in_the_place_of_a_live_one_begins_anew(new_id):
    lobby = a_lobby()
    token = a_token(lobby)
    first = enter(lobby, token)

    second = enter(lobby, token, NOW + 10, new_id=new_id, role="r")

    assert (second.opened_at, second.expires_at, second.role) == (NOW + 10, NOW + 70, "r")
    assert (second.id != first.id) == new_id
    assert problem(lobby, first, NOW + 10) == ("replaced" if new_id else "")
    assert used(lobby, token, NOW + 10) == 10
    assert used(lobby, token, NOW + 1000) == 70


def test_a_live_session_is_kept_or_refused_as_it_is_asked_for():
    lobby = a_lobby()
    token = a_token(lobby)
    first = enter(lobby, token)

    kept = enter(lobby, token, NOW + 10, when_live=WhenLive.KEEP, role="other")
    with pytest.raises(Conflict):
        enter(lobby, token, NOW + 10, when_live=WhenLive.REFUSE)

    assert kept == first == run(lobby.find(ADA, token, WEB, NOW + 10))


@pytest.mark.parametrize("when_live", WhenLive)
def test_where_nobody_is_all_ways_of_opening_are_one(when_live):
    lobby = a_lobby()
    token = a_token(lobby)
    enter(lobby, token)

    session = enter(lobby, token, NOW + 60, when_live=when_live, again=5)

    assert (session.opened_at, session.expires_at) == (NOW + 60, NOW + 120)


@pytest.mark.parametrize("new_id", [False, True])
def test_a_session_that_goes_on_is_counted_from_its_beginning_and_once(new_id):
    lobby = a_lobby()
    token = a_token(lobby)
    first = enter(lobby, token)

    longer = enter(lobby, token, NOW + 10, when_live=WhenLive.PROLONG, again=100, new_id=new_id)

    assert (longer.opened_at, longer.expires_at) == (NOW, NOW + 110)
    assert problem(lobby, first, NOW + 20) == ("replaced" if new_id else "")
    assert used(lobby, token, NOW + 20) == 0
    assert used(lobby, token, NOW + 20, live=True) == 20
    assert used(lobby, token, NOW + 1000, live=True) == used(lobby, token, NOW + 1000) == 110


def test_a_session_that_takes_other_terms_is_counted_by_each_for_its_time():
    lobby = a_lobby()
    token = a_token(lobby)
    enter(lobby, token, metering=Metering.TIME)

    renewed = {"when_live": WhenLive.RENEW, "again": 100}
    enter(lobby, token, NOW + 10, metering=Metering.WORK, **renewed)
    back = enter(lobby, token, NOW + 50, metering=Metering.TIME, **renewed)

    assert (back.opened_at, back.expires_at) == (NOW + 50, NOW + 150)
    assert used(lobby, token, NOW + 1000) == 10 + 100


def test_a_session_takes_role_and_pools_where_it_is_renewed_and_keeps_them_otherwise():
    lobby = a_lobby()
    token = a_token(lobby)
    enter(lobby, token, role="old", pools="a")

    kept = enter(lobby, token, when_live=WhenLive.PROLONG, role="new", pools="b")
    taken = enter(lobby, token, when_live=WhenLive.RENEW, role="new", pools="b")

    assert (kept.role, kept.pools) == ("old", "a")
    assert (taken.role, taken.pools) == ("new", "b")
    assert taken.opened_at == kept.opened_at


def test_prolonging_can_shorten_a_session():
    lobby = a_lobby()
    token = a_token(lobby)
    enter(lobby, token, lifetime=1000)

    shorter = run(lobby.prolong(ADA, token, WEB, 5, NOW + 10))

    assert shorter.expires_at == NOW + 15
    assert used(lobby, token, NOW + 1000) == 15
    with pytest.raises(NotFound):
        run(lobby.prolong(ADA, token, WEB, 5, NOW + 15))


def test_seats_are_told_apart_by_product_and_gadget():
    lobby = a_lobby()
    token = a_token(lobby)
    opened = {seat: enter(lobby, token, seat=seat).id for seat in (WEB, FLOW, BRUSH)}

    found = {seat: run(lobby.find(ADA, token, seat, NOW)) for seat in opened}

    assert {seat: session and session.id for seat, session in found.items()} == opened
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
    lobby = a_lobby()
    token = a_token(lobby)
    opened = {seat: enter(lobby, token, seat=seat) for seat in (WEB, FLOW, BRUSH)}

    ended = run(lobby.close(ADA, token, NOW + 5, **which))

    assert {session.seat for session in ended} == closed
    assert {session.why_at(NOW + 5) for session in ended} <= {Why.CLOSED}
    for seat, session in opened.items():
        assert problem(lobby, session, NOW + 5) == ("closed" if seat in closed else "")
    assert used(lobby, token, NOW + 6) == 5 * len(closed)


def test_a_session_that_ran_out_unseen_cannot_be_closed():
    lobby = a_lobby()
    token = a_token(lobby)
    session = enter(lobby, token)

    assert run(lobby.close(ADA, token, NOW + 60)) == []
    assert problem(lobby, session, NOW + 60) == "expired"


def test_nobody_comes_in_while_a_token_is_switched_off():
    lobby = a_lobby()
    token = a_token(lobby)
    session = enter(lobby, token)

    run(lobby.change(ADA, token, disabled=True))
    assert problem(lobby, session, NOW) == "disabled"
    assert problem(lobby, session, NOW + 60) == "expired"

    run(lobby.change(ADA, token, disabled=False))
    assert problem(lobby, session, NOW) == ""


@pytest.mark.parametrize(("cut", "until"), [(True, NOW + 20), (False, NOW + 60)])
def test_a_session_goes_on_beyond_its_token_unless_it_is_cut(cut, until):
    lobby = a_lobby(cut_sessions=cut)
    token = a_token(lobby, expires_at=NOW + 20)

    assert enter(lobby, token).expires_at == until
    assert run(lobby.prolong(ADA, token, WEB, 60, NOW)).expires_at == until


def test_an_open_session_is_cut_when_its_tokens_time_is_shortened():
    lobby = a_lobby(cut_sessions=True)
    token = a_token(lobby)
    session = enter(lobby, token)

    run(lobby.set_expiry(ADA, token, NOW + 30, NOW + 5))
    assert problem(lobby, session, NOW + 29) == ""
    assert problem(lobby, session, NOW + 30) == "expired"
    run(lobby.set_expiry(ADA, token, NOW + 7, NOW + 7))

    assert problem(lobby, session, NOW + 7) == "expired"
    assert used(lobby, token, NOW + 100) == 7


def test_a_session_is_not_lengthened_with_its_token():
    lobby = a_lobby(cut_sessions=True)
    token = a_token(lobby, expires_at=NOW + 20)
    session = enter(lobby, token)

    run(lobby.set_expiry(ADA, token, None, NOW))

    assert problem(lobby, session, NOW + 20) == "expired"


def test_sessions_that_are_over_make_room_and_live_ones_never_do():
    lobby = a_lobby(keep_sessions=3)
    token = a_token(lobby)
    seats = [Seat("web", str(number)) for number in range(6)]
    over = [enter(lobby, token, seat=seat, lifetime=1) for seat in seats[:3]]

    live = [enter(lobby, token, NOW + 5, seat=seat) for seat in seats[3:]]

    assert [problem(lobby, session, NOW + 5) for session in over] == [None] * 3
    assert [problem(lobby, session, NOW + 5) for session in live] == [""] * 3
    more = enter(lobby, token, NOW + 5, seat=WEB)
    assert len(run(lobby.sessions(ADA))) == 4
    assert problem(lobby, more, NOW + 5) == ""
    assert used(lobby, token, NOW + 5) == 3


async def test_two_who_open_at_once_get_one_session():
    lobby = a_lobby(HesitatingStore())
    token = (await lobby.allocate(ADA, NOW)).id

    await asyncio.gather(
        *(
            lobby.open(
                ADA, token, WEB, Terms(60), NOW,
                when_live=WhenLive.PROLONG, again=lambda live: 60, new_id=True,
            )
            for _ in range(5)
        )
    )  # fmt: skip

    live = [each for each in await lobby.sessions(ADA, token) if each.live_at(NOW)]
    assert len(live) == 1
    assert await lobby.used(ADA, token, NOW + 100, live=True) == 60


# What belongs to a token


def job_of(studio, now=NOW, account=ADA):
    return run(studio.submit(account, an_order(), some_work(), now)).job


@pytest.mark.parametrize("ending", ["well", "badly", "canceled"])
def test_metered_work_counts_from_its_submission_to_its_end_however_it_ends(ending):
    studio = a_studio()
    lobby = a_lobby(studio.store)
    token = a_token(lobby)
    job = job_of(studio)
    run(lobby.remember(ADA, token, job.id, NOW, metered=True))

    assert used(lobby, token, NOW + 0.5, live=True) == 0
    match ending:
        case "badly":
            run(studio.finish(ADA, job.id, NOW + 0.5, failure="tired"))
        case "canceled":
            run(studio.cancel(ADA, job.id, NOW + 0.5))

    expected = job.ended_at - NOW if ending == "well" else 0.5
    assert [used(lobby, token, NOW + at) for at in (1000, 1000, 2000)] == [expected] * 3


def test_work_that_is_not_metered_is_shown_and_not_counted():
    studio = a_studio()
    lobby = a_lobby(studio.store)
    token = a_token(lobby)
    job = job_of(studio)

    run(lobby.remember(ADA, token, job.id, NOW, metered=False))

    assert run(lobby.gallery(ADA, token)).jobs == (job.id,)
    assert used(lobby, token, NOW + 1000) == 0


def test_a_gallery_shows_the_newest_jobs_and_preferences_of_its_token_alone():
    lobby = a_lobby()
    one, other = a_token(lobby), a_token(lobby)
    for number in range(GALLERY_JOBS + 3):
        run(lobby.remember(ADA, one, str(number), NOW, metered=False))
    run(lobby.keep_preferences(ADA, one, "web", "dark"))
    run(lobby.keep_preferences(ADA, one, "web", "light"))
    run(lobby.keep_preferences(ADA, one, "flow", "grey"))

    gallery = run(lobby.gallery(ADA, one))

    assert gallery.jobs == tuple(str(number) for number in range(3, GALLERY_JOBS + 3))
    assert dict(gallery.preferences) == {"web": "light", "flow": "grey"}
    assert run(lobby.gallery(ADA, other)) == Gallery(other, ADA.id)


def test_browsers_that_come_with_one_token_meet():
    lobby = a_lobby()
    token = a_token(lobby)

    def meet(browser, at):
        meeting = run(lobby.meet(ADA, token, browser, NOW + at, within=60))
        return meeting.others, meeting.new

    assert meet("mine", 0) == (0, True)
    assert meet("mine", 30) == (0, False)
    assert meet("yours", 40) == (1, True)
    assert meet("mine", 50) == (1, False)
    assert meet("mine", 100) == (0, False)
    assert meet("mine", 160) == (0, True)
    for number in range(100):
        meet(str(number), 200)
    assert len(run(lobby.gallery(ADA, token)).browsers) == BROWSERS


# Resets, and the clock


@pytest.fixture
def world():
    """A server, the lobby over its store, and an account with a clock of its own."""
    worlds = some_worlds()
    wish = Newborn(id="ada", clock_start=NOW, clock_rate=0.0)
    return worlds, a_lobby(worlds.store), run(worlds.create(wish, NOW))


def reset(world, *parts):
    worlds, _, account = world
    run(worlds.reset(run(worlds.find(account.id)), parts, NOW))


def move(world, to):
    worlds, _, account = world
    return run(worlds.advance(run(worlds.find(account.id)), NOW, to))[1]


def test_the_clock_tells_each_expiry_once_and_stops_at_the_next(world):
    _, lobby, account = world
    token = a_token(lobby, account=account, expires_at=NOW + 20)
    session = enter(lobby, token, account=account, lifetime=10)
    enter(lobby, token, account=account, seat=FLOW, lifetime=30)

    told = [(event.at - NOW, event.kind, event.id) for _ in range(4) for event in move(world, None)]

    assert told[:2] == [(10, "session", session.id), (20, "token", token)]
    assert [at for at, _, _ in told] == [10, 20, 30]


def test_what_somebody_saw_expire_is_not_told_by_the_clock_again(world):
    _, lobby, account = world
    token = a_token(lobby, account=account)
    enter(lobby, token, account=account, lifetime=10)
    move(world, NOW + 15)

    assert move(world, NOW + 30) == []


@pytest.mark.parametrize("looked", [False, True])
def test_what_a_token_used_is_the_same_whether_or_not_somebody_looked_before_a_reset(world, looked):
    worlds, lobby, account = world
    token = a_token(lobby, account=account)
    enter(lobby, token, account=account, lifetime=10)
    job = job_of(worlds.studio, account=account)
    run(lobby.remember(account, token, job.id, NOW, metered=True))
    later = replace(account, clock=replace(account.clock, virtual_anchor=NOW + 1000))
    run(worlds.change(later))  # Time has passed, and nobody has written down what ran out.
    if looked:
        used(lobby, token, NOW + 1000, account=account)

    reset(world, "jobs", "sessions")

    assert used(lobby, token, NOW + 1000, account=account) == 10 + job.ended_at - NOW


def test_sessions_that_were_reset_let_nobody_in_and_new_ones_do(world):
    _, lobby, account = world
    token = a_token(lobby, account=account)
    old = enter(lobby, token, account=account)

    reset(world, "sessions")

    assert problem(lobby, old, NOW) is None
    assert run(lobby.find(account, token, WEB, NOW)) is None
    assert enter(lobby, token, account=account).opened_at == NOW


def test_an_id_that_is_given_again_after_a_reset_is_nobody_elses(world):
    _, lobby, account = world
    one, other = a_token(lobby, account=account), a_token(lobby, account=account)
    reset(world, "jobs")  # Ticks begin anew, while time stands.
    first = enter(lobby, one, account=account)

    reset(world, "jobs", "sessions")
    second = enter(lobby, other, account=account)

    assert second.id == first.id
    assert run(lobby.find(account, one, WEB, NOW)) is None
    assert used(lobby, one, NOW + 1000, account=account, live=True) == 0


def test_a_job_that_has_the_id_of_a_forgotten_one_is_in_nobody_elses_gallery(world):
    worlds, lobby, account = world
    one, other = a_token(lobby, account=account), a_token(lobby, account=account)
    reset(world, "jobs")
    first = job_of(worlds.studio, account=account)
    run(lobby.remember(account, one, first.id, NOW, metered=True))
    run(lobby.keep_preferences(account, one, "web", "dark"))

    reset(world, "jobs")
    second = job_of(worlds.studio, account=account)
    run(lobby.remember(account, other, second.id, NOW, metered=True))

    assert second.id == first.id
    gallery = run(lobby.gallery(account, one))
    assert (gallery.jobs, gallery.metered) == ((), ())
    assert gallery.preferences == (("web", "dark"),)
    assert used(lobby, one, NOW + 1000, account=account) == 0


def test_tokens_are_reset_with_their_sessions_and_galleries(world):
    _, lobby, account = world
    token = a_token(lobby, account=account)
    session = enter(lobby, token, account=account)
    run(lobby.keep_preferences(account, token, "web", "dark"))

    reset(world, "tokens")

    assert list(run(lobby.tokens(account))) == []
    assert problem(lobby, session, NOW) is None
    again = a_token(lobby, account=account)
    assert run(lobby.gallery(account, again)).preferences == ()


def test_a_clock_that_goes_back_takes_tokens_and_sessions_along(world):
    _, lobby, account = world
    move(world, NOW + 100)
    token = a_token(lobby, NOW + 100, account=account)
    session = enter(lobby, token, NOW + 100, account=account)

    reset(world, "clock")

    assert list(run(lobby.tokens(account))) == []
    assert problem(lobby, session, NOW) is None


def test_a_world_that_is_deleted_takes_its_sessions_along(world):
    worlds, lobby, account = world
    session = enter(lobby, a_token(lobby, account=account), account=account)

    run(worlds.delete(account.id))

    assert problem(lobby, session, NOW) is None
