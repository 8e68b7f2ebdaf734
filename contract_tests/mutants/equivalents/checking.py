"""Running the suite at equivalent variants: which tests accuse them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context

from contract_tests import wall
from contract_tests.mutants.equivalents.catalogue import variant_named
from contract_tests.mutants.harness import MutantRunFailed, TestRun
from contract_tests.mutants.scoring import open_harness
from contract_tests.outcomes import TestOutcome
from contract_tests.targets import TargetDown

BAD = (TestOutcome.FAILED.value, TestOutcome.ERROR.value)


@dataclass(frozen=True)
class EquivalentVerdict:
    """The verdict on an equivalent variant: the tests that failed, with their reasons."""

    name: str
    failures: Mapping[str, str] = field(default_factory=dict)
    tests: int = 0
    problem: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Say whether no test failed."""
        return not self.failures and not self.problem and self.tests > 0


def check_equivalent(name: str, tests: Sequence[str]) -> EquivalentVerdict:
    """Return the verdict on a variant, by these tests or all; runs in this process."""
    variant, begun = variant_named(name), wall.elapsed()
    try:
        with open_harness(variant.settings) as harness:
            runs = harness.run(variant.mutation.make(), tests, surfaces=variant.surfaces)
    except (MutantRunFailed, TargetDown) as failure:
        return EquivalentVerdict(name, problem=str(failure))
    return EquivalentVerdict(
        name, _failures(runs), len(runs), seconds=round(wall.elapsed() - begun, 2)
    )


def check_equivalents(
    names: Sequence[str], tests: Sequence[str], processes: int
) -> Iterator[EquivalentVerdict]:
    """Yield the verdicts on variants as they come, each by these tests or all."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(check_equivalent, name, tests) for name in names]):
            yield done.result()


def _failures(runs: Sequence[TestRun]) -> dict[str, str]:
    results = [run.result for run in runs]
    return {result.test: result.reason for result in results if result.outcome in BAD}
