"""Events for the customer's server, fired by an end user on a session's page.

The names, the query, the bodies of two events and the retries are documented. The calls of a page
are not, so these tests need a target that can make an account with a receiver, and whose pages
accept a form at `generate`.
"""

import pytest

from contract_tests.markers import leaves_traces, needs, observes, source, spends
from contract_tests.workshop.customer import ANY, EventReply
from contract_tests.workshop.envelopes import plain_success
from contract_tests.workshop.orders import A_MODEL, a_drawing
from contract_tests.workshop.sessions import a_token, the_session, visited
from contract_tests.workshop.uses import a_use, use

# Seconds of the account's clock in one second of real time. The delay of an event depends on the
# computer, so the time between two events says nothing.
FAST, VERY_FAST = 100.0, 10_000.0
DAY = 86_400  # seconds; a documented lifetime of sessions
QUERY = ("apiId", "bizType", "invokeId", "apiToken", "sign", "nonce", "timestamp")
FORM = {"prompt": "a paper boat", "width": 512, "height": 512, "steps": 10, "seed": 7}
PRE_INVOKE, SD_PRE_INVOKE = "apiAccessPreInvoke", "sdPreInvoke"
CONTROL_CONFIG = "sdImgGenControlConfig"
COMMIT, ROLLBACK, FINISHED = "apiAccessCommit", "apiAccessRollback", "sdTaskFinished"
DENIED = EventReply(body={"success": False, "errMessage": "Your quota is used up"})
RETRIES, ALL_RETRIES = 16, 17_140  # number of retries, and seconds until the last one
EVENTS = needs("accounts", "callbacks")


class EndUser:
    """An end user at the page of a session, in an account whose events go to an inbox."""

    def __init__(self, workshop, target, inbox, rate=FAST):
        account = target.another_account(eventsUrl=inbox.url, clock={"rate": rate})
        self._come(workshop.using(account.workshop.auth()), inbox, rate)

    def neighbour(self):
        """Return another end user of the same account."""
        other = object.__new__(EndUser)
        other._come(self.workshop, self.inbox, self.rate)
        return other

    def _come(self, workshop, inbox, rate):
        self.workshop = workshop
        self.inbox, self.rate = inbox, rate
        self.token = a_token(self.workshop)
        asked = {"apiToken": self.token, "expiredInSeconds": DAY}
        self.session = use(self.workshop, "spCreateSession", asked).expect_success()

    def draw(self, **members):
        """Order a drawing, as the page does; one use."""
        wire = self.workshop.wire
        return wire.send(
            "POST", self.session["sessionUrl"] + "/generate", auth=None, json={**FORM, **members},
            reservation=a_use(self.workshop),
        )  # fmt: skip

    def let_pass(self, seconds):
        """Listen for so many seconds of the account's clock, which runs fast."""
        end = self._seconds_left() - seconds
        while (missing := self._seconds_left() - end) > 0:
            self.inbox.listen(missing / self.rate)

    def _seconds_left(self):
        return the_session(self.workshop, self.token)["expiredInSeconds"]


def drawn(workshop, target, inbox):
    """Order a drawing as an end user; return the end user once the task is over."""
    user = EndUser(workshop, target, inbox)
    user.draw().expect_status(200)
    inbox.wait_for(FINISHED)
    return user


@source("Workshop › 11")
@EVENTS
@leaves_traces
@spends(2)
def test_the_customer_is_asked_before_and_told_after(workshop, target, customer):
    inbox = customer.inbox()

    drawn(workshop, target, inbox)

    came = [event.kind for event in inbox.events()]
    for kind in (PRE_INVOKE, SD_PRE_INVOKE, COMMIT, FINISHED):
        assert came.count(kind) == 1, f"{kind} came {came.count(kind)} times: {came}"
    assert ROLLBACK not in came
    for kind in (PRE_INVOKE, SD_PRE_INVOKE):
        assert came.index(kind) < came.index(COMMIT), f"{kind} came too late: {came}"


@source("Workshop › 11")
@EVENTS
@leaves_traces
@spends(1)
def test_a_page_asks_the_customer_for_its_text(workshop, target, customer):
    inbox = customer.inbox()
    user = EndUser(workshop, target, inbox)
    visited(workshop, user.session["sessionUrl"])
    inbox.wait_for(CONTROL_CONFIG)
    assert {event.kind for event in inbox.events()} == {CONTROL_CONFIG}, "the events of a page"


