"""Which of pytest's items are contract tests, and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract_tests.documents import PACKAGE
from contract_tests.marks import BadMark, Marks, read_marks
from contract_tests.settings import SURFACES

ROOTS = pytest.StashKey[tuple[Path, ...]]()
MARKS = pytest.StashKey[Marks]()


def suite_roots(config: pytest.Config) -> tuple[Path, ...]:
    """Return the folders whose `tams/` and `workshop/` hold contract tests."""
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


def test_id(item: pytest.Item) -> str:
    """Return a test's name from the root of the suite: `tams/test_jobs.py::test_…`."""
    for root in suite_roots(item.config):
        if item.path.is_relative_to(root):
            _, _, name = item.nodeid.partition("::")
            return f"{item.path.relative_to(root).as_posix()}::{name}"
    return item.nodeid


def marks_of(item: pytest.Item) -> Marks:
    """Return what a contract test says of itself."""
    if MARKS not in item.stash:
        item.stash[MARKS] = read_marks(item)
    return item.stash[MARKS]


def check_marks(items: list[pytest.Item]) -> None:
    """Raise `pytest.UsageError` if tests lack their source, or have marks that are wrong."""
    problems = []
    for item in items:
        try:
            marks_of(item)
        except BadMark as problem:
            problems.append(str(problem))
    if problems:
        raise pytest.UsageError("contract tests cannot be collected:\n  " + "\n  ".join(problems))
