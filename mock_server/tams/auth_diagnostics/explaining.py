"""From a captured request, or an account, to a diagnosis: what the ways in have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mock_server.tams.auth_diagnostics.diagnosis import diagnose
from mock_server.tams.auth_diagnostics.findings import Evidence
from mock_server.tams.settings import TamsSettings
from mock_server.web.auth_diagnostics.explainers import answer_capture
from mock_server.web.auth_diagnostics.findings import Diagnosis
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search_budget import FULL, SearchBudget
from mock_server.web.captures import Capture


def evidence_of(
    capture: Capture,
    known_accounts: Iterable[KnownAccount],
    settings: TamsSettings,
    *,
    meant: KnownAccount | None = None,
    paths: Sequence[bytes] = (),
) -> Evidence:
    """Return a captured request as evidence; its clock is looked at where its time is known."""
    value = capture.header("authorization")
    looked_at = settings.clock_skew > 0 and capture.at is not None
    return Evidence(
        method=capture.method,
        target=capture.target,
        authorization=None if value is None else value.encode("latin-1", "replace"),
        body=capture.body,
        host=capture.host.encode("latin-1", "replace"),
        scheme=capture.scheme,
        wall=capture.at or 0.0,
        known_account=meant,
        others=known_accounts,
        lenient=settings.header_grammar == "lenient",
        skew_seconds=settings.clock_skew if looked_at else None,
        one_scheme=settings.schemes == "one",
        paths=paths,
    )


def explain_capture(
    capture: Capture,
    known_accounts: Iterable[KnownAccount],
    settings: TamsSettings,
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
    settings: TamsSettings,
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
