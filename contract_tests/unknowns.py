"""The open questions of the fact sheets. Runs record answers and never judge them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache

from contract_tests import PACKAGE


@cache
def questions() -> Mapping[str, tuple[str, str]]:
    """Return number, surface and question of each unknown, in order."""
    data = tomllib.loads((PACKAGE / "data" / "unknowns.toml").read_text(encoding="utf-8"))
    return {
        number: (surface, question)
        for surface, rows in data.items()
        for number, question in rows.items()
    }
