"""Who comes in by a session's URL, and why somebody does not.

The part of the URL that cannot be guessed is the key; it opens the pages of its own product only.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from mock_server.core.accounts import Account
from mock_server.core.errors import DomainError
from mock_server.core.jobs.service import JobService
from mock_server.core.session_service import SessionAccess, SessionService
from mock_server.core.sessions import Session
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


class PageUser(Struct, frozen=True):
    """Somebody who came in: whose session it is, and what time it is there (virtual seconds)."""

    account: Account
    session: Session
    token: Token
    now: float


class AccessDenied(DomainError):
    """Nobody comes in. `why` is a word for programs; `at` the virtual moment since when, if known.

    `visit` is there where the session was found.
    """

    def __init__(
        self, why: str, at: float | None = None, session_access: SessionAccess | None = None
    ) -> None:
        super().__init__(_SENTENCES[why])
        self.why = why
        self.at = at
        self.session_access = session_access

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


class PageAccess:
    """Lets guests in by the id in the path."""

    def __init__(self, job_service: JobService, session_service: SessionService) -> None:
        self.job_service = job_service
        self.session_service = session_service

    async def enter(self, call: Call, product: str) -> PageUser:
        """Return who comes in, or raise TurnedAway; the call is its account's from here on."""
        session = await self.session_service.session(call.params["session"])
        account = None if session is None else await self.job_service.owner(session.account)
        if session is None or account is None:
            raise AccessDenied(UNKNOWN)
        call.account, call.trace.account = account, account.id
        call.now = call.trace.now = await self.job_service.now(account, call.wall)
        if session.session_slot.product != product:
            raise AccessDenied(UNKNOWN)
        session_access = await self.session_service.session_access(session.id, call.now)
        if session_access is None:  # it made room between the two looks
            raise AccessDenied(UNKNOWN)
        if session_access.problem:
            raise AccessDenied(session_access.problem, _since(session_access), session_access)
        return PageUser(account, session_access.session, session_access.token, call.now)

    async def next_session(self, call: Call, over: SessionAccess) -> Session | None:
        """Return the session in which the token of one that is over can come in now."""
        session, token = over.session, over.token
        found = await self.session_service.find(
            call.account, token.id, session.session_slot, call.now
        )
        if found is None:
            return None
        session_access = await self.session_service.session_access(found.id, call.now)
        return None if session_access is None or session_access.problem else found


def _since(session_access: SessionAccess) -> float | None:
    if session_access.problem == DISABLED:  # nobody writes down when
        return None
    session = session_access.session
    return session.expires_at if session.over is None else session.over_at
