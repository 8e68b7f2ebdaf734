"""Every exchange has a trace, and observers know what was really sent of its answer."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from mock_server.tests.makers import NOW, an_account_service
from mock_server.transport.lifetimes import timed
from mock_server.web.calls import GONE, Answer, Call, json_answer, send_answer
from mock_server.web.journal import MAX_CONTROL_ENTRIES, Journal
from mock_server.web.observers import Tracing
from mock_server.web.traces import Trace

WHOLE_ANSWER = json_answer({"status": "ok"}, 201)
HEAD_ONLY = Answer(201, b"", WHOLE_ANSWER.headers)


async def answering(scope, receive, send):
    await send_answer(send, WHOLE_ANSWER, Call(scope, scope["trace"], {}, an_account_service()))


async def observed(send, app=answering, method="GET", **state):
    """Return the trace of one exchange; `send` is the server's."""
    traces: list[Trace] = []
    scope: Any = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": b"",
        "headers": [],
        "state": state,
    }
    tracing = Tracing(app, lambda: NOW, [traces.append])
    with suppress(ValueError, asyncio.CancelledError):
        await tracing(scope, receive=None, send=send)  # type: ignore[arg-type]
    (trace,) = traces
    return trace


async def into_nothing(message):
    pass


async def test_an_exchange_has_an_id_its_time_and_its_answer():
    trace = await observed(into_nothing)

    assert (trace.id, trace.wall, trace.answer) == ("00000001", NOW, WHOLE_ANSWER)
    assert trace.seconds > 0
    assert trace.remarks == ()


async def test_observers_are_told_of_an_app_that_fails():
    async def broken(scope, receive, send):
        raise ValueError

    assert (await observed(into_nothing, broken)).answer is None


@pytest.mark.parametrize(("sent", "answer"), [(0, None), (1, HEAD_ONLY)])
async def test_of_a_broken_connection_what_was_sent_is_known(sent, answer):
    pieces: list[Any] = []

    async def broken(message):
        if len(pieces) == sent:
            raise ConnectionResetError
        pieces.append(message)

    trace = await observed(broken)

    assert trace.answer == answer
    assert trace.remarks == ("the connection was closed before the answer was sent",)


async def test_what_a_server_drops_was_not_sent():
    trace = await observed(into_nothing, **{GONE: True})

    assert trace.answer is None
    assert trace.remarks == ("the connection was closed before the answer was sent",)


async def test_an_answer_that_is_cancelled_between_head_and_body_was_sent_in_part():
    async def cancelled(message):
        if message["type"] == "http.response.body":
            raise asyncio.CancelledError

    assert (await observed(cancelled)).answer == HEAD_ONLY


async def test_the_answer_to_head_has_no_body():
    assert (await observed(into_nothing, method="HEAD")).answer == HEAD_ONLY


async def test_a_server_says_that_a_connection_was_reset_before_the_answer():
    came, has_gone = asyncio.Event(), asyncio.Event()
    traces: list[Trace] = []

    async def slow(scope, receive, send):
        came.set()
        assert [(await receive())["type"] for _ in range(2)] == ["http.request", "http.disconnect"]
        await answering(scope, receive, send)
        has_gone.set()

    tracing = Tracing(slow, lambda: NOW, [traces.append])
    config = uvicorn.Config(tracing, log_config=None, lifespan="off")
    config.load()
    protocol: Any = timed(65536)
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=ServerState(), app_state={}), "127.0.0.1", 0
    )
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await came.wait()
        # A client that only closes its side may still read, so it gets the answer.
        reset = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()
        await has_gone.wait()
        await asyncio.sleep(0)

    assert [trace.answer for trace in traces] == [None]


# The journal


def a_trace(number, **members):
    return Trace(f"{number:08x}", NOW, **({"surface": "toy"} | members))


def a_journal(**bounds):
    return Journal(**({"entries": 5, "total_bytes": 10**7, "body_bytes": 1000} | bounds))


def ids(traces):
    return [int(trace.id, 16) for trace in traces]


def test_the_newest_exchanges_are_kept():
    journal = a_journal()
    for number in range(8):
        journal.keep(a_trace(number))

    assert ids(journal) == [7, 6, 5, 4, 3]
    assert journal.find("00000002") is None
    assert journal.find("00000003") is not None


def test_large_heads_count_among_the_bytes():
    journal = a_journal(entries=1000, total_bytes=1_000_000)
    journal.keep(a_trace(0))
    before = journal.size_bytes
    journal.keep(a_trace(1, packed_head=bytes(30_000)))

    assert journal.size_bytes - 2 * before == 30_000


def test_all_entries_together_stay_below_the_bytes():
    journal = a_journal(entries=1000, total_bytes=100_000)
    for number in range(200):
        journal.keep(a_trace(number, body=b"x" * 900))
        journal.keep(a_trace(number, surface="control", body=b"x" * 900))
        assert journal.size_bytes <= 100_000
    assert len(list(journal)) > 10
    assert len(list(journal.control)) > 1


def test_calls_of_the_control_api_push_no_others_out():
    journal = a_journal(entries=500)
    journal.keep(a_trace(1))
    for number in range(2, 400):
        journal.keep(a_trace(number, surface="control"))

    assert ids(journal) == [1]
    assert len(list(journal.control)) == MAX_CONTROL_ENTRIES
    assert journal.find(f"{399:08x}") is not None


@pytest.mark.parametrize(("account", "left"), [(None, []), ("a", [2, 1]), ("b", [3, 2])])
def test_forgetting_is_about_the_vendors_calls(account, left):
    journal = a_journal()
    for number, owner in enumerate(("b", "", "a"), 1):
        journal.keep(a_trace(number, account=owner))
    journal.keep(a_trace(4, surface="control"))

    journal.forget(account)

    assert ids(journal) == left
    assert ids(journal.control) == [4]


def test_a_passing_exchange_is_kept_if_there_is_a_remark():
    journal = a_journal()
    journal.keep(a_trace(1, passing=True))
    journal.keep(a_trace(2, passing=True, remarks=("odd",)))

    assert ids(journal) == [2]


def test_a_journal_of_no_entries_keeps_nothing():
    journal = a_journal(entries=0)
    journal.keep(a_trace(1))
    journal.keep(a_trace(2, surface="control"))

    assert ids(journal) == ids(journal.control) == []
