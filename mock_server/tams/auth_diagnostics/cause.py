"""Where the mistakes that people make with TAMS credentials are written."""

from __future__ import annotations

from mock_server.web.auth_diagnostics.causes import Cause

TOKENS = "TAMS › 3.1 Token"
SIGNATURES = "TAMS › 3.2 Signature"
CLIENTS = "TAMS › 3.3 What clients really do"
FAILURES = "TAMS › 3.4 Failures"
UNKNOWNS = "TAMS › 14 Unknown"


def cause(id: str, sentence: str, fix: str, source: str = SIGNATURES) -> Cause:
    """Return one mistake: its id, what is wrong, how to mend it, and the section that says so."""
    return Cause(id, sentence, fix, source)
