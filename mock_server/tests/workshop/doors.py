"""A door of the Workshop with one account behind it, and calls that come to it."""

from __future__ import annotations

import asyncio
from typing import Any

from mock_server.core.account_service import AccountService, AccountSpec
from mock_server.core.accounts import Account
from mock_server.core.errors import Unauthenticated
from mock_server.tests.makers import run, some_worlds
from mock_server.tests.workshop.signing import KEY, NOW, SECRET, Request
from mock_server.web.calls import Answer, Call, Trace
from mock_server.workshop.authentication import WorkshopAuthenticator
from mock_server.workshop.gateway import GatewayRefusal, refuse
from mock_server.workshop.settings import WorkshopSettings

PATHS = (b"/scc/spQueryToken", b"/scc/allocate_token", b"/scc/comfy_prompt")


def a_call(request: Request, wall: float = NOW) -> Call:
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
    call = Call(scope, Trace("00000001", wall, scope), {})
    call.body = request.body
    return call


class Door:
    """An authenticator, and what it says to calls."""

    def __init__(self, **settings: Any) -> None:
        self.account_service: AccountService = some_worlds()
        self.account = self.add("ada", key=KEY, secret=SECRET)
        self.settings = WorkshopSettings(**settings)
        job_service = self.account_service.job_service
        self.authenticator = WorkshopAuthenticator(job_service, self.settings, lambda: PATHS)

    def add(self, id: str, **wish: Any) -> Account:
        """Make an account."""
        return run(self.account_service.create(AccountSpec(id=id, **wish), NOW))

    def open(self, request: Request | Call, wall: float = NOW) -> Account | GatewayRefusal:
        """Let a call in, or return why it is turned away."""
        call = request if isinstance(request, Call) else a_call(request, wall)
        try:
            return asyncio.run(self.authenticator.authenticate(call))
        except Unauthenticated as error:
            refusal: GatewayRefusal = error.diagnosis
            return refusal

    def turned_away(self, request: Request | Call, wall: float = NOW) -> str:
        """Return the situation of a refusal; empty where the call is let in."""
        outcome = self.open(request, wall)
        return outcome.situation.value if isinstance(outcome, GatewayRefusal) else ""

    def answer(self, request: Request | Call, wall: float = NOW) -> Answer:
        """Return the gateway's answer to a call that is turned away."""
        refusal = self.open(request, wall)
        assert isinstance(refusal, GatewayRefusal)
        return refuse(refusal, self.settings.gateway_generation)
