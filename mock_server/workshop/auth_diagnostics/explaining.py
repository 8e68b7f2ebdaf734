"""From a captured request, or an account, to a diagnosis: what the ways in have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mock_server.web.auth_diagnostics.explainers import answer_capture
from mock_server.web.auth_diagnostics.findings import Diagnosis
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search_budget import FULL, SearchBudget
from mock_server.web.captures import Capture
from mock_server.workshop.auth_diagnostics.diagnosis import diagnose
from mock_server.workshop.auth_diagnostics.evidence import Evidence
from mock_server.workshop.settings import WorkshopSettings


def understands(capture: Capture) -> bool:
    """Say whether a captured request was meant for the Workshop, by its headers and its path."""
    names = [name.lower().replace("_", "-") for name, _ in capture.headers]
    return b"/scc/" in capture.target or any(name.startswith("x-ca-") for name in names)


def evidence_of(
    capture: Capture,
    known_accounts: Iterable[KnownAccount],
    settings: WorkshopSettings,
    *,
    meant: KnownAccount | None = None,
    paths: Sequence[bytes] = (),
) -> Evidence:
    """Return a captured request as evidence; its clock is looked at where its time is known."""
    headers = [
        (name.encode("latin-1", "replace"), _bytes(value)) for name, value in capture.headers
    ]
    if capture.host and all(name.lower() != b"host" for name, _ in headers):
        headers.append((b"host", capture.host.encode("latin-1", "replace")))
    return Evidence(
        capture.method,
        capture.target,
        tuple(headers),
        capture.body,
        settings=settings,
        scheme=capture.scheme,
        now=capture.at,
        known_account=meant,
        others=known_accounts,
        paths=paths,
    )


def explain_capture(
    capture: Capture,
    known_accounts: Iterable[KnownAccount],
    settings: WorkshopSettings,
    *,
    meant: KnownAccount | None = None,
    paths: Sequence[bytes] = (),
    budget: SearchBudget = FULL,
) -> Diagnosis:
    """Return the diagnosis of a captured request."""
    return diagnose(
        evidence_of(capture, known_accounts, settings, meant=meant, paths=paths), budget
    )


def explain(
    captured: Mapping[str, Any],
    known_accounts: Sequence[KnownAccount],
    settings: WorkshopSettings,
    *,
    paths: Sequence[bytes] = (),
) -> dict[str, Any]:
    """Answer `POST /_mock/signature/explain`; raises CaptureError for what cannot be read.

    `captured` is as `captures.described` takes it; its member `account` says whose credentials
    were meant.
    """
    return answer_capture(
        captured,
        known_accounts,
        lambda capture, meant: explain_capture(
            capture, known_accounts, settings, meant=meant, paths=paths
        ),
    )


def _bytes(value: str) -> bytes:
    """Return a header's value as it was on the wire: captures hold bytes or text."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")
