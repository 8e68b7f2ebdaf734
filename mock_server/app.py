"""The wiring: what is plugged into what. It loops over vendors; VENDORS alone names them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server import __version__
from mock_server.account_settings import AccountSettings
from mock_server.control.api import ControlApi, ControlDependencies, account_body
from mock_server.control.gate import Gate
from mock_server.core.account_service import AccountDefaults, AccountService, AccountSpec
from mock_server.core.accounts import Account, Limits, OwnSettings
from mock_server.core.errors import Conflict, DomainError, Invalid
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.plans import PROFILES, JobRules, Planner
from mock_server.core.outbox import Delivery
from mock_server.core.resets import ResetService
from mock_server.core.states import StateService
from mock_server.core.store import Store
from mock_server.settings import (
    Settings,
    given_settings,
    read_settings,
    recorded_settings,
    settings_table,
)
from mock_server.stores import open_store
from mock_server.tams.catalogue import demo_uploads
from mock_server.tams.key_pairs import key_pair, load_public_key
from mock_server.tams.vendor import TamsVendor
from mock_server.web import extras
from mock_server.web.authentication import explain
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Bounds, Call
from mock_server.web.faults.service import FaultService
from mock_server.web.forwarding import BehindProxies
from mock_server.web.journal import Journal
from mock_server.web.metrics import Metrics
from mock_server.web.observers import Observer, Tracing
from mock_server.web.picture_cache import PictureCache
from mock_server.web.pipeline import Hooks, Operation, Pipeline, Router, Surface
from mock_server.web.recorder import Recorder
from mock_server.web.results import ResultFiles
from mock_server.web.targets import CallbackTargets
from mock_server.web.vendor_settings import MAX_OWN, Choices, Fact
from mock_server.web.vendors import Vendor, VendorContext
from mock_server.web.wall import wall
from mock_server.workshop.vendor import WorkshopVendor

if TYPE_CHECKING:
    from mock_server.control.spans import Spans
    from mock_server.proxy.surface import Proxy

VENDORS: tuple[Callable[[VendorContext, AccountSettings], Vendor], ...] = (
    lambda context, known: TamsVendor(
        context,
        Choices(known.server.tams, lambda own: known.of(own).tams),
        node_classes_file=known.server.node_classes_file,
        templates_dir=known.server.templates_dir,
    ),
    lambda context, known: WorkshopVendor(
        context,
        Choices(known.server.workshop, lambda own: known.of(own).workshop),
        stored_bytes=known.server.stored_bytes,
        keep_tokens=known.server.keep_tokens,
        keep_sessions=known.server.keep_sessions,
        error_codes_file=known.server.error_codes_file,
        workflows_file=known.server.workflows_file,
        event_secret=known.server.event_secret,
    ),
)


class App:
    """The whole mock as one ASGI app: the vendors and the control API behind the observers.

    It opens itself at its first request, if no server did that before, and `async with` closes it.
    After `close`, it begins anew. `observers` are told of each exchange after the journal. A replay
    has its own wall clock, store and dispatcher.
    """

    def __init__(
        self,
        settings: Settings,
        observers: Iterable[Observer] = (),
        *,
        wall: Callable[[], float] = wall,
        store: Store | None = None,
        dispatcher: Callable[..., CallbackDispatcher] = CallbackDispatcher,
    ) -> None:
        self.settings = settings
        self._wall = wall
        self._opening = asyncio.Lock()
        self._is_open = False
        account_settings = AccountSettings(settings)
        self.accounts = AccountService(
            store or open_store(blob_bytes=settings.stored_bytes),
            _rules(settings),
            _defaults(settings),
            _ready_made(settings),
            lru_cache(MAX_OWN)(lambda own: _rules(account_settings.of(own))),
        )
        self.resets = ResetService(self.accounts)
        self.states = StateService(self.accounts, self.resets)
        self.pictures = PictureCache(settings.picture_cache_bytes)
        self.dispatcher = dispatcher(
            self.accounts,
            wall,
            targets=CallbackTargets(settings.callback_targets),
            authorities=settings.callback_authorities,
        )
        self.accounts.on_callbacks = self.dispatcher.wake
        context = VendorContext(
            self.accounts,
            ResultFiles(self.accounts.store, self.pictures),
            self.dispatcher,
            wall,
            upload_bounds=Bounds(settings.upload_limit_bytes, settings.body_timeout),
            public_url=settings.public_url,
        )
        made = [make(context, account_settings) for make in VENDORS]
        self.vendors = {vendor.name: vendor for vendor in made}
        for vendor in made:
            vendor.register(self.accounts, self.resets, self.states)
            self.dispatcher.register(vendor.name, vendor.callback_adapter)
        self.states.checks += [(Job, self._check_watch), (Delivery, self._check_watch)]
        self.journal = Journal(
            entries=settings.journal_entries,
            total_bytes=settings.journal_bytes,
            body_bytes=settings.journal_body_bytes,
        )
        self.recorder = Recorder(
            entries=settings.journal_entries, total_bytes=settings.recorded_bytes
        )
        self.metrics = Metrics(wall())
        self.spans: Spans | None = None
        self.dispatcher.on_try = self._on_try
        self.proxy = self._proxy() if settings.upstream else None
        self.faults = FaultService(
            self.accounts,
            self.journal,
            lambda: [self._surface(vendor) for vendor in self.vendors.values()],
            lambda name: self.vendors[name].refusals(),
            wall,
            by_request=settings.request_faults,
            has_jobs=self.proxy is None,
        )
        self.dispatcher.fault_of = self.faults.of_callback
        self.control = ControlApi(
            ControlDependencies(
                accounts=self.accounts,
                resets=self.resets,
                states=self.states,
                journal=self.journal,
                recorder=self.recorder,
                metrics=self.metrics,
                dispatcher=self.dispatcher,
                faults=self.faults,
                version=__version__,
                settings_rows=lambda own: settings_table(account_settings.of(own)),
                recorded_settings=lambda: recorded_settings(settings),
                account_settings=account_settings,
                routes=self.routes,
                facts=self.facts,
                seeded=lambda: {name: each.seeded() for name, each in self.vendors.items()},
                seed=self._seed,
                seed_files=lambda: settings.seed_files,
                forget=self._forget_pictures,
                check_public_key=load_public_key,
                explain=self._explain,
                vendor_operations=self._control_operations,
                control_token=settings.control_token,
                secrets=settings.upstream_secrets,
                beyond_loopback=settings.beyond_loopback,
                open_to_private=settings.control_open_to == "private",
                own_hosts=_own_hosts(settings),
                state_bounds=Bounds(settings.state_limit_bytes, settings.body_timeout),
            )
        )
        first, *others = (partial(self._pipeline, vendor) for vendor in made)
        http: ASGIApp = Router(self.control, first(), *others)
        if settings.trusted_proxies:
            http = BehindProxies(http, settings.trusted_proxies)
        own = (self.recorder.keep, self.journal.keep, self.metrics.observe)
        self.http = Tracing(http, wall, [*own, *observers])

    # Frameworks look at whether this is a coroutine function to tell ASGI from WSGI.
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if not self._is_open:
                await self._open_once()
            await self.http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def open(self, wall: float) -> Account:
        """Make what the server begins with, and return the ready-made account."""
        if not self.recorder.began_at:  # A server opens it before its own start does.
            self.recorder.begin(wall)
        self.dispatcher.open()
        if self.proxy is not None:
            self.proxy.upstream.open()
        account = await self.accounts.open(wall)
        self._send_spans()
        await self._seed(wall)
        self._is_open = True
        return account

    async def __aenter__(self) -> App:
        await self._open_once()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _open_once(self) -> None:
        async with self._opening:
            if not self._is_open:
                await self.open(self._wall())

    def _send_spans(self) -> None:
        if not self.settings.otel or self.spans is not None:
            return
        extras.require("otel")
        from mock_server.control.spans import Spans

        self.spans = Spans(__version__, self.settings.upstream_secrets)
        self.http.observers.append(self.spans.observe)

    async def _seed(self, wall: float) -> None:
        """Make what the settings give a server to begin with, as far as it is not there."""
        settings, ready_made = self.settings, self.accounts.ready_made.id
        has_faults = await self.faults.open()
        if settings.faults_file is not None and not has_faults:
            await self._add_faults(settings.faults_file, wall)
        await self.control.seed(settings.accounts_file, settings.scenarios_dir, wall)
        if settings.scenario and ready_made not in self.accounts.scenarios.running:
            await self.control.scenarios.begin(settings.scenario, ready_made, wall)

    def stopping(self) -> None:
        """End calls that wait for other calls, because the server stops."""
        self.journal.end_waits()

    async def close(self) -> None:
        """Stop what runs in the background, and close the store."""
        self._is_open = False
        await self.dispatcher.close()
        if self.proxy is not None:
            await self.proxy.upstream.close()
        if self.spans is not None:
            self.http.observers.remove(self.spans.observe)
            await asyncio.to_thread(self.spans.close)
            self.spans = None
        await self.accounts.store.close()

    def account_body(self, account: Account) -> dict[str, Any]:
        """Return what the control API answers for a new account."""
        return account_body(account, account.opening)

    def routes(self) -> list[dict[str, str]]:
        """Return what the vendors serve."""
        return [
            {
                "method": operation.method,
                "path": operation.path,
                "name": operation.label,
                "surface": vendor.name,
                "summary": operation.summary,
                "source": operation.source,
            }
            for vendor in self.vendors.values()
            for operation in self._surface(vendor).operations
        ]

    def facts(self, own: OwnSettings = ()) -> list[Fact]:
        """Return where each behaviour comes from; `own` are settings of an account."""
        return [fact for vendor in self.vendors.values() for fact in vendor.facts(own)]

    def _pipeline(self, vendor: Vendor) -> Pipeline:
        settings = self.settings
        bounds = Bounds(
            settings.body_limit_bytes, settings.body_timeout, settings.compressed_bodies
        )
        return Pipeline(
            self._surface(vendor),
            self.accounts,
            bounds,
            self._hooks_of,
            vendor.surface_of if self.proxy is None else None,
            echoes_ids=settings.echo_request_ids,
            fallback=None if self.proxy is None else self.proxy.surface_of(vendor).fallback,
        )

    def _surface(self, vendor: Vendor) -> Surface:
        """Return what carries a vendor's operations out: the vendor, or an upstream."""
        return vendor.surface if self.proxy is None else self.proxy.surface_of(vendor)

    def _proxy(self) -> Proxy:
        from mock_server.proxy.spending import Spending
        from mock_server.proxy.surface import Proxy
        from mock_server.proxy.upstream import UpstreamService

        settings = self.settings
        return Proxy(
            UpstreamService(
                settings.upstream,
                timeout=settings.upstream_timeout,
                authorities=settings.upstream_authorities,
                control_token=settings.control_token,
                whole_bytes=settings.journal_body_bytes + 1,
                public_url=settings.public_url,
            ),
            self.accounts,
            Spending(allowed=settings.allow_spending, max_credits=settings.max_credits),
            settings.upstream_credentials,
            Gate(
                settings.control_token,
                beyond_loopback=settings.beyond_loopback,
                own_hosts=_own_hosts(settings),
                open_to_private=settings.control_open_to == "private",
            ),
            rewrites_urls=settings.rewrite_urls,
        )

    def _hooks_of(self, call: Call, operation: Operation, surface: Surface) -> Hooks:
        if not self.accounts.scenarios.running:
            return self.faults.hooks_of(call, operation, surface)
        from mock_server.web.scenario_calls import ScenarioCall

        return ScenarioCall(self.faults, call, operation, surface).hooks

    async def _add_faults(self, path: Path, wall: float) -> None:
        from mock_server.web.faults.rules import load_faults

        for number, rule in enumerate(load_faults(path), start=1):
            try:
                await self.faults.add(rule, wall)
            except DomainError as error:
                raise Conflict(f"fault {number} in {path}: {error}") from error

    def _control_operations(self) -> list[Operation]:
        found = [each for vendor in self.vendors.values() for each in vendor.control_operations()]
        if self.proxy is not None:
            from mock_server.proxy.control import ProxyControl

            found += ProxyControl(self.proxy).operations
        return found

    def _check_watch(self, record: Job | Delivery) -> None:
        if record.watch is not None and record.watch.surface not in self.vendors:
            raise Invalid("watch/surface", f"{record.watch.surface!r} is no vendor")

    def _on_try(self, *told: Any) -> None:
        self.recorder.keep_try(*told)
        self.metrics.observe_try(*told)

    def _forget_pictures(self, account: str | None) -> None:
        self.pictures.forget("" if account is None else f"{account}/")

    async def _explain(self, captured: dict[str, Any]) -> dict[str, Any]:
        authenticators = (vendor.authenticator for vendor in self.vendors.values())
        return await explain(authenticators, captured)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.open(self._wall())
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def create_app(
    settings: Settings | None = None, observers: Iterable[Observer] = (), **values: Any
) -> App:
    """Return the mock as an ASGI app, also for `httpx.ASGITransport`.

    Settings are given as such, or as values by name; without any, those of the environment count.
    Raises SettingsError.
    """
    if settings is None:
        settings = given_settings(values) if values else read_settings()
    return App(settings, observers)


