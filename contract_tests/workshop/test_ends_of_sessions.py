"""How sessions end, and when their URLs work (`Workshop › 6.4`, `6.6`)."""

import pytest

from contract_tests.markers import leaves_traces, needs, observes, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.workshop.envelopes import orderly, reason
from contract_tests.workshop.gateways import UNKNOWN_TOKEN
from contract_tests.workshop.sessions import TERMS, a_token, live_session, opens, visited
from contract_tests.workshop.uses import use

SHORT = 8  # seconds; the minimum is not published (W11)


def a_short_session(workshop, token, **terms):
    """Return a short session; a refresh is the most reliable way to make one."""
    workshop.create_session(token, expiredInSeconds=600, **terms)
    terms.pop("sessionMode", None)
    return workshop.refresh_session(token, expiredInSeconds=SHORT, **terms)


@source("Workshop › 6.4")
@leaves_traces
@spends(2)
@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
def test_a_session_is_over_when_its_time_is(workshop, clock, terms):
    token = a_token(workshop)
    a_short_session(workshop, token, **terms)
    assert live_session(workshop, token, **terms), "a session is over before its time is"

    clock.let_pass(SHORT + 2)

    assert live_session(workshop, token, **terms) is None, "a session lives beyond its time"


@source("Workshop › 6.4", "Workshop › 6.6")
@leaves_traces
@spends(2)
def test_the_url_stops_working_when_the_time_is_over(workshop, clock):
    session = a_short_session(workshop, a_token(workshop))
    assert opens(visited(workshop, session["sessionUrl"])), "the URL of a live session is dead"

    clock.let_pass(SHORT + 2)

    page = visited(workshop, session["sessionUrl"])
    assert 400 <= page.status < 500, f"the page of a session that is over answers {page.status}"


@source("Workshop › 6.4", "Workshop › 6.6")
@needs("clock")
@leaves_traces
@spends(2)
@pytest.mark.parametrize("mode", [10, 20])
def test_a_session_and_its_url_live_exactly_until_the_told_moment(workshop, clock, mode):
    token = a_token(workshop)
    workshop.create_session(token, sessionMode=mode, expiredInSeconds=600)
    clock.let_pass(300)
    session = workshop.refresh_session(token, expiredInSeconds=900)

    for before in (500, SHORT):
        clock.let_pass(session["expiredAt"] / 1000 - before - clock.now())
        assert live_session(workshop, token), f"a session is over {before} s before its time is"
        page = visited(workshop, session["sessionUrl"])
        assert opens(page), f"the URL of a live session answers {page.status}"
    clock.let_pass(SHORT + 2)

    assert live_session(workshop, token) is None, "a session lives beyond its time"
    assert not opens(visited(workshop, session["sessionUrl"])), "the URL works beyond its time"


@source("Workshop › 6.4", "Workshop › 6.6")
@leaves_traces
@spends(1)
@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
def test_the_url_works_until_the_session_is_destroyed(workshop, terms):
    token = a_token(workshop)
    url = workshop.create_session(token, expiredInSeconds=600, **terms)["sessionUrl"]
    page = visited(workshop, url)
    assert opens(page), f"the URL of a live session answers {page.status}, expected a page"

    workshop.delete_session(token, **terms)

    page = visited(workshop, url)
    assert 400 <= page.status < 500, f"the page of a destroyed session answers {page.status}"


@source("Workshop › 6.6", "Workshop › 6.3")
@leaves_traces
@spends(1)
def test_the_url_of_a_session_opens_a_page(workshop, observe):
    token = a_token(workshop)
    url = workshop.create_session(token, expiredInSeconds=600)["sessionUrl"]

    for _ in range(2):
        page = visited(workshop, url)
        assert opens(page), f"the URL of a live session answers {page.status}, expected 200"

    if page.status == 200:
        assert "html" in page.headers.get("content-type", ""), "the URL opens no page"
    path = url.split("/", 3)[3]
    observe("W1", "a session's URL", {
        "segments": len(path.partition("?")[0].split("/")), "has a query": "?" in path,
        "the token is in it": token in url,
    })  # fmt: skip


@source("Workshop › 6.6")
@observes
@leaves_traces
@spends(1)
def test_what_a_url_gets_that_is_one_letter_off(workshop, observe):
    url = workshop.create_session(a_token(workshop), expiredInSeconds=600)["sessionUrl"]
    place = len(url.partition("?")[0]) - 1
    other = "0" if url[place] != "0" else "1"

    page = visited(workshop, url[:place] + other + url[place + 1 :])

    assert page.status < 500
    observe("W1", "a URL that is one letter off", page.status)


@source("Workshop › 6.4", "Workshop › 12")
@leaves_traces
@spends(2)
def test_what_happens_where_no_session_is_live(workshop, observe):
    token = a_token(workshop)
    asked = {"apiToken": token}

    query = workshop.ask("spQuerySession", asked)
    delete = workshop.ask("spDeleteSession", asked)
    refresh = use(workshop, "spRefreshSession", asked)

    for answer in (query.answer, delete.answer, refresh.answer):
        orderly(answer)
    assert not (query.ok and query.body["data"]), "a session is live although none was opened"
    observe("W5", "a query without a live session", reason(query.answer))
    observe("W6", "a destroy without a live session", reason(delete.answer))
    observe("W4", "a refresh without a live session", reason(refresh.answer))


