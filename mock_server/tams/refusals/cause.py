"""What a cause is: one mistake that people make with TAMS credentials, and where it is written."""

from __future__ import annotations

from dataclasses import dataclass

TOKENS = "TAMS › 3.1 Token"
SIGNATURES = "TAMS › 3.2 Signature"
CLIENTS = "TAMS › 3.3 What clients really do"
FAILURES = "TAMS › 3.4 Failures"
UNKNOWNS = "TAMS › 14 Unknown"


@dataclass(frozen=True, slots=True)
class Cause:
    """One mistake: its id, a sentence that says what it is, one that mends it, and the source."""

    id: str
    sentence: str
    mend: str
    source: str = SIGNATURES
