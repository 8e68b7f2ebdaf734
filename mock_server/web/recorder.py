"""The recorder: what is needed to play the last exchanges again, kept as it came.

It keeps the same traces as the journal, and beside them whole request bodies, which the journal
cuts. Nothing is made of them until somebody asks for an incident.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from hashlib import blake2b
from itertools import chain
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.outbox import Delivery
from mock_server.web.callback_formats import CallbackReply
from mock_server.web.callbacks import by_itself
from mock_server.web.calls import CONTROL, LEFT_EARLY, Answer
from mock_server.web.journal import OVERHEAD_BYTES
from mock_server.web.traces import Trace, next_turn

# Answers are kept up to here, and as digests above.
MAX_ANSWER_BYTES = 16 * 1024
# Request bodies above this make room first.
LARGE_BYTES = 64 * 1024
MAX_TRIES = 10_000  # of callbacks

# Digests of the last large answers: the same picture is often fetched again.
_KEPT_DIGESTS = 8

# Calls of the control API with other methods than GET that change nothing that calls depend on.
_READS = ("GET", "HEAD", "OPTIONS")
_QUESTIONS = {
    "POST /_mock/incident",
    "POST /_mock/requests/verify",
    "POST /_mock/requests/wait",
    "POST /_mock/signature/explain",
}


class RecordedSettings(Struct, frozen=True):
    """Settings by name, the texts of the `files` that they name, and the secrets among them.

    Paths are those of the files. `partial` says in sentences what a replay cannot repeat.
    """

    values: dict[str, Any]
    files: dict[str, str]
    secrets: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()


class RecordedCall(Struct, eq=False):
    """An exchange; its request body is None where it had to make room.

    A large answer has no body here, but `size_bytes` and the `digest` of its body.
    """

    trace: Trace
    body: bytes | None
    answer: Answer | None
    size_bytes: int = 0
    digest: str = ""

    @property
    def turn(self) -> int:
        """When it first had an effect."""
        return self.trace.acts[0] if self.trace.acts else self.trace.turn


class RecordedTry(Struct, frozen=True):
    """What came of one try of a callback: the `number`-th, between two moments of the wall.

    The `reply` is None where a fault kept it from being sent. `is_final` says that no other try
    follows; `fault` is the id of the rule that hit the callback. One that `is_alone` was sent by
    itself.
    """

    turn: int
    began: float
    ended: float
    account: str
    callback: str
    number: int
    reply: CallbackReply | None
    is_final: bool
    is_alone: bool
    fault: str


class Recorder:
    """Keeps the last `entries` calls of vendors, and as many that changed something by control.

    All together stay below `total_bytes`: large request bodies make room first, then the oldest
    calls; 0 of either keeps nothing. `began_at` is when the server began, or (`was_reset`) was
    reset altogether. `last_dropped` is the turn of the newest call that had to make room.
    """

    def __init__(self, *, entries: int, total_bytes: int) -> None:
        self.entries = entries if total_bytes else 0
        self.total_bytes = total_bytes
        self._digests: OrderedDict[int, tuple[bytes, str]] = OrderedDict()
        self.begin(0.0)

    def begin(self, wall: float, *, was_reset: bool = False) -> None:
        """Forget everything: the server is as it began."""
        self.began_at = wall
        self.was_reset = was_reset
        self.dropped = self.last_dropped = self.dropped_tries = 0
        self._rings: tuple[deque[RecordedCall], deque[RecordedCall]] = deque(), deque()
        self._large: deque[RecordedCall] = deque()
        self._size_bytes = 0
        self._tries: deque[RecordedTry] = deque()

    @property
    def calls(self) -> list[RecordedCall]:
        """What came, in the order in which it had effects."""
        return sorted(chain(*self._rings), key=lambda call: call.turn)

    @property
    def tries(self) -> list[RecordedTry]:
        """What became of callbacks, in the order in which the tries ended."""
        return list(self._tries)

    def newest(self, id: str) -> RecordedCall | None:
        """Return the newest call, if it has this id."""
        newest = [ring[-1] for ring in self._rings if ring]
        return next((call for call in newest if call.trace.id == id), None)

    def keep(self, trace: Trace) -> None:
        """Observe an exchange that is over."""
        if not self.entries or trace.passing or LEFT_EARLY in trace.remarks:
            return
        is_control = trace.surface == CONTROL
        if is_control and (trace.method in _READS or trace.operation in _QUESTIONS):
            return
        ring = self._rings[is_control]
        call = RecordedCall(trace, trace.body, trace.answer)
        if trace.answer is not None and len(trace.answer.body) > MAX_ANSWER_BYTES:
            self._digest(call, trace.answer)
        ring.append(call)
        self._size_bytes += _size_of(call)
        if len(trace.body) > LARGE_BYTES:
            self._large.append(call)
        if len(ring) > self.entries:
            self._drop(ring)
        while self._size_bytes > self.total_bytes:
            if self._large:
                large = self._large.popleft()
                self._size_bytes -= len(large.body or b"")
                large.body = None
            else:
                self._drop(max(self._rings, key=len))

    def keep_try(
        self,
        began: float,
        ended: float,
        delivery: Delivery,
        reply: CallbackReply | None,
        is_final: bool,
    ) -> None:
        """Keep what came of a try of a callback that began and ended at moments of the wall."""
        if not self.entries:
            return
        if reply is not None:
            body = reply.body if delivery.asked else b""
            reply = CallbackReply(reply.status, reply.problem, body, reply.url)
        number, place = len(delivery.attempts) + 1, (delivery.account, delivery.id)
        turn, is_alone = next_turn(), by_itself.get()
        self._tries.append(
            RecordedTry(
                turn, began, ended, *place, number, reply, is_final, is_alone, delivery.fault
            )
        )
        if len(self._tries) > MAX_TRIES:
            self._tries.popleft()
            self.dropped_tries += 1

    def _drop(self, ring: deque[RecordedCall]) -> None:
        oldest = ring.popleft()
        if oldest.body is not None and len(oldest.body) > LARGE_BYTES:
            self._large.remove(oldest)
        self._size_bytes -= _size_of(oldest)
        self.last_dropped = max(self.last_dropped, oldest.turn)
        self.dropped += 1

    def _digest(self, call: RecordedCall, answer: Answer) -> None:
        body = answer.body
        known = self._digests.get(id(body))
        if known is None:
            known = self._digests[id(body)] = body, digest_of(body)
            if len(self._digests) > _KEPT_DIGESTS:
                self._digests.popitem(last=False)
        call.answer = replace(answer, body=b"")
        call.size_bytes, call.digest = len(body), known[1]


def digest_of(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()


def _size_of(call: RecordedCall) -> int:
    answer = 0 if call.answer is None else len(call.answer.body)
    return OVERHEAD_BYTES + len(call.trace.packed_head) + len(call.body or b"") + answer
