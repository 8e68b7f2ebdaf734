"""Telling browsers apart, as a token is meant for one user (Workshop › 5.4).

A browser counts only once it has sent its cookie back: one that refuses cookies, as browsers do in
other sites' frames, is nobody in particular.
"""

from __future__ import annotations

import re

from mock_server.core import chance
from mock_server.core.session_service import SessionService
from mock_server.web.calls import Call
from mock_server.workshop.pages.access import PageUser
from mock_server.workshop.settings import WorkshopSettings

COOKIE = "studio_browser"
NOTICE = (
    "Another browser is using this page as well. A session is meant for one person:"
    " settings and pictures of both of you end up in one place."
)

_SHOWN = re.compile(rb"(?:^|; ?)" + COOKIE.encode() + rb"=([0-9a-f]{32})(?=;|$)")
_YEAR = 31_536_000


def browser_of(call: Call) -> str:
    """Return the id of the browser that calls, or nothing."""
    shown = _SHOWN.search(call.header(b"cookie") or b"")
    return "" if shown is None else shown[1].decode()


def new_cookie(call: Call) -> tuple[bytes, bytes]:
    """Return the header that gives a browser an id, which nobody can guess."""
    secret = call.account.credentials.secret
    browser = chance.mac(secret, "browser", call.trace.id, repr(call.wall))
    secure = "; Secure" if call.scope["scheme"] == "https" else ""
    cookie = f"{COOKIE}={browser}; Path=/; Max-Age={_YEAR}; HttpOnly; SameSite=Lax{secure}"
    return b"set-cookie", cookie.encode()


class Browsers:
    """Notes which browsers come with a token, and warns where they are two."""

    def __init__(self, session_service: SessionService, settings: WorkshopSettings) -> None:
        self.session_service = session_service
        self.settings = settings

    async def notice(self, call: Call, user: PageUser) -> str:
        """Return what the page should say about others, and remark on it when it begins."""
        browser, within = browser_of(call), self.settings.shared_token
        if not browser:
            return ""
        meeting = await self.session_service.meet(
            user.account, user.token.id, browser, user.now, within=within
        )
        if meeting.others and meeting.new:
            whose = user.token.name or "this session"
            call.remark(
                f"the token of {whose!r} is used by {meeting.others + 1} browsers at once;"
                " it is meant for one end user"
            )
        return NOTICE if meeting.others else ""

    async def knows(self, call: Call, token_id: str) -> bool:
        """Return whether the browser that calls was let in with the token before."""
        browser = browser_of(call)
        history = await self.session_service.history(call.account, token_id)
        return bool(browser) and any(each.browser == browser for each in history.browsers)
