"""Looks for the string that a client signed: the same engine for both vendors.

A vendor says which parts are signed, what may stand in place of each, and how else they may be
put together. The engine tries every string that one mistake makes, then those of two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

from mock_server.web.auth_diagnostics.findings import Mistake, PartVariant, Stream
from mock_server.web.auth_diagnostics.search_budget import Paced, SearchWork
from mock_server.web.auth_diagnostics.streams import pieces_of

_SHORT_BYTES = 64 * 1024  # up to this a string is hashed in one go
_PIECES_PER_SLICE = 8
_OTHERS_PER_SLICE = 20
_LIKELY = 4  # of each part, tried with secrets that are less likely

Parts = tuple[bytes, ...]


class SearchGoal(Protocol):
    """What a string must have for being the one that was signed; `steps` show in the signature."""

    @property
    def steps(self) -> tuple[Mistake, ...]: ...

    def fits(self, message: bytes) -> bool: ...

    def hasher(self) -> Any: ...

    def is_met(self, digest: bytes) -> bool: ...


class Probe(NamedTuple):
    """A key that may have been used: the mistakes in it, its goals, and whose it is.

    With one that is not `likely` only the server's own string is tried.
    """

    steps: tuple[Mistake, ...]
    goals: Sequence[SearchGoal]
    owner: Any = None
    likely: bool = True


class Base(NamedTuple):
    """The parts as they came, after mistakes that go with every other; `ends` follow each part.

    With `layouts_first` other ways to join the parts are likelier than other parts.
    """

    steps: tuple[Mistake, ...]
    parts: Parts
    ends: Parts
    layouts_first: bool = False

    def around(self, number: int, parts: Parts | None = None) -> tuple[bytes, bytes]:
        """Return what stands before and after one part in the string to sign."""
        pieces = list(chain.from_iterable(zip(parts or self.parts, self.ends, strict=True)))
        return b"".join(pieces[: 2 * number]), b"".join(pieces[2 * number + 1 :])

    def joined(self) -> bytes:
        """Return the string to sign."""
        before, after = self.around(0)
        return before + self.parts[0] + after

    def unchanged(self) -> Guess:
        """Return the string to sign as a guess; a long part is not copied."""
        longest = max(range(len(self.parts)), key=lambda number: len(self.parts[number]))
        return Guess(self.steps, self.parts[longest], *self.around(longest))

    def with_part(self, number: int, value: bytes) -> Parts:
        """Return the parts with one of them changed."""
        return (*self.parts[:number], value, *self.parts[number + 1 :])


class PartsLayout(NamedTuple):
    """Another way to put the parts together; `common` ones are tried with another mistake, too."""

    step: Mistake
    join: Callable[[Parts], bytes]
    common: bool = False


class Axis:
    """What may stand in place of one part; worked out once, as far as it is needed.

    `most` of them are combined with other mistakes.
    """

    def __init__(self, part: int, variants: Iterable[PartVariant | None], most: int = 14) -> None:
        self.part = part
        self.most = most
        self._source = iter(variants)
        self._seen: list[PartVariant] = []

    def __iter__(self) -> Iterator[PartVariant | None]:
        yield from self._seen
        for variant in self._source:
            if variant is not None:
                self._seen.append(variant)
            yield variant

    def likely(self, sent: bytes) -> Iterator[tuple[tuple[Mistake, ...], bytes] | None]:
        """Yield those to combine, without repetitions and without what was sent."""
        seen = {sent}
        for variant in self:
            if variant is None:
                yield None
            elif isinstance(variant.value, bytes) and variant.value not in seen:
                seen.add(variant.value)
                yield variant.steps, variant.value
                if len(seen) > self.most:
                    return


class SearchScheme(Protocol):
    """One request under one vendor's signature scheme."""

    @property
    def bases(self) -> Sequence[Base]:
        """The server's own parts, then those that go with every other mistake."""

    def axes(self, base: Base) -> Sequence[Axis]:
        """Return what may stand in place of the parts, the likeliest part first."""

    def layouts(self, base: Base) -> Iterator[PartsLayout]:
        """Yield other ways to join the parts, the likeliest first."""

    def rare(self, base: Base) -> Iterator[Guess | None]:
        """Yield less likely strings, and those of two mistakes in one part."""


class Guess(NamedTuple):
    """A string that may have been signed, and the mistakes that make it."""

    steps: tuple[Mistake, ...]
    value: bytes | Stream
    before: bytes = b""
    after: bytes = b""


class Match(NamedTuple):
    """The string that was signed, the mistakes that make it, and others that make it as well."""

    steps: tuple[Mistake, ...]
    message: bytes
    probe: Probe
    also: tuple[Mistake, ...] = ()


