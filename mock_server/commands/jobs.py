"""`tams-mock jobs`: the jobs of a running mock, and changing them by hand."""

from __future__ import annotations

from typing import Any

import click

from mock_server.client import Json, MockClient
from mock_server.commands.running_mock import (
    Subcommands,
    account_option,
    duration,
    each_or_all,
    limit_option,
    named_value,
    on_mock,
    print_number,
)
from mock_server.commands.tables import print_details, print_table


@click.group("jobs", cls=Subcommands)
def command() -> None:
    """List jobs; advance, complete, fail or change them; expire their results."""


def _print_jobs(jobs: list[Json]) -> None:
    columns = ("id", "account", "state", "done", "credits", "size", "prompt")
    rows = (
        (job["id"], job["account"], job["state"], f"{job['done']:.0%}", job["price"],
         f"{job['width']}x{job['height']}", job["prompt"])
        for job in jobs
    )  # fmt: skip
    print_table(columns, rows, "no jobs yet")


def _print_job(job: Json) -> None:
    _print_jobs([job])


@command.command("list")
@account_option()
@click.option("--state", help="Only those that are in this state now.")
@limit_option
@on_mock(_print_jobs)
def _list(mock: MockClient, **query: Any) -> list[Json]:
    """List jobs, the newest first."""
    return mock.jobs(**query)


@command.command("show")
@click.argument("id")
@on_mock(print_details)
def _show(mock: MockClient, id: str) -> Json:
    """Show a job. This does not count as a poll."""
    return mock.job(id)


@command.command("advance")
@click.argument("id")
@click.argument("seconds", type=duration, required=False)
@on_mock(_print_job)
def _advance(mock: MockClient, id: str, seconds: float | None) -> Json:
    """Advance a job that is advanced by hand; by default into its next state."""
    return mock.advance_job(id, seconds)


@command.command("complete")
@click.argument("id")
@on_mock(_print_job)
def _complete(mock: MockClient, id: str) -> Json:
    """Complete a job now."""
    return mock.complete_job(id)


@command.command("fail")
@click.argument("id")
@click.option("--reason", help="Why it fails.")
@on_mock(_print_job)
def _fail(mock: MockClient, id: str, reason: str | None) -> Json:
    """Fail a job now."""
    return mock.fail_job(id, reason)


@command.command("plan")
@click.argument("id")
@click.argument("members", nargs=-1, required=True, metavar="NAME=VALUE...")
@on_mock(_print_job)
def _plan(mock: MockClient, id: str, members: tuple[str, ...]) -> Json:
    """Change how a job goes from now on: see the kind `plan` in docs/faults.md.

    For example: tams-mock jobs plan 934500000000000001 stallAt=0.4 stall=forever
    """
    return mock.plan_job(id, dict(map(named_value, members)))


@command.command("expire")
@click.argument("ids", nargs=-1, metavar="ID...")
@account_option("All of this account.")
@on_mock(print_number("results expired, of jobs"))
def _expire(mock: MockClient, ids: tuple[str, ...], account: str | None) -> Json:
    """Expire the URLs of a job's results that were handed out until now."""
    return each_or_all(ids, account, mock.expire_results, mock.expire_account_results)
