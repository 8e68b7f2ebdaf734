"""Sessions as tests make and judge them: lifetimes, pages, and what is live."""

from __future__ import annotations

from typing import Any

from contract_tests.answers import ReceivedAnswer, Unmet
from contract_tests.clients.workshop import WorkshopClient, shortened
from contract_tests.clocks import TargetClock

HOUR, DAY = 3600, 86400  # `Workshop › 6.2`: seconds, by default in mode 10 and in mode 20
SLACK = 15  # seconds that answers may take, and clocks differ
TERMS = {"sd_webui": {}, "comfyui_api": {"subProduct": "comfyui_api"}}


def a_token(workshop: WorkshopClient, **members: Any) -> str:
    """Make a token for an end user of this test's own; the test `leaves_traces`."""
    return str(workshop.allocate_token(**members)["apiToken"])


def expect_lifetime(session: Any, seconds: float, clock: TargetClock) -> None:
    """Raise `Unmet` unless a session that was answered just now lasts for so many seconds."""
    left = session["expiredInSeconds"]
    if not seconds - SLACK <= left <= seconds:
        raise Unmet(f"expiredInSeconds is {left}, expected a lifetime of {seconds:g} seconds")
    expect_moment(session, clock.now() + seconds)


def expect_moment(session: Any, moment: float) -> None:
    """Raise `Unmet` unless a session ends about then; `moment` is in seconds since the epoch."""
    off = session["expiredAt"] / 1000 - moment
    if abs(off) > SLACK:
        raise Unmet(
            f"expiredAt is {session['expiredAt']}, which is {off:g} s off the lifetime that counts "
            "from now (in milliseconds)"
        )


def live_session(workshop: WorkshopClient, token: str, **members: Any) -> Any:
    """Return what a query tells of a live session, None if it tells that there is none.

    Whether the query then succeeds with null or fails is open (W5).
    """
    envelope = workshop.ask("spQuerySession", {"apiToken": token, **members})
    if envelope.answer.status >= 500:
        raise Unmet(f"{envelope.answer.sent} answered {envelope.answer.status}")
    data = envelope.body["data"] if envelope.ok else None
    return data or None


def the_session(workshop: WorkshopClient, token: str, **members: Any) -> Any:
    """Return what a query tells of a session that has to be live, or raise `Unmet`."""
    session = live_session(workshop, token, **members)
    if session is None:
        raise Unmet(f"no session is live, expected one of token {shortened(token)} {members or ''}")
    return session


def visited(workshop: WorkshopClient, url: str) -> ReceivedAnswer:
    """Go to a session's URL as a browser does."""
    headers = {"Accept": "text/html,*/*"}
    return workshop.wire.send("GET", url, auth=None, headers=headers)


def opens(page: ReceivedAnswer) -> bool:
    """Say whether a URL works: with a page, or by leading to one."""
    return 200 <= page.status < 400
