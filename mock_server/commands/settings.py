"""`tams-mock settings`: what `serve` would run with, and where each value comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from mock_server.commands.errors import UsageFailure, say
from mock_server.setting_sources import SettingsError
from mock_server.settings import read_settings, settings_table


@click.command("settings")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", is_flag=True, help="Print the tables of the documentation.")
def command(config: Path | None, as_json: bool, markdown: bool) -> None:
    """Show every setting, its value and where that comes from.

    Flags of serve win over the environment over the file over the defaults.
    """
    try:
        rows = settings_table(read_settings(config=config, warn=say))
    except SettingsError as error:
        raise UsageFailure.of(error) from error
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo("\n".join(_markdown(rows) if markdown else _table(rows)))


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    names = max(len(row["name"]) for row in rows)
    values = max(len(_text(row["value"])) for row in rows)
    sources = max(len(row["source"]) for row in rows)
    for group, members in groupby(rows, key=lambda row: str(row["group"])):
        yield f"{group}:"
        for row in members:
            value = _text(row["value"])
            yield (
                f"  {row['name']:{names}}  {value:{values}}  {row['source']:{sources}}"
                f"  {row['sentence']}"
            )
        yield ""


def _markdown(rows: list[dict[str, Any]]) -> Iterator[str]:
    for group, members in groupby(rows, key=lambda row: str(row["group"])):
        yield f"### {group}"
        yield ""
        yield "| setting | flag | environment | default | takes | what it does |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for row in members:
            default = _text(row["default"])
            cells = (
                f"`{row['name']}`",
                f"`{row['flag']}`",
                f"`{row['environment']}`",
                f"`{default}`" if default else "",
                row["type"],
                row["sentence"] + (f" ({row['unknown']})" if row["unknown"] else ""),
            )
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        yield ""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)
