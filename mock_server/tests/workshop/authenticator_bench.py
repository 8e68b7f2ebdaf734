"""The Workshop's authenticator with one account, and calls to it."""

from __future__ import annotations

import asyncio
from typing import Any

from mock_server.core.account_service import AccountService, AccountSpec
from mock_server.core.accounts import Account
from mock_server.core.clock import Clock
from mock_server.core.errors import Unauthenticated
from mock_server.tests.makers import an_account_service, run
from mock_server.tests.workshop.signing import KEY, NOW, SECRET, Request
from mock_server.web.calls import Answer, Call, Explained
from mock_server.web.traces import Trace
from mock_server.web.vendor_settings import Choices
from mock_server.workshop.authentication import WorkshopAuthenticator
from mock_server.workshop.gateway import GatewayRefusal, refuse
from mock_server.workshop.settings import WorkshopSettings

PATHS = (b"/scc/spQueryToken", b"/scc/allocate_token", b"/scc/comfy_prompt")


def a_call(request: Request, accounts: AccountService, wall: float = NOW) -> Call:
    """Return a request as the pipeline has it when its body was read."""
    path, _, query = request.target.partition("?")
    scope = {
        "method": request.method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower(), value) for name, value in request.wire],
        "scheme": "http",
    }
    call = Call(scope, Trace("00000001", wall), {}, accounts)
    call.body = request.body
    return call


class AuthenticatorBench:
    """An authenticator, and what it says to calls."""

    def __init__(self, **settings: Any) -> None:
        self.accounts = an_account_service()
        self.account = self.add("ada", key=KEY, secret=SECRET)
        self.settings = WorkshopSettings(**settings)
        choices = Choices(self.settings)
        self.authenticator = WorkshopAuthenticator(self.accounts, choices, lambda: PATHS)

    def add(self, id: str, **wish: Any) -> Account:
        """Make an account."""
        return run(self.accounts.create(AccountSpec(id=id, **wish), NOW))

    def set_clock(self, clock: Clock) -> None:
        """Give the account a clock."""

        async def change() -> None:
            async with self.accounts.act(self.account.id, NOW) as world:
                await world.set_clock(clock)

        run(change())

    def call(self, request: Request, wall: float = NOW) -> Call:
        """Return a request as a call of these accounts."""
        return a_call(request, self.accounts, wall)

    def open(self, request: Request | Call, wall: float = NOW) -> Account | GatewayRefusal:
        """Let a call in, or return why it is refused."""
        call = request if isinstance(request, Call) else self.call(request, wall)

        async def enter() -> Account:
            call.account = await self.authenticator.authenticate(call)
            try:
                async with call.act() as world:
                    await self.authenticator.use_nonce(world, call)
            except Explained as refusal:
                await refusal.explain()
            return call.account

        try:
            return asyncio.run(enter())
        except Unauthenticated as error:
            refusal: GatewayRefusal = error.diagnosis
            return refusal

    def turned_away(self, request: Request | Call, wall: float = NOW) -> str:
        """Return the situation of a refusal; empty if there is none."""
        outcome = self.open(request, wall)
        return outcome.situation.reason if isinstance(outcome, GatewayRefusal) else ""

    def answer(self, request: Request | Call, wall: float = NOW) -> Answer:
        """Return the gateway's answer to a call that is refused."""
        refusal = self.open(request, wall)
        assert isinstance(refusal, GatewayRefusal)
        return refuse(refusal, self.settings.gateway_generation)
