"""Scenes: what is asked of a target for a recording. They never judge what comes back.

A scene is a function of a `SceneContext`; its name,
    docstring and marks are those of the recording. Scenes
stand on their own and use constants, but for what has to be new each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from contract_tests.answers import ReceivedAnswer, Unmet
from contract_tests.clients.tams import TamsClient
from contract_tests.clients.workshop import WorkshopClient
from contract_tests.clocks import TargetClock
from contract_tests.markers import Markers
from contract_tests.money import Reservation
from contract_tests.recording.transcript import RecordingTranscript

POLL = 2.0  # seconds between looks while something is waited for, in real time
SHORT_POLL = 0.25  # the same where time is moved, and nothing is gained by haste
MAX_WAIT = 600.0  # seconds for something to come about


@dataclass(frozen=True)
class SceneContext:
    """What a scene plays with."""

    tams: TamsClient
    workshop: WorkshopClient
    clock: TargetClock
    transcript: RecordingTranscript
    bearer: httpx.Auth | None
    key: httpx.Auth | None

    def one_use(self) -> Reservation:
        """Set one use of the Workshop aside, out of what the scene declares."""
        wire = self.workshop.wire
        return wire.current_test().allowance.take(wire.ledger, Decimal(1))

    def until(self, look: Callable[[], ReceivedAnswer], over: Callable[[Any], bool]) -> Any:
        """Poll until `over` accepts the answer, and return its JSON.

        The polls are not recorded; `transcript.keep_last` records the last one. Raises `Unmet` if
        it takes too long, which ends the scene.
        """
        with self.transcript.paused():
            begin = self.clock.elapsed()
            pause = SHORT_POLL if self.clock.moves else POLL
            while not over(found := look().json):
                if self.clock.elapsed() - begin > MAX_WAIT:
                    raise Unmet(f"{MAX_WAIT:g} s were not enough")
                self.clock.pause(pause)
        return found


def member(answer: ReceivedAnswer | Any, *names: str) -> Any:
    """Return a member deep in an answer, or raise `Unmet`: without it the scene ends."""
    found = answer.json if isinstance(answer, ReceivedAnswer) else answer
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
    marks: Markers
    play: Callable[[SceneContext], None]

    @property
    def surface(self) -> str:
        """Return the surface that is talked to."""
        return self.name.partition("/")[0]


class SceneRegistry:
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
    ) -> Callable[[Callable[[SceneContext], None]], Callable[[SceneContext], None]]:
        """Return a decorator that makes a function a scene; the arguments are marks of a test."""
        marks = Markers(source, Decimal(spends), tuple(needs), leaves_traces, False, False)

        def add(play: Callable[[SceneContext], None]) -> Callable[[SceneContext], None]:
            name = f"{self.surface}/{play.__name__.replace('_', '-')}"
            says = " ".join((play.__doc__ or "").split())
            self.all.append(Scene(name, says, marks, play))
            return play

        return add
