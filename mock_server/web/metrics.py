"""Counts of what the server did since it began; `GET /_mock/metrics` writes them for Prometheus.

Each count has few labels with few values, however many accounts and paths there are.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter

from msgspec import Struct, field

from mock_server.core.errors import Unauthenticated
from mock_server.core.outbox import Delivery
from mock_server.web.callback_formats import CallbackReply
from mock_server.web.traces import Trace

# Upper bounds of durations, in seconds; those above the last are counted, too.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Of requests by surface, operation and status. Faults can answer any status; from here on, those
# that are new are counted together, as NO_STATUS.
MAX_SERIES = 2000
NO_STATUS = 0  # also where nothing was answered

CALLBACK_FAULT = "callback"


class RequestSeries(Struct):
    """How many requests took how long: `counts` are by bucket, and not added up."""

    seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))


class Metrics:
    """Observes exchanges and callbacks. `began` is when the server began, in real seconds."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.requests: dict[tuple[str, str, int], RequestSeries] = {}
        self.refusals = Counter[tuple[str, str]]()  # by surface and the kind of error
        self.signature_refusals = Counter[tuple[str, str]]()  # by surface and cause
        self.faults = Counter[tuple[str]]()  # by kind
        self.callbacks = Counter[tuple[str]]()  # tries, by what came of them

    def observe(self, trace: Trace) -> None:
        """Count an exchange that is over."""
        status = NO_STATUS if trace.answer is None else trace.answer.status
        series = self.requests.get((trace.surface, trace.operation, status))
        if series is None:
            series = self._new(trace.surface, trace.operation, status)
        series.seconds += trace.seconds
        series.counts[bisect_left(BUCKETS, trace.seconds)] += 1
        if trace.refused is not None:
            self.refusals[trace.surface, _kebab(trace.refused.__name__)] += 1
            if issubclass(trace.refused, Unauthenticated):
                self.signature_refusals[trace.surface, _cause(trace)] += 1
        for kind in trace.faults:
            self.faults[kind,] += 1

    def _new(self, surface: str, operation: str, status: int) -> RequestSeries:
        if len(self.requests) >= MAX_SERIES:
            status = NO_STATUS
        return self.requests.setdefault((surface, operation, status), RequestSeries())

    def observe_try(
        self,
        began: float,
        ended: float,
        delivery: Delivery,
        reply: CallbackReply | None,
        is_final: bool,
    ) -> None:
        """Count a try of a callback; `reply` is None where a fault kept it from being sent."""
        if delivery.fault:
            self.faults[CALLBACK_FAULT,] += 1
        if reply is None:
            outcome = "kept-back"
        elif not reply.status:
            outcome = "no-answer"
        else:
            outcome = "delivered" if 200 <= reply.status < 300 else "refused"
        self.callbacks[outcome,] += 1


def _cause(trace: Trace) -> str:
    """Return why credentials were refused: a cause that was found, or the check that failed."""
    verdict = trace.verdict
    diagnosis = getattr(verdict, "diagnosis", None)
    found = diagnosis.ids if diagnosis is not None else ()
    return found[0] if found else getattr(verdict, "reason", "") or "unknown"


def _kebab(name: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "-", name).lower()
