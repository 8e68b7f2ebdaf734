"""Which of pytest's items are contract tests, and their ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract_tests import PACKAGE
from contract_tests.markers import BadMarker, Markers, read_markers
from contract_tests.options import SURFACES

ROOTS = pytest.StashKey[tuple[Path, ...]]()
MARKERS = pytest.StashKey[Markers]()


def suite_roots(config: pytest.Config) -> tuple[Path, ...]:
    """Return the folders whose `tams/` and `workshop/` contain contract tests."""
    if ROOTS not in config.stash:
        more = [Path(config.rootpath, path) for path in config.getini("contract_roots")]
        config.stash[ROOTS] = (PACKAGE, *more)
    return config.stash[ROOTS]


def surface_of(item: pytest.Item) -> str | None:
    """Return the surface of a contract test; None for any other item."""
    for root in suite_roots(item.config):
        if item.path.is_relative_to(root):
            first = item.path.relative_to(root).parts[0]
            if first in SURFACES:
                return first
    return None


def surface_in(nodeid: str) -> str:
    """Return the surface of a contract test by pytest's id of it; an empty text for other tests."""
    return next((surface for surface in SURFACES if f"/{surface}/" in nodeid), "")


def test_id(item: pytest.Item) -> str:
    """Return the id of a test, relative to the root of the suite: `tams/test_jobs.py::test_…`."""
    for root in suite_roots(item.config):
        if item.path.is_relative_to(root):
            _, _, name = item.nodeid.partition("::")
            return f"{item.path.relative_to(root).as_posix()}::{name}"
    return item.nodeid


def markers_of(item: pytest.Item) -> Markers:
    """Return the markers of a contract test."""
    if MARKERS not in item.stash:
        item.stash[MARKERS] = read_markers(item)
    return item.stash[MARKERS]


def check_markers(items: list[pytest.Item]) -> None:
    """Raise `pytest.UsageError` if tests have no source or wrong markers."""
    problems = []
    for item in items:
        try:
            markers_of(item)
        except BadMarker as problem:
            problems.append(str(problem))
    if problems:
        raise pytest.UsageError("contract tests cannot be collected:\n  " + "\n  ".join(problems))
