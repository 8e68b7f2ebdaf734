"""The journal through the control API."""

import asyncio
from base64 import b64decode

import pytest

from mock_server.tests.control.mock import TOKEN, Mock, a_client
from mock_server.tests.makers import NOW
from mock_server.web.journal import MEDIA_BYTES


async def ids(http, query=""):
    return [entry["id"] for entry in (await http("GET", f"/requests{query}"))["requests"]]


async def test_entries_are_listed_with_the_newest_first(http):
    await http.vendor("GET", "/toy/1", headers={"x-account": "ready"})
    await http.vendor("POST", "/toy/2?a=b", headers={"x-status": "404"})

    newest, oldest = (await http("GET", "/requests"))["requests"]

    assert newest == {
        "id": "00000002",
        "at": NOW,
        "iso": "2025-06-15T15:06:40Z",
        "method": "POST",
        "path": "/toy/2",
        "target": "/toy/2?a=b",
        "status": 404,
        "account": None,
        "operation": "POST /toy/2",
        "now": {"at": NOW, "iso": "2025-06-15T15:06:40Z"},
        "durationMs": newest["durationMs"],
        "decided": None,
        "refusal": None,
        "remarks": [],
    }
    assert (oldest["id"], oldest["account"]) == ("00000001", "ready")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("account=ready", ["00000001"]),
        ("method=post", ["00000003", "00000002"]),
        ("path=/toy/2", ["00000002"]),
        ("path=/toy", ["00000002", "00000001"]),
        ("status=404", ["00000002"]),
        ("operation=POST%20/other", ["00000003"]),
        ("since=00000001", ["00000003", "00000002"]),
        ("limit=2", ["00000003", "00000002"]),
        ("method=POST&status=200", ["00000003"]),
        ("account=unknown", []),
    ],
)
async def test_entries_are_filtered(http, query, expected):
    await http.vendor("GET", "/toy/1", headers={"x-account": "ready"})
    await http.vendor("POST", "/toy/2", headers={"x-status": "404"})
    await http.vendor("POST", "/other")

    assert await ids(http, f"?{query}") == expected


async def test_calls_of_the_control_api_are_found_by_id_and_listed_when_asked_for(http):
    await http.vendor("GET", "/toy")
    answer = await http.raw("PUT", "/accounts/ready/balance", {"balance": -1})
    id = answer.headers["x-mock-request-id"]

    exchange = await http("GET", f"/requests/{id}")
    assert exchange["operation"] == "PUT /_mock/accounts/{id}/balance"
    assert exchange["body"]["text"] == '{"balance":-1}'
    assert exchange["answer"]["status"] == 400
    assert exchange["answer"]["body"]["text"] == answer.text
    assert id in await ids(http, "?surface=control&status=400")
    assert await ids(http, "?surface=toy") == await ids(http) == ["00000001"]
    assert await ids(http, "?surface=other") == []
    assert await http("POST", "/requests/verify", {"count": 1}) == {"matched": 1, "dropped": 0}
    assert await http("DELETE", "/requests") == {"deleted": 1}
    await http("GET", f"/requests/{id}")


async def test_secrets_in_calls_of_the_control_api_are_hidden(http):
    curl = "curl -H 'Authorization: Bearer bearer-token-value' -H 'X-Ca-Signature: ABCDEFGHIJ='"
    await http.raw("POST", "/signature/explain", {"curl": f"{curl} http://127.0.0.1/v1/jobs"})
    await http("POST", "/accounts", {"accessToken": "KLMNOPQRST", "appSecret": "UVWXYZABCD"})

    shown = [(await http.raw("GET", f"/requests/0000000{number}")).json() for number in (1, 2)]

    texts = [each["body"]["text"] + each["answer"]["body"]["text"] for each in shown]
    for secret in ("bearer-token-value", "ABCDEFGHIJ", "KLMNOPQRST", "UVWXYZABCD", "private key"):
        assert secret not in str(texts)


@pytest.mark.parametrize("query", ["status=ok", "limit=0", "since=x", "method=", "who=me"])
async def test_invalid_filters_are_refused(http, query):
    await http.problem(400, "GET", f"/requests?{query}")


