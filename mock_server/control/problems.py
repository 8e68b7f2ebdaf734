"""What can go wrong in the control API, as RFC 9457 problems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from math import ceil, isfinite
from typing import Any, Literal, get_args
from urllib.parse import quote

from msgspec import Struct, to_builtins
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, to_json

from mock_server.control.redaction import is_secret
from mock_server.core import errors
from mock_server.web.calls import Answer
from mock_server.web.hints import near
from mock_server.web.traces import Headers

MEDIA_TYPE = "application/problem+json"


class Kind(Struct, frozen=True):
    """A type of problem; programs rely on its name, so it never changes."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        return f"urn:tams-mock:problem:{self.name}"


UNREADABLE = Kind("unreadable", 400, "The request cannot be read")
INVALID = Kind("invalid", 400, "The request is invalid")
UNAUTHENTICATED = Kind("unauthenticated", 401, "The control token is missing or wrong")
FORBIDDEN = Kind("forbidden", 403, "This is not allowed")
CROSS_SITE = Kind("cross-site", 403, "Browsers may not call from another site")
FOREIGN_HOST = Kind("foreign-host", 403, "The Host header names another host")
NOT_FOUND = Kind("not-found", 404, "Not found")
WRONG_METHOD = Kind("wrong-method", 405, "The path has other methods")
TOO_SLOW = Kind("too-slow", 408, "The request did not arrive in time")
NOT_SEEN = Kind("not-seen", 408, "The requests did not arrive in time")
CONFLICT = Kind("conflict", 409, "The request conflicts with the current state")
ENDED = Kind("already-ended", 409, "The job is over")
CREDITS_SHORT = Kind("credits-short", 409, "There are too few credits")
NOT_AS_EXPECTED = Kind("not-as-expected", 409, "The requests are not as expected")
TOO_LARGE = Kind("too-large", 413, "The request is too large")
NOT_JSON = Kind("not-json", 415, "The body is not JSON")
NOT_A_CAPTURE = Kind("not-a-capture", 422, "The body is not a captured request")
NOT_A_STATE = Kind("not-a-state", 422, "The document is no state that can be loaded")
UNANSWERABLE = Kind("unanswerable", 422, "The question has no answer")
NOT_A_KEY = Kind("not-a-key", 422, "The public key cannot be used")
NOT_SETTABLE = Kind("not-settable", 422, "The account cannot have these settings")
NOT_A_SCENARIO = Kind("not-a-scenario", 422, "The scenario cannot be carried out")
NEVER_ACTS = Kind("never-acts", 422, "The fault can never act")
IMPOSSIBLE_PLAN = Kind("impossible-plan", 422, "The job cannot go like this")
NOT_INSTALLED = Kind("not-installed", 422, "The mock was installed without this")
RATE_LIMITED = Kind("rate-limited", 429, "Too many calls")
CRASH = Kind("crash", 500, "Unexpected error")
NOT_READY = Kind("not-ready", 503, "The server is not ready yet")
STOPPING = Kind("stopping", 503, "The server stops")


class ErrorBody(Struct, frozen=True, omit_defaults=True):
    """One error: in a member of the body (`pointer` is a JSON pointer), or in a parameter."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Problem(errors.DomainError):
    """A refusal in the form of the control API; `more` are members beside the usual ones."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Iterable[ErrorBody] = (),
        headers: Headers = (),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers
        self.more = more or {}

    def answer(self, path: str) -> Answer:
        """Return the problem as the answer to a call of the path."""
        body: dict[str, Any] = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "instance": quote(path, safe="/:@!$&'()*+,;=~"),
        }
        if self.errors:
            body["errors"] = [to_builtins(error) for error in self.errors]
        headers = ((b"content-type", MEDIA_TYPE.encode()), *self.headers)
        return Answer(self.kind.status, to_json(body | dict(self.more)), headers)


# Errors of the domain


def pointed(kind: Kind, error: errors.Invalid) -> Problem:
    """Return an error in a member as a problem of a kind of its own."""
    place = ErrorBody(pointer=f"#/{error.field}", detail=error.problem)
    return Problem(kind, str(error), errors=[place])


