"""The coverage table as text, as Markdown and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from contract_tests.coverage.facts import (
    EXCUSES,
    SHEET_NAMES,
    CoveredFact,
    read_table,
    suite_tests,
)
from contract_tests.coverage.member_table import SeenTable, read_seen
from contract_tests.coverage.members import REQUEST, documented_members
from contract_tests.options import SURFACES

HEAD = """# Coverage

Made by `scripts/documents` from `data/coverage/`: each sentence and each row of the vendors' fact
sheets, and the tests that rest on it. The sheets are not part of this repository. So a fact is a
section, the digest of its words, and what it says in short. A test compares the table with the
sheets where they are there, and with the suite always.

Tags: `doc` the vendor says it, `observed` it was recorded, `client` clients rely on it, `unknown` a
part of it is open. A fact without a test that judges has an excuse, in italics; tests beside an
excuse only observe, or judge something else of it.
"""


_RULE, _THREE = "| --- | --- | --- | --- |", "| --- | --- | --- |"


def proving_tests() -> frozenset[str]:
    """Return the ids of the tests that are known to notice a mutant, without parameters."""
    from contract_tests.mutants.catalogue import read_noticed  # the mutants take long to load

    return frozenset(test.partition("[")[0] for tests in read_noticed().values() for test in tests)


def tests_of(row: CoveredFact) -> list[str]:
    """Return the ids of the tests that rest on a fact."""
    tests = suite_tests(row.surface)
    return [test.id for name in row.by for test in tests.get(name, ())]


def summary(rows: Sequence[CoveredFact]) -> dict[str, Any]:
    """Return the counts of each surface."""
    proving = proving_tests()
    counts = {}
    for surface in SURFACES:
        own = [row for row in rows if row.surface == surface]
        tested = [row for row in own if not row.excuse]
        counts[surface] = {
            "facts": len(own),
            "tested": len(tested),
            "proved": sum(not proving.isdisjoint(tests_of(row)) for row in tested),
            "excused": dict(sorted(Counter(row.excuse for row in own if row.excuse).items())),
        }
    return counts


def as_lines(rows: Sequence[CoveredFact], table: SeenTable, *, missing: bool) -> Iterator[str]:
    """Yield the counts as text; with `missing`, also each fact that no test judges."""
    for surface, counts in summary(rows).items():
        excused = ", ".join(f"{number} {kind}" for kind, number in counts["excused"].items())
        yield (
            f"{SHEET_NAMES[surface]}: {counts['tested']} of {counts['facts']} facts are tested, "
            f"{counts['proved']} by tests that notice a mutant; excused: {excused}"
        )
    shown = {(place[0], name) for place, seen in table.items() for name in seen.names}
    members = sum(map(len, documented_members().values()))
    places = f"{len(table)} places"
    yield f"Members: {len(shown)} of {members} are seen, in {places}; the others are excused"
    if missing:
        for row in rows:
            if row.excuse:
                yield f"{row.place:14} {row.id}  {row.says}: {EXCUSES[row.excuse]}"


def as_json(rows: Sequence[CoveredFact], table: SeenTable) -> dict[str, Any]:
    """Return the table for programs."""
    proving = proving_tests()
    facts = [
        {
            "surface": row.surface, "section": row.section, "id": row.id, "says": row.says,
            "tags": row.tags.split(), "tests": tests_of(row), "excuse": row.excuse or None,
            "proved": not row.excuse and not proving.isdisjoint(tests_of(row)),
        }
        for row in rows
    ]  # fmt: skip
    members = [
        {
            "operation": operation, "state": state, "way": way or None,
            "always": sorted(seen.always), "sometimes": sorted(seen.sometimes),
        }
        for (operation, state, way), seen in table.items()
    ]  # fmt: skip
    return {
        "summary": summary(rows), "excuses": dict(EXCUSES), "facts": facts, "members": members,
    }  # fmt: skip


def page() -> str:
    """Return the content of `COVERAGE.md`."""
    return "\n".join([*_markdown(read_table()), *member_lines(read_seen())]) + "\n"


def _markdown(rows: Sequence[CoveredFact]) -> Iterator[str]:
    yield from (HEAD, "| | facts | tested | excused |", "| --- | --- | --- | --- |")
    for surface, counts in summary(rows).items():
        excused = counts["facts"] - counts["tested"]
        yield f"| {SHEET_NAMES[surface]} | {counts['facts']} | {counts['tested']} | {excused} |"
    yield from ("", "| excuse | means |", "| --- | --- |")
    yield from (f"| {kind} | {words} |" for kind, words in EXCUSES.items())
    for place, group in groupby(rows, key=lambda row: row.place):
        yield from ("", f"## {place}", "", "| fact | tags | says | tests |", _RULE)
        for row in group:
            names = [f"`{test.partition('::')[2].removeprefix('test_')}`" for test in tests_of(row)]
            shown = ", ".join([f"*{row.excuse}*"] * bool(row.excuse) + names)
            yield f"| {row.id} | {row.tags} | {row.says} | {shown} |"


MEMBERS_HEAD = """
# Members

The members that the OpenAPI files give to requests, and whether a run of the suite on the mock sent
them in calls that were accepted. Then the members of good answers, and where the run saw them: for
each state, the ways in which the job or task was made. ✓ is every way of the state;
in brackets, some answers have it; without an entry, none has it. `data/coverage/members.toml` says
why members and states are not seen. A test compares the tables with what tests see.
`tams-contract coverage --run FOLDER --write` makes them again.
"""


def member_lines(table: SeenTable) -> Iterator[str]:
    """Yield the lines of the tables of members."""
    yield MEMBERS_HEAD.rstrip()
    yield from ("", "## Requests", "", "| operation | members | never sent |", _THREE)
    for operation, members in documented_members().items():
        if operation.endswith(REQUEST):
            sent = {name for place in table for name in table[place].names if place[0] == operation}
            missing = ", ".join(f"`{name}`" for name in members if name not in sent)
            yield f"| {operation.removesuffix(REQUEST)} | {len(members)} | {missing} |"
    for operation, members in documented_members().items():
        if not operation.endswith(REQUEST):
            yield from _answers(table, operation, members)


def _answers(table: SeenTable, operation: str, members: Sequence[str]) -> Iterator[str]:
    places = {place: seen for place, seen in table.items() if place[0] == operation}
    states = list(dict.fromkeys(state for _, state, _ in places))
    yield from ("", f"## {operation}", "", f"| member | {' | '.join(states)} |")
    yield f"| --- |{' --- |' * len(states)}"
    for member in members:
        cells = [_cell(places, state, member) for state in states]
        if any(cells):
            yield f"| `{member}` | {' | '.join(cells)} |"


def _cell(places: SeenTable, state: str, member: str) -> str:
    rows = {way: seen for (_, found, way), seen in places.items() if found == state}
    always = [way for way, seen in rows.items() if member in seen.always]
    some = [f"({way or 'some'})" for way, seen in rows.items() if member in seen.sometimes]
    return "✓" if len(always) == len(rows) else ", ".join([*always, *some])
