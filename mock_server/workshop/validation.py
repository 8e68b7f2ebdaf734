"""Validates the numbers and texts of a task against limits, which are settings.

The reference has no ranges for them. Without limits, a single call could request too much work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mock_server.workshop.errors import Refused
from mock_server.workshop.settings import WorkshopSettings

MIN_SIDE = 8
MAX_CFG_SCALE = 100.0
MAX_CLIP_SKIP = 12
MAX_NAME_LENGTH = 500

Remark = Callable[[str], object]

Amount = TypeVar("Amount", int, float)


def refused(sentence: str) -> Refused:
    """Return the error for a task with an invalid parameter."""
    return Refused("task-parameter", sentence)


class TaskValidator:
    """Validates one request; accepted problems go to `remark`."""

    def __init__(self, settings: WorkshopSettings, remark: Remark) -> None:
        self.settings = settings
        self.remark = remark

    def side(self, field: str, found: int | None) -> int:
        """Return a side of a picture in pixels."""
        side = self.settings.default_side if found is None else found
        return self.within(field, side, MIN_SIDE, self.settings.most_side)

    def steps(self, field: str, found: int | None) -> int:
        steps = self.settings.default_steps if found is None else found
        return self.within(field, steps, 1, self.settings.most_steps)

    def count(self, field: str, found: int) -> int:
        return self.within(field, found, 1, self.settings.most_pictures)

    def cfg_scale(self, field: str, found: float) -> float:
        return self.within(field, found, 0.0, MAX_CFG_SCALE)

    def part(self, field: str, found: float) -> float:
        """Return a number from 0 to 1, such as the strength of denoising."""
        return self.within(field, found, 0.0, 1.0)

    def prompt(self, field: str, text: str) -> str:
        return self._short(field, text, self.settings.longest_prompt)

    def name(self, field: str, text: str) -> str:
        """Return the name of a model, a sampler or a file."""
        return self._short(field, text, MAX_NAME_LENGTH)

    def within(self, field: str, found: Amount, minimum: Amount, maximum: Amount) -> Amount:
        """Return the number; outside the range, refuse it or return the nearest limit."""
        if minimum <= found <= maximum:
            return found
        sentence = f"{field} must be from {minimum:g} to {maximum:g}, found {_shown(found)}"
        if self.settings.out_of_range == "refuse":
            raise refused(sentence)
        self.remark(sentence)
        return min(max(found, minimum), maximum)

    def _short(self, field: str, text: str, maximum: int) -> str:
        if len(text) > maximum:
            raise refused(
                f"{field} must not be longer than {maximum} characters, found {len(text)}"
            )
        return text


def _shown(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
