"""A vendor's surface whose operations are carried out by the upstream."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import wraps
from typing import Any

from msgspec.structs import replace

from mock_server.control.gate import Gate
from mock_server.control.problems import Problem
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account, Credentials
from mock_server.core.errors import DomainError
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.proxy.spending import Spending
from mock_server.proxy.upstream import UNREACHABLE, UpstreamService
from mock_server.web.calls import Answer, Call
from mock_server.web.pipeline import Caller, Operation, unpriced
from mock_server.web.traces import Trace
from mock_server.web.vendors import Vendor

# They change nothing (RFC 9110, 9.2.1), so they cost nothing.
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

# Clients of the vendors show these members of an error.
_SHOWN = ("message", "errMessage")


class Proxy:
    """What the surfaces of all vendors pass calls with.

    All calls belong to the ready-made account. Those that clients sign are signed again with the
    `credentials`, if there are some for their vendor; the `gate` says who may make such calls. With
    `rewrites_urls`, URLs of the upstream in JSON answers become URLs of the proxy.
    """

    def __init__(
        self,
        upstream: UpstreamService,
        accounts: AccountService,
        spending: Spending,
        credentials: Credentials,
        gate: Gate,
        *,
        rewrites_urls: bool,
    ) -> None:
        self.upstream = upstream
        self.accounts = accounts
        self.spending = spending
        self.credentials = credentials
        self.gate = gate
        self.rewrites_urls = rewrites_urls
        url = re.escape(upstream.url.encode()).replace(b"/", rb"\\?/")  # JSON may escape a slash
        self._surfaces: dict[str, ProxiedSurface] = {}
        self._urls = re.compile(url + rb"(?![\w.:-])", re.IGNORECASE)

    def surface_of(self, vendor: Vendor) -> ProxiedSurface:
        """Return the surface that stands in for a vendor's."""
        if vendor.name not in self._surfaces:
            self._surfaces[vendor.name] = ProxiedSurface(self, vendor)
        return self._surfaces[vendor.name]

    def own_urls(self, answer: Answer, call: Call) -> Answer:
        """Return an answer whose URLs of the upstream lead to the proxy, if a setting says so."""
        media_type = dict(answer.headers).get(b"content-type", b"")
        if not self.rewrites_urls or answer.wire is not None or b"json" not in media_type:
            return answer
        own = call.origin(self.upstream.public_url).encode()
        return replace(answer, body=self._urls.sub(lambda _: own, answer.body))


class ProxiedSurface:
    """The operations of a vendor, passed on. Faults find them by the vendor's names."""

    cross_origin = False  # What browsers may do is the upstream's answer.

    def __init__(self, proxy: Proxy, vendor: Vendor) -> None:
        self.name = vendor.name
        self.proxy = proxy
        self.vendor = vendor
        self.own = vendor.surface
        self.operations: Sequence[Operation] = tuple(map(self._proxied, self.own.operations))
        self.fallback = Operation("any", "other", self.other, leaves=True)
        self._costly = {each.path for each in self.own.operations if each.price is not None}

    async def authenticate(self, call: Call) -> Account:
        """Return the account of all calls; refuse callers that may not use the credentials."""
        call.identity = self.vendor.sign_as(call, self.proxy.credentials)
        if call.identity:
            self.proxy.gate.check(call)
        return await self._account(call)

    async def admit(self, world: UnitOfWork, call: Call, operation: Operation) -> None:
        """Count the call against the account's limit, in real time, as the upstream does."""
        if operation.counted and operation.caller is None and call.method != "OPTIONS":
            limits = world.account.limits
            if remark := await world.admit(limits, "upstream", at=world.wall):
                call.remark(remark)

    def parse(self, operation: Operation, call: Call) -> None:
        """Leave the body to the upstream."""

    def render(self, result: Answer, operation: Operation, trace: Trace) -> Answer:
        return result

    def render_error(self, error: DomainError, call: Call) -> Answer:
        """Return a limit or a fault in the vendor's form, and what the proxy says as a problem."""
        if not isinstance(error, Problem):
            return self.own.render_error(error, call)
        shown = Problem(
            error.kind,
            error.detail,
            headers=error.headers,
            more=dict.fromkeys(_SHOWN, error.detail),
        )
        return shown.answer(call.path)

    def render_crash(self, call: Call) -> Answer:
        return self.own.render_crash(call)

    def unknown_path(self, call: Call) -> Answer:
        return self.own.unknown_path(call)

    def wrong_method(self, allowed: Sequence[str], call: Call) -> Answer:
        return self.own.wrong_method(allowed, call)

    async def other(self, call: Call, payload: None) -> Answer:
        """Pass on what the vendor's documents do not have.

        Nothing says that a service takes no money for GET where it does for POST.
        """
        is_free = call.method in _SAFE_METHODS and call.path not in self._costly
        return await self._pass(call, replace(self.fallback, price=None if is_free else unpriced))

    def _proxied(self, operation: Operation) -> Operation:
        @wraps(operation.run)
        async def run(call: Call, payload: Any) -> Answer:
            return await self._pass(call, operation)

        def refuse(error: DomainError, call: Call) -> Answer | None:
            words = None if isinstance(error, Problem) else operation.refuse
            return words and words(error, call)

        caller: Caller | None = operation.caller and self._account
        return replace(operation, run=run, caller=caller, leaves=True, refuse=refuse)

    async def _account(self, call: Call) -> Account:
        return await self.proxy.accounts.find(self.proxy.accounts.ready_made.id)

    async def _pass(self, call: Call, operation: Operation) -> Answer:
        """Return what the upstream answers; raises Problem if there is none."""
        call.decide(passed=False)
        spending, price = self.proxy.spending, None
        if (price_of := operation.price) is not None:
            price = spending.spend(lambda: price_of(call, self.own.parse(operation, call)))
        try:
            answer = await self.proxy.upstream.send(call, call.identity or {})
        except Problem as problem:
            if problem.kind is UNREACHABLE:
                spending.give_back(price)
            raise
        if 400 <= answer.status < 500:
            spending.give_back(price)
        call.decide(passed=True, **({} if price is None else {"credits": price}))
        return self.proxy.own_urls(answer, call)
