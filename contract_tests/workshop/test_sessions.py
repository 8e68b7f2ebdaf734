"""Sessions: how they are made, how long they last, and whose they are (`Workshop › 6`)."""

import pytest

from contract_tests.clients.workshop_answers import SUCCESS
from contract_tests.markers import leaves_traces, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.workshop.envelopes import plain_success, refused
from contract_tests.workshop.sessions import (
    DAY,
    HOUR,
    ROUNDED,
    TERMS,
    a_token,
    expect_lifetime,
    expect_moment,
    live_session,
    the_session,
)
from contract_tests.workshop.uses import use

GADGETS = [None, "01j1w6cxqzgadget", "01j1w6cxqzgadget2", "01j1w6cxqz"]
OPENINGS = ["create_session", "refresh_or_create_session"]
MODES = [
    pytest.param({}, HOUR, id="no mode said"),
    pytest.param({"sessionMode": 10}, HOUR, id="mode 10"),
    pytest.param({"sessionMode": 20}, DAY, id="mode 20"),
    pytest.param({"sessionMode": None, "expiredInSeconds": None}, HOUR, id="nulls"),
]


@source("Workshop › 6.1", "Workshop › 6.3", "Workshop › 6.2", "Workshop › 6.4")
@leaves_traces
@spends(1)
@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
def test_a_session_is_opened_for_as_long_as_asked(workshop, clock, opening, terms):
    session = getattr(workshop, opening)(a_token(workshop), expiredInSeconds=600, **terms)

    expect_lifetime(session, 600, clock)


@source("Workshop › 6.2")
@leaves_traces
@spends(1)
@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize(("mode", "default"), MODES)
def test_the_default_lifetime_is_that_of_the_mode(workshop, clock, opening, mode, default):
    session = getattr(workshop, opening)(a_token(workshop), **mode)

    expect_lifetime(session, default, clock)


@source("Workshop › 6.3", "Workshop › 6.4", "Workshop › 6.1")
@leaves_traces
@spends(1)
def test_a_query_tells_of_the_live_session(workshop):
    token = a_token(workshop)
    made = workshop.create_session(token, expiredInSeconds=600)

    found = the_session(workshop, token)

    for name in ("apiToken", "sessionUrl", "expiredAt"):
        assert found[name] == made[name], f"{name} of the live session"


@source("Workshop › 6.3", "Workshop › 6.4")
@leaves_traces
@spends(1)
def test_the_seconds_left_count_down_and_the_rest_stays(workshop, clock):
    token = a_token(workshop)
    made = workshop.create_session(token, expiredInSeconds=600)
    begin = clock.now()

    for pause in (7, 13, 20):
        clock.let_pass(pause)
        passed = clock.now() - begin
        later = the_session(workshop, token)
        counted = made["expiredInSeconds"] - later["expiredInSeconds"]
        latest = clock.now() - begin + ROUNDED
        assert passed - ROUNDED <= counted <= latest, (
            f"the seconds left went down by {counted} within {passed:g} seconds"
        )
        for name in ("sessionUrl", "expiredAt"):
            assert later[name] == made[name], f"{name} of a live session changed"


@source("Workshop › 6.2", "Workshop › 6.4", "Workshop › 6.1")
@leaves_traces
@spends(2)
def test_a_refresh_counts_from_now_and_not_from_the_old_expiry(workshop, clock):
    token = a_token(workshop)
    workshop.create_session(token, expiredInSeconds=600)
    clock.let_pass(5)

    session = workshop.refresh_session(token, expiredInSeconds=900)

    expect_lifetime(session, 900, clock)
    assert the_session(workshop, token)["expiredAt"] == session["expiredAt"]


@source("Workshop › 6.4")
@leaves_traces
@spends(2)
@pytest.mark.parametrize("refresh", ["refresh_session", "refresh_or_create_session"])
def test_a_refresh_may_shorten_a_session(workshop, clock, refresh):
    token = a_token(workshop)
    workshop.create_session(token, expiredInSeconds=900)

    session = getattr(workshop, refresh)(token, expiredInSeconds=300)

    expect_lifetime(session, 300, clock)
    expect_moment(the_session(workshop, token), clock.now() + 300)


