"""The table of facts: which tests rest on each of them, or why none does.

`data/coverage/` has one file for each surface. A fact without a test that judges has an excuse.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from contract_tests import PACKAGE
from contract_tests.coverage.reference import read_facts, sheet_of
from contract_tests.options import SURFACES

FOLDER = PACKAGE / "data" / "coverage"
SHEET_NAMES = {"tams": "TAMS", "workshop": "Workshop"}
OPEN = "open"
EXCUSES: Mapping[str, str] = {
    "choice": "the vendor may choose the value or the form",
    "clients": "tells what clients do, and asks nothing of the service",
    "fault": "only a fault or a state of the vendor's side brings it about",
    "intro": "introduces facts that have rows of their own",
    OPEN: "the reference leaves it open, so tests only observe it",
    "pictures": "no test judges what a picture shows",
    "product": "tells about the product, its console or its pages; no call shows it",
    "suite": "the suite's own tests check its clients with it",
}


@dataclass(frozen=True)
class ContractTest:
    """A test of the suite, as its source declares it."""

    surface: str
    file: str
    name: str
    sections: tuple[str, ...]
    observes: bool

    @property
    def id(self) -> str:
        """Return the id, as in reports."""
        return f"{self.surface}/{self.file}::{self.name}"


@dataclass(frozen=True)
class CoveredFact:
    """A row: a fact, what it says in our words, the tests that rest on it, perhaps an excuse."""

    surface: str
    section: str
    id: str
    tags: str
    says: str
    by: tuple[str, ...] = ()
    excuse: str = ""

    @property
    def place(self) -> str:
        """Return its section, as tests name it."""
        return f"{SHEET_NAMES[self.surface]} › {self.section}"

    def is_named_by(self, test: ContractTest) -> bool:
        """Say whether a test names its section, or one around it."""
        return any(f"{self.place}.".startswith(f"{section}.") for section in test.sections)


def read_table() -> list[CoveredFact]:
    """Return the rows of both surfaces, in the order of the files."""
    rows = []
    for surface in SURFACES:
        data = tomllib.loads((FOLDER / f"{surface}.toml").read_text(encoding="utf-8"))
        for section, facts in data.items():
            for id, row in facts.items():
                by = tuple(f"test_{name}" for name in row.pop("by", ()))
                rows.append(CoveredFact(surface, section, id, by=by, **row))
    return rows


@cache
def suite_tests(surface: str) -> Mapping[str, Sequence[ContractTest]]:
    """Return the tests of a surface by name, read from their source without running it."""
    found: dict[str, list[ContractTest]] = {}
    for path in sorted((PACKAGE / surface).glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                sections, observes = tuple(_sections(node)), _is_marked(node, "observes")
                test = ContractTest(surface, path.name, node.name, sections, observes)
                found.setdefault(node.name, []).append(test)
    return found


def _sections(node: ast.FunctionDef) -> Iterator[str]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "source":
            yield from (str(each.value) for each in mark.args if isinstance(each, ast.Constant))


def _is_marked(node: ast.FunctionDef, name: str) -> bool:
    return any(ast.unparse(mark) == name for mark in node.decorator_list)


def problems(rows: Iterable[CoveredFact]) -> Iterator[str]:
    """Yield what is wrong with the table, without a look at the reference."""
    for row in rows:
        tests = suite_tests(row.surface)
        where = f"{row.place} {row.id} ({row.says})"
        for name in row.by:
            if (number := len(tests.get(name, ()))) != 1:
                yield f"{where}: {number} tests have the name {name}"
        judging = [
            test for name in row.by for test in tests.get(name, ()) if not test.observes
        ]  # fmt: skip
        if row.excuse:
            if row.excuse not in EXCUSES:
                yield f"{where}: {row.excuse!r} is not one of the excuses {', '.join(EXCUSES)}"
            if row.excuse == OPEN and not row.by:
                yield f"{where}: what is open is observed, and no test is named"
        elif not judging:
            yield f"{where}: no test judges it, and it has no excuse"
        elif not any(row.is_named_by(test) for test in judging):
            yield f"{where}: none of its tests names {row.place} in @source"


def against_sheet(rows: Iterable[CoveredFact], surface: str, sheet: str) -> Iterator[str]:
    """Yield how the table of a surface differs from its fact sheet."""
    known = {(row.section, row.id): row for row in rows if row.surface == surface}
    facts = {(fact.section, fact.id): fact for fact in read_facts(surface, sheet)}
    for (section, id), fact in facts.items():
        tags = " ".join(fact.tags)
        row = known.get((section, id))
        if row is None:
            line = f'{id} = {{ tags = "{tags}", says = "", by = [""] }}'
            yield f'{surface}.toml lacks a fact, under ["{section}"]: {line}  # {fact.text}'
        elif row.tags != tags:
            yield f"{surface}.toml: the tags of {section} {id} are {tags!r}, not {row.tags!r}"
    for section, id in known.keys() - facts.keys():
        yield f"{surface}.toml has {section} {id}, which {sheet_of(surface)} lacks"
