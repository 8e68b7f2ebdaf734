"""What a run made at the target: recorded at once, ended at the end, listed in the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class CreatedResource:
    """Something that a run made; `state` is "open", or how it ended."""

    kind: str
    id: str
    surface: str
    test: str
    state: str = "open"


class ResourceLog:
    """The list of one process, in its own file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, kind: str, id: str, surface: str, test: str) -> None:
        """Record that a job, upload, token or session was made."""
        self._append({"kind": kind, "id": id, "surface": surface, "test": test})

    def end(self, id: str, state: str) -> None:
        """Record how it ended: finished, cancelled, expires."""
        self._append({"id": id, "state": state})

    def still_open(self, kind: str) -> list[CreatedResource]:
        """Return the resources that are still open."""
        return [
            made for made in read_resources([self._path]) if made.kind == kind and _is_open(made)
        ]

    def _append(self, line: dict[str, str]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_resources(paths: list[Path]) -> list[CreatedResource]:
    """Return the resources in these files, in the order in which they were made."""
    things: dict[str, CreatedResource] = {}
    for line in _lines(paths):
        known = things.get(line["id"])
        if "state" in line:
            if known is not None:
                things[known.id] = replace(known, state=line["state"])
        elif known is None:
            things[line["id"]] = CreatedResource(
                line["kind"], line["id"], line["surface"], line["test"]
            )
    return list(things.values())


def _is_open(made: CreatedResource) -> bool:
    return made.state == "open"


def _lines(paths: list[Path]) -> Iterator[dict[str, str]]:
    for path in paths:
        if path.is_file():
            for text in path.read_text(encoding="utf-8").splitlines():
                try:
                    yield json.loads(text)
                except ValueError:
                    continue  # the last line of a killed process
