"""Two control operations at the same time do what they do one after the other, in some order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from mock_server.control.accounts import Accounts, LimitsBody, LimitsChangeBody
from mock_server.control.clocks import AdvanceBody, Clocks
from mock_server.core.account_service import AccountCounter, AccountSpec
from mock_server.core.accounts import Account, Credential, InitialAccount, Limits, Progression
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.unit_of_work import ServerClock
from mock_server.tests.control.mock import PREFIX, Mock
from mock_server.tests.makers import NOW, HesitatingStore, an_account_service, run
from mock_server.web.calls import Call
from mock_server.web.json_bodies import AccountQuery

WATCH = Watch("http://127.0.0.1:1/hook", "toy", Notify.CHANGES)

Command = tuple[str, str, Any]
Outcome = tuple[list[int], dict[str, Any]]


def commands(by_hand: str, timed: str) -> dict[str, Command]:
    """All operations that change something, on an account with these two jobs."""
    return {
        "qps": ("PUT", "/accounts/a/limits", {"qps": 9}),
        "window": ("PUT", "/accounts/a/limits", {"window": 2.5}),
        "balance": ("PUT", "/accounts/a/balance", {"balance": 7}),
        "top up": ("PUT", "/accounts/a/balance", {"topUp": 5}),
        "rotate": ("POST", "/accounts/a/credentials/rotate", {"accessToken": True}),
        "revoke": ("POST", "/accounts/a/credentials/revoke", {"credentials": ["appKey"]}),
        "set now": ("PUT", "/clock?account=a", {"now": NOW + 33}),
        "set rate": ("PUT", "/clock?account=a", {"rate": 2}),
        "set both": ("PUT", "/clock?account=a", {"now": NOW + 44, "rate": 3}),
        "advance": ("POST", "/clock/advance?account=a", {"seconds": 5}),
        "next": ("POST", "/clock/advance?account=a", {"next": True}),
        "freeze": ("POST", "/clock/freeze?account=a", None),
        "resume": ("POST", "/clock/resume?account=a", None),
        "set server now": ("PUT", "/clock", {"now": NOW + 3}),
        "set server rate": ("PUT", "/clock", {"rate": 4}),
        "advance server": ("POST", "/clock/advance", {"seconds": 5}),
        "server next": ("POST", "/clock/advance", {"next": True}),
        "freeze server": ("POST", "/clock/freeze", None),
        "resume server": ("POST", "/clock/resume", None),
        "reset": ("POST", "/reset?account=a", None),
        "reset jobs": ("POST", "/reset?account=a&only=jobs", None),
        "reset credits": ("POST", "/reset?account=a&only=credits", None),
        "reset limits": ("POST", "/reset?account=a&only=limits", None),
        "reset clock": ("POST", "/reset?account=a&only=clock", None),
        "reset callbacks": ("POST", "/reset?account=a&only=callbacks", None),
        "reset server": ("POST", "/reset", None),
        "reset server's jobs": ("POST", "/reset?only=jobs", None),
        "reset server's clock": ("POST", "/reset?only=clock", None),
        "create": ("POST", "/accounts", {"id": "c"}),
        "create any": ("POST", "/accounts", None),
        "delete": ("DELETE", "/accounts/a", None),
        "delete all": ("DELETE", "/accounts", None),
        "advance job": ("POST", f"/jobs/{by_hand}/advance", None),
        "complete job": ("POST", f"/jobs/{by_hand}/complete", None),
        "fail job": ("POST", f"/jobs/{by_hand}/fail", None),
        "complete timed job": ("POST", f"/jobs/{timed}/complete", None),
        "redeliver": ("POST", f"/callbacks/{by_hand}-1/redeliver", None),
        "drain": ("POST", "/callbacks/drain?account=a", None),
        "drain all": ("POST", "/callbacks/drain", None),
    }


class Trial:
    """A new mock with two accounts that have work, on a store that yields."""

    def __init__(self) -> None:
        accounts = an_account_service()
        for id, clock in (("a", None), ("b", 1000.0)):
            run(accounts.create(AccountSpec(id=id, clock_start=clock, clock_rate=clock and 0), NOW))
        self.mock = Mock(accounts, delays=[10.0, 60.0])
        accounts.on_callbacks = lambda account: None
        self.mock.callback_status = 500
        self.by_hand = run(self.mock.submit("a", watch=WATCH, progress=Progression.MANUAL)).job.id
        self.timed = run(self.mock.submit("a", watch=WATCH)).job.id
        run(self.mock.submit("b", watch=WATCH))
        self.memory = accounts.store
        accounts.store = HesitatingStore(self.memory)
        accounts.on_callbacks = self.mock.dispatcher.wake

    async def begin(self) -> None:
        await self.call("POST", f"/jobs/{self.by_hand}/advance", None)
        await self.settle()

    async def named(self, name: str, after: int = 0) -> int:
        """Run a command once the event loop has turned some times; return the status."""
        for _ in range(after):
            await asyncio.sleep(0)
        return await self.call(*commands(self.by_hand, self.timed)[name])

    async def call(self, method: str, path: str, body: Any) -> int:
        path, _, query = path.partition("?")
        content = b"" if body is None else json.dumps(body).encode()
        scope = {
            "type": "http",
            "method": method,
            "path": PREFIX + path,
            "query_string": query.encode(),
            "headers": [(b"content-length", b"%d" % len(content))],
            "scheme": "http",
        }
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content}

        async def send(message: Any) -> None:
            statuses.extend([message["status"]] if "status" in message else [])

        await self.mock.app(scope, receive, send)
        assert statuses[0] < 500
        return statuses[0]

    async def settle(self) -> None:
        """Let the callbacks be sent that are due."""
        dispatcher = self.mock.dispatcher
        for _ in range(300):
            await asyncio.sleep(0)
            if not dispatcher._rounds and not dispatcher._runs:
                return

    async def end(self) -> dict[str, Any]:
        """Return what is stored of each account."""
        await self.settle()
        await self.mock.dispatcher.close()
        parts = self.mock.resets.parts.values()
        kinds: set[Any] = {Account, InitialAccount, Credential, ServerClock, AccountCounter}
        stored: dict[str, Any] = {}
        for kind in sorted(kinds.union(*parts), key=lambda kind: kind.__name__):
            for record in await self.memory.list(kind):
                own = stored.setdefault(record.account, {})
                own[f"{kind.__name__} {record.id}"] = _plain(msgspec.to_builtins(record))
        return stored


def _plain(value: Any) -> Any:
    """Leave out what is different each time: who claimed a callback, how often one was reset."""
    if isinstance(value, dict):
        varying = ("incarnation", "incarnations", "claim", "claimed_until")
        return {name: _plain(each) for name, each in value.items() if name not in varying}
    return value


async def one_after_the_other(names: Sequence[str]) -> Outcome:
    trial = Trial()
    await trial.begin()
    statuses = []
    for name in names:
        statuses.append(await trial.named(name))
        await trial.settle()
    return statuses, await trial.end()


async def together(names: Sequence[str], after: int) -> Outcome:
    trial = Trial()
    await trial.begin()
    first, second = names
    statuses = await asyncio.gather(trial.named(first), trial.named(second, after))
    return list(statuses), await trial.end()


# "next" moves the server's clock to a moment of one of its accounts. Each account and the server is
# as after one of the two orders, but not always all of them as after the same one.
BY_ACCOUNT = "server next"
# Sending happens between two units of work, so that two who send may take turns.
SENDING = (
    {"set now", "redeliver"},
    {"set both", "redeliver"},
    {"server next", "drain"},
    {"server next", "drain all"},
)


def is_serial(names: Sequence[str], outcome: Outcome, serial: Sequence[Outcome]) -> bool:
    statuses, stored = outcome
    if set(names) in SENDING:
        return without_callbacks(stored) in [without_callbacks(each) for _, each in serial]
    if BY_ACCOUNT in names:
        return statuses in [each for each, _ in serial] and all(
            stored.get(id) in [each.get(id) for _, each in serial]
            for id in stored.keys() | serial[0][1].keys() | serial[1][1].keys()
        )
    return outcome in serial


def without_callbacks(stored: dict[str, Any]) -> dict[str, Any]:
    return {
        id: {name: each for name, each in own.items() if not name.startswith("Delivery")}
        for id, own in stored.items()
    }


async def check(first: str, second: str) -> None:
    there = await one_after_the_other([first, second])
    statuses, back = await one_after_the_other([second, first])
    for after in (0, 6):
        outcome = await together([first, second], after)
        assert is_serial([first, second], outcome, [there, (statuses[::-1], back)]), second


@pytest.mark.parametrize("first", commands("", ""))
async def test_two_operations_at_the_same_time_have_a_serial_order(first):
    names = list(commands("", ""))
    for second in names[names.index(first) :]:
        await check(first, second)


async def stale_put_limits(self: Accounts, call: Call, body: LimitsChangeBody) -> Any:
    """Read the account outside the unit of work that changes it."""
    account = await call.accounts.find(call.params["id"])
    async with call.accounts.act(account.id, call.wall) as world:
        await world.change_account(replace(account, limits=Limits(qps=body.qps or 0)))
    return LimitsBody.of(account.limits)


async def stale_advance_clock(
    self: Clocks, call: Call, query: AccountQuery, body: AdvanceBody
) -> Any:
    """Read the clock outside the unit of work that moves it."""
    account = await call.accounts.find(query.account or "")
    moment = (await call.accounts.clock(account)).now(call.wall) + (body.seconds or 0)
    return await self._advance(call, query, lambda clock: clock.moved_to(call.wall, moment))


async def test_the_check_finds_a_clock_that_a_change_of_limits_undoes(monkeypatch):
    monkeypatch.setattr(Accounts, "put_limits", stale_put_limits)

    with pytest.raises(AssertionError):
        await check("qps", "set rate")


async def test_the_check_finds_two_advances_that_add_up_to_one(monkeypatch):
    monkeypatch.setattr(Clocks, "advance_clock", stale_advance_clock)

    with pytest.raises(AssertionError):
        await check("advance", "advance")
