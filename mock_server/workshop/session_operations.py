"""The calls about sessions: who has access, until when, and by which URL (Workshop › 6)."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from mock_server.core.errors import Conflict, Invalid, NotFound
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.workshop.errors import Refused
from mock_server.workshop.pools import check_pools
from mock_server.workshop.session_service import SessionService, WhenLive
from mock_server.workshop.session_transitions import own_token, session_at
from mock_server.workshop.sessions import Metering, Session, SessionOptions, SessionSlot
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import SD_WEBUI
from mock_server.workshop.token_operations import check_listed, milliseconds, whole_seconds
from mock_server.workshop.tokens import Token
from mock_server.workshop.wire import CamelBody, Name, Whole, read_whole, scc

SubProduct = Literal["sd_webui", "comfyui_api"]

METERING = {10: Metering.TIME, 20: Metering.WORK}
Mode = Annotated[Literal[10, 20], BeforeValidator(read_whole)]

# Documented, in seconds. A refresh takes that of session mode in both modes.
DEFAULT_LIFETIMES = {Metering.TIME: 3600, Metering.WORK: 86_400}


class SessionName(CamelBody):
    """Names a session: a token has one for each sub-product and gadget."""

    api_token: str
    sub_product: SubProduct = "sd_webui"
    gadget_id: Name = ""


class RefreshSession(SessionName):
    """How long the session goes on from now."""

    expired_in_seconds: Whole | None = None


class CreateSession(RefreshSession):
    """The options of a new session."""

    role_id: Name = ""
    session_mode: Mode = 10
    custom_resource_config_id: Name = ""


class SessionOperations:
    """The operations on sessions. `public_url` replaces the caller's origin in URLs."""

    def __init__(
        self, session_service: SessionService, settings: WorkshopSettings, *, public_url: str = ""
    ) -> None:
        self.session_service = session_service
        self.settings = settings
        self.public_url = public_url
        self.operations = (
            scc(
                "spCreateSession", self.create,
                "Open a session for a token", "6.1", CreateSession, costs=True,
            ),
            scc(
                "spRefreshOrCreateSession", self.refresh_or_create,
                "Prolong a token's session, or open one", "6.1", CreateSession, costs=True,
            ),
            scc(
                "spRefreshSession", self.refresh,
                "Prolong a token's session", "6.1", RefreshSession, costs=True,
            ),
            scc("spQuerySession", self.query, "Look a token's session up", "6.1", SessionName),
            scc("spDeleteSession", self.delete, "End a token's session", "6.1", SessionName),
        )  # fmt: skip

    async def create(self, world: UnitOfWork, call: Call, payload: CreateSession) -> dict[str, Any]:
        """Workshop › 6.1: what it does with a live session is choice 3."""
        return await self._open(world, call, payload, WhenLive(self.settings.second_session))

    async def refresh_or_create(
        self, world: UnitOfWork, call: Call, payload: CreateSession
    ) -> dict[str, Any]:
        """Workshop › 6.1: the call that most integrations need."""
        keep = self.settings.live_session_terms == "keep"
        when_live = WhenLive.PROLONG if keep else WhenLive.RENEW
        return await self._open(world, call, payload, when_live)

    async def refresh(
        self, world: UnitOfWork, call: Call, payload: RefreshSession
    ) -> dict[str, Any]:
        """Workshop › 6.4: documented to count from now, so it can shorten a session."""
        token = await self._token(world, payload)
        lifetime = self._lifetime(payload, Metering.TIME)
        fresh = self.settings.session_url == "fresh"
        try:
            session = await self.session_service.prolong(
                world, token.id, self._slot(payload), lifetime, new_id=fresh
            )
        except NotFound:
            if self.settings.refresh_missing_session == "fail":
                raise
            created = CreateSession.model_construct(**dict(payload))
            return await self._open(world, call, created, WhenLive.KEEP)
        return self._shown(world, call, session)

    async def query(
        self, world: UnitOfWork, call: Call, payload: SessionName
    ) -> dict[str, Any] | None:
        """Workshop › 6.4: with the seconds that are left; without a session, choice 5."""
        token = await self._token(world, payload)
        session = await session_at(world, token, self._slot(payload))
        if session is None:
            if self.settings.missing_session == "fail":
                raise NotFound("session")
            return None
        return self._shown(world, call, session)

    async def delete(self, world: UnitOfWork, call: Call, payload: SessionName) -> None:
        """Workshop › 6.4: the URL stops working; choices 6 and 7."""
        token = await self._token(world, payload)
        slot = self._slot(payload)
        every = self.settings.delete_all_gadgets and not slot.gadget
        closed = await self.session_service.close(
            world, token.id, product=slot.product, gadget=None if every else slot.gadget
        )
        call.decide(session="closed" if closed else "none")
        if not closed and self.settings.delete_missing_session == "fail":
            raise NotFound("session")

    def url(self, session: Session, origin: str) -> str:
        """Return where the end user is sent (choices 1 and 43); the token is not in it."""
        product = session.session_slot.product
        chosen = (
            self.settings.sd_webui_url if product == SD_WEBUI else self.settings.comfyui_api_url
        )
        base = (chosen or origin).rstrip("/")
        if self.settings.custom_domain:
            base = urlsplit(base)._replace(netloc=self.settings.custom_domain).geturl()
        return f"{base}/{product}/s/{session.id}"

    async def _open(
        self, world: UnitOfWork, call: Call, payload: CreateSession, when_live: WhenLive
    ) -> dict[str, Any]:
        token = await self._token(world, payload)
        check_listed("roleId", payload.role_id, self.settings.roles)
        check_pools(payload.custom_resource_config_id, self.settings)
        options = SessionOptions(
            lifetime=self._lifetime(payload, METERING[payload.session_mode]),
            metering=METERING[payload.session_mode],
            role=payload.role_id,
            pools=payload.custom_resource_config_id,
        )
        try:
            session = await self.session_service.open(
                world,
                token.id,
                self._slot(payload),
                options,
                when_live=when_live,
                again=lambda live: self._lifetime(payload, self._again(live, options)),
                new_id=self.settings.session_url == "fresh",
            )
        except Conflict:
            raise Refused("session-live") from None
        return self._shown(world, call, session)

    def _slot(self, payload: SessionName) -> SessionSlot:
        """Return the slot of a session; with a gadget the sub-product is choice 8."""
        given = self.settings.gadget_sub_product == "given" or not payload.gadget_id
        return SessionSlot(payload.sub_product if given else SD_WEBUI, payload.gadget_id)

    def _again(self, live: Session, options: SessionOptions) -> Metering:
        """Return the mode whose default lifetime prolongs a live session (choice 10)."""
        match self.settings.refresh_lifetime:
            case "live":
                return live.metering
            case "call":
                return options.metering
        return Metering.TIME

    def _lifetime(self, payload: RefreshSession, metering: Metering) -> float:
        given = payload.expired_in_seconds
        if given is None:
            return DEFAULT_LIFETIMES[metering]
        longest = self.settings.longest_session
        if not 1 <= given <= longest:
            raise Invalid("expiredInSeconds", f"must be from 1 to {longest}, found {given}")
        return given

    async def _token(self, world: UnitOfWork, payload: SessionName) -> Token:
        """Return the token of a session call, if it may have sessions now."""
        token = await own_token(world, payload.api_token)
        if token.disabled:
            raise Refused("token-disabled")
        if token.expired_at(world.now) and self.settings.after_expiry == "refuse":
            raise Refused("token-expired")
        check_listed("gadgetId", payload.gadget_id, self.settings.gadgets)
        return token

    def _shown(self, world: UnitOfWork, call: Call, session: Session) -> dict[str, Any]:
        seconds_left = whole_seconds(session.seconds_left_at(world.now))
        call.decide(session="open", seconds=seconds_left)
        return {
            "expiredAt": milliseconds(session.expires_at),
            "apiToken": session.token,
            "sessionUrl": self.url(session, call.origin(self.public_url)),
            "expiredInSeconds": seconds_left,
        }