def _own_hosts(settings: Settings) -> tuple[str, ...]:
    """Return the names beside localhost under which callers may know the server."""
    public = urlsplit(settings.public_url).hostname
    return (settings.host, *settings.tls_name, *([public] if public else []))


def _rules(settings: Settings) -> JobRules:
    return JobRules(
        planner=Planner(PROFILES[settings.profile], settings.memory_pixels),
        progress=settings.progress,
        slots=settings.slots,
        polls=settings.polls,
        keep_jobs=settings.keep_jobs,
        keep_resources=settings.keep_uploads,
        keep_callbacks=settings.keep_callbacks,
        upload_bytes=settings.upload_limit_bytes,
        failing_models=settings.failing_models,
        makes_videos=extras.is_installed("video"),
    )


def _defaults(settings: Settings) -> AccountDefaults:
    def keys(number: int) -> tuple[str, str]:
        pair = key_pair(number)
        return pair.private_pem, pair.public_pem

    return AccountDefaults(
        balance=settings.balance,
        limits=Limits(qps=settings.qps, mode=settings.rate_limit),
        seed=settings.seed,
        keys=keys,
        keep_accounts=settings.keep_accounts,
        shared_uploads=demo_uploads(),
        clock_start=settings.clock_start,
        clock_rate=settings.clock_rate,
    )


def _ready_made(settings: Settings) -> AccountSpec:
    return AccountSpec(
        id=settings.account_id,
        app_id=settings.app_id,
        public_key=settings.public_key,
        token=settings.access_token,
        key=settings.app_key,
        secret=settings.app_secret,
        ready_made=True,
    )
