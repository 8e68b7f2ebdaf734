"""The rate limit of five calls a second.

A burst is sent from several threads, so that latency does not slow it down.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from contract_tests import wall
from contract_tests.answers import Unmet
from contract_tests.clients.tams_answers import expect_refusal
from contract_tests.markers import destructive, observes, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.tams.orders import MODEL, a_small_order
from contract_tests.tams.pictures import a_picture

LIMIT = 5  # calls a second, unless the vendor raised it
BURST = 12  # more than twice the limit, so that two seconds of a fixed window are not enough
QUIET = 2.0  # seconds after which earlier calls do not count any more
SHORT = 1.0  # seconds that a burst may take
ATTEMPTS = 3  # a burst may take longer than a second on a slow computer


def call(tams):
    return tams.call("GET", f"/v1/models/{MODEL}", paced=False, retried=False)


def burst(number, make):
    with ThreadPoolExecutor(number) as threads:
        return [answer.result() for answer in [threads.submit(make) for _ in range(number)]]


def crowded_second(tams, clock):
    """Return the answers of a burst above the limit."""
    for _ in range(ATTEMPTS):
        clock.let_pass(QUIET)
        answers = burst(BURST, lambda: call(tams))
        statuses = Counter(answer.status for answer in answers)
        if statuses[429] and statuses[200] >= LIMIT:
            return answers
    raise Unmet(
        f"{BURST} calls at once were answered {dict(statuses)}; expected {LIMIT} or more times "
        "200, and 429 for the rest"
    )


@source("TAMS › 11", "TAMS › 4")
@destructive
def test_five_calls_of_a_second_are_accepted_and_others_are_a_429(tams, clock, observe):
    answers = crowded_second(tams, clock)

    assert {answer.status for answer in answers} == {200, 429}
    refusal = next(answer for answer in answers if answer.status == 429)
    expect_refusal(refusal)
    observe("U10", "the body of a 429", refusal.json)
    observe("U10", "Retry-After of a 429", refusal.headers.get("retry-after"))
    observe("U10", f"accepted of {BURST} at once", sum(a.status == 200 for a in answers))


@source("TAMS › 11", "TAMS › 4")
@destructive
def test_the_sixth_call_of_a_second_is_a_429(tams, clock):
    seen = []
    for _ in range(2 * ATTEMPTS):
        clock.let_pass(QUIET)
        begin = wall.elapsed()
        statuses = Counter(answer.status for answer in burst(LIMIT + 1, lambda: call(tams)))
        if wall.elapsed() - begin < SHORT:  # else the first call may not count any more
            seen.append(dict(statuses))
        if statuses == {200: LIMIT, 429: 1}:
            return
    if not seen:
        raise OnlyObserved(f"{LIMIT + 1} calls took longer than {SHORT} s each time")
    raise Unmet(f"{LIMIT + 1} calls of a second were answered {seen}, expected one 429 each time")


@source("TAMS › 11")
@destructive
def test_after_a_quiet_second_calls_are_accepted_again(tams, clock):
    crowded_second(tams, clock)

    clock.let_pass(QUIET)

    if (status := call(tams).status) != 200:
        raise Unmet(f"{QUIET:g} s after a 429 a call was answered {status}, expected 200")


@source("TAMS › 11")
@observes
@destructive
def test_whether_refused_calls_count(tams, clock, observe):
    crowded_second(tams, clock)

    clock.let_pass(0.6)
    observe("U10", "a call 0.6 s after a burst", call(tams).status)
    other = tams.call("GET", "/v1/workflows/1", paced=False, retried=False).status
    observe("U10", "a call of another operation at that moment", other)


@source("TAMS › 9", "TAMS › 11")
@destructive
def test_uploads_do_not_count_as_calls(tams, clock):
    uploads = [tams.reserve_upload(term=1) for _ in range(BURST)]
    picture = a_picture(64)
    clock.let_pass(QUIET)

    puts = iter(uploads)
    answers = burst(BURST, lambda: tams.put(next(puts), picture, retried=False))

    assert 429 not in {answer.status for answer in answers}


@source("TAMS › 9", "TAMS › 11")
@destructive
@spends(2)
def test_downloads_do_not_count_as_calls(tams, clock):
    job = tams.wait_for(tams.submit_job(a_small_order()), "SUCCESS")
    url = job["successInfo"]["images"][0]["url"]
    clock.let_pass(QUIET)

    answers = burst(BURST, lambda: tams.download(url))

    assert {answer.status for answer in answers} == {200}
    assert call(tams).status == 200
