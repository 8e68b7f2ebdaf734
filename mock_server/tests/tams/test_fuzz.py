"""Arbitrary requests to /v1, made from the reference's OpenAPI file: no crash, known answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from mock_server.app import create_app
from mock_server.core.accounts import LimitMode
from mock_server.settings import Settings
from mock_server.tests.tams.world import BEARER
from mock_server.web.wall import wall

DOCUMENT = yaml.safe_load(
    (Path(__file__).parents[3] / "fixtures" / "openapi" / "tams.yaml").read_text("utf-8")
)
SERVED = {
    operation.path.replace("_id}", "Id}")
    for operation in create_app(Settings()).vendors["tams"].surface.operations
}
DOCUMENT["paths"] = {path: item for path, item in DOCUMENT["paths"].items() if path in SERVED}

load_all_checks()
# Left out are checks of what the reference does not promise: its schemas are looser than the
# service (chains of stages) and stricter (unknown members and odd numbers are taken).
ASKED: list[Any] = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
]


@pytest.fixture(scope="module")
def described() -> Any:
    """The described operations over a mock of their own."""
    app = create_app(Settings(rate_limit=LimitMode.OFF))
    asyncio.run(app.open(wall()))
    loaded = schemathesis.openapi.from_dict(DOCUMENT)
    loaded.app = app
    return loaded


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (path, method.upper())
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method != "parameters"
    ],
)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_is_too_strange(described: Any, path: str, method: str, mode: GenerationMode):
    @given(case=described[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
    def answer_is_a_known_one(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=BEARER, checks=ASKED)

    answer_is_a_known_one()

    assert any(trace.answer is not None for trace in described.app.journal)