@source("Workshop › 11", "Workshop › 5.4")
@EVENTS
@leaves_traces
@spends(4)
def test_an_event_is_a_post_with_seven_parameters(workshop, target, customer, observe):
    inbox = customer.inbox()

    user = drawn(workshop, target, inbox)

    for event in inbox.events():
        assert event.method == "POST"
        for name in QUERY:
            assert event.query.get(name), f"{event.kind} has no {name} in its query"
        assert event.query["timestamp"].isdecimal()
        assert event.query["apiToken"] != user.token, "apiToken of an event is not encrypted"
    before = inbox.events()
    user.neighbour().draw().expect_status(200)
    inbox.wait_for(FINISHED, 2)
    tokens = {event.query["apiToken"] for event in before}
    for event in inbox.events()[len(before) :]:
        assert event.query["apiToken"] not in tokens, "apiToken is that of another end user"
    first = inbox.events()[0]
    observe("W39", "apiId, and how long apiToken and sign are", [
        first.query["apiId"], len(first.query["apiToken"]), len(first.query["sign"])
    ])  # fmt: skip


@source("Workshop › 11")
@EVENTS
@leaves_traces
@spends(3)
def test_the_events_of_one_call_have_one_invoke_id(workshop, target, customer, observe):
    inbox = customer.inbox()

    user = drawn(workshop, target, inbox)

    ids = {event.query["invokeId"] for event in inbox.events()}
    assert len(ids) == 1, f"the events of one call have several invokeId: {ids}"
    user.draw(prompt="a red teapot").expect_status(200)
    inbox.wait_for(FINISHED, 2)
    for kind in (PRE_INVOKE, SD_PRE_INVOKE, COMMIT, FINISHED):
        two = [event.query["invokeId"] for event in inbox.events(kind)]
        assert len(set(two)) == 2, f"{kind} of two calls have the invokeId {two}"
    asked = [event.json["prompt"] for event in inbox.events(PRE_INVOKE)]
    assert asked == [FORM["prompt"], "a red teapot"], f"the customer read the requests {asked}"
    nonces = {event.query["nonce"] for event in inbox.events()}
    observe("W39", "each event has a different nonce", len(nonces) == len(inbox.events()))


@source("Workshop › 11")
@EVENTS
@leaves_traces
@spends(2)
def test_the_customer_reads_what_the_user_asked_for(workshop, target, customer, observe):
    inbox = customer.inbox()

    drawn(workshop, target, inbox)

    asked = inbox.only(PRE_INVOKE)
    assert asked.json["prompt"] == FORM["prompt"], "the body is not the user's request"
    generation = inbox.only(SD_PRE_INVOKE)
    for name in ("modelId", "modelVersionId", "aliasName"):
        assert name in generation.json["checkpoint"], f"the checkpoint has no {name}"
    finished = inbox.only(FINISHED)
    observe("W39", "members of sdTaskFinished", sorted(finished.json))


@source("Workshop › 11")
@EVENTS
@leaves_traces
@spends(2)
def test_a_call_that_the_customer_denies_is_not_carried_out(workshop, target, customer, observe):
    inbox = customer.inbox(**{PRE_INVOKE: DENIED})
    user = EndUser(workshop, target, inbox)

    answer = user.draw()
    user.let_pass(20)

    assert answer.status < 500
    assert str(DENIED.body["errMessage"]) in answer.text, "the user does not see the errMessage"
    came = [event.kind for event in inbox.events()]
    for kind in (COMMIT, FINISHED):
        assert kind not in came, f"a call that was denied was carried out: {came}"
    observe("W41", f"a call that {PRE_INVOKE} denied", answer.status)


@source("Workshop › 11", "Workshop › 12")
@observes
@EVENTS
@leaves_traces
@spends(2)
def test_what_denying_a_generation_does(workshop, target, customer, observe):
    inbox = customer.inbox(**{SD_PRE_INVOKE: DENIED})
    user = EndUser(workshop, target, inbox)

    answer = user.draw()
    user.let_pass(20)

    assert answer.status < 500
    came = [event.kind for event in inbox.events()]
    observe("W41", f"a call that {SD_PRE_INVOKE} denied", [answer.status, came])


