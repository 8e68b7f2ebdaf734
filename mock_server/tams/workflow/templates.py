"""Templates: graphs that are published with a few editable fields (TAMS › 5.7 to 5.9).

The templates that public clients name come with the mock. Others are `*.json` files in a folder:

    {"templateId": "1", "name": "…", "params": {graph}, "fields": [{"nodeId", "fieldName"}, …]}

They are read once. Requests name templates by id, never by file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from pydantic_core import to_json

from mock_server.core.errors import Invalid, NotFound
from mock_server.tams.catalogue import Catalogue
from mock_server.tams.errors import FieldMismatch
from mock_server.tams.settings import Leniency, TamsSettings
from mock_server.tams.stages import ParsedOrder
from mock_server.tams.workflow.graph import Graph, inspect_graph
from mock_server.tams.workflow.graph_problems import refused
from mock_server.tams.workflow.node_classes import NodeClasses, UnreadableFile, read_json
from mock_server.tams.workflow.orders import parse_graph
from mock_server.tams.workflow.requests import FieldAttrBody

_SHIPPED = Path(__file__).resolve().parents[2] / "data" / "templates"


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
        return _inputs(self.params[field.node_id]).get(field.name)

    def filled(self, values: Mapping[TemplateField, Any]) -> dict[str, Any]:
        """Return the graph with the values in its fields."""
        params = dict(self.params)
        for field, value in values.items():
            node = params[field.node_id]
            params[field.node_id] = {**node, "inputs": {**_inputs(node), field.name: value}}
        return params


class Templates:
    """Finds templates, describes them, and fills in their fields."""

    def __init__(
        self, classes: NodeClasses, settings: TamsSettings | None = None, folder: Path | None = None
    ) -> None:
        """Read all templates; raises UnreadableFile for an invalid file in the folder."""
        self.classes = classes
        self.settings = settings or TamsSettings()
        self._known = {each.id: each for each in _folder(_SHIPPED)}
        if folder is not None:
            own = _folder(folder, lambda template: _graph_problem(template, classes))
            self._known |= {each.id: each for each in own}

    def template(self, template_id: str) -> Template:
        """Return a template; raises NotFound."""
        if template_id not in self._known:
            raise NotFound("workflow template", template_id)
        return self._known[template_id]

    def read(self, template_id: str) -> dict[str, Any]:
        """Return the description of a template, which is an answer without a wrapper."""
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
        """Return the template's graph with the values that were sent.

        Raises NotFound, FieldMismatch for the first editable field that was not sent, and Invalid
        if the values make the graph invalid.
        """
        template = self.template(template_id)
        values = {TemplateField(each.node_id, each.field_name): each.field_value for each in sent}
        for field in template.fields:
            if field not in values:
                raise FieldMismatch(f"can't find [nodeId:fieldName] {field} in fields parameter")
        extra = [field for field in values if field not in template.fields]
        if extra and extra_fields == "refuse":
            raise FieldMismatch(f"can't find [nodeId:fieldName] {extra[0]} in workflow template")
        filled = template.filled({field: values[field] for field in template.fields})
        graph = inspect_graph(filled, self.classes, self.settings)
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
        """Return the order of a job that will fail, if wrong fields are not refused at once (U42).

        It waits for an upload that cannot exist, named after the first field without a value; the
        reason of its failure has this name.
        """
        template = self.template(template_id)
        given = {
            TemplateField(each.node_id, each.field_name)
            for each in sent
            if each.field_value is not None
        }
        field = next((each for each in template.fields if each not in given), "of a template")
        graph = inspect_graph(template.params, self.classes, TamsSettings())
        made = parse_graph(graph, settings, catalogue)
        return replace(made, work=replace(made.work, inputs=(str(field),)))

    def _described(self, template: Template, field: TemplateField) -> dict[str, Any]:
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
    if field.name not in _inputs(params[field.node_id]):
        text = f"node {field.node_id} has no input {field.name}"
        raise UnreadableFile(f"{position}: fieldName: {text}")
    return field


def _graph_problem(template: Template, classes: NodeClasses) -> str:
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


def _inputs(node: Any) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def _class_type(node: Any) -> Any:
    return node.get("classType") or node.get("class_type") or ""
