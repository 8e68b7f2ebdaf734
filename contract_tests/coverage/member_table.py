"""The table of members: what the suite was shown of each documented member, and what it was not.

`members.json` is written from the transcripts of a run. `members.toml` excuses members and places
that no run shows, by patterns.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from contract_tests.coverage.facts import FOLDER
from contract_tests.coverage.members import (
    CREATED,
    CREATIONS,
    FIELDS,
    SENT,
    TAMS_WAYS,
    Place,
    PlaceRecord,
    documented_members,
)

SEEN, EXCUSED = FOLDER / "members.json", FOLDER / "members.toml"
JOB_STATES = (CREATED, "PENDING", "WAITING", "RUNNING", "SUCCESS", "FAILED", "CANCELED")
TASK_STATES = ("waiting", "running", "succeeded", "failed")
TASK_WAYS = {"sd": ("drawing", "redrawing"), "comfy": ("workflow", FIELDS)}


@dataclass(frozen=True)
class SeenMembers:
    """The documented members that all answers of a place had, and those that some had."""

    always: frozenset[str]
    sometimes: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Return all of them."""
        return self.always | self.sometimes


SeenTable = Mapping[Place, SeenMembers]


def of_run(places: Mapping[Place, PlaceRecord]) -> dict[Place, SeenMembers]:
    """Return the table of what a run showed."""
    table = {}
    for (operation, state, way), record in places.items():
        known = set(documented_members().get(operation, ())) & set(record.members)
        always = frozenset(
            name for name in known if record.members[name] == record.answers and state != SENT
        )
        if not known and state == SENT:  # without a body
            continue
        table[operation, state, way] = SeenMembers(always, frozenset(known - always))
    return table


def read_seen() -> dict[Place, SeenMembers]:
    """Return the stored table."""
    rows = json.loads(SEEN.read_text(encoding="utf-8"))
    return {
        (operation, state, way): SeenMembers(frozenset(always), frozenset(sometimes))
        for operation, state, way, always, sometimes in rows
    }


def write_seen(table: SeenTable) -> None:
    """Write the stored table, a line for each place."""
    rows = [
        json.dumps([*place, sorted(seen.always), sorted(seen.sometimes)])
        for place, seen in sorted(table.items())
    ]
    SEEN.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


def expected_places() -> Iterator[Place]:
    """Yield each state of a job or task, for each way in which it is made."""
    for way in TAMS_WAYS:
        yield from (("GET /v1/jobs/{jobId}", state, way) for state in JOB_STATES)
    for operation, way in CREATIONS.items():
        if way in TAMS_WAYS:
            yield (operation, CREATED, way)
    for kind, ways in TASK_WAYS.items():
        for way in ways:
            yield from ((f"POST /scc/{kind}_get_progress", state, way) for state in TASK_STATES)
            yield (f"POST /scc/{kind}_get_result", "succeeded", way)


def gaps(table: SeenTable) -> Iterator[str]:
    """Yield the documented members and the places that the table lacks and nothing excuses."""
    excuses = tomllib.loads(EXCUSED.read_text(encoding="utf-8"))
    shown: dict[str, set[str]] = {}
    for (operation, _, _), seen in table.items():
        shown.setdefault(operation, set()).update(seen.names)
    members = [
        f"{operation} {member}"
        for operation, members in documented_members().items()
        for member in members
        if member not in shown.get(operation, ())
    ]
    places = [" ".join(place) for place in expected_places() if place not in table]
    for kind, missing in (("members", members), ("places", places)):
        patterns = dict.fromkeys(excuses[kind], False)
        for name in missing:
            excused = [pattern for pattern in patterns if fnmatchcase(name, pattern)]
            patterns |= dict.fromkeys(excused, True)
            if not excused:
                yield f"no run shows {name}, and members.toml does not excuse it"
        yield from (
            f"members.toml excuses {p}, which is shown" for p, used in patterns.items() if not used
        )


def differences(table: SeenTable, places: Mapping[Place, PlaceRecord]) -> Iterator[str]:
    """Yield what a run showed otherwise than the table says, of places that the table has."""
    for place, seen in of_run(places).items():
        if (stored := table.get(place)) is None:  # such as the result of a task while it runs
            continue
        for name in sorted(stored.always - seen.always):
            yield f"{' '.join(place)}: {name} is not always there"
        for name in sorted(seen.names - stored.names):
            yield f"{' '.join(place)}: {name} is there, and the table says never"
