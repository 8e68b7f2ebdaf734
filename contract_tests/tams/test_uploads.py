"""Uploads: reservations, PUTs, and jobs that use uploaded pictures."""

import re
from urllib.parse import urlsplit

import pytest

from contract_tests.answers import Unmet, expect_one_of
from contract_tests.markers import needs, observes, slow, source, spends
from contract_tests.tams.orders import SIDE, a_small_order
from contract_tests.tams.pictures import FORMATS, a_picture
from contract_tests.tams.refusals import refused

RESERVE = "/v1/resource/image"
STORED = (200, 201, 203)  # 203 means that the callback of the store failed
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
GOOD = (
    {"expireSec": "3600", "term": 1},  # what the vendor's SDK sends
    {"term": 1},
    {"expireSec": 600, "term": 2},
    {"expire_sec": 3600, "term": "1"},
    {"term": 1, "fileName": "kite.png"},
)


def _drawn_over(resource):
    """Return the order of a picture over another one."""
    return a_small_order(start={"imageResourceId": resource}, denoisingStrength=0.5)


def _named(members):
    return ", ".join(f"{name} {value}" for name, value in members.items()) or "nothing"


@source("TAMS › 5.11", "TAMS › 2.10", "TAMS › 9")
@pytest.mark.parametrize("members", GOOD, ids=_named)
def test_a_reserved_upload_has_an_id_an_address_and_headers(tams, members):
    body = tams.call("POST", RESERVE, json=members).expect(200)

    assert UUID.fullmatch(body["resourceId"]), "the resource's id is not a UUID"
    parts = urlsplit(body["putUrl"])
    assert parts.scheme in ("https", "http")
    assert parts.hostname
    assert all(isinstance(value, str) for value in body["headers"].values()), "headers are texts"


@source("TAMS › 5.11")
def test_every_upload_has_a_different_id_and_address(tams):
    uploads = [tams.reserve_upload(term=1) for _ in range(3)]

    assert len({upload.id for upload in uploads}) == 3, "ids of uploads differ"
    assert len({upload.put_url for upload in uploads}) == 3, "addresses of uploads differ"


@source("TAMS › 9")
def test_upload_headers_are_not_those_that_client_libraries_set(tams):
    # A Java client refuses to set these.
    forbidden = {"host", "content-length", "connection", "transfer-encoding"}

    assert not forbidden & {name.lower() for name in tams.reserve_upload(term=1).headers}


@source("TAMS › 5.11")
@observes
@pytest.mark.parametrize(
    "members",
    [
        {}, {"expireSec": 3600}, {"term": 0}, {"term": 3}, {"term": -1}, {"term": None},
        {"term": 1, "expireSec": 0}, {"term": 1, "expireSec": -1}, {"term": 1, "expireSec": 1},
        {"term": 1, "expireSec": 10**9}, {"term": 1, "expireSec": str(2**63 - 1)},
        {"term": 1, "expireSec": "undefined"}, {"term": 1, "expireSec": None},
        {"term": 1, "expireSec": 1.5},
    ],
    ids=_named,
)  # fmt: skip
def test_odd_terms_are_taken_or_refused(tams, members, observe):
    answer = tams.call("POST", RESERVE, json=members)

    if answer.status != 200:
        refused(answer, 400)
    observe(
        "U46" if members.get("term") != 1 else "U45", f"an upload with {members}", answer.status
    )


@source("TAMS › 5.11", "TAMS › 4")
@pytest.mark.parametrize(
    "members", [{"term": "long"}, {"term": [1]}, {"expireSec": {}}], ids=["word", "list", "object"]
)
def test_terms_of_a_wrong_kind_are_refused(tams, members):
    refused(tams.call("POST", RESERVE, json=members))


@source("TAMS › 9")
@pytest.mark.parametrize("form", FORMATS)
def test_bytes_are_put_without_any_credentials(tams, form, observe):
    upload = tams.reserve_upload(term=1)
    answer = tams.put(upload, a_picture(64, form))

    answer.expect_status(*STORED)
    observe("U48", "the answer to a PUT", [answer.status, answer.text[:200]])
    observe("U48", "headers that come with an upload URL", sorted(upload.headers))


@source("TAMS › 9")
def test_a_content_type_that_the_client_adds_does_no_harm(tams):
    upload = tams.reserve_upload(term=1)
    has_one = any(name.lower() == "content-type" for name in upload.headers)

    answer = tams.put(
        upload, a_picture(64), headers={} if has_one else {"Content-Type": "image/png"}
    )

    answer.expect_status(*STORED)


@source("TAMS › 9")
@observes
@pytest.mark.parametrize("content_type", [None, "application/octet-stream"])
def test_what_a_put_with_another_content_type_gets(tams, content_type, observe):
    upload = tams.reserve_upload(term=1)
    headers = {k: v for k, v in upload.headers.items() if k.lower() != "content-type"}
    if content_type is not None:
        headers["Content-Type"] = content_type

    answer = tams.wire.send(
        "PUT", upload.put_url, auth=None, content=a_picture(64), headers=headers
    )

    expect_one_of(answer.status, (*STORED, 400, 403), "the status")
    observe("U48", f"a PUT with the type {content_type}", answer.status)


