"""The wire protects the budget, repeats calls, and checks the shape of answers."""

from contextlib import suppress
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.answers import NoAnswer, Unmet
from contract_tests.clients import tams, workshop
from contract_tests.clients.wire import Wire
from contract_tests.clocks import WallClock
from contract_tests.current_test import CurrentTest
from contract_tests.money import Ledger
from contract_tests.openapi import OpenApiViolation
from contract_tests.outcomes import SuiteError
from contract_tests.pacing import OwnPacer
from contract_tests.redaction import SecretRedactor
from contract_tests.resources import ResourceLog, read_resources
from contract_tests.transcripts import Transcript

JOB = {"job": {"id": "1", "status": "CREATED", "credits": 0.3}}


class WireUnderTest:
    """A wire with a fake service and a fake clock."""

    def __init__(self, folder, *answers, spends="1"):
        self.waited: list[float] = []
        self.requests = []
        self._answers = list(answers)
        self.ledger = Ledger(folder / "ledger.jsonl", {"credits": Decimal(10)})
        self.transcript = Transcript(folder / "t.jsonl", "t-", SecretRedactor())
        self.made_path = folder / "made.jsonl"
        self.current_test = CurrentTest.of("a test", "tams", Decimal(spends))
        clock = WallClock(120, lambda: 0.0, lambda: sum(self.waited), self.waited.append)
        self.kept: list[httpx.Request] = []
        unpooled = httpx.Client(transport=httpx.MockTransport(self._answer))
        http = httpx.Client(
            transport=unpooled._transport, event_hooks={"request": [self.kept.append]}
        )
        self.wire = Wire(
            tams.RULES,
            "http://toy/base",
            http,
            unpooled=unpooled,
            clock=clock,
            pacer=OwnPacer(clock.elapsed, lambda _: None),
            ledger=self.ledger,
            transcript=self.transcript,
            resources=ResourceLog(self.made_path),
            current_test=lambda: self.current_test,
        )

    def _answer(self, request):
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body, *headers = answer
        return httpx.Response(status, json=body, headers=headers[0] if headers else None)

    def send(self, method, path, **options):
        try:
            return self.wire.send(method, path, auth=None, **options)
        finally:
            self.transcript.close()


def test_a_job_is_reserved_settled_and_registered(tmp_path):
    bench = WireUnderTest(tmp_path, (200, JOB))

    bench.send("POST", "/v1/jobs", json={})

    assert bench.ledger.spent("credits") == Decimal("0.3")
    assert [made.id for made in read_resources([bench.made_path])] == ["1"]


def test_a_refused_job_costs_nothing(tmp_path):
    bench = WireUnderTest(tmp_path, (400, {"code": 3, "message": "Params Valid"}))

    bench.send("POST", "/v1/jobs", json={})

    assert bench.ledger.spent("credits") == 0
    assert bench.current_test.allowance.taken == 0


@pytest.mark.parametrize(
    "answer", [httpx.ReadTimeout("slow"), (500, {"code": 13, "message": "broken"})]
)
def test_a_job_without_an_answer_counts_as_spent_and_is_not_sent_again(tmp_path, answer):
    bench = WireUnderTest(tmp_path, answer)

    with suppress(NoAnswer):
        bench.send("POST", "/v1/jobs", json={})

    assert bench.ledger.spent("credits") == 1
    assert len(bench.requests) == 1


@pytest.mark.parametrize(
    "path",
    ["/v1/jobs", "/v1//jobs", "/v1/jobs/", "/v1/./jobs", "/V1/Jobs", "/v1/job%73", "/v1/jobs?x=1",
     "/v1/job%2573", "/v1/jobs/workflow/template", "http://toy/base/v1/jobs"],
)  # fmt: skip
def test_a_call_that_costs_is_not_sent_without_a_declaration(tmp_path, path):
    bench = WireUnderTest(tmp_path, (200, JOB), spends="0")

    with pytest.raises(SuiteError, match="has no @spends"):
        bench.send("POST", path, json={})

    assert bench.requests == []


@pytest.mark.parametrize("path", ["/v1/jobs/credits", "/v1/jobs/workflow/params/check"])
def test_estimates_are_free(tmp_path, path):
    bench = WireUnderTest(tmp_path, (200, {"credits": 1}), spends="0")

    bench.send("POST", path, json={})

    assert len(bench.requests) == 1


