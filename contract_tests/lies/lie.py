"""A lie: one documented behaviour that is broken, and the few ways of breaking one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract_tests.lies.calls import Call, Distortion, Reply, Service

Memory = dict[Any, Any]


@dataclass(frozen=True)
class Breach:
    """How answers are changed: the calls that it `concerns`, and a distortion with its memory."""

    concerns: Callable[[Call], bool]
    make: Callable[[], Distortion]


@dataclass(frozen=True)
class Lie:
    """A broken behaviour.

    `sentence` says what the service does wrong, `source` is where the truth stands, `clue` is a
    pattern of words that the failure has to have: the name of the test or what it printed.
    """

    name: str
    sentence: str
    source: str
    clue: str
    breach: Breach

    @property
    def surface(self) -> str:
        """Return the surface that lies."""
        return self.source.partition(" ")[0].lower()


def calls(method: str, pattern: str) -> Callable[[Call], bool]:
    """Return the question whether a call has this method (`*` is any) and a path like this."""
    wanted = re.compile(pattern)
    return lambda call: method in ("*", call.method) and wanted.fullmatch(call.path) is not None


def told(method: str, pattern: str, change: Callable[[Any, Memory], object]) -> Breach:
    """Return the lie that changes the JSON of good answers, in place."""

    def change_good(call: Call, reply: Reply, memory: Memory, service: Service) -> Reply:
        data = reply.json
        if not reply.good or not isinstance(data, dict):
            return reply
        before = repr(data)
        change(data, memory)
        return reply if repr(data) == before else reply.with_json(data)

    return answered(method, pattern, change_good)


def answered(
    method: str, pattern: str, change: Callable[[Call, Reply, Memory, Service], Reply]
) -> Breach:
    """Return the lie that gives other answers to some calls."""
    concerned = calls(method, pattern)

    def make() -> Distortion:
        memory: Memory = {}

        def distort(call: Call, service: Service) -> Reply:
            reply = service(call)
            return change(call, reply, memory, service) if concerned(call) else reply

        return distort

    return Breach(concerned, make)


def asked(
    method: str, pattern: str, change: Callable[[Call, Memory, Service], Call | Reply]
) -> Breach:
    """Return the lie that passes on other calls than came, or answers by itself."""
    concerned = calls(method, pattern)

    def make() -> Distortion:
        memory: Memory = {}

        def distort(call: Call, service: Service) -> Reply:
            if not concerned(call):
                return service(call)
            changed = change(call, memory, service)
            return changed if isinstance(changed, Reply) else service(changed)

        return distort

    return Breach(concerned, make)


def both(first: Breach, second: Breach) -> Breach:
    """Return the lie that takes two breaches: the second is told beneath the first."""

    def make() -> Distortion:
        outer, inner = first.make(), second.make()

        def distort(call: Call, service: Service) -> Reply:
            return outer(call, Beneath(service, inner))

        return distort

    return Breach(lambda call: first.concerns(call) or second.concerns(call), make)


class Beneath:
    """A service whose answers are distorted already."""

    def __init__(self, service: Service, distortion: Distortion) -> None:
        self.url = service.url
        self.signed, self.tams_key, self.moved = service.signed, service.tams_key, service.moved
        self._service, self._distortion = service, distortion

    def __call__(self, call: Call) -> Reply:
        """Pass a call on and return what the inner distortion makes of the answer."""
        return self._distortion(call, self._service)
