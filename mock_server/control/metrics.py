"""What the server did, in the text format of Prometheus."""

from __future__ import annotations

import platform
import resource
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from itertools import accumulate
from operator import add
from pathlib import Path
from typing import Any

from mock_server.control.dependencies import ControlDependencies
from mock_server.core.credits import ZERO, Wallet
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.outbox import Delivery
from mock_server.web.calls import Answer, Call
from mock_server.web.json_bodies import Query
from mock_server.web.metrics import BUCKETS
from mock_server.web.wall import let_others_run

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

# What is in front of a value: an end of the name, and labels.
Sample = tuple[str, Mapping[str, Any], float]


class MetricsQuery(Query):
    """Whether jobs, credits and callbacks are counted for each account."""

    accounts: bool = False


class MetricsPage:
    """The operation that writes metrics."""

    def __init__(self, known: ControlDependencies) -> None:
        self.known = known

    async def get_metrics(self, call: Call, query: MetricsQuery) -> Answer:
        call.trace.passing = True  # It is asked for again and again.
        families = [*self._counted(), *await self._gauged(call, by_account=query.accounts)]
        text = "".join(line for family in families for line in family)
        return Answer(200, text.encode(), ((b"content-type", CONTENT_TYPE),))

    def _counted(self) -> Iterator[Iterator[str]]:
        """Yield what only grows until the server ends."""
        metrics = self.known.metrics
        requests = sorted(metrics.requests.items())
        yield _family(
            "tams_mock_requests_total",
            "counter",
            "Requests that are over.",
            (
                ("", _request(*place) | {"status": status or "none"}, sum(series.counts))
                for (*place, status), series in requests
            ),
        )
        yield _family(
            "tams_mock_request_duration_seconds",
            "histogram",
            "How long requests took, from their head to the end of their answer.",
            _histogram(requests),
        )
        for name, help, labels, counts in (
            (
                "refusals",
                "Requests that were refused, by the kind of refusal.",
                ("surface", "reason"),
                metrics.refusals,
            ),
            (
                "signature_refusals",
                "Requests whose credentials were refused, by the first cause that was found.",
                ("surface", "cause"),
                metrics.signature_refusals,
            ),
            ("faults", "Faults that acted, by kind.", ("kind",), metrics.faults),
            (
                "callback_tries",
                "Tries to deliver callbacks, by outcome.",
                ("outcome",),
                metrics.callbacks,
            ),
        ):
            yield _family(f"tams_mock_{name}_total", "counter", help, _samples(labels, counts))
        yield _family(
            "tams_mock_build_info",
            "gauge",
            "The version; always 1.",
            [("", {"version": self.known.version, "python": platform.python_version()}, 1)],
        )
        for name, kind, help, value in _process(metrics.began):
            yield _family(f"process_{name}", kind, help, [("", {}, value)])

    async def _gauged(self, call: Call, *, by_account: bool) -> list[Iterator[str]]:
        """Return what accounts have now."""
        store = self.known.accounts.store
        jobs, callbacks = Counter[Any](), Counter[Any]()
        credits = defaultdict[Any, Decimal](Decimal)
        accounts = await self.known.accounts.all()
        for account in accounts:
            id = account.id if by_account else ""
            wallet = await store.get(Wallet, account.id)
            credits[id, "held"] += ZERO if wallet is None else wallet.held
            credits[id, "charged"] += ZERO if wallet is None else wallet.charged
            callbacks[id,] += await store.count_due(Delivery, account.id)
            now = await self.known.accounts.now(account, call.wall)
            for state in JobState:
                jobs[id, state] += 0
            for job in await store.list(Job, account.id):
                jobs[id, job.state_at(now)] += 1
            await let_others_run()
        return [
            _family("tams_mock_accounts", "gauge", "Accounts.", [("", {}, len(accounts))]),
            *(
                _family(f"tams_mock_{name}", "gauge", help, _samples(("account", *labels), counts))
                for name, help, labels, counts in (
                    ("jobs", "Jobs that are kept, by state.", ("state",), jobs),
                    ("credits", "Credits that jobs hold, or were charged.", ("kind",), credits),
                    ("callbacks_open", "Callbacks that are due or tried again.", (), callbacks),
                )
            ),
        ]


def _samples(labels: tuple[str, ...], counts: Mapping[Any, Any]) -> Iterator[Sample]:
    """Yield a sample for each place; what is empty in it has no label."""
    for place, count in sorted(counts.items()):
        named = zip(labels, place, strict=True)
        yield "", {label: each for label, each in named if each}, float(count)


def _family(name: str, kind: str, help: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {help}\n# TYPE {name} {kind}\n"
    for end, labels, value in samples:
        pairs = ",".join(f'{key}="{str(each).translate(_ESCAPES)}"' for key, each in labels.items())
        shown = f"{{{pairs}}}" if pairs else ""
        yield f"{name}{end}{shown} {value!r}\n"


def _histogram(requests: Iterable[tuple[tuple[str, str, int], Any]]) -> Iterator[Sample]:
    """Yield the durations of all statuses of an operation together."""
    counts, seconds = dict[tuple[str, str], list[int]](), Counter[tuple[str, str]]()
    for (surface, operation, _), series in requests:
        known = counts.get((surface, operation), [0] * len(series.counts))
        counts[surface, operation] = list(map(add, known, series.counts))
        seconds[surface, operation] += series.seconds
    for place, each in counts.items():
        labels, sums = _request(*place), list(accumulate(each))
        for bound, count in zip((*BUCKETS, "+Inf"), sums, strict=True):
            yield "_bucket", labels | {"le": bound}, count
        yield "_sum", labels, seconds[place]
        yield "_count", labels, sums[-1]


def _request(surface: str, operation: str) -> dict[str, str]:
    return {"surface": surface, "operation": operation or "unknown"}


def _process(began: float) -> Iterator[tuple[str, str, str, float]]:
    """Yield what Prometheus' own libraries tell of a process, as far as the system says it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    yield "cpu_seconds_total", "counter", "Processor time, in seconds.", cpu
    yield "start_time_seconds", "gauge", "When the server began, since the epoch.", began
    with suppress(OSError):  # Linux has it
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        memory = pages * resource.getpagesize()
        yield "resident_memory_bytes", "gauge", "Resident memory, in bytes.", memory
        opened = sum(1 for _ in Path("/proc/self/fd").iterdir())
        yield "open_fds", "gauge", "Open files and sockets.", opened
