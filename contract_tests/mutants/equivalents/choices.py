"""Equivalent variants that answer open questions otherwise: the alternatives of the fact sheets.

Each alternative is a variant, named after its setting and value. A mixed variant takes one choice
for each open question, by a seed: a real service is such a mixture.
"""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from contract_tests.mutants.equivalents.variant import EquivalentVariant
from contract_tests.options import SURFACES
from contract_tests.unknowns import questions

_FILE = Path(__file__).with_name("choices.toml")
_NOTES = ("variants", "excused")
MIXED = "mixed-"
SHARE_OF_CHOICES = 0.5
"""How many settings of a mixed variant have another value than the default."""


@cache
def choices() -> Mapping[str, Mapping[str, Any]]:
    """Return settings with their alternative values, and notes, by the number of the question."""
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def settings_of(number: str) -> Mapping[str, Sequence[Any]]:
    """Return the settings of a question, and the values that stand for alternatives."""
    row = choices().get(number, {})
    return {name: values for name, values in row.items() if name not in _NOTES}


def choice_variants() -> tuple[EquivalentVariant, ...]:
    """Return a variant for each alternative."""
    return tuple(_variants())


def _variants() -> Iterator[EquivalentVariant]:
    for number in choices():
        for setting, values in settings_of(number).items():
            for value in values:
                shown = value if isinstance(value, str) else json.dumps(value)
                yield EquivalentVariant(
                    f"{setting}={shown}",
                    f"{number}: {questions()[number][1]}",
                    settings=_nested({setting: value}),
                    surfaces=_surfaces(setting),
                )


def mixed_variant(seed: int) -> EquivalentVariant:
    """Return a variant with a choice for each open question, the same for the same seed."""
    dice = random.Random(seed)
    chosen = {
        setting: dice.choice(values)
        for number in choices()
        for setting, values in settings_of(number).items()
        if dice.random() < SHARE_OF_CHOICES
    }
    return EquivalentVariant(
        f"{MIXED}{seed}", "Many open questions have other answers.", settings=_nested(chosen)
    )


def _surfaces(setting: str) -> tuple[str, ...]:
    surface = setting.partition(".")[0]
    return (surface,) if surface in SURFACES else SURFACES


def _nested(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those of each vendor in a table."""
    nested: dict[str, Any] = {}
    for setting, value in chosen.items():
        vendor, dot, name = setting.partition(".")
        if dot:
            nested.setdefault(vendor, {})[name] = value
        else:
            nested[setting] = value
    return nested
