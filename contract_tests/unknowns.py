"""The open questions of the fact sheets, which a run observes and never judges."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache

from contract_tests.openapi import PACKAGE


@cache
def questions() -> Mapping[str, tuple[str, str]]:
    """Return each unknown's number with its surface and its question, in order."""
    data = tomllib.loads((PACKAGE / "data" / "unknowns.toml").read_text(encoding="utf-8"))
    return {
        number: (surface, question)
        for surface, rows in data.items()
        for number, question in rows.items()
    }
