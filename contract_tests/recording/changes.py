"""Changes between two recordings, and how much they matter.

breaking     a client that worked does not: a member gone, another type, another status, a value of
             a list of words that was never there, a relation between answers lost
notable      a client may notice: new members, other values, other order, other forms of ids, URLs
cosmetic     a person may notice: wording, order of members, headers that say more
unreachable  nothing can be said: no answer came
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Severity(Enum):
    """How much a change matters, the most first."""

    UNREACHABLE = "unreachable"
    BREAKING = "breaking"
    NOTABLE = "notable"
    COSMETIC = "cosmetic"

    @property
    def rank(self) -> int:
        """Return 0 for what matters most."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Change:
    """One change: in which exchange, at which member, what it was before and is now.

    `kind` is one of the keys of `KINDS`; `where` is a path such as body.job.status.
    """

    scene: str
    step: str
    where: str
    kind: str
    severity: Severity
    before: Any = None
    now: Any = None

    def to_json(self) -> dict[str, Any]:
        """Return the change as plain data."""
        return {**asdict(self), "severity": self.severity.value}


KINDS = {
    "scene gone": "the scene is not in the second recording",
    "scene new": "the scene is not in the first recording",
    "step gone": "the exchange did not come about",
    "step new": "the exchange is not in the first recording",
    "no answer": "the connection broke, or nothing came in time",
    "status changed": "another HTTP status",
    "member gone": "a member is missing",
    "member new": "a member that was not there",
    "type changed": "a value of another type",
    "word new": "a value of a list of words that the first recording never has there",
    "value changed": "another value",
    "text changed": "other words for people",
    "reference broken": "what was the same is not the same any more",
    "reference merged": "what was different is the same now",
    "form changed": "an id or a moment in another form",
    "url changed": "a URL of another form",
    "items changed": "another number of items",
    "order changed": "the same in another order",
    "header gone": "a header is missing",
    "header new": "a header that was not there",
    "header changed": "another value of a header",
    "request changed": "not the same was asked, so answers cannot be compared strictly",
}
