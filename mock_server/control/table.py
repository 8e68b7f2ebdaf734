"""The table of operations: what the control API offers, and what carries it out."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mock_server.control import jobs, money, uploads
from mock_server.control.about import About, HealthBody, ReadyBody, VersionBody
from mock_server.control.accounts import AccountBody, Accounts, AccountsBody
from mock_server.control.callbacks import Callbacks
from mock_server.control.clocks import Clocks
from mock_server.control.credentials import AccountCredentials
from mock_server.control.dependencies import ControlDependencies
from mock_server.control.faults import Faults
from mock_server.control.incidents import Incidents
from mock_server.control.metrics import MetricsPage
from mock_server.control.probes import Probes
from mock_server.control.problems import (
    IMPOSSIBLE_PLAN,
    NEVER_ACTS,
    NOT_A_CAPTURE,
    NOT_A_KEY,
    NOT_A_SCENARIO,
    NOT_A_STATE,
    NOT_AS_EXPECTED,
    NOT_SEEN,
    STOPPING,
    UNANSWERABLE,
)
from mock_server.control.requests import Requests
from mock_server.control.resets import Resets, reset_query
from mock_server.control.scenarios import Scenarios
from mock_server.control.signatures import Signatures
from mock_server.control.states import ForkedBody, StateBody, States, say_limit
from mock_server.control.surface import typed
from mock_server.core.errors import AlreadyEnded, Conflict, NotFound, SettingsRefused
from mock_server.web.calls import Bounds
from mock_server.web.incident_files import IncidentBody
from mock_server.web.json_bodies import OutgoingBody
from mock_server.web.pipeline import Operation

_PROBED: dict[str, type[OutgoingBody]] = {
    "/_mock/health": HealthBody,
    "/_mock/ready": ReadyBody,
    "/_mock/version": VersionBody,
}


def all_operations(
    known: ControlDependencies, probes: Probes
) -> tuple[tuple[Operation, ...], Scenarios]:
    """Return the operations of the mock and of its vendors, and the scenarios that use them.

    ValueError where two collide.
    """
    accounts = Accounts(known)
    operations: tuple[Operation, ...] = ()  # for the operations that list them all
    operations = (
        *(replace(probe, answer=_PROBED[probe.path]) for probe in probes.operations),
        *_about(About(known, lambda: operations)),
        Operation(
            "GET",
            "/_mock/metrics",
            MetricsPage(known).get_metrics,
            "Metrics for Prometheus",
            answer=str,
        ),
        *_accounts(accounts),
        *_credentials(AccountCredentials(accounts)),
        *_clocks(Clocks(known.dispatcher)),
        *_resets(Resets(known)),
        *_states(States(known, accounts), known.state_bounds),
        *_JOBS,
        *_UPLOADS,
        *_faults(Faults(known.faults)),
        *known.vendor_operations(),
        *_callbacks(Callbacks(known.dispatcher)),
        *_signatures(Signatures(known)),
        *_requests(Requests(known)),
        Operation(
            "POST",
            "/_mock/incident",
            Incidents(known).create_incident,
            "Write what happened as a file that another mock plays again",
            answer=IncidentBody,
            problems=(NotFound, Conflict),
        ),
    )
    operations = tuple(map(typed, operations))
    scenarios = Scenarios(known, accounts, operations)
    operations += tuple(map(typed, _scenarios(scenarios)))
    _refuse_collisions(operations)
    return operations, scenarios


def _refuse_collisions(operations: Sequence[Operation]) -> None:
    paths, names = set[tuple[str, str]](), set[str]()
    for each in operations:
        path, name = (each.method, each.path), each.run.__name__
        if path in paths or name in names:
            raise ValueError(f"two control operations are called {name} or {' '.join(path)}")
        paths.add(path)
        names.add(name)


# fmt: off
def _about(own: About) -> tuple[Operation, ...]:
    return (
        Operation("GET", "/_mock/settings", own.get_settings, "All settings and their sources"),
        Operation("GET", "/_mock/routes", own.get_routes, "All operations of the server"),
        Operation("GET", "/_mock/fidelity", own.get_fidelity, "The source of each behaviour"),
        Operation("GET", "/_mock/seeds", own.get_seeds, "What the server began with"),
        Operation("GET", "/_mock/openapi.json", own.get_openapi, "This document"),
    )


def _accounts(own: Accounts) -> tuple[Operation, ...]:
    every, one = "/_mock/accounts", "/_mock/accounts/{id}"
    return (
        Operation(
            "POST", every, own.create_account, "Create an account",
            answer=AccountBody, status=201, problems=(Conflict, NOT_A_KEY, SettingsRefused),
        ),
        Operation(
            "GET", every, own.list_accounts, "List accounts, the newest first",
            answer=AccountsBody,
        ),
        Operation(
            "DELETE", every, own.delete_accounts, "Delete all accounts but the ready-made one"
        ),
        Operation("GET", one, own.get_account, "Get an account", answer=AccountBody),
        Operation(
            "DELETE", one, own.delete_account, "Delete an account",
            status=204, problems=(Conflict,),
        ),
        Operation("GET", f"{one}/balance", money.get_balance, "Get the balance"),
        Operation(
            "PUT", f"{one}/balance", money.put_balance, "Set or top up the balance",
            problems=(Conflict,),
        ),
        Operation("GET", f"{one}/ledger", money.get_ledger, "Get the ledger, the newest first"),
        Operation("GET", f"{one}/limits", own.get_limits, "Get the rate limit"),
        Operation("PUT", f"{one}/limits", own.put_limits, "Change the rate limit"),
        Operation("GET", f"{one}/settings", own.get_account_settings, "Get an account's settings"),
        Operation(
            "PATCH", f"{one}/settings", own.patch_account_settings,
            "Give an account settings of its own, or take them back", problems=(SettingsRefused,),
        ),
    )


def _credentials(own: AccountCredentials) -> tuple[Operation, ...]:
    every = "/_mock/accounts/{id}/credentials"
    return (
        Operation(
            "POST", f"{every}/rotate", own.rotate_credentials, "Replace credentials",
            answer=AccountBody, problems=(Conflict, NOT_A_KEY),
        ),
        Operation(
            "POST", f"{every}/revoke", own.revoke_credentials, "Refuse credentials from now on",
            answer=AccountBody, problems=(Conflict,),
        ),
    )


def _clocks(own: Clocks) -> tuple[Operation, ...]:
    return (
        Operation("GET", "/_mock/clock", own.get_clock, "Get the time"),
        Operation(
            "PUT", "/_mock/clock", own.put_clock, "Set the time (never back) or the clock's rate",
            problems=(Conflict,),
        ),
        Operation(
            "POST", "/_mock/clock/advance", own.advance_clock, "Advance the clock",
            problems=(Conflict,),
        ),
        Operation("POST", "/_mock/clock/freeze", own.freeze_clock, "Freeze the clock"),
        Operation("POST", "/_mock/clock/resume", own.resume_clock, "Resume a frozen clock"),
    )


def _resets(own: Resets) -> tuple[Operation, ...]:
    return (
        Operation(
            "POST", "/_mock/reset", own.reset, "Reset the server, an account, or parts of them",
            query=reset_query(own.parts),
        ),
    )


def _states(own: States, bounds: Bounds) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", "/_mock/state", own.get_state, "Save an account, or the whole server",
            answer=StateBody,
        ),
        Operation(
            "PUT", "/_mock/state", own.put_state, "Load accounts in place of those with their ids",
            problems=(Conflict, NOT_A_STATE), bounds=bounds, refuse=say_limit,
        ),
        Operation(
            "POST", "/_mock/state/fork", own.fork_account, "Make an account that goes on from one",
            answer=ForkedBody, status=201, problems=(NotFound, Conflict, NOT_A_KEY),
        ),
    )


_CHANGE = (Conflict, AlreadyEnded)

_JOBS = (
    Operation("GET", "/_mock/jobs", jobs.list_jobs, "List jobs, the newest first"),
    Operation("GET", "/_mock/jobs/{id}", jobs.get_job, "Get a job"),
    Operation(
        "POST", "/_mock/jobs/{id}/advance", jobs.advance_job, "Advance a job by hand",
        problems=_CHANGE,
    ),
    Operation(
        "POST", "/_mock/jobs/{id}/complete", jobs.complete_job, "Complete a job now",
        problems=_CHANGE,
    ),
    Operation("POST", "/_mock/jobs/{id}/fail", jobs.fail_job, "Fail a job now", problems=_CHANGE),
    Operation(
        "PATCH", "/_mock/jobs/{id}/plan", jobs.plan_job, "Change how a job goes from now on",
        problems=(*_CHANGE, IMPOSSIBLE_PLAN),
    ),
    Operation(
        "POST", "/_mock/jobs/{id}/results/expire", uploads.expire_results,
        "Expire the URLs of a job's results now", problems=(Conflict,),
    ),
    Operation(
        "POST", "/_mock/accounts/{id}/results/expire", uploads.expire_account_results,
        "Expire the URLs of all results of an account now",
    ),
)

_UPLOADS = (
    Operation("GET", "/_mock/uploads", uploads.list_uploads, "List uploads, the newest first"),
    Operation(
        "POST", "/_mock/uploads/{id}/expire", uploads.expire_upload,
        "Close an upload's URL and delete its file now",
    ),
    Operation(
        "POST", "/_mock/accounts/{id}/uploads/expire", uploads.expire_account_uploads,
        "Close the URLs of all uploads of an account and delete their files now",
    ),
)


def _faults(own: Faults) -> tuple[Operation, ...]:
    every, one = "/_mock/faults", "/_mock/faults/{id}"
    return (
        Operation(
            "POST", every, own.create_fault, "Make calls fail",
            status=201, problems=(NotFound, Conflict, NEVER_ACTS),
        ),
        Operation("GET", every, own.list_faults, "List faults and how often they hit"),
        Operation("DELETE", every, own.delete_faults, "Delete all faults, or those of an account"),
        Operation("GET", f"{every}/kinds", own.list_fault_kinds, "Kinds and names of faults"),
        Operation("GET", one, own.get_fault, "Get a fault"),
        Operation("DELETE", one, own.delete_fault, "Delete a fault", status=204),
    )


def _scenarios(own: Scenarios) -> tuple[Operation, ...]:
    every, one = "/_mock/scenarios", "/_mock/scenarios/{name}"
    return (
        Operation("GET", every, own.list_scenarios, "List scenarios and where they run"),
        Operation(
            "POST", every, own.create_scenario, "Add a scenario, or replace an added one",
            body=own.type, status=201, problems=(Conflict, NOT_A_SCENARIO),
        ),
        Operation("GET", one, own.get_scenario, "Get a scenario"),
        Operation(
            "POST", f"{one}/start", own.start_scenario,
            "Start a scenario on an account, by default the ready-made one",
            problems=(Conflict, NOT_A_SCENARIO),
        ),
        Operation(
            "POST", f"{one}/stop", own.stop_scenario, "Stop a scenario, and undo what it set",
            problems=(Conflict,),
        ),
    )


def _callbacks(own: Callbacks) -> tuple[Operation, ...]:
    every, one = "/_mock/callbacks", "/_mock/callbacks/{id}"
    return (
        Operation("GET", every, own.list_callbacks, "List callbacks, the newest first"),
        Operation("GET", one, own.get_callback, "Get a callback and its payload"),
        Operation("POST", f"{one}/redeliver", own.redeliver, "Send a callback again now"),
        Operation("POST", f"{every}/drain", own.drain, "Send all open callbacks now"),
    )


def _signatures(own: Signatures) -> tuple[Operation, ...]:
    return (
        Operation(
            "POST", "/_mock/signature/explain", own.explain,
            "Explain what is wrong with a signature", problems=(NOT_A_CAPTURE,),
            bounds=Bounds(body_bytes=1024 * 1024),
        ),
    )


def _requests(own: Requests) -> tuple[Operation, ...]:
    every = "/_mock/requests"
    return (
        Operation(
            "GET", every, own.list_requests, "List requests, the newest first",
            problems=(Conflict,),
        ),
        Operation(
            "DELETE", every, own.delete_requests, "Delete the vendors' requests from the journal"
        ),
        Operation("GET", f"{every}.har", own.export_requests, "Export requests as HAR 1.2"),
        Operation("GET", f"{every}/{{id}}", own.get_request, "Get a request and its answer"),
        Operation(
            "POST", f"{every}/wait", own.wait_for_requests, "Wait for requests",
            problems=(Conflict, UNANSWERABLE, NOT_AS_EXPECTED, NOT_SEEN, STOPPING),
        ),
        Operation(
            "POST", f"{every}/verify", own.verify_requests, "Verify which requests came",
            problems=(Conflict, UNANSWERABLE, NOT_AS_EXPECTED),
        ),
    )
