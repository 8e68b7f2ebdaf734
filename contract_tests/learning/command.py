"""The command `learn`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_FILE = click.Path(path_type=Path)


@click.command("learn")
@click.argument("bundles", type=_FILE, nargs=-1, required=True, metavar="BUNDLE...")
@click.option("-o", "--out", type=_FILE, metavar="FILE", help="Output file; else standard output.")
def learn_command(bundles: tuple[Path, ...], out: Path | None) -> None:
    """Turn what was observed at a target into a settings file for the mock.

    BUNDLE is evidence of a run: see --record-evidence. The file has a line for each setting that
    follows from observations, with a comment that says from which. Use it with `tams-mock serve
    --config FILE`. Exit status: 0 done, 1 nothing follows, 2 wrong use.
    """
    from contract_tests.bundle import OBSERVATIONS, BadBundle, read_bundle
    from contract_tests.learning.conclusions import conclude
    from contract_tests.learning.rules import read_rules
    from contract_tests.learning.settings_file import settings_file
    from contract_tests.report.shape import Observation

    manifests, observations = [], []
    try:
        for path in bundles:
            bundle = read_bundle(path)
            manifests.append((path.name, bundle.manifest))
            observations += [
                Observation(**one)
                for row in bundle.json(OBSERVATIONS)
                for one in row["observations"]
            ]
    except BadBundle as error:
        raise click.UsageError(str(error)) from None
    except (KeyError, TypeError) as error:
        raise click.UsageError(f"{path} has no observations of this suite: {error}") from None
    conclusions = conclude(observations, read_rules())
    text = settings_file(conclusions, manifests)
    learned = sum(1 for each in conclusions.values() if each.value is not None)
    if out is None:
        click.echo(text, nl=False)
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"{out} cannot be written: {error.strerror}") from None
    unsure = [each.setting for each in conclusions.values() if each.conflict]
    click.echo(
        f"{learned} of {len(conclusions)} settings learned"
        + (f", unsure about {', '.join(unsure)}" if unsure else ""),
        err=True,
    )
    sys.exit(0 if learned else 1)
