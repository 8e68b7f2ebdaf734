import pytest

from mock_server.web.calls import Answer
from mock_server.web.ranges import ranged

WHOLE = Answer(200, b"0123456789", ((b"content-type", b"video/mp4"),))


@pytest.mark.parametrize(
    ("wanted", "body", "part"),
    [
        (b"bytes=0-", b"0123456789", b"bytes 0-9/10"),
        (b"bytes=0-0", b"0", b"bytes 0-0/10"),
        (b"bytes=3-5", b"345", b"bytes 3-5/10"),
        (b"bytes=8-99", b"89", b"bytes 8-9/10"),
        (b"bytes=-3", b"789", b"bytes 7-9/10"),
        (b"bytes=-99", b"0123456789", b"bytes 0-9/10"),
    ],
)
def test_a_range_is_answered_with_206_and_its_position(wanted, body, part):
    answer = ranged(WHOLE, wanted)

    assert (answer.status, answer.body) == (206, body)
    assert dict(answer.headers) == {
        b"content-type": b"video/mp4",
        b"accept-ranges": b"bytes",
        b"content-range": part,
    }


@pytest.mark.parametrize(
    "wanted",
    [None, b"", b"bytes=-", b"bytes=5-3", b"bytes=0-1,3-4", b"items=0-1", b"bytes=a-b"],
)
def test_without_a_valid_range_the_whole_is_answered(wanted):
    answer = ranged(WHOLE, wanted)

    assert (answer.status, answer.body) == (200, WHOLE.body)
    assert (b"accept-ranges", b"bytes") in answer.headers


@pytest.mark.parametrize(("wanted", "body"), [(b"bytes=10-", WHOLE.body), (b"bytes=-0", b"")])
def test_a_range_beyond_the_end_is_refused(wanted, body):
    answer = ranged(Answer(200, body), wanted)

    assert (answer.status, answer.body) == (416, b"")
    assert (b"content-range", b"bytes */%d" % len(body)) in answer.headers
