"""The classes of nodes that are known: their inputs, outputs, and what they do to a picture.

The file is of the shape that ComfyUI answers at `/object_info`, so that such an answer can be
merged as it is. Two marks are added: `role`, for the few classes that prices and pictures ask
about, and `model` on inputs that hold a model id where ComfyUI has a file name. Outputs of the
vendor's own classes are not published: those here are made up after their ComfyUI relatives, and
TensorArt_Ratio comes out of an example that made it up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

_DATA = Path(__file__).resolve().parents[2] / "data" / "node_classes.json"

ANY = "*"
COMBO = "COMBO"
SCALARS = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", COMBO})

# A sampler runs the engine, an upscaler runs a model over pixels, a loader reads a large file, a
# ratio makes a width and a height of words such as 16:9, and a blank says nothing any more.
Role = Literal["", "sampler", "upscaler", "loader", "ratio", "blank"]
_ROLES: dict[str, Role] = {
    "sampler": "sampler",
    "upscaler": "upscaler",
    "loader": "loader",
    "ratio": "ratio",
    "blank": "blank",
}


class InputSpec(Struct, frozen=True):
    """What one input takes: a kind, ends for numbers, and for a COMBO its values (none: any)."""

    kind: str
    required: bool = True
    default: Any = None
    least: float = -inf
    most: float = inf
    values: tuple[str, ...] = ()
    model: str = ""
    upload: bool = False

    @property
    def scalar(self) -> bool:
        """Whether a plain value will do, and no link is needed."""
        return self.kind in SCALARS or ANY in self.kind

    @property
    def names_something(self) -> bool:
        """Whether it names a model or an upload, so that an empty text is no value."""
        return self.upload or bool(self.model)


class NodeClass(Struct, frozen=True):
    """One class of nodes; an input's place in `inputs` is its place on the node."""

    name: str
    inputs: Mapping[str, InputSpec]
    outputs: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    output: bool = False
    role: Role = ""


NodeClasses = Mapping[str, NodeClass]


class UnreadableClasses(ValueError):
    """A file of node classes that cannot be used; the message names the file and the place."""


@cache
def shipped_classes() -> NodeClasses:
    """Return the classes that come with the server."""
    return read_classes(json.loads(_DATA.read_bytes()), _DATA.name)


def load_classes(path: Path | None = None) -> NodeClasses:
    """Return the shipped classes, and those of a file, which win where both have one.

    Raises UnreadableClasses.
    """
    if path is None:
        return shipped_classes()
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableClasses(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableClasses(f"{path}: is not JSON: {error}") from error
    return merged(shipped_classes(), read_classes(data, str(path)))


def merged(known: NodeClasses, more: NodeClasses) -> NodeClasses:
    """Return both; a class that comes again keeps its role and the marks on its inputs."""
    classes = dict(known)
    for name, each in more.items():
        before = classes.get(name)
        classes[name] = each if before is None else _remarked(each, before)
    return classes


def _remarked(each: NodeClass, before: NodeClass) -> NodeClass:
    inputs = dict(each.inputs)
    for name, spec in inputs.items():
        mark = before.inputs.get(name)
        if mark is not None and mark.model and not spec.model:
            # The files of somebody's own machine, where this service wants the id of a model.
            inputs[name] = replace(spec, kind=COMBO, values=(), model=mark.model)
    return replace(each, inputs=inputs, role=each.role or before.role)


def read_classes(data: Any, source: str) -> NodeClasses:
    """Return the classes out of parsed JSON. Raises UnreadableClasses, naming source and place."""
    if not isinstance(data, dict):
        raise UnreadableClasses(f"{source}: must be an object with a member for each class")
    return {name: _node_class(name, each, f"{source}: {name}") for name, each in data.items()}


def _node_class(name: str, data: Any, place: str) -> NodeClass:
    members = _object(data, place)
    given = _object(members.get("input") or {}, f"{place}: input")
    inputs = {
        each: _spec(spec, f"{place}: input {each}", required=section == "required")
        for section in ("required", "optional")
        for each, spec in _object(given.get(section) or {}, f"{place}: {section}").items()
    }
    role = members.get("role") or ""
    if role and role not in _ROLES:
        expected = ", ".join(_ROLES)
        raise UnreadableClasses(f"{place}: role: must be one of {expected}, found {role!r}")
    return NodeClass(
        name,
        inputs,
        _texts(members.get("output") or [], f"{place}: output"),
        _texts(members.get("output_name") or [], f"{place}: output_name"),
        output=members.get("output_node") is True,
        role=_ROLES.get(role, ""),
    )


def _spec(data: Any, place: str, *, required: bool) -> InputSpec:
    """Return an input's spec out of `[kind, options]`, where a list of values is a kind too."""
    if not isinstance(data, list) or not data or not isinstance(data[0], str | list):
        raise UnreadableClasses(f"{place}: must be a list of a kind and its options")
    options = _object(data[1], f"{place}: options") if len(data) > 1 else {}
    kind, values = data[0], options.get("options") or ()
    if isinstance(kind, list):
        kind, values = COMBO, kind
    ends = {}
    for name in ("min", "max"):
        end = options.get(name)
        if end is not None and (isinstance(end, bool) or not isinstance(end, int | float)):
            raise UnreadableClasses(f"{place}: {name}: must be a number, found {end!r}")
        ends[name] = end
    return InputSpec(
        kind,
        required=required,
        default=options.get("default"),
        least=-inf if ends["min"] is None else ends["min"],
        most=inf if ends["max"] is None else ends["max"],
        values=tuple(str(each) for each in values) if isinstance(values, list) else (),
        model=str(options.get("model") or ""),
        upload=options.get("image_upload") is True,
    )


def _texts(data: Any, place: str) -> tuple[str, ...]:
    if not isinstance(data, list):
        raise UnreadableClasses(f"{place}: must be a list")
    # Of a choice that is an output ComfyUI lists the values in place of a kind.
    return tuple(each if isinstance(each, str) else COMBO for each in data)


def _object(data: Any, place: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise UnreadableClasses(f"{place}: must be an object, found {type(data).__name__}")
    return data
