"""Where the mistakes that people make with the gateway's signatures are written."""

from __future__ import annotations

from mock_server.web.auth_diagnostics.causes import Cause

HEADERS = "Workshop › 3.1 Headers"
STRING = "Workshop › 3.2 String-to-sign"
DIGESTS = "Workshop › 3.3 Content-MD5 in practice"
REFUSALS = "Workshop › 3.4 What a refusal looks like"
UNKNOWNS = "Workshop › 12 Unknown"


def cause(id: str, sentence: str, fix: str, source: str = STRING) -> Cause:
    """Return one mistake: its id, what is wrong, how to mend it, and the section that says so."""
    return Cause(id, sentence, fix, source)
