"""Good signatures, in all ways in which clients make them."""

import itertools
import json

import pytest

from contract_tests.markers import observes, source
from contract_tests.signing import FORM, SIGNED_HEADERS, WorkshopSignature
from contract_tests.workshop.gateways import A_QUESTION, QUERY, accepted, ask_gateway, verdict
from contract_tests.workshop.signers import WorkshopSigner, digest_of, milliseconds_ago

CAPITALS = ("X-Ca-Key", "X-Ca-Nonce", "X-Ca-Signature-Method", "X-Ca-Timestamp")
ORDERS = [
    ("x-ca-timestamp", "x-ca-key", "x-ca-nonce", "x-ca-signature-method"),  # two of the SDKs
    tuple(reversed(SIGNED_HEADERS)),
    *itertools.islice(itertools.permutations(SIGNED_HEADERS), 5, 20, 9),
]
SPELLINGS = {
    "X-Ca-…": ",".join(CAPITALS),
    "lower case": ",".join(SIGNED_HEADERS),
    "capitals": ",".join(SIGNED_HEADERS).upper(),
    "both in one list": "X-Ca-Timestamp,x-ca-key,X-CA-NONCE,x-ca-signature-method",
    "blanks after commas": ", ".join(SIGNED_HEADERS),
    "few": "x-ca-key",
}
QUERIES = [
    "b=2&a=1",
    "b=2&a=&c=3",
    "a",
    "b=2&a=1&b=3",
    "tenant=%E5%8D%8E%E4%B8%9C+1&b=%2B%26%3D",
    "B=1&a=2&C=3",
    "a=1;b=2",
]
DATES = ["Thu, 15 Jan 2026 08:00:00 GMT+00:00", "Thu, 15 Jan 2026 08:00:00 GMT"]
MEDIA_TYPES = [
    "application/json",
    "application/json; charset=utf-8",
    "application/json; charset=UTF-8",
    "application/octet-stream; charset=utf-8",
]


@source("Workshop › 3.1", "Workshop › 3.2", "Workshop › 3")
@pytest.mark.parametrize("algorithm", ["HmacSHA256", "HmacSHA1"])
def test_both_algorithms_are_good(workshop, app, algorithm):
    auth = WorkshopSignature(app.app_key, app.app_secret, algorithm=algorithm)

    accepted(ask_gateway(workshop, auth))


@source("Workshop › 3.1")
def test_the_algorithm_is_hmacsha256_where_none_is_named(workshop, app):
    names = "x-ca-key,x-ca-nonce,x-ca-timestamp"
    headers = {"x-ca-signature-method": None, "x-ca-signature-headers": names}

    accepted(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))


@source("Workshop › 3.2", "Workshop › 3.1")
@pytest.mark.parametrize("names", ORDERS, ids=",".join)
def test_the_list_of_signed_headers_may_have_any_order(workshop, app, names):
    auth = WorkshopSignature(app.app_key, app.app_secret, signed=names)

    accepted(ask_gateway(workshop, auth))


@source("Workshop › 3.2", "Workshop › 3.1")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_names_are_signed_as_they_are_spelled_in_the_list(workshop, app, spelling):
    headers = {"x-ca-signature-headers": SPELLINGS[spelling]}

    accepted(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))


@source("Workshop › 3.2")
@pytest.mark.parametrize("value", [None, ""], ids=["absent", "empty"])
def test_a_signed_header_without_a_value_is_a_line_with_its_name(workshop, app, value):
    headers = {"x-ca-signature-headers": "x-ca-key,x-ca-timestamp,x-custom", "x-custom": value}

    accepted(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))


@source("Workshop › 3.2", "Workshop › 12")
def test_which_spelling_counts_where_the_list_differs_from_the_headers(workshop, app, observe):
    listed = {"x-ca-signature-headers": ",".join(CAPITALS)}

    def as_sent(text):
        return text.replace("X-Ca-", "x-ca-").replace("-K", "-k").replace("-N", "-n")

    good = accepted(ask_gateway(workshop, WorkshopSigner(app, headers=listed)))
    other = ask_gateway(workshop, WorkshopSigner(app, headers=listed, text=as_sent))
    observe("W44", "names spelled as in the list", verdict(good))
    observe("W44", "names spelled as they were sent", verdict(other))


@source("Workshop › 3.2")
@pytest.mark.parametrize("part", ["accept", "content-type", "content-md5", "date"])
def test_an_empty_part_keeps_its_line(workshop, app, part):
    body = json.dumps(A_QUESTION).encode()
    whole = {"date": DATES[0], "content-md5": digest_of(body), "content-type": "application/json"}

    auth = WorkshopSigner(app, headers={**whole, part: None})

    accepted(workshop.call("POST", QUERY, content=body, auth=auth))


