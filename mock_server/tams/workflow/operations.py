"""The operations on graphs and templates (TAMS › 5.5 to 5.9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mock_server.core.accounts import SERVER
from mock_server.core.errors import Invalid
from mock_server.core.resources import Resource
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.tams.catalogue import Catalogue
from mock_server.tams.settings import TamsSettings
from mock_server.tams.stages import MAX_INPUTS, ParsedOrder
from mock_server.tams.wire import path_number
from mock_server.tams.workflow.requests import (
    CheckTemplate,
    CheckWorkflow,
    CreateTemplateJob,
    CreateWorkflowJob,
)
from mock_server.web.calls import Call
from mock_server.web.pipeline import Operation

# What reads graphs is loaded by the first call that brings one: it would be a tenth of a start.
if TYPE_CHECKING:
    from mock_server.tams.workflow.graph import Graph
    from mock_server.tams.workflow.node_classes import NodeClasses
    from mock_server.tams.workflow.templates import Templates

Body = dict[str, Any]
Submit = Callable[[UnitOfWork, Call, ParsedOrder, str, str], Awaitable[Body]]


class WorkflowFiles:
    """The node classes and templates that are known; read by the first call that needs them."""

    def __init__(self, classes_file: Path | None, templates_dir: Path | None) -> None:
        self._classes_file = classes_file
        self._templates_dir = templates_dir

    @cached_property
    def classes(self) -> NodeClasses:
        from mock_server.tams.workflow.node_classes import load_classes

        return load_classes(self._classes_file)

    @cached_property
    def templates(self) -> Templates:
        from mock_server.tams.workflow.templates import Templates

        return Templates(self.classes, folder=self._templates_dir)


class WorkflowOperations:
    """Translates calls about graphs and templates; what all jobs share is handed in.

    `submit` makes a job of an order, a request key and the URL to be told of its progress (or ""),
    and `request_key` is what a request id counts as.
    """

    def __init__(
        self,
        settings: TamsSettings,
        catalogue: Catalogue,
        files: WorkflowFiles,
        *,
        submit: Submit,
        request_key: Callable[[Call, str], str],
    ) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.files = files
        self._submit = submit
        self._request_key = request_key
        self.operations: Sequence[Operation] = (
            Operation(
                "POST", "/v1/jobs/workflow", self.create_job, "Create a job out of a graph",
                "TAMS › 5.5", body=CreateWorkflowJob,
                price=lambda call, payload: self._price(self._graph(payload)),
            ),
            Operation(
                "POST", "/v1/jobs/workflow/params/check", self.check_graph,
                "Validate and price a graph", "TAMS › 5.6", body=CheckWorkflow,
            ),
            Operation(
                "GET", "/v1/workflows/{template_id}", self.get_template,
                "Name and editable fields of a template", "TAMS › 5.7",
            ),
            Operation(
                "POST", "/v1/workflows/template/check", self.check_template,
                "Validate and price a filled-in template", "TAMS › 5.8", body=CheckTemplate,
            ),
            Operation(
                "POST", "/v1/jobs/workflow/template", self.create_template_job,
                "Create a job out of a template", "TAMS › 5.9", body=CreateTemplateJob,
                name="CreateWorkflowTemplateJob",
                price=lambda call, payload: self._price(self._filled(payload)),
            ),
        )  # fmt: skip

    @cached_property
    def templates(self) -> Templates:
        """The templates that are published here."""
        return self.files.templates.under(self.settings)

    async def create_job(self, world: UnitOfWork, call: Call, payload: CreateWorkflowJob) -> Body:
        """TAMS › 5.5: make a job of a graph."""
        key = self._request_key(call, payload.request_id)
        made = await self._parse_order(world, call, self._graph(payload))
        return await self._submit(world, call, made, key, payload.running_notify_url)

    async def check_graph(self, world: UnitOfWork, call: Call, payload: CheckWorkflow) -> Body:
        """TAMS › 5.6: what the graph would cost; U39 for one that is not in order."""
        try:
            made = await self._parse_order(world, call, self._graph(payload))
        except Invalid as error:
            if self.settings.bad_graph_check == "error":
                raise
            call.decide(valid=False)
            call.remark(error.problem)
            return {"valid": False, "credits": 0}
        call.decide(valid=True, credits=made.work.price)
        return {"valid": True, "credits": float(made.work.price)}

    async def get_template(self, world: UnitOfWork, call: Call, payload: None) -> Body:
        """TAMS › 5.7: a template's name and its editable fields, without a wrapper."""
        return self.templates.read(path_number(call, "template_id"))

    async def check_template(self, world: UnitOfWork, call: Call, payload: CheckTemplate) -> Body:
        """TAMS › 5.8: what the filled-in template would cost (U40)."""
        made = await self._parse_order(world, call, self._filled(payload))
        call.decide(credits=made.work.price)
        valid = {} if self.settings.template_check_reply == "credits" else {"valid": True}
        return {**valid, "credits": float(made.work.price)}

    async def create_template_job(
        self, world: UnitOfWork, call: Call, payload: CreateTemplateJob
    ) -> Body:
        """TAMS › 5.9: make a job of a filled-in template; U42 for fields that are wrong."""
        key = self._request_key(call, payload.request_id)
        try:
            made = await self._parse_order(world, call, self._filled(payload))
        except Invalid as error:
            if self.settings.bad_template_job == "refuse":
                raise
            sent = payload.fields.field_attrs
            made = self.templates.doomed(payload.template_id, sent, self.settings, self.catalogue)
            call.remark(error.problem)
        return await self._submit(world, call, made, key, "")

    def _graph(self, payload: CreateWorkflowJob | CheckWorkflow) -> Graph:
        from mock_server.tams.workflow.graph import read_graph

        return read_graph(payload.params, self.files.classes, self.settings)

    def _filled(self, payload: CheckTemplate) -> Graph:
        return self.templates.fill(
            payload.template_id,
            payload.fields.field_attrs,
            extra_fields=self.settings.extra_field,
        )

    def _price(self, graph: Graph) -> Decimal | None:
        """Return what a graph costs, or None if it has nodes whose class may sample unseen."""
        from mock_server.tams.workflow.orders import parse_graph

        if any(node.known is None for node in graph.nodes.values()):
            return None
        return parse_graph(graph, self.settings, self.catalogue).work.price

    async def _parse_order(self, world: UnitOfWork, call: Call, graph: Graph) -> ParsedOrder:
        from mock_server.tams.workflow.orders import parse_graph

        sizes = await self._sizes(world, graph)
        made = parse_graph(graph, self.settings, self.catalogue, sizes)
        for warning in made.warnings:
            call.remark(warning)
        return made

    async def _sizes(self, world: UnitOfWork, graph: Graph) -> Mapping[str, tuple[int, int]]:
        """Return the sizes of the caller's uploads that are there already."""
        from mock_server.tams.workflow.graph_reading import uploads_of

        sizes = {}
        for resource_id in uploads_of(graph)[: MAX_INPUTS + 1]:
            found = await world.tx.get(Resource, resource_id)
            if found is not None and found.account in (world.account.id, SERVER) and found.width:
                sizes[resource_id] = (found.width, found.height)
        return sizes
