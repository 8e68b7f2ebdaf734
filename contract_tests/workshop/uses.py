"""Calls that count as a use and whose answer is looked at, whatever it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from contract_tests.clients.workshop import Envelope, WorkshopClient, shortened
from contract_tests.money import Reservation


def use(workshop: WorkshopClient, operation: str, body: Any, **options: Any) -> Envelope:
    """Post a body to an operation that may count, with one use of what the test declared."""
    envelope = workshop.ask(operation, body, reservation=a_use(workshop), **options)
    if envelope.ok and "Session" in operation:
        workshop.wire.resources.end(f"of token {shortened(str(body['apiToken']))}", "expires")
    return envelope


def a_use(workshop: WorkshopClient) -> Reservation:
    """Set one use aside for a call that the wire does not know to count."""
    wire = workshop.wire
    return wire.current_test().allowance.take(wire.ledger, Decimal(1))


def stays(workshop: WorkshopClient, data: Any) -> Any:
    """Write down that the token of an answer stays, as tokens do, and return the `data`."""
    if data:
        workshop.wire.resources.end(shortened(str(data["apiToken"])), "stays")
    return data
