"""Looking for the string that a client signed, and with what, within a bound.

An HMAC gives nothing back, so every guess costs one; the likeliest come first.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mock_server.web.auth_diagnostics.findings import Step, Variant
from mock_server.web.auth_diagnostics.search_budget import Exhausted, SearchBudget, Work
from mock_server.workshop.auth_diagnostics.digests import digest_variants
from mock_server.workshop.auth_diagnostics.evidence import Evidence
from mock_server.workshop.auth_diagnostics.keys import TWISTS, Goal, Secret
from mock_server.workshop.auth_diagnostics.layouts import common_layouts, layouts
from mock_server.workshop.auth_diagnostics.parts import (
    Parts,
    accept_variants,
    content_type_variants,
    date_variants,
    method_variants,
    parts_of,
)
from mock_server.workshop.auth_diagnostics.resources import resource_variants
from mock_server.workshop.auth_diagnostics.signed_lines import line_pairs, line_variants

# How many variants of each part are combined with those of the others.
_MAX_PER_PAIR = 14


class Match(NamedTuple):
    """The string that was signed, with whose secret, and the steps that lead there."""

    steps: tuple[Step, ...]
    message: bytes
    secret: Secret
    also: tuple[tuple[Step, ...], ...] = ()


class _Remembered:
    """Variants that can be gone through again and are worked out once, as far as needed."""

    def __init__(self, source: Iterator[Variant]) -> None:
        self._source = source
        self._seen: list[Variant] = []

    def __iter__(self) -> Iterator[Variant]:
        yield from self._seen
        for variant in self._source:
            self._seen.append(variant)
            yield variant


@dataclass(frozen=True)
class Request:
    """What is known of the request; the first of `name_lists` is the server's own reading."""

    evidence: Evidence
    name_lists: Sequence[tuple[bytes, ...]]
    names: tuple[bytes, ...] | None

    @cached_property
    def parts(self) -> Parts:
        """The parts as the server sees them."""
        return parts_of(self.evidence, self.name_lists[0])

    @cached_property
    def digests(self) -> Iterable[Variant]:
        """What may be signed as Content-MD5; worked out once, for the body may be long."""
        return _Remembered(digest_variants(self.parts.digest, self.evidence.body))


def search(
    goals: Sequence[Goal],
    request: Request,
    own: Sequence[Secret],
    foreign: Sequence[Secret],
    budget: SearchBudget,
    work: Work,
) -> Match | None:
    """Return the simplest thing that fits one of the goals, or None."""
    try:
        for guesses in _rounds(request, own, foreign, budget):
            for steps, message, secret in guesses:
                for goal in goals:
                    work.spend(message)
                    if hmac.digest(secret.value, message, goal.algorithm) == goal.digest:
                        several = (*goal.steps, *secret.steps, *steps)
                        also = _others(request, steps, message) if budget.deep else ()
                        return Match(several, message, secret, also)
        return _twisted(goals, request, (*own, *foreign), work)
    except Exhausted:
        return None


_Guess = tuple[tuple[Step, ...], bytes, Secret]


def _rounds(
    request: Request, own: Sequence[Secret], foreign: Sequence[Secret], budget: SearchBudget
) -> Iterator[Iterator[_Guess]]:
    parts = request.parts
    strings = [parts_of(request.evidence, names).joined() for names in request.name_lists]
    yield (((), string, secret) for secret in (*own, *foreign) for string in strings)
    yield (
        (steps, string, secret) for secret in own[:1] for steps, string in singles(request, parts)
    )
    if not budget.deep:
        return
    yield (
        (steps, string, secret)
        for secret in (*own[1:], *foreign[:4])
        for steps, string in _likely(request, parts)
    )
    yield ((steps, string, secret) for secret in own[:1] for steps, string in _pairs(request))


def _twisted(
    goals: Sequence[Goal], request: Request, secrets: Sequence[Secret], work: Work
) -> Match | None:
    """Look for the right string under something that is no HMAC, or more than one."""
    message = request.parts.joined()
    for secret in secrets[:1]:
        for step, make in TWISTS:
            for goal in goals:
                work.spend(message)
                if make(secret.value, message, goal.algorithm) == goal.digest:
                    steps = tuple(each for each in goal.steps if each.cause != "algorithm-other")
                    return Match((*steps, step), message, secret)
    return None


def singles(request: Request, parts: Parts) -> Iterator[Variant]:
    """Yield every string that one mistake makes, the likeliest first."""
    for number, variants in _axes(request, parts):
        before, after = _around(parts, number)
        for steps, value in variants:
            yield Variant(steps, before + value + after)
    yield from layouts(parts, request.evidence)


def _axes(request: Request, parts: Parts) -> tuple[tuple[int, Iterator[Variant]], ...]:
    evidence = request.evidence
    stamp = evidence.value(b"x-ca-timestamp")
    return (
        (1, accept_variants(parts.accept)),
        (3, content_type_variants(parts.content_type)),
        (5, line_variants(evidence, request.names)),
        (2, iter(request.digests)),
        (4, date_variants(parts.date, stamp)),
        (6, resource_variants(evidence)),
        (0, method_variants(parts.method)),
    )


def _around(parts: Parts, number: int) -> tuple[bytes, bytes]:
    """Return what stands before and after one part in the string to sign."""
    ends = (*[b"\n"] * 5, b"", b"")
    pieces = [part + end for part, end in zip(parts, ends, strict=True)]
    return b"".join(pieces[:number]), ends[number] + b"".join(pieces[number + 1 :])


def _likely(request: Request, parts: Parts) -> Iterator[Variant]:
    """Yield the first few of what may be signed in place of each part."""
    for number, variants in _axes(request, parts):
        before, after = _around(parts, number)
        for (steps, value), _ in zip(variants, range(4), strict=False):
            yield Variant(steps, before + value + after)


def _pairs(request: Request) -> Iterator[Variant]:
    """Yield every string that two mistakes in different parts make, or two in the lines."""
    parts, evidence = request.parts, request.evidence
    before, after = _around(parts, 5)
    for steps, value in line_pairs(evidence, request.names):
        yield Variant(steps, before + value + after)
    axes = [
        (number, _different(variants, parts[number])) for number, variants in _axes(request, parts)
    ]
    for first, (number, axis) in enumerate(axes):
        for steps, value in axis:
            changed = Parts._make((*parts[:number], value, *parts[number + 1 :]))
            for more, string in common_layouts(changed):
                yield Variant(steps + more, string)
            for other, others in axes[first + 1 :]:
                before, after = _around(changed, other)
                for more, each in others:
                    yield Variant(steps + more, before + each + after)


def _different(variants: Iterator[Variant], value: bytes) -> list[Variant]:
    """Return the variants without repetitions and without what was sent."""
    found = {value: Variant((), value)}
    for variant in variants:
        found.setdefault(variant.value, variant)
        if len(found) > _MAX_PER_PAIR:
            break
    return list(found.values())[1:]


def _others(
    request: Request, steps: tuple[Step, ...], message: bytes
) -> tuple[tuple[Step, ...], ...]:
    """Return other mistakes that make the same bytes as a single one."""
    if len(steps) != 1:
        return ()
    found: dict[str, tuple[Step, ...]] = {}
    for others, string in singles(request, request.parts):
        if string == message and len(others) == 1 and others[0].cause != steps[0].cause:
            found.setdefault(others[0].cause, others)
    return tuple(found.values())
