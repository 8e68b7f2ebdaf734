"""From a captured request, or an account, to a diagnosis: what the ways in have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mock_server.tams.choices import Choices
from mock_server.tams.refusals.diagnosis import diagnose
from mock_server.tams.refusals.findings import Evidence
from mock_server.web.captures import Capture
from mock_server.web.refusals.efforts import FULL, Effort
from mock_server.web.refusals.explainers import answer_capture
from mock_server.web.refusals.findings import Diagnosis
from mock_server.web.refusals.parties import Party


def evidence_of(
    capture: Capture,
    parties: Iterable[Party],
    choices: Choices,
    *,
    meant: Party | None = None,
    paths: Sequence[bytes] = (),
) -> Evidence:
    """Return a captured request as evidence; its clock is looked at where its time is known."""
    value = capture.header("authorization")
    looked_at = choices.clock_skew > 0 and capture.at is not None
    return Evidence(
        method=capture.method,
        target=capture.target,
        authorization=None if value is None else value.encode("latin-1", "replace"),
        body=capture.body,
        host=capture.host.encode("latin-1", "replace"),
        scheme=capture.scheme,
        wall=capture.at or 0.0,
        party=meant,
        others=parties,
        lenient=choices.header_grammar == "lenient",
        skew_seconds=choices.clock_skew if looked_at else None,
        one_scheme=choices.schemes == "one",
        paths=paths,
    )


def explain_capture(
    capture: Capture,
    parties: Iterable[Party],
    choices: Choices,
    *,
    meant: Party | None = None,
    paths: Sequence[bytes] = (),
    effort: Effort = FULL,
) -> Diagnosis:
    """Return the diagnosis of a captured request."""
    return diagnose(evidence_of(capture, parties, choices, meant=meant, paths=paths), effort)


def explain(
    captured: Mapping[str, Any],
    parties: Sequence[Party],
    choices: Choices,
    *,
    paths: Sequence[bytes] = (),
) -> dict[str, Any]:
    """Answer `POST /_mock/signature/explain`; raises CaptureError for what cannot be read.

    `captured` is as `captures.described` takes it; its member `account` says whose credentials
    were meant.
    """
    return answer_capture(
        captured,
        parties,
        lambda capture, meant: explain_capture(capture, parties, choices, meant=meant, paths=paths),
    )
