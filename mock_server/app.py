"""The wiring: what is plugged into what, in which order."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server import __version__
from mock_server.control.api import ControlDependencies, account_body, create_control
from mock_server.core.account_service import AccountDefaults, AccountService, AccountSpec
from mock_server.core.accounts import Account, Limits
from mock_server.core.jobs.plans import PROFILES, Planner
from mock_server.core.jobs.service import JobRules, JobService
from mock_server.core.session_service import SessionService
from mock_server.settings import Settings, read_settings, settings_table
from mock_server.stores.memory import MemoryStore
from mock_server.tams import authentication as tams_authentication
from mock_server.tams import facts as tams_facts
from mock_server.tams.catalogue import demo_uploads
from mock_server.tams.key_pairs import key_pair, load_public_key
from mock_server.tams.settings import SETTLED
from mock_server.tams.surface import TamsSurface
from mock_server.web import fidelity
from mock_server.web.callback_formats import CallbackAdapter
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Bounds
from mock_server.web.journal import Journal
from mock_server.web.picture_cache import PictureCache
from mock_server.web.pipeline import Pipeline, Router
from mock_server.web.results import ResultFiles
from mock_server.web.targets import CallbackTargets
from mock_server.web.vendor_settings import Fact, at_hand
from mock_server.web.wall import wall

if TYPE_CHECKING:
    from mock_server.workshop.surface import WorkshopSurface

CONTROL = "/_mock"


class App:
    """The whole mock as one ASGI app: the vendors behind the journal, and the control API."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.job_service = JobService(
            MemoryStore(blob_bytes=settings.stored_bytes), _rules(settings)
        )
        self.account_service = AccountService(
            self.job_service, _defaults(settings), _ready_made(settings)
        )
        self.pictures = PictureCache(settings.picture_cache_bytes)
        self.results = ResultFiles(self.job_service, self.pictures)
        self.session_service = SessionService(
            self.job_service.store,
            slots=settings.slots,
            keep_tokens=settings.keep_tokens,
            keep_sessions=settings.keep_sessions,
            cut_sessions=settings.workshop.cut_sessions,
        )
        self.dispatcher = CallbackDispatcher(
            self.job_service, wall, targets=CallbackTargets(settings.callback_targets)
        )
        self.tams = TamsSurface(
            self.job_service,
            at_hand(settings.tams),
            self.results,
            public_url=settings.public_url,
            upload_bounds=Bounds(settings.upload_limit_bytes, settings.body_timeout),
            node_classes_file=settings.node_classes_file,
            templates_dir=settings.templates_dir,
        )
        bounds = Bounds(settings.body_limit_bytes, settings.body_timeout)
        tams_notices = CallbackAdapter(self.tams.answers.notice, settings.tams.notify_retry_delays)
        self.dispatcher.register(self.tams.name, lambda: tams_notices)
        self.dispatcher.register("workshop", lambda: self.workshop.events.callback_adapter)
        self.job_service.on_watched = self.dispatcher.wake
        self.journal = Journal(
            Router(
                Pipeline(self.tams, self.job_service, bounds),
                lambda: Pipeline(self.workshop, self.job_service, bounds),
            ),
            wall,
            entries=settings.journal_entries,
            total_bytes=settings.journal_bytes,
            body_bytes=settings.journal_body_bytes,
        )
        self.control: ASGIApp = create_control(
            ControlDependencies(
                account_service=self.account_service,
                job_service=self.job_service,
                journal=self.journal,
                wall=wall,
                version=__version__,
                settings_rows=lambda: settings_table(settings),
                routes=self.routes,
                facts=self.facts,
                forget_kept=self._forget_kept,
                check_public_key=load_public_key,
                verdict_body=self._verdict_body,
                explain=self._explain,
                dispatcher=self.dispatcher,
                session_service=self.session_service,
                control_token=settings.control_token,
                beyond_loopback=settings.beyond_loopback,
                own_hosts=_own_hosts(settings),
            )
        )

    @cached_property
    def workshop(self) -> WorkshopSurface:
        """The second vendor's surface; who calls the first alone does not wait for it to load."""
        from mock_server.workshop.surface import WorkshopSurface

        settings = self.settings
        return WorkshopSurface(
            self.job_service,
            self.session_service,
            at_hand(settings.workshop),
            self.results,
            upload_bounds=Bounds(
                min(settings.workshop.upload_limit_bytes, settings.stored_bytes),
                settings.body_timeout,
            ),
            public_url=settings.public_url,
            error_codes_file=settings.error_codes_file,
            workflows_file=settings.workflows_file,
            dispatcher=self.dispatcher,
            event_secret=settings.event_secret,
            wall=wall,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith(CONTROL) and path[len(CONTROL) :][:1] in ("", "/"):
                await self.control(scope, receive, send)
            else:
                await self.journal(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def open(self, wall: float) -> Account:
        """Lay out the seeded start and return the ready-made account."""
        return await self.account_service.open(wall)

    async def close(self) -> None:
        """Stop what goes on by itself, and let go of the home for state."""
        await self.dispatcher.close()
        await self.job_service.store.close()

    def account_body(self, account: Account) -> dict[str, Any]:
        """Return what the control API answers for a new account."""
        return account_body(account, account.opening)

    def routes(self) -> list[dict[str, str]]:
        """Return what the vendors' surfaces serve."""
        return [
            {
                "method": operation.method,
                "path": operation.path,
                "surface": surface.name,
                "summary": operation.summary,
                "source": operation.source,
            }
            for surface in (self.tams, self.workshop)
            for operation in surface.operations
        ]

    def facts(self) -> list[Fact]:
        """Return where each behaviour comes from."""
        from mock_server.workshop import facts as workshop_facts

        tams, workshop, settings = self.tams, self.workshop, self.settings
        known = (*tams_facts.FACTS, *SETTLED)
        return [
            *fidelity.facts(tams.name, tams.operations, known, settings.tams),
            *fidelity.facts(
                workshop.name, workshop.operations, workshop_facts.FACTS, settings.workshop
            ),
        ]

    async def _explain(self, captured: dict[str, Any]) -> dict[str, Any]:
        from mock_server.web.auth_diagnostics.explainers import explainer

        explain = explainer([self.workshop.authenticator], self.tams.authenticator.explain)
        return await explain(captured)

    def _verdict_body(self, verdict: Any) -> dict[str, Any] | None:
        found = tams_authentication.verdict_body(verdict)
        if found is None and self._workshop_is_open:
            from mock_server.workshop import authentication as workshop_authentication

            return workshop_authentication.verdict_body(verdict)
        return found

    @property
    def _workshop_is_open(self) -> bool:
        return "workshop" in vars(self)

    def _forget_kept(self, account: str | None) -> None:
        self.pictures.forget("" if account is None else f"{account}/")
        if self._workshop_is_open:
            self.workshop.authenticator.nonces.forget(account)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.open(wall())
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def create_app(settings: Settings | None = None) -> App:
    """Return the mock as an ASGI app; without settings, those of the environment."""
    return App(settings or read_settings())


def _own_hosts(settings: Settings) -> tuple[str, ...]:
    """Return the names beside localhost under which callers may know the server."""
    public = urlsplit(settings.public_url).hostname
    return (settings.host, *([public] if public else []))


def _rules(settings: Settings) -> JobRules:
    return JobRules(
        planner=Planner(
            profile=PROFILES[settings.profile],
            memory_pixels=settings.memory_pixels,
            pending=settings.tams.pending_seconds,
        ),
        progress=settings.progress,
        slots=settings.slots,
        polls=settings.polls,
        keep_jobs=settings.keep_jobs,
        keep_resources=settings.keep_uploads,
        upload_bytes=settings.upload_limit_bytes,
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
