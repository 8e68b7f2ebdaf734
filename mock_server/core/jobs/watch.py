"""Who wants to hear of a job, and of what."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

# Into how many steps the running time is divided for whoever wants to see progress.
PROGRESS_STEPS = 10


class Notify(StrEnum):
    """Which changes of a job are told of: its end, every state, or its end and its progress."""

    END = "end"
    CHANGES = "changes"
    PROGRESS = "progress"


class Watch(Struct, frozen=True):
    """Where notices go, what they tell of, and on which origin the caller knew the mock.

    They are in the words of `surface`, whose own business the `reference` and the topics are: what
    ties the notices of one call together, and what is told of a good end and of a bad one, each in
    a notice of its own.
    """

    url: str
    surface: str
    notify: Notify = Notify.END
    origin: str = ""
    reference: str = ""
    on_success: tuple[str, ...] = ("",)
    on_failure: tuple[str, ...] = ("",)
