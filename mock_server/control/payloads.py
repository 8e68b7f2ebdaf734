"""Bodies and queries, parsed into the types that operations declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError

from mock_server.control.problems import INVALID, UNREADABLE, ErrorBody, Problem, problem_in
from mock_server.web.byte_order_marks import without_mark
from mock_server.web.json_values import read_json

if TYPE_CHECKING:
    from mock_server.web.json_bodies import IncomingBody, Query

MAX_PARAMETERS = 50

B = TypeVar("B", bound="IncomingBody")
Q = TypeVar("Q", bound="Query")


def read_body(model: type[B] | None, data: bytes) -> B | None:
    """Return the body as the type; no body is an empty object."""
    if model is None:
        if without_mark(data).strip() not in (b"", b"{}", b"null"):
            raise Problem(INVALID, "no body is expected here; use the query")
        return None
    # Brackets in texts are rare enough to be counted too.
    if data.count(b"{") + data.count(b"[") > model.max_objects:
        raise Problem(INVALID, f"the body has more than {model.max_objects:,} objects and lists")
    try:
        return read_json(model.model_validate_json, data or b"{}")
    except ValidationError as error:
        raise problem_in(error, model, "body") from error


def read_query(model: type[Q] | None, query: bytes) -> Q | None:
    """Return the query's parameters as the type; a repeated parameter is an error."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except UnicodeDecodeError as error:
        raise Problem(UNREADABLE, "the query is not UTF-8") from error
    except ValueError as error:
        raise Problem(UNREADABLE, f"the query has more than {MAX_PARAMETERS} parameters") from error
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            repeated = ErrorBody(parameter=name, detail="is repeated")
            raise Problem(INVALID, f"{name}: is repeated", errors=[repeated])
        values[name] = value
    if model is None:
        if values:
            errors = [ErrorBody(parameter=name, detail="is unknown") for name in values]
            raise Problem(INVALID, f"{errors[0].parameter}: is unknown", errors=errors)
        return None
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise problem_in(error, model, "query") from error
