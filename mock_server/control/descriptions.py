"""How moments, amounts and accounts look in JSON; light enough for the start of a server."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from mock_server.core.accounts import Account

_LAST_DATE = 253_402_300_799.0  # 9999-12-31T23:59:59Z


def iso(moment: float) -> str:
    """Return the moment as ISO 8601 in UTC."""
    date = datetime.fromtimestamp(min(max(moment, 0.0), _LAST_DATE), UTC)
    return date.isoformat().replace("+00:00", "Z")


def plain_number(amount: Decimal) -> int | float:
    """Return the amount as JSON has numbers; it has few enough digits to stay exact."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def account_body(account: Account, balance: Decimal, name: str = "") -> dict[str, Any]:
    """Return the account as the control API answers it; `name` is one that was made up."""
    credentials, clock, limits = account.credentials, account.clock, account.limits
    return {
        "id": account.id,
        "name": account.name or name or None,
        "seed": account.seed,
        "readyMade": account.ready_made,
        "appId": credentials.app_id,
        "privateKey": credentials.private_key or None,
        "publicKey": credentials.public_key or None,
        "accessToken": credentials.token,
        "appKey": credentials.key,
        "appSecret": credentials.secret,
        "balance": plain_number(balance),
        "limits": {"qps": limits.qps, "window": limits.window, "rateLimit": limits.mode.value},
        "clock": clock
        and {
            "setTo": clock.virtual_anchor,
            "iso": iso(clock.virtual_anchor),
            "rate": clock.rate,
            "frozen": clock.frozen,
        },
        "progress": account.progress and account.progress.value,
        "slots": account.slots,
        "eventsUrl": account.events_url or None,
    }
