"""The command behind `scripts/mutants`: which mutants the contract suite notices."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from contract_tests import wall
from contract_tests.mutants.catalogue import MUTANTS, read_noticed, write_noticed
from contract_tests.mutants.equivalents.catalogue import HIDDEN, VARIANTS
from contract_tests.mutants.generated.command import GeneratedScoring
from contract_tests.mutants.generated.making import GeneratedMutant, all_generated
from contract_tests.mutants.generated.scores import chosen
from contract_tests.mutants.mutant import Mutant
from contract_tests.mutants.proxy import MutatingProxy
from contract_tests.mutants.scoring import MutantVerdict, in_parallel, score, search

HIDDEN_NAME = "hidden"
Work = Callable[[Sequence[str]], list[MutantVerdict]]


@click.command("mutants")
@click.option("--only", metavar="REGEX", help="Mutants with these whole names, generated ones too.")
@click.option("--all", "everything", is_flag=True, help="Run all generated mutants, too.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Run only N generated mutants.")
@click.option("--seed", default=0, show_default=True, help="Which ones --sample takes.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the verdicts as JSON.")
@click.option("--processes", default=2, show_default=True, help="How many run in parallel.")
@click.option("--search", "searching", is_flag=True, help="Find tests that notice, and store them.")
@click.option("--list", "listing", is_flag=True, help="List the mutants; run nothing.")
@click.option("--serve", metavar="NAME", help="Serve a mutant, a variant or `hidden`.")
@click.option("--upstream", metavar="URL", help="The mock behind --serve.")
@click.option("--port", default=0, help="The port of --serve; 0 picks a free one.")
def mutants(
    only: str | None,
    everything: bool,
    sample: int | None,
    seed: int,
    file: Path | None,
    processes: int,
    searching: bool,
    listing: bool,
    serve: str | None,
    upstream: str | None,
    port: int,
) -> None:
    """Run the suite against mutants, and print which ones it notices.

    Each mutant is a mock that breaks one documented behaviour. The exit status is 0 if a failure
    names each mutant written by hand, and each generated one is noticed or listed in scores.json.
    `scripts/variants` shows that honest services fail no test.
    """
    try:
        pattern = re.compile(only or ".*")
    except re.error as error:
        raise click.UsageError(f"--only is no regular expression: {error}") from None
    by_hand = [mutant for mutant in MUTANTS if sample is None and pattern.fullmatch(mutant.name)]
    with_generated = everything or only is not None or sample is not None
    generated = chosen(pattern, sample, seed) if with_generated else []
    if not by_hand and not generated:
        raise click.UsageError(f"no mutant has a name like {only!r}; see --all --list")
    if listing:
        _list(by_hand, generated)
    elif serve is not None:
        _serve(serve, upstream, port)
    else:
        sys.exit(_score(by_hand, GeneratedScoring(generated, processes, searching), file,
                        processes, searching))  # fmt: skip


def _score(
    mutants: Sequence[Mutant],
    generated: GeneratedScoring,
    file: Path | None,
    processes: int,
    searching: bool,
) -> int:
    begun = wall.elapsed()
    noticed = read_noticed()
    work: Work = search if searching else partial(score, noticed)
    names = [mutant.name for mutant in mutants]
    verdicts = list(in_parallel(work, names, processes)) if names else []
    if searching:
        found = {v.name: list(v.noticed) for v in verdicts if v.noticed}
        kept = {name: tests for name, tests in noticed.items() if name not in names}
        write_noticed({**kept, **found})
    complaints = [_unnoticed(verdict) for verdict in verdicts if not verdict.good]
    for complaint in complaints:
        click.echo(complaint)
    if verdicts:
        good = len(verdicts) - len(complaints)
        click.echo(f"mutants noticed: {good} of {len(verdicts)} ({100 * good // len(verdicts)} %)")
    generated.run()
    click.echo(f"seconds: {wall.elapsed() - begun:.0f}")
    if file is not None:
        data = {"mutants": [asdict(v) for v in verdicts], "generated": generated.as_json()}
        file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return 1 if complaints else generated.exit_status


def _unnoticed(verdict: MutantVerdict) -> str:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == verdict.name)
    why = verdict.problem or "no test fails"
    if verdict.unnamed:
        why = f"failures do not name it: {', '.join(verdict.unnamed)}"
    elif verdict.broken:
        why = f"errors of the suite: {', '.join(verdict.broken)}"
    return f"NOT NOTICED  {mutant.name} ({mutant.source}): {mutant.sentence} — {why}"


def _list(mutants: Sequence[Mutant], generated: Sequence[GeneratedMutant]) -> None:
    for mutant in mutants:
        click.echo(f"{mutant.name:32} {mutant.source:16} {mutant.sentence}")
    for made in generated:
        click.echo(made.name)


def _serve(name: str, upstream: str | None, port: int) -> None:
    mutations = {mutant.name: mutant.mutation for mutant in MUTANTS}
    mutations |= {v.name: v.mutation for v in VARIANTS if not v.settings}
    mutations |= {name: made.mutation for name, made in all_generated().items()}
    mutations[HIDDEN_NAME] = HIDDEN
    if upstream is None or name not in mutations:
        raise click.UsageError("--serve needs --upstream URL and a name of --list")
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # so that sigwait gets them
    with MutatingProxy(upstream, mutations[name].make(), port=port) as proxy:
        click.echo(json.dumps({"url": proxy.url}))
        signal.sigwait(ends)


if __name__ == "__main__":
    mutants()
