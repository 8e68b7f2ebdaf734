"""The wiring: what is plugged into what, in which order."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server import __version__
from mock_server.control.api import Collaborators, account_body, create_control
from mock_server.core.accounts import Account, Limits
from mock_server.core.lobby import Lobby
from mock_server.core.plans import PROFILES, Planner
from mock_server.core.studio import Rules, Studio
from mock_server.core.worlds import Defaults, Newborn, Worlds
from mock_server.settings import Settings, read_settings, settings_table
from mock_server.stores.memory import MemoryStore
from mock_server.tams import doorkeeper as tams_door
from mock_server.tams import facts as tams_facts
from mock_server.tams.catalogue import demo_uploads
from mock_server.tams.choices import SETTLED
from mock_server.tams.key_pairs import key_pair, load_public_key
from mock_server.tams.surface import Tams
from mock_server.web import fidelity
from mock_server.web.callbacks import Postman
from mock_server.web.calls import Bounds
from mock_server.web.choices import Fact, at_hand
from mock_server.web.journal import Journal
from mock_server.web.letters import Correspondent
from mock_server.web.picture_cache import PictureCache
from mock_server.web.pipeline import Pipeline, Switchboard
from mock_server.web.results import Results
from mock_server.web.targets import Targets
from mock_server.web.wall import wall

if TYPE_CHECKING:
    from mock_server.workshop.surface import Workshop

CONTROL = "/_mock"


class App:
    """The whole mock as one ASGI app: the vendors behind the journal, and the control API."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.studio = Studio(MemoryStore(blob_bytes=settings.stored_bytes), _rules(settings))
        self.worlds = Worlds(self.studio, _defaults(settings), _ready_made(settings))
        self.pictures = PictureCache(settings.picture_cache_bytes)
        self.results = Results(self.studio, self.pictures)
        self.lobby = Lobby(
            self.studio.store,
            slots=settings.slots,
            keep_tokens=settings.keep_tokens,
            keep_sessions=settings.keep_sessions,
            cut_sessions=settings.workshop.cut_sessions,
        )
        self.postman = Postman(self.studio, wall, targets=Targets(settings.callback_targets))
        self.tams = Tams(
            self.studio,
            at_hand(settings.tams),
            self.results,
            public_url=settings.public_url,
            upload_bounds=Bounds(settings.upload_limit_bytes, settings.body_timeout),
            node_classes_file=settings.node_classes_file,
            templates_dir=settings.templates_dir,
        )
        bounds = Bounds(settings.body_limit_bytes, settings.body_timeout)
        tams_notices = Correspondent(self.tams.answers.notice, settings.tams.notify_retry_delays)
        self.postman.introduce(self.tams.name, lambda: tams_notices)
        self.postman.introduce("workshop", lambda: self.workshop.events.correspondent)
        self.studio.on_watched = self.postman.wake
        self.journal = Journal(
            Switchboard(
                Pipeline(self.tams, self.studio, bounds),
                lambda: Pipeline(self.workshop, self.studio, bounds),
            ),
            wall,
            entries=settings.journal_entries,
            total_bytes=settings.journal_bytes,
            body_bytes=settings.journal_body_bytes,
        )
        self.control: ASGIApp = create_control(
            Collaborators(
                worlds=self.worlds,
                studio=self.studio,
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
                postman=self.postman,
                lobby=self.lobby,
                control_token=settings.control_token,
                beyond_loopback=settings.beyond_loopback,
                own_hosts=_own_hosts(settings),
            )
        )

    @cached_property
    def workshop(self) -> Workshop:
        """The second vendor's surface; who calls the first alone does not wait for it to load."""
        from mock_server.workshop.surface import Workshop

        settings = self.settings
        return Workshop(
            self.studio,
            self.lobby,
            at_hand(settings.workshop),
            self.results,
            upload_bounds=Bounds(
                min(settings.workshop.upload_limit_bytes, settings.stored_bytes),
                settings.body_timeout,
            ),
            public_url=settings.public_url,
            error_codes_file=settings.error_codes_file,
            workflows_file=settings.workflows_file,
            postman=self.postman,
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
        return await self.worlds.open(wall)

    async def close(self) -> None:
        """Stop what goes on by itself, and let go of the home for state."""
        await self.postman.close()
        await self.studio.store.close()

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
        from mock_server.web.refusals.explainers import explainer

        explain = explainer([self.workshop.doorkeeper], self.tams.doorkeeper.explain)
        return await explain(captured)

    def _verdict_body(self, verdict: Any) -> dict[str, Any] | None:
        found = tams_door.verdict_body(verdict)
        if found is None and self._workshop_is_open:
            from mock_server.workshop import doorkeeper as workshop_door

            return workshop_door.verdict_body(verdict)
        return found

    @property
    def _workshop_is_open(self) -> bool:
        return "workshop" in vars(self)

    def _forget_kept(self, account: str | None) -> None:
        self.pictures.forget("" if account is None else f"{account}/")
        if self._workshop_is_open:
            self.workshop.doorkeeper.nonces.forget(account)

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


def _rules(settings: Settings) -> Rules:
    return Rules(
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


def _defaults(settings: Settings) -> Defaults:
    def keys(number: int) -> tuple[str, str]:
        pair = key_pair(number)
        return pair.private_pem, pair.public_pem

    return Defaults(
        balance=settings.balance,
        limits=Limits(qps=settings.qps, mode=settings.rate_limit),
        seed=settings.seed,
        keys=keys,
        keep_accounts=settings.keep_accounts,
        shared_uploads=demo_uploads(),
        clock_start=settings.clock_start,
        clock_rate=settings.clock_rate,
    )


def _ready_made(settings: Settings) -> Newborn:
    return Newborn(
        id=settings.account_id,
        app_id=settings.app_id,
        public_key=settings.public_key,
        token=settings.access_token,
        key=settings.app_key,
        secret=settings.app_secret,
        ready_made=True,
    )
