"""The unit of work: the only way to change an account.

It opens the account's transaction, loads the account and its clock in it, and applies everything
that is due up to now in the order of its moments. What is done inside is committed as a whole, or
not at all. Inside, await only the store.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.accounts import SERVER, Account, LimitMode, Limits
from mock_server.core.clock import LATEST, MAX_LATE, Clock
from mock_server.core.credits import Wallet
from mock_server.core.errors import AccountGone, DomainError, RateLimited
from mock_server.core.events import Event
from mock_server.core.ids import next_tick
from mock_server.core.jobs.due import move_up
from mock_server.core.jobs.plan_changes import PlanChange
from mock_server.core.jobs.plans import JobRules
from mock_server.core.jobs.queue import QueueState
from mock_server.core.jobs.service import JobService
from mock_server.core.outbox import Delivery
from mock_server.core.rate_limit import admit
from mock_server.core.steps_back import move_jobs
from mock_server.core.store import R, Record, Transaction
from mock_server.core.uploads import UploadService

if TYPE_CHECKING:
    from mock_server.core.account_service import AccountService


class ServerClock(Struct, frozen=True):
    """The clock that accounts without a clock follow."""

    id: str
    account: str
    clock: Clock


Announce = Callable[[str], None]


def _ignore(text: str) -> None:
    pass


class UnitOfWork:
    """One account at one moment. `events` are what time did on the way to `now`.

    With an `incarnation` it raises AccountGone if the account was reset since then. `announce`
    tells the caller something that the answer has no place for.
    """

    __slots__ = (
        "_accounts",
        "_id",
        "_incarnation",
        "_opening",
        "_saved",
        "account",
        "announce",
        "callbacks_changed",
        "clock",
        "events",
        "now",
        "plan_change",
        "rules",
        "tx",
        "wall",
    )

    account: Account
    clock: Clock
    now: float
    rules: JobRules
    tx: Transaction

    def __init__(
        self,
        accounts: AccountService,
        id: str,
        wall: float,
        incarnation: int | None = None,
        announce: Announce = _ignore,
    ) -> None:
        self._accounts = accounts
        self._id = id
        self._incarnation = incarnation
        self._saved: tuple[float, bool] | None = None
        self._opening = accounts.store.transaction(id)
        self.rules = accounts.rules
        self.announce = announce
        self.wall = wall
        self.events: list[Event] = []
        self.callbacks_changed = False
        self.plan_change: PlanChange | None = None  # of the job that is submitted in it

    async def __aenter__(self) -> UnitOfWork:
        accounts, id = self._accounts, self._id
        if id in accounts.scenarios.running:
            self.events += await accounts.scenarios.catch_up(id, self.wall)
        tx = self.tx = await self._opening.__aenter__()
        try:
            account = await tx.get(Account, id)
            if account is None or self._incarnation not in (None, account.incarnation):
                raise AccountGone(id)
            self.account = account
            if account.settings:
                self.rules = accounts.own_rules(account.settings)
            self.clock = clock = account.clock or await self.followed_clock()
            self.now = now = self._time(clock)
            step = now - accounts.latest.get(id, now)
            is_moved = step < -MAX_LATE and step < -MAX_LATE * clock.rate
            if is_moved:
                await move_jobs(self, step)
                self.callbacks_changed = True
            due = await tx.next_due(accounts.due.applied, id, now)
            if due is not None:
                await self._apply(due, now)
            if due is not None or is_moved:
                await self.save()  # It has happened, whatever becomes of the call.
        except BaseException as error:
            await self._opening.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        accounts = self._accounts
        try:
            if self._saved is not None and isinstance(error, DomainError):
                await self.tx.rollback()
                self.now, self.callbacks_changed = self._saved
                kind = error = traceback = None
            if kind is None and self._id in accounts.scenarios.running:
                await accounts.scenarios.notice(self)
        except BaseException as failure:
            await self._opening.__aexit__(type(failure), failure, failure.__traceback__)
            raise
        await self._opening.__aexit__(kind, error, traceback)
        if kind is None:
            accounts.latest[self._id] = self.now
            if self.callbacks_changed:
                accounts.on_callbacks(self._id)

    # What every change needs

    @property
    def jobs(self) -> JobService:
        return JobService(self)

    @property
    def uploads(self) -> UploadService:
        return UploadService(self)

    async def save(self) -> None:
        """Keep what was done so far, even if the rest is refused with a DomainError."""
        await self.tx.savepoint()
        self._saved = self.now, self.callbacks_changed

    async def own(self, kind: type[R], id: str) -> R | None:
        """Return the account's record with this id, or None."""
        record = await self.tx.get(kind, id)
        return None if record is None or record.account != self.account.id else record

    async def queue(self) -> QueueState:
        """Return the state of the account's queue."""
        id = self.account.id
        return await self.tx.get(QueueState, id) or QueueState(id, id)

    async def wallet(self) -> Wallet:
        """Return the account's wallet; a new account has its opening balance."""
        account = self.account
        wallet = await self.tx.get(Wallet, account.id)
        return wallet or Wallet(account.id, account.id, account.opening)

    async def may_notify(self) -> bool:
        """Return whether more notices can be promised; tell the caller if not."""
        account, limit = self.account.id, self.rules.keep_callbacks
        still_open = await self.tx.count_due(Delivery, account)
        if still_open + (await self.queue()).watched < limit:
            return True
        self.announce(
            f"no callbacks will be sent: account {account} has {limit} open ones, the limit that"
            " --keep-callbacks sets"
        )
        return False

    async def new_tick(self) -> int:
        """Return a tick for an id, larger than all that the account had before."""
        queue = await self.queue()
        tick = next_tick(self.now, queue.last_tick)
        await self.tx.put(replace(queue, last_tick=tick))
        return tick

    async def change_account(self, account: Account) -> None:
        """Write the account with other limits, another clock or other settings.

        Jobs that wait move up where more of them may run at the same time.
        """
        await self.tx.put(account)
        slots, self.account = self.rules.slots, account
        accounts = self._accounts
        self.rules = accounts.own_rules(account.settings) if account.settings else accounts.rules
        if self.rules.slots > slots:
            await move_up(self, self.now, not_before=self.now)

    # Time

    async def apply_due(self, until: float) -> None:
        """Apply everything that is due up to a moment, in the order of its moments."""
        first = await self.tx.next_due(self._accounts.due.applied, self._id, until)
        await self._apply(first, until)

    async def _apply(self, record: Record | None, until: float) -> None:
        """Apply the record that is due first, and what else is due up to a moment."""
        due = self._accounts.due
        while record is not None:
            await due.apply[type(record)](self, record)
            record = await self.tx.next_due(due.applied, self._id, until)

    def happened(self, at: float, kind: str, id: str, state: str) -> None:
        """Note an event."""
        self.events.append(Event(at, self._id, kind, id, state))

    async def advance(self, clock: Clock) -> list[Event]:
        """Give the account a clock that shows a later moment; return what happened until then."""
        before = self.now
        await self.set_clock(clock)
        await self.apply_due(self.now)
        return sorted(
            (event for event in self.events if event.at > before),
            key=lambda event: (event.at, event.id),
        )

    async def set_clock(self, clock: Clock) -> None:
        """Give the account this clock; it does not follow the server's any longer."""
        await self.change_account(replace(self.account, clock=clock))
        self.clock = clock
        self.now = self._time(clock)
        self.callbacks_changed = True

    def clock_after(self, change: Callable[[Clock], Clock]) -> Clock:
        """Return the account's clock after a change that comes now.

        While a step of a scenario acts, that is at its moment, which the clock has passed.
        """
        return self.clock.changed_at(self.now, self.wall, change)

    def _time(self, clock: Clock) -> float:
        """Return what the clock shows, or the moment of the step of a scenario that acts now."""
        held = self._accounts.scenarios.held
        now = clock.now(self.wall)
        return min(now, held.get(self._id, now)) if held else now

    async def followed_clock(self) -> Clock:
        """Return the clock that the account follows while it has none."""
        owner = await self.tx.get(Account, self.account.owner) if self.account.owner else None
        if owner is not None and owner.clock is not None:
            return owner.clock
        server = await self.tx.get(ServerClock, SERVER)
        return Clock.at(self.wall) if server is None else server.clock

    async def next_moment(self) -> float | None:
        """Return when something falls due next, after now."""
        moment = await self.tx.due_after(self._accounts.due.all, self._id, self.now)
        return None if moment is None or moment > LATEST else moment

    # Limits

    async def admit(self, limits: Limits, scope: str = "", at: float | None = None) -> str:
        """Count one call against a limit, or raise RateLimited.

        `scope` names a separate window. `at` is its time, if not the account's. Returns a remark
        where shadow mode let a call through.
        """
        if limits.mode is LimitMode.OFF:
            return ""
        now = self.now if at is None else at
        allowed_at = await admit(self.tx, self._id, limits, now, scope)
        if allowed_at is None:
            await self.save()  # A call that is refused from here on was still a call.
            return ""
        refusal = RateLimited(
            retry_after=allowed_at - now,
            qps=limits.qps,
            window=limits.window,
            counts=scope.strip(),
            frozen=at is None and self.clock.frozen,
            real=at is not None,
        )
        if limits.mode is LimitMode.SHADOW:
            return str(refusal)
        raise refusal