@given(st.sampled_from(sorted(workshop.RULES.spending)), st.booleans())
def test_every_generation_of_the_workshop_costs(path, upper):
    wire = object.__new__(Wire)
    wire.rules = workshop.RULES

    assert wire.costs("post" if upper else "POST", f"https://h{path.upper() if upper else path}")


@pytest.mark.parametrize("status", [202, 429])
def test_a_call_is_repeated_when_the_vendor_asks_for_it(tmp_path, status):
    bench = WireUnderTest(tmp_path, (status, {}, {"Retry-After": "7"}), (200, {"credits": 1}))

    answer = bench.send("POST", "/v1/jobs/credits", content=b"{ }")

    assert answer.status == 200
    assert bench.waited == [7]
    assert [request.content for request in bench.requests] == [b"{ }", b"{ }"]


def test_an_overloaded_service_is_asked_again_only_by_free_calls(tmp_path):
    free = WireUnderTest(tmp_path, (503, {"code": 14}))
    free.send("GET", "/v1/jobs/1")
    dear = WireUnderTest(tmp_path, (503, {"code": 14}))
    dear.send("POST", "/v1/jobs", json={})

    assert len(free.requests) == 5
    assert len(dear.requests) == 1


@pytest.mark.parametrize(("path", "kept"), [("/v1/jobs", 0), ("/v1/jobs/credits", 1)])
def test_a_call_that_costs_has_its_own_connection(tmp_path, path, kept):
    bench = WireUnderTest(tmp_path, (200, {**JOB, "credits": 1}))

    bench.send("POST", path, json={})

    assert len(bench.requests) == 1
    assert len(bench.kept) == kept, "calls on a connection that may have been idle"


def test_a_free_call_without_an_answer_is_sent_once_more_on_a_new_connection(tmp_path):
    closed = httpx.RemoteProtocolError("Server disconnected without sending a response.")
    bench = WireUnderTest(tmp_path, closed, (200, {"credits": 1}))

    assert bench.send("POST", "/v1/jobs/credits", json={}, retried=False).status == 200
    assert (len(bench.requests), len(bench.kept)) == (2, 1)


@pytest.mark.parametrize(
    ("method", "path", "retried", "turned_away"),
    [("GET", "/v1/models/1", True, False), ("GET", "/v1/models/1", False, True),
     ("POST", "/v1/jobs", True, True)],
)  # fmt: skip
def test_what_a_busy_service_turned_away_is_counted_and_marked_unless_it_was_repeated(
    tmp_path, method, path, retried, turned_away
):
    bench = WireUnderTest(tmp_path, (503, {"code": 14, "message": "overload"}))

    bench.send(method, path, retried=retried)

    assert bench.current_test.turned_away is turned_away
    assert dict(bench.wire.busy) == {(503, f"{method} /base{path}"): len(bench.requests)}


def test_a_call_is_not_repeated_when_the_test_says_so(tmp_path):
    bench = WireUnderTest(tmp_path, (429, {}))

    assert bench.send("GET", "/v1/jobs/1", retried=False).status == 429
    assert len(bench.requests) == 1


def test_an_answer_that_is_not_as_described_is_a_violation(tmp_path):
    bench = WireUnderTest(tmp_path, (200, {"job": {"id": 1, "status": "CREATED"}}))

    with pytest.raises(OpenApiViolation, match=r"\$\.job\.id: 1 is not of type 'string'"):
        bench.send("GET", "/v1/jobs/1")


def test_undocumented_members_are_allowed(tmp_path):
    bench = WireUnderTest(
        tmp_path, (200, {"job": {"id": "1", "status": "CREATED", "new": 1}, "more": {}})
    )

    assert bench.send("GET", "/v1/jobs/1").json["job"]["new"] == 1


def test_a_missing_member_is_an_unmet_expectation(tmp_path):
    answer = WireUnderTest(tmp_path, (200, {"job": {"id": "1", "status": "CREATED"}})).send(
        "GET", "/v1/jobs/1"
    )

    with pytest.raises(Unmet, match=r"no member 'credits' .* it has: id, status"):
        answer.json["job"]["credits"]
    with pytest.raises(Unmet, match="answered 200, expected 404"):
        answer.expect(404)
