"""Handing a captured request to the surface whose signature scheme it is made for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from mock_server.web.auth_diagnostics.explanations import as_data
from mock_server.web.auth_diagnostics.findings import Diagnosis
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.capture_formats import described
from mock_server.web.captures import Capture, CaptureError

Explain = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Explainer(Protocol):
    """Knows one scheme, and by what a request for it can be told."""

    def understands(self, capture: Capture) -> bool: ...

    async def explain(self, captured: dict[str, Any]) -> dict[str, Any]: ...


def explainer(particular: Sequence[Explainer], otherwise: Explain) -> Explain:
    """Return what explains any request: the first that understands it, or else `otherwise`."""

    async def explain(captured: dict[str, Any]) -> dict[str, Any]:
        capture = described(captured)
        chosen = next((each for each in particular if each.understands(capture)), None)
        return await (otherwise if chosen is None else chosen.explain)(captured)

    return explain


def answer_capture(
    captured: Mapping[str, Any],
    known_accounts: Sequence[KnownAccount],
    diagnose: Callable[[Capture, KnownAccount | None], Diagnosis],
) -> dict[str, Any]:
    """Read what `capture_formats.described` takes and diagnose it; raises CaptureError.

    Its member `account` says whose credentials were meant, which is None without it.
    """
    meant = None
    if name := captured.get("account"):
        meant = next(
            (known_account for known_account in known_accounts if known_account.account == name),
            None,
        )
        if meant is None:
            raise CaptureError(f"there is no account {name!r}")
    return as_data(diagnose(described(captured), meant))
