"""Arbitrary requests to /scc, made from the reference's OpenAPI file: no crash, known answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from mock_server.app import App, create_app
from mock_server.core.accounts import LimitMode
from mock_server.settings import Settings
from mock_server.tests.workshop import signing
from mock_server.tests.workshop.world import NOW
from mock_server.web.wall import wall
from mock_server.workshop.settings import WorkshopSettings

DOCUMENT = yaml.safe_load(
    (Path(__file__).parents[3] / "fixtures" / "openapi" / "workshop.yaml").read_text("utf-8")
)

load_all_checks()
# As for the other surface, schemas of requests are looser and stricter than the service.
ASKED: list[Any] = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
]


def an_app(**settings: Any) -> App:
    app = create_app(
        Settings(
            rate_limit=LimitMode.OFF,
            clock_start=NOW,
            clock_rate=0,
            workshop=WorkshopSettings(**settings),
        )
    )
    asyncio.run(app.open(wall()))
    return app


@pytest.fixture(scope="module")
def described() -> Any:
    """The described operations over a mock of their own, which takes the AppKey's word."""
    loaded = schemathesis.openapi.from_dict(DOCUMENT)
    loaded.app = an_app(signature_check="off")
    return loaded


@pytest.fixture(scope="module")
def guarded() -> Any:
    """The same over a mock that checks signatures."""
    loaded = schemathesis.openapi.from_dict(DOCUMENT)
    loaded.app = an_app()
    return loaded


@pytest.fixture(scope="module")
def signed_for() -> App:
    """A mock whose AppKey signs every request as of NOW, with one nonce."""
    return an_app(timestamp_clock="account", nonce_replay="accept")


@pytest.mark.parametrize("path", DOCUMENT["paths"])
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_is_too_strange(described: Any, path: str, mode: GenerationMode):
    @given(case=described[path]["POST"].as_strategy(generation_mode=mode))
    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    def answer_is_a_known_one(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=ASKED, headers={"x-ca-key": signing.KEY})

    answer_is_a_known_one()

    assert any(trace.answer is not None for trace in described.app.journal)


@pytest.mark.parametrize("path", ["/scc/allocate_token", "/scc/sd_txt2img"])
def test_no_headers_of_an_unsigned_request_are_too_strange(guarded: Any, path: str):
    @given(case=guarded[path]["POST"].as_strategy())
    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    def nobody_is_let_in(case: schemathesis.Case[Any]) -> None:
        answer = case.call_and_validate(checks=ASKED)
        assert answer.status_code in (400, 403)
        assert answer.content == b""
        assert "x-ca-error-code" in answer.headers

    nobody_is_let_in()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
bodies = st.binary(max_size=100) | anything.map(lambda value: json.dumps(value).encode())


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_a_signed_request_is_answered_in_the_envelope_whatever_is_in_it(signed_for: App, path: str):
    @given(bodies)
    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    def answer_is_an_envelope(body: bytes) -> None:
        request = signing.signed(signing.a_request("POST", path, body))
        status, headers, answer = asyncio.run(sent(signed_for, request))
        assert status == 200, headers
        envelope = json.loads(answer)
        assert envelope["status"] in (10, 20)
        assert (envelope["status"] == 10) == (envelope["errCode"] is None)
        assert envelope["errCode"] != "SYSTEM_ERROR"

    answer_is_an_envelope()


async def sent(app: App, request: signing.Request) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the answer to a request as it stands."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://mock.test") as http:
        headers = [*request.headers, ("content-length", str(len(request.body)))]
        answer = await http.request(
            request.method, request.target, content=request.body, headers=headers
        )
        return answer.status_code, dict(answer.headers), answer.content
