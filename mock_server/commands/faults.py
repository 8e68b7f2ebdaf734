"""`tams-mock faults`: rules that make calls of a running mock fail."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click

from mock_server.client import Json, MockClient
from mock_server.client.accounts import MATCH_MEMBERS
from mock_server.commands.errors import UsageFailure
from mock_server.commands.running_mock import (
    Subcommands,
    account_option,
    duration,
    limit_option,
    moment,
    named_value,
    on_mock,
)
from mock_server.commands.tables import as_cell, print_details, print_table


@click.group("faults", cls=Subcommands)
def command() -> None:
    """Make calls fail, and list and delete the rules for it (docs/faults.md)."""


def _print_faults(faults: list[Json]) -> None:
    columns = ("id", "account", "fault", "match", "hits", "ended")
    rows = (
        (each["id"], each["account"] or "all", _fault(each["rule"]["fault"]),
         as_cell(each["rule"].get("match")), each["hits"], each["ended"])
        for each in faults
    )  # fmt: skip
    print_table(columns, rows, "no faults")


def _fault(fault: Json) -> str:
    others = {name: value for name, value in fault.items() if name != "kind"}
    return f"{fault['kind']} {as_cell(others)}" if others else str(fault["kind"])


@command.command("list")
@account_option()
@limit_option
@on_mock(_print_faults)
def _list(mock: MockClient, **query: Any) -> list[Json]:
    """List faults and how often they hit, the newest first."""
    return mock.faults(**query)


@command.command("show")
@click.argument("id")
@on_mock(print_details)
def _show(mock: MockClient, id: str) -> Json:
    """Show a fault."""
    return mock.fault(id)


def _print_kinds(kinds: Json) -> None:
    click.echo(f"Kinds:\n  {', '.join(kinds['kinds'])}")
    for surface, names in kinds["refusals"].items():
        click.echo(f"\nRefusals of {surface}:\n  {', '.join(names)}")


@command.command("kinds")
@on_mock(_print_kinds)
def _kinds(mock: MockClient) -> Json:
    """List the kinds of faults, and the refusals of each vendor by name."""
    return mock.fault_kinds()


@command.command("add")
@click.argument("fault", required=False)
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--file",
    type=click.Path(),
    help="File with a rule or a list of rules as JSON (- is standard input).",
)
@account_option("Only calls of this account.")
@click.option("--surface", help="Only calls of this vendor: tams or workshop.")
@click.option("--operation", help="Only this operation: see tams-mock routes.")
@click.option("--method", help="Only calls with this method.")
@click.option("--path", help="Only calls of this path, with *.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="Only calls with this header."
)
@click.option(
    "--body",
    multiple=True,
    metavar="POINTER=VALUE",
    help="Only calls with this member, such as /count=2.",
)
@click.option("--prompt", help="Only calls with this in a prompt.")
@click.option("--job", metavar="ID", help="Only calls about this job.")
@click.option("--token", metavar="ID", help="Only calls with this token of an end user.")
@click.option("--chance", type=float, help="The share of calls that are hit, from 0 to 1.")
@click.option("--moment", help="received, before or after the work.")
@click.option("--times", type=int, metavar="N", help="Hit at most so many.")
@click.option("--first", type=int, metavar="N", help="Hit only among the first N calls.")
@click.option("--skip", type=int, metavar="N", help="Do not hit the first N calls.")
@click.option("--every", type=int, metavar="N", help="Hit each N-th call.")
@click.option(
    "--seconds", type=duration, metavar="DURATION", help="Hit for so long, in virtual time."
)
@click.option(
    "--until",
    type=moment,
    metavar="MOMENT",
    help="Hit until this moment of virtual time.",
)
@on_mock(_print_faults)
def _add(
    mock: MockClient,
    fault: str | None,
    parameters: tuple[str, ...],
    file: str | None,
    **options: Any,
) -> list[Json]:
    """Make calls fail: FAULT is a kind, a status, or the name of a refusal.

    For example: tams-mock faults add latency seconds=2 --operation GetJob --times 3
    """
    if (fault is None) == (file is None):
        raise UsageFailure("expected one of FAULT and --file")
    for name in ("headers", "body"):
        options[name] = dict(map(named_value, options[name])) or None
    given = {name: value for name, value in options.items() if value is not None}
    if fault is None:
        if given or file is None:
            raise UsageFailure("--file has all of the rule: give no other option with it")
        return [mock.add_fault(rule) for rule in _rules(file)]
    match = {name: given.pop(name) for name in MATCH_MEMBERS & given.keys()}
    rule = given | {"fault": _effect(mock, fault) | dict(map(named_value, parameters))}
    return [mock.add_fault(rule | ({"match": match} if match else {}))]


def _effect(mock: MockClient, fault: str) -> Json:
    if re.fullmatch("[0-9]{3}", fault):
        return {"kind": "status", "status": int(fault)}
    known = mock.fault_kinds()
    if fault in known["kinds"]:
        return {"kind": fault}
    refusals = {name for names in known["refusals"].values() for name in names}
    if fault not in refusals:
        from mock_server.web.hints import near

        hint = near(fault, [*known["kinds"], *refusals]) or "; tams-mock faults kinds lists them"
        raise UsageFailure(f"{fault!r} is not a fault{hint}")
    return {"kind": "refusal", "name": fault}


def _rules(file: str) -> list[Json]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageFailure(f"{file} cannot be read: {getattr(error, 'strerror', error)}") from error
    return found if isinstance(found, list) else [found]


@command.command("delete")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "every", is_flag=True, help="Delete all.")
@account_option("Delete those of this account.")
@on_mock(lambda answer: click.echo(f"deleted faults: {answer['deleted']}"))
def _delete(mock: MockClient, ids: tuple[str, ...], every: bool, account: str | None) -> Json:
    """Delete faults."""
    if sum((bool(ids), every, account is not None)) != 1:
        raise UsageFailure("expected one of ID, --all and --account")
    if not ids:
        return mock.delete_faults(account)
    for id in ids:
        mock.delete_fault(id)
    return {"deleted": len(ids)}
