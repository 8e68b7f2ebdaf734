"""The score: which lies are noticed, and whether anything honest is taken for one."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import click

from contract_tests import wall
from contract_tests.lies.calls import Call, honest
from contract_tests.lies.catalogue import LIES
from contract_tests.lies.hearing import Court, HearingFailed, Testimony
from contract_tests.lies.honest import VARIANTS
from contract_tests.lies.lie import Lie
from contract_tests.outcomes import Outcome
from contract_tests.report.shape import TestResult

BAD = (Outcome.FAILED.value, Outcome.ERROR.value)
_Verdict = TypeVar("_Verdict")


@dataclass(frozen=True)
class LieVerdict:
    """What became of a lie: the tests that failed, those whose failure names it, and why not."""

    name: str
    noticed: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    problem: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Say whether the lie was noticed by a failure that names it."""
        return bool(self.noticed) and not self.problem


@dataclass(frozen=True)
class HonestVerdict:
    """What became of an honest variant: which tests took it for a lie, with their reasons."""

    name: str
    accused: Mapping[str, str] = field(default_factory=dict)
    tests: int = 0
    problem: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Say whether no test minded."""
        return not self.accused and not self.problem and self.tests > 0


def names(lie: Lie, result: TestResult) -> bool:
    """Say whether a test failed, and by its name or its words says what is wrong."""
    said = f"{result.test}\n{result.message}"
    failed = result.outcome == Outcome.FAILED.value
    return failed and re.search(lie.clue, said, re.DOTALL) is not None


def judge(lie: Lie, results: Sequence[TestResult], seconds: float = 0.0) -> LieVerdict:
    """Return the verdict on a lie after the tests that were to notice it."""
    noticed = tuple(result.test for result in results if names(lie, result))
    failed = [result.test for result in results if result.outcome == Outcome.FAILED.value]
    return LieVerdict(
        lie.name,
        noticed=noticed,
        unnamed=tuple(test for test in failed if test not in noticed),
        broken=tuple(result.test for result in results if result.outcome == Outcome.ERROR.value),
        problem="" if results else "there is no test for it",
        seconds=round(seconds, 2),
    )


def score(noticed: Mapping[str, Sequence[str]], wanted: Sequence[str]) -> list[LieVerdict]:
    """Return the verdicts on lies, by the tests that are known to notice them; in this process."""
    with in_court({}) as court:
        return [_try(lie, noticed.get(lie.name, ()), court) for lie in _of(wanted)]


def acquit(name: str, tests: Sequence[str]) -> HonestVerdict:
    """Return the verdict on an honest variant, by these tests or all; in this process."""
    variant = next(variant for variant in VARIANTS if variant.name == name)
    begun = wall.elapsed()
    with in_court(variant.settings) as court:
        try:
            results = [heard.result for heard in court.hear(variant.breach.make(), tests)]
        except HearingFailed as failure:
            return HonestVerdict(name, problem=str(failure))
    accused = {result.test: result.reason for result in results if result.outcome in BAD}
    return HonestVerdict(name, accused, len(results), seconds=round(wall.elapsed() - begun, 2))


def acquit_each(tests: Sequence[str], names: Sequence[str]) -> list[HonestVerdict]:
    """Return the verdicts on honest variants, each by these tests or all."""
    return [acquit(name, tests) for name in names]


def search(wanted: Sequence[str]) -> list[LieVerdict]:
    """Return the verdicts on lies by whatever tests make the calls that a lie concerns."""
    with in_court({}) as court:
        seen = sorted(court.hear(honest, ()), key=lambda heard: heard.result.seconds)
        verdicts = []
        for lie in _of(wanted):
            verdicts.append(verdict := _try(lie, _candidates(lie, seen), court))
            click.echo(f"{lie.name}: {' '.join(verdict.noticed) or '—'}", err=True)
    return verdicts


def side_by_side(
    work: Callable[[Sequence[str]], list[_Verdict]], names: Sequence[str], processes: int
) -> Iterator[_Verdict]:
    """Yield the verdicts on all names, a share of them in each of some processes."""
    shares = [names[place::processes] for place in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for verdicts in pool.map(work, [share for share in shares if share]):
            yield from verdicts


@contextmanager
def in_court(settings: Mapping[str, object]) -> Iterator[Court]:
    """Open a court in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        court = Court(Path(folder), settings)
        try:
            yield court
        finally:
            court.close()


def _try(lie: Lie, tests: Sequence[str], court: Court) -> LieVerdict:
    begun = wall.elapsed()
    try:
        heard = court.hear(lie.breach.make(), tests, until=partial(names, lie)) if tests else []
    except HearingFailed as failure:
        return LieVerdict(lie.name, problem=str(failure))
    return judge(lie, [testimony.result for testimony in heard], wall.elapsed() - begun)


def _candidates(lie: Lie, seen: Sequence[Testimony]) -> list[str]:
    """Return the tests that may notice a lie, those first whose names speak of it."""
    tests = [
        heard.result.test
        for heard in seen
        if heard.result.surface == lie.surface
        and (heard.shares or any(lie.breach.concerns(Call(*call)) for call in heard.calls))
    ]
    return sorted(tests, key=lambda test: re.search(lie.clue, test, re.DOTALL) is None)


def _of(wanted: Sequence[str]) -> list[Lie]:
    return [lie for lie in LIES if lie.name in wanted]
