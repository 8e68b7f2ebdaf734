"""Answers that wait for the end of a turn, on transports that only remember."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mock_server.transport.batched import MAX_HELD_BYTES, BatchedTransport, WriteBatch

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"


class Wire:
    """Remembers what was sent together, and whether it was closed."""

    def __init__(self, name: str = "", sent: list[Any] | None = None) -> None:
        self.name = name
        self.sent: list[Any] = [] if sent is None else sent
        self.closed = False

    def writelines(self, pieces: list[bytes]) -> None:
        assert not self.closed
        self.sent.append((self.name, pieces) if self.name else pieces)

    def write_eof(self) -> None:
        self.sent.append("end")

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> str:
        return f"the {name}"


def a_pen(wire: Any, page_operations: WriteBatch | None = None) -> BatchedTransport:
    return BatchedTransport(wire, page_operations or WriteBatch())


def in_a_turn(act: Callable[[BatchedTransport], object], wire: Wire) -> list[Any]:
    """Let something be written in one turn of a loop; return what had been sent in that turn."""

    async def turn() -> list[Any]:
        act(a_pen(wire))
        sent = list(wire.sent)
        await asyncio.sleep(0)
        return sent

    return asyncio.run(turn())


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_head_and_body_are_sent_together_when_the_turn_is_over(wire):
    def answer(pen):
        pen.write(HEAD)
        pen.write(b"hello")

    assert in_a_turn(answer, wire) == []
    assert wire.sent == [[HEAD, b"hello"]]


def test_what_comes_in_another_turn_is_sent_for_itself(wire):
    async def turns():
        pen = a_pen(wire)
        for piece in (HEAD, b"he", b"llo"):
            pen.write(piece)
            await asyncio.sleep(0)

    asyncio.run(turns())

    assert wire.sent == [[HEAD], [b"he"], [b"llo"]]


def test_all_connections_send_at_the_end_of_the_turn_in_the_order_of_their_answers():
    sent: list[Any] = []

    async def turn():
        page_operations = WriteBatch()
        first, second = (a_pen(Wire(name, sent), page_operations) for name in ("first", "second"))
        second.write(b"a")
        first.write(b"b")
        second.write(b"c")
        assert sent == []
        await asyncio.sleep(0)

    asyncio.run(turn())

    assert sent == [("second", [b"a", b"c"]), ("first", [b"b"])]


@pytest.mark.parametrize("size_bytes", [MAX_HELD_BYTES - len(HEAD), MAX_HELD_BYTES])
def test_much_is_sent_at_once_and_never_copied(wire, size_bytes):
    body = b"a" * size_bytes

    def answer(pen):
        pen.write(HEAD)
        pen.write(body)

    at_once = len(HEAD) + size_bytes > MAX_HELD_BYTES
    assert in_a_turn(answer, wire) == ([[HEAD, body]] if at_once else [])
    assert wire.sent == [[HEAD, body]]
    assert wire.sent[0][1] is body


def test_little_behind_much_waits_again(wire):
    def answer(pen):
        pen.write(b"a" * (MAX_HELD_BYTES + 1))
        pen.write(b"b")

    assert len(in_a_turn(answer, wire)) == 1
    assert wire.sent[1:] == [[b"b"]]


@pytest.mark.parametrize("end", [BatchedTransport.close, BatchedTransport.write_eof])
def test_all_is_sent_before_the_end(wire, end):
    def answer(pen):
        pen.write(HEAD)
        end(pen)

    sent = in_a_turn(answer, wire)

    assert sent[0] == [HEAD]
    assert wire.closed or sent[1:] == ["end"]
    assert wire.sent == sent


def test_nothing_is_sent_to_somebody_who_is_gone_and_others_get_theirs(wire):
    gone, there = Wire(), wire

    async def turn():
        page_operations = WriteBatch()
        pens = [a_pen(each, page_operations) for each in (gone, there)]
        for pen in pens:
            pen.write(HEAD)
        pens[0].abort()
        await asyncio.sleep(0)

    asyncio.run(turn())

    assert (gone.sent, there.sent) == ([], [[HEAD]])


def test_whatever_else_is_asked_of_it_the_transport_answers(wire):
    pen = a_pen(wire)

    assert pen.get_extra_info("sockname") == "the sockname"
    assert not pen.is_closing()
    pen.close()
    assert pen.is_closing()
