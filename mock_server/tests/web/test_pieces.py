"""Answers in pieces: as many as the client takes."""

from __future__ import annotations

from typing import Any

from mock_server.tests.makers import NOW, an_account_service
from mock_server.web.calls import GONE, LEFT_LATE, Answer, Call, send_answer
from mock_server.web.pieces import InPieces
from mock_server.web.traces import Trace


async def sent(pieces: Any, gone_after: int | None = None, method: str = "GET") -> Any:
    """Return what was sent of an answer to a client that goes away after some pieces."""
    scope: dict[str, Any] = {"method": method, "path": "/", "headers": [], "state": {}}
    call = Call(scope, Trace("1", NOW), {}, an_account_service())
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)
        if len(messages) - 1 == gone_after:
            scope["state"][GONE] = True

    await send_answer(send, Answer(200, wire=InPieces(pieces)), call)
    return messages, call.trace


async def test_the_pieces_come_one_after_the_other_without_a_length():
    (head, *parts), trace = await sent([b"a", b"bc"])
    assert b"content-length" not in dict(head["headers"])
    assert [each["body"] for each in parts] == [b"a", b"bc", b""]
    assert [each.get("more_body", False) for each in parts] == [True, True, False]
    assert (trace.answer.status, trace.answer.body, trace.remarks) == (200, b"", ())


async def test_no_pieces_are_made_for_a_client_that_went_away():
    made = []

    def pieces():
        for number in range(5):
            made.append(number)
            yield b"x"

    _, trace = await sent(pieces(), gone_after=2)
    assert made == [0, 1, 2]
    assert trace.remarks == (LEFT_LATE,)


async def test_a_head_has_no_pieces():
    (_, *parts), _ = await sent([b"a"], method="HEAD")
    assert [each["body"] for each in parts] == [b""]
