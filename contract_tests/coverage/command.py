"""The command `tams-contract coverage`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from contract_tests.options import SURFACES

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("coverage")
@click.option("--missing", is_flag=True, help="Also list the facts that no test judges, and why.")
@click.option("--json", "as_data", is_flag=True, help="Print the table as JSON.")
@click.option("--reference", type=FOLDER, metavar="DIR",
              help="Compare the table with the fact sheets in this folder.")  # fmt: skip
@click.option("--run", type=FOLDER, metavar="DIR",
              help="Compare the table of members with the folder of a run.")  # fmt: skip
@click.option("--write", is_flag=True, help="Make the table of members from the run.")
def coverage_command(
    missing: bool, as_data: bool, reference: Path | None, run: Path | None, write: bool
) -> None:
    """Print which tests rest on which facts of the reference.

    The tables are in data/coverage. For each fact they have its section, its id, its tags, what it
    says in our words, and the tests that rest on it (`by`, without `test_`), or an `excuse`. With
    --reference, facts that the table lacks are printed as lines to complete and to add.

    Exit status: 0 the tables are complete, 1 they are not.
    """
    if write and run is None:
        raise click.UsageError("--write needs --run DIR")
    from contract_tests.bundle import read_transcripts
    from contract_tests.coverage import document, facts, member_table
    from contract_tests.coverage.members import observe
    from contract_tests.coverage.reference import sheet_of

    places = observe(read_transcripts(run)) if run else {}
    if run and not places:
        raise click.UsageError(f"{run} is not the folder of a run: it has no answers")
    if write:
        try:
            member_table.write_seen(member_table.of_run(places))
        except OSError as error:
            raise click.UsageError(f"{member_table.SEEN} cannot be written: {error}") from None
    rows, seen = facts.read_table(), member_table.read_seen()
    if as_data:
        click.echo(json.dumps(document.as_json(rows, seen), indent=1, ensure_ascii=False))
    else:
        for line in document.as_lines(rows, seen, missing=missing):
            click.echo(line)
    found = [*facts.problems(rows), *member_table.gaps(seen)]
    found += member_table.differences(seen, places)
    for surface in SURFACES if reference else ():
        path = Path(str(reference), sheet_of(surface))
        try:
            sheet = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"{path} cannot be read: {error}") from None
        found += facts.against_sheet(rows, surface, sheet)
    for problem in found:
        click.echo(problem, err=True)
    sys.exit(1 if found else 0)
