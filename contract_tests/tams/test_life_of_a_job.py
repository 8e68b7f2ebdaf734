"""A job from its creation to its end, as polls show it."""

from contract_tests.markers import needs, observes, source, spends
from contract_tests.tams.job_rules import expect_same_end
from contract_tests.tams.orders import a_small_order

PAIR = a_small_order(count=2, width=576)
SMALL = a_small_order()


@source("TAMS › 5.2", "TAMS › 7")
@observes
@spends(2)
def test_which_states_and_ranks_are_seen(recorded, observe):
    job = recorded(PAIR)

    observe("U27", "the states that were seen", list(dict.fromkeys(job.states)))
    observe("U29", "PENDING was shown", "PENDING" in job.states)
    ranks = [info.get("queueRank") for info in job.infos("waitingInfo")]
    observe("U28", "the ranks that were seen", ranks)


@source("TAMS › 7")
@spends(2)
def test_each_look_is_at_the_job_that_was_asked_for(recorded, tams):
    first, second = recorded(PAIR), recorded(SMALL)

    for job in (first, second):
        assert {look["id"] for look in job.looks} == {job.created["id"]}
    for job in (first, second, first):
        assert tams.job(job.created["id"])["id"] == job.created["id"]


@source("TAMS › 7", "TAMS › 5.2")
@spends(2)
def test_a_finished_job_stays_finished(recorded, tams, clock):
    job = recorded(PAIR)

    for pause in (0, 5, 7200):
        clock.let_pass(pause)
        expect_same_end(job.last, tams.job(job.created["id"]))


@source("TAMS › 7")
@observes
@spends(2)
def test_a_running_job_may_show_what_it_works_at(recorded, observe):
    job = recorded(PAIR)

    infos = job.infos("runningInfo")
    members = sorted({name for info in infos for name in info})
    observe("U55", "stages in runningInfo", "stages" in members)
    shown = [image for info in infos for image in info.get("processingImages") or []]
    observe("U53", "members of pictures in the making", sorted({n for i in shown for n in i}))
    observe("U53", "members of a job when it is created", sorted(job.created))
    assert all(isinstance(info, dict) for info in infos)


@source("TAMS › 5.2", "TAMS › 4")
def test_an_unknown_job_is_not_found(tams):
    body = tams.call("GET", "/v1/jobs/1").expect(404)

    assert "job not found" in body["message"]


@source("TAMS › 5.2", "TAMS › 14")
@needs("accounts")
@spends(1)
def test_the_job_of_another_account_is_not_shown(tams, target, recorded, observe):
    job = recorded(SMALL)
    stranger = tams.using(target.another_account().tams.auth())

    answer = stranger.call("GET", f"/v1/jobs/{job.created['id']}")

    answer.expect_status(403, 404)
    observe("U9", "a look at another app's job", [answer.status, answer.json])
