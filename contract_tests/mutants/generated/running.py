"""Running generated mutants: those noticed before by their tests, the others by all that may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contract_tests.mutants.forks import ForkedOutcome, ForkingPlugin, run_forks
from contract_tests.mutants.generated.making import GeneratedMutant
from contract_tests.mutants.generated.recording import record
from contract_tests.mutants.generated.scores import Scores, all_lies, read_scores
from contract_tests.mutants.generated.scoring import Noticer, score

NO_TEST = "no test sees what it changes"
NOT_NOTICED = "{} tests see what it changes, and do not fail"
Tell = Callable[[str], None]


@dataclass
class GeneratedRun:
    """The outcomes so far; `done` says whether all mutants were scored."""

    mutants: Sequence[GeneratedMutant]
    outcomes: dict[str, ForkedOutcome] = field(default_factory=dict)
    done: bool = False

    @property
    def noticed(self) -> dict[str, str]:
        """Return the tests that noticed mutants."""
        return {name: found.failed for name, found in self.outcomes.items() if found.failed}

    @property
    def missed(self) -> dict[str, str]:
        """Return why mutants were not noticed."""
        return {name: _why(found) for name, found in self.outcomes.items() if not found.failed}


def run_generated(run: GeneratedRun, known: Scores, processes: int, tell: Tell) -> None:
    """Score the mutants of a run by the tests that noticed them before, each in its own fork.

    `tell` gets the name of each mutant that is scored. What these tests do not notice is tried
    with all others that see something of it; `known` without tests means all.
    """

    def work(plugin: ForkingPlugin) -> None:
        _score(run, known, plugin, tell)

    run_forks((), processes, work)
    run.done = True


def run_known(run: GeneratedRun, known: Scores, processes: int, tell: Tell) -> None:
    """Score only by the tests that noticed mutants before; the others are not noticed."""
    tests = sorted({known.noticed[made.name] for made in run.mutants if made.name in known.noticed})
    listed = {made.name for made in run.mutants if made.name in known.missed}

    def work(plugin: ForkingPlugin) -> None:
        mutants = [made for made in run.mutants if made.name not in listed]
        for outcome in score(plugin, mutants, Noticer(()), known.noticed):
            run.outcomes[outcome.name] = outcome
            tell(outcome.name)

    for name in listed:
        run.outcomes[name] = ForkedOutcome(name, problem=known.missed[name])
        tell(name)
    if tests:
        run_forks(tests, processes, work)
    run.done = True


def score_known(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return mutants with why they are not noticed any more, empty for those that are."""
    run, known = GeneratedRun([all_lies()[name] for name in names]), read_scores()
    run_known(run, known, 1, lambda name: None)
    return [(name, run.missed.get(name, "")) for name in run.outcomes]


def _score(run: GeneratedRun, known: Scores, plugin: ForkingPlugin, tell: Tell) -> None:
    first = [made for made in run.mutants if known.noticed.get(made.name) in plugin.items]
    for outcome in score(plugin, first, Noticer(()), known.noticed):
        if outcome.failed:
            run.outcomes[outcome.name] = outcome
            tell(outcome.name)
    left = [made for made in run.mutants if made.name not in run.outcomes]
    if left:
        noticer = Noticer(tuple(record(plugin, tuple(plugin.items))))
        for outcome in score(plugin, left, noticer, {}):
            run.outcomes[outcome.name] = outcome
            tell(outcome.name)


def _why(outcome: ForkedOutcome) -> str:
    if outcome.problem:
        return outcome.problem
    if outcome.errors:
        return f"errors of the suite: {', '.join(outcome.errors[:3])}"
    return NOT_NOTICED.format(outcome.ran) if outcome.ran else NO_TEST
