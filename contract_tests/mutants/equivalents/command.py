"""The command behind `scripts/variants`: which tests accuse an honest service."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from contract_tests import wall
from contract_tests.mutants.equivalents.catalogue import VARIANTS, variants_named
from contract_tests.mutants.equivalents.checking import EquivalentVerdict, check_equivalents
from contract_tests.mutants.equivalents.choices import MIXED
from contract_tests.mutants.unfailing import unfailing_tests
from contract_tests.options import SURFACES


@click.command("variants")
@click.option("--only", multiple=True, metavar="NAME", help="A variant; may be repeated.")
@click.option("--sample", type=int, metavar="N", help="Some variants only, chosen by --seed.")
@click.option("--mixed", default=0, metavar="N", help="N services with many other choices at once.")
@click.option("--seed", default=1, show_default=True, help="The seed of --sample and --mixed.")
@click.option("--test", "tests", multiple=True, metavar="ID", help="A test; may be repeated.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the verdicts as JSON.")
@click.option("--processes", default=2, show_default=True, help="How many run in parallel.")
@click.option("--unfailing", "finding", is_flag=True, help="List tests that no answer can fail.")
@click.option("--list", "listing", is_flag=True, help="List the variants; run nothing.")
def variants(
    only: tuple[str, ...],
    sample: int | None,
    mixed: int,
    seed: int,
    tests: tuple[str, ...],
    file: Path | None,
    processes: int,
    finding: bool,
    listing: bool,
) -> None:
    """Run the suite against equivalent variants, and print the tests that accuse one.

    Each variant is a service that keeps every promise. The exit status is 0 if no test fails.
    """
    if listing:
        for variant in VARIANTS:
            click.echo(f"{variant.name:40} {variant.sentence}")
        return
    if finding:
        click.echo("\n".join(unfailing_tests(SURFACES, processes)))
        return
    try:
        names = _chosen(only, sample, mixed, seed)
    except ValueError as error:
        raise click.UsageError(f"{error}; --list shows all") from None
    begun, verdicts = wall.elapsed(), []
    for verdict in check_equivalents(names, tests, processes):
        verdicts.append(verdict)
        click.echo(f"[{len(verdicts)}/{len(names)}] {_shown(verdict)}", err=True)
    _finish(verdicts, wall.elapsed() - begun, file)
    sys.exit(0 if all(verdict.good for verdict in verdicts) else 1)


def _chosen(only: Sequence[str], sample: int | None, mixed: int, seed: int) -> list[str]:
    """Return names: the given ones, or mixed ones, or all or some of the others."""
    names = [variant.name for variant in variants_named(only)]
    names += [f"{MIXED}{seed + number}" for number in range(mixed)]
    if names and sample is None:
        return names
    every = [variant.name for variant in VARIANTS]
    chosen = random.Random(seed).sample(every, min(sample or len(every), len(every)))
    return [*names, *sorted(chosen, key=every.index)]


def _shown(verdict: EquivalentVerdict) -> str:
    if verdict.good:
        return f"{verdict.name}: accused by none of {verdict.tests} tests ({verdict.seconds:.0f} s)"
    reasons = [f"\n    {test}: {reason}" for test, reason in verdict.failures.items()]
    return f"{verdict.name}: ACCUSED {verdict.problem}{''.join(reasons)}"


def _finish(verdicts: Sequence[EquivalentVerdict], seconds: float, file: Path | None) -> None:
    for verdict in verdicts:
        if not verdict.good:
            click.echo(_shown(verdict))
    good = sum(verdict.good for verdict in verdicts)
    click.echo(f"variants that no test accuses: {good} of {len(verdicts)}")
    click.echo(f"seconds: {seconds:.0f}")
    if file is not None:
        data = {"variants": [asdict(verdict) for verdict in verdicts], "seconds": round(seconds)}
        file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    variants()
