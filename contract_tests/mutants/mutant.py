"""A mutant: one broken documented behaviour, and the kinds of mutations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service

Memory = dict[Any, Any]


@dataclass(frozen=True)
class Mutation:
    """A mutation: the calls that it `concerns`, and a function that makes its middleware."""

    concerns: Callable[[HttpCall], bool]
    make: Callable[[], Middleware]


@dataclass(frozen=True)
class Mutant:
    """A service with one broken behaviour.

    `sentence` says what the service does wrong, `source` is the section that says it right, `clue`
    is a pattern that the name or the message of a failing test must match.
    """

    name: str
    sentence: str
    source: str
    clue: str
    mutation: Mutation

    @property
    def surface(self) -> str:
        """Return the surface of the mutant."""
        return self.source.partition(" ")[0].lower()


def calls(method: str, pattern: str) -> Callable[[HttpCall], bool]:
    """Return a predicate for calls with this method (`*` is any) and path."""
    wanted = re.compile(pattern)
    return lambda call: method in ("*", call.method) and wanted.fullmatch(call.path) is not None


def on_json(method: str, pattern: str, change: Callable[[Any, Memory], object]) -> Mutation:
    """Return a mutation of the JSON of good answers, in place."""

    def change_good(
        call: HttpCall, reply: HttpReply, memory: Memory, service: Service
    ) -> HttpReply:
        data = reply.json
        if not reply.good or not isinstance(data, dict):
            return reply
        before = repr(data)
        change(data, memory)
        return reply if repr(data) == before else reply.with_json(data)

    return on_reply(method, pattern, change_good)


def on_reply(
    method: str, pattern: str, change: Callable[[HttpCall, HttpReply, Memory, Service], HttpReply]
) -> Mutation:
    """Return a mutation of the answers to some calls."""
    concerned = calls(method, pattern)

    def make() -> Middleware:
        memory: Memory = {}

        def handle(call: HttpCall, service: Service) -> HttpReply:
            reply = service(call)
            return change(call, reply, memory, service) if concerned(call) else reply

        return handle

    return Mutation(concerned, make)


def on_request(
    method: str, pattern: str, change: Callable[[HttpCall, Memory, Service], HttpCall | HttpReply]
) -> Mutation:
    """Return a mutation of some calls; `change` may also answer a call."""
    concerned = calls(method, pattern)

    def make() -> Middleware:
        memory: Memory = {}

        def handle(call: HttpCall, service: Service) -> HttpReply:
            if not concerned(call):
                return service(call)
            changed = change(call, memory, service)
            return changed if isinstance(changed, HttpReply) else service(changed)

        return handle

    return Mutation(concerned, make)


def combine(first: Mutation, second: Mutation) -> Mutation:
    """Return both mutations as one; the first also sees the changes of the second."""

    def make() -> Middleware:
        outer, inner = first.make(), second.make()

        def handle(call: HttpCall, service: Service) -> HttpReply:
            return outer(call, MutatedService(service, inner))

        return handle

    return Mutation(lambda call: first.concerns(call) or second.concerns(call), make)


class MutatedService:
    """A service with a mutation applied."""

    def __init__(self, service: Service, middleware: Middleware) -> None:
        self.url = service.url
        self.signed, self.tams_key, self.moved = service.signed, service.tams_key, service.moved
        self.tams_apps = service.tams_apps
        self._service, self._middleware = service, middleware

    def __call__(self, call: HttpCall) -> HttpReply:
        """Pass a call on through the middleware."""
        return self._middleware(call, self._service)
