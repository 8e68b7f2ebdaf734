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
from mock_server.control.collaborators import Collaborators
from mock_server.control.operations import Operation, Table
from mock_server.control.probes import Probes
from mock_server.control.shapes import OutgoingBody, WorldQuery

_PROBED: dict[str, type[OutgoingBody]] = {
    "/health": about.HealthBody,
    "/ready": about.ReadyBody,
    "/version": about.VersionBody,
}


def whole_table(known: Collaborators, probes: Probes) -> Table:
    """Return everything that is offered."""
    table: Table
    told = about.About(known, lambda: table.operations)
    worlds = accounts.Accounts(
        known.worlds, known.journal, known.forget_kept, known.check_public_key
    )
    sums = money.Money(known.worlds)
    time = clocks.Clocks(known.worlds, known.postman)
    anew = resets.Resets(known.worlds, known.journal, known.postman, known.forget_kept)
    work = jobs.Jobs(known.worlds, known.postman)
    post = callbacks.Callbacks(known.worlds, known.postman)
    users = tokens.Tokens(known.worlds, known.lobby)
    seen = requests.Requests(known.journal, known.verdict_body, known.control_token)
    proofs = signatures.Signatures(known.explain)
    missing, conflict, ended = problems.NOT_FOUND, problems.CONFLICT, problems.ENDED
    operations = (
        *(replace(probe, answer=_PROBED[probe.path]) for probe in probes.operations),
        Operation(
            "GET", "/settings", told.get_settings, "Every setting and where it came from",
            about.SettingsBody,
        ),
        Operation("GET", "/routes", told.get_routes, "What is served", about.RoutesBody),
        Operation(
            "GET", "/fidelity", told.get_fidelity, "Where each behaviour comes from",
            about.FidelityBody,
        ),
        Operation("GET", "/openapi.json", told.get_openapi, "This description"),
        Operation(
            "POST", "/accounts", worlds.create_account, "Make a world",
            accounts.AccountBody, body=accounts.NewAccountBody, status=201,
            problems=(conflict,),
        ),
        Operation(
            "GET", "/accounts", worlds.list_accounts, "All worlds", accounts.AccountsBody
        ),
        Operation(
            "DELETE", "/accounts", worlds.delete_accounts,
            "End all worlds but the ready-made one", shapes.DeletedBody,
        ),
        Operation(
            "GET", "/accounts/{id}", worlds.get_account, "One world", accounts.AccountBody
        ),
        Operation(
            "DELETE", "/accounts/{id}", worlds.delete_account, "End a world",
            status=204, problems=(conflict,),
        ),
        Operation(
            "GET", "/accounts/{id}/balance", sums.get_balance, "What can be spent",
            money.BalanceBody,
        ),
        Operation(
            "PUT", "/accounts/{id}/balance", sums.put_balance, "Set the balance or top it up",
            money.BalanceBody, body=money.BalanceChangeBody,
        ),
        Operation(
            "GET", "/accounts/{id}/ledger", sums.get_ledger, "Every line of the balance",
            money.LedgerBody,
        ),
        Operation(
            "GET", "/accounts/{id}/limits", worlds.get_limits, "How many calls it has",
            accounts.LimitsBody,
        ),
        Operation(
            "PUT", "/accounts/{id}/limits", worlds.put_limits, "Change how many calls it has",
            accounts.LimitsBody, body=accounts.LimitsChangeBody,
        ),
        Operation(
            "GET", "/clock", time.get_clock, "What time it is",
            clocks.ClockBody, WorldQuery,
        ),
        Operation(
            "PUT", "/clock", time.put_clock, "Set the time, never back, or its rate",
            clocks.AdvancedBody, WorldQuery, clocks.ClockChangeBody, problems=(conflict,),
        ),
        Operation(
            "POST", "/clock/advance", time.advance_clock, "Move time ahead",
            clocks.AdvancedBody, WorldQuery, clocks.AdvanceBody, problems=(conflict,),
        ),
        Operation(
            "POST", "/clock/freeze", time.freeze_clock, "Stop time",
            clocks.ClockBody, WorldQuery,
        ),
        Operation(
            "POST", "/clock/resume", time.resume_clock, "Let time go on",
            clocks.ClockBody, WorldQuery, clocks.ResumeBody,
        ),
        Operation(
            "POST", "/reset", anew.reset, "Back to the seeded start",
            resets.ResetBody, resets.ResetQuery,
        ),
        Operation(
            "GET", "/jobs", work.list_jobs, "Jobs, the newest first",
            jobs.JobsBody, jobs.JobsQuery, problems=(missing,),
        ),
        Operation("GET", "/jobs/{id}", work.get_job, "One job", jobs.JobBody),
        Operation(
            "POST", "/jobs/{id}/advance", work.advance_job, "Move a job by hand",
            jobs.JobBody, body=jobs.JobAdvanceBody, problems=(conflict, ended),
        ),
        Operation(
            "POST", "/jobs/{id}/complete", work.complete_job, "Let a job succeed now",
            jobs.JobBody, problems=(conflict, ended),
        ),
        Operation(
            "POST", "/jobs/{id}/fail", work.fail_job, "Let a job fail now",
            jobs.JobBody, body=jobs.JobFailureBody, problems=(conflict, ended),
        ),
        Operation(
            "GET", "/tokens", users.list_tokens, "End users' tokens, the newest first",
            tokens.TokensBody, tokens.TokensQuery, problems=(missing,),
        ),
        Operation(
            "GET", "/tokens/{id}", users.get_token, "One token and its sessions",
            tokens.WholeTokenBody,
        ),
        Operation(
            "POST", "/tokens/{id}/expire", users.expire_token, "Let a token's time end now",
            tokens.WholeTokenBody,
        ),
        Operation(
            "POST", "/tokens/{id}/extend", users.extend_token, "Let a token be good for longer",
            tokens.WholeTokenBody, body=tokens.ExtensionBody, problems=(conflict,),
        ),
        Operation(
            "POST", "/tokens/{id}/disable", users.disable_token, "Let a token into nothing",
            tokens.WholeTokenBody,
        ),
        Operation(
            "POST", "/tokens/{id}/enable", users.enable_token, "Let a token in again",
            tokens.WholeTokenBody,
        ),
        Operation(
            "POST", "/tokens/{id}/sessions/close", users.close_sessions,
            "End a token's sessions now", tokens.ClosedBody,
        ),
        Operation(
            "GET", "/callbacks", post.list_callbacks, "Callbacks, the newest first",
            callbacks.CallbacksBody, callbacks.CallbacksQuery, problems=(missing,),
        ),
        Operation(
            "GET", "/callbacks/{id}", post.get_callback, "One callback and what it says",
            callbacks.WholeCallbackBody,
        ),
        Operation(
            "POST", "/callbacks/{id}/redeliver", post.redeliver, "Send a callback once more now",
            callbacks.CallbackBody,
        ),
        Operation(
            "POST", "/callbacks/drain", post.drain, "Try everything open until nothing is",
            callbacks.DrainedBody, WorldQuery,
        ),
        Operation(
            "POST", "/signature/explain", proofs.explain, "Say what is wrong with a signature",
            body=signatures.CapturedBody, problems=(problems.NOT_A_CAPTURE,),
        ),
        Operation(
            "GET", "/requests", seen.list_requests, "What came, the newest first",
            requests.EntriesBody, requests.RequestsQuery,
        ),
        Operation(
            "DELETE", "/requests", seen.delete_requests, "Forget what came",
            shapes.DeletedBody, WorldQuery,
        ),
        Operation(
            "GET", "/requests/{id}", seen.get_request, "One exchange", requests.ExchangeBody
        ),
        Operation(
            "POST", "/requests/wait", seen.wait_for_requests, "Wait until requests came",
            requests.EntriesBody, body=requests.WaitBody,
            problems=(conflict, problems.NOT_SEEN),
        ),
        Operation(
            "POST", "/requests/verify", seen.verify_requests, "Say whether requests came",
            requests.MatchedBody, body=requests.VerifyBody,
            problems=(conflict, problems.NOT_AS_EXPECTED),
        ),
    )  # fmt: skip
    table = Table(operations)
    return table