async def test_one_exchange_is_shown_whole(http):
    http.mock.answer = {"text": "für"}
    headers = [("X-Twice", "1"), ("x-twice", "2"), ("x-verdict", "no such key")]
    await http.vendor("POST", "/toy", content="grün".encode(), headers=headers)

    exchange = await http("GET", "/requests/00000001")

    sent = [header for header in exchange["headers"] if header["name"] == "x-twice"]
    assert [header["value"] for header in sent] == ["1", "2"]
    assert exchange["body"]["text"] == "grün"
    assert b64decode(exchange["body"]["base64"]) == "grün".encode()
    assert exchange["body"]["truncated"] is False
    assert exchange["answer"]["status"] == 200
    assert exchange["answer"]["body"]["text"] == '{"text":"für"}'
    assert exchange["verdict"] == {"detail": "no such key"}
    await http.problem(404, "GET", "/requests/0000000f")


async def test_bytes_that_are_not_text_are_shown_as_base64(http):
    await http.vendor("POST", "/toy", content=b"\xff\x00")

    body = (await http("GET", "/requests/00000001"))["body"]

    assert (body["text"], b64decode(body["base64"])) == (None, b"\xff\x00")


@pytest.mark.parametrize(("size", "truncated"), [(999, False), (1000, False), (1001, True)])
async def test_a_cut_body_is_marked(http, size, truncated):
    http.mock.answer = "x" * size
    await http.vendor("POST", "/toy", content=b"x" * size)

    body = (await http("GET", "/requests/00000001"))["body"]

    assert body["truncated"] is truncated
    assert body["text"] == "x" * min(size, 1000)


@pytest.mark.parametrize(
    ("media_type", "size", "kept"),
    [
        ("image/png", MEDIA_BYTES, MEDIA_BYTES),
        ("image/png", MEDIA_BYTES + 1, MEDIA_BYTES),
        ("video/mp4", 9000, MEDIA_BYTES),
        ("application/json", 9000, 9000),
    ],
)
async def test_the_beginning_of_a_picture_is_kept(http, media_type, size, kept):
    http.mock.journal.body_bytes = 10_000
    headers = {"Content-Type": media_type}
    await http.vendor("POST", "/toy", content=b"x" * size, headers=headers)

    body = (await http("GET", "/requests/00000001"))["body"]

    assert len(body["text"]) == kept
    assert body["truncated"] is (kept < size)


async def test_a_character_that_was_cut_in_two_is_left_out(http):
    await http.vendor("POST", "/toy", content=b"x" * 999 + "ü".encode() * 2)

    assert (await http("GET", "/requests/00000001"))["body"]["text"] == "x" * 999


async def test_the_journal_is_emptied(http):
    for id in ("a", "b"):
        await http.vendor("GET", "/toy", headers={"x-account": id})

    assert await http("DELETE", "/requests?account=a") == {"deleted": 1}
    assert await ids(http) == ["00000002"]
    assert await http("DELETE", "/requests") == {"deleted": 1}
    assert await ids(http) == []


async def test_waiting_ends_at_once_if_enough_requests_came_before(http):
    await http.vendor("GET", "/toy")

    found = await http("POST", "/requests/wait", {"path": "/toy", "timeout": 0})

    assert [entry["id"] for entry in found["requests"]] == ["00000001"]
    assert http.mock.journal.listeners == set()


async def test_waiting_ends_when_the_last_request_comes(http):
    body = {"path": "/toy", "method": "GET", "count": 2, "timeout": 60}
    await http.vendor("GET", "/toy/1")
    waiting = asyncio.create_task(http("POST", "/requests/wait", body))
    await http.until_a_wait_has_begun()

    await http.vendor("POST", "/toy/2")
    assert not waiting.done()
    await http.vendor("GET", "/toy/3")

    found = await waiting
    assert [entry["path"] for entry in found["requests"]] == ["/toy/3", "/toy/1"]
    assert http.mock.journal.listeners == set()


async def test_a_wait_that_times_out_names_near_misses(http):
    await http.vendor("GET", "/toy", headers={"x-status": "401"})

    body = {"path": "/toy", "method": "GET", "status": 200, "timeout": 0}
    problem = await http.problem(408, "POST", "/requests/wait", body)

    assert problem["matched"] == 0
    assert problem["nearMisses"] == [
        {
            "id": "00000001",
            "method": "GET",
            "path": "/toy",
            "status": 401,
            "account": None,
            "differs": "status: 401",
        }
    ]
    assert http.mock.journal.listeners == set()


