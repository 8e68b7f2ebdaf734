"""The table of operations: what the control API offers, and what carries it out."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mock_server.control import (
    about,
    accounts,
    callbacks,
    clocks,
    jobs,
    money,
    problems,
    requests,
    resets,
    signatures,
)
from mock_server.control.dependencies import ControlDependencies
from mock_server.control.probes import Probes
from mock_server.core.errors import AlreadyEnded, Conflict, NotFound
from mock_server.web.json_bodies import AccountQuery, DeletedBody, OutgoingBody
from mock_server.web.pipeline import Operation

_PROBED: dict[str, type[OutgoingBody]] = {
    "/_mock/health": about.HealthBody,
    "/_mock/ready": about.ReadyBody,
    "/_mock/version": about.VersionBody,
}


def all_operations(known: ControlDependencies, probes: Probes) -> tuple[Operation, ...]:
    """Return the operations of the mock and of its vendors; ValueError where two collide."""
    operations: tuple[Operation, ...] = ()  # for the operations that list them all
    info = about.About(known, lambda: operations)
    operations = (
        *(replace(probe, answer=_PROBED[probe.path]) for probe in probes.operations),
        *_about(info),
        *_accounts(accounts.Accounts(known), money.Money(known.accounts)),
        *_clocks(clocks.Clocks(known.accounts, known.dispatcher)),
        *_resets(resets.Resets(known)),
        *_jobs(jobs.Jobs(known.accounts)),
        *known.vendor_operations(),
        *_callbacks(callbacks.Callbacks(known.accounts, known.dispatcher)),
        *_signatures(signatures.Signatures(known.explain)),
        *_requests(requests.Requests(known.journal, known.verdict_body, known.control_token)),
    )
    _refuse_collisions(operations)
    return operations


def _refuse_collisions(operations: Sequence[Operation]) -> None:
    paths, names = set[tuple[str, str]](), set[str]()
    for each in operations:
        path, name = (each.method, each.path), each.run.__name__
        if path in paths or name in names:
            raise ValueError(f"two control operations are called {name} or {' '.join(path)}")
        paths.add(path)
        names.add(name)


# fmt: off
def _about(own: about.About) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", "/_mock/settings", own.get_settings, "All settings and their sources",
            answer=about.SettingsBody,
        ),
        Operation(
            "GET", "/_mock/routes", own.get_routes, "All operations of the server",
            answer=about.RoutesBody,
        ),
        Operation(
            "GET", "/_mock/fidelity", own.get_fidelity, "The source of each behaviour",
            answer=about.FidelityBody,
        ),
        Operation("GET", "/_mock/openapi.json", own.get_openapi, "This document"),
    )


def _accounts(own: accounts.Accounts, credits: money.Money) -> tuple[Operation, ...]:
    return (
        Operation(
            "POST", "/_mock/accounts", own.create_account, "Create an account",
            body=accounts.NewAccountBody, answer=accounts.AccountBody, status=201,
            problems=(Conflict,),
        ),
        Operation(
            "GET", "/_mock/accounts", own.list_accounts, "List accounts",
            answer=accounts.AccountsBody,
        ),
        Operation(
            "DELETE", "/_mock/accounts", own.delete_accounts,
            "Delete all accounts but the ready-made one", answer=DeletedBody,
        ),
        Operation(
            "GET", "/_mock/accounts/{id}", own.get_account, "Get an account",
            answer=accounts.AccountBody,
        ),
        Operation(
            "DELETE", "/_mock/accounts/{id}", own.delete_account, "Delete an account",
            status=204, problems=(Conflict,),
        ),
        Operation(
            "GET", "/_mock/accounts/{id}/balance", credits.get_balance, "Get the balance",
            answer=money.BalanceBody,
        ),
        Operation(
            "PUT", "/_mock/accounts/{id}/balance", credits.put_balance,
            "Set or top up the balance",
            body=money.BalanceChangeBody, answer=money.BalanceBody,
        ),
        Operation(
            "GET", "/_mock/accounts/{id}/ledger", credits.get_ledger, "Get the ledger",
            answer=money.LedgerBody,
        ),
        Operation(
            "GET", "/_mock/accounts/{id}/limits", own.get_limits, "Get the rate limit",
            answer=accounts.LimitsBody,
        ),
        Operation(
            "PUT", "/_mock/accounts/{id}/limits", own.put_limits, "Change the rate limit",
            body=accounts.LimitsChangeBody, answer=accounts.LimitsBody,
        ),
    )


def _clocks(own: clocks.Clocks) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", "/_mock/clock", own.get_clock, "Get the time",
            query=AccountQuery, answer=clocks.ClockBody,
        ),
        Operation(
            "PUT", "/_mock/clock", own.put_clock, "Set the time (never back) or the clock's rate",
            query=AccountQuery, body=clocks.ClockChangeBody, answer=clocks.AdvancedBody,
            problems=(Conflict,),
        ),
        Operation(
            "POST", "/_mock/clock/advance", own.advance_clock, "Advance the clock",
            query=AccountQuery, body=clocks.AdvanceBody, answer=clocks.AdvancedBody,
            problems=(Conflict,),
        ),
        Operation(
            "POST", "/_mock/clock/freeze", own.freeze_clock, "Freeze the clock",
            query=AccountQuery, answer=clocks.ClockBody,
        ),
        Operation(
            "POST", "/_mock/clock/resume", own.resume_clock, "Resume a frozen clock",
            query=AccountQuery, body=clocks.ResumeBody, answer=clocks.ClockBody,
        ),
    )


def _resets(own: resets.Resets) -> tuple[Operation, ...]:
    return (
        Operation(
            "POST", "/_mock/reset", own.reset, "Reset the server, an account, or parts of them",
            query=resets.reset_query(own.parts), answer=resets.ResetBody,
        ),
    )


def _jobs(own: jobs.Jobs) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", "/_mock/jobs", own.list_jobs, "List jobs, the newest first",
            query=jobs.JobsQuery, answer=jobs.JobsBody, problems=(NotFound,),
        ),
        Operation("GET", "/_mock/jobs/{id}", own.get_job, "Get a job", answer=jobs.JobBody),
        Operation(
            "POST", "/_mock/jobs/{id}/advance", own.advance_job, "Advance a job by hand",
            body=jobs.JobAdvanceBody, answer=jobs.JobBody, problems=(Conflict, AlreadyEnded),
        ),
        Operation(
            "POST", "/_mock/jobs/{id}/complete", own.complete_job, "Complete a job now",
            answer=jobs.JobBody, problems=(Conflict, AlreadyEnded),
        ),
        Operation(
            "POST", "/_mock/jobs/{id}/fail", own.fail_job, "Fail a job now",
            body=jobs.JobFailureBody, answer=jobs.JobBody, problems=(Conflict, AlreadyEnded),
        ),
    )


def _callbacks(own: callbacks.Callbacks) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", "/_mock/callbacks", own.list_callbacks, "List callbacks, the newest first",
            query=callbacks.CallbacksQuery, answer=callbacks.CallbacksBody, problems=(NotFound,),
        ),
        Operation(
            "GET", "/_mock/callbacks/{id}", own.get_callback, "Get a callback and its payload",
            answer=callbacks.WholeCallbackBody,
        ),
        Operation(
            "POST", "/_mock/callbacks/{id}/redeliver", own.redeliver, "Send a callback again now",
            answer=callbacks.CallbackBody,
        ),
        Operation(
            "POST", "/_mock/callbacks/drain", own.drain, "Send all open callbacks now",
            query=AccountQuery, answer=callbacks.DrainedBody,
        ),
    )


def _signatures(own: signatures.Signatures) -> tuple[Operation, ...]:
    return (
        Operation(
            "POST", "/_mock/signature/explain", own.explain,
            "Explain what is wrong with a signature",
            body=signatures.CapturedBody, problems=(problems.NOT_A_CAPTURE,),
        ),
    )


def _requests(own: requests.Requests) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", "/_mock/requests", own.list_requests, "List requests, the newest first",
            query=requests.RequestsQuery, answer=requests.EntriesBody,
        ),
        Operation(
            "DELETE", "/_mock/requests", own.delete_requests,
            "Delete the vendors' requests from the journal",
            query=AccountQuery, answer=DeletedBody,
        ),
        Operation(
            "GET", "/_mock/requests/{id}", own.get_request, "Get a request and its answer",
            answer=requests.ExchangeBody,
        ),
        Operation(
            "POST", "/_mock/requests/wait", own.wait_for_requests, "Wait for requests",
            body=requests.WaitBody, answer=requests.EntriesBody,
            problems=(Conflict, problems.NOT_SEEN, problems.STOPPING),
        ),
        Operation(
            "POST", "/_mock/requests/verify", own.verify_requests, "Verify the number of requests",
            body=requests.VerifyBody, answer=requests.MatchedBody,
            problems=(Conflict, problems.NOT_AS_EXPECTED),
        ),
    )
