"""Request bodies about graphs and templates (TAMS › 5.5 to 5.9).

Node ids, the inputs of nodes and the values of fields are not changed.
"""

# No `from __future__ import annotations`: text annotations would be compiled at every start.

from typing import Annotated, Any, ClassVar

from pydantic_core.core_schema import str_schema

from mock_server.tams.scalars import FreeMap, IdString, Repeated, Scalar, String
from mock_server.tams.wire import TamsBody


def _text_of_integer(value: object) -> str:
    if type(value) is not int or not -(2**63) <= value < 2**64:
        raise ValueError(value)
    return str(value)


# Graphs are maps, whose objects are not validated one by one.
MAX_GRAPH_OBJECTS = 100_000

# Node ids are strings; some clients send numbers.
NodeId = Annotated[str, Scalar("string", str_schema(strict=True), _text_of_integer)]


class CreateWorkflowJob(TamsBody, frozen=True):
    """POST /v1/jobs/workflow."""

    max_objects: ClassVar[int] = MAX_GRAPH_OBJECTS

    request_id: String = ""
    params: FreeMap = {}  # noqa: RUF012 - each body gets its own map
    running_notify_url: String = ""


class CheckWorkflow(TamsBody, frozen=True):
    """POST /v1/jobs/workflow/params/check."""

    max_objects: ClassVar[int] = MAX_GRAPH_OBJECTS

    params: FreeMap = {}  # noqa: RUF012


class FieldAttrBody(TamsBody, frozen=True):
    """A value for one field of a template; null and missing values are None."""

    node_id: NodeId = ""
    field_name: String = ""
    field_value: Any = None


class TemplateFieldsBody(TamsBody, frozen=True):
    field_attrs: Repeated[FieldAttrBody] = ()


class CheckTemplate(TamsBody, frozen=True):
    """POST /v1/workflows/template/check."""

    template_id: IdString = ""
    fields: TemplateFieldsBody = TemplateFieldsBody()


class CreateTemplateJob(CheckTemplate, frozen=True):
    """POST /v1/jobs/workflow/template."""

    request_id: String = ""
