"""The members of answers and requests, from the examples: operation, state and path of each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from contract_tests import PACKAGE
from contract_tests.openapi import description
from contract_tests.options import SURFACES

EXCHANGES = PACKAGE.parent / "fixtures" / "exchanges"
ITEMS, ENTRIES = "[]", "{}"  # the items of a list; the entries of an object that is a map
FAILURE = 20  # `Workshop › 4`
AGAIN = "again"
# Objects whose names are ids, or free (`TAMS › 5.5`, `7`, `Workshop › 8.3`).
MAPS = re.compile(r"(.*\.)?(imageExifMetaMap|nodes|finishedNodes|params)|data\.result")
_PLACEHOLDER = re.compile(r"\{\{.*:number\}\}")
_ENDPOINT = re.compile(r"(\{\{endpoint\}\}|https?://[^/]+)")


@dataclass
class Answers:
    """The answers of one operation in one state: the value of each member in the examples.

    `members` and `asked` map paths to example values of answers and of bodies of requests.
    """

    surface: str
    operation: str
    state: str
    good: bool
    members: dict[str, list[Any]] = field(default_factory=dict)
    asked: dict[str, list[Any]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def name(self) -> str:
        """Return the name, with which those of mutants begin."""
        return f"{self.surface}:{self.operation}:{self.state}"


def operation_of(surface: str, method: str, path: str) -> str | None:
    """Return the short name of the operation that a request is for."""
    found = description(surface).operation_id(method, path)
    if found is None:
        return None
    short = found.rpartition("_")[2]
    return short[0].lower() + short[1:]


def surface_of(path: str) -> str | None:
    """Return the surface that a path belongs to."""
    return {"v1": "tams", "scc": "workshop"}.get(path.strip("/").partition("/")[0])


def state_of(surface: str, operation: str, status: int, body: Any) -> str:
    """Return the state that an answer shows: of a job, of a task, else success or the status.

    A repeated creation answers the first job, in whatever state it is.
    """
    if not 200 <= status < 300:
        return str(status)
    found = body if isinstance(body, dict) else {}
    if surface == "tams":
        job = found.get("job")
        if not isinstance(job, dict):
            return "success"
        state = str(job.get("status", "?"))
        return state if state == "CREATED" or operation == "getJob" else AGAIN
    if found.get("status") == FAILURE:
        return "failure"
    data = found.get("data")
    if isinstance(data, dict) and isinstance(data.get("status"), str):
        return str(data["status"])
    return "nothing" if data is None else "success"


def paths_of(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of every member, item and entry below a value."""
    if isinstance(value, list):
        for item in value:
            yield (f"{at}{ITEMS}", item)
            yield from paths_of(item, f"{at}{ITEMS}")
    elif isinstance(value, dict):
        for name, member in value.items():
            step = ENTRIES if MAPS.fullmatch(at) else name
            path = f"{at}.{step}" if at else step
            yield (path, member)
            yield from paths_of(member, path)


@cache
def all_answers() -> dict[str, Answers]:
    """Return the answers of all operations and states in the examples, by their names."""
    found: dict[str, Answers] = {}
    for method, path, asked, status, headers, body in _exchanges():
        surface = surface_of(path)
        operation = operation_of(surface, method, path) if surface in SURFACES else None
        if surface is None or operation is None:
            continue
        state = state_of(surface, operation, status, body)
        answers = Answers(surface, operation, state, 200 <= status < 300 and state != "failure")
        answers = found.setdefault(answers.name, answers)
        for name, value in headers.items():
            answers.headers.setdefault(name.lower(), value)
        answers.body = answers.body or body
        for kept, whole in ((answers.members, body), (answers.asked, asked)):
            for at, value in paths_of(whole):
                kept.setdefault(at, []).append(value)
    return found


def _exchanges() -> Iterator[tuple[str, str, Any, int, dict[str, str], Any]]:
    """Yield method, path, body, status, headers and body of the exchanges in the examples."""
    for file in sorted(EXCHANGES.glob("*/*.json")) + sorted(EXCHANGES.glob("*/*/*.json")):
        data = json.loads(file.read_text(encoding="utf-8"))
        for found in data.get("exchanges", [data]):
            request, response = found.get("request", {}), found.get("response", {})
            status = response.get("status", response.get("httpStatus"))
            path = _ENDPOINT.sub("", request.get("path") or request.get("url") or "")
            if status is not None and path.startswith("/"):
                yield (
                    request.get("method", "POST"), path.partition("?")[0],
                    _plain(request.get("body")), status, response.get("headers") or {},
                    _plain(response.get("body")),
                )  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a recorded value with numbers in place of the names that stand for them."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and _PLACEHOLDER.fullmatch(value):
        return 1768464000000
    return value
