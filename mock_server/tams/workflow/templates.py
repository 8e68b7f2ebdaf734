"""Templates: whole graphs that are published with a few editable fields (TAMS › 5.7 to 5.9).

Those that public clients name come with the server; more are `*.json` files of one folder:

    {"templateId": "1", "name": "…", "params": {graph}, "fields": [{"nodeId", "fieldName"}, …]}

They are read once. A request names a template by its number, and never a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from pydantic_core import to_json

from mock_server.core.errors import Invalid, NotFound
from mock_server.tams.catalogue import Catalogue
from mock_server.tams.settings import Leniency, TamsSettings
from mock_server.tams.stages import ParsedOrder
from mock_server.tams.workflow.graph import Graph, inspect_graph
from mock_server.tams.workflow.graph_problems import refused
from mock_server.tams.workflow.mismatches import FieldMismatch
from mock_server.tams.workflow.node_classes import NodeClasses
from mock_server.tams.workflow.node_inputs import InputRules
from mock_server.tams.workflow.orders import parse_graph
from mock_server.tams.workflow.requests import FieldAttrBody

_SHIPPED = Path(__file__).resolve().parents[2] / "data" / "templates"


class UnreadableTemplate(ValueError):
    """A file that is no template; the message names the file and the place in it."""


class Field(Struct, frozen=True):
    """An input that whoever uses the template may change."""

    node_id: str
    name: str

    def __str__(self) -> str:
        return f"{self.node_id}:{self.name}"


class Template(Struct, frozen=True):
    """A graph as it was published, and its editable fields in their order."""

    id: str
    name: str
    params: Mapping[str, Any]
    fields: tuple[Field, ...]

    def value(self, field: Field) -> Any:
        """Return the template's own value of a field."""
        return _inputs(self.params[field.node_id]).get(field.name)

    def filled(self, values: Mapping[Field, Any]) -> dict[str, Any]:
        """Return the graph with the values in place of its own."""
        params = dict(self.params)
        for field, value in values.items():
            node = params[field.node_id]
            params[field.node_id] = {**node, "inputs": {**_inputs(node), field.name: value}}
        return params


class Templates:
    """The templates that there are, and what becomes of them."""

    def __init__(
        self, classes: NodeClasses, rules: InputRules | None = None, folder: Path | None = None
    ) -> None:
        """Read all templates; UnreadableTemplate where a file of the folder is none."""
        self.classes = classes
        self.rules = rules or InputRules()
        self._known = {each.id: each for each in _folder(_SHIPPED)}
        if folder is not None:
            own = _folder(folder, lambda template: _graph_problem(template, classes))
            self._known |= {each.id: each for each in own}

    def template(self, template_id: str) -> Template:
        """Return a template, or raise NotFound."""
        if template_id not in self._known:
            raise NotFound("workflow template", template_id)
        return self._known[template_id]

    def read(self, template_id: str) -> dict[str, Any]:
        """Return the answer that describes a template; it has no wrapper."""
        template = self.template(template_id)
        fields = [self._described(template, field) for field in template.fields]
        return {
            "templateId": template.id,
            "name": template.name,
            "fields": {"fieldAttrs": fields},
        }

    def fill(
        self,
        template_id: str,
        sent: Sequence[FieldAttrBody],
        *,
        extra_fields: Leniency = "accept",
    ) -> Graph:
        """Return the template's graph with the values that were sent, if it is in order.

        Raises NotFound, FieldMismatch for the first editable field that was not sent, and Invalid
        for a graph that is not in order any more.
        """
        template = self.template(template_id)
        values = {Field(each.node_id, each.field_name): each.field_value for each in sent}
        for field in template.fields:
            if field not in values:
                raise FieldMismatch(f"can't find [nodeId:fieldName] {field} in fields parameter")
        extra = [field for field in values if field not in template.fields]
        if extra and extra_fields == "refuse":
            raise FieldMismatch(f"can't find [nodeId:fieldName] {extra[0]} in workflow template")
        filled = template.filled({field: values[field] for field in template.fields})
        graph = inspect_graph(filled, self.classes, self.rules)
        if graph.problems:
            raise refused(graph.problems)
        graph.warnings += [f"fields: the template has no field {field}" for field in extra[:10]]
        return graph

    def doomed(
        self,
        template_id: str,
        sent: Sequence[FieldAttrBody],
        settings: TamsSettings,
        catalogue: Catalogue,
    ) -> ParsedOrder:
        """Return what makes a job that FAILS, where fields that are wrong are not refused (U42).

        It waits for an upload that nobody can make, and the reason for its failure names it after
        the first field without a value.
        """
        template = self.template(template_id)
        given = {
            Field(each.node_id, each.field_name) for each in sent if each.field_value is not None
        }
        field = next((each for each in template.fields if each not in given), "of a template")
        graph = inspect_graph(template.params, self.classes, InputRules())
        made = parse_graph(graph, settings, catalogue)
        return replace(made, work=replace(made.work, inputs=(str(field),)))

    def _described(self, template: Template, field: Field) -> dict[str, Any]:
        node = template.params[field.node_id]
        name = str(_class_type(node))
        known = self.classes.get(name)
        spec = known.inputs.get(field.name) if known else None
        choice = {"options": {"values": spec.values}} if spec and spec.values else {}
        return {
            "nodeId": field.node_id,
            "fieldName": field.name,
            "fieldValue": template.value(field),
            "nodeName": name,
            "inputString": to_json(choice).decode(),
        }


