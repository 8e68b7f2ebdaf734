"""`tams-mock settings`: the settings that `serve` would use, and where each value comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from mock_server.commands.errors import settings_or_failure
from mock_server.setting_types import as_text
from mock_server.settings import settings_table
from mock_server.web.vendor_settings import PRESETS


@click.command(
    "settings", epilog="What each setting does: tams-mock serve --help-all, or docs/settings.md."
)
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with a sentence for each.")
@click.option("--markdown", is_flag=True, help="Print the tables of docs/settings.md.")
def command(config: Path | None, as_json: bool, markdown: bool) -> None:
    """Show every setting, its value and the source of the value.

    A value comes from the environment, the file, a preset or the default, in this order. Flags of
    serve win over all of them: GET /_mock/settings of a running mock shows those too.
    """
    rows = settings_table(settings_or_failure(config=config))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo("\n".join(_markdown(rows) if markdown else _table(rows)))


def markdown_table(heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown under a heading."""
    escaped = ([cell.replace("|", r"\|") for cell in row] for row in rows)
    lines = (f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *escaped))
    return "\n".join((f"### {heading}", "", *lines, ""))


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    names = max(len(row["name"]) for row in rows)
    values = max(len(as_text(row["value"])) for row in rows if row["source"] == "default")
    for group, members in groupby(rows, key=lambda row: str(row["group"])):
        yield f"{group}:"
        for row in members:
            yield f"  {row['name']:{names}}  {as_text(row['value']):{values}}  {row['source']}"
        yield ""


def _markdown(rows: list[dict[str, Any]]) -> Iterator[str]:
    columns = ("setting", "flag", "environment", "default", "takes", "account", "what it does")
    for group, members in groupby(rows, key=lambda row: str(row["group"])):
        yield markdown_table(group, columns, [_cells(row) for row in members])
    of_presets = [_preset_cells(row) for row in rows if row["presets"]]
    yield markdown_table("Values of presets", ("setting", "default", *PRESETS), of_presets)


def _preset_cells(row: dict[str, Any]) -> Sequence[str]:
    values = [row["default"], *(row["presets"].get(preset, "") for preset in PRESETS)]
    return (f"`{row['name']}`", *(f"`{as_text(value)}`" if value != "" else "" for value in values))


def _cells(row: dict[str, Any]) -> Sequence[str]:
    default = as_text(row["default"])
    return (
        f"`{row['name']}`",
        f"`{row['flag']}`",
        f"`{row['environment']}`",
        f"`{default}`" if default else "",
        row["type"],
        "yes" if row["account"] else "",
        row["sentence"] + (f" ({row['unknown']})" if row["unknown"] else ""),
    )
