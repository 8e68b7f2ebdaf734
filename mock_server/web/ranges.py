"""Range requests, for players that fetch a file in parts."""

from __future__ import annotations

import re

from mock_server.web.calls import Answer

_RANGE = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")


def ranged(answer: Answer, wanted: bytes | None) -> Answer:
    """Return the part of an answer that a Range header asks for (RFC 9110).

    Several ranges and invalid ranges get the whole answer, which the RFC allows.
    """
    headers = (*answer.headers, (b"accept-ranges", b"bytes"))
    whole = Answer(answer.status, answer.body, headers)
    match = _RANGE.fullmatch(wanted or b"")
    if match is None or match[0] == b"bytes=-":
        return whole
    length = len(answer.body)
    if match[1]:
        first, last = int(match[1]), min(int(match[2] or length), length - 1)
        if match[2] and int(match[2]) < first:
            return whole
    else:
        first, last = max(0, length - int(match[2])), length - 1
    if first >= length:
        beyond = (b"content-range", b"bytes */%d" % length)
        return Answer(416, headers=(*whole.headers, beyond))
    part = (b"content-range", b"bytes %d-%d/%d" % (first, last, length))
    return Answer(206, answer.body[first : last + 1], (*whole.headers, part))
