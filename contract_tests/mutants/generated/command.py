"""What `scripts/mutants` prints about generated mutants."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from contract_tests.mutants.generated.making import GeneratedMutant
from contract_tests.mutants.generated.running import GeneratedRun, run_generated, run_known
from contract_tests.mutants.generated.scores import Scores, all_lies, read_scores, write_scores
from contract_tests.mutants.harness import MutantRunFailed

INTERRUPTED = 130  # the exit status after Ctrl-C
EACH = 250  # mutants between two lines about the progress, where there is no terminal


class GeneratedScoring:
    """A score of generated mutants. Those noticed before are tried with the same tests.

    With `searching`, all tests are tried for the others, and the score is kept.
    """

    def __init__(self, mutants: Sequence[GeneratedMutant], processes: int, searching: bool) -> None:
        self.exit_status = 0
        self._run = GeneratedRun(mutants)
        self._processes, self._searching = processes, searching
        self._known = read_scores()

    def run(self) -> None:
        """Score the mutants and print the score; Ctrl-C prints what was scored so far."""
        if not self._run.mutants:
            return
        score = run_generated if self._searching else run_known
        try:
            with click.progressbar(
                length=len(self._run.mutants), label="generated mutants", file=sys.stderr
            ) as bar:

                def tell(name: str) -> None:
                    bar.update(1)
                    if not sys.stderr.isatty() and bar.pos % EACH == 0:
                        click.echo(f"{bar.pos} of {bar.length}, {bar.eta:.0f} s left", err=True)

                score(self._run, self._known, self._processes, tell)
        except KeyboardInterrupt:
            self.exit_status = INTERRUPTED
        except MutantRunFailed as failure:
            raise click.ClickException(str(failure)) from None
        run, known = self._run, self._known
        if self._searching:
            known = _merged(known, run)
            write_scores(known)
        for name, why in run.missed.items():
            listed = "listed" if name in known.missed else "NOT LISTED"
            click.echo(f"NOT NOTICED  {name} ({listed}) — {why.splitlines()[0]}")
        self.exit_status |= any(name not in known.missed for name in run.missed)
        scored = len(run.outcomes)
        percent = f" ({100 * len(run.noticed) / scored:.1f} %)" if scored else ""
        part = "" if run.done else f"; {len(run.mutants) - scored} were not scored"
        click.echo(f"generated mutants noticed: {len(run.noticed)} of {scored}{percent}{part}")
        click.echo(
            f"kept score: {100 * known.share:.1f} % of {len(known.noticed) + len(known.missed)}; "
            f"generated are {len(all_lies())}"
        )

    def as_json(self) -> list[dict[str, Any]]:
        """Return the outcomes as plain data."""
        return [asdict(outcome) for outcome in self._run.outcomes.values()]


def _merged(known: Scores, run: GeneratedRun) -> Scores:
    """Return a kept score with the outcomes of a run in place of older ones."""
    noticed = {name: test for name, test in known.noticed.items() if name not in run.outcomes}
    missed = {name: why for name, why in known.missed.items() if name not in run.outcomes}
    return Scores({**noticed, **run.noticed}, {**missed, **run.missed})
