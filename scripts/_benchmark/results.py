"""The results of a run, and the goals."""

from __future__ import annotations

import operator
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from os import cpu_count
from statistics import mean, median
from typing import Any, Literal

from scripts._benchmark.cases import BenchmarkCase, Growth
from scripts._benchmark.costs import HeldLoop
from scripts._benchmark.flood import FloodedCallers
from scripts._benchmark.growth import GrowingCost
from scripts._benchmark.load import CONNECTIONS, Slice

# Above this share of a processor, the load generator may be the bottleneck.
MAX_LOAD_SHARE = 0.9


# The figures of a slice that are compared with the baseline.
MEMBERS = ("per_second", "p50", "p99", "cpu_us")


@dataclass(slots=True)
class BenchmarkResults:
    """All results of one run: starts in seconds, memory in bytes.

    `restarts` is how many times the servers were started.
    `beside` has, for each slice, the slices of the baseline before and after it.
    """

    cases: dict[str, BenchmarkCase] = field(default_factory=dict)
    slices: dict[str, list[Slice]] = field(default_factory=dict)
    beside: dict[str, list[tuple[Slice, Slice]]] = field(default_factory=dict)
    starts: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, list[float]] = field(default_factory=dict)
    restarts: int = 0
    growths: list[Growth] = field(default_factory=list)
    growing: list[GrowingCost] = field(default_factory=list)
    costs: list[HeldLoop] = field(default_factory=list)
    floods: list[FloodedCallers] = field(default_factory=list)

    def add_round(
        self, measured: Sequence[tuple[BenchmarkCase, Slice]], baseline: BenchmarkCase
    ) -> None:
        """Add a round in the order of time; it begins and ends with the baseline."""
        before = measured[0][1]
        waiting: list[tuple[BenchmarkCase, Slice]] = []
        for case, slice in measured:
            if case is not baseline:
                waiting.append((case, slice))
                continue
            for other, one in waiting:
                self._add(other, one, (before, slice))
            waiting.clear()
            self._add(case, slice, (slice, slice))
            before = slice

    def _add(self, case: BenchmarkCase, slice: Slice, beside: tuple[Slice, Slice]) -> None:
        self.cases.setdefault(case.name, case)
        self.slices.setdefault(case.name, []).append(slice)
        self.beside.setdefault(case.name, []).append(beside)

    def median(self, name: str, what: str) -> float | None:
        """Return the median of one figure of a case's slices, or None if it is unknown."""
        values = [getattr(each, what) for each in self.slices.get(name, ())]
        known = [value for value in values if value is not None]
        return median(known) if known else None

    def ratios(self, name: str, what: str, other: str = "") -> list[float]:
        """Return, for each round, one figure of a case divided by that of the baseline.

        With `other`, it is divided by that of another case.
        """
        slices = self.slices.get(name, ())
        others: Sequence[tuple[Slice, ...]] = self.beside.get(name, ())
        if other:
            others = [(each,) for each in self.slices.get(other, ())]
        ratios = []
        for one, pair in zip(slices, others, strict=False):
            value = getattr(one, what)
            known = [found for each in pair if (found := getattr(each, what))]
            if value is not None and known:
                ratios.append(value / mean(known))
        return ratios


@dataclass(frozen=True, slots=True)
class PerformanceGoal:
    """A limit for a figure; `values` returns the figure of each round, or nothing."""

    number: int
    title: str
    sign: Literal["≥", "≤"]
    limit: float
    values: Callable[[BenchmarkResults], Sequence[float]]
    stretch: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class GoalResult:
    """A goal and the measured values; without values it was not measured."""

    goal: PerformanceGoal
    values: Sequence[float]

    @property
    def measured(self) -> float | None:
        return median(self.values) if self.values else None

    @property
    def verdict(self) -> str:
        """Return `stretch`, `ok`, `MISSED`, or `-` if it was not measured."""
        measured, goal = self.measured, self.goal
        if measured is None:
            return "-"
        reached = operator.ge if goal.sign == "≥" else operator.le
        if goal.stretch is not None and reached(measured, goal.stretch):
            return "stretch"
        return "ok" if reached(measured, goal.limit) else "MISSED"


def _divided(values: Mapping[str, Sequence[float]]) -> list[float]:
    pairs = zip(values.get("mock", ()), values.get("bare", ()), strict=False)
    return [mock / bare for mock, bare in pairs]