@source("TAMS › 9", "TAMS › 5.11")
@slow
@spends(1)
def test_an_upload_that_expired_takes_nothing(tams, clock, observe):
    early, in_time, late = (tams.reserve_upload(expireSec=60, term=1) for _ in range(3))

    tams.put(early, a_picture(64)).expect_status(*STORED)
    clock.let_pass(50)
    tams.put(in_time, a_picture(64)).expect_status(*STORED)
    clock.let_pass(20)
    answer = tams.put(late, a_picture(SIDE))

    if not 400 <= answer.status < 500:
        raise Unmet(f"a PUT to an upload that expired answered {answer.status}, expected a refusal")
    observe("U47", "a PUT after the upload expired", [answer.status, answer.text[:300]])
    order = {"requestId": f"late-{late.id}", **_drawn_over(late.id)}
    answer = tams.call("POST", "/v1/jobs", json=order)
    if answer.status == 200:
        ended = tams.wait_for(answer.json["job"])["status"]
        assert ended == "FAILED", "the bytes of a refused PUT are used"


@source("TAMS › 9", "TAMS › 5.11")
@needs("clock")
@pytest.mark.parametrize("seconds", [600, 3600, 86400])
def test_an_upload_takes_bytes_until_its_url_expires(tams, clock, seconds):
    upload = tams.reserve_upload(expireSec=seconds, term=1)

    clock.let_pass(seconds - 30)

    tams.put(upload, a_picture(64)).expect_status(*STORED)


@source("TAMS › 9")
@needs("clock")
@spends(1)
@pytest.mark.parametrize(("term", "days"), [(1, 2), (1, 6.9), (2, 8), (2, 400)])
def test_a_resource_is_kept_for_its_term(tams, clock, term, days):
    order = _drawn_over(tams.upload(a_picture(SIDE), term=term))

    clock.let_pass(days * 86400)

    job = tams.wait_for(tams.submit_job(order))
    assert job["status"] == "SUCCESS", f"a resource of term {term} is gone after {days} days"


@source("TAMS › 9")
@observes
@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("nothing", b""),
        ("a text", b"this is not a picture"),
        ("half of a picture", a_picture(64)[:60]),
        ("4 MB", a_picture(64) + b"\0" * 4_000_000),
    ],
    ids=["nothing", "text", "half", "large"],
)
def test_bytes_that_are_not_a_picture_are_stored_or_refused(tams, what, data, observe):
    answer = tams.put(tams.reserve_upload(term=1), data)

    expect_one_of(answer.status, (*STORED, 400, 403, 411, 413), f"the status of a PUT of {what}")
    observe("U47", f"a PUT of {what}", answer.status)


@source("TAMS › 9")
@observes
def test_what_a_second_put_gets(tams, observe):
    upload = tams.reserve_upload(term=1)
    tams.put(upload, a_picture(64)).expect_status(*STORED)

    answer = tams.put(upload, a_picture(128))

    expect_one_of(answer.status, (*STORED, 400, 403, 409, 412), "the status of a second PUT")
    observe("U47", "a second PUT", answer.status)


@source("TAMS › 9")
@spends(2)
@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_that_was_put_can_be_drawn_over(tams, form):
    resource = tams.upload(a_picture(SIDE, form), expireSec=3600, term=1)
    order = _drawn_over(resource)

    job = tams.wait_for(tams.submit_job(order), "SUCCESS")

    assert len(job["successInfo"]["images"]) == 1


@source("TAMS › 9", "TAMS › 3.3")
@observes
@spends(2)
def test_a_job_ordered_before_its_picture_was_put_ends_or_is_refused(tams, observe):
    # A demo does this by mistake: it does not wait for its upload.
    upload = tams.reserve_upload(expireSec=3600, term=1)
    order = _drawn_over(upload.id)

    answer = tams.call("POST", "/v1/jobs", json={"requestId": f"early-{upload.id}", **order})
    tams.put(upload, a_picture(SIDE)).expect_status(*STORED)

    if answer.status == 200:
        found = tams.wait_for(answer.json["job"])["status"]
    else:
        found = refused(answer, 400)["message"]
    observe("U25", "a job ordered before its picture was put", found)


@source("TAMS › 5.4")
@observes
def test_what_a_picture_that_is_not_there_costs(tams, observe):
    order = a_small_order(start={"imageResourceId": "00000000-0000-4000-8000-00000000ffff"})

    answer = tams.call("POST", "/v1/jobs/credits", json=order)

    if answer.status != 200:
        refused(answer)
    observe("U25", "the price of drawing over a picture that is not there", answer.status)
