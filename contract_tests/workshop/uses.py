"""Calls that may count as a use, with any answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from contract_tests.clients.workshop import Envelope, WorkshopClient, shortened
from contract_tests.money import Reservation


def use(workshop: WorkshopClient, operation: str, body: Any, **options: Any) -> Envelope:
    """Post a body to an operation; if it may count as a use, with one reserved use."""
    costs = workshop.wire.costs("POST", f"/scc/{operation}")
    reservation = a_use(workshop) if costs else None
    envelope = workshop.ask(operation, body, reservation=reservation, **options)
    if envelope.ok and "Session" in operation:
        workshop.wire.resources.end(f"of token {shortened(str(body['apiToken']))}", "expires")
    return envelope


def a_use(workshop: WorkshopClient) -> Reservation:
    """Reserve one use for a call that the wire does not count by itself."""
    wire = workshop.wire
    return wire.current_test().allowance.take(wire.ledger, Decimal(1))


def stays(workshop: WorkshopClient, data: Any) -> Any:
    """Record that the token of an answer stays, and return the `data`."""
    if data:
        workshop.wire.resources.end(shortened(str(data["apiToken"])), "stays")
    return data
