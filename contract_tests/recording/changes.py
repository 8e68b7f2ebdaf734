"""Changes between two recordings, and how much they matter.

breaking     a client may stop working: a missing member, another type or status, a new enum value,
             a lost relation between answers
notable      a client may notice it: new members, other values or order, other forms of ids or URLs
cosmetic     a person may notice it: wording, order of members, more headers
unreachable  no answer came, so nothing can be compared
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Severity(Enum):
    """How much a change matters, the most important first."""

    UNREACHABLE = "unreachable"
    BREAKING = "breaking"
    NOTABLE = "notable"
    COSMETIC = "cosmetic"

    @property
    def rank(self) -> int:
        """Return 0 for the most important severity."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Change:
    """One change: the exchange, the member, and the values before and now.

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
    "step gone": "the exchange is missing in the second recording",
    "step new": "the exchange is not in the first recording",
    "no answer": "the connection broke, or no answer came in time",
    "status changed": "another HTTP status",
    "member gone": "a member is missing",
    "member new": "a new member",
    "type changed": "a value of another type",
    "word new": "a word that the first recording never has in this member",
    "value changed": "another value",
    "text changed": "other words for people",
    "reference broken": "values that were the same are different now",
    "reference merged": "values that were different are the same now",
    "form changed": "an id or a time in another form",
    "url changed": "a URL of another form",
    "items changed": "another number of items",
    "order changed": "the same items in another order",
    "header gone": "a header is missing",
    "header new": "a new header",
    "header changed": "another value of a header",
    "request changed": "another request, so the answers cannot be compared strictly",
}
