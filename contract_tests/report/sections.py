"""The tests of a run, grouped by section of the reference."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from contract_tests import PACKAGE
from contract_tests.report.shape import TestResult


@dataclass(frozen=True)
class Section:
    """One section, with the tests that name it first."""

    name: str
    tests: tuple[TestResult, ...]

    @property
    def title(self) -> str:
        """Return its title; an empty text if it has none."""
        return title_of(self.name)

    @property
    def outcomes(self) -> Counter[str]:
        """Return the number of tests for each outcome."""
        return Counter(test.outcome for test in self.tests)

    @property
    def bad(self) -> int:
        """Return the number of tests that failed or had an error."""
        return self.outcomes["failed"] + self.outcomes["error"]


def title_of(name: str) -> str:
    """Return the title of a section, or of the one around it; an empty text if it has none."""
    surface, _, number = name.partition(" › ")
    titles = _titles().get(surface.lower(), {})
    number = number.partition(" ")[0]
    return titles.get(number) or titles.get(number.rpartition(".")[0], "")


@cache
def _titles() -> dict[str, dict[str, str]]:
    text = (PACKAGE / "data" / "sections.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def by_section(tests: Iterable[TestResult], surface: str) -> list[Section]:
    """Return a surface's sections, in the order of the reference; each test is in one of them."""
    found: dict[str, list[TestResult]] = {}
    for test in tests:
        if test.surface == surface:
            found.setdefault(test.source[0] if test.source else "—", []).append(test)
    return [Section(name, tuple(found[name])) for name in sorted(found, key=_place)]


def _place(name: str) -> list[tuple[int, int, str]]:
    """Return a key that puts 5.2 before 5.10."""
    parts = re.findall(r"\d+|[^\d]+", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