@source("Workshop › 11")
@EVENTS
@leaves_traces
@spends(2)
def test_a_quota_that_was_taken_is_given_back_when_the_call_fails(workshop, target, customer):
    inbox = customer.inbox()

    EndUser(workshop, target, inbox).draw(image="data:image/png;base64,AAAA")

    back = inbox.wait_for(ROLLBACK)[0]
    taken = inbox.only(PRE_INVOKE)
    assert back.query["invokeId"] == taken.query["invokeId"]
    assert not inbox.events(COMMIT)


@source("Workshop › 11")
@EVENTS
@leaves_traces
@spends(2)
@pytest.mark.parametrize("kind", [PRE_INVOKE, SD_PRE_INVOKE])
def test_a_synchronous_event_is_never_tried_again(workshop, target, customer, observe, kind):
    inbox = customer.inbox(**{kind: EventReply(statuses=(500,))})
    user = EndUser(workshop, target, inbox)

    answer = user.draw()
    user.let_pass(20)

    assert answer.status < 500
    observe("W41", f"a call whose {kind} was answered 500", answer.status)
    assert len(inbox.events(kind)) == 1, f"{kind}, a synchronous event, was tried again"


@source("Workshop › 11", "Workshop › 12")
@EVENTS
@leaves_traces
@spends(2)
def test_an_event_that_is_never_taken_is_tried_sixteen_times_more(
    workshop, target, customer, observe
):
    refusing = EventReply(statuses=(500, 404, 503) * 10)
    inbox = customer.inbox(**dict.fromkeys((COMMIT, FINISHED), refusing))
    user = EndUser(workshop, target, inbox, rate=VERY_FAST)

    user.draw().expect_status(200)
    inbox.wait_for(FINISHED)
    user.let_pass(ALL_RETRIES + 8000)

    for kind in (COMMIT, FINISHED):
        events = inbox.events(kind)
        observe("W40", f"{kind} is tried again", len(events) > 1)
        assert len(events) in (1, 1 + RETRIES), f"{kind} was tried {len(events)} times"
        assert len({event.query["invokeId"] for event in events}) == 1
        bodies = {bool(event.body) for event in events}
        assert len(bodies) == 1, f"{kind} came with a body and without one"


@source("Workshop › 11", "Workshop › 12")
@EVENTS
@leaves_traces
@spends(2)
@pytest.mark.parametrize("status", [400, 500])
def test_an_event_that_is_taken_later_does_not_come_again(
    workshop, target, customer, observe, status
):
    inbox = customer.inbox(**{FINISHED: EventReply(statuses=(status,))})
    user = drawn(workshop, target, inbox)

    user.let_pass(60)

    tries = len(inbox.events(FINISHED))
    observe("W40", f"{FINISHED} is tried again after a {status}", tries > 1)
    assert tries in (1, 2), f"{FINISHED} was taken, and came {tries} times"


@source("Workshop › 11")
@EVENTS
@leaves_traces
@spends(2)
def test_any_status_of_success_ends_a_delivery(workshop, target, customer):
    inbox = customer.inbox(**{COMMIT: EventReply(statuses=(202,))})

    user = drawn(workshop, target, inbox)
    user.let_pass(20)

    assert len(inbox.events(COMMIT)) == 1, "an event that was answered 202 came again"


@source("Workshop › 11", "Workshop › 12")
@observes
@EVENTS
@spends(1)
def test_whether_calls_of_servers_fire_events(workshop, target, customer, observe):
    inbox = customer.inbox()
    account = target.another_account(eventsUrl=inbox.url, clock={"rate": FAST})
    server = workshop.using(account.workshop.auth())

    task = server.submit_txt2img(**a_drawing())["taskId"]
    server.wait_for(task, "succeeded")

    kinds = [event.kind for event in inbox.events()]
    observe("W42", "events of a call without a token", kinds)


@source("Workshop › 10", "Workshop › 12", "Workshop › 11")
@EVENTS
@leaves_traces
def test_what_tells_that_a_model_was_listed(workshop, target, customer, observe):
    inbox = customer.inbox()
    account = target.another_account(eventsUrl=inbox.url, clock={"rate": FAST * 10})
    server = workshop.using(account.workshop.auth())

    plain_success(server.ask("spSdModelSync", A_MODEL))

    event = inbox.wait_for(ANY)[0]
    observe("W38", "the event after a model sync", [event.kind, event.json])