def search(scheme: SearchScheme, probes: Sequence[Probe], work: SearchWork) -> Paced[Match | None]:
    """Return the simplest string that one of the probes fits; None where there is none.

    Raises Exhausted where there was more to try.
    """
    for probe in probes:
        for base in scheme.bases:
            if match := (yield from _tried(base.unchanged(), probe, work)):
                return match
    singles = chain.from_iterable(_singles(scheme, base) for base in scheme.bases)
    rare = chain.from_iterable(map(scheme.rare, scheme.bases))
    rounds: list[tuple[Probe, Iterator[Guess | None]]] = [(probes[0], chain(singles, rare))]
    rounds += [(probe, _likely(scheme)) for probe in probes[1:] if probe.likely]
    rounds.append((probes[0], _pairs(scheme)))
    for probe, strings in rounds:
        for each in strings:
            if each is None:
                yield
            elif match := (yield from _tried(each, probe, work)):
                if len(each.steps) == 1:
                    match = match._replace(also=(yield from _others(scheme, match)))
                return match
    return None


def _tried(guess: Guess, probe: Probe, work: SearchWork) -> Paced[Match | None]:
    steps, value, before, after = guess
    if isinstance(value, bytes) and len(before) + len(value) + len(after) <= _SHORT_BYTES:
        message = before + value + after
        for goal in probe.goals:
            work.guess(len(message))
            if goal.fits(message):
                return Match((*goal.steps, *probe.steps, *steps), message, probe)
        if work.is_over():
            yield
        return None
    yield  # to make a long string is a slice
    for goal in probe.goals:
        work.guess(0)
        if (yield from _fits_in_pieces(goal, guess, work)):
            whole = value if isinstance(value, bytes) else (yield from _whole(value))
            message = before + whole + after
            return Match((*goal.steps, *probe.steps, *steps), message, probe)
    return None


def _whole(stream: Stream) -> Paced[bytes]:
    pieces = []
    for number, piece in enumerate(stream()):
        pieces.append(piece)
        if number % _PIECES_PER_SLICE == 0:
            yield
    return b"".join(pieces)


def _fits_in_pieces(goal: SearchGoal, guess: Guess, work: SearchWork) -> Paced[bool]:
    hasher = goal.hasher()
    if hasher is None:
        return False
    for part in (guess.before, guess.value, guess.after):
        for piece in pieces_of(part) if isinstance(part, bytes) else part():
            hasher.update(piece)
            work.add(len(piece))
            if work.is_over() or not piece:
                yield
    return goal.is_met(hasher.digest())


def _singles(scheme: SearchScheme, base: Base) -> Iterator[Guess | None]:
    """Yield every string that one mistake makes."""
    common = (layout for layout in scheme.layouts(base) if layout.common)
    if base.layouts_first:
        yield from (_laid_out(base, layout) for layout in common)
    for axis in scheme.axes(base):
        yield from guesses(base, axis.part, axis)
    yield from (_laid_out(base, layout) for layout in common)
    for layout in scheme.layouts(base):
        if not layout.common:
            yield _laid_out(base, layout)


def _laid_out(base: Base, layout: PartsLayout, parts: Parts | None = None) -> Guess:
    return Guess((*base.steps, layout.step), layout.join(parts or base.parts))


def guesses(
    base: Base, part: int, variants: Iterable[PartVariant | None]
) -> Iterator[Guess | None]:
    """Yield the strings in which one part is what the variants say."""
    before, after = base.around(part)
    for variant in variants:
        if variant is None:
            yield None
        else:
            yield Guess((*base.steps, *variant.steps), variant.value, before, after)


def _likely(scheme: SearchScheme) -> Iterator[Guess | None]:
    base = scheme.bases[0]
    for axis in scheme.axes(base):
        yield from guesses(base, axis.part, islice(axis, _LIKELY))


def _pairs(scheme: SearchScheme) -> Iterator[Guess | None]:
    """Yield every string that two mistakes in different parts make."""
    for base in scheme.bases:
        common = [layout for layout in scheme.layouts(base) if layout.common]
        axes: list[tuple[int, list[tuple[tuple[Mistake, ...], bytes]]]] = []
        for axis in scheme.axes(base):
            kept = []
            for variant in axis.likely(base.parts[axis.part]):
                if variant is None:
                    yield None
                else:
                    kept.append(variant)
            axes.append((axis.part, kept))
        for place, (number, variants) in enumerate(axes):
            for steps, value in variants:
                changed = base.with_part(number, value)
                for layout in common:
                    guess = _laid_out(base, layout, changed)
                    yield guess._replace(steps=(*base.steps, *steps, layout.step))
                for other, more_variants in axes[place + 1 :]:
                    before, after = base.around(other, changed)
                    for more, other_value in more_variants:
                        yield Guess((*base.steps, *steps, *more), other_value, before, after)


def _others(scheme: SearchScheme, match: Match) -> Paced[tuple[Mistake, ...]]:
    """Return other single mistakes that make the same bytes."""
    if len(match.message) > _SHORT_BYTES:
        return ()
    named = {step.cause for step in match.steps}
    found: dict[str, Mistake] = {}
    for number, guess in enumerate(_singles(scheme, scheme.bases[0])):
        if number % _OTHERS_PER_SLICE == 0:
            yield
        if guess is None or len(guess.steps) > 1 or not isinstance(guess.value, bytes):
            continue
        step = guess.steps[0]
        if step.cause not in named and guess.before + guess.value + guess.after == match.message:
            found.setdefault(step.cause, step)
    return tuple(found.values())
