"""A header of the mock that chooses what advances the job of one request."""

from __future__ import annotations

from mock_server.core.accounts import Progression
from mock_server.core.errors import Invalid
from mock_server.web.calls import Call

HEADER = "X-Mock-Progress"


def wished_progression(call: Call) -> Progression | None:
    """Return the progression in the header, or None without it; raises Invalid for other values."""
    value = call.header(b"x-mock-progress")
    if value is None:
        return None
    try:
        return Progression(value.decode("latin-1").strip().lower())
    except ValueError:
        raise Invalid(HEADER, f"must be one of {', '.join(Progression)}") from None
