"""Scenes: fixed sequences of requests for a recording. They never judge the answers.

A scene is a function of a `SceneContext`; its name, docstring and markers are in the recording.
Scenes are independent of each other and use constants where possible.
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

POLL = 2.0  # seconds between polls in real time
SHORT_POLL = 0.25  # the same if time is moved
MAX_WAIT = 600.0  # seconds to wait for a state


@dataclass(frozen=True)
class SceneContext:
    """The clients and credentials of a scene."""

    tams: TamsClient
    workshop: WorkshopClient
    clock: TargetClock
    transcript: RecordingTranscript
    bearer: httpx.Auth | None
    key: httpx.Auth | None

    def one_use(self) -> Reservation:
        """Reserve one use of the Workshop, from the amount that the scene declares."""
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
                    raise Unmet(f"the state did not come within {MAX_WAIT:g} s")
                self.clock.pause(pause)
        return found


def member(answer: ReceivedAnswer | Any, *names: str) -> Any:
    """Return a nested member of an answer, or raise `Unmet`, which ends the scene."""
    found = answer.json if isinstance(answer, ReceivedAnswer) else answer
    for name in names:
        if not isinstance(found, dict):
            raise Unmet(f"the answer has no member {'.'.join(names)}")
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
        """Return the surface of the scene."""
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
        """Return a decorator that makes a function a scene; the arguments are markers."""
        marks = Markers(source, Decimal(spends), tuple(needs), leaves_traces, False, False)

        def add(play: Callable[[SceneContext], None]) -> Callable[[SceneContext], None]:
            name = f"{self.surface}/{play.__name__.replace('_', '-')}"
            says = " ".join((play.__doc__ or "").split())
            self.all.append(Scene(name, says, marks, play))
            return play

        return add
