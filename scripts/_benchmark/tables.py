"""The tables that people read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from scripts._benchmark.results import (
    MAX_LOAD_SHARE,
    MEMBERS,
    BenchmarkResults,
    findings,
    surroundings,
)

_COLUMNS = (
    "", "req/s", "p50 ms", "p99 ms", "CPU µs", "req/s ×", "p50 ×", "p99 ×", "CPU ×", "like ×"
)  # fmt: skip


def report(results: BenchmarkResults) -> str:
    """Return everything that was measured, as text."""
    parts = [", ".join(f"{name} {value}" for name, value in surroundings().items())]
    if results.slices:
        rounds = min(map(len, results.slices.values()))
        parts.append(
            f"Medians of {rounds} rounds, with servers that were started anew {results.crews}×."
            " × is times the\nyardstick's figure just before and after; like × is requests per"
            " second, times those of the bare\napp's row that does the same."
        )
        parts.append(_table([_COLUMNS, *_case_rows(results)]))
    if results.starts:
        parts.append(_table([("", "mock", "bare"), *_start_rows(results)]))
    if goals := list(_goal_rows(results)):
        heads = ("goal", "", "wanted", "measured", "least", "most", "")
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


def _goal_rows(results: BenchmarkResults) -> Iterator[tuple[str, ...]]:
    for finding in findings(results):
        goal, values = finding.goal, finding.values
        if values:
            yield (
                str(goal.number),
                goal.title,
                f"{goal.sign} {goal.limit:g}{goal.unit}",
                _number(finding.measured, "{:.2f}") + goal.unit,
                f"{min(values):.2f}",
                f"{max(values):.2f}",
                finding.verdict,
            )


def _warnings(results: BenchmarkResults) -> Iterator[str]:
    for growth in results.growths[:1]:
        yield f"Memory per job and the many jobs of goal 7 are about {growth.jobs:,} jobs."
    for name, case in results.cases.items():
        share = results.median(name, "load_share")
        if share is not None and share > MAX_LOAD_SHARE:
            yield (
                f"Beware: the load for {case.title!r} took {share:.0%} of a processor;"
                " it may be what was measured."
            )


def _number(value: float | None, form: str, factor: float = 1) -> str:
    return "" if value is None else form.format(value * factor)


def _median(values: Sequence[float]) -> str:
    return f"{median(values):.2f}" if values else ""


def _table(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Lay rows out in columns; those in `left` are aligned there, the others on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
