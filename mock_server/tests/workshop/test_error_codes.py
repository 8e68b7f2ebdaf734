"""Every error has a code and a message; a user's file can replace them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from mock_server.core import errors
from mock_server.core.errors import DomainError
from mock_server.setting_sources import SettingsError
from mock_server.settings import read_settings
from mock_server.tests.workshop.world import a_world
from mock_server.web.traces import Trace
from mock_server.workshop.error_codes import load_codes, shipped_codes, worded
from mock_server.workshop.errors import SITUATIONS, render_error, situation_of
from mock_server.workshop.settings import WorkshopSettings

# One of each class of the tree of errors, so that a new class must be added here.
SAMPLES: dict[type[DomainError], DomainError] = {
    DomainError: DomainError("no"),
    errors.Unauthenticated: errors.Unauthenticated("no"),
    errors.Forbidden: errors.Forbidden("no"),
    errors.NotFound: errors.NotFound("job", "1"),
    errors.AccountGone: errors.AccountGone("ada"),
    errors.Invalid: errors.Invalid("width", "is wrong"),
    errors.Malformed: errors.Malformed("is wrong"),
    errors.SettingsRefused: errors.SettingsRefused({"port": "is the server's"}),
    errors.CreditsShort: errors.CreditsShort(price=Decimal(2), balance=Decimal(1)),
    errors.TooLarge: errors.TooLarge("upload", limit_bytes=5),
    errors.TooSlow: errors.TooSlow("body", seconds=5),
    errors.RateLimited: errors.RateLimited(retry_after=1),
    errors.NotInstalled: errors.NotInstalled("videos", "video"),
    errors.Conflict: errors.Conflict("no"),
    errors.AlreadyEnded: errors.AlreadyEnded("1"),
    errors.RequestRepeated: errors.RequestRepeated("k", "1", same_content=True),
}
BY_THE_GATEWAY = {errors.Unauthenticated, errors.RateLimited}


def tree(kind: type[DomainError]) -> set[type[DomainError]]:
    family = {kind}
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            family |= tree(child)
    return family


def answered(error: DomainError, **settings: Any) -> Any:
    trace = Trace("00000001", 1_768_464_000.0)
    return render_error(error, WorkshopSettings(**settings), shipped_codes(), trace)


def test_every_class_of_errors_has_a_sample():
    assert tree(DomainError) == set(SAMPLES)


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
def test_every_error_has_an_answer(kind):
    answer = answered(SAMPLES[kind])

    if kind in BY_THE_GATEWAY:
        assert answer.body == b""
        assert 400 <= answer.status < 500
        assert b"x-ca-error-message" in dict(answer.headers)
    else:
        assert answer.status == 200
        body = json.loads(answer.body)
        assert (body["status"], body["data"]) == (20, None)
        assert body["errCode"]
        assert body["errMessage"]
        assert kind is DomainError or body["errCode"] != "SYSTEM_ERROR"


@pytest.mark.parametrize("kind", SITUATIONS)
def test_every_situation_is_in_the_table(kind):
    assert SITUATIONS[kind] in shipped_codes()


@pytest.mark.parametrize("kind", ["token", "session", "task"])
def test_kinds_of_missing_things_have_different_codes(kind):
    assert situation_of(errors.NotFound(kind)) == f"{kind}-unknown"
    assert situation_of(errors.NotFound("else")) == "not-found"


@pytest.mark.parametrize("situation", shipped_codes())
def test_no_failure_looks_like_a_success(situation):
    words = worded(shipped_codes(), situation, "what was wrong")

    assert words.code
    assert words.message
    assert (words.sub_code is None) == (words.sub_message is None)
    assert "{" not in f"{words.message}{words.sub_message}"


def written(tmp_path: Any, table: Any) -> Any:
    path = tmp_path / "codes.json"
    path.write_bytes(table if isinstance(table, bytes) else json.dumps(table).encode())
    return path


async def test_a_users_file_replaces_codes_and_messages(tmp_path):
    own = {
        "token-unknown": {"errCode": "E1", "errMessage": "令牌不存在", "subErrCode": None},
        "parameter": {"errCode": "E2", "errMessage": "bad: {message}"},
    }
    async with a_world(error_codes_file=written(tmp_path, own)) as world:
        unknown = await world.refusal("/scc/spQueryToken", {"apiToken": "x"})
        missing = await world.refusal("/scc/spQueryToken", {})
        other = await world.refusal("/scc/spRefreshSession", {"apiToken": "x"})
        plain = await world.refusal("/scc/spQueryToken", b"{")

    assert unknown == other == ("E1", "令牌不存在")
    assert missing == ("E2", "bad: apiToken is required")
    assert plain[0] == "INVALID_BODY"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (rb'{"crash": {"errCode": "\ud800"}}', "not valid JSON"),
        ([], "must be a JSON object"),
        ({"tokens": {}}, "'tokens' is not a known situation; use one of parameter,"),
        ({"crash": "E"}, "crash must be an object with errCode"),
        ({"crash": {"code": "E"}}, "crash must be an object with errCode"),
        ({"crash": {"errCode": 5}}, "crash.errCode must be a string or null"),
        ({"crash": {"errMessage": "m"}}, "crash needs a code"),
        ({"crash": {"errCode": ""}}, "crash needs a code"),
    ],
)
def test_an_invalid_file_is_refused_with_a_sentence(tmp_path, table, words):
    path = written(tmp_path, table)

    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        load_codes(path)
    with pytest.raises(SettingsError) as caught:
        read_settings({"error_codes_file": str(path)})
    assert "error-codes-file" in caught.value.problems[0] + str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_an_unreadable_file_is_reported(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be read"):
        load_codes(tmp_path / name)
