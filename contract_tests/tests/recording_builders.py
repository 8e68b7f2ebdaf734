"""Functions that make exchanges and recordings."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import strategies as st

from contract_tests.recording.shape import RecordedExchange, RecordedScene, Recording

JOB, IMAGE, TASK = (
    "881417947308949275",
    "0d9b2f6e-4f0a-4a53-9d1c-5f5c2b1e7a10",
    "01kf0apaygtask000000000002",
)
_GLUED = re.compile(rf"[0-9A-Za-z.](?:{JOB}|{IMAGE})|(?:{JOB}|{IMAGE})[0-9A-Za-z.]")
NAMES = ("requestId", "jobId", "id", "job", "images", "apiToken", "expiredAt", "url", "message",
         "status", "signature", "auth_key")  # fmt: skip


def an_exchange(
    body: Any = None,
    *,
    step: str = "GET /v1/jobs/{jobId}",
    status: int = 200,
    headers: dict[str, str] | None = None,
    sent: Any = None,
    url: str = "{{endpoint}}/v1/jobs/{{job-1}}",
) -> RecordedExchange:
    """Return an exchange of a recording."""
    request: dict[str, Any] = {"method": "GET", "url": url, "headers": {}}
    shown = {"content-type": "application/json"} if headers is None else headers
    return {
        "step": step,
        "request": request if sent is None else {**request, "body": sent},
        "response": {"status": status, "headers": shown, "body": body},
    }


def a_recording(
    *exchanges: RecordedExchange, target: str = "mock", name: str = "tams/jobs"
) -> Recording:
    """Return a recording of one scene."""
    return Recording(target, (RecordedScene(name, "Jobs.", ("TAMS › 5.2",), exchanges),))


def values() -> st.SearchStrategy[Any]:
    """Return JSON values, many of them with volatile parts."""
    volatile = st.sampled_from([
        JOB, int(JOB), IMAGE, TASK, "i_69689e800000000000abc001", "1768467600", 1768467600000,
        "2026-01-15", "2026-01-15T08:00:00Z", "Thu, 15 Jan 2026 08:00:00 GMT", "8a8bb7cd" * 4,
        "contract-00ff00ff00ff00ff00ff00ff", "{{job-1}}", "{{time-2:number}}", "{{nonce}}", "***",
        f"http://cdn.test/{JOB}_0.png?auth_key=1768467600-{'8a8bb7cd' * 4}-0-{'edbab455' * 4}",
        "http://oss.test/in.png?Signature=abc%2Bdef%3D&Expires=1768467600", "SUCCESS", "short",
    ])  # fmt: skip
    plain = st.none() | st.booleans() | st.integers() | st.text(max_size=40)
    mixed = st.lists(volatile.map(str) | st.text(max_size=3), max_size=3).map("".join)
    names = st.sampled_from(NAMES) | volatile.map(str)
    return st.recursive(
        plain | volatile | mixed,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    )


def exchanges() -> st.SearchStrategy[list[RecordedExchange]]:
    """Return scenes of one to three exchanges."""
    return _scenes(st.builds(an_exchange, values(), sent=values(), url=values().map(str)))


def answers() -> st.SearchStrategy[list[RecordedExchange]]:
    """Return scenes with constant requests, in which no id is part of a longer number."""
    found = _scenes(st.builds(an_exchange, values(), url=st.just("{{endpoint}}/v1/jobs")))
    return found.filter(lambda scene: not _GLUED.search(json.dumps(scene)))


def _scenes(one: st.SearchStrategy[RecordedExchange]) -> st.SearchStrategy[list[RecordedExchange]]:
    return st.lists(one, min_size=1, max_size=3).map(
        lambda found: [{**exchange, "step": f"step {i}"} for i, exchange in enumerate(found)]
    )