# Files


def _folder(folder: Path, check: Callable[[Template], str] | None = None) -> list[Template]:
    """Return the templates of a folder's files, each checked if asked for."""
    try:
        files = sorted(each for each in folder.iterdir() if each.suffix == ".json")
    except OSError as error:
        raise UnreadableTemplate(f"{folder}: {error.strerror or error}") from error
    found: dict[str, Path] = {}
    templates = []
    for file in files:
        template = _from_file(file)
        if template.id in found:
            text = f"{template.id} is also the template of {found[template.id].name}"
            raise UnreadableTemplate(f"{file}: templateId: {text}")
        if check is not None and (problem := check(template)):
            raise UnreadableTemplate(f"{file}: params: {problem}")
        found[template.id] = file
        templates.append(template)
    return templates


def _from_file(file: Path) -> Template:
    try:
        data = json.loads(file.read_bytes())
    except OSError as error:
        raise UnreadableTemplate(f"{file}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableTemplate(f"{file}: is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise UnreadableTemplate(f"{file}: must be an object")
    id, name, params = str(data.get("templateId")), data.get("name", ""), data.get("params")
    if not (id.isascii() and id.isdigit() and len(id) <= 19 and id[0] != "0"):
        raise UnreadableTemplate(f"{file}: templateId: must be a decimal number, found {id!r}")
    if not isinstance(name, str):
        raise UnreadableTemplate(f"{file}: name: must be a text, found {name!r}")
    if not isinstance(params, dict) or not params:
        raise UnreadableTemplate(f"{file}: params: must be an object with a member for each node")
    fields = data.get("fields")
    if isinstance(fields, dict):  # as the service answers them
        fields = fields.get("fieldAttrs")
    if not isinstance(fields, list):
        raise UnreadableTemplate(f"{file}: fields: must be a list")
    editable = [_field(each, params, f"{file}: fields[{n}]") for n, each in enumerate(fields)]
    if len(set(editable)) < len(editable):
        raise UnreadableTemplate(f"{file}: fields: must name every field once")
    return Template(id, name, params, tuple(editable))


def _field(data: Any, params: Mapping[str, Any], place: str) -> Field:
    if not isinstance(data, dict) or "nodeId" not in data or "fieldName" not in data:
        raise UnreadableTemplate(f"{place}: must be an object with nodeId and fieldName")
    field = Field(str(data["nodeId"]), str(data["fieldName"]))
    if not isinstance(params.get(field.node_id), dict):
        raise UnreadableTemplate(f"{place}: nodeId: there is no node {field.node_id} in params")
    if field.name not in _inputs(params[field.node_id]):
        text = f"node {field.node_id} has no input {field.name}"
        raise UnreadableTemplate(f"{place}: fieldName: {text}")
    return field


def _graph_problem(template: Template, classes: NodeClasses) -> str:
    """Return what is wrong with a template's graph, apart from values that are sent anyway."""
    try:
        graph = inspect_graph(template.params, classes, InputRules())
    except Invalid as error:
        return error.problem.rstrip("\n").replace("\n", "; ")
    editable = set(template.fields)
    problems = [each for each in graph.problems if Field(each.node, each.input) not in editable]
    return refused(problems).problem.rstrip("\n").replace("\n", "; ") if problems else ""


def _inputs(node: Any) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def _class_type(node: Any) -> Any:
    return node.get("classType") or node.get("class_type") or ""
