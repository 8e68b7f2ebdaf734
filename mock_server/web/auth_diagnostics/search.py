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

MAX_WHOLE_BYTES = 256 * 1024  # longer parts are never copied, changed as a whole or combined
_SHORT_BYTES = 64 * 1024  # up to this a string is hashed in one go
_LONG_PART = b"\x00\xff\x01\xfe\x00"  # stands for one while the parts are put together
_PIECES_PER_SLICE = 8
_OTHERS_PER_SLICE = 20
_LIKELY = 4  # of each part, tried with secrets that are less likely

Parts = tuple[bytes, ...]
Pieces = tuple[bytes | Stream, ...]


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

    def pieces(self, parts: Parts | None = None) -> Parts:
        """Return what the string to sign is made of."""
        return tuple(chain.from_iterable(zip(parts or self.parts, self.ends, strict=True)))

    def around(self, number: int, parts: Parts | None = None) -> tuple[Pieces, Pieces]:
        """Return what stands before and after one part in the string to sign."""
        pieces = self.pieces(parts)
        return _merged(pieces[: 2 * number]), _merged(pieces[2 * number + 1 :])

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
        seen = {sent[:MAX_WHOLE_BYTES]}
        for variant in self:
            if variant is None:
                yield None
            elif (
                isinstance(variant.value, bytes)
                and len(variant.value) <= MAX_WHOLE_BYTES
                and variant.value not in seen
            ):
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
    """A string that may have been signed, in pieces, and the mistakes that make it."""

    steps: tuple[Mistake, ...]
    pieces: Pieces


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
            if match := (yield from _tried(Guess(base.steps, base.pieces()), probe, work)):
                return match
    # Longer parts are neither hashed as a whole nor combined with other mistakes.
    work.is_partial |= max(map(len, scheme.bases[0].parts)) > MAX_WHOLE_BYTES
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
    steps, pieces = guess
    if (message := _short(pieces)) is not None:
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
        if (yield from _fits_in_pieces(goal, pieces, work)):
            message = yield from _whole(pieces)
            return Match((*goal.steps, *probe.steps, *steps), message, probe)
    return None


def _short(pieces: Pieces) -> bytes | None:
    """Return a string that is short; None for any other."""
    whole = [piece for piece in pieces if isinstance(piece, bytes)]
    is_short = len(whole) == len(pieces) and sum(map(len, whole)) <= _SHORT_BYTES
    return b"".join(whole) if is_short else None


def _merged(pieces: Parts) -> Parts:
    return pieces if (whole := _short(pieces)) is None else (whole,)


def _cut(pieces: Pieces) -> Iterator[bytes]:
    for piece in pieces:
        yield from pieces_of(piece) if isinstance(piece, bytes) else piece()


def _whole(pieces: Pieces) -> Paced[bytes]:
    found = []
    for number, piece in enumerate(_cut(pieces)):
        found.append(piece)
        if number % _PIECES_PER_SLICE == 0:
            yield
    yield
    return b"".join(found)


def _fits_in_pieces(goal: SearchGoal, pieces: Pieces, work: SearchWork) -> Paced[bool]:
    hasher = goal.hasher()
    if hasher is None:
        return False
    for piece in _cut(pieces):
        hasher.update(piece)
        work.add(len(piece))
        if work.is_over() or not piece:
            yield
    return goal.is_met(hasher.digest())


def _singles(scheme: SearchScheme, base: Base) -> Iterator[Guess | None]:
    """Yield every string that one mistake makes."""
    common = (layout for layout in scheme.layouts(base) if layout.common)
    if base.layouts_first:
        yield from (laid_out(base, layout) for layout in common)
    for axis in scheme.axes(base):
        yield from guesses(base, axis.part, axis)
    yield from (laid_out(base, layout) for layout in common)
    for layout in scheme.layouts(base):
        if not layout.common:
            yield laid_out(base, layout)


def laid_out(base: Base, layout: PartsLayout, parts: Parts | None = None) -> Guess:
    """Return the parts in a layout; a long one is not copied."""
    parts, steps = parts or base.parts, (*base.steps, layout.step)
    longest = max(parts, key=len)
    if len(longest) <= MAX_WHOLE_BYTES:
        return Guess(steps, (layout.join(parts),))
    joined = layout.join(tuple(_LONG_PART if part is longest else part for part in parts))
    first, *others = joined.split(_LONG_PART)
    return Guess(steps, (first, *chain.from_iterable((longest, each) for each in others)))


def guesses(
    base: Base, part: int, variants: Iterable[PartVariant | None]
) -> Iterator[Guess | None]:
    """Yield the strings in which one part is what the variants say."""
    before, after = base.around(part)
    for variant in variants:
        if variant is None:
            yield None
        else:
            yield Guess((*base.steps, *variant.steps), (*before, variant.value, *after))


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
                    guess = laid_out(base, layout, changed)
                    yield guess._replace(steps=(*base.steps, *steps, layout.step))
                for other, more_variants in axes[place + 1 :]:
                    before, after = base.around(other, changed)
                    for more, other_value in more_variants:
                        several = (*base.steps, *steps, *more)
                        yield Guess(several, (*before, other_value, *after))


def _others(scheme: SearchScheme, match: Match) -> Paced[tuple[Mistake, ...]]:
    """Return other single mistakes that make the same bytes."""
    if len(match.message) > _SHORT_BYTES:
        return ()
    named = {step.cause for step in match.steps}
    found: dict[str, Mistake] = {}
    for number, guess in enumerate(_singles(scheme, scheme.bases[0])):
        if number % _OTHERS_PER_SLICE == 0:
            yield
        if guess is None or len(guess.steps) > 1:
            continue
        step = guess.steps[0]
        if step.cause not in named and _short(guess.pieces) == match.message:
            found.setdefault(step.cause, step)
    return tuple(found.values())
