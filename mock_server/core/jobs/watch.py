"""Watches: where notices about a job go, and which ones."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

# Into how many steps the running time is divided for progress notices.
PROGRESS_STEPS = 10


class Notify(StrEnum):
    """Which changes of a job cause a notice: its end, each state, or its end and its progress."""

    END = "end"
    CHANGES = "changes"
    PROGRESS = "progress"


class Watch(Struct, frozen=True):
    """Where notices go, which ones, and the origin by which the caller reached the mock.

    `surface` is the vendor that words them. The vendor also defines `reference`, which connects the
    notices of one call, and the topics of the notices after success and after failure.
    """

    url: str
    surface: str
    notify: Notify = Notify.END
    origin: str = ""
    reference: str = ""
    on_success: tuple[str, ...] = ("",)
    on_failure: tuple[str, ...] = ("",)
