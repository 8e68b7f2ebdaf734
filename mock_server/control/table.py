"""The table of operations: what is offered, and who carries it out."""

from __future__ import annotations

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
    shapes,
    signatures,
    tokens,
)
from mock_server.control.dependencies import ControlDependencies
from mock_server.control.operations import ControlOperation, ControlTable
from mock_server.control.probes import Probes
from mock_server.control.shapes import OutgoingBody, WorldQuery

_PROBED: dict[str, type[OutgoingBody]] = {
    "/health": about.HealthBody,
    "/ready": about.ReadyBody,
    "/version": about.VersionBody,
}


def whole_table(known: ControlDependencies, probes: Probes) -> ControlTable:
    """Return everything that is offered."""
    table: ControlTable
    told = about.About(known, lambda: table.operations)
    account_service = accounts.Accounts(
        known.account_service, known.journal, known.forget_kept, known.check_public_key
    )
    sums = money.Money(known.account_service)
    time = clocks.Clocks(known.account_service, known.dispatcher)
    anew = resets.Resets(known.account_service, known.journal, known.dispatcher, known.forget_kept)
    work = jobs.Jobs(known.account_service, known.dispatcher)
    post = callbacks.Callbacks(known.account_service, known.dispatcher)
    users = tokens.Tokens(known.account_service, known.session_service)
    seen = requests.Requests(known.journal, known.verdict_body, known.control_token)
    proofs = signatures.Signatures(known.explain)
    missing, conflict, ended = problems.NOT_FOUND, problems.CONFLICT, problems.ENDED
    operations = (
        *(replace(probe, answer=_PROBED[probe.path]) for probe in probes.operations),
        ControlOperation(
            "GET", "/settings", told.get_settings, "Every setting and where it came from",
            about.SettingsBody,
        ),
        ControlOperation("GET", "/routes", told.get_routes, "What is served", about.RoutesBody),
        ControlOperation(
            "GET", "/fidelity", told.get_fidelity, "Where each behaviour comes from",
            about.FidelityBody,
        ),
        ControlOperation("GET", "/openapi.json", told.get_openapi, "This description"),
        ControlOperation(
            "POST", "/accounts", account_service.create_account, "Make a world",
            accounts.AccountBody, body=accounts.NewAccountBody, status=201,
            problems=(conflict,),
        ),
        ControlOperation(
            "GET", "/accounts", account_service.list_accounts, "All worlds", accounts.AccountsBody
        ),
        ControlOperation(
            "DELETE", "/accounts", account_service.delete_accounts,
            "End all worlds but the ready-made one", shapes.DeletedBody,
        ),
        ControlOperation(
            "GET", "/accounts/{id}", account_service.get_account, "One world", accounts.AccountBody
        ),
        ControlOperation(
            "DELETE", "/accounts/{id}", account_service.delete_account, "End a world",
            status=204, problems=(conflict,),
        ),
        ControlOperation(
            "GET", "/accounts/{id}/balance", sums.get_balance, "What can be spent",
            money.BalanceBody,
        ),
        ControlOperation(
            "PUT", "/accounts/{id}/balance", sums.put_balance, "Set the balance or top it up",
            money.BalanceBody, body=money.BalanceChangeBody,
        ),
        ControlOperation(
            "GET", "/accounts/{id}/ledger", sums.get_ledger, "Every line of the balance",
            money.LedgerBody,
        ),
        ControlOperation(
            "GET", "/accounts/{id}/limits", account_service.get_limits, "How many calls it has",
            accounts.LimitsBody,
        ),
        ControlOperation(
            "PUT", "/accounts/{id}/limits", account_service.put_limits,
            "Change how many calls it has",
            accounts.LimitsBody, body=accounts.LimitsChangeBody,
        ),
        ControlOperation(
            "GET", "/clock", time.get_clock, "What time it is",
            clocks.ClockBody, WorldQuery,
        ),
        ControlOperation(
            "PUT", "/clock", time.put_clock, "Set the time, never back, or its rate",
            clocks.AdvancedBody, WorldQuery, clocks.ClockChangeBody, problems=(conflict,),
        ),
        ControlOperation(
            "POST", "/clock/advance", time.advance_clock, "Move time ahead",
            clocks.AdvancedBody, WorldQuery, clocks.AdvanceBody, problems=(conflict,),
        ),
        ControlOperation(
            "POST", "/clock/freeze", time.freeze_clock, "Stop time",
            clocks.ClockBody, WorldQuery,
        ),
        ControlOperation(
            "POST", "/clock/resume", time.resume_clock, "Let time go on",
            clocks.ClockBody, WorldQuery, clocks.ResumeBody,
        ),
        ControlOperation(
            "POST", "/reset", anew.reset, "Back to the seeded start",
            resets.ResetBody, resets.ResetQuery,
        ),
        ControlOperation(
            "GET", "/jobs", work.list_jobs, "Jobs, the newest first",
            jobs.JobsBody, jobs.JobsQuery, problems=(missing,),
        ),
        ControlOperation("GET", "/jobs/{id}", work.get_job, "One job", jobs.JobBody),
        ControlOperation(
            "POST", "/jobs/{id}/advance", work.advance_job, "Move a job by hand",
            jobs.JobBody, body=jobs.JobAdvanceBody, problems=(conflict, ended),
        ),
        ControlOperation(
            "POST", "/jobs/{id}/complete", work.complete_job, "Let a job succeed now",
            jobs.JobBody, problems=(conflict, ended),
        ),
        ControlOperation(
            "POST", "/jobs/{id}/fail", work.fail_job, "Let a job fail now",
            jobs.JobBody, body=jobs.JobFailureBody, problems=(conflict, ended),
        ),
        ControlOperation(
            "GET", "/tokens", users.list_tokens, "End users' tokens, the newest first",
            tokens.TokensBody, tokens.TokensQuery, problems=(missing,),
        ),
        ControlOperation(
            "GET", "/tokens/{id}", users.get_token, "One token and its sessions",
            tokens.WholeTokenBody,
        ),
        ControlOperation(
            "POST", "/tokens/{id}/expire", users.expire_token, "Let a token's time end now",
            tokens.WholeTokenBody,
        ),
        ControlOperation(
            "POST", "/tokens/{id}/extend", users.extend_token, "Let a token be good for longer",
            tokens.WholeTokenBody, body=tokens.ExtensionBody, problems=(conflict,),
        ),
        ControlOperation(
            "POST", "/tokens/{id}/disable", users.disable_token, "Let a token into nothing",
            tokens.WholeTokenBody,
        ),
        ControlOperation(
            "POST", "/tokens/{id}/enable", users.enable_token, "Let a token in again",
            tokens.WholeTokenBody,
        ),
        ControlOperation(
            "POST", "/tokens/{id}/sessions/close", users.close_sessions,
            "End a token's sessions now", tokens.ClosedBody,
        ),
        ControlOperation(
            "GET", "/callbacks", post.list_callbacks, "Callbacks, the newest first",
            callbacks.CallbacksBody, callbacks.CallbacksQuery, problems=(missing,),
        ),
        ControlOperation(
            "GET", "/callbacks/{id}", post.get_callback, "One callback and what it says",
            callbacks.WholeCallbackBody,
        ),
        ControlOperation(
            "POST", "/callbacks/{id}/redeliver", post.redeliver, "Send a callback once more now",
            callbacks.CallbackBody,
        ),
        ControlOperation(
            "POST", "/callbacks/drain", post.drain, "Try everything open until nothing is",
            callbacks.DrainedBody, WorldQuery,
        ),
        ControlOperation(
            "POST", "/signature/explain", proofs.explain, "Say what is wrong with a signature",
            body=signatures.CapturedBody, problems=(problems.NOT_A_CAPTURE,),
        ),
        ControlOperation(
            "GET", "/requests", seen.list_requests, "What came, the newest first",
            requests.EntriesBody, requests.RequestsQuery,
        ),
        ControlOperation(
            "DELETE", "/requests", seen.delete_requests, "Forget what came",
            shapes.DeletedBody, WorldQuery,
        ),
        ControlOperation(
            "GET", "/requests/{id}", seen.get_request, "One exchange", requests.ExchangeBody
        ),
        ControlOperation(
            "POST", "/requests/wait", seen.wait_for_requests, "Wait until requests came",
            requests.EntriesBody, body=requests.WaitBody,
            problems=(conflict, problems.NOT_SEEN),
        ),
        ControlOperation(
            "POST", "/requests/verify", seen.verify_requests, "Say whether requests came",
            requests.MatchedBody, body=requests.VerifyBody,
            problems=(conflict, problems.NOT_AS_EXPECTED),
        ),
    )  # fmt: skip
    table = ControlTable(operations)
    return table
