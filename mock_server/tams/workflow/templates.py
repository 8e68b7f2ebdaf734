"""Templates: graphs that are published with a few editable fields (TAMS › 5.7 to 5.9).

The templates that public clients name come with the mock. Others are files in a folder, which are
read once. Requests name templates by id, never by file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from pydantic_core import to_json

from mock_server.core.errors import NotFound
from mock_server.tams.catalogue import Catalogue, ids_of
from mock_server.tams.errors import FieldMismatch
from mock_server.tams.settings import Leniency, TamsSettings
from mock_server.tams.stages import ParsedOrder
from mock_server.tams.workflow.graph import Graph, inspect_graph
from mock_server.tams.workflow.graph_problems import refused
from mock_server.tams.workflow.node_classes import NodeClasses
from mock_server.tams.workflow.orders import parse_graph
from mock_server.tams.workflow.requests import FieldAttrBody
from mock_server.tams.workflow.template_files import (
    Template,
    TemplateField,
    class_type_of,
    graph_problem,
    read_folder,
)
from mock_server.tams.workflow.unknown_templates import stand_in, stand_in_filled

_SHIPPED = Path(__file__).resolve().parents[2] / "data" / "templates"


class Templates:
    """Finds templates, describes them, and fills in their fields."""

    def __init__(
        self,
        classes: NodeClasses,
        settings: TamsSettings | None = None,
        folder: Path | None = None,
    ) -> None:
        """Read all templates; raises UnreadableFile for an invalid file in the folder."""
        self.classes = classes
        self.settings = settings or TamsSettings()
        self._known = {each.id: each for each in read_folder(_SHIPPED)}
        if folder is not None:
            own = read_folder(folder, lambda template: graph_problem(template, classes))
            self._known |= {each.id: each for each in own}

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all that are published."""
        return tuple(self._known)

    def under(self, settings: TamsSettings) -> Templates:
        """Return the same templates for other settings."""
        others = copy(self)
        others.settings = settings
        return others

    def template(self, template_id: str) -> Template:
        """Return a template; raises NotFound, unless the settings accept every id."""
        if template_id in self._known:
            return self._known[template_id]
        if self.settings.unknown_template == "refuse":
            raise NotFound("workflow template", template_id)
        return stand_in(template_id)

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
        if template_id not in self._known:
            return self._checked(*stand_in_filled(values))
        for field in template.fields:
            if field not in values:
                raise FieldMismatch(f"can't find [nodeId:fieldName] {field} in fields parameter")
        extra = [field for field in values if field not in template.fields]
        if extra and extra_fields == "refuse":
            raise FieldMismatch(f"can't find [nodeId:fieldName] {extra[0]} in workflow template")
        filled = template.filled({field: values[field] for field in template.fields})
        return self._checked(filled, extra)

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

    def _checked(self, params: Mapping[str, Any], extra: Sequence[TemplateField]) -> Graph:
        graph = inspect_graph(params, self.classes, self.settings)
        if graph.problems:
            raise refused(graph.problems)
        graph.warnings += [f"fields: the template has no field {field}" for field in extra[:10]]
        return graph

    def _described(self, template: Template, field: TemplateField) -> dict[str, Any]:
        name = str(class_type_of(template.params[field.node_id]))
        known = self.classes.get(name)
        spec = known.inputs.get(field.name) if known else None
        value = template.value(field)
        if value is None and spec is not None and spec.upload:
            value = ""  # documented for an image that waits to be chosen
        choices = spec and (spec.values or ids_of(spec.model))
        options = {"options": {"values": choices}} if choices else {}
        return {
            "nodeId": field.node_id,
            "fieldName": field.name,
            "fieldValue": value,
            "nodeName": name,
            "inputString": to_json(options).decode(),
        }
