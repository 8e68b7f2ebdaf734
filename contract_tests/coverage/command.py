"""The command `tams-contract coverage`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from contract_tests.coverage.document import as_json, as_lines
from contract_tests.coverage.facts import against_sheet, problems, read_table
from contract_tests.coverage.reference import sheet_of
from contract_tests.options import SURFACES


@click.command("coverage")
@click.option("--missing", is_flag=True, help="Also list the facts that no test judges, and why.")
@click.option("--json", "as_data", is_flag=True, help="Print the table as JSON.")
@click.option("--reference", type=click.Path(path_type=Path, exists=True), metavar="DIR",
              help="Compare the table with the fact sheets in this folder.")  # fmt: skip
def coverage_command(missing: bool, as_data: bool, reference: Path | None) -> None:
    """Print which tests rest on which facts of the reference.

    The table is in data/coverage: for each section, the id of a fact, its tags, what it says in
    our words, and the tests that rest on it (`by`, without `test_`), or an `excuse`. With
    --reference, facts that the table lacks are printed as lines to complete and to add.

    Exit status: 0 the table is complete, 1 it is not.
    """
    rows = read_table()
    if as_data:
        click.echo(json.dumps(as_json(rows), indent=1, ensure_ascii=False))
    else:
        for line in as_lines(rows, missing=missing):
            click.echo(line)
    found = list(problems(rows))
    for surface in SURFACES if reference is not None else ():
        sheet = Path(str(reference), sheet_of(surface)).read_text(encoding="utf-8")
        found += against_sheet(rows, surface, sheet)
    for problem in found:
        click.echo(problem, err=True)
    sys.exit(1 if found else 0)
