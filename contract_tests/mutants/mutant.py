"""A lie: one documented behaviour that is broken, and the few ways of breaking one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service

Memory = dict[Any, Any]


@dataclass(frozen=True)
class Mutation:
    """How answers are changed: the calls that it `concerns`, and a distortion with its memory."""

    concerns: Callable[[HttpCall], bool]
    make: Callable[[], Middleware]


@dataclass(frozen=True)
class Mutant:
    """A broken behaviour.

    `sentence` says what the service does wrong, `source` is where the truth stands, `clue` is a
    pattern of words that the failure has to have: the name of the test or what it printed.
    """

    name: str
    sentence: str
    source: str
    clue: str
    mutation: Mutation

    @property
    def surface(self) -> str:
        """Return the surface that lies."""
        return self.source.partition(" ")[0].lower()


def calls(method: str, pattern: str) -> Callable[[HttpCall], bool]:
    """Return the question whether a call has this method (`*` is any) and a path like this."""
    wanted = re.compile(pattern)
    return lambda call: method in ("*", call.method) and wanted.fullmatch(call.path) is not None


def on_json(method: str, pattern: str, change: Callable[[Any, Memory], object]) -> Mutation:
    """Return the lie that changes the JSON of good answers, in place."""

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
    """Return the lie that gives other answers to some calls."""
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
    """Return the lie that passes on other calls than came, or answers by itself."""
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
    """Return the lie that takes two breaches: the second is told beneath the first."""

    def make() -> Middleware:
        outer, inner = first.make(), second.make()

        def handle(call: HttpCall, service: Service) -> HttpReply:
            return outer(call, MutatedService(service, inner))

        return handle

    return Mutation(lambda call: first.concerns(call) or second.concerns(call), make)


class MutatedService:
    """A service whose answers are distorted already."""

    def __init__(self, service: Service, middleware: Middleware) -> None:
        self.url = service.url
        self.signed, self.tams_key, self.moved = service.signed, service.tams_key, service.moved
        self._service, self._middleware = service, middleware

    def __call__(self, call: HttpCall) -> HttpReply:
        """Pass a call on and return what the inner distortion makes of the answer."""
        return self._middleware(call, self._service)
