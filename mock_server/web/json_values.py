"""How moments and amounts look in JSON; light enough for the start of a server."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

_LAST_DATE = 253_402_300_799.0  # 9999-12-31T23:59:59Z


def iso(moment: float) -> str:
    """Return the moment as ISO 8601 in UTC."""
    date = datetime.fromtimestamp(min(max(moment, 0.0), _LAST_DATE), UTC)
    return date.isoformat().replace("+00:00", "Z")


def plain_number(amount: Decimal) -> int | float:
    """Return the amount as a JSON number; it has few enough digits to stay exact."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
