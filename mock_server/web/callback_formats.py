"""What is sent out and what comes back, and how a surface words, addresses and repeats it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job
from mock_server.core.outbox import Attempt, Delivery
from mock_server.web.targets import CallbackTarget

# How much of the answer to a question is kept for the log.
KEPT_ANSWER_BYTES = 4096


class CallbackReply(Struct, frozen=True):
    """What came of one try: the status, or 0 and what went wrong, and the body of the answer.

    `url` is where the try went.
    """

    status: int
    problem: str = ""
    body: bytes = b""
    url: str = ""

    @property
    def arrived(self) -> bool:
        return 200 <= self.status < 300

    def data(self) -> Any:
        """Return the body read as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def as_attempt(self, at: float, *, asked: bool) -> Attempt:
        """Return what the outbox keeps of a try at a moment of virtual time."""
        answer = self.body[:KEPT_ANSWER_BYTES].decode(errors="replace") if asked else ""
        return Attempt(at, self.status, self.problem, self.url, answer)


class CallbackFault(Struct, frozen=True):
    """How a notice misbehaves, because the rule `id` wants it; `seconds` are of virtual time."""

    id: str
    kind: str
    seconds: float = 0.0

    def broken(self, target: CallbackTarget, body: bytes) -> tuple[CallbackTarget, bytes]:
        """Return where the notice goes and what it says instead."""
        match self.kind:
            case "truncated":
                return target, body[: len(body) // 2]
            case "wrong-content-type":
                return replace(target, content_type="text/html"), body
            case "wrong-signature":
                urls = (_SIGNED.sub(_other_digit, url) for url in target.pinned_urls)
                return replace(target, pinned_urls=tuple(urls)), body
        return target, body


_SIGNED = re.compile(r"(?<=[?&]sign=)[^&]")


def _other_digit(found: re.Match[str]) -> str:
    return "1" if found[0] == "0" else "0"


def _where_it_is_watched(delivery: Delivery, account: Account, at: float) -> str:
    return delivery.watch.url


class CallbackAdapter(Struct, frozen=True):
    """How a surface tells its customers of something.

    `write` makes the body of a notice about a job, `address` the URL of one try at a moment of
    virtual time, and `delays[n]` seconds pass after the n-th failure, unless it is on a topic that
    is told `once`.
    """

    write: Callable[[Delivery, Job, Account], bytes]
    delays: Sequence[float] = ()
    address: Callable[[Delivery, Account, float], str] = _where_it_is_watched
    once: Collection[str] = ()
