"""Tokens: each stands for one end user of an account, with what is attached to that user."""

from __future__ import annotations

from msgspec import Struct


class Token(Struct, frozen=True):
    """One end user. The id is what the account's own server shows, so it cannot be guessed.

    `used` are the seconds of use that are counted already, and `sessions` the ids of the sessions
    that may still be open. `expires_at` None means never.
    """

    id: str
    account: str
    made_at: float
    name: str = ""
    expires_at: float | None = None
    role: str = ""
    model: str = ""
    vae: str = ""
    disabled: bool = False
    used: float = 0.0
    sessions: tuple[str, ...] = ()

    @property
    def due_at(self) -> float | None:
        """When its time ends; nothing has to be written down then."""
        return self.expires_at

    def expired_at(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


class BrowserSeen(Struct, frozen=True):
    """When a browser was last seen with a token. `browser` tells it from others, and nothing else.

    Whoever has it has been let in with the token before.
    """

    browser: str
    at: float


class TokenHistory(Struct, frozen=True):
    """What belongs to a token alone (its id is the token's): its jobs and its preferences.

    `jobs` are the newest, the oldest first; the use of the `metered` ones is still to be counted.
    `preferences` are texts of the surface's own, by product. `browsers` are those that were seen
    last, the latest of them at the end.
    """

    id: str
    account: str
    jobs: tuple[str, ...] = ()
    metered: tuple[str, ...] = ()
    preferences: tuple[tuple[str, str], ...] = ()
    browsers: tuple[BrowserSeen, ...] = ()
