"""`tams-mock fidelity`: what is a fact, what was observed, and what the mock chose."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from msgspec.structs import asdict

from mock_server.app import create_app
from mock_server.commands.errors import UsageFailure, say
from mock_server.setting_sources import SettingsError
from mock_server.settings import read_settings
from mock_server.web.vendor_settings import Fact

_HEADINGS = {
    "doc": "Stated by the vendor",
    "observed": "Seen from the live service",
    "client": "What public clients send or expect",
    "unknown": "Chosen, because nothing public says so",
}


@click.command("fidelity")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", is_flag=True, help="Print the tables of the documentation.")
def command(config: Path | None, as_json: bool, markdown: bool) -> None:
    """Tell where each behaviour comes from.

    It is stated by the vendor, was seen, is what clients expect, or was chosen.
    """
    try:
        facts = create_app(read_settings(config=config, warn=say)).facts()
    except SettingsError as error:
        raise UsageFailure.of(error) from error
    if as_json:
        click.echo(json.dumps([asdict(fact) for fact in facts], indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_markdown(facts) if markdown else _lines(facts)))


def _lines(facts: Sequence[Fact]) -> Iterator[str]:
    for source, heading in _HEADINGS.items():
        yield f"{heading}:"
        for fact in facts:
            if fact.source == source:
                setting = f"  [{fact.setting}; else: {fact.alternatives}]" if fact.setting else ""
                yield f"  {fact.reference:12}  {fact.subject}: {fact.behaviour}{setting}"
        yield ""


def _markdown(facts: Sequence[Fact]) -> Iterator[str]:
    for source, heading in _HEADINGS.items():
        yield f"### {heading}"
        yield ""
        yield "| where | what | behaviour | setting | alternatives |"
        yield "| --- | --- | --- | --- | --- |"
        for fact in facts:
            if fact.source == source:
                setting = f"`{fact.setting}`" if fact.setting else ""
                cells = (fact.reference, fact.subject, fact.behaviour, setting, fact.alternatives)
                yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        yield ""
