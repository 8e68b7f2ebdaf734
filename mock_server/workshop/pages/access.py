"""Access by a session's URL, and the reasons to deny it.

Every text calls a session that is over expired, as the API does.

The secret part of the URL is the session's id; it opens only the pages of its product.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from mock_server.core.accounts import Account
from mock_server.core.errors import DomainError
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.workshop.session_transitions import session_at
from mock_server.workshop.sessions import Session
from mock_server.workshop.tokens import Token

UNKNOWN = "unknown"
DISABLED = "disabled"

_SENTENCES = {
    UNKNOWN: "The session does not exist or has expired.",
    "expired": "The session has expired.",
    "closed": "The session has expired: it was closed.",
    "replaced": "The session has expired: a new session took its place.",
    DISABLED: "The session has expired: its token is disabled.",
}


class PageUser(Struct, frozen=True):
    """The end user behind a page: a session and its token."""

    session: Session
    token: Token

    @property
    def product(self) -> str:
        return self.session.session_slot.product


class AccessDenied(DomainError):
    """A session's URL gives no access. The message is for the end user, `why` for programs.

    `at` is the virtual moment since when, if known; `user` is there if the session was found.
    """

    def __init__(self, why: str, at: float | None = None, user: PageUser | None = None) -> None:
        super().__init__(_SENTENCES[why])
        self.why = why
        self.at = at
        self.user = user

    @property
    def since(self) -> str:
        """When that was, for the end user: in UTC, since the account's clock has no time zone."""
        if self.at is None:
            return ""
        return f"It expired on {datetime.fromtimestamp(self.at, UTC):%d %B %Y at %H:%M:%S} UTC."

    @property
    def status(self) -> int:
        return 404 if self.why == UNKNOWN else 403


async def session_page(call: Call) -> Account:
    """Return the account of the session in a page's URL."""
    session = await call.accounts.store.get(Session, call.params["session"])
    account = None if session is None else await call.accounts.get(session.account)
    if session is None or account is None:
        raise AccessDenied(UNKNOWN)
    if not call.path.startswith(f"/{session.session_slot.product}/"):
        raise AccessDenied(UNKNOWN)
    return account


async def enter(world: UnitOfWork, call: Call) -> PageUser:
    """Return the user of the session in a page's URL, or raise AccessDenied."""
    return await user_of(world, call.params["session"])


async def user_of(world: UnitOfWork, session_id: str) -> PageUser:
    """Return the user of a session, or raise AccessDenied."""
    session = await world.own(Session, session_id)
    token = None if session is None else await world.own(Token, session.token)
    if session is None or token is None:
        raise AccessDenied(UNKNOWN)
    user = PageUser(session, token)
    if session.over is not None:
        raise AccessDenied(session.over.value, session.over_at, user)
    if token.disabled:
        raise AccessDenied(DISABLED, None, user)
    return user


async def next_session(world: UnitOfWork, over: PageUser) -> Session | None:
    """Return the live session that the token has in place of one that is over."""
    token = over.token
    return None if token.disabled else await session_at(world, token, over.session.session_slot)
