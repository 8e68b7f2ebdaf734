"""Looking for the string that a client signed, within a bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from mock_server.tams.auth_diagnostics.body_variants import body_variants
from mock_server.tams.auth_diagnostics.layouts import layouts, orders
from mock_server.tams.auth_diagnostics.recovery import Goal
from mock_server.tams.auth_diagnostics.variants import (
    Change,
    Parts,
    method_variants,
    nonce_variants,
    target_changes,
    target_pairs,
    target_variants,
    timestamp_variants,
)
from mock_server.web.auth_diagnostics.findings import Step, Variant
from mock_server.web.auth_diagnostics.search_budget import Exhausted, SearchBudget, Work


class Request(Struct, frozen=True):
    """What is known of the request: the parts as they came, and what may stand among them."""

    parts: Parts
    app_id: bytes = b""
    host: bytes = b""
    scheme: str = "http"
    paths: Sequence[bytes] = ()

    def changes(self) -> list[Change]:
        """Return what may have been done to the URL."""
        return target_changes(self.scheme, self.host, self.parts.body, self.paths)


class Match(NamedTuple):
    """The string that was signed, the steps that lead to it, and others that lead there too."""

    steps: tuple[Step, ...]
    message: bytes
    also: tuple[tuple[Step, ...], ...] = ()


def search(goal: Goal, request: Request, budget: SearchBudget, work: Work) -> Match | None:
    """Return the simplest string that fits the goal, or None."""
    expected = request.parts.joined()
    fits, spend = goal.checker(), work.spend
    try:
        spend(expected)
        if fits(expected):
            return Match((), expected)
        for steps, message in _guesses(request, budget):
            spend(message)
            if fits(message):
                also = _others(request, steps, message) if budget.deep else ()
                return Match(steps, message, also)
    except Exhausted:
        pass
    return None


def _guesses(request: Request, budget: SearchBudget) -> Iterator[tuple[tuple[Step, ...], bytes]]:
    yield from singles(request)
    if budget.deep:
        yield from _rare(request)
        yield from _pairs(request)


def singles(request: Request) -> Iterator[tuple[tuple[Step, ...], bytes]]:
    """Yield every string that one mistake makes, the likeliest first."""
    parts = request.parts
    if not parts.body:
        yield from _joined(request, common=True)
    for number, variants in (
        (1, target_variants(parts.target, request.changes())),
        (0, method_variants(parts.method)),
        (4, body_variants(parts.body)),
        (2, timestamp_variants(parts.timestamp)),
        (3, nonce_variants(parts.nonce, parts.timestamp)),
    ):
        before, after = _around(parts, number)
        for steps, value in variants:
            yield steps, before + value + after
    if parts.body:
        yield from _joined(request, common=True)
    yield from _joined(request, common=False)


def _around(parts: Sequence[bytes], number: int) -> tuple[bytes, bytes]:
    """Return what stands before and after one part in the string to sign."""
    return (
        b"".join([part + b"\n" for part in parts[:number]]),
        b"".join([b"\n" + part for part in parts[number + 1 :]]),
    )


def _joined(request: Request, *, common: bool) -> Iterator[tuple[tuple[Step, ...], bytes]]:
    for layout in layouts():
        if layout.common is common:
            yield (layout.step,), layout.join(request.parts, request.app_id)


def _rare(request: Request) -> Iterator[tuple[tuple[Step, ...], bytes]]:
    parts = request.parts
    before, after = _around(parts, 4)
    for steps, value in body_variants(parts.body, deep=True):
        if len(steps) > 1:
            yield steps, before + value + after
    for layout in orders():
        yield (layout.step,), layout.join(parts, request.app_id)
    before, after = _around(parts, 2)
    for steps, value in timestamp_variants(parts.timestamp, deep=True):
        yield steps, before + value + after


def _pairs(request: Request) -> Iterator[tuple[tuple[Step, ...], bytes]]:
    """Yield every string that two mistakes in different parts make, or two in the URL."""
    parts = request.parts
    changes = request.changes()
    axes = (
        _different(method_variants(parts.method), parts.method)[:3],
        _different(target_variants(parts.target, changes), parts.target),
        _different(timestamp_variants(parts.timestamp), parts.timestamp)[:5],
        _different(nonce_variants(parts.nonce, parts.timestamp), parts.nonce),
        _different(body_variants(parts.body), parts.body),
    )
    common = [layout for layout in layouts() if layout.common]
    for number, axis in enumerate(axes):
        for steps, value in axis:
            changed = Parts._make((*parts[:number], value, *parts[number + 1 :]))
            for layout in common:
                yield (*steps, layout.step), layout.join(changed, request.app_id)
            for second in range(number + 1, len(axes)):
                before, after = _around(changed, second)
                for more, other in axes[second]:
                    yield steps + more, before + other + after
    before, after = _around(parts, 1)
    for steps, value in target_pairs(parts.target, changes):
        yield steps, before + value + after


def _different(variants: Iterator[Variant], value: bytes) -> list[Variant]:
    """Return the variants without repetitions and without what was sent."""
    seen = {value}
    kept: list[Variant] = []
    for variant in variants:
        if variant.value not in seen:
            seen.add(variant.value)
            kept.append(variant)
    return kept


def _others(
    request: Request, steps: tuple[Step, ...], message: bytes
) -> tuple[tuple[Step, ...], ...]:
    """Return other single mistakes that make the same bytes."""
    if len(steps) > 1:
        return ()
    named = {step.cause for step in steps}
    found: dict[str, tuple[Step, ...]] = {}
    for others, guess in singles(request):
        if guess == message and others[0].cause not in named:
            found.setdefault(others[0].cause, others)
    return tuple(found.values())
