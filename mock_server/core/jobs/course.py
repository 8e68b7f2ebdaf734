"""The course of a run that is not straight: stalls, lost workers, and changes on the way."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.errors import Invalid
from mock_server.core.store import Seconds

FOREVER = 1e11  # seconds; more than all of virtual time
MAX_LEGS = 1000


class Leg(Struct, frozen=True):
    """Some seconds of a run, in which the part of it that is done goes from `start` to `end`.

    In a leg that `waits`, the job is back in the queue.
    """

    seconds: Seconds
    start: float
    end: float
    waits: bool = False

    def done_after(self, seconds: float) -> float:
        """Return the part that is done some seconds after its begin."""
        if seconds >= self.seconds:
            return self.end
        return self.start + (self.end - self.start) * (seconds / self.seconds)

    @property
    def stands(self) -> bool:
        """Whether the job runs but nothing gets done."""
        return self.start == self.end and not self.waits


Course = tuple[Leg, ...]


def straight(run: float, start: float = 0.0, end: float = 1.0) -> Course:
    """Return the course from one part to another, of a run that takes so many seconds in all."""
    return (Leg(run * (end - start), start, end),)


def done_after(course: Course, seconds: float) -> float:
    """Return the part that is done some seconds after the start."""
    if seconds <= 0:
        return course[0].start
    for leg in course:
        if seconds < leg.seconds:
            return leg.done_after(seconds)
        seconds -= leg.seconds
    return course[-1].end


def begins(course: Course) -> Iterator[tuple[float, Leg]]:
    """Yield the legs, each with how many seconds after the start it begins."""
    at = 0.0
    for leg in course:
        yield at, leg
        at += leg.seconds


def divided(course: Course, seconds: float) -> tuple[Course, Course]:
    """Return what has passed some seconds after the start, and what is still to come."""
    for index, leg in enumerate(course):
        if seconds < leg.seconds:
            done = leg.done_after(seconds)
            past = (replace(leg, seconds=seconds, end=done),) if seconds > 0 else ()
            rest = replace(leg, seconds=leg.seconds - seconds, start=done)
            return course[:index] + past, (rest, *course[index + 1 :])
        seconds -= leg.seconds
    return course, (Leg(0.0, course[-1].end, course[-1].end),)


def scaled(course: Course, factor: float, run: float | None = None) -> Course:
    """Return a course that takes some times as long, apart from its stalls.

    With `run` all of the run took no time before, and takes so many seconds then.
    """
    return tuple(
        leg if leg.stands else replace(leg, seconds=min(FOREVER, _seconds(leg, run) * factor))
        for leg in course
    )


def _seconds(leg: Leg, run: float | None) -> float:
    return leg.seconds if run is None or leg.waits else run * (leg.end - leg.start)


def until(course: Course, part: float) -> Course:
    """Return the course up to where a part is done for the first time."""
    index, first, _ = _split(course, part, "failAt")
    return (*course[:index], first)


def with_stall(course: Course, part: float, seconds: float) -> Course:
    """Return a course that stands for so long where a part is done."""
    index, first, rest = _split(course, part, "stallAt")
    return (*course[:index], first, Leg(seconds, part, part), rest, *course[index + 1 :])


def without_stalls(course: Course) -> Course:
    return (*(leg for leg in course[:-1] if not leg.stands), course[-1])


def with_losses(
    course: Course, part: float, times: int, back_to: float, waits: float | None, run: float
) -> Course:
    """Return a course that falls back some times where a part is done.

    With `waits` it is back in the queue for so many seconds, before it goes on. All of the run
    takes `run` seconds.
    """
    index, first, rest = _split(course, part, "loseAt")
    again = straight(run, back_to, part)
    if waits is not None:
        again = (Leg(waits, back_to, back_to, waits=True), *again)
    return (*course[:index], first, *again * times, rest, *course[index + 1 :])


def without_losses(course: Course, run: float) -> Course:
    """Return a course that never falls back, but stands as before."""
    begin = course[0].start
    made = straight(run, begin, course[-1].end)
    for leg in course:
        if leg.stands and leg.start >= begin:
            made = with_stall(made, leg.start, leg.seconds)
    return made


def _split(course: Course, part: float, member: str) -> tuple[int, Leg, Leg]:
    """Return where a part is done for the first time: the number of the leg, and its two halves."""
    for index, leg in enumerate(course):
        if not leg.waits and leg.start <= part <= leg.end:
            share = (part - leg.start) / (leg.end - leg.start) if leg.end > leg.start else 1.0
            first = replace(leg, seconds=leg.seconds * share, end=part)
            return index, first, replace(leg, seconds=leg.seconds - first.seconds, start=part)
    raise Invalid(member, "is past already")
