"""Making mistakes: a client that signs something else than it sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mock_server.tests.workshop.signing import (
    BODY,
    LIST,
    Request,
    a_request,
    names,
    parts,
    signed,
)

TOKEN, APP_ID = "mock-token-0001-abcdef", "mockApp01"
OTHER_KEY, OTHER_SECRET = "204800002", "another-secret-0002"
JSON = "application/json"


@dataclass(frozen=True)
class WorkshopMistake:
    """One mistake, the request that makes it, and what of the evidence is special about it."""

    name: str
    causes: tuple[str, ...]
    make: Callable[[], Request]
    evidence: dict[str, Any] = field(default_factory=dict)


MISTAKES: list[WorkshopMistake] = []


def sent(name: str, causes: str, request: Request, **evidence: Any) -> None:
    """Note a request that is wrong as it is."""
    MISTAKES.append(WorkshopMistake(name, tuple(causes.split()), lambda: request, evidence))


def believing(name: str, causes: str, believed: Request, request: Request | None = None) -> None:
    """Note a client that signs another request than it sends."""
    sent(name, causes, signed(request or a_request(), believed=believed))


def changing(
    name: str,
    causes: str,
    number: int,
    change: Callable[[str], str],
    request: Request | None = None,
) -> None:
    """Note a client that signs one of the seven parts otherwise."""

    def split(each: Request) -> list[str]:
        pieces = parts(each)
        return [*pieces[:number], change(pieces[number]), *pieces[number + 1 :]]

    sent(name, causes, signed(request or a_request(), split=split))


def joining(name: str, causes: str, join: Callable[[list[str]], str | bytes]) -> None:
    sent(name, causes, signed(a_request(), join=join))


def keyed(name: str, causes: str, secret: str | bytes, **options: Any) -> None:
    sent(name, causes, signed(a_request(), secret=secret, **options))


def plain(body: bytes = BODY, **headers: str | None) -> Request:
    """Return an everyday request that is not signed yet."""
    return a_request(body=body).having(**headers)


LISTED = plain(x_ca_signature_headers=LIST.title())


def in_order(request: Request) -> str:
    """Return header lines in the order of the list."""
    return "".join(f"{name}:{request.value(name)}\n" for name in names(request))
