"""The OpenAPI 3.1 document of the control API, made from its operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from mock_server.control import problems
from mock_server.control.problems import Kind, kind_of
from mock_server.web.json_bodies import AccountQuery, PageQuery, Query
from mock_server.web.pipeline import Operation

_REQUEST_ID = {
    "X-Mock-Request-Id": {
        "description": "Id of this exchange in the journal",
        "required": True,
        "schema": {"type": "string"},
    }
}
_TEXT = {"type": "string"}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457; some types have more members.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "description": "An error in a member of the body or in a parameter.",
                "required": ["detail"],
                "properties": {"detail": _TEXT, "pointer": _TEXT, "parameter": _TEXT},
                "additionalProperties": False,
            },
        },
    },
}

Schemas = Mapping[type, dict[str, Any]]


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that repeat the names of members."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def document(operations: Iterable[Operation], version: str, *, guarded: bool) -> dict[str, Any]:
    """Return the document; `guarded` says whether the control token is needed."""
    operations = tuple(operations)
    references, definitions = models_json_schema(
        [(model, mode) for model, mode in _models(operations)],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Untitled,
    )
    schemas: Schemas = {model: reference for (model, _), reference in references.items()}
    responses: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _operation(operation, schemas, guarded=guarded)
        for status, kinds in _problems(operation, guarded=guarded).items():
            name = "_or_".join(kind.name for kind in kinds)
            responses[name] = _problem(kinds, {"$ref": "#/components/schemas/Problem"})
            described["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    components: dict[str, Any] = {
        "schemas": {**definitions.get("$defs", {}), "Problem": _PROBLEM},
        "responses": dict(sorted(responses.items())),
    }
    if guarded:
        components["securitySchemes"] = {"controlToken": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tams-mock control API",
            "version": version,
            "description": "Accounts, clocks, credits, jobs, callbacks and the journal.",
        },
        "paths": paths,
        "components": components,
    }


def _models(
    operations: Iterable[Operation],
) -> Iterable[tuple[type[BaseModel], JsonSchemaMode]]:
    found: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for operation in operations:
        if operation.answer not in (None, str):
            found[operation.answer, "serialization"] = None
        if operation.body is not None:
            found[operation.body, "validation"] = None
    return found


def _operation(operation: Operation, schemas: Schemas, *, guarded: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.run.__name__,
        "summary": operation.summary,
        "tags": [operation.path.split("/")[2].partition(".")[0]],
    }
    if parameters := [*_path_parameters(operation), *_query_parameters(operation.query)]:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": not _may_be_empty(operation.body),
            "content": {"application/json": {"schema": schemas[operation.body]}},
        }
    good: dict[str, Any] = {"description": operation.summary, "headers": _REQUEST_ID}
    if operation.answer is str:
        good["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif operation.status != HTTPStatus.NO_CONTENT:
        schema = {"type": "object"} if operation.answer is None else schemas[operation.answer]
        good["content"] = {"application/json": {"schema": schema}}
    described["responses"] = {str(operation.status): good}
    if guarded and operation.caller is None:
        described["security"] = [{"controlToken": []}]
    return described


def _problems(operation: Operation, *, guarded: bool) -> dict[int, list[Kind]]:
    kinds: list[Kind] = [
        problems.UNREADABLE,
        problems.INVALID,
        problems.CROSS_SITE,
        problems.FOREIGN_HOST,
        problems.TOO_SLOW,
        problems.TOO_LARGE,
        problems.NOT_JSON,
        problems.CRASH,
        *map(kind_of, operation.problems),
    ]
    if guarded and operation.caller is None:
        kinds.append(problems.UNAUTHENTICATED)
    if "{" in operation.path or issubclass(operation.query or Query, AccountQuery | PageQuery):
        kinds.append(problems.NOT_FOUND)
    by_status: dict[int, list[Kind]] = {}
    for kind in sorted(set(kinds), key=lambda kind: (kind.status, kind.name)):
        by_status.setdefault(kind.status, []).append(kind)
    return by_status


def _problem(kinds: Iterable[Kind], schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": "; ".join(f"{kind.title} (`{kind.type}`)" for kind in kinds),
        "headers": _REQUEST_ID,
        "content": {problems.MEDIA_TYPE: {"schema": schema}},
    }


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]


def _query_parameters(query: type[Query] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = query.model_json_schema(schema_generator=_Untitled)
    definitions = schema.get("$defs", {})
    parameters = []
    for name, member in schema.get("properties", {}).items():
        described: dict[str, Any] = {"name": name, "in": "query"}
        if text := member.pop("description", ""):
            described["description"] = text
        if name in schema.get("required", ()):
            described["required"] = True
        described["schema"] = _of_a_parameter(member, definitions)
        if described["schema"].get("type") == "array":
            described |= {"style": "form", "explode": False}
        parameters.append(described)
    return parameters


def _of_a_parameter(member: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without references, and without null: a query has none."""
    settings = [each for each in member.pop("anyOf", ()) if each != {"type": "null"}]
    for choice in settings:
        member |= choice
    if reference := member.pop("$ref", None):
        member |= definitions[reference.rpartition("/")[2]]
    if member.get("default", ...) is None:
        del member["default"]
    return member


def _may_be_empty(body: type[BaseModel]) -> bool:
    schema = body.model_json_schema()
    return not {"required", "anyOf", "oneOf"} & schema.keys()
