"""Hands a captured request to the vendor whose signature scheme it is made for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from mock_server.web.capture_formats import described
from mock_server.web.captures import Capture

Explain = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Explainer(Protocol):
    """Knows one scheme, and how a request for it looks."""

    def understands(self, capture: Capture) -> bool: ...

    async def explain(self, captured: dict[str, Any]) -> dict[str, Any]: ...


def explainer(particular: Sequence[Explainer], otherwise: Explain) -> Explain:
    """Return what explains any request: the first that understands it, or else `otherwise`."""

    async def explain(captured: dict[str, Any]) -> dict[str, Any]:
        capture = described(captured)
        chosen = next((each for each in particular if each.understands(capture)), None)
        return await (otherwise if chosen is None else chosen.explain)(captured)

    return explain
