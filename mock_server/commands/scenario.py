"""`tams-mock scenario`: named failures on a running mock, and files with your own."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from mock_server.client import DEFAULT_URL, CallRefused, Json, MockClient, NotReachable
from mock_server.commands.errors import CommandFailure, say
from mock_server.commands.running_mock import (
    Subcommands,
    account_option,
    failures,
    mock_options,
    on_mock,
)
from mock_server.commands.tables import as_cell, print_json, print_table
from mock_server.web.json_values import json_schema

if TYPE_CHECKING:
    from mock_server.control.scenarios import Scenarios

_SHIPPED = Path(__file__).parent.parent / "data" / "scenarios"
_PAUSE = 0.5  # seconds between two looks

_account = account_option("On this account.  [default: the ready-made one]")


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    names = sorted(path.stem for path in _SHIPPED.glob("*.yaml"))
    return [name for name in names if name.startswith(incomplete)]


_name = click.argument("name", shell_complete=_names)
_name_or_file = click.argument("scenario", metavar="NAME|FILE", shell_complete=_names)


@click.group("scenario", cls=Subcommands)
def command() -> None:
    """Run named failures, step by step, and check files with your own (docs/scenarios.md)."""


def _print_scenarios(scenarios: list[Json]) -> None:
    columns = ("name", "does", "runs on")
    rows = (
        (each["name"], each["summary"],
         [run["account"] for run in each["runs"] if run["running"]])
        for each in scenarios
    )  # fmt: skip
    print_table(columns, rows, "no scenarios", max_cell_length=100)


def _print_markdown(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from mock_server.control.scenario_files import shipped

        click.echo("| scenario | does | a client sees | a good client |\n| --- | --- | --- | --- |")
        for name, texts in shipped().items():
            told = (texts[text] for text in ("summary", "symptom", "advice"))
            click.echo(f"| `{name}` | {' | '.join(told)} |")
        context.exit()


@command.command("list")
@click.option(
    "--markdown",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_markdown,
    help="Print those that ship as a table in Markdown.",
)
@account_option("Say only whether they run on this account.")
@on_mock(_print_scenarios)
def _list(mock: MockClient, account: str | None) -> list[Json]:
    """List scenarios, and the accounts that they run on."""
    try:
        return mock.scenarios(account)
    except NotReachable:
        return list(_offline(mock).values())


def _print_scenario(scenario: Json) -> None:
    click.echo(scenario["name"])
    for title, text in (
        ("does", "summary"),
        ("a client sees", "symptom"),
        ("a good client", "advice"),
    ):
        if scenario[text]:
            click.echo(f"  {title + ':':15}{scenario[text]}")
    for name, members in scenario["accounts"].items():
        click.echo(f"  account {name}: {_json(members)}")
    for actions, moment in _timeline(scenario):
        click.echo(f"  {moment}:")
        for action in actions:
            ((name, members),) = action.items()
            click.echo(f"    {name} {_json(members)}")
    for run in scenario["runs"]:
        click.echo(f"\nOn account {run['account']} since {run['began']['iso']}:")
        _print_accounts(run)
        rows = (
            (step["moment"], step["actions"], step["done"] or "waits", step["problem"])
            for step in run["steps"]
        )
        print_table(("step", "does", "done", "problem"), rows, "no steps")
        for line in run["undone"]:
            click.echo(f"  stopped: {line}")


def _print_accounts(run: Json) -> None:
    """Print which accounts a scenario made, with what a client shows for them."""
    for name, account in run["accounts"].items():
        click.echo(f"  account {name} is {account['id']}, with {account['balance']:g} credits")
        for member in ("appId", "accessToken", "appKey", "appSecret"):
            click.echo(f"    {member:12} {account[member] or '-'}")
        if account["privateKey"]:
            click.echo(f"    privateKey   in tams-mock accounts show {account['id']} --json")


def _timeline(scenario: Json) -> Iterator[tuple[list[Json], str]]:
    if scenario["start"]:
        yield scenario["start"], "at the start"
    for step in scenario["steps"]:
        yield step["do"], as_cell({name: part for name, part in step.items() if name != "do"})


@command.command("show")
@_name
@account_option("Only what it does on this account.")
@on_mock(_print_scenario)
def _show(mock: MockClient, name: str, account: str | None) -> Json:
    """Show a scenario: what a client sees, what a good client does, and its steps."""
    try:
        return mock.scenario(name, account)
    except NotReachable:
        shipped = _offline(mock)
        if name not in shipped:
            raise
        return shipped[name]


def _offline(mock: MockClient) -> dict[str, Json]:
    """Return the scenarios that ship, if no other mock than the default one was meant."""
    if mock.url != DEFAULT_URL:
        raise NotReachable(f"{mock.url} does not answer")
    from mock_server.control.scenario_files import shipped

    say("no mock is running here; these are the scenarios that come with it")
    empty: Json = {"own": False, "runs": [], "accounts": {}, "start": [], "steps": []}
    return {name: empty | scenario for name, scenario in shipped().items()}


@command.command("run")
@_name_or_file
@_account
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each event.")
@mock_options
def _run(mock: MockClient, scenario: str, account: str | None, as_json: bool) -> None:
    """Run a scenario and show its steps, until Ctrl-C stops and undoes it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with failures(mock):
        name = _known_name(mock, scenario)
        run = mock.start_scenario(name, account)
        account = run["account"]
        try:
            if as_json:
                _print_event("started", run)
            else:
                _print_head(mock.scenario(name, account), run)
            with suppress(KeyboardInterrupt):
                _follow(mock, run, as_json)
        finally:
            with suppress(CallRefused):  # Somebody else stopped it.
                run = mock.stop_scenario(name, account)
                _tell(as_json, "stopped", ", ".join(run["undone"]) or "nothing to undo", run)


