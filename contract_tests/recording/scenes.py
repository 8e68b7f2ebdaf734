"""Scenes: what is asked of a target for a recording. They never judge what comes back.

A scene is a function of a `Set`; its name, docstring and marks are those of the recording. Scenes
stand on their own and use constants, but for what has to be new each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from contract_tests.answers import Answer, Unmet
from contract_tests.clients.tams import Tams
from contract_tests.clients.workshop import Workshop
from contract_tests.clocks import Clock
from contract_tests.marks import Marks
from contract_tests.money import Reservation
from contract_tests.recording.tape import Tape

LOOK_EVERY = 2.0  # seconds between looks while something is waited for, in real time
LOOK_CLOSELY = 0.25  # the same where time is moved, and nothing is gained by haste
LONGEST = 600.0  # seconds for something to come about


@dataclass(frozen=True)
class Set:
    """What a scene plays with."""

    tams: Tams
    workshop: Workshop
    clock: Clock
    tape: Tape
    bearer: httpx.Auth | None
    key: httpx.Auth | None

    def one_use(self) -> Reservation:
        """Set one use of the Workshop aside, out of what the scene declares."""
        wire = self.workshop.wire
        return wire.case().allowance.take(wire.ledger, Decimal(1))

    def until(self, look: Callable[[], Answer], over: Callable[[Any], bool]) -> Any:
        """Look, unseen, until what comes back is what is waited for; return its JSON.

        The last look can be kept: `tape.keep_last`. Raises `Unmet` where that takes too long, and
        the scene ends there.
        """
        with self.tape.unseen():
            begin = self.clock.elapsed()
            pause = LOOK_CLOSELY if self.clock.moves else LOOK_EVERY
            while not over(found := look().json):
                if self.clock.elapsed() - begin > LONGEST:
                    raise Unmet(f"{LONGEST:g} s were not enough")
                self.clock.pause(pause)
        return found


def member(answer: Answer | Any, *names: str) -> Any:
    """Return a member deep in an answer, or raise `Unmet`: without it the scene ends."""
    found = answer.json if isinstance(answer, Answer) else answer
    for name in names:
        if not isinstance(found, dict):
            raise Unmet(f"there is no {'.'.join(names)} in what came back")
        found = found[name]
    return found


@dataclass(frozen=True)
class Scene:
    """A scene: `name` begins with the surface."""

    name: str
    says: str
    marks: Marks
    play: Callable[[Set], None]

    @property
    def surface(self) -> str:
        """Return the surface that is talked to."""
        return self.name.partition("/")[0]


class Scenes:
    """The scenes of one surface, in the order in which they are written."""

    def __init__(self, surface: str) -> None:
        self.surface = surface
        self.all: list[Scene] = []

    def __call__(
        self,
        *source: str,
        spends: int = 0,
        needs: Iterable[str] = (),
        leaves_traces: bool = False,
    ) -> Callable[[Callable[[Set], None]], Callable[[Set], None]]:
        """Return a decorator that makes a function a scene; the arguments are marks of a test."""
        marks = Marks(source, Decimal(spends), tuple(needs), leaves_traces, False, False)

        def add(play: Callable[[Set], None]) -> Callable[[Set], None]:
            name = f"{self.surface}/{play.__name__.replace('_', '-')}"
            says = " ".join((play.__doc__ or "").split())
            self.all.append(Scene(name, says, marks, play))
            return play

        return add
