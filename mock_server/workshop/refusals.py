"""The refusals of the Workshop by name, for faults: those of the service and of its gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from mock_server.core.errors import DomainError, Unauthenticated
from mock_server.workshop.errors import Refused
from mock_server.workshop.gateway import GatewayRefusal, Situation


def refusals(situations: Iterable[str]) -> Mapping[str, Callable[[], DomainError]]:
    """Return what makes each refusal; those of the gateway begin with `gateway-`."""
    made: dict[str, Callable[[], DomainError]] = {
        name: partial(Refused, name, "a fault refuses this call") for name in situations
    }
    for each in Situation:
        refusal = GatewayRefusal(each, "a fault refuses this call")
        name = each.name.lower().replace("_", "-")
        made[f"gateway-{name}"] = partial(Unauthenticated, refusal.detail, diagnosis=refusal)
    return made