def problem_of(error: errors.DomainError) -> Problem:
    """Return the error as a problem of the kind that belongs to its class, or to a base class."""
    kind = next(KINDS[each] for each in type(error).__mro__ if each in KINDS)
    match error:
        case Problem():
            return error
        case errors.SettingsRefused():
            errors_found = [
                ErrorBody(pointer=f"#/{name}", detail=text) for name, text in error.problems.items()
            ]
            return Problem(kind, str(error), errors=errors_found)
        case errors.Invalid():
            return pointed(kind, error)
        case errors.NotFound():
            return Problem(
                kind, f"there is no {error.kind}" + (f" {error.id!r}" if error.id else "")
            )
        case errors.Malformed():
            return Problem(kind, error.problem)
        case errors.RateLimited() if isfinite(error.retry_after):
            seconds = max(0, ceil(error.retry_after))
            return Problem(kind, str(error), headers=((b"retry-after", b"%d" % seconds),))
    return Problem(kind, str(error))


def kind_of(problem: Kind | type[errors.DomainError]) -> Kind:
    """Return the type of problem that an operation names, which may name an error instead."""
    return problem if isinstance(problem, Kind) else KINDS[problem]


# The type of problem for each error of the core; subclasses without an entry have their base's.
KINDS: dict[type[errors.DomainError], Kind] = {
    errors.Unauthenticated: UNAUTHENTICATED,
    errors.Forbidden: FORBIDDEN,
    errors.NotFound: NOT_FOUND,
    errors.Invalid: INVALID,
    errors.Malformed: UNREADABLE,
    errors.SettingsRefused: NOT_SETTABLE,
    errors.CreditsShort: CREDITS_SHORT,
    errors.TooLarge: TOO_LARGE,
    errors.TooSlow: TOO_SLOW,
    errors.RateLimited: RATE_LIMITED,
    errors.NotInstalled: NOT_INSTALLED,
    errors.Conflict: CONFLICT,
    errors.AlreadyEnded: ENDED,
    errors.DomainError: CRASH,
}


# Invalid bodies and queries

# Each error costs about as much as a small request.
MAX_ERRORS = 100

Place = Literal["body", "query"]


def problem_in(error: ValidationError, model: type[BaseModel], place: Place) -> Problem:
    """Return what pydantic found wrong in a body or query, in words and with pointers."""
    if (number := error.error_count()) > MAX_ERRORS:
        return Problem(INVALID, f"the {place} has {number} errors, which are too many to list")
    found = error.errors(include_url=False)
    if found[0]["type"] == "json_invalid":
        return Problem(UNREADABLE, f"the body is not JSON: {found[0]['ctx']['error']}")
    first, *others = [_error(each, model, place) for each in found]
    where = first.parameter or (first.pointer or "#").removeprefix("#/")
    detail = f"{where}: {first.detail}" if where not in ("", "#") else first.detail
    more = f" (and {len(others)} more)" if others else ""
    return Problem(INVALID, detail + more, errors=[first, *others])


def _error(error: ErrorDetails, model: type[BaseModel], place: Place) -> ErrorBody:
    path = [str(step) for step in error["loc"] if not _is_internal(str(step))]
    detail = _words(error, model)
    if place == "query":
        return ErrorBody(parameter=path[0] if path else None, detail=detail)
    steps = (step.replace("~", "~0").replace("/", "~1") for step in path)
    return ErrorBody(pointer="/".join(("#", *steps)), detail=detail)


def _is_internal(step: str) -> bool:
    """Return whether pydantic adds a step that is in no document."""
    return step == "[key]" or step.startswith("function-")


def _words(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        *outer, name = map(str, error["loc"])
        known = _members(model, outer)
        return f"is unknown{near(name, known)}" if known else "is unknown"
    if error["type"] == "value_error":
        words = str(error["ctx"]["error"])
    else:
        words = re.sub("^(Input|String|Value|List) should", "must", error["msg"])
    if error["type"] == "missing":
        return "is missing"
    if not error["loc"] or is_secret(str(error["loc"][-1])):
        return words
    return f"{words}, found {_shown(error['input'])}"


def _members(model: type[BaseModel], path: list[str]) -> list[str]:
    """Return the names of the members of the body, or of an object inside it."""
    models = [model]
    for step in path:
        inner = [
            field.annotation
            for each in models
            for name, field in each.model_fields.items()
            if step in (name, field.alias)
        ]
        if inner:
            models = [found for annotation in inner for found in _models_in(annotation)]
        elif not step.isdigit():  # It is the kind of a union, or the name of an entry.
            models = [each for each in models if step in _kinds(each) or not _kinds(each)]
    named = (item for each in models for item in each.model_fields.items())
    return [field.alias or name for name, field in named]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    kind = model.model_fields.get("kind")
    return () if kind is None else get_args(kind.annotation)


def _shown(value: Any) -> str:
    """Return the sent value as JSON, unless it is long."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = to_json(value, inf_nan_mode="constants").decode()
    return text if len(text) <= 40 else f"{len(text)} characters"