@source("Workshop › 6.4", "Workshop › 12")
@leaves_traces
@spends(2)
def test_what_a_second_create_does(workshop, observe):
    token = a_token(workshop)
    first = workshop.create_session(token, expiredInSeconds=600)

    again = use(workshop, "spCreateSession", {"apiToken": token, "expiredInSeconds": 1200})

    live = live_session(workshop, token)
    assert live is not None, "a second create left no live session"
    if orderly(again.answer):
        told = again.body["data"]
        assert live["sessionUrl"] == told["sessionUrl"], "the live session is not the one told"
        what = "another one" if told["sessionUrl"] != first["sessionUrl"] else "the same URL"
        moved = "moved" if told["expiredAt"] != first["expiredAt"] else "kept"
        observe("W3", "a second create", f"{what}, expiry {moved}")
    else:
        observe("W3", "a second create", reason(again.answer))


@source("Workshop › 6.4", "Workshop › 12")
@leaves_traces
@spends(2)
def test_whether_a_refresh_keeps_the_url(workshop, observe):
    token = a_token(workshop)
    made = workshop.create_session(token, expiredInSeconds=600)

    refreshed = workshop.refresh_session(token, expiredInSeconds=900)

    page = visited(workshop, refreshed["sessionUrl"])
    assert opens(page), f"the URL of a refreshed session answers {page.status}, expected 200"
    same = made["sessionUrl"] == refreshed["sessionUrl"]
    observe("W2", "a refresh keeps the URL", same)


@source("Workshop › 6.2", "Workshop › 12")
@leaves_traces
@spends(2)
def test_whether_create_or_refresh_changes_the_mode(workshop, observe):
    token = a_token(workshop)
    workshop.create_session(token, sessionMode=10, expiredInSeconds=600)

    again = workshop.refresh_or_create_session(token, sessionMode=20)

    left = again["expiredInSeconds"]
    assert left > 600, "create-or-refresh did not move the expiry"
    observe("W9", "mode 20 without a lifetime on a live session of mode 10", f"{left} s")


@source("Workshop › 6.2", "Workshop › 12")
@leaves_traces
@spends(2)
def test_how_long_a_session_of_mode_20_lasts_when_it_is_refreshed(workshop, observe):
    token = a_token(workshop)
    workshop.create_session(token, sessionMode=20, expiredInSeconds=600)

    again = workshop.refresh_or_create_session(token)

    assert again["expiredInSeconds"] > 600, "create-or-refresh did not move the expiry"
    observe("W10", "create-or-refresh without a lifetime", f"{again['expiredInSeconds']} s")


@source("Workshop › 6.1", "Workshop › 12")
@leaves_traces
@spends(2)
def test_whether_a_destroy_ends_the_sessions_of_gadgets(workshop, observe):
    token = a_token(workshop)
    workshop.create_session(token, expiredInSeconds=600)
    asked = {"apiToken": token, "gadgetId": "01j1w6cxqzgadget", "expiredInSeconds": 600}
    if not orderly(use(workshop, "spCreateSession", asked).answer):
        raise OnlyObserved("an unknown gadget gets no session")
    other = live_session(workshop, token, gadgetId=asked["gadgetId"], subProduct="comfyui_api")
    observe("W8", "the gadget's session is found under comfyui_api", other is not None)

    workshop.delete_session(token)

    assert live_session(workshop, token) is None, "a session that was destroyed is still live"
    gadget = live_session(workshop, token, gadgetId=asked["gadgetId"])
    observe("W7", "a gadget's session is live after a destroy without gadget", gadget is not None)
    workshop.ask("spDeleteSession", {"apiToken": token, "gadgetId": asked["gadgetId"]})


@source("Workshop › 6.2", "Workshop › 12")
@observes
@leaves_traces
@spends(8)
def test_which_lifetimes_are_refused(workshop, observe):
    token = a_token(workshop)
    for value in (0, -1, 1, "600", 1.5, 604800, 604801, 10**10):
        asked = {"apiToken": token, "expiredInSeconds": value}
        envelope = use(workshop, "spRefreshOrCreateSession", asked)
        orderly(envelope.answer)
        observe("W11", f"a lifetime of {value!r}", reason(envelope.answer))


@source("Workshop › 5.1", "Workshop › 12")
@observes
@leaves_traces
@spends(2)
def test_what_the_expiry_of_a_token_does_to_its_sessions(workshop, clock, observe):
    token = a_token(workshop, tokenExpiredAt=int((clock.now() + 20) * 1000))
    made = workshop.create_session(token, expiredInSeconds=600)
    observe("W13", "a session is cut at its token's expiry", made["expiredInSeconds"] < 60)

    clock.let_pass(25)

    query = workshop.ask("spQuerySession", {"apiToken": token})
    create = use(workshop, "spCreateSession", {"apiToken": token})
    for what, envelope in (("query", query), ("create", create)):
        orderly(envelope.answer)
        observe("W13", f"{what} with an expired token", reason(envelope.answer))
    observe("W13", "the page of an expired token", visited(workshop, made["sessionUrl"]).status)


@source("Workshop › 6.1", "Workshop › 12")
@observes
@leaves_traces
@spends(2)
def test_what_unknown_roles_and_pools_get(workshop, observe):
    for name in ("roleId", "customResourceConfigId"):
        asked = {"apiToken": a_token(workshop), name: "no-such-thing", "expiredInSeconds": 60}
        envelope = use(workshop, "spCreateSession", asked)
        orderly(envelope.answer)
        observe("W14", f"an unknown {name}", reason(envelope.answer))


@source("Workshop › 6.1")
@spends(1)
@pytest.mark.parametrize(
    "operation",
    ["spCreateSession", "spRefreshSession", "spRefreshOrCreateSession", "spQuerySession"],
)
def test_an_unknown_token_has_no_session(workshop, observe, operation):
    envelope = use(workshop, operation, {"apiToken": UNKNOWN_TOKEN})

    observe("W14", f"an unknown token in {operation}", reason(envelope.answer))
    if orderly(envelope.answer):
        assert envelope.body["data"] is None, "an unknown token has a session"
