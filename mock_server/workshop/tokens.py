"""Tokens: each stands for one end user of an account, with what is attached to that user."""

from __future__ import annotations

from msgspec import Struct

from mock_server.core.store import Count, Few


class Token(Struct, frozen=True):
    """One end user. The id is a secret: the account's own server shows it.

    `used` are the seconds of use that are counted already, and `sessions` the ids of sessions that
    may still be open. `expires_at` None means never; `expiry_applied` says whether the expiry was
    noted as an event.
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
    expiry_applied: bool = False

    @property
    def due_at(self) -> float | None:
        """When its expiry has to be applied."""
        return None if self.expiry_applied else self.expires_at

    def expired_at(self, now: float) -> bool:
        """Return whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now


class BrowserSeen(Struct, frozen=True):
    """When a browser used a token last. `browser` is the id in its cookie.

    Only a browser that had access with the token has that id.
    """

    browser: str
    at: float


class TokenHistory(Struct, frozen=True):
    """What belongs to a token alone (its id is the token's): its jobs and its preferences.

    `jobs` are the newest, the oldest first; those before them are in chapters, of which the first
    may be deleted already. The use of the `metered` ones is still to be counted. `preferences` are
    texts of pages, by product. `browsers` are the last ones seen, the latest at the end.
    """

    id: str
    account: str
    jobs: tuple[str, ...] = ()
    first_chapter: Count = 0
    chapters: Few = 0
    metered: tuple[str, ...] = ()
    preferences: tuple[tuple[str, str], ...] = ()
    browsers: tuple[BrowserSeen, ...] = ()

    @property
    def chapter_ids(self) -> list[str]:
        """The ids of the chapters, the oldest first."""
        return [f"{self.id}/{number}" for number in range(self.first_chapter, self.chapters)]


class HistoryChapter(Struct, frozen=True):
    """A full part of a token's history, so that nothing long is rewritten with each job."""

    id: str
    account: str
    jobs: tuple[str, ...]
