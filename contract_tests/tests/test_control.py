"""The client of the control API asks again when that is safe."""

import httpx
import pytest

from contract_tests.control import ControlClient, ControlFailed

CLOSED = httpx.RemoteProtocolError("Server disconnected without sending a response.")


def a_control(*replies):
    """Return a client that gets these replies, the last one for ever, and its requests."""
    left, requests = list(replies), []

    def answer(request):
        requests.append(request)
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply, json={"now": 7.0, "version": "1"})

    return ControlClient(httpx.Client(transport=httpx.MockTransport(answer)), "http://h"), requests


@pytest.mark.parametrize("replies", [(CLOSED, 200), (503, 502, 200), (CLOSED, 429, 200)])
def test_a_closed_connection_or_a_busy_gateway_is_asked_again(replies):
    control, requests = a_control(*replies)

    assert control.now("one") == 7.0
    assert len(requests) == len(replies)


def test_a_mock_is_there_even_if_its_gateway_is_busy_at_first():
    control, _ = a_control(503, 200)

    assert control.is_there()


@pytest.mark.parametrize("reply", [CLOSED, 503])
def test_what_never_answers_is_a_failure(reply):
    control, requests = a_control(reply)

    with pytest.raises(ControlFailed):
        control.now("one")
    assert len(requests) == 21