async def test_a_wait_ends_with_503_if_the_server_stops(http):
    waiting = asyncio.create_task(http.problem(503, "POST", "/requests/wait", {"timeout": 60}))
    await http.until_a_wait_has_begun()

    http.mock.journal.end_waits()

    assert (await waiting)["detail"].endswith("found 0 before the server stopped")
    assert http.mock.journal.listeners == http.mock.journal.waits == set()


async def test_a_list_may_wait_for_its_first_entry(http):
    waiting = asyncio.create_task(ids(http, "?path=/toy&wait=60"))
    await http.until_a_wait_has_begun()

    await http.vendor("GET", "/other")
    assert not waiting.done()
    await http.vendor("GET", "/toy")

    assert await waiting == ["00000003"]
    assert await ids(http, "?path=/nothing&wait=0.001") == []
    assert await ids(http, "?surface=control") == []  # They come again and again.
    assert http.mock.journal.listeners == http.mock.journal.waits == set()


async def test_entries_since_another_are_those_that_ended_after_it(http):
    journal = http.mock.journal
    await http.vendor("GET", "/toy/slow")
    await http.vendor("GET", "/toy/fast")
    slow = journal.find("00000001")
    journal.forget()
    await http.vendor("GET", "/toy/marker")
    journal.keep(slow)

    assert await ids(http, "?since=00000003") == ["00000001"]
    assert await ids(http, "?since=00000001") == []
    assert await ids(http, "?since=00000002") == ["00000003"]  # that one is no longer kept


async def test_a_cancelled_wait_leaves_nothing_behind(http):
    waiting = asyncio.create_task(http("POST", "/requests/wait", {"timeout": 60}))
    await http.until_a_wait_has_begun()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert http.mock.journal.listeners == set()


@pytest.mark.parametrize(
    ("count", "holds"),
    [
        (2, True),
        (2.0, True),
        (1, False),
        (0, False),
        ({"atLeast": 1}, True),
        ({"atMost": 1}, False),
        ({"atLeast": 2, "atMost": 2}, True),
        ({"atLeast": 3}, False),
    ],
)
async def test_the_number_of_requests_is_verified(http, count, holds):
    for _ in range(2):
        await http.vendor("GET", "/toy")
    await http.vendor("GET", "/other")

    answer = await http.raw("POST", "/requests/verify", {"path": "/toy", "count": count})

    assert answer.status_code == (200 if holds else 409)
    assert answer.json()["matched"] == 2


async def test_without_a_count_one_request_is_expected(http):
    await http.problem(409, "POST", "/requests/verify")
    await http.vendor("GET", "/toy")
    assert await http("POST", "/requests/verify") == {"matched": 1, "dropped": 0}


@pytest.mark.parametrize("count", [-1, True, "1", {}, {"atLeast": -1}, {"most": 1}, [1]])
async def test_an_invalid_count_is_refused(http, count):
    problem = await http.problem(400, "POST", "/requests/verify", {"count": count})

    assert problem["errors"][0]["pointer"].startswith("#/count")


async def test_a_journal_that_is_off_says_so():
    async with a_client(Mock(journal={"entries": 0})) as http:
        await http.problem(409, "POST", "/requests/wait")
        await http.problem(409, "POST", "/requests/verify")
        assert await ids(http) == []


async def test_secrets_are_shown_nowhere():
    async with a_client(Mock(control_token=TOKEN)) as http:
        http.mock.answer = {"putUrl": "http://x/y?X-Amz-Date=1&X-Amz-Signature=ABCDEFGHIJ"}
        await http.vendor(
            "POST",
            "/toy?auth_key=1700000000-QRSTUVWX-0-1&page=2",
            json={"echo": "bearer-token-value", "note": TOKEN},
            headers={
                "authorization": "Bearer bearer-token-value",
                "cookie": "session=KLMNOPQRST",
                "x-verdict": "the token bearer-token-value is unknown",
            },
        )

        exchange = await http.raw("GET", "/requests/00000001")

        shown = exchange.text + "".join(
            b64decode(body["base64"]).decode()
            for body in (exchange.json()["body"], exchange.json()["answer"]["body"])
        )
        for secret in ("ABCDEFGHIJ", "QRSTUVWX", "bearer-token-value", "KLMNOPQRST", TOKEN):
            assert secret not in shown
        assert exchange.json()["target"] == "/toy?auth_key=***&page=2"
        assert "X-Amz-Date=1&X-Amz-Signature=***" in shown
