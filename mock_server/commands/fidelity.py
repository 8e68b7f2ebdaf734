"""`tams-mock fidelity`: what is documented, what was observed, and what the mock chose."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from msgspec.structs import asdict

from mock_server.app import create_app
from mock_server.commands.errors import settings_or_failure
from mock_server.commands.settings import markdown_table
from mock_server.web.vendor_settings import Fact

_HEADINGS = {
    "doc": "Documented by the vendor",
    "observed": "Observed on the live service",
    "client": "What public clients send or expect",
    "unknown": "Chosen by the mock, as nothing public says it",
}


@click.command("fidelity")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", is_flag=True, help="Print the tables of docs/fidelity.md.")
def command(config: Path | None, as_json: bool, markdown: bool) -> None:
    """Show where each behaviour of the mock comes from.

    A behaviour is documented by the vendor, was observed, is what public clients expect, or is a
    choice of the mock. A setting changes each choice.
    """
    facts = create_app(settings_or_failure(config=config)).facts()
    if as_json:
        click.echo(json.dumps([asdict(fact) for fact in facts], indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_markdown(facts) if markdown else _lines(facts)))


def _lines(facts: Sequence[Fact]) -> Iterator[str]:
    for source, heading in _HEADINGS.items():
        yield f"{heading}:"
        for fact in facts:
            if fact.source == source:
                setting = f"  [{fact.setting}; or: {fact.alternatives}]" if fact.setting else ""
                yield f"  {fact.reference:12}  {fact.subject}: {fact.behaviour}{setting}"
        yield ""


def _markdown(facts: Sequence[Fact]) -> Iterator[str]:
    columns = ("where", "what", "behaviour", "setting", "alternatives")
    for source, heading in _HEADINGS.items():
        cells = [_cells(fact) for fact in facts if fact.source == source]
        yield markdown_table(heading, columns, cells)


def _cells(fact: Fact) -> Sequence[str]:
    setting = f"`{fact.setting}`" if fact.setting else ""
    return (fact.reference, fact.subject, fact.behaviour, setting, fact.alternatives)
