"""Good calls to every operation with a body, and other spellings of these bodies.

`TAMS › 2 Wire conventions` says what may vary without another meaning. Free-form maps are left
alone: ids of nodes, their inputs, and values of fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from contract_tests.answers import ReceivedAnswer
from contract_tests.clients.tams import TamsClient, a_request_id
from contract_tests.tams.chains import UPLOADED
from contract_tests.tams.graphs import TEMPLATE, a_graph, filled_in
from contract_tests.tams.orders import small_stages
from contract_tests.tams.pictures import a_picture

_STAGES = {"stages": small_stages(negativePrompts=[{"text": "blurry", "weight": 1.5}])}
_GRAPH = {"params": a_graph()}
_FILLED = {"templateId": TEMPLATE, "fields": {"fieldAttrs": filled_in(UPLOADED)}}
_TERM = {"expireSec": 3600, "term": 1}
FREE_BODIES: Mapping[str, Mapping[str, Any]] = {
    "/v1/jobs/credits": _STAGES,
    "/v1/jobs/workflow/params/check": _GRAPH,
    "/v1/workflows/template/check": _FILLED,
    "/v1/resource/image": _TERM,
    "/v1/resource/image/sts": _TERM,
    "/v1/controlnet/detect": {"controlnetModule": "openpose", "resourceId": UPLOADED},
    "/v1/img2prompt": {"resourceId": UPLOADED},
}
ORDERS: Mapping[str, Mapping[str, Any]] = {
    "/v1/jobs": _STAGES,
    "/v1/jobs/workflow": _GRAPH,
    "/v1/jobs/workflow/template": _FILLED,
}
_FREE_FORM = ("inputs", "properties", "fieldValue")
_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")
_MORE = {"webhook": "https://example.test/hook", "noSuchMember": {"deep": [None, 1.5, {}]}}


def body_for(tams: TamsClient, path: str) -> Any:
    """Return a good body for an operation, with a new request id and a new upload if it has any."""
    # In the order in which the client sends members, so that a repeated body has the same bytes.
    first = {"requestId": a_request_id()} if path in ORDERS else {}
    body = {**first, **FREE_BODIES.get(path, {}), **ORDERS.get(path, {})}
    text = json.dumps(body)
    return json.loads(text.replace(UPLOADED, tams.upload(a_picture(), term=1))) if (
        UPLOADED in text
    ) else body  # fmt: skip


def body_here(tams: TamsClient, path: str) -> Any:
    """Return a good body; skips the test if this host does not have its template."""
    body = body_for(tams, path)
    if "templateId" in body and tams.call("GET", f"/v1/workflows/{TEMPLATE}").status == 404:
        pytest.skip("this host does not have the template of the documentation")
    return body


def in_snake_case(value: Any) -> Any:
    """Return a body with its keys in snake_case."""
    return _changed(value, lambda data: {_snake(name): item for name, item in data.items()})


def with_more(value: Any) -> Any:
    """Return a body with unknown members in each of its objects."""
    return _changed(value, lambda data: {**_MORE, **data})


def with_texts(value: Any) -> Any:
    """Return a body whose whole numbers are texts."""
    return _changed(value, lambda data: {name: _text(item) for name, item in data.items()})


def _changed(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {
        name: item
        if name in _FREE_FORM
        else {id: _changed(node, change) for id, node in item.items()}
        if name == "params"
        else _changed(item, change)
        for name, item in value.items()
    }
    return change(inner)


def _snake(name: str) -> str:
    return _CAPITAL.sub(lambda match: "_" + match[0].lower(), name)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass(frozen=True)
class BodySpelling:
    """Another way to send the same body: its JSON, its bytes, its media type."""

    body: Callable[[Any], Any] = lambda body: body
    written: Callable[[str], str] = lambda text: text
    media_type: str | None = "application/json"

    def send(self, tams: TamsClient, path: str, body: Any, **options: Any) -> ReceivedAnswer:
        """Send a body in this way."""
        text = self.written(json.dumps(self.body(body), ensure_ascii=False))
        headers = {} if self.media_type is None else {"Content-Type": self.media_type}
        return tams.call("POST", path, content=text.encode(), headers=headers, **options)


FORM = "application/x-www-form-urlencoded"
SPELLINGS = {
    "snake_case": BodySpelling(in_snake_case),
    "unknown members": BodySpelling(with_more),
    "numbers as texts": BodySpelling(with_texts),
    "white space around it": BodySpelling(written=" \n\t{}\r\n ".format),
    "raw letters beyond ASCII": BodySpelling(lambda body: {**body, "note": "二次元 🪁 змей"}),
    "no media type": BodySpelling(media_type=None),
    "the media type of a form": BodySpelling(media_type=FORM),
}
ALL_AT_ONCE = BodySpelling(
    lambda body: with_more(with_texts(in_snake_case({**body, "note": "二次元 🪁"}))),
    " \n\t{}\r\n ".format,
)
