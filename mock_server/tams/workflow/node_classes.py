"""The known classes of nodes: their inputs, outputs, and what they do to a picture.

The file has the form of ComfyUI's `/object_info`, so such an answer can be merged unchanged. Two
members are added: `role`, for the few classes that matter for prices and pictures, and `model`, for
inputs that hold a model id instead of ComfyUI's file name. The outputs of the vendor's own classes
are not published: they are made up after similar ComfyUI classes, and TensorArt_Ratio is from an
example that made it up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from mock_server.web.byte_order_marks import read_file

_DATA = Path(__file__).resolve().parents[2] / "data" / "node_classes.json"

ANY = "*"
COMBO = "COMBO"
SCALARS = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", COMBO})

# A sampler runs the engine, an upscaler runs a model on pixels, a loader reads a large file, a
# ratio turns a text such as 16:9 into a width and a height, and a blank removes its prompt.
Role = Literal["", "sampler", "upscaler", "loader", "ratio", "blank"]


class InputSpec(Struct, frozen=True):
    """What one input accepts: a kind, a range for numbers, the values of a COMBO (none: any)."""

    kind: str
    required: bool = True
    default: Any = None
    minimum: float = -inf
    maximum: float = inf
    values: tuple[str, ...] = ()
    model: str = ""
    upload: bool = False

    @property
    def scalar(self) -> bool:
        """Whether a value is enough, without a link."""
        return self.kind in SCALARS or ANY in self.kind

    @property
    def names_something(self) -> bool:
        """Whether the value names a model or an upload, so that "" counts as missing."""
        return self.upload or bool(self.model)


class NodeClass(Struct, frozen=True):
    """One class of nodes; `inputs` are in the order of the node."""

    name: str
    inputs: Mapping[str, InputSpec]
    outputs: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    output: bool = False
    role: Role = ""


NodeClasses = Mapping[str, NodeClass]


class UnreadableFile(ValueError):
    """A file of node classes or of a template is invalid; the message has the position."""


@cache
def shipped_classes() -> NodeClasses:
    """Return the classes in the mock's own file."""
    return read_classes(json.loads(_DATA.read_bytes()), _DATA.name)


def load_classes(path: Path | None = None) -> NodeClasses:
    """Return the shipped classes and those of a file, which override shipped ones.

    Raises UnreadableFile.
    """
    if path is None:
        return shipped_classes()
    return merged(shipped_classes(), read_classes(read_json(path), str(path)))


def read_json(path: Path) -> Any:
    """Return the JSON in a file; raises UnreadableFile."""
    try:
        return json.loads(read_file(path))
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path}: is not JSON: {error}") from error


def merged(known: NodeClasses, more: NodeClasses) -> NodeClasses:
    """Return both; an overridden class keeps its role and the `model` of its inputs."""
    classes = dict(known)
    for name, each in more.items():
        before = classes.get(name)
        classes[name] = each if before is None else _overridden(each, before)
    return classes


def _overridden(each: NodeClass, before: NodeClass) -> NodeClass:
    inputs = dict(each.inputs)
    for name, spec in inputs.items():
        old = before.inputs.get(name)
        if old is not None and old.model and not spec.model:
            # The file lists local model files, but the service wants a model id.
            inputs[name] = replace(spec, kind=COMBO, values=(), model=old.model)
    return replace(each, inputs=inputs, role=each.role or before.role)


def read_classes(data: Any, source: str) -> NodeClasses:
    """Return the classes in parsed JSON; raises UnreadableFile, which names the source."""
    if not isinstance(data, dict):
        raise UnreadableFile(f"{source}: must be an object with a member for each class")
    return {name: _node_class(name, each, f"{source}: {name}") for name, each in data.items()}


def _node_class(name: str, data: Any, position: str) -> NodeClass:
    members = _object(data, position)
    given = _object(members.get("input") or {}, f"{position}: input")
    inputs = {
        each: _spec(spec, f"{position}: input {each}", required=section == "required")
        for section in ("required", "optional")
        for each, spec in _object(given.get(section) or {}, f"{position}: {section}").items()
    }
    role: Role = members.get("role") or ""
    if role not in get_args(Role):
        expected = ", ".join(filter(None, get_args(Role)))
        raise UnreadableFile(f"{position}: role: must be one of {expected}, found {role!r}")
    return NodeClass(
        name,
        inputs,
        _texts(members.get("output") or [], f"{position}: output"),
        _texts(members.get("output_name") or [], f"{position}: output_name"),
        output=members.get("output_node") is True,
        role=role,
    )


def _spec(data: Any, position: str, *, required: bool) -> InputSpec:
    """Return the spec of `[kind, options]`; the kind may be a list of values."""
    if not isinstance(data, list) or not data or not isinstance(data[0], str | list):
        raise UnreadableFile(f"{position}: must be a list of a kind and its options")
    options = _object(data[1], f"{position}: options") if len(data) > 1 else {}
    kind, values = data[0], options.get("options") or ()
    if isinstance(kind, list):
        kind, values = COMBO, kind
    bounds = {}
    for name in ("min", "max"):
        bound = options.get(name)
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
            raise UnreadableFile(f"{position}: {name}: must be a number, found {bound!r}")
        bounds[name] = bound
    return InputSpec(
        kind,
        required=required,
        default=options.get("default"),
        minimum=-inf if bounds["min"] is None else bounds["min"],
        maximum=inf if bounds["max"] is None else bounds["max"],
        values=tuple(str(each) for each in values) if isinstance(values, list) else (),
        model=str(options.get("model") or ""),
        upload=options.get("image_upload") is True,
    )


def _texts(data: Any, position: str) -> tuple[str, ...]:
    if not isinstance(data, list):
        raise UnreadableFile(f"{position}: must be a list")
    # If an output is a choice, ComfyUI lists its values instead of a kind.
    return tuple(each if isinstance(each, str) else COMBO for each in data)


def _object(data: Any, position: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise UnreadableFile(f"{position}: must be an object, found {type(data).__name__}")
    return data
