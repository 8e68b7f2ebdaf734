"""An equivalent variant: a service that behaves as documented, and differently from the mock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service, unchanged
from contract_tests.mutants.mutant import Mutation, combine
from contract_tests.options import SURFACES

_API = re.compile(r"/(v[12]|scc)/.*")


def always(middleware: Middleware) -> Mutation:
    """Return a mutation of every call."""
    return Mutation(lambda call: True, lambda: middleware)


UNCHANGED = always(unchanged)


@dataclass(frozen=True)
class EquivalentVariant:
    """A service that behaves as documented.

    `settings` are those of the mock. `surfaces` are those whose tests can see a difference.
    """

    name: str
    sentence: str
    mutation: Mutation = UNCHANGED
    settings: Mapping[str, Any] = field(default_factory=dict)
    surfaces: tuple[str, ...] = SURFACES


def is_api(call: HttpCall) -> bool:
    """Say whether a call is one of the vendors' APIs, not of the store or of `/_mock`."""
    return _API.fullmatch(call.path) is not None


def is_vendors(call: HttpCall) -> bool:
    """Say whether a call is one of the vendors' hosts: the APIs, the store, the pages."""
    return not call.path.startswith("/_mock")


def each(
    change: Callable[[HttpCall, HttpReply], HttpReply],
    concerned: Callable[[HttpCall], bool] = is_api,
) -> Mutation:
    """Return a mutation of each answer of the vendors' APIs, or of other calls."""

    def handle(call: HttpCall, service: Service) -> HttpReply:
        reply = service(call)
        return change(call, reply) if concerned(call) else reply

    return Mutation(concerned, lambda: handle)


def each_json(change: Callable[[Any], Any]) -> Mutation:
    """Return a mutation of the JSON objects in answers of the APIs."""

    def change_json(call: HttpCall, reply: HttpReply) -> HttpReply:
        data = reply.json
        return reply.with_json(change(data)) if isinstance(data, dict) else reply

    return each(change_json)


def all_together(*mutations: Mutation) -> Mutation:
    """Return many mutations as one; the first also sees the changes of the others."""
    return reduce(combine, mutations, UNCHANGED)
