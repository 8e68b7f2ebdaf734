"""Who comes in by a session's URL, and why somebody does not.

The part of the URL that cannot be guessed is the key; it opens the pages of its own product only.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from mock_server.core.accounts import Account
from mock_server.core.errors import StudioError
from mock_server.core.lobby import Lobby, Visit
from mock_server.core.sessions import Session
from mock_server.core.studio import Studio
from mock_server.core.tokens import Token
from mock_server.web.calls import Call

UNKNOWN = "unknown"
DISABLED = "disabled"

_SENTENCES = {
    UNKNOWN: "There is no session at this address.",
    "expired": "The time of this session has run out.",
    "closed": "This session was ended.",
    "replaced": "A new session has taken the place of this one.",
    DISABLED: "The token of this session is switched off.",
}


class Guest(Struct, frozen=True):
    """Somebody who came in: whose session it is, and what time it is there (virtual seconds)."""

    account: Account
    session: Session
    token: Token
    now: float


class TurnedAway(StudioError):
    """Nobody comes in. `why` is a word for programs; `at` the virtual moment since when, if known.

    `visit` is there where the session was found.
    """

    def __init__(self, why: str, at: float | None = None, visit: Visit | None = None) -> None:
        super().__init__(_SENTENCES[why])
        self.why = why
        self.at = at
        self.visit = visit

    @property
    def sentence(self) -> str:
        """What happened, for the end user."""
        return _SENTENCES[self.why]

    @property
    def since(self) -> str:
        """When that was, for the end user: in UTC, as the account's clock is in no time zone."""
        if self.at is None:
            return ""
        return f"It ended on {datetime.fromtimestamp(self.at, UTC):%d %B %Y at %H:%M:%S} UTC."

    @property
    def status(self) -> int:
        return 404 if self.why == UNKNOWN else 403


class Doors:
    """Lets guests in by the id in the path."""

    def __init__(self, studio: Studio, lobby: Lobby) -> None:
        self.studio = studio
        self.lobby = lobby

    async def enter(self, call: Call, product: str) -> Guest:
        """Return who comes in, or raise TurnedAway; the call is its account's from here on."""
        session = await self.lobby.session(call.params["session"])
        account = None if session is None else await self.studio.owner(session.account)
        if session is None or account is None:
            raise TurnedAway(UNKNOWN)
        call.account, call.trace.account = account, account.id
        call.now = call.trace.now = await self.studio.now(account, call.wall)
        if session.seat.product != product:
            raise TurnedAway(UNKNOWN)
        visit = await self.lobby.visit(session.id, call.now)
        if visit is None:  # it made room between the two looks
            raise TurnedAway(UNKNOWN)
        if visit.problem:
            raise TurnedAway(visit.problem, _since(visit), visit)
        return Guest(account, visit.session, visit.token, call.now)

    async def next_session(self, call: Call, over: Visit) -> Session | None:
        """Return the session in which the token of one that is over can come in now."""
        session, token = over.session, over.token
        found = await self.lobby.find(call.account, token.id, session.seat, call.now)
        if found is None:
            return None
        visit = await self.lobby.visit(found.id, call.now)
        return None if visit is None or visit.problem else found


def _since(visit: Visit) -> float | None:
    if visit.problem == DISABLED:  # nobody writes down when
        return None
    session = visit.session
    return session.expires_at if session.over is None else session.over_at
