"""The catalogue of published workflows: `data/workshop-workflows.json`, and a file of the user."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mock_server.workshop.errors import Refused
from mock_server.workshop.task_metadata import TaskMetadata

if TYPE_CHECKING:
    from mock_server.workshop.workflow_versions import Workflow, WorkflowVersion

_SHIPPED = Path(__file__).resolve().parents[1] / "data" / "workshop-workflows.json"


class KnownWorkflows:
    """Finds workflows by id; `own` workflows override shipped ones."""

    def __init__(self, own: Mapping[str, Workflow] | None = None) -> None:
        self._own = own or {}

    @cached_property
    def known(self) -> Mapping[str, Workflow]:
        """The published workflows by id."""
        from mock_server.workshop.workflow_versions import read_workflows

        return {**read_workflows(_SHIPPED.read_bytes()), **self._own}

    def find(
        self, id: str, alias: str, version: str, *, alias_wins: bool = False, unknown: bool = True
    ) -> tuple[str, WorkflowVersion]:
        """Return a version and its name, found by an alias or by the version's name.

        If both are given, the version counts, unless `alias_wins`. With `unknown`, a workflow that
        is not in the catalogue accepts all inputs; otherwise it is refused.
        """
        from mock_server.workshop.workflow_versions import unpublished

        workflow = self.known.get(id)
        by_alias = alias and (alias_wins or not version)
        if workflow is None:
            if not unknown:
                raise Refused("workflow-unknown", f"The workflow {id!r} does not exist")
            return alias if by_alias else version, unpublished()
        name = workflow.aliases.get(alias) if by_alias else version
        found = None if name is None else workflow.versions.get(name)
        if name is None or found is None:
            missing = f"alias {alias!r}" if by_alias else f"version {version!r}"
            raise Refused("workflow-unknown", f"The workflow {id!r} has no {missing}")
        return name, found

    def name_of(self, metadata: TaskMetadata) -> str:
        """Return the name of a task's workflow for people, or else its id."""
        workflow = self.known.get(metadata.workflow) if metadata.workflow else None
        return workflow.name if workflow is not None and workflow.name else metadata.workflow

    def of(self, metadata: TaskMetadata) -> WorkflowVersion:
        """Return the version of a task."""
        from mock_server.workshop.workflow_versions import unpublished

        workflow = self.known.get(metadata.workflow)
        versions = {} if workflow is None else workflow.versions
        return versions.get(metadata.version) or unpublished()


def load_workflows(path: Path | None) -> KnownWorkflows:
    """Return the shipped workflows and those of a file; raises ValueError with a sentence."""
    if path is None:
        return KnownWorkflows()
    from mock_server.web.byte_order_marks import read_file
    from mock_server.workshop.workflow_versions import read_workflows

    try:
        return KnownWorkflows(read_workflows(read_file(path)))
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror or error}") from error
