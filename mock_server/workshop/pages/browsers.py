"""Tells browsers apart, since a token is meant for one user (Workshop › 5.4).

A browser counts once it has sent its cookie back. One that refuses cookies, as browsers do in
frames of other sites, is never counted.
"""

from __future__ import annotations

import re

from mock_server.core import chance
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.workshop.pages.access import PageUser
from mock_server.workshop.token_history import history_of, meet

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
    """Return the header that gives a browser a secret id."""
    secret = call.account.credentials.secret
    browser = chance.mac(secret, "browser", call.trace.id, repr(call.wall))
    secure = "; Secure" if call.scope["scheme"] == "https" else ""
    cookie = f"{COOKIE}={browser}; Path=/; Max-Age={_YEAR}; HttpOnly; SameSite=Lax{secure}"
    return b"set-cookie", cookie.encode()


async def shared_use(world: UnitOfWork, call: Call, user: PageUser, *, within: float) -> str:
    """Return what the page should say about other browsers; their first use gets a remark."""
    browser = browser_of(call)
    if not browser:
        return ""
    met = await meet(world, user.token.id, browser, within=within)
    if met.others and met.new:
        whose = user.token.name or "this session"
        call.remark(
            f"the token of {whose!r} is used by {met.others + 1} browsers at once;"
            " it is meant for one end user"
        )
    return NOTICE if met.others else ""


async def is_known(world: UnitOfWork, call: Call, token_id: str) -> bool:
    """Return whether the browser that calls had access with the token before."""
    browser = browser_of(call)
    history = await history_of(world, token_id)
    return bool(browser) and any(each.browser == browser for each in history.browsers)
