"""The command behind `scripts/mutants`: which mutants the contract suite notices."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from contract_tests import wall
from contract_tests.mutants.catalogue import MUTANTS, mutants_named, read_noticed, write_noticed
from contract_tests.mutants.equivalents.catalogue import HIDDEN, VARIANTS
from contract_tests.mutants.proxy import MutatingProxy
from contract_tests.mutants.scoring import MutantVerdict, in_parallel, score, search

HIDDEN_NAME = "hidden"
Work = Callable[[Sequence[str]], list[MutantVerdict]]


@click.command("mutants")
@click.option("--only", multiple=True, metavar="NAME", help="A mutant; may be repeated.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the verdicts as JSON.")
@click.option("--processes", default=2, show_default=True, help="How many run in parallel.")
@click.option("--search", "searching", is_flag=True, help="Find tests that notice, and store them.")
@click.option("--list", "listing", is_flag=True, help="List the mutants; run nothing.")
@click.option("--serve", metavar="NAME", help="Serve a mutant, a variant or `hidden`.")
@click.option("--upstream", metavar="URL", help="The mock behind --serve.")
@click.option("--port", default=0, help="The port of --serve; 0 picks a free one.")
def mutants(
    only: tuple[str, ...],
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
    names each mutant. `scripts/variants` shows that honest services fail no test.
    """
    if listing:
        _list()
    elif serve is not None:
        _serve(serve, upstream, port)
    else:
        sys.exit(_score(only, file, processes, searching))


def _score(only: Sequence[str], file: Path | None, processes: int, searching: bool) -> int:
    begun = wall.elapsed()
    try:
        names = [mutant.name for mutant in mutants_named(only)]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    noticed = read_noticed()
    work: Work = search if searching else partial(score, noticed)
    verdicts = list(in_parallel(work, names, processes))
    if searching:
        found = {v.name: list(v.noticed) for v in verdicts if v.noticed}
        kept = {name: tests for name, tests in noticed.items() if name not in names}
        write_noticed({**kept, **found})
    complaints = [_unnoticed(verdict) for verdict in verdicts if not verdict.good]
    for complaint in complaints:
        click.echo(complaint)
    good = sum(verdict.good for verdict in verdicts)
    click.echo(f"mutants noticed: {good} of {len(verdicts)} ({100 * good // len(verdicts)} %)")
    click.echo(f"seconds: {wall.elapsed() - begun:.0f}")
    if file is not None:
        data = {"mutants": [asdict(v) for v in verdicts]}
        file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return 0 if good == len(verdicts) else 1


def _unnoticed(verdict: MutantVerdict) -> str:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == verdict.name)
    why = verdict.problem or "no test fails"
    if verdict.unnamed:
        why = f"failures do not name it: {', '.join(verdict.unnamed)}"
    elif verdict.broken:
        why = f"errors of the suite: {', '.join(verdict.broken)}"
    return f"NOT NOTICED  {mutant.name} ({mutant.source}): {mutant.sentence} — {why}"


def _list() -> None:
    for mutant in MUTANTS:
        click.echo(f"{mutant.name:32} {mutant.source:16} {mutant.sentence}")


def _serve(name: str, upstream: str | None, port: int) -> None:
    mutations = {mutant.name: mutant.mutation for mutant in MUTANTS}
    mutations |= {v.name: v.mutation for v in VARIANTS if not v.settings}
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
