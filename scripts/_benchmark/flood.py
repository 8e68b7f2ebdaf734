"""How much later other callers are answered during a flood of wrong signatures (goal 14)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import NamedTuple

from mock_server.tams.signature import sign
from scripts._benchmark.cases import Sizes
from scripts._benchmark.client import request
from scripts._benchmark.load import drive
from scripts._benchmark.prepared import Prepared
from scripts._benchmark.servers import MOCK, Servers

# Each account has some searches for its mistakes in every second, so many keep the mock busy.
ACCOUNTS = 16
FLOOD_CONNECTIONS = 2
BODIES = (1_000, 1_000_000)


class FloodedCallers(NamedTuple):
    """The p95 of other callers in seconds, in each round; bodies are those of the flood."""

    size_bytes: int
    quiet: list[float]
    flooded: list[float]
    refused_per_second: list[float]

    @property
    def ratios(self) -> list[float]:
        return [one / other for one, other in zip(self.flooded, self.quiet, strict=True)]


def measure_flood(
    started: Servers, sizes: Sizes, show: Callable[[str], None]
) -> list[FloodedCallers]:
    """Poll a job of one account alone, then while others send wrong signatures."""
    mock = Prepared(started.start("the mock in a flood", MOCK, "--clock-rate", "0"))
    polls = mock.polls(mock.finished)
    found = []
    seconds = 2 * sizes.seconds
    for size_bytes in BODIES:
        wrong = _wrong(mock, b'{"text":"%b"}' % (b"a b" * (size_bytes // 3)))
        measured = FloodedCallers(size_bytes, [], [], [])
        for number in range(sizes.rounds):
            show(f"flood of {size_bytes:,} bytes, round {number + 1} of {sizes.rounds}")
            measured.quiet.append(drive(mock.server, cycle(polls), seconds=seconds).p95)
            with ThreadPoolExecutor(1) as pool:
                flood = pool.submit(
                    drive, mock.server, cycle(wrong), seconds=seconds + 1, status=401,
                    connections=FLOOD_CONNECTIONS,
                )  # fmt: skip
                time.sleep(0.5)  # until searches have begun
                measured.flooded.append(drive(mock.server, cycle(polls), seconds=seconds).p95)
                measured.refused_per_second.append(flood.result().per_second)
        found.append(measured)
    return found


def _wrong(mock: Prepared, body: bytes) -> list[bytes]:
    """Return calls of several accounts whose signatures are made of another body."""
    made = []
    for number in range(ACCOUNTS):
        account = mock.server.json("POST", "/_mock/accounts", {})
        value = sign(
            account["privateKey"], account["appId"], "POST", b"/v1/jobs", b"other",
            timestamp=int(time.time()), nonce=f"flood{number}",
        )  # fmt: skip
        made.append(request(mock.client.host, "POST", "/v1/jobs", body, authorization=value))
    return made
