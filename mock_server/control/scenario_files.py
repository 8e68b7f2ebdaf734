"""Scenario files: YAML with the place of each value, bounded, and those that ship."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct

from mock_server.web.request_matches import steps_of

SHIPPED = Path(__file__).parent.parent / "data" / "scenarios"

MAX_FILE_BYTES = 64 * 1024
MAX_DEPTH = 30

Place = tuple[int, int]  # line and column, from 1
Steps = tuple[str | int, ...]


class FileProblem(ValueError):
    """What is wrong with a file, and where."""

    def __init__(self, place: Place, problem: str) -> None:
        self.place = place
        self.problem = problem
        super().__init__(f"{place[0]}:{place[1]}: {problem}")


class YamlDocument(Struct, frozen=True):
    """A value, and where each part of it stands: the keys of objects, and the values."""

    value: Any
    keys: dict[Steps, Place]
    values: dict[Steps, Place]

    def place(self, pointer: str, *, key: bool = False) -> Place:
        """Return where a JSON pointer leads, or the last step of it that is there.

        Steps that are not there are passed over: pydantic adds the kinds of unions.
        """
        path: Steps = ()
        place = self.values[()]
        for text in steps_of(pointer.removeprefix("#")):
            for step in (text, int(text) if text.isdigit() else text):
                if (*path, step) in self.values:
                    path = (*path, step)
                    places = self.keys if key and path in self.keys else self.values
                    place = places[path]
                    break
        return place


_TAG = "tag:yaml.org,2002:"
# The words and numbers of JSON, and no others: `off` is a text here, and so is a date.
_SCALARS: tuple[tuple[str, str, str], ...] = (
    ("null", "null|~|", "n~"),
    ("bool", "true|false", "tf"),
    ("int", "-?(?:0|[1-9][0-9]{0,17})", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?", "-0123456789"),
)


@cache
def _loader() -> Any:
    import yaml  # here, because nothing else that the control API needs takes as long to load

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    for name, pattern, first in _SCALARS:
        Loader.add_implicit_resolver(_TAG + name, re.compile(f"^(?:{pattern})$"), [*first, ""])
    return Loader


def read_yaml(data: bytes) -> YamlDocument:
    """Read one YAML (or JSON) document without aliases and tags; raises FileProblem."""
    import yaml

    if len(data) > MAX_FILE_BYTES:
        raise FileProblem((1, 1), f"the file has more than {MAX_FILE_BYTES} bytes")
    try:
        _refuse_what_grows(data)
        node = yaml.compose(data, _loader())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(filter(None, (error.context, error.problem)))
        raise FileProblem(_place(mark), f"this is not YAML: {words}") from error
    except yaml.YAMLError as error:
        raise FileProblem((1, 1), f"this is not YAML: {error}".splitlines()[0]) from error
    if node is None:
        raise FileProblem((1, 1), "the file is empty")
    keys: dict[Steps, Place] = {}
    values: dict[Steps, Place] = {}
    return YamlDocument(_value(node, (), keys, values), keys, values)


def _refuse_what_grows(data: bytes) -> None:
    """Refuse aliases, which can stand for much more than there is, and deep nesting."""
    import yaml

    depth = 0
    for event in yaml.parse(data, _loader()):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise FileProblem(_place(event.start_mark), "anchors and aliases are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise FileProblem(_place(event.start_mark), f"more than {MAX_DEPTH} levels deep")


def _value(node: Any, path: Steps, keys: dict[Steps, Place], values: dict[Steps, Place]) -> Any:
    values[path] = _place(node.start_mark)
    match node.tag.removeprefix(_TAG), node.id:
        case "map", "mapping":
            members: dict[str, Any] = {}
            for key, each in node.value:
                name, place = key.value, _place(key.start_mark)
                if key.tag != f"{_TAG}str":
                    raise FileProblem(place, "a key must be a text; put it in quotes")
                if name in members:
                    raise FileProblem(place, f"{name} is repeated")
                keys[(*path, name)] = place
                members[name] = _value(each, (*path, name), keys, values)
            return members
        case "seq", "sequence":
            items = enumerate(node.value)
            return [_value(each, (*path, number), keys, values) for number, each in items]
        case "str", "scalar":
            return node.value
        case "null", _:
            return None
        case "bool", _:
            return node.value == "true"
        case "int", _:
            return int(node.value)
        case "float", _:
            return float(node.value)
    raise FileProblem(values[path], "tags are not allowed")


def _place(mark: Any) -> Place:
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


def is_file(name: str) -> bool:
    """Return whether a file is meant, and not the name of a scenario."""
    return "/" in name or "." in name or Path(name).is_file()


def read_scenario(path: Path) -> YamlDocument:
    """Read a scenario file; raises FileProblem, or OSError. Its name is that of the file."""
    with path.open("rb") as file:
        document = read_yaml(file.read(MAX_FILE_BYTES + 1))
    if isinstance(document.value, dict):
        document.value.setdefault("name", path.stem)
    return document


def pointed(errors: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the errors of a problem as JSON pointers and words."""
    return [(each.get("pointer") or "#", each["detail"]) for each in errors]


def at_places(document: YamlDocument, errors: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield errors of a scenario (JSON pointers and words) with their line and column."""
    for pointer, words in errors:
        line, column = document.place(pointer, key=words.startswith("is unknown"))
        name = pointer.rpartition("/")[2] if "/" in pointer else ""
        yield f"{line}:{column}: {name}: {words}" if name else f"{line}:{column}: {words}"


@cache
def shipped() -> dict[str, Any]:
    """Return the scenarios that come with the mock, by name."""
    read = (read_yaml(path.read_bytes()).value for path in sorted(SHIPPED.glob("*.yaml")))
    return {scenario["name"]: scenario for scenario in read}
