"""Notifications: how many are sent, when, and their content (`TAMS › 8`).

Only their URL is documented. Two clients expect a POST of JSON with the job and its state, and so
do these tests; the rest is observed.
"""

from contract_tests.answers import Unmet
from contract_tests.clients.tams import TERMINAL, a_request_id
from contract_tests.markers import needs, observes, source, spends
from contract_tests.outcomes import OnlyObserved, Unsupported
from contract_tests.receiver import MAX_WAIT
from contract_tests.tams.chains import UNKNOWN_IMAGE, a_start, sampled
from contract_tests.tams.graphs import a_graph
from contract_tests.tams.orders import a_small_order

PATIENCE = 12  # seconds for notifications that should not come


def _told(notification):
    """Return the id of the job that a notification names, and its state."""
    body = notification.json
    if not isinstance(body, dict):
        raise Unmet(f"a notification is not a JSON object: {notification.body[:300]!r}")
    job = body.get("job") or body
    return str(job.get("jobId") or job.get("id")), job.get("status")


def _ends(notifications):
    """Return the notifications of an end."""
    return [notification for notification in notifications if _told(notification)[1] in TERMINAL]


def _wait_for_an_end(inbox, clock, within=MAX_WAIT):
    """Wait for the notification of an end; raises `OnlyObserved` if nothing comes at all."""
    try:
        inbox.wait_for(clock, lambda came: bool(_ends(came)), within)
    except Unmet:
        if inbox.notifications():
            raise
        raise OnlyObserved("this host sends no notification (U36, U37)") from None


def _told_once(inbox, clock, job):
    """Return the one notification of a job's end; raises `Unmet` if there are more."""
    _wait_for_an_end(inbox, clock)
    clock.let_pass(PATIENCE)
    notifications = inbox.notifications()
    for notification in notifications:
        assert _told(notification)[0] == job["id"], "a notification names another job"
    ends = _ends(notifications)
    assert len(ends) == 1, f"{len(ends)} notifications of one end came, expected one"
    return ends[0]


@source("TAMS › 8", "TAMS › 5.1")
@needs("callbacks")
@spends(1)
def test_the_end_of_a_job_is_notified_once(tams, clock, receiver, observe):
    inbox = receiver.inbox()
    job = tams.wait_for(tams.submit_job({**a_small_order(), "notifyUrl": inbox.url}), "SUCCESS")

    notification = _told_once(inbox, clock, job)

    assert _told(notification) == (job["id"], "SUCCESS")
    headers = {name.lower(): value for name, value in notification.headers}
    observe("U36", "method, path and headers", [notification.method, notification.path, headers])
    observe("U36", "the body", notification.json)
    observe("U37", "states that were notified", [_told(each)[1] for each in inbox.notifications()])


@source("TAMS › 8", "TAMS › 7")
@needs("callbacks")
@spends(1)
def test_a_notification_never_runs_ahead_of_the_job(tams, clock, receiver):
    inbox = receiver.inbox()
    job = tams.submit_job({**a_small_order(), "notifyUrl": inbox.url})

    _wait_for_an_end(inbox, clock, within=600)

    assert tams.job(job["id"])["status"] == _told(_ends(inbox.notifications())[0])[1]


@source("TAMS › 8", "TAMS › 7")
@needs("callbacks")
@spends(1)
def test_the_failure_of_a_job_is_notified_once(tams, clock, receiver, observe):
    inbox = receiver.inbox()
    stages = [a_start(UNKNOWN_IMAGE), sampled(denoisingStrength=0.5)]
    order = {"requestId": a_request_id(), "stages": stages, "notifyUrl": inbox.url}
    answer = tams.call("POST", "/v1/jobs", json=order)
    if 400 <= answer.status < 500:
        observe("U25", "refused at its creation", answer.status)
        raise OnlyObserved("a job without its image is refused at its creation")
    job = tams.wait_for(answer.expect(200)["job"], "FAILED")

    notification = _told_once(inbox, clock, job)

    assert _told(notification) == (job["id"], "FAILED")
    observe("U36", "the body for a failure", notification.json)


@source("TAMS › 8", "TAMS › 5.3")
@needs("callbacks")
@spends(1)
def test_the_notification_of_a_cancelled_job_is_observed(tams, clock, receiver, observe):
    inbox = receiver.inbox()
    job = tams.submit_job({**a_small_order(), "notifyUrl": inbox.url})

    tams.cancel(job)
    clock.let_pass(PATIENCE)

    told = [_told(notification) for notification in inbox.notifications()]
    observe("U37", "what is notified of a cancelled job", [state for _, state in told])
    assert tams.job(job["id"])["status"] == "CANCELED"
    assert len(_ends(inbox.notifications())) <= 1, "more than one notification of one end"


@source("TAMS › 8", "TAMS › 14")
@observes
@needs("callbacks")
@spends(1)
def test_what_follows_a_refused_notification_is_observed(tams, clock, receiver, observe):
    inbox = receiver.inbox(500, 500)
    job = tams.wait_for(tams.submit_job({**a_small_order(), "notifyUrl": inbox.url}), "SUCCESS")
    clock.let_pass(PATIENCE)

    observe("U37", f"tries within {PATIENCE} s if two are refused", len(inbox.notifications()))
    assert tams.job(job["id"])["status"] == "SUCCESS"


@source("TAMS › 8", "TAMS › 5.5")
@needs("callbacks")
@spends(2)
def test_the_progress_of_a_graph_is_notified_as_it_may(tams, clock, receiver, observe):
    inbox = receiver.inbox()

    job = tams.wait_for(tams.submit_workflow(a_graph(), runningNotifyUrl=inbox.url), "SUCCESS")
    clock.let_pass(5)

    notifications = inbox.notifications()
    observe(
        "U38",
        "calls to runningNotifyUrl",
        [_told(notification)[1] for notification in notifications],
    )
    observe(
        "U38",
        "the first of them",
        [notifications[0].method, notifications[0].json] if notifications else None,
    )
    for notification in notifications:
        assert _told(notification)[0] == job["id"], "a notification names another job"


@source("TAMS › 8", "TAMS › 5.5")
@needs("callbacks")
@spends(2)
def test_an_unreachable_receiver_does_not_stop_the_job(tams):
    job = tams.submit_workflow(a_graph(), runningNotifyUrl="http://127.0.0.1:9/unreachable")

    assert tams.wait_for(job)["status"] == "SUCCESS"


@source("TAMS › 8")
@needs("callbacks")
@spends(1)
def test_a_job_with_a_callback_url_succeeds(tams, target, observe):
    if target.callback_url is None:
        raise Unsupported("no --callback-url was given")

    job = tams.submit_job({**a_small_order(), "notifyUrl": target.callback_url})

    assert tams.wait_for(job, "SUCCESS")["status"] == "SUCCESS"
    observe("U36", "what came for this job is in your receiver", job["id"])
