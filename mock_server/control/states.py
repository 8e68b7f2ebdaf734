"""State in and out: save and load an account or the whole server, and fork an account."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from msgspec.structs import replace
from pydantic import ConfigDict, Field

from mock_server.control.accounts import AccountBody, Accounts, NewIdentityBody
from mock_server.control.dependencies import ControlDependencies
from mock_server.control.probes import NAME
from mock_server.control.problems import NOT_A_STATE, TOO_LARGE, Problem, pointed
from mock_server.core.accounts import Account, InitialAccount
from mock_server.core.errors import (
    DomainError,
    Invalid,
    Malformed,
    NotFound,
    SettingsRefused,
    TooLarge,
)
from mock_server.core.fault_rules import FaultRule
from mock_server.core.outbox import Delivery
from mock_server.core.scenarios import ScenarioRun
from mock_server.core.state_documents import notes_on, read, written
from mock_server.core.states import SavedState
from mock_server.web.auth_diagnostics.turns import Turns
from mock_server.web.calls import Answer, Call
from mock_server.web.faults.rules import rule_of
from mock_server.web.json_bodies import AccountQuery, IncomingBody, OutgoingBody, Query
from mock_server.web.pieces import InPieces


def say_limit(error: DomainError, call: Call) -> Answer | None:
    """Refuse a state that is too large with the name of the setting."""
    if not isinstance(error, TooLarge):
        return None
    return Problem(TOO_LARGE, f"{error}, the server's --state-limit-bytes").answer(call.path)


class StateBody(IncomingBody):
    """What GET answers: accounts with all their records; with `server` the whole server."""

    model_config = ConfigDict(extra="allow")

    max_objects: ClassVar[int] = sys.maxsize

    format: str
    version: int
    accounts: list[dict[str, Any]]
    server: dict[str, Any] | None = None

    @classmethod
    def model_validate_json(cls, *args: Any, **options: Any) -> StateBody:
        """Leave the reading to the operation, which makes pauses."""
        return cls.model_construct(format="", version=0, accounts=[])


class LoadedBody(OutgoingBody):
    """Which accounts were made and replaced, and which are deleted with the whole server.

    `notes` say what could not be carried.
    """

    created: list[str]
    replaced: list[str]
    deleted: list[str]
    notes: list[str]


class ForkQuery(Query):
    """Which account is forked."""

    account: str = Field(min_length=1, max_length=100, description="The account to go on from")


class ForkedBody(AccountBody):
    """The new account. `ids` are its ids of what the other account has under their names."""

    forked_from: str
    ids: dict[str, str]
    notes: list[str]


class States:
    """Operations on the state of accounts."""

    def __init__(self, known: ControlDependencies, accounts: Accounts) -> None:
        self.known = known
        self.accounts = accounts
        self.states = known.states
        self._turns = Turns()
        self.states.checks += [
            (Account, self._check_account),
            (InitialAccount, lambda initial: self._check_account(initial.first)),
            (FaultRule, lambda rule: rule_of(rule.spec)),
        ]

    def _check_account(self, account: Account) -> None:
        self.accounts.check_credentials(account.credentials)
        try:
            kept = self.known.account_settings.changed((), dict(account.settings))
        except SettingsRefused as error:
            raise Invalid(f"settings/{error.field}", error.problem) from error
        if kept != account.settings:
            raise Invalid("settings", "are not in the form in which they are kept")

    async def get_state(self, call: Call, query: AccountQuery) -> Answer:
        if query.account is None:
            state = await self.states.save_all(call.wall)
        else:
            saved = await self.states.save(query.account, call.wall)
            made = await self.known.accounts.made(self.known.accounts.store)
            state = SavedState([saved], made=made)
        state = replace(state, settings=self.known.account_settings.of_the_server())
        return Answer(200, wire=InPieces(written(state, f"{NAME} {self.known.version}")))

    async def put_state(self, call: Call, query: AccountQuery, body: StateBody) -> LoadedBody:
        known = self.known
        try:
            state = await self._turns.finish(read(call.body, self.states))
        except Malformed:
            raise
        except Invalid as error:
            raise pointed(NOT_A_STATE, error) from error
        if query.account is not None:
            state = _part(state, query.account)
        done = await self.states.restore(state, call.wall)
        if state.server is not None:
            # An incident begins with this call, which comes after this.
            known.recorder.begin(call.wall, was_reset=True)
        for id in done.deleted:
            known.journal.forget(id)
        for id in (*done.created, *done.replaced, *done.deleted):
            known.forget(id)
            known.dispatcher.wake(id)
        await known.faults.open()
        here = known.account_settings.of_the_server()
        notes = [*notes_on(state.accounts), *_differences(state.settings, here)]
        return LoadedBody.like(done, notes=notes)

    async def fork_account(
        self, call: Call, query: ForkQuery, body: NewIdentityBody
    ) -> dict[str, Any]:
        known, spec = self.known, self.accounts.identity(body)
        account, renaming, saved = await self.states.fork(
            query.account, spec, call.wall, self._turns.finish
        )
        known.dispatcher.wake(account.id)
        await known.faults.open()
        shown = await self.accounts.shown(account.id, call)
        notes = []
        if still_open := sum(each.due_at is not None for each in saved.records.get(Delivery, ())):
            notes.append(f"{still_open} callbacks are open, which both accounts send")
        if any(run.accounts for run in saved.records.get(ScenarioRun, ())):
            notes.append("the accounts that its scenario made are not copied")
        return shown | {"forkedFrom": query.account, "ids": renaming.ids, "notes": notes}


def _differences(saved: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the settings is another one here; those that are left out are defaults."""
    for name in sorted({*saved, *here}):
        one, other = saved.get(name, "its default"), here.get(name, "its default")
        if one != other:
            yield f"setting {name} was {one} where it was saved, and is {other} here"


def _part(state: SavedState, id: str) -> SavedState:
    """Return one account of a state; one that followed the server goes on from its time."""
    for saved in state.accounts:
        if saved.id == id:
            clock = saved.clock or (state.server and state.server.clock)
            return replace(state, accounts=[replace(saved, clock=clock)], server=None)
    raise NotFound("account in the state", id)