def _growths(results: BenchmarkResults) -> list[float]:
    known = [growth.bytes_per_job for growth in results.growths]
    return [bytes_per_job / 1024 for bytes_per_job in known if bytes_per_job is not None]


GOALS = (
    PerformanceGoal(
        1, "signed GET job / bare, requests per second", "≥", 0.50,
        lambda results: results.ratios("get", "per_second"), stretch=0.60,
    ),
    PerformanceGoal(
        2, "signed POST job / bare, requests per second", "≥", 0.30,
        lambda results: results.ratios("create", "per_second"), stretch=0.35,
    ),
    PerformanceGoal(
        3, "signed GET job / bare, p99", "≤", 2,
        lambda results: results.ratios("get", "p99"), stretch=1.5,
    ),
    PerformanceGoal(
        4, "start to ready / bare", "≤", 1.5,
        lambda results: _divided(results.starts), stretch=1.3,
    ),
    PerformanceGoal(
        5, "idle memory / bare", "≤", 1.5,
        lambda results: _divided(results.memory), stretch=1.4,
    ),
    PerformanceGoal(6, "memory per finished job", "≤", 1.35, _growths, stretch=1.0, unit=" KB"),
    PerformanceGoal(
        7, "signed GET among many jobs / among few, p99", "≤", 1.1,
        lambda results: results.ratios("among-many", "p99", "among-few"),
    ),
    PerformanceGoal(
        8, "cached picture of about 512 KB / bare", "≥", 0.30,
        lambda results: results.ratios("picture", "per_second"), stretch=0.40,
    ),
    PerformanceGoal(
        9, "journal off / no journal", "≥", 0.97,
        lambda results: results.ratios("journal-off", "per_second", "no-journal"),
    ),
    PerformanceGoal(
        9, "no faults set / without faults", "≥", 0.97,
        lambda results: results.ratios("faults-unset", "per_second", "no-faults"),
    ),
    PerformanceGoal(
        12, "largest growth of an operation for ten times as many", "≤", 1.1,
        lambda results: [max(cost.per_tenfold for cost in results.growing)]
        if results.growing else [], stretch=1.0,
    ),
    PerformanceGoal(
        13, "loop held by the worst hostile request / allowed", "≤", 1,
        lambda results: [max(held.share for held in results.costs)] if results.costs else [],
        stretch=0.4,
    ),
    PerformanceGoal(
        14, "other callers during a flood of wrong signatures / quiet, p95", "≤", 2,
        lambda results: list(map(max, zip(*(each.ratios for each in results.floods), strict=True))),
        stretch=1.3,
    ),
)  # fmt: skip


def goal_results(results: BenchmarkResults) -> list[GoalResult]:
    """Return the result of each goal."""
    return [GoalResult(goal, goal.values(results)) for goal in GOALS]


def environment() -> dict[str, Any]:
    """Return what the figures depend on, apart from the code."""
    packages = ("starlette", "uvicorn", "uvloop", "httptools", "pydantic", "cryptography")
    return {
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "processors": cpu_count(),
        "connections": CONNECTIONS,
        **{package: version(package) for package in packages},
    }


def as_json(results: BenchmarkResults) -> dict[str, Any]:
    """Return the whole run as data: all slices, ratios and goals."""
    return {
        "environment": environment(),
        "cases": {
            name: {
                "title": case.title,
                "slices": [asdict(each) for each in results.slices[name]],
                "beside": [list(map(asdict, pair)) for pair in results.beside[name]],
                "ratios": {what: results.ratios(name, what) for what in MEMBERS},
                "like": results.ratios(name, "per_second", case.like) if case.like else [],
            }
            for name, case in results.cases.items()
        },
        "starts": results.starts,
        "memory": results.memory,
        "restarts": results.restarts,
        "growths": [asdict(growth) for growth in results.growths],
        "growing": [asdict(cost) | {"per_tenfold": cost.per_tenfold} for cost in results.growing],
        "costs": [held._asdict() | {"share": held.share} for held in results.costs],
        "floods": [each._asdict() | {"ratios": each.ratios} for each in results.floods],
        "goals": [
            {
                "number": result.goal.number,
                "title": result.goal.title,
                "wanted": f"{result.goal.sign} {result.goal.limit:g}{result.goal.unit}",
                "measured": result.measured,
                "values": list(result.values),
                "verdict": result.verdict,
            }
            for result in goal_results(results)
        ],
    }
