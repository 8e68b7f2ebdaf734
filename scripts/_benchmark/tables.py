"""The text report of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from scripts._benchmark.costs import MAX_SECONDS_PER_MB, MIN_ALLOWED_SECONDS
from scripts._benchmark.results import (
    MAX_LOAD_SHARE,
    MEMBERS,
    BenchmarkResults,
    environment,
    goal_results,
)

_COLUMNS = (
    "", "req/s", "p50 ms", "p99 ms", "CPU µs", "req/s ×", "p50 ×", "p99 ×", "CPU ×", "same ×"
)  # fmt: skip


def report(results: BenchmarkResults) -> str:
    """Return all results as text."""
    parts = [", ".join(f"{name} {value}" for name, value in environment().items())]
    if results.slices:
        rounds = min(map(len, results.slices.values()))
        parts.append(
            f"Medians of {rounds} rounds; server starts: {results.restarts}. Columns with × are"
            " ratios to the baseline\njust before and after the slice; same × is the ratio of"
            " requests per second to the row of the\nbare app that does the same."
        )
        parts.append(_table([_COLUMNS, *_case_rows(results)]))
    if results.starts:
        parts.append(_table([("", "mock", "bare"), *_start_rows(results)]))
    if results.growing:
        sizes = list(results.growing[0].cpu_us)
        heads = ("CPU µs of an operation among", *(f"{size:,}" for size in sizes), "for ten times")
        parts.append(_table([heads, *_growth_rows(results)]))
    if results.costs:
        parts.append(
            f"How long hostile requests hold the event loop, the worst first. Allowed are"
            f" {MAX_SECONDS_PER_MB * 1000:g} ms per\nmegabyte of input, and at least"
            f" {MIN_ALLOWED_SECONDS * 1000:g} ms."
        )
        heads = ("request", "MB", "held ms", "ms per MB", "÷ allowed", "status", "")
        parts.append(_table([heads, *_cost_rows(results)], left=(0, 6)))
    if results.floods:
        heads = ("wrong signatures beside other callers", "refused/s", "p95 ms", "quiet", "ratio")
        parts.append(_table([heads, *_flood_rows(results)]))
    if goals := list(_goal_rows(results)):
        heads = ("goal", "", "limit", "measured", "min", "max", "")
        parts.append(_table([heads, *goals], left=(0, 1, 6)))
    parts += _warnings(results)
    return "\n\n".join(parts) + "\n"


def _case_rows(results: BenchmarkResults) -> Iterator[tuple[str, ...]]:
    for name, case in results.cases.items():
        ratios = [results.ratios(name, what) for what in MEMBERS]
        yield (
            case.title,
            _number(results.median(name, "per_second"), "{:,.0f}"),
            _number(results.median(name, "p50"), "{:.2f}", 1000),
            _number(results.median(name, "p99"), "{:.2f}", 1000),
            _number(results.median(name, "cpu_us"), "{:.0f}"),
            *(_median(each) for each in ratios),
            _median(results.ratios(name, "per_second", case.like)) if case.like else "",
        )


def _start_rows(results: BenchmarkResults) -> Iterator[tuple[str, ...]]:
    yield (
        "start to the first answer, ms",
        *(f"{median(results.starts[name]) * 1000:.0f}" for name in ("mock", "bare")),
    )
    if results.memory:
        yield (
            "idle memory after one request, MB",
            *(f"{median(results.memory[name]) / 1e6:.1f}" for name in ("mock", "bare")),
        )


def _growth_rows(results: BenchmarkResults) -> Iterator[tuple[str, ...]]:
    for cost in results.growing:
        used = (f"{used:,.0f}" for used in cost.cpu_us.values())
        yield (cost.title, *used, f"{cost.per_tenfold:.2f}")


def _cost_rows(results: BenchmarkResults) -> Iterator[tuple[str, ...]]:
    for held in sorted(results.costs, key=lambda held: held.share, reverse=True):
        yield (
            held.title,
            f"{held.megabytes:.3f}",
            f"{held.seconds * 1000:.1f}",
            f"{held.seconds * 1000 / held.megabytes:.1f}",
            f"{held.share:.2f}",
            str(held.status),
            "ok" if held.share <= 1 else "MISSED",
        )


def _flood_rows(results: BenchmarkResults) -> Iterator[tuple[str, ...]]:
    for flood in results.floods:
        yield (
            f"with bodies of {flood.size_bytes:,} bytes",
            f"{median(flood.refused_per_second):.0f}",
            f"{median(flood.flooded) * 1000:.2f}",
            f"{median(flood.quiet) * 1000:.2f}",
            _median(flood.ratios),
        )


def _goal_rows(results: BenchmarkResults) -> Iterator[tuple[str, ...]]:
    for result in goal_results(results):
        goal, values = result.goal, result.values
        if values:
            yield (
                str(goal.number),
                goal.title,
                f"{goal.sign} {goal.limit:g}{goal.unit}",
                _number(result.measured, "{:.2f}") + goal.unit,
                f"{min(values):.2f}",
                f"{max(values):.2f}",
                result.verdict,
            )


def _warnings(results: BenchmarkResults) -> Iterator[str]:
    for growth in results.growths[:1]:
        yield f"Goals 6 and 7 were measured with {growth.jobs:,} jobs."
    for name, case in results.cases.items():
        share = results.median(name, "load_share")
        if share is not None and share > MAX_LOAD_SHARE:
            yield (
                f"Warning: the load generator used {share:.0%} of a processor for"
                f" {case.title!r}; it may be the bottleneck."
            )


def _number(value: float | None, form: str, factor: float = 1) -> str:
    return "" if value is None else form.format(value * factor)


def _median(values: Sequence[float]) -> str:
    return f"{median(values):.2f}" if values else ""


def _table(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Return rows as aligned columns; those in `left` are left-aligned, others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
