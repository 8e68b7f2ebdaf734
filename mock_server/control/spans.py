"""A span of OpenTelemetry for each exchange, where the server was started with `--otel`.

Where the spans go, and what the service is called, say the usual variables of OpenTelemetry, such
as OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_SERVICE_NAME. A program that has a tracer provider already
gets them there.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import trace as api
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider

from mock_server.control.probes import NAME
from mock_server.control.redaction import Redactor
from mock_server.web.traces import Trace

_NANOSECONDS = 1_000_000_000
# Methods that have names of their own; all others are _OTHER, as the conventions want it.
_METHODS = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}


class Spans:
    """Observes exchanges, and makes a span of each; the caller's `traceparent` is its parent."""

    def __init__(self, version: str, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = secrets
        provider = api.get_tracer_provider()
        self._own: TracerProvider | None = None
        if isinstance(provider, api.ProxyTracerProvider):
            provider = self._own = _provider(version)
        self._tracer = provider.get_tracer(NAME, version)

    def observe(self, trace: Trace) -> None:
        """Make the span of an exchange that is over."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in trace.head.headers
        }
        began = int(trace.wall * _NANOSECONDS)
        attributes, method = self._attributes(trace, headers)
        route = attributes.get("http.route")
        span = self._tracer.start_span(
            f"{method} {route}" if route else method,
            extract(headers),
            api.SpanKind.SERVER,
            attributes,
            start_time=began,
        )
        if "error.type" in attributes:
            span.set_status(api.StatusCode.ERROR)
        span.end(began + int(trace.seconds * _NANOSECONDS))

    def _attributes(self, trace: Trace, headers: dict[str, str]) -> tuple[dict[str, Any], str]:
        """Return the attributes of the stable conventions for HTTP, and the method in the name."""
        head, redactor = trace.head, Redactor.of(trace, *self._secrets)
        method = trace.method if trace.method in _METHODS else "_OTHER"
        host, port = head.server or (None, None)
        status = None if trace.answer is None else trace.answer.status
        attributes = {
            "http.request.method": method,
            "http.request.method_original": None if method != "_OTHER" else trace.method[:100],
            "http.response.status_code": status,
            "http.route": trace.operation.partition(" ")[2] or None,
            "url.path": redactor.text(trace.path),
            "url.scheme": head.scheme,
            "server.address": host,
            "server.port": port,
            "client.address": head.client[0] if head.client else None,
            "network.protocol.version": head.version,
            "user_agent.original": headers.get("user-agent"),
            "error.type": _error(status),
            "tams_mock.request_id": trace.id,
            "tams_mock.surface": trace.surface or None,
            "tams_mock.account": trace.account or None,
            "tams_mock.refusal": redactor.text(trace.refusal) or None,
            "tams_mock.faults": trace.faults or None,
        }
        found = {name: value for name, value in attributes.items() if value is not None}
        return found, "HTTP" if method == "_OTHER" else method

    def close(self) -> None:
        """Send what is left; this can take seconds."""
        if self._own is not None:
            self._own.shutdown()


def _provider(version: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource({SERVICE_NAME: NAME, "service.version": version})
    provider = TracerProvider(resource=named.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _error(status: int | None) -> str | None:
    """Return what is an error for a server: no answer, or a status of 500 and more."""
    if status is None:
        return "no_answer"
    return str(status) if status >= 500 else None
