"""Reading bodies and queries into the shapes that operations declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError

from mock_server.control.problems import INVALID, UNREADABLE, ErrorBody, Problem, problem_in

if TYPE_CHECKING:
    from mock_server.control.shapes import IncomingBody, Query

MAX_PARAMETERS = 50

B = TypeVar("B", bound="IncomingBody")
Q = TypeVar("Q", bound="Query")


def read_body(model: type[B] | None, data: bytes) -> B | None:
    """Return the body in its shape; none at all is an empty object."""
    if model is None:
        if data.strip() not in (b"", b"{}", b"null"):
            raise Problem(INVALID, "a body is not expected here; the query says what is meant")
        return None
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        raise problem_in(error, model, "body") from error


def read_query(model: type[Q] | None, query: bytes) -> Q | None:
    """Return the query's parameters in their shape; one that comes twice is a mistake."""
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
        raise Problem(UNREADABLE, f"the query has over {MAX_PARAMETERS} parameters") from error
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            twice = ErrorBody(parameter=name, detail="comes twice")
            raise Problem(INVALID, f"{name}: comes twice", errors=[twice])
        values[name] = value
    if model is None:
        if values:
            errors = [ErrorBody(parameter=name, detail="is not known") for name in values]
            raise Problem(INVALID, f"{errors[0].parameter}: is not known", errors=errors)
        return None
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise problem_in(error, model, "query") from error
