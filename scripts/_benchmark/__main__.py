"""Measure the mock and a bare app in one run, and print the ratios.

Ratios are valid on other machines, absolute figures are not. The cases run in short slices, one
after the other, and the report has the medians of all rounds. Two servers of the same kind differ
by up to ten per cent while they run, so all servers are restarted several times. A missed goal is
not a failure; only an error is.
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
from scripts._benchmark.client import BenchmarkClient, request
from scripts._benchmark.costs import measure_all
from scripts._benchmark.flood import measure_flood
from scripts._benchmark.growth import GrowthBenchmark
from scripts._benchmark.load import CONNECTIONS, Slice, drive
from scripts._benchmark.results import BenchmarkResults, as_json
from scripts._benchmark.servers import BARE, MOCK, BenchmarkServer, Failed, Servers, servers
from scripts._benchmark.tables import report

START = "start"
GROWTH = "growth"
COST = "cost"
FLOOD = "flood"
CROSS_CHECK_SECONDS = 3


def main() -> int:
    """Measure the selected cases; return 1 after an error."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    sizes = QUICK if arguments.quick else FULL
    wanted = arguments.only or [*GROUPS, START, GROWTH, *([] if arguments.quick else [FLOOD, COST])]
    try:
        results = BenchmarkResults()
        if START in wanted:
            with servers() as started:
                _measure_starts(results, started, sizes)
        if GROWTH in wanted:
            results.growing = GrowthBenchmark(sizes.growth, _show_progress).run()
        if COST in wanted:
            with servers() as started:
                results.costs = measure_all(started, sizes.bodies, sizes.repeats, _show_progress)
        if FLOOD in wanted:
            with servers() as started:
                results.floods = measure_flood(started, sizes, _show_progress)
        while results.restarts < sizes.restarts and any(name in GROUPS for name in wanted):
            with servers() as started:
                _measure_load(results, started, sizes, wanted)
        text = report(results)
        if arguments.wrk:
            with servers() as started:
                text += "\n" + _cross_check(started)
    except Failed as failure:
        _show_progress("")
        print(f"benchmark: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _show_progress("")
        print("benchmark: interrupted", file=sys.stderr)
        return 130
    _show_progress("")
    print(text, end="")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(as_json(results), indent=1) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    summary, _, rest = str(__doc__).partition("\n\n")
    parser = argparse.ArgumentParser(prog="benchmark", description=summary, epilog=rest)
    parser.add_argument("--quick", action="store_true", help="use fewer and shorter slices: 40 s")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*GROUPS, START, GROWTH, FLOOD, COST],
        help="measure only this case; may be repeated",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all results to this file as JSON"
    )
    parser.add_argument(
        "--wrk", action="store_true", help="compare the load generator with wrk, on the bare app"
    )
    return parser.parse_args()


def _measure_starts(results: BenchmarkResults, started: Servers, sizes: Sizes) -> None:
    """Start both servers alternately; the first start only compiles the byte code."""
    results.starts = {"mock": [], "bare": []}
    results.memory = {"mock": [], "bare": []}
    for number in range(sizes.starts + 1):
        _show_progress(f"start {number} of {sizes.starts}")
        for name, start in (("mock", _start_mock), ("bare", _start_bare)):
            server, seconds = start(started)
            used = server.memory_bytes()
            server.stop()
            if number:
                results.starts[name].append(seconds)
                if used is not None:
                    results.memory[name].append(used)


def _start_mock(started: Servers) -> tuple[BenchmarkServer, float]:
    """Start the mock, wait for an answer, and create a job."""
    server, seconds = started.timed_start("the mock", MOCK, "/_mock/ready")
    drive(server, BenchmarkClient.of(server.announced).orders(1, 1), connections=1, warm_up=0)
    return server, seconds


def _start_bare(started: Servers) -> tuple[BenchmarkServer, float]:
    return started.timed_start("the bare app", BARE, "/")


def _measure_load(
    results: BenchmarkResults, started: Servers, sizes: Sizes, wanted: Sequence[str]
) -> None:
    """Run short slices of all cases, each group between two slices of the baseline.

    Every second round has the reverse order.
    """
    results.restarts += 1
    label = f"servers {results.restarts} of {sizes.restarts}"
    cases = Cases(started, sizes, _show_progress)
    baseline = cases.baseline()
    listed = [baseline]
    for name, prepare in GROUPS.items():
        if name in wanted:
            _show_progress(f"{label}, preparing {name}")
            listed += [*prepare(cases), baseline]
    if cases.growth is not None:
        results.growths.append(cases.growth)
    for number in range(sizes.rounds):
        measured: list[tuple[BenchmarkCase, Slice]] = []
        for case in listed if number % 2 == 0 else reversed(listed):
            _show_progress(f"{label}, round {number + 1} of {sizes.rounds}: {case.title}")
            case.before()
            requests = case.requests(number)
            measured.append((case, drive(case.server, requests, seconds=sizes.seconds)))
        results.add_round(measured, baseline)


def _cross_check(started: Servers) -> str:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise Failed("--wrk needs wrk, which is not installed")
    server = started.start("the bare app for wrk", BARE)
    host = "{}:{}".format(*server.address)
    ours, theirs = [], []
    for _ in range(3):
        _show_progress("comparing with wrk")
        requests = repeat(request(host, "GET", "/"))
        ours.append(drive(server, requests, seconds=CROSS_CHECK_SECONDS).per_second)
        command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{CROSS_CHECK_SECONDS}s", f"http://{host}/"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = re.search(r"Requests/sec: +([\d.]+)", done.stdout)
        if found is None or "Non-2xx" in done.stdout:
            raise Failed(f"wrk failed: {done.stdout}{done.stderr}")
        theirs.append(float(found[1]))
    ratio = sum(ours) / sum(theirs)
    return (
        f"Load generator: {ours[-1]:,.0f} requests/s, wrk: {theirs[-1]:,.0f}, ratio {ratio:.2f}.\n"
    )


def _show_progress(text: str) -> None:
    """Show progress on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