@source("Workshop › 6.2")
@leaves_traces
@spends(2)
@pytest.mark.parametrize("mode", [10, 20])
def test_a_refresh_lasts_an_hour_by_default(workshop, clock, mode):
    token = a_token(workshop)
    workshop.create_session(token, sessionMode=mode, expiredInSeconds=600)

    expect_lifetime(workshop.refresh_session(token), HOUR, clock)


@source("Workshop › 6.1", "Workshop › 6.4", "Workshop › 1")
@leaves_traces
@spends(2)
def test_create_or_refresh_moves_the_expiry_of_a_live_session(workshop, clock, observe):
    token = a_token(workshop)
    first = workshop.refresh_or_create_session(token, expiredInSeconds=600)

    second = workshop.refresh_or_create_session(token, expiredInSeconds=1200)

    expect_lifetime(second, 1200, clock)
    same = first["sessionUrl"] == second["sessionUrl"]
    observe("W2", "create-or-refresh on a live session keeps the URL", same)


@source("Workshop › 6.1", "Workshop › 6.4", "Workshop › 6.3")
@leaves_traces
@spends(1)
def test_a_session_that_was_destroyed_is_over(workshop):
    token = a_token(workshop)
    workshop.create_session(token, expiredInSeconds=600)

    envelope = workshop.ask("spDeleteSession", {"apiToken": token})

    assert envelope.body["status"] == SUCCESS, "the status of a destroy"
    plain_success(envelope)
    assert live_session(workshop, token) is None, "a session that was destroyed is still live"


@source("Workshop › 6.4")
@leaves_traces
@spends(2)
def test_a_session_can_be_opened_again_after_its_end(workshop, clock):
    token = a_token(workshop)
    workshop.create_session(token, expiredInSeconds=600)
    workshop.delete_session(token)

    session = workshop.create_session(token, expiredInSeconds=300)

    expect_lifetime(session, 300, clock)
    assert live_session(workshop, token) is not None


@source("Workshop › 6.4")
@leaves_traces
@spends(3)
def test_each_sub_product_has_its_own_session(workshop, clock):
    token = a_token(workshop)
    webui = workshop.create_session(token, subProduct="sd_webui", expiredInSeconds=600)
    comfyui = workshop.create_session(token, subProduct="comfyui_api", expiredInSeconds=1200)

    assert webui["sessionUrl"] != comfyui["sessionUrl"], "two sub-products share a session"
    expect_moment(the_session(workshop, token, subProduct="sd_webui"), clock.now() + 600)
    expect_moment(the_session(workshop, token, subProduct="comfyui_api"), clock.now() + 1200)
    workshop.refresh_session(token, subProduct="comfyui_api", expiredInSeconds=1500)
    kept = the_session(workshop, token, subProduct="sd_webui")["expiredAt"]
    assert kept == webui["expiredAt"], "a refresh moved the session of the other sub-product"
    workshop.delete_session(token, subProduct="comfyui_api")
    assert live_session(workshop, token, subProduct="comfyui_api") is None
    assert live_session(workshop, token, subProduct="sd_webui"), (
        "destroying the session of one sub-product ended that of the other"
    )


@source("Workshop › 6.2")
@leaves_traces
@spends(1)
def test_the_sub_product_is_sd_webui_by_default(workshop):
    token = a_token(workshop)

    made = workshop.create_session(token, expiredInSeconds=600)

    named = the_session(workshop, token, subProduct="sd_webui")
    assert named["sessionUrl"] == made["sessionUrl"], "the default sub-product is another one"