@source("Workshop › 3.1")
@pytest.mark.parametrize("date", DATES)
def test_a_date_is_signed_as_it_is_written(workshop, app, date):
    accepted(ask_gateway(workshop, WorkshopSigner(app, headers={"date": date})))


@source("Workshop › 2", "Workshop › 3.1")
@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_content_type_is_signed_as_it_is_written(workshop, app, media_type):
    auth = WorkshopSigner(app, headers={"content-type": media_type})

    accepted(ask_gateway(workshop, auth))


@source("Workshop › 3.1")
@pytest.mark.parametrize(
    "accept", ["*/*", "application/json; charset=utf-8", "text/html, */*;q=0.8"]
)
def test_what_is_accepted_is_signed_as_it_is_written(workshop, app, accept):
    accepted(ask_gateway(workshop, WorkshopSigner(app, headers={"accept": accept})))


@source("Workshop › 3.2")
@pytest.mark.parametrize("query", QUERIES)
def test_query_parameters_are_signed_decoded_and_in_order(workshop, app, query):
    accepted(ask_gateway(workshop, WorkshopSigner(app), target=f"{QUERY}?{query}"))


@source("Workshop › 3.2")
@pytest.mark.parametrize("query", ["", "?z=1", "?b=9&apiToken=first"])
def test_form_parameters_are_signed_with_those_of_the_query(workshop, app, query):
    form = "apiToken=01j0000000&b=2&a=&b=3&name=a+b%2Fc"
    headers = {"content-type": f"{FORM}; charset=utf-8"}

    answer = ask_gateway(
        workshop, WorkshopSigner(app, headers=headers), target=QUERY + query, content=form
    )

    # The service may still refuse a form.
    message = answer.headers.get("X-Ca-Error-Message", "")
    assert "StringToSign" not in message, f"the signature of a form was refused: {message}"
    assert answer.status < 500


@source("Workshop › 3.3", "Workshop › 3.1")
@pytest.mark.parametrize("digested", [True, False], ids=["digested", "without Content-MD5"])
def test_a_body_may_come_with_or_without_its_digest(workshop, app, digested):
    auth = WorkshopSignature(app.app_key, app.app_secret, digested=digested)

    accepted(ask_gateway(workshop, auth))


@source("Workshop › 3.1")
def test_the_stage_release_may_be_sent_and_signed(workshop, app):
    names = "x-ca-key,x-ca-nonce,x-ca-stage,x-ca-timestamp"  # as one of the SDKs does
    headers = {
        "x-ca-stage": "RELEASE", "x-ca-signature-headers": names, "x-ca-signature-method": None
    }  # fmt: skip

    accepted(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))


@source("Workshop › 3.1")
def test_a_timestamp_is_no_condition(workshop, app):
    headers = {"x-ca-timestamp": None, "x-ca-signature-headers": "x-ca-key,x-ca-nonce"}

    accepted(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))


@source("Workshop › 3.1")
def test_a_timestamp_of_fourteen_minutes_ago_is_still_good(workshop, app):
    headers = {"x-ca-timestamp": milliseconds_ago(14 * 60)}

    accepted(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))


@source("Workshop › 3.1", "Workshop › 3.4")
def test_a_header_that_is_not_signed_may_be_anything(workshop, app):
    headers = {"X-SP-RESOURCE-CONFIG-ID": "default", "x-something": "else"}

    accepted(ask_gateway(workshop, WorkshopSigner(app), headers=headers))


@source("Workshop › 3.1", "Workshop › 12")
@observes
def test_whether_a_nonce_and_a_timestamp_are_necessary(workshop, app, observe):
    for absent, rest in (("nonce", "timestamp"), ("timestamp", "nonce")):
        signed = f"x-ca-key,x-ca-{rest}"
        headers = {f"x-ca-{absent}": None, "x-ca-signature-headers": signed}

        answer = ask_gateway(workshop, WorkshopSigner(app, headers=headers))

        assert answer.status < 500
        observe("W24", f"a call without a {absent}", verdict(answer))


@source("Workshop › 3.2", "Workshop › 12")
@observes
def test_which_headers_count_as_signed_without_a_list(workshop, app, observe):
    absent = {"x-ca-signature-headers": None}

    def with_key(text):
        head, _, tail = text.rpartition("\n")
        return f"{head}\nx-ca-key:{app.app_key}\n{tail}"

    for what, text in (("no header at all", None), ("x-ca-key alone", with_key)):
        answer = ask_gateway(workshop, WorkshopSigner(app, headers=absent, text=text))
        assert answer.status < 500
        observe("W25", f"a signature over {what}", verdict(answer))
