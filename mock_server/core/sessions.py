"""Sessions: for how long an end user may come in, asked as questions of time.

A session ends when its time is over, and nothing has to happen for that; it is written down as
ended once somebody looks.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace


class Metering(StrEnum):
    """What a session's use is: the time that it is open, or that of the work done in it."""

    TIME = "time"
    WORK = "work"


class SessionEndReason(StrEnum):
    """Why a session is over."""

    EXPIRED = "expired"
    CLOSED = "closed"
    REPLACED = "replaced"


class SessionSlot(Struct, frozen=True):
    """Where in the studio a session lets its token in; a token has one session at each."""

    product: str
    gadget: str = ""


class SessionOptions(Struct, frozen=True):
    """What a session is opened with. `lifetime` is in seconds."""

    lifetime: float
    metering: Metering = Metering.TIME
    role: str = ""
    pools: str = ""


class Session(Struct, frozen=True):
    """One stay of a token at a seat. The id is the part of its URL that cannot be guessed.

    `over` says why it ended, once that is written down, and `over_at` when.
    """

    id: str
    account: str
    token: str
    session_slot: SessionSlot
    opened_at: float
    expires_at: float
    metering: Metering = Metering.TIME
    role: str = ""
    pools: str = ""
    over: SessionEndReason | None = None
    over_at: float = 0.0

    @property
    def due_at(self) -> float | None:
        """When its end has to be written down."""
        return self.expires_at if self.over is None else None

    def live_at(self, now: float) -> bool:
        """Return whether its token may come in."""
        return self.over is None and now < self.expires_at

    def why_at(self, now: float) -> SessionEndReason | None:
        """Return why it is over, or nothing while it lives."""
        if self.over is None and self.expires_at <= now:
            return SessionEndReason.EXPIRED
        return self.over

    def seconds_left_at(self, now: float) -> float:
        """Return for how long it goes on."""
        return max(0.0, self.expires_at - now) if self.over is None else 0.0

    def seconds_open_at(self, now: float) -> float:
        """Return for how long it has been open."""
        end = min(now, self.expires_at) if self.over is None else self.over_at
        return max(0.0, end - self.opened_at)

    def ended(self, why: SessionEndReason, at: float) -> Session:
        """Return it as over."""
        return replace(self, over=why, over_at=at)
