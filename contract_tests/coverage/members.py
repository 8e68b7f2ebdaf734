"""The documented members of requests and answers, and those that a run sent and was shown.

A place is an operation, a state, and a way in which the job or task was made; calls about neither
have no way. What a place shows is read from the transcripts of a run: good answers, and the
requests that got them. The requests of an operation are one place, `POST /v1/jobs request`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import yaml

from contract_tests.openapi import description, openapi_path
from contract_tests.options import SURFACES

CREATIONS = {
    "POST /v1/jobs": "stages",
    "POST /v1/jobs/workflow": "graph",
    "POST /v1/jobs/workflow/template": "template",
    "POST /scc/sd_txt2img": "drawing",
    "POST /scc/sd_img2img": "redrawing",
    "POST /scc/comfy_prompt": "workflow",
}
VIDEO, FIELDS = "video", "workflow with output fields"
TAMS_WAYS = ("stages", VIDEO, "graph", "template")
REQUEST, SENT = " request", "sent"
CREATED, ANSWER, NO_DATA = "CREATED", "answer", "no data"
_METHODS = ("get", "put", "post", "delete")
_SUCCESS = 10
Place = tuple[str, str, str]


@dataclass
class PlaceRecord:
    """How many good answers a place had, and in how many of them each member was."""

    answers: int = 0
    members: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, body: Any) -> None:
        """Count the members of an answer."""
        self.answers += 1
        for member in set(_paths_of(body)):
            self.members[member] += 1


@cache
def documented_members() -> Mapping[str, tuple[str, ...]]:
    """Return the paths of the members that the OpenAPI files give requests and good answers.

    `[]` is an item of a list, `{}` an entry of a map.
    """
    found: dict[str, tuple[str, ...]] = {}
    for surface in SURFACES:
        document = yaml.safe_load(openapi_path(surface).read_bytes())
        for template, methods in document["paths"].items():
            for method in sorted(set(_METHODS) & set(methods)):
                name, operation = f"{method.upper()} {template}", methods[method]
                asked = _members_of(document, operation.get("requestBody", {}))
                shown = _members_of(document, operation["responses"].get("200", {}))
                if template.startswith(("/v1/", "/scc/")):
                    found |= {name: shown, **({f"{name}{REQUEST}": asked} if asked else {})}
    return found


def _members_of(document: Any, content: Any) -> tuple[str, ...]:
    """Return the members of the JSON of a request or an answer."""
    media = _resolved(document, content).get("content", {}).get("application/json", {})
    return tuple(dict.fromkeys(_members_of_schema(document, media.get("schema", {}), "")))


def _members_of_schema(document: Any, schema: Any, at: str) -> Iterator[str]:
    schema = _resolved(document, schema)
    for part in ("allOf", "anyOf", "oneOf"):
        for each in schema.get(part, ()):
            yield from _members_of_schema(document, each, at)
    for name, member in schema.get("properties", {}).items():
        yield (path := f"{at}.{name}".lstrip("."))
        yield from _members_of_schema(document, member, path)
    if "items" in schema:
        yield from _members_of_schema(document, schema["items"], f"{at}[]")
    if isinstance(entries := schema.get("additionalProperties"), dict):
        yield from _members_of_schema(document, entries, f"{at}.{{}}")


def _resolved(document: Any, value: Any) -> Any:
    while "$ref" in value:
        found = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def observe(exchanges: Iterable[Mapping[str, Any]]) -> dict[Place, PlaceRecord]:
    """Return what each place of a run showed, sorted."""
    looks = [look for exchange in exchanges if (look := _look(exchange))]
    ways: dict[str, str] = {}
    for operation, asked, body in looks:
        if operation in CREATIONS:  # a request id that was used may answer its first job (U13)
            moves = "videoDiffusion" in asked or "animateDiff" in asked
            ways.setdefault(_id_of(body), VIDEO if moves else CREATIONS[operation])
    ways |= {_id_of(body): FIELDS for _, _, body in looks if _data_of(body).get("result")}
    found: dict[Place, PlaceRecord] = defaultdict(PlaceRecord)
    for operation, asked, body in looks:
        found[f"{operation}{REQUEST}", SENT, ""].add(_read(asked))
        state = state_of(body)
        if CREATIONS.get(operation) not in TAMS_WAYS or state == CREATED:
            found[operation, state, ways.get(_id_of(body), "")].add(body)
    return dict(sorted(found.items()))


def state_of(body: Any) -> str:
    """Return the state of the job or task in a good answer."""
    if "data" in body and body["data"] is None:
        return NO_DATA
    return str(_data_of(body).get("status", ANSWER))


def _data_of(body: Any) -> Mapping[str, Any]:
    found = body.get("job", body.get("data"))
    return found if isinstance(found, dict) else {}


def _id_of(body: Any) -> str:
    data = _data_of(body)
    return str(data.get("id", data.get("taskId", "")))


def _look(exchange: Mapping[str, Any]) -> tuple[str, str, Any] | None:
    """Return operation, body of the request, and body of a good answer; None for others."""
    request, response = exchange["request"], exchange.get("response", {})
    path = re.search(r"/(?:v1|scc)/.*", urlsplit(request["url"]).path)
    surface = description(str(exchange["surface"]))
    operation = surface.operation(request["method"], path[0]) if path else None
    if operation is None or response.get("status") != HTTPStatus.OK or response.get("cut"):
        return None
    body = _read(response.get("body", ""))
    template, method = operation
    good = isinstance(body, dict) and ("apiInvokeId" not in body or body.get("status") == _SUCCESS)
    return (f"{method.upper()} {template}", request.get("body", ""), body) if good else None


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _paths_of(value: Any, at: str = "") -> Iterator[str]:
    """Yield the paths of all members; a member of an object is also an entry `{}` of a map."""
    if isinstance(value, list):
        for item in value:
            yield from _paths_of(item, f"{at}[]")
    elif isinstance(value, dict):
        for name, member in value.items():
            yield f"{at}.{name}".lstrip(".")
            for step in (name, "{}"):
                yield from _paths_of(member, f"{at}.{step}".lstrip("."))
