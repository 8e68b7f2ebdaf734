"""The data of a report. The JSON document is exactly this; pages are made from it.

Amounts of money are texts, so that nothing is rounded. Durations are seconds, times are seconds
since the epoch. Secrets are already removed.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as the transcript has them.

    `request` has method, url, headers (pairs) and body; `response` has status, headers and body, or
    is None if no answer came, and then `error` says why. A binary body is described by `bytes` and
    `sha256`.
    """

    exchange: str
    at: float
    took_ms: float
    request: dict[str, Any]
    response: dict[str, Any] | None = None
    error: str = ""


@dataclass(frozen=True)
class Observation:
    """What a target did where the reference is silent; `at` is the wall time."""

    unknown: str
    what: str
    value: Any
    test: str
    at: float = 0.0


@dataclass(frozen=True)
class TestResult:
    """How one test ended.

    `outcome` is one of passed, observed, failed, skipped, disabled, unsupported, error,
    unreachable; `reason` is one line of why, `message` the whole failure. `spends` was declared,
    `spent` is an upper bound. `waited` are seconds of the target's time that the test let pass.
    `observes` means that the test judges nothing. `verified` has the day of the last recorded pass
    for each kind of target. Exchanges are kept for failures.
    """

    __test__ = False

    test: str
    surface: str
    name: str
    source: list[str]
    outcome: str
    reason: str = ""
    message: str = ""
    seconds: float = 0.0
    waited: float = 0.0
    calls: int = 0
    spends: str = "0"
    spent: str = "0"
    needs: list[str] = field(default_factory=list)
    slow: bool = False
    destructive: bool = False
    leaves_traces: bool = False
    observes: bool = False
    verified: dict[str, str] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)


@dataclass(frozen=True)
class ShownValue:
    """One observed value as text, and the number of its observations."""

    what: str
    value: str
    times: int


@dataclass(frozen=True)
class UnknownRow:
    """An open question and what this target does, if that was observed."""

    unknown: str
    surface: str
    question: str
    observations: list[Observation]

    @property
    def values(self) -> list[ShownValue]:
        """Return the different values that were observed, the most frequent first."""
        seen = Counter((one.what, _as_text(one.value)) for one in self.observations)
        return [ShownValue(what, value, times) for (what, value), times in seen.most_common()]


@dataclass(frozen=True)
class MoneyRow:
    """One unit (credits, uses): the budget (None means no limit) and the most that was spent."""

    unit: str
    budget: str | None
    spent: str


# States in which a resource needs no further action.
ENDED = frozenset(
    ("success", "succeeded", "failed", "canceled", "cancelled", "gone", "expires", "destroyed")
)


@dataclass(frozen=True)
class ResourceRow:
    """A resource that the run made, and how it ended."""

    kind: str
    id: str
    surface: str
    test: str
    state: str

    @property
    def left(self) -> bool:
        """Whether it still exists at the target."""
        return self.state not in ENDED


@dataclass(frozen=True)
class TargetFacts:
    """The target; `kind` is mock, url or real. Only mocks tell their `version`."""

    asked: str
    kind: str
    urls: dict[str, str]
    moves_time: bool
    served: list[str]
    version: str = ""


@dataclass(frozen=True)
class RunReport:
    """A whole run; `complete` is false after Ctrl-C or a crash."""

    schema: int
    suite: str
    started: float
    finished: float
    complete: bool
    folder: str
    target: TargetFacts
    profile: str
    totals: dict[str, int]
    calls: dict[str, int]
    money: list[MoneyRow]
    tests: list[TestResult]
    unknowns: list[UnknownRow]
    made: list[ResourceRow]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_result(data: dict[str, Any]) -> TestResult:
    """Return a result from plain data."""
    exchanges = [read_exchange(exchange) for exchange in data.get("exchanges", [])]
    observations = [Observation(**observation) for observation in data.get("observations", [])]
    return TestResult(**{**data, "exchanges": exchanges, "observations": observations})


def read_exchange(entry: dict[str, Any]) -> Exchange:
    """Return an exchange from a line of the transcript."""
    names = Exchange.__dataclass_fields__
    return Exchange(**{name: value for name, value in entry.items() if name in names})
