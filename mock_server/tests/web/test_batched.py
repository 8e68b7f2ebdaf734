"""Batched answers, on transports that record what was sent."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mock_server.transport.batched import MAX_HELD_BYTES, BatchedTransport, WriteBatch

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"


class RecordingTransport:
    """Records what was sent together, and whether it was closed."""

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


def batched(transport: Any, batch: WriteBatch | None = None) -> BatchedTransport:
    return BatchedTransport(transport, batch or WriteBatch())


def sent_in_one_turn(
    act: Callable[[BatchedTransport], object], transport: RecordingTransport
) -> list[Any]:
    """Write something in one turn of the event loop; return what was sent in that turn."""

    async def turn() -> list[Any]:
        act(batched(transport))
        sent = list(transport.sent)
        await asyncio.sleep(0)
        return sent

    return asyncio.run(turn())


@pytest.fixture
def transport() -> RecordingTransport:
    return RecordingTransport()


def test_head_and_body_are_sent_together_at_the_end_of_the_turn(transport):
    def answer(connection):
        connection.write(HEAD)
        connection.write(b"hello")

    assert sent_in_one_turn(answer, transport) == []
    assert transport.sent == [[HEAD, b"hello"]]


def test_each_turn_is_sent_separately(transport):
    async def turns():
        connection = batched(transport)
        for piece in (HEAD, b"he", b"llo"):
            connection.write(piece)
            await asyncio.sleep(0)

    asyncio.run(turns())

    assert transport.sent == [[HEAD], [b"he"], [b"llo"]]


def test_connections_send_in_the_order_of_their_answers():
    sent: list[Any] = []

    async def turn():
        batch = WriteBatch()
        first, second = (
            batched(RecordingTransport(name, sent), batch) for name in ("first", "second")
        )
        second.write(b"a")
        first.write(b"b")
        second.write(b"c")
        assert sent == []
        await asyncio.sleep(0)

    asyncio.run(turn())

    assert sent == [("second", [b"a", b"c"]), ("first", [b"b"])]


@pytest.mark.parametrize("size_bytes", [MAX_HELD_BYTES - len(HEAD), MAX_HELD_BYTES])
def test_a_large_answer_is_sent_immediately_and_not_copied(transport, size_bytes):
    body = b"a" * size_bytes

    def answer(connection):
        connection.write(HEAD)
        connection.write(body)

    is_immediate = len(HEAD) + size_bytes > MAX_HELD_BYTES
    assert sent_in_one_turn(answer, transport) == ([[HEAD, body]] if is_immediate else [])
    assert transport.sent == [[HEAD, body]]
    assert transport.sent[0][1] is body


def test_a_small_answer_after_a_large_one_waits(transport):
    def answer(connection):
        connection.write(b"a" * (MAX_HELD_BYTES + 1))
        connection.write(b"b")

    assert len(sent_in_one_turn(answer, transport)) == 1
    assert transport.sent[1:] == [[b"b"]]


@pytest.mark.parametrize("end", [BatchedTransport.close, BatchedTransport.write_eof])
def test_pending_data_is_sent_before_closing(transport, end):
    def answer(connection):
        connection.write(HEAD)
        end(connection)

    sent = sent_in_one_turn(answer, transport)

    assert sent[0] == [HEAD]
    assert transport.closed or sent[1:] == ["end"]
    assert transport.sent == sent


def test_nothing_is_sent_to_a_closed_connection(transport):
    gone, there = RecordingTransport(), transport

    async def turn():
        batch = WriteBatch()
        connections = [batched(each, batch) for each in (gone, there)]
        for connection in connections:
            connection.write(HEAD)
        connections[0].abort()
        await asyncio.sleep(0)

    asyncio.run(turn())

    assert (gone.sent, there.sent) == ([], [[HEAD]])


def test_other_methods_are_delegated(transport):
    connection = batched(transport)

    assert connection.get_extra_info("sockname") == "the sockname"
    assert not connection.is_closing()
    connection.close()
    assert connection.is_closing()
