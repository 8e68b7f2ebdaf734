"""What an account looks like in JSON; light enough for the start of a server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mock_server.core.accounts import Account
from mock_server.web.json_values import iso, plain_number

# Settings that are members of accounts as well.
MEMBERS = {"progress": "progress", "slots": "slots", "eventsUrl": "workshop.event_url"}


def own_settings(account: Account) -> dict[str, Any]:
    """Return the settings that the account has of its own, ready for JSON."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in account.settings
    }


def account_body(account: Account, balance: Decimal, name: str = "") -> dict[str, Any]:
    """Return the account as the control API answers it; `name` stands in for a missing one."""
    credentials, clock, limits = account.credentials, account.clock, account.limits
    settings = own_settings(account)
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
        **{member: settings.get(name) for member, name in MEMBERS.items()},
        "settings": settings,
    }