def _print_head(scenario: Json, run: Json) -> None:
    click.echo(f"{scenario['name']} runs on account {run['account']}; Ctrl-C stops it")
    for text in ("summary", "symptom", "advice"):
        if scenario[text]:
            click.echo(f"  {scenario[text]}")
    _print_accounts(run)
    click.echo()


def _follow(mock: MockClient, run: Json, as_json: bool) -> None:
    told: set[int] = set()
    pause = Event()
    while run["running"]:
        for step in run["steps"]:
            if step["done"] and step["number"] not in told:
                told.add(step["number"])
                seconds = step["done"]["at"] - run["began"]["at"]
                words = ", ".join(step["actions"]) + (
                    f": {step['problem']}" if step["problem"] else ""
                )
                _tell(as_json, f"+{round(seconds, 1):g} s", f"{step['moment']}: {words}", step)
        pause.wait(_PAUSE)
        runs = mock.scenario(run["name"], run["account"])["runs"]
        if not runs:
            raise CommandFailure("the scenario was reset")
        run = runs[0]
    raise CommandFailure("the scenario was stopped by another call")


def _tell(as_json: bool, event: str, words: str, facts: Json) -> None:
    if as_json:
        _print_event("stopped" if event == "stopped" else "step", facts)
    else:
        click.echo(f"{event:>10}  {words}")


def _print_event(event: str, facts: Json) -> None:
    click.echo(_json({"event": event, **facts}))


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _known_name(mock: MockClient, scenario: str) -> str:
    """Return the name of a scenario that the mock knows; a file is sent to it first."""
    from mock_server.control.scenario_files import (
        FileProblem,
        at_places,
        is_file,
        pointed,
        read_scenario,
    )

    if not is_file(scenario):
        return scenario
    try:
        document = read_scenario(Path(scenario))
        return str(mock.add_scenario(document.value)["name"])
    except OSError as error:
        raise CommandFailure(f"{scenario} cannot be read: {error.strerror}") from error
    except FileProblem as error:
        raise CommandFailure(f"{scenario}:{error}") from error
    except CallRefused as error:
        if not error.problem.get("errors"):
            raise
        lines = at_places(document, pointed(error.problem["errors"]))
        raise CommandFailure("\n".join(f"{scenario}:{line}" for line in lines)) from error


def _print_started(run: Json) -> None:
    click.echo(f"{run['name']} runs on account {run['account']}")
    _print_accounts(run)


@command.command("start")
@_name
@_account
@on_mock(_print_started)
def _start(mock: MockClient, name: str, account: str | None) -> Json:
    """Start a scenario, and do not wait."""
    return mock.start_scenario(name, account)


def _print_stopped(stopped: Json | list[Json]) -> None:
    runs = stopped if isinstance(stopped, list) else [stopped]
    for run in runs:
        undone = ", ".join(run["undone"]) or "nothing to undo"
        click.echo(f"{run['name']} on account {run['account']} stopped: {undone}")
    if not runs:
        click.echo("no scenario runs")


@command.command("stop")
@click.argument("name", required=False, shell_complete=_names)
@account_option("On this account.  [default: the ready-made one; without NAME all]")
@on_mock(_print_stopped)
def _stop(mock: MockClient, name: str | None, account: str | None) -> Json | list[Json]:
    """Stop a scenario, and undo what it set. Without NAME, stop all that run."""
    if name is not None:
        return mock.stop_scenario(name, account)
    running = (run for each in mock.scenarios(account) for run in each["runs"] if run["running"])
    return [mock.stop_scenario(run["name"], run["account"]) for run in running]


@command.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
def _check(files: tuple[str, ...]) -> None:
    """Check scenario files without a running mock; each error has its line and column."""
    scenarios, problems = _checker(), []
    for file in files:
        try:
            spec = scenarios.read_file(Path(file))
        except ValueError as error:
            problems.append(str(error))
        else:
            click.echo(f"{file}: {spec['name']} can be run")
    if problems:
        raise CommandFailure("\n".join(problems))


@command.command("schema")
def _schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    print_json(json_schema(_checker().type))


def _checker() -> Scenarios:
    from mock_server.app import App
    from mock_server.settings import Settings

    return App(Settings()).control.scenarios
