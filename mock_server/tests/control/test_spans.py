"""Spans of OpenTelemetry: one for each exchange, with the standard names, below the caller's."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from mock_server.app import App
from mock_server.core.errors import NotInstalled
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.scenarios.watcher import a_watcher
from mock_server.web import extras
from mock_server.web.wall import wall

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TOKEN = {"authorization": "Bearer mock-token-0001"}


@pytest.fixture
def exporter(monkeypatch):
    """What gets the spans of a program that has a tracer provider."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)
    return exporter


async def test_a_span_has_the_standard_names_and_the_callers_parent(exporter):
    async with a_watcher(otel=True) as watcher:
        sent = TOKEN | {"traceparent": f"00-{TRACE}-{PARENT}-01", "user-agent": "me/1"}
        answer = await watcher.http.get("/v1/jobs/1?n=2", headers=sent)
        assert answer.status_code == 404
        (entry,) = (await watcher.mock("GET", "/requests"))["requests"]
    span = exporter.get_finished_spans()[0]

    assert (span.name, span.kind) == ("GET /v1/jobs/{job_id}", SpanKind.SERVER)
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "http.route": "/v1/jobs/{job_id}",
        "url.path": "/v1/jobs/1",
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "server.port": 8080,
        "client.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "user_agent.original": "me/1",
        "tams_mock.request_id": entry["id"],
        "tams_mock.surface": "tams",
        "tams_mock.account": "default",
        "tams_mock.refusal": entry["refusal"],
    }
    assert span.start_time is not None
    assert abs(span.start_time / 1e9 - wall()) < 60
    assert span.end_time is not None
    assert span.end_time - span.start_time == pytest.approx(entry["durationMs"] * 1e6, rel=0.01)


async def test_a_span_of_a_failure_is_an_error_and_shows_no_secret(exporter):
    async with a_watcher(otel=True) as watcher:
        fault = {"kind": "refusal", "name": "overloaded"}
        await watcher.mock("POST", "/faults", {"match": {"surface": "tams"}, "fault": fault})
        await watcher.poll("1")
        await watcher.http.request("BREW", "/coffee/mock-token-0001", headers=TOKEN)
    failed, unknown = exporter.get_finished_spans()[1:]

    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["error.type"] == "503"
    assert failed.attributes["tams_mock.faults"] == ("refusal",)
    assert unknown.name == "HTTP"
    assert unknown.attributes["http.request.method"] == "_OTHER"
    assert unknown.attributes["http.request.method_original"] == "BREW"
    assert unknown.attributes["url.path"] == "/coffee/***"


async def test_a_server_without_the_setting_makes_none(exporter):
    async with a_watcher() as watcher:
        await watcher.poll("1")
    assert exporter.get_finished_spans() == ()


async def test_a_server_that_misses_the_extra_says_which(monkeypatch):
    monkeypatch.setattr(extras, "is_installed", lambda extra: False)
    with pytest.raises(NotInstalled, match=r"tams-mock\[otel\]"):
        await App(Settings(otel=True)).open(wall())


def test_spans_go_where_the_usual_variables_say(monkeypatch):
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=collector.serve_forever)
    thread.start()
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "my-mock")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    try:
        with serve_in_thread(Settings(port=0, otel=True)) as server:
            httpx.get(f"{server.url}/v1/jobs/1", headers=TOKEN)
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()

    ((path, request),) = received
    (resource,) = request.resource_spans
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    names = [span.name for scope in resource.scope_spans for span in scope.spans]
    assert (path, named["service.name"]) == ("/v1/traces", "my-mock")
    assert "GET /v1/jobs/{job_id}" in names
