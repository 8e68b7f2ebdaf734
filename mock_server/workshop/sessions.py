"""Sessions: for how long an end user has access, as questions of time.

A session ends when its time is over. The next unit of work on the account writes that end.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace


class Metering(StrEnum):
    """What counts as use of a session: the time that it is open, or that of the work in it."""

    TIME = "time"
    WORK = "work"


class SessionEndReason(StrEnum):
    """Why a session is over."""

    EXPIRED = "expired"
    CLOSED = "closed"
    REPLACED = "replaced"


class SessionSlot(Struct, frozen=True):
    """What a session gives access to; a token has at most one live session for each."""

    product: str
    gadget: str = ""


class SessionOptions(Struct, frozen=True):
    """What a session is opened with. `lifetime` is in seconds."""

    lifetime: float
    metering: Metering = Metering.TIME
    role: str = ""
    pools: str = ""


class Session(Struct, frozen=True):
    """Access of a token to a slot for some time. The id is the secret part of its URL.

    `over` says why it ended, once the end is written, and `over_at` when.
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
        """When its end has to be written."""
        return self.expires_at if self.over is None else None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.over is not None

    def seconds_left_at(self, now: float) -> float:
        """Return how many seconds it has left."""
        return max(0.0, self.expires_at - now) if self.over is None else 0.0

    def seconds_open_at(self, now: float) -> float:
        """Return how many seconds it has been open."""
        end = min(now, self.expires_at) if self.over is None else self.over_at
        return max(0.0, end - self.opened_at)

    def ended(self, why: SessionEndReason, at: float) -> Session:
        """Return the session as over."""
        return replace(self, over=why, over_at=at)
