"""A Dockerfile as steps, and what its build context holds."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Step:
    """An instruction: its name, its --flags, and the rest of its line."""

    name: str
    flags: Mapping[str, str]
    rest: str

    def words(self) -> list[str]:
        """Return the words of the JSON form, or of the plain one."""
        words: list[str] = json.loads(self.rest) if self.rest[0] == "[" else shlex.split(self.rest)
        return words


@dataclass(frozen=True)
class ImageStage:
    """One FROM with the steps below it."""

    name: str
    image: str
    steps: list[Step] = field(default_factory=list)


def read(path: Path) -> dict[str, ImageStage]:
    """Return the stages by name, in their order; the last one is the default target.

    ARG is read only before the first FROM, which is all that our file needs.
    """
    arguments: dict[str, str] = {}
    stages: dict[str, ImageStage] = {}
    for step in _steps(path.read_text("utf-8")):
        if step.name == "FROM":
            image, _, name = expand(step.rest, arguments).partition(" AS ")
            stage = stages[name] = ImageStage(name, image)
        elif not stages:
            name, _, value = step.rest.partition("=")
            arguments[name] = value
        else:
            stage.steps.append(step)
    return stages


def _steps(text: str) -> Iterator[Step]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        name, _, rest = line.strip().partition(" ")
        flags: dict[str, str] = {}
        while rest.startswith("--") and name in ("COPY", "RUN", "HEALTHCHECK"):
            flag, _, rest = rest.partition(" ")
            key, _, flags_value = flag[2:].partition("=")
            flags[key] = flags_value
        if name:
            yield Step(name, flags, rest.strip())


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace $NAME and ${NAME}; a name without a value is empty."""
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[2], ""), text)


def context(root: Path) -> list[str]:
    """Return the files that .dockerignore leaves in the build context; the last match counts."""
    lines = (root / ".dockerignore").read_text("utf-8").split()
    rules = [(not line.startswith("!"), _pattern(line.removeprefix("!"))) for line in lines]

    def ignored(path: str) -> bool:
        return next((out for out, rule in reversed(rules) if rule.match(path)), False)

    # Folders that only rules like `!mock_server` bring back need not be searched.
    tops = {line[1:].split("/")[0] for line in lines if line.startswith("!")}
    found = (each for top in tops for each in (root / top, *(root / top).rglob("*")))
    paths = (each.relative_to(root).as_posix() for each in found if each.is_file())
    return sorted(path for path in paths if not ignored(path))


def _pattern(text: str) -> re.Pattern[str]:
    """Return what matches a path that the pattern names, and all paths below it."""
    special = {"**/": "(?:.*/)?", "*": "[^/]*"}
    parts = (special.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*)", text))
    return re.compile("".join(parts) + "(?:/.*)?$")
