"""Generated requests to operations that cost nothing."""

import json

from hypothesis import strategies as st

from contract_tests.markers import observes, source
from contract_tests.tams.bodies import damaged, good_stages, spelled
from contract_tests.tams.graphs import TEMPLATE, a_graph, filled_in
from contract_tests.tams.orders import small_stages
from contract_tests.tams.refusals import expect_no_crash

PRICE = "/v1/jobs/credits"
PICTURE = "f29036b4-ff7b-4394-8c26-aabc1bdae008"  # a resource that the demos use
FILLED = {"templateId": TEMPLATE, "fields": {"fieldAttrs": filled_in(PICTURE)}}


def as_bytes(body):
    """Return JSON as bytes; lone surrogates are escaped."""
    return json.dumps(body).encode()


def expect_order(body, answer):
    expect_no_crash(answer)


@source("TAMS › 2.3", "TAMS › 2.4", "TAMS › 2.5")
def test_however_an_order_is_spelled_its_price_is_the_same(tams, fuzz):
    pairs = good_stages().flatmap(
        lambda stages: st.tuples(st.just({"stages": stages}), spelled({"stages": stages}))
    )

    def ask(pair):
        return [tams.call("POST", PRICE, content=as_bytes(body)) for body in pair]

    def judge(pair, answers):
        plain, other = (answer.expect(200)["credits"] for answer in answers)
        assert plain == other

    fuzz.check(pairs, ask, judge, calls_each=2)


@source("TAMS › 5.4", "TAMS › 10")
def test_every_order_within_the_ranges_has_a_price(tams, fuzz):
    def judge(stages, answer):
        assert answer.expect(200)["credits"] > 0

    fuzz.check(
        good_stages(),
        lambda stages: tams.call("POST", PRICE, content=as_bytes({"stages": stages})),
        judge,
    )


@source("TAMS › 5.4", "TAMS › 4")
@observes
def test_a_damaged_order_never_causes_a_server_error(tams, fuzz, observe):
    answers = fuzz.check(
        damaged({"stages": small_stages()}),
        lambda body: tams.call("POST", PRICE, content=as_bytes(body)),
        expect_order,
    )

    observe("U57", "a damaged order", sorted({answer.status for answer in answers}))


@source("TAMS › 5.4", "TAMS › 4")
@observes
def test_random_bytes_never_cause_a_server_error(tams, fuzz, observe):
    good = as_bytes({"stages": small_stages()})
    cut = st.tuples(st.integers(0, len(good)), st.binary(max_size=8)).map(
        lambda cut: good[: cut[0]] + cut[1] + good[cut[0] + len(cut[1]) :]
    )

    answers = fuzz.check(
        st.binary(max_size=64) | cut,
        lambda content: tams.call("POST", PRICE, content=content),
        expect_order,
    )

    observe("U57", "random bytes", sorted({answer.status for answer in answers}))


@source("TAMS › 5.11", "TAMS › 4")
@observes
def test_the_terms_of_an_upload_never_cause_a_server_error(tams, fuzz, observe):
    answers = fuzz.check(
        damaged({"expireSec": 3600, "term": 1}),
        lambda body: tams.call("POST", "/v1/resource/image", content=as_bytes(body)),
        expect_order,
    )

    observe("U57", "the terms of an upload", sorted({answer.status for answer in answers}))


@source("TAMS › 5.6", "TAMS › 4")
@observes
def test_a_damaged_graph_never_causes_a_server_error(tams, fuzz, observe):
    answers = fuzz.check(
        damaged({"params": a_graph()}),
        lambda body: tams.call("POST", "/v1/jobs/workflow/params/check", content=as_bytes(body)),
        expect_order,
    )

    observe("U57", "a damaged graph", sorted({answer.status for answer in answers}))


@source("TAMS › 5.8", "TAMS › 4")
@observes
def test_a_damaged_template_never_causes_a_server_error(tams, fuzz, observe):
    def judge(body, answer):
        # The status for a missing field is not published; 500 is usual.
        if answer.status != 500 or answer.json.get("code") != 2:
            expect_no_crash(answer)

    answers = fuzz.check(
        damaged(FILLED),
        lambda body: tams.call("POST", "/v1/workflows/template/check", content=as_bytes(body)),
        judge,
    )

    observe("U57", "a damaged template", sorted({answer.status for answer in answers}))
