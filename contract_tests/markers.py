"""The markers of a contract test.

Every test has a source. The other markers say what it costs and what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import pytest

__all__ = ["destructive", "leaves_traces", "needs", "observes", "slow", "source", "spends"]

if TYPE_CHECKING:
    source: pytest.MarkDecorator
    spends: pytest.MarkDecorator
    needs: pytest.MarkDecorator
    leaves_traces: pytest.MarkDecorator
    observes: pytest.MarkDecorator
    destructive: pytest.MarkDecorator
    slow: pytest.MarkDecorator

DESCRIPTIONS = (
    'source(section, ...): the sections that the test rests on, as in "TAMS › 5.1"; required',
    "spends(n): credits (or uses of the Workshop) that the test may cost at most",
    "needs(capability, ...): capabilities that the target must have",
    "observes: records what the reference leaves open, and accepts every orderly answer",
    "leaves_traces: something stays with the vendor that cannot be removed",
    "destructive: disturbs other users of the account",
    "slow: waits for minutes in real time",
)
CAPABILITIES: Mapping[str, str] = {
    "bearer": "there is a bearer token",
    "signature": "there is an app id and a private key",
    "clock": "time can be moved",
    "balance": "the balance of the account can be read",
    "callbacks": "the target can reach a receiver",
    "accounts": "another account can be made",
}
_SECTION = re.compile(r"(?:TAMS|Workshop) › \S.*")


def __getattr__(name: str) -> pytest.MarkDecorator:
    """Return a marker on demand: pytest may not know it yet when this module is imported."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    mark: pytest.MarkDecorator = getattr(pytest.mark, name)
    return mark


class BadMarker(Exception):
    """A marker of a test is wrong; the message says which and why."""


@dataclass(frozen=True)
class Markers:
    """What a test declares about itself."""

    source: tuple[str, ...]
    spends: Decimal
    needs: tuple[str, ...]
    leaves_traces: bool
    destructive: bool
    slow: bool
    observes: bool = False


def read_markers(item: pytest.Item) -> Markers:
    """Return the markers of a test, or raise `BadMarker`."""
    sections = _arguments(item, "source")
    if not sections:
        raise BadMarker(f'{item.nodeid} has no source: add @source("TAMS › 5.1"), for example')
    for section in sections:
        if not _SECTION.fullmatch(section):
            raise BadMarker(f"{item.nodeid}: {section!r} is not a section such as 'TAMS › 5.1'")
    capabilities = _arguments(item, "needs")
    for capability in capabilities:
        if capability not in CAPABILITIES:
            known = ", ".join(CAPABILITIES)
            raise BadMarker(f"{item.nodeid} needs {capability!r}; capabilities are {known}")
    return Markers(
        source=sections,
        spends=_amount(item),
        needs=capabilities,
        leaves_traces=item.get_closest_marker("leaves_traces") is not None,
        destructive=item.get_closest_marker("destructive") is not None,
        slow=item.get_closest_marker("slow") is not None,
        observes=_observes(item),
    )


def _arguments(item: pytest.Item, name: str) -> tuple[str, ...]:
    found = [str(argument) for mark in item.iter_markers(name) for argument in mark.args]
    return tuple(dict.fromkeys(found))


def _observes(item: pytest.Item) -> bool:
    if item.get_closest_marker("observes") is None:
        return False
    if "observe" not in getattr(item, "fixturenames", ()):
        raise BadMarker(f"{item.nodeid} has the marker observes without the fixture observe")
    return True


def _amount(item: pytest.Item) -> Decimal:
    mark = item.get_closest_marker("spends")
    if mark is None:
        return Decimal(0)
    try:
        (amount,) = (Decimal(str(argument)) for argument in mark.args)
    except (ValueError, InvalidOperation):
        raise BadMarker(f"{item.nodeid}: spends takes one number, as in @spends(1)") from None
    if not amount.is_finite() or amount <= 0:
        raise BadMarker(f"{item.nodeid}: spends({amount}) must be an amount above 0")
    return amount
