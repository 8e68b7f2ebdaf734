"""Heads that wait for their bodies, on a transport that only remembers."""

from typing import Any

import pytest

from mock_server.listening.whole_messages import JOINED_AT_MOST, Pen

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire:
    """Remembers what was written, and whether it was closed."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def pen(wire: Any) -> Pen:
    return Pen(wire)


def test_head_and_body_are_one_write(wire, pen):
    for _ in range(2):
        pen.write(HEAD)
        pen.write(b"hello")
        pen.end()

    assert wire.written == [HEAD + b"hello"] * 2


def test_a_large_body_is_not_copied(wire, pen):
    body = b"a" * (JOINED_AT_MOST + 1)
    pen.write(HEAD)
    pen.write(body)

    assert wire.written == [HEAD, body]
    assert wire.written[1] is body


def test_a_head_without_a_body_leaves_when_the_answer_ends(wire, pen):
    pen.write(HEAD)
    assert wire.written == []
    pen.end()

    assert wire.written == [HEAD]


def test_a_head_leaves_before_the_connection_is_closed(wire, pen):
    pen.write(HEAD)
    pen.close()

    assert (wire.written, wire.closed) == ([HEAD], True)


@pytest.mark.parametrize("first", [STREAM, CONTINUE])
def test_what_may_be_followed_by_a_pause_leaves_at_once(wire, pen, first):
    pen.write(first)

    assert wire.written == [first]


def test_an_answer_behind_100_continue_is_one_write(wire, pen):
    pen.write(CONTINUE)
    pen.write(HEAD)
    pen.write(b"hello")

    assert wire.written == [CONTINUE, HEAD + b"hello"]


def test_a_body_that_looks_like_a_head_is_not_kept_waiting(wire, pen):
    pen.write(HEAD)
    pen.write(b"")
    pen.write(HEAD)

    assert wire.written == [HEAD, HEAD]
