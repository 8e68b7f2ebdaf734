"""The rules that say which setting of the mock follows from an observation; they are data."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from contract_tests import PACKAGE

FILE = PACKAGE / "data" / "learning.toml"
SettingValue = str | int | float | bool
"""The value of a setting, or of one entry of a list."""


@dataclass(frozen=True)
class LearningRule:
    """One rule of `data/learning.toml`, which explains the fields."""

    setting: str
    unknown: str
    what: str
    at: tuple[str | int, ...] = ()
    cases: dict[str, Any] = field(default_factory=dict)
    number: str = ""
    entry: str = ""
    accepted: str = ""
    scale: float = 1
    likely: tuple[float, ...] = ()
    unlimited: float | None = None

    def tried(self, what: str) -> float:
        """Return the value that an observation of a limit tried."""
        match = re.fullmatch(self.what, what)
        return float(match[1]) * self.scale if match else 0.0

    def applies(self, unknown: str, what: str) -> bool:
        """Say whether an observation is of this kind."""
        return unknown == self.unknown and re.fullmatch(self.what, what) is not None

    def part(self, value: Any) -> Any:
        """Return the part of an observed value that the rule looks at; None if it is missing."""
        try:
            for step in self.at:
                value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
        return value

    def values(self, value: Any) -> tuple[SettingValue, ...]:
        """Return the values of the setting that an observed value allows; none if it says nothing.

        For a limit it is whether the value was taken.
        """
        text = json.dumps(self.part(value), ensure_ascii=False)
        if self.accepted:
            return (re.fullmatch(self.accepted, text) is not None,)
        if self.number:
            match = re.fullmatch(self.number, text)
            return (plain_number(match[1]),) if match else ()
        for pattern, found in self.cases.items():
            if re.fullmatch(pattern, text):
                return tuple(found) if isinstance(found, list) else (found,)
        return ()


@cache
def read_rules() -> Sequence[LearningRule]:
    """Return all rules."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [
        LearningRule(**{
            **rule, "at": tuple(rule.get("at", ())), "likely": tuple(rule.get("likely", ())),
        })
        for rule in data["rule"]
    ]  # fmt: skip


def plain_number(text: str | float) -> int | float:
    """Return a number, whole if it is."""
    number = float(text)
    return int(number) if number.is_integer() else number
