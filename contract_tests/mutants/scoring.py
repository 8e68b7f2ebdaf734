"""The score: which mutants are noticed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import click

from contract_tests import wall
from contract_tests.mutants.calls import HttpCall, unchanged
from contract_tests.mutants.catalogue import MUTANTS
from contract_tests.mutants.harness import Harness, MutantRunFailed, TestRun
from contract_tests.mutants.mutant import Mutant
from contract_tests.outcomes import TestOutcome
from contract_tests.report.shape import TestResult

_Verdict = TypeVar("_Verdict")


@dataclass(frozen=True)
class MutantVerdict:
    """The verdict on a mutant: tests that noticed it, other failures, errors, or a problem."""

    name: str
    noticed: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    problem: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Say whether a failure names the mutant."""
        return bool(self.noticed) and not self.problem


def names(mutant: Mutant, result: TestResult) -> bool:
    """Say whether a test failed and its name or message names the mutant."""
    said = f"{result.test}\n{result.message}"
    failed = result.outcome == TestOutcome.FAILED.value
    return failed and re.search(mutant.clue, said, re.DOTALL) is not None


def judge(mutant: Mutant, results: Sequence[TestResult], seconds: float = 0.0) -> MutantVerdict:
    """Return the verdict on a mutant, from the results of its tests."""
    noticed = tuple(result.test for result in results if names(mutant, result))
    failed = [result.test for result in results if result.outcome == TestOutcome.FAILED.value]
    return MutantVerdict(
        mutant.name,
        noticed=noticed,
        unnamed=tuple(test for test in failed if test not in noticed),
        broken=tuple(
            result.test for result in results if result.outcome == TestOutcome.ERROR.value
        ),
        problem="" if results else "noticed.json names no test",
        seconds=round(seconds, 2),
    )


def score(noticed: Mapping[str, Sequence[str]], wanted: Sequence[str]) -> list[MutantVerdict]:
    """Return the verdicts on mutants, by the tests in `noticed`; runs in this process."""
    with open_harness({}) as harness:
        return [_try(mutant, noticed.get(mutant.name, ()), harness) for mutant in _of(wanted)]


def search(wanted: Sequence[str]) -> list[MutantVerdict]:
    """Return the verdicts on mutants, by all tests that make calls a mutant concerns."""
    with open_harness({}) as harness:
        seen = sorted(harness.run(unchanged, ()), key=lambda run: run.result.seconds)
        verdicts = []
        for mutant in _of(wanted):
            verdicts.append(verdict := _try(mutant, _candidates(mutant, seen), harness))
            click.echo(f"{mutant.name}: {' '.join(verdict.noticed) or '—'}", err=True)
    return verdicts


def in_parallel(
    work: Callable[[Sequence[str]], list[_Verdict]], names: Sequence[str], processes: int
) -> Iterator[_Verdict]:
    """Yield the verdicts on all names, shared between some processes."""
    shares = [names[place::processes] for place in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for verdicts in pool.map(work, [share for share in shares if share]):
            yield from verdicts


@contextmanager
def open_harness(settings: Mapping[str, object]) -> Iterator[Harness]:
    """Open a harness in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(Path(folder), settings)
        try:
            yield harness
        finally:
            harness.close()


def _try(mutant: Mutant, tests: Sequence[str], harness: Harness) -> MutantVerdict:
    begun = wall.elapsed()
    try:
        runs = (
            harness.run(mutant.mutation.make(), tests, until=partial(names, mutant))
            if tests
            else []
        )
    except MutantRunFailed as failure:
        return MutantVerdict(mutant.name, problem=str(failure))
    return judge(mutant, [run.result for run in runs], wall.elapsed() - begun)


def _candidates(mutant: Mutant, seen: Sequence[TestRun]) -> list[str]:
    """Return the tests that may notice a mutant, first those whose names match its clue."""
    tests = [
        run.result.test
        for run in seen
        if run.result.surface == mutant.surface
        and (run.shares or any(mutant.mutation.concerns(HttpCall(*call)) for call in run.calls))
    ]
    return sorted(tests, key=lambda test: re.search(mutant.clue, test, re.DOTALL) is None)


def _of(wanted: Sequence[str]) -> list[Mutant]:
    return [mutant for mutant in MUTANTS if mutant.name in wanted]
