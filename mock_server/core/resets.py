"""Resets: an account, or the whole server, goes back to how it began, altogether or in parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from msgspec.structs import replace

from mock_server.core.account_service import AccountService, point_credentials
from mock_server.core.accounts import SERVER, Account, InitialAccount
from mock_server.core.clock import Clock
from mock_server.core.credits import ZERO, TopUp, Wallet
from mock_server.core.errors import AccountGone, Invalid
from mock_server.core.fault_rules import FaultRule
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.queue import QueuePlace, QueueState
from mock_server.core.jobs.service import RequestKey
from mock_server.core.nonces import Nonce
from mock_server.core.outbox import Delivery
from mock_server.core.rate_limit import AdmittedCalls, Window
from mock_server.core.resources import Resource
from mock_server.core.scenarios import OwnScenario, ScenarioRun, ScenarioStep
from mock_server.core.store import Record
from mock_server.core.unit_of_work import UnitOfWork

Step = Callable[[UnitOfWork], Awaitable[None]]

# Credits have no times in them. Everything else is forgotten when a clock goes back, since a job
# cannot have ended in the future.
_CREDITS = "credits"
_FAULTS = "faults"
_SCENARIOS = "scenarios"
_SETTINGS = "settings"

# Uploads and questions that are under way do not depend on these parts, so they go on.
_UNSEEN = frozenset({_CREDITS, "limits", "nonces", "callbacks", _FAULTS, _SCENARIOS, _SETTINGS})

# What belongs to the server beside accounts.
OF_THE_SERVER: dict[str, type[Record]] = {_FAULTS: FaultRule, _SCENARIOS: OwnScenario}


class ResetService:
    """Resets accounts. `parts` are what a reset can name, with the records behind each name.

    The steps of vendors run `before` records are forgotten, and `after`.
    """

    def __init__(self, accounts: AccountService) -> None:
        self.accounts = accounts
        self.parts: dict[str, tuple[type[Record], ...]] = {
            "jobs": (Job, RequestKey, QueueState, QueuePlace, Delivery),
            _CREDITS: (Wallet, TopUp),
            "uploads": (Resource,),
            "limits": (Window, AdmittedCalls),
            "nonces": (Nonce,),
            "clock": (),
            "callbacks": (Delivery,),
            _FAULTS: (FaultRule,),
            _SETTINGS: (),
            _SCENARIOS: (ScenarioRun, ScenarioStep),
        }
        self.before: list[Step] = []
        self.after: list[Step] = []

    def add_part(self, name: str, *kinds: type[Record]) -> None:
        """Let a reset that names the part forget these records too."""
        self.parts[name] = (*self.parts.get(name, ()), *kinds)

    async def reset(
        self, account: Account | None, only: Collection[str], wall: float
    ) -> list[Account]:
        """Bring one account, or the whole server, back to its start; return what is left.

        `only` names parts; without it everything goes, and a server forgets the accounts that
        were made. Jobs that are forgotten hold no credits any more; what they were charged stays
        charged unless the credits go too. Jobs that are kept go on holding theirs. Where a clock
        goes back, all that has a time in it is forgotten as well.
        """
        if unknown := set(only) - self.parts.keys():
            known = ", ".join(self.parts)
            raise Invalid("only", f"knows {known}; found {', '.join(sorted(unknown))}")
        accounts = self.accounts
        if account is not None:
            return [await self._reset(account.id, only, wall)]
        if not only:
            return [await accounts.start_anew(wall)]
        async with accounts.store.transaction(SERVER) as tx:
            for part, kind in OF_THE_SERVER.items():
                if part in only:
                    await tx.clear(kind)
        clock = accounts.first_clock(wall) if "clock" in only else None
        left = []
        for each in await accounts.all():
            with suppress(AccountGone):
                left.append(await self._reset(each.id, only, wall, clock))
        if clock is not None:
            await accounts.change_clock(None, wall, lambda _: clock)
        return left

    async def _reset(
        self, id: str, only: Collection[str], wall: float, server: Clock | None = None
    ) -> Account:
        """Reset parts of one account; `server` is a clock that the server gets afterwards."""
        parts = only or self.parts
        if self.accounts.scenarios.running.get(id) == id and not {_SCENARIOS, "clock"}.isdisjoint(
            parts
        ):
            await self.accounts.scenarios.stop(id, None, wall)
        incarnation = None
        if not _UNSEEN.issuperset(parts):
            incarnation = await self.accounts.new_incarnation()
        async with self.accounts.act(id, wall) as world:
            for step in self.before:
                await step(world)
            account, tx = world.account, world.tx
            initial = await tx.get(InitialAccount, id)
            first = account if initial is None else initial.first
            clock = account.clock
            if "clock" in parts:
                clock = first.clock and replace(first.clock, wall_anchor=wall)
            limits = first.limits if "limits" in parts else account.limits
            account = replace(
                account if only else first,
                clock=clock,
                limits=limits,
                settings=first.settings if _SETTINGS in parts else account.settings,
                incarnation=incarnation or account.incarnation,
            )
            kinds = {kind for part in parts for kind in self.parts[part]}
            followed = clock or server or await world.followed_clock()
            if followed.now(wall) < world.now:
                timed = (
                    kinds for part, kinds in self.parts.items() if part not in (_CREDITS, _FAULTS)
                )
                kinds.update(kind for kinds in timed for kind in kinds)
            for kind in kinds:
                await tx.clear(kind)
            if Resource in kinds:
                await tx.clear_blobs()
            await point_credentials(tx, world.account, account)
            await world.change_account(account)
            for step in self.after:
                await step(world)
            await _agree_with_jobs(world, forgotten=kinds)
            world.callbacks_changed = True
        return account


async def _agree_with_jobs(world: UnitOfWork, *, forgotten: Collection[type[Record]]) -> None:
    """Let the wallet hold what the jobs that are kept need, and no job have forgotten notices."""
    wallet = await world.wallet()
    jobs = await world.tx.list(Job, world.account.id)
    held = sum((job.price for job in jobs if job.ending is None), ZERO)
    if held != wallet.held:
        await world.tx.put(replace(wallet, held=held))
    for job in jobs:
        if job.open_notices and Delivery in forgotten:
            await world.tx.put(replace(job, open_notices=0))
