"""Every error is a problem, and none is a crash."""

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.control.problems import MAX_ERRORS, problem_of
from mock_server.core import errors
from mock_server.core.errors import DomainError
from mock_server.tests.control.mock import Mock, a_client

EXAMPLES = {
    errors.DomainError: (DomainError("?"), 500),
    errors.Unauthenticated: (errors.Unauthenticated("who?"), 401),
    errors.Forbidden: (errors.Forbidden("no"), 403),
    errors.NotFound: (errors.NotFound("job", "1"), 404),
    errors.AccountGone: (errors.AccountGone("a"), 404),
    errors.Invalid: (errors.Invalid("rate", "is odd"), 400),
    errors.Malformed: (errors.Malformed("is no JSON"), 400),
    errors.SettingsRefused: (errors.SettingsRefused({"port": "is the server's"}), 422),
    errors.CreditsShort: (errors.CreditsShort(price=Decimal(2), balance=Decimal(1)), 409),
    errors.TooLarge: (errors.TooLarge("body", limit_bytes=1), 413),
    errors.TooSlow: (errors.TooSlow("body", seconds=1), 408),
    errors.RateLimited: (errors.RateLimited(retry_after=float("inf")), 429),
    errors.NotInstalled: (errors.NotInstalled("videos", "video"), 422),
    errors.Conflict: (errors.Conflict("no"), 409),
    errors.AlreadyEnded: (errors.AlreadyEnded("1"), 409),
    errors.RequestRepeated: (errors.RequestRepeated("k", "1", same_content=True), 409),
}


def family(kind: type[DomainError]) -> set[type[DomainError]]:
    own = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return {kind}.union(*map(family, own))


@pytest.mark.parametrize(
    "kind", sorted(family(DomainError), key=str), ids=lambda kind: kind.__name__
)
def test_every_error_of_the_core_has_a_problem_with_its_status(kind):
    error, status = EXAMPLES[kind]
    problem = problem_of(error)

    assert problem.kind.status == status
    assert problem.kind.type.startswith("urn:tams-mock:problem:")
    assert problem.answer("/_mock/x").status == status


def test_a_subclass_without_a_problem_has_that_of_its_base():
    class Late(errors.TooSlow):
        pass

    assert problem_of(Late("body", seconds=1)).kind.status == 408


def test_an_invalid_member_is_pointed_at():
    (error,) = problem_of(errors.Invalid("rate", "is odd")).errors

    assert (error.pointer, error.detail) == ("#/rate", "is odd")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b" ",
        b"\r",
        b"[]",
        b"null",
        b'"text"',
        b"{'id': 'a'}",
        b'{"id": "\xff"}',
        b'{"id": "\\ud800"}',
        b'{"balance": NaN}',
        b'{"balance": Infinity}',
        b'{"balance": 1e999}',
        b'{"seed": ' + b"9" * 5000 + b"}",
        b'{"seed": -1e400}',
        b'{"clock": {"start": 1e300}}',
        b'{"clock": {"start": "0001-01-01T00:00:00+23:59"}}',
        b'{"a":' * 10_000,
        b"[" * 60_000,
        b'{"a":' * 150 + b"1" + b"}" * 150,
        b"\x00",
        b'{"id": "a"} {"id": "b"}',
    ],
)
async def test_an_unreadable_body_is_refused(http, content):
    await http.problem(400, "POST", "/accounts", content=content)
    assert len((await http("GET", "/accounts"))["accounts"]) == 1


async def test_few_errors_are_listed_and_many_are_counted(http):
    few = {f"a{number}": 0 for number in range(MAX_ERRORS)}
    found = await http.problem(400, "POST", "/accounts", json=few)
    assert len(found["errors"]) == MAX_ERRORS

    found = await http.problem(400, "POST", "/accounts", json=few | {"b": 0})
    assert found["detail"] == f"the body has {MAX_ERRORS + 1} errors, which are too many to list"
    assert "errors" not in found


async def test_a_body_of_too_many_objects_is_refused_before_they_are_read(http):
    content = b'{"curl": "' + b"[{" * 10_001 + b'"}'
    found = await http.problem(400, "POST", "/signature/explain", content=content)
    assert found["detail"] == "the body has more than 20,000 objects and lists"


async def test_a_body_over_a_megabyte_is_too_large(http):
    await http.problem(413, "POST", "/accounts", content=b" " * (1024 * 1024 + 1))


@pytest.mark.parametrize("length", ["many", "-1", "9" * 5000])
async def test_an_invalid_content_length_is_refused(http, length):
    headers = {"content-length": length}
    await http.problem(400, "POST", "/accounts", content=b"{}", headers=headers)


@pytest.mark.parametrize(
    "query", ["account=%FF", "&".join(["account=a"] * 60), "account=a&account=b"]
)
async def test_an_unreadable_query_is_refused(http, query):
    await http.problem(400, "GET", f"/clock?{query}")


async def test_an_unexpected_error_is_a_500_with_the_request_id(http, monkeypatch, caplog):
    def fall_over(*_):
        raise RuntimeError("the floor is wet")

    monkeypatch.setattr(http.mock.accounts, "act", fall_over)

    problem = await http.problem(500, "GET", "/accounts/a/limits")

    assert "00000001" in problem["detail"]
    assert "the floor is wet" not in str(problem)
    assert "the floor is wet" in caplog.text


async def test_the_instance_is_a_valid_reference_for_any_path(http):
    problem = await http.problem(404, "GET", '/a%20b"%C3%BC')

    assert problem["instance"] == "/_mock/a%20b%22%C3%BC"


paths = st.sampled_from(
    [
        ("POST", "/accounts"), ("PUT", "/accounts/ready/balance"), ("PUT", "/clock"),
        ("PUT", "/accounts/ready/limits"), ("POST", "/clock/advance"), ("POST", "/clock/resume"),
        ("POST", "/jobs/1/advance"), ("POST", "/jobs/1/fail"), ("POST", "/requests/verify"),
        ("POST", "/reset"),
    ]
)  # fmt: skip


@given(paths, st.binary(max_size=60))
def test_no_body_leads_to_a_crash(path, content):
    async def send():
        async with a_client(Mock()) as http:
            assert (await http.raw(*path, content=content)).status_code < 500

    asyncio.run(send())


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
async def test_a_byte_order_mark_alone_is_no_body(http, mark):
    await http.problem(400, "POST", "/accounts", content=mark)
    assert len((await http("GET", "/accounts"))["accounts"]) == 1
