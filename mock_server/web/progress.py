"""What moves one job, where its caller says so in a header of the mock's own."""

from __future__ import annotations

from mock_server.core.accounts import Progression
from mock_server.core.errors import Invalid
from mock_server.web.calls import Call

HEADER = "X-Mock-Progress"


def wished_progression(call: Call) -> Progression | None:
    """Return what the header asks for, or None without it; raises Invalid for unknown words."""
    value = call.header(b"x-mock-progress")
    if value is None:
        return None
    try:
        return Progression(value.decode("latin-1").strip().lower())
    except ValueError:
        raise Invalid(HEADER, f"must be one of {', '.join(Progression)}") from None