@source("Workshop › 6.2", "Workshop › 6.4")
@leaves_traces
@spends(5)
def test_each_gadget_has_its_own_session(workshop, clock, observe):
    token = a_token(workshop)
    made = {}
    for place, gadget in enumerate(GADGETS):
        asked = {"apiToken": token, "expiredInSeconds": 600 + 100 * place}
        envelope = use(
            workshop, "spCreateSession", asked | ({"gadgetId": gadget} if gadget else {})
        )
        if not envelope.ok:  # gadgets are made in the console
            refused(envelope.answer)
            observe("W14", "an unknown gadget", "refused")
            raise OnlyObserved("an unknown gadget gets no session")
        made[gadget] = envelope.expect_success()
    observe("W14", "an unknown gadget", "accepted")

    urls = {session["sessionUrl"] for session in made.values()}
    assert len(urls) == len(GADGETS), "two gadgets share a session"
    last = GADGETS[-1]
    made[last] = workshop.refresh_session(token, expiredInSeconds=1500, gadgetId=last)
    for gadget in GADGETS:
        found = the_session(workshop, token, gadgetId=gadget)
        assert found["sessionUrl"] == made[gadget]["sessionUrl"], f"the URL of gadget {gadget}"
        assert found["expiredAt"] == made[gadget]["expiredAt"], f"expiredAt of gadget {gadget}"
    workshop.delete_session(token, gadgetId=last)
    assert the_session(workshop, token), "the end of a gadget's session ended the plain one"


@source("Workshop › 6.4", "Workshop › 5.4")
@leaves_traces
@spends(2)
def test_two_tokens_have_nothing_to_do_with_each_other(workshop, clock):
    first, second = a_token(workshop), a_token(workshop)
    one = workshop.create_session(first, expiredInSeconds=600)
    other = workshop.create_session(second, expiredInSeconds=1200)

    assert one["sessionUrl"] != other["sessionUrl"], "two tokens share a session"
    for token, session in ((first, one), (second, other)):
        found = the_session(workshop, token)
        assert found["apiToken"] == token, "a query tells of the session of another token"
        assert found["sessionUrl"] == session["sessionUrl"]
    workshop.delete_session(first)
    assert live_session(workshop, first) is None
    assert live_session(workshop, second), "destroying one token's session ended another's"


@source("Workshop › 5.1", "Workshop › 6.5")
@leaves_traces
@spends(2)
def test_the_time_that_a_token_has_used_is_that_of_its_sessions(workshop, clock, observe):
    token, other = a_token(workshop), a_token(workshop)
    used, most = [0], 0.0
    for seconds in (20, 30):
        begin = clock.now()
        workshop.create_session(token, expiredInSeconds=600)
        clock.let_pass(seconds)
        used.append(workshop.query_token(token)["usedSessionTimeInSeconds"])
        observe("W16", f"usedSessionTimeInSeconds within a session of {seconds} s", used[-1])
        workshop.delete_session(token)
        most += clock.now() - begin + ROUNDED
        clock.let_pass(5)
        used.append(workshop.query_token(token)["usedSessionTimeInSeconds"])
        observe("W16", f"usedSessionTimeInSeconds after a session of {seconds} s", used[-1])

        assert used == sorted(used), f"usedSessionTimeInSeconds goes down: {used}"
        assert used[-1] <= most, f"usedSessionTimeInSeconds is {used[-1]} after {most:g} seconds"
        assert used[-1] > used[-3], f"usedSessionTimeInSeconds does not count a session: {used}"
    alone = workshop.query_token(other)["usedSessionTimeInSeconds"]
    assert alone == 0, f"usedSessionTimeInSeconds of a token without sessions is {alone}"


@source("Workshop › 5.1", "Workshop › 6.5")
@leaves_traces
@spends(1)
def test_a_session_of_mode_20_uses_no_time_without_a_generation(workshop, clock):
    token = a_token(workshop)
    workshop.create_session(token, sessionMode=20, expiredInSeconds=600)

    clock.let_pass(20)
    workshop.delete_session(token)

    used = workshop.query_token(token)["usedSessionTimeInSeconds"]
    assert used == 0, f"usedSessionTimeInSeconds is {used} after a session of mode 20"


@source("Workshop › 6.2", "Workshop › 9")
@leaves_traces
@spends(1)
@pytest.mark.parametrize("pools", ["default", "default,default"])
def test_a_session_may_ask_for_the_shared_pool(workshop, clock, pools):
    token = a_token(workshop)

    session = workshop.create_session(token, expiredInSeconds=600, customResourceConfigId=pools)

    expect_lifetime(session, 600, clock)
