"""Reading request bodies as the vendor's clients send them, and the error messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from mock_server.core.errors import Invalid, Malformed
from mock_server.tests.work import calls_of
from mock_server.workshop.models import SyncModel
from mock_server.workshop.sd_tasks import ImageToImage
from mock_server.workshop.session_operations import CreateSession
from mock_server.workshop.token_operations import AllocateToken
from mock_server.workshop.wire import (
    MAX_CHARACTERS,
    MAX_ITEMS,
    CamelBody,
    Whole,
    WorkshopBody,
    parse,
    parse_query,
)


class InnerBody(CamelBody):
    some_text: str = "plain"
    count: Whole = 7


class OuterBody(CamelBody):
    inner: InnerBody = InnerBody()
    inners: tuple[InnerBody, ...] = Field((), strict=False)
    free: dict[str, Any] = Field(default_factory=dict)
    ratio: float = 1.5


def problem(kind: type[WorkshopBody], raw: bytes | str, **options: Any) -> str:
    with pytest.raises(Invalid) as caught:
        parse(kind, raw.encode() if isinstance(raw, str) else raw, **options)
    error = caught.value
    return error.problem if isinstance(error, Malformed) else f"{error.field} {error.problem}"


def refused(read: Callable[..., Any], *args: Any, **options: Any) -> Invalid | None:
    """Return the error of reading a body, or None; no other exception may be raised."""
    try:
        read(*args, **options)
    except Invalid as error:
        return error
    return None


@pytest.mark.parametrize("raw", [b"", b"  \r\n\t", b"null", b" null ", b"{}"])
def test_an_empty_body_and_null_have_no_members(raw):
    assert parse(AllocateToken, raw) == AllocateToken.model_construct()


MEMBERS: dict[str, Any] = {
    "roleId": "r",
    "sessionMode": 20,
    "subProduct": "comfyui_api",
    "gadgetId": "g",
    "expiredInSeconds": 60,
    "customResourceConfigId": "p",
}


@given(st.dictionaries(st.sampled_from(list(MEMBERS)), st.booleans()))
def test_null_is_the_same_as_absent(present):
    body = {"apiToken": "t"} | {name: MEMBERS[name] for name, given in present.items() if given}
    nulls = {name: None for name, given in present.items() if not given}

    with_nulls = parse(CreateSession, json.dumps(body | nulls).encode())

    assert with_nulls == parse(CreateSession, json.dumps(body).encode())


def test_nulls_inside_objects_are_absent_and_stay_in_free_maps():
    raw = b'{"inner": {"someText": null}, "inners": [{"count": null}], "free": {"a": null}}'

    read = parse(OuterBody, raw)

    assert (read.inner, read.inners) == (InnerBody(), (InnerBody(),))
    assert read.free == {"a": None}


names = st.text().filter(lambda name: name not in {*MEMBERS, "apiToken"})
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(names, anything, max_size=4))
def test_unknown_members_are_ignored(others):
    plain = parse(CreateSession, b'{"apiToken": "t"}')

    raw = json.dumps({"apiToken": "t"} | others, ensure_ascii=False).encode(errors="replace")

    assert parse(CreateSession, raw) == plain


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused_with_a_sentence(raw):
    for kind in (AllocateToken, CreateSession, OuterBody):
        for digit_strings in (False, True):
            refusal = refused(parse, kind, raw, digit_strings=digit_strings)
            assert refusal is None or refusal.problem


@given(st.fixed_dictionaries(dict.fromkeys(MEMBERS, anything)))
def test_members_of_any_type_are_read_or_reported(members):
    raw = json.dumps({"apiToken": "t"} | members).encode()

    refusal = refused(parse, CreateSession, raw)

    assert refusal is None or refusal.field in MEMBERS


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{", "no valid JSON"),
        (b'{"name": "\xff"}', "no valid JSON"),
        (rb'{"name": "\ud800"}', "no valid JSON"),
        (b'{"name": NaN}', "no valid JSON"),
        (b'{"name": 1e999}', "too large"),
        (b'{"name": {"a": [-1e999]}}', "too large"),
        (b"[" * 100_000, "no valid JSON"),
        (b'{"a":' * 100_000, "no valid JSON"),
        (b'{"tokenExpiredAt": ' + b"9" * 5000 + b"}", "no valid JSON"),
        (b"[]", "must be a JSON object, found a list"),
        (b"7", "must be a JSON object, found a number"),
        (b'"{}"', "must be a JSON object, found a string"),
        (b"true", "must be a JSON object, found a truth value"),
    ],
)
def test_other_bodies_than_json_objects_are_reported(raw, words):
    message = problem(AllocateToken, raw)

    assert words in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("kind", "raw", "words"),
    [
        (CreateSession, "{}", "apiToken is required"),
        (CreateSession, '{"apiToken": null}', "apiToken is required"),
        (CreateSession, '{"apiToken": 5}', "apiToken must be a string, found a number"),
        (CreateSession, '{"apiToken": []}', "apiToken must be a string, found a list"),
        (CreateSession, '{"apiToken": "t", "sessionMode": 30}', "sessionMode input should be 10"),
        (CreateSession, '{"apiToken": "t", "sessionMode": true}', "sessionMode input should be 10"),
        (CreateSession, '{"apiToken": "t", "subProduct": "x"}', "subProduct input should be"),
        (CreateSession, '{"apiToken": "t", "expiredInSeconds": 1.5}', "must be an integer"),
        (CreateSession, '{"apiToken": "t", "expiredInSeconds": "60"}', "found a string"),
        (AllocateToken, f'{{"tokenExpiredAt": {2**63}}}', "must fit a signed integer of 64"),
        (
            AllocateToken,
            f'{{"tokenExpiredAt": {"9" * 400}}}',
            "must fit a signed integer of 64",
        ),
        (AllocateToken, '{"tokenExpiredAt": true}', "must be an integer, found a truth value"),
        (OuterBody, '{"inner": 5}', "inner must be an object, found a number"),
        (OuterBody, '{"inners": [{}, {"count": "x"}]}', "inners[1].count must be an integer"),
        (OuterBody, '{"inner": {"someText": 5}}', "inner.someText must be a string"),
        (OuterBody, '{"free": []}', "free must be an object, found a list"),
        (OuterBody, '{"ratio": "1"}', "ratio must be a number, found a string"),
    ],
)
def test_a_wrong_member_is_reported_with_the_expected_type(kind, raw, words):
    assert words in problem(kind, raw)


def test_the_length_of_an_id_is_limited():
    within, beyond = "x" * MAX_CHARACTERS, "x" * (MAX_CHARACTERS + 1)

    assert refused(parse, AllocateToken, json.dumps({"sceneRoleId": within}).encode()) is None
    assert "1000 characters" in problem(AllocateToken, json.dumps({"sceneRoleId": beyond}))


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_read_in_every_accepted_form(number):
    def read(text: str, **options: Any) -> int | None:
        raw = f'{{"tokenExpiredAt": {text}}}'.encode()
        return parse(AllocateToken, raw, **options).token_expired_at

    assert read(str(number)) == number
    assert read(f'"{number}"', digit_strings=True) == number
    if abs(number) < 2**53:
        assert read(f"{number}.0") == number


@pytest.mark.parametrize(
    "text", ["", " 5", "5 ", "+5", "--5", "5.0", "\u0665", "1e3", "0x5", "5" * 21]
)
def test_other_strings_than_digits_are_refused(text):
    raw = json.dumps({"tokenExpiredAt": text})

    assert "tokenExpiredAt must be an integer" in problem(AllocateToken, raw, digit_strings=True)


def test_a_query_is_read_like_a_body():
    read = parse_query(CreateSession, b"apiToken=a%2Bb+c&expiredInSeconds=60&sessionMode=20&x=1")

    assert (read.api_token, read.expired_in_seconds, read.session_mode) == ("a+b c", 60, 20)


@given(st.binary(max_size=100))
def test_any_query_is_read_or_refused(query):
    refusal = refused(parse_query, CreateSession, query)

    assert refusal is None or refusal.problem


def test_the_number_of_query_parameters_is_limited():
    with pytest.raises(Malformed, match="too many parameters"):
        parse_query(AllocateToken, b"&".join([b"a=1"] * 101))


def test_a_list_is_refused_at_its_first_bad_item():
    body = {"init_images": ["", 5, 6, *range(500)]}

    with pytest.raises(ValidationError) as caught:
        ImageToImage.model_validate(body)
    assert caught.value.error_count() == 1
    assert problem(ImageToImage, json.dumps(body)) == (
        "init_images[1] must be a string, found a number"
    )


def test_a_long_list_is_refused_before_its_items_are_read():
    assert problem(ImageToImage, json.dumps({"init_images": [""] * 5000})) == (
        f"init_images must have at most {MAX_ITEMS} items, found 5000"
    )
    versions = json.dumps({"versions": [{}] * 100_000})
    assert calls_of(lambda: problem(SyncModel, versions)) < 5000


def test_a_number_that_is_too_large_is_found_wherever_it_is():
    for body in ('{"free": [0, [{"a": 1e400}]]}', '{"free": {"Infinity": -1e400}}'):
        assert problem(OuterBody, body) == "The request body has a number that is too large"
    assert parse(OuterBody, b'{"free": {"a": "Infinity"}}').free == {"a": "Infinity"}
