"""Holding the numbers and texts of a task against the ends that the choices set.

The reference gives no ranges for them; without any, a single call could ask for more work than a
machine can do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mock_server.workshop.errors import Refused
from mock_server.workshop.settings import WorkshopSettings

LEAST_SIDE = 8
MAX_CFG_SCALE = 100.0
MAX_CLIP_SKIP = 12
MAX_NAME_LENGTH = 500

Remark = Callable[[str], None]

Amount = TypeVar("Amount", int, float)


def refused(sentence: str) -> Refused:
    """Return the refusal of a task whose parameters cannot be worked with."""
    return Refused("task-parameter", sentence)


class TaskValidator:
    """One look at one request; what is let through all the same goes to `remark`."""

    def __init__(self, settings: WorkshopSettings, remark: Remark) -> None:
        self.settings = settings
        self.remark = remark

    def side(self, field: str, found: int | None) -> int:
        """Return one side of a picture in pixels."""
        side = self.settings.default_side if found is None else found
        return self.within(field, side, LEAST_SIDE, self.settings.most_side)

    def steps(self, field: str, found: int | None) -> int:
        """Return the steps of sampling."""
        steps = self.settings.default_steps if found is None else found
        return self.within(field, steps, 1, self.settings.most_steps)

    def count(self, field: str, found: int) -> int:
        """Return how many pictures are made."""
        return self.within(field, found, 1, self.settings.most_pictures)

    def cfg_scale(self, field: str, found: float) -> float:
        return self.within(field, found, 0.0, MAX_CFG_SCALE)

    def clip_skip(self, field: str, found: int) -> int:
        return self.within(field, found, 1, MAX_CLIP_SKIP)

    def part(self, field: str, found: float) -> float:
        """Return a part of one, such as the strength of denoising."""
        return self.within(field, found, 0.0, 1.0)

    def prompt(self, field: str, text: str) -> str:
        """Return a text that is drawn by."""
        return self._short(field, text, self.settings.longest_prompt)

    def name(self, field: str, text: str) -> str:
        """Return the name of a model, a sampler or a file."""
        return self._short(field, text, MAX_NAME_LENGTH)

    def within(self, field: str, found: Amount, least: Amount, most: Amount) -> Amount:
        """Return the number; one outside the range is refused, or taken for the nearest end."""
        if least <= found <= most:
            return found
        sentence = f"{field} must be from {least:g} to {most:g}, found {_shown(found)}"
        if self.settings.out_of_range == "refuse":
            raise refused(sentence)
        self.remark(sentence)
        return min(max(found, least), most)

    def _short(self, field: str, text: str, most: int) -> str:
        if len(text) > most:
            raise refused(f"{field} must not be longer than {most} characters, found {len(text)}")
        return text


def _shown(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
