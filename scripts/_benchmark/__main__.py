"""Measure the mock beside a bare app, in one run, and print how they compare.

Ratios carry over to other machines, absolute figures do not. Short slices of all cases take turns,
and what is reported are the medians of the rounds. Two servers of one kind differ by a tenth, each
for as long as it lives, so all are started anew several times. A goal that is missed does not make
this fail; only what did not work does.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from types import FrameType

from scripts._benchmark.cases import FULL, GROUPS, QUICK, BenchmarkCase, Cases, Sizes
from scripts._benchmark.customer import BenchmarkClient, request
from scripts._benchmark.load import CONNECTIONS, Slice, drive
from scripts._benchmark.results import BenchmarkResults, as_json
from scripts._benchmark.servers import BARE, MOCK, BenchmarkServer, Failed, Servers, servers
from scripts._benchmark.tables import report

START = "start"
CROSS_CHECK_SECONDS = 3


def main() -> int:
    """Measure what was asked for; return 1 where something did not work."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    sizes = QUICK if arguments.quick else FULL
    wanted = arguments.only or [*GROUPS, START]
    try:
        results = BenchmarkResults()
        if START in wanted:
            with servers() as started:
                _measure_starts(results, started, sizes)
        while results.crews < sizes.crews and any(name in GROUPS for name in wanted):
            with servers() as started:
                _measure_load(results, started, sizes, wanted)
        said = report(results)
        if arguments.wrk:
            with servers() as started:
                said += "\n" + _cross_check(started)
    except Failed as failure:
        _say("")
        print(f"benchmark: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say("")
        print("benchmark: interrupted", file=sys.stderr)
        return 130
    _say("")
    print(said, end="")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(as_json(results), indent=1) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    summary, _, rest = str(__doc__).partition("\n\n")
    parser = argparse.ArgumentParser(prog="benchmark", description=summary, epilog=rest)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter slices: 40 s")
    parser.add_argument(
        "--only",
        action="append",
        settings=[*GROUPS, START],
        help="measure this alone; may be given more than once",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there as JSON")
    parser.add_argument(
        "--wrk", action="store_true", help="compare the load with that of wrk, on the bare app"
    )
    return parser.parse_args()


def _measure_starts(results: BenchmarkResults, started: Servers, sizes: Sizes) -> None:
    """Start both by turns; the first time is only for the byte code."""
    results.starts = {"mock": [], "bare": []}
    results.memory = {"mock": [], "bare": []}
    for number in range(sizes.starts + 1):
        _say(f"starts: {number} of {sizes.starts}")
        for name, start in (("mock", _start_mock), ("bare", _start_bare)):
            server, seconds = start(started)
            used = server.memory_bytes()
            server.stop()
            if number:
                results.starts[name].append(seconds)
                if used is not None:
                    results.memory[name].append(used)


def _start_mock(started: Servers) -> tuple[BenchmarkServer, float]:
    """Start the mock until it answers, and let it make a job."""
    server, seconds = started.timed_start("the mock", MOCK, "/_mock/ready")
    drive(server, BenchmarkClient.of(server.announced).orders(1, 1), connections=1, warm_up=0)
    return server, seconds


def _start_bare(started: Servers) -> tuple[BenchmarkServer, float]:
    return started.timed_start("the bare app", BARE, "/")


def _measure_load(
    results: BenchmarkResults, started: Servers, sizes: Sizes, wanted: Sequence[str]
) -> None:
    """Let short slices take turns, each group of cases between two slices of the yardstick.

    In every second round they come the other way round.
    """
    results.crews += 1
    crew = f"servers {results.crews} of {sizes.crews}"
    cases = Cases(started, sizes, _say)
    yardstick = cases.yardstick()
    listed = [yardstick]
    for name, prepare in GROUPS.items():
        if name in wanted:
            _say(f"{crew}, preparing {name}")
            listed += [*prepare(cases), yardstick]
    if cases.growth is not None:
        results.growths.append(cases.growth)
    for number in range(sizes.rounds):
        seen: list[tuple[BenchmarkCase, Slice]] = []
        for case in listed if number % 2 == 0 else reversed(listed):
            _say(f"{crew}, round {number + 1} of {sizes.rounds}: {case.title}")
            case.before()
            requests = case.requests(number)
            seen.append((case, drive(case.server, requests, seconds=sizes.seconds)))
        results.add_round(seen, yardstick)


def _cross_check(started: Servers) -> str:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise Failed("wrk is not installed, and --wrk asks for it")
    server = started.start("the bare app for wrk", BARE)
    host = "{}:{}".format(*server.address)
    ours, theirs = [], []
    for _ in range(3):
        _say("comparing with wrk")
        requests = repeat(request(host, "GET", "/"))
        ours.append(drive(server, requests, seconds=CROSS_CHECK_SECONDS).per_second)
        command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{CROSS_CHECK_SECONDS}s", f"http://{host}/"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = re.search(r"Requests/sec: +([\d.]+)", done.stdout)
        if found is None or "Non-2xx" in done.stdout:
            raise Failed(f"wrk said: {done.stdout}{done.stderr}")
        theirs.append(float(found[1]))
    ratio = sum(ours) / sum(theirs)
    return (
        f"Load against wrk: {ours[-1]:,.0f} and {theirs[-1]:,.0f} requests/s, {ratio:.2f} times.\n"
    )


def _say(text: str) -> None:
    """Show progress where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
