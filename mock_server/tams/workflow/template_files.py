"""Template files: graphs with a few editable fields, one JSON file each.

    {"templateId": "1", "name": "…", "params": {graph}, "fields": [{"nodeId", "fieldName"}, …]}

`data/workflow-template.schema.json` describes them, and `data/templates` has examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from mock_server.core.errors import Invalid
from mock_server.tams.settings import TamsSettings
from mock_server.tams.workflow.graph import inspect_graph
from mock_server.tams.workflow.graph_problems import refused
from mock_server.tams.workflow.node_classes import NodeClasses, UnreadableFile, read_json


class TemplateField(Struct, frozen=True):
    """An input of a node that users of the template may change."""

    node_id: str
    name: str

    def __str__(self) -> str:
        return f"{self.node_id}:{self.name}"


class Template(Struct, frozen=True):
    """A published graph and its editable fields."""

    id: str
    name: str
    params: Mapping[str, Any]
    fields: tuple[TemplateField, ...]

    def value(self, field: TemplateField) -> Any:
        """Return the default value of a field."""
        return inputs_of(self.params[field.node_id]).get(field.name)

    def filled(self, values: Mapping[TemplateField, Any]) -> dict[str, Any]:
        """Return the graph with the values in its fields."""
        params = dict(self.params)
        for field, value in values.items():
            node = params[field.node_id]
            params[field.node_id] = {**node, "inputs": {**inputs_of(node), field.name: value}}
        return params


def read_folder(folder: Path, check: Callable[[Template], str] | None = None) -> list[Template]:
    """Return the templates in a folder; `check` returns the problem of one, or ""."""
    try:
        files = sorted(each for each in folder.iterdir() if each.suffix == ".json")
    except OSError as error:
        raise UnreadableFile(f"{folder}: {error.strerror or error}") from error
    found: dict[str, Path] = {}
    templates = []
    for file in files:
        template = _from_file(file)
        if template.id in found:
            text = f"{template.id} is also the template of {found[template.id].name}"
            raise UnreadableFile(f"{file}: templateId: {text}")
        if check is not None and (problem := check(template)):
            raise UnreadableFile(f"{file}: params: {problem}")
        found[template.id] = file
        templates.append(template)
    return templates


def _from_file(file: Path) -> Template:
    data = read_json(file)
    if not isinstance(data, dict):
        raise UnreadableFile(f"{file}: must be an object")
    id, name, params = str(data.get("templateId")), data.get("name", ""), data.get("params")
    if not (id.isascii() and id.isdigit() and len(id) <= 19 and id[0] != "0"):
        raise UnreadableFile(f"{file}: templateId: must be a decimal number, found {id!r}")
    if not isinstance(name, str):
        raise UnreadableFile(f"{file}: name: must be a string, found {name!r}")
    if not isinstance(params, dict) or not params:
        raise UnreadableFile(f"{file}: params: must be an object with a member for each node")
    fields = data.get("fields")
    if isinstance(fields, dict):  # as in the service's answers
        fields = fields.get("fieldAttrs")
    if not isinstance(fields, list):
        raise UnreadableFile(f"{file}: fields: must be a list")
    editable = [_field(each, params, f"{file}: fields[{n}]") for n, each in enumerate(fields)]
    if len(set(editable)) < len(editable):
        raise UnreadableFile(f"{file}: fields: must name every field once")
    return Template(id, name, params, tuple(editable))


def _field(data: Any, params: Mapping[str, Any], position: str) -> TemplateField:
    if not isinstance(data, dict) or "nodeId" not in data or "fieldName" not in data:
        raise UnreadableFile(f"{position}: must be an object with nodeId and fieldName")
    field = TemplateField(str(data["nodeId"]), str(data["fieldName"]))
    if not isinstance(params.get(field.node_id), dict):
        raise UnreadableFile(f"{position}: nodeId: there is no node {field.node_id} in params")
    if field.name not in inputs_of(params[field.node_id]):
        text = f"node {field.node_id} has no input {field.name}"
        raise UnreadableFile(f"{position}: fieldName: {text}")
    return field


def graph_problem(template: Template, classes: NodeClasses) -> str:
    """Return the problem of a template's graph, except for its editable fields."""
    try:
        graph = inspect_graph(template.params, classes, TamsSettings())
    except Invalid as error:
        return error.problem.rstrip("\n").replace("\n", "; ")
    editable = set(template.fields)
    problems = [
        each for each in graph.problems if TemplateField(each.node, each.input) not in editable
    ]
    return refused(problems).problem.rstrip("\n").replace("\n", "; ") if problems else ""


def inputs_of(node: Any) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def class_type_of(node: Any) -> Any:
    return node.get("classType") or node.get("class_type") or ""
