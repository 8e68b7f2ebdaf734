"""The calls about tokens; a token stands for one end user (Workshop › 5)."""

from __future__ import annotations

from typing import Any

from mock_server.core.clock import LATEST
from mock_server.core.errors import Invalid
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.workshop.errors import Refused
from mock_server.workshop.session_service import SessionService
from mock_server.workshop.session_transitions import own_token
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.tokens import Token
from mock_server.workshop.wire import CamelBody, Name, Whole, scc

# A number with fewer digits than milliseconds have had since 2001 is most likely seconds.
_LEAST_MILLISECONDS = 10**12


class AllocateToken(CamelBody):
    """Who the token is for; nothing is required."""

    name: str = ""
    token_expired_at: Whole | None = None
    scene_role_id: Name = ""


class QueryToken(CamelBody):
    """Which token is asked for."""

    api_token: str


class PutUserState(CamelBody):
    """What is attached to the user of the token from now on."""

    api_token: str
    scene_role_id: Name | None = None
    sd_checkpoint_file_id: Name | None = None
    sd_vae: Name | None = None


class TokenOperations:
    """The operations on tokens."""

    def __init__(self, session_service: SessionService, settings: WorkshopSettings) -> None:
        self.session_service = session_service
        self.settings = settings
        self.operations = (
            scc("allocate_token", self.allocate, "Make a token", "5.1", AllocateToken),
            scc("spQueryToken", self.query, "Look a token up", "5.2", QueryToken),
            scc(
                "sp_put_user_state", self.put_user_state,
                "Change what is attached to a token", "5.3", PutUserState,
            ),
        )  # fmt: skip

    async def allocate(
        self, world: UnitOfWork, call: Call, payload: AllocateToken
    ) -> dict[str, Any]:
        """Workshop › 5.1: every parameter is optional."""
        longest = self.settings.longest_name
        if len(payload.name) > longest:
            raise Invalid("name", f"must not be longer than {longest} characters")
        expires_at = self._expiry(payload.token_expired_at, world.now)
        check_listed("sceneRoleId", payload.scene_role_id, self.settings.roles)
        token = await self.session_service.allocate(
            world,
            name=payload.name,
            expires_at=expires_at,
            role=payload.scene_role_id,
            unique_name=self.settings.unique_names,
        )
        return await self._shown(world, token)

    async def query(self, world: UnitOfWork, call: Call, payload: QueryToken) -> dict[str, Any]:
        """Workshop › 5.2: an expired token can still be asked for."""
        return await self._shown(world, await own_token(world, payload.api_token))

    async def put_user_state(self, world: UnitOfWork, call: Call, payload: PutUserState) -> None:
        """Workshop › 5.3: it cannot change the expiry or the name."""
        check_listed("sceneRoleId", payload.scene_role_id or "", self.settings.roles)
        attached = {
            "role": payload.scene_role_id,
            "model": payload.sd_checkpoint_file_id,
            "vae": payload.sd_vae,
        }
        # What an empty text does is choice 17.
        unchanged = (None, "") if self.settings.empty_attachment == "keep" else (None,)
        changes = {name: id for name, id in attached.items() if id not in unchanged}
        await self.session_service.change(world, payload.api_token, **changes)

    async def _shown(self, world: UnitOfWork, token: Token) -> dict[str, Any]:
        live = self.settings.used_time == "live"
        used = await self.session_service.used(world, token.id, live=live)
        return {
            "apiToken": token.id,
            "tokenExpiredAt": None if token.expires_at is None else milliseconds(token.expires_at),
            "usedSessionTimeInSeconds": whole_seconds(used),
        }

    def _expiry(self, given: int | None, now: float) -> float | None:
        if given is None:
            return None
        if not 0 <= given <= LATEST * 1000:
            raise Invalid("tokenExpiredAt", "must be milliseconds from 1970 to 2999")
        if given < _LEAST_MILLISECONDS and self.settings.short_expiry == "refuse":
            raise Invalid("tokenExpiredAt", f"must be milliseconds (13 digits), found {given}")
        expires_at = given / 1000
        if expires_at <= now and self.settings.past_expiry == "refuse":
            raise Invalid("tokenExpiredAt", f"must be in the future, found {given}")
        return expires_at


def check_listed(field: str, id: str, listed: tuple[str, ...]) -> None:
    """Refuse an id that is not listed; an empty list accepts every id (choice 14)."""
    if id and listed and id not in listed:
        raise Refused("unlisted", f"{field} {id!r} does not exist")


def milliseconds(moment: float) -> int:
    """Return a moment as the vendor writes it: Unix milliseconds."""
    return round(moment * 1000)


def whole_seconds(seconds: float) -> int:
    """Return the whole seconds in a sum of floats, which may be a little too small."""
    return int(round(seconds, 3))
