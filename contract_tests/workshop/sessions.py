"""Functions for tests of sessions: lifetimes, pages, live sessions."""

from __future__ import annotations

from typing import Any

from contract_tests.answers import ReceivedAnswer, Unmet
from contract_tests.clients.workshop import WorkshopClient, shortened
from contract_tests.clocks import TargetClock

HOUR, DAY = 3600, 86400  # `Workshop › 6.2`: seconds, by default in mode 10 and in mode 20
SLACK = 15  # seconds for slow answers and clock differences
ROUNDED = 2  # seconds for the time that an answer takes inside the service, and for rounding
TERMS = {"sd_webui": {}, "comfyui_api": {"subProduct": "comfyui_api"}}


def a_token(workshop: WorkshopClient, **members: Any) -> str:
    """Make a token for a new end user; the test needs `leaves_traces`."""
    return str(workshop.allocate_token(**members)["apiToken"])


def expect_lifetime(session: Any, seconds: float, clock: TargetClock) -> None:
    """Raise `Unmet` unless a session of the present answer lasts for so many seconds."""
    left = session["expiredInSeconds"]
    if not seconds - ROUNDED <= left <= seconds:
        raise Unmet(f"expiredInSeconds is {left}, expected a lifetime of {seconds:g} seconds")
    expect_moment(session, clock.now() + seconds)


def expect_moment(session: Any, moment: float) -> None:
    """Raise `Unmet` unless a session ends near `moment`, in seconds since the epoch."""
    off = session["expiredAt"] / 1000 - moment
    if abs(off) > SLACK:
        raise Unmet(
            f"expiredAt is {session['expiredAt']}, which is {off:g} s off the lifetime that counts "
            "from now (in milliseconds)"
        )


def live_session(workshop: WorkshopClient, token: str, **members: Any) -> Any:
    """Return the data of a live session by a query, None if there is none.

    Without a session the query may succeed with null or fail (W5).
    """
    envelope = workshop.ask("spQuerySession", {"apiToken": token, **members})
    if envelope.answer.status >= 500:
        raise Unmet(f"{envelope.answer.sent} answered {envelope.answer.status}")
    data = envelope.body["data"] if envelope.ok else None
    return data or None


def the_session(workshop: WorkshopClient, token: str, **members: Any) -> Any:
    """Return the data of a session by a query, or raise `Unmet` if it is not live."""
    session = live_session(workshop, token, **members)
    if session is None:
        raise Unmet(f"no session is live, expected one of token {shortened(token)} {members or ''}")
    return session


def visited(workshop: WorkshopClient, url: str) -> ReceivedAnswer:
    """Open a session's URL as a browser does."""
    headers = {"Accept": "text/html,*/*"}
    return workshop.wire.send("GET", url, auth=None, headers=headers)


def opens(page: ReceivedAnswer) -> bool:
    """Say whether a URL works: with a page or a redirect."""
    return 200 <= page.status < 400
