"""The vendors' OpenAPI files: does an answer have the described shape?

In the source tree the files are `fixtures/openapi/*.yaml`; in a wheel they are in
`contract_tests/data/openapi`. Members that a file does not name are allowed everywhere.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from contract_tests import PACKAGE
from contract_tests.answers import ReceivedAnswer, Unmet

FOLDERS = (PACKAGE / "data" / "openapi", PACKAGE.parent / "fixtures" / "openapi")
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
# Members that the fact sheets call unknown are not judged, although the OpenAPI files show one
# possibility: schema and member of each.
_OPEN = {"tams": (("WorkflowFinishItem", "progress"),)}  # U54: a number or a text


class OpenApiViolation(Unmet):
    """An answer does not have the shape that the vendor's OpenAPI file describes."""


class OpenApiDescription:
    """One vendor's OpenAPI file. It checks the shape of answers."""

    def __init__(self, document: dict[str, Any], name: str) -> None:
        self._document = document
        self._name = name
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(f"urn:{name}", resource)
        self._paths = [(_pattern(path), path) for path in _literal_first(document["paths"])]

    def operation(self, method: str, path: str) -> tuple[str, str] | None:
        """Return path template and method of the operation that matches a request, if any."""
        for pattern, template in self._paths:
            if pattern.fullmatch(path):
                methods = self._document["paths"][template]
                found = method.lower()
                return (template, found) if found in _METHODS & set(methods) else None
        return None

    def operation_id(self, method: str, path: str) -> str | None:
        """Return the name of the operation that matches a request, if any."""
        found = self.operation(method, path)
        return str(self._resolved(["paths", *found, "operationId"])) if found else None

    def check(self, answer: ReceivedAnswer, path: str) -> None:
        """Raise `OpenApiViolation` unless the answer has the described shape.

        `path` is the request's path below the endpoint. Undescribed answers are not judged.
        """
        operation = self.operation(answer.sent.method, path)
        if operation is None:
            return
        template, method = operation
        # An error of TAMS may come with 200 (U11).
        failed = answer.status == 200 and self._name == "tams" and is_error(answer.content)
        pointer = self._response(template, method, 400 if failed else answer.status)
        if pointer is None:
            return
        body = answer.json
        validator = self._validator(pointer)
        # If several shapes are possible, the error of the nearest one is the most useful.
        problem = best_match(validator.iter_errors(body))
        if problem is not None:
            raise OpenApiViolation(
                f"{answer.sent.method} {template} answered {answer.status} with a body that is "
                f"not as described in {self._name}.yaml: {problem.json_path}: "
                f"{problem.message[:400]}"
            )

    def _response(self, template: str, method: str, status: int) -> str | None:
        """Return the pointer to the JSON schema of an answer, or None if there is none."""
        steps = ["paths", template, method, "responses"]
        responses = self._document["paths"][template][method]["responses"]
        for name in (str(status), f"{status // 100}XX", "default"):
            if name not in responses:
                continue
            steps.append(name)
            response = responses[name]
            if "$ref" in response:
                steps = response["$ref"].removeprefix("#/").split("/")
                response = self._resolved(steps)
            if "application/json" not in response.get("content", {}):
                return None
            steps += ["content", "application/json", "schema"]
            return "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
        return None

    def _resolved(self, steps: list[str]) -> Any:
        value: Any = self._document
        for step in steps:
            value = value[step]
        return value

    @cache  # noqa: B019 - a description lives as long as the process
    def _validator(self, pointer: str) -> Draft202012Validator:
        return Draft202012Validator(
            {"$ref": f"urn:{self._name}#/{pointer}"},
            registry=self._registry,
            format_checker=FormatChecker(["uuid"]),
        )


def is_error(content: bytes) -> bool:
    """Say whether a body is that of a failure of TAMS: `code` and `message` (`TAMS › 4`)."""
    try:
        body = json.loads(content)
    except ValueError:
        return False
    found = body if isinstance(body, dict) else {}
    return isinstance(found.get("code"), int) and isinstance(found.get("message"), str)


@cache
def description(surface: str) -> OpenApiDescription:
    """Return the description of a surface."""
    path = openapi_path(surface)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Both loaders are safe. The first one is written in C and not available everywhere.
    document = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506
    for schema, member in _OPEN.get(surface, ()):
        document["components"]["schemas"][schema]["properties"][member] = {}
    return OpenApiDescription(document, surface)


def openapi_path(surface: str) -> Path:
    """Return where the OpenAPI file of a surface is."""
    for folder in FOLDERS:
        path = folder / f"{surface}.yaml"
        if path.is_file():
            return path
    raise FileNotFoundError(f"{surface}.yaml is in neither of {', '.join(map(str, FOLDERS))}")


def _literal_first(paths: dict[str, Any]) -> list[str]:
    """Return path templates in the order in which to try them."""
    return sorted(paths, key=lambda path: (path.count("{"), path))


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", template)
    return re.compile("".join("[^/]+" if p[:1] == "{" else re.escape(p) for p in parts))
