"""What this server is: its settings, its routes, and where its behaviour comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from mock_server.control.dependencies import ControlDependencies
from mock_server.control.operations import ControlOperation, ControlRequest
from mock_server.control.shapes import OutgoingBody
from mock_server.web.calls import Answer, json_answer


class HealthBody(OutgoingBody):
    """The process answers."""

    status: Literal["alive"]


class ReadyBody(OutgoingBody):
    """The seeded start is laid out."""

    status: Literal["ready"]


class VersionBody(OutgoingBody):
    """What answers here."""

    name: str
    version: str


class SettingsBody(OutgoingBody):
    """Every setting with its value and where that came from; secrets are not shown."""

    settings: list[dict[str, Any]]


class RoutesBody(OutgoingBody):
    """What is served, the vendors' surfaces first."""

    routes: list[dict[str, Any]]


class FactBody(OutgoingBody):
    """A behaviour and its source: doc, client, observed, or unknown and therefore chosen."""

    subject: str
    behaviour: str
    source: str
    reference: str
    setting: str | None
    alternatives: str | None


class FidelityBody(OutgoingBody):
    """Where each behaviour comes from."""

    facts: list[FactBody]


class About:
    """The operations that tell and change nothing."""

    def __init__(
        self, known: ControlDependencies, operations: Callable[[], Sequence[ControlOperation]]
    ) -> None:
        self.known = known
        self.operations = operations
        self._document: Answer | None = None

    async def get_settings(self, request: ControlRequest[None, None]) -> SettingsBody:
        return SettingsBody(settings=[dict(row) for row in self.known.settings_rows()])

    async def get_routes(self, request: ControlRequest[None, None]) -> RoutesBody:
        own = [
            {
                "method": operation.method,
                "path": operation.whole_path,
                "surface": "control",
                "summary": operation.summary,
                "source": "",
            }
            for operation in self.operations()
        ]
        return RoutesBody(routes=[*(dict(row) for row in self.known.routes()), *own])

    async def get_fidelity(self, request: ControlRequest[None, None]) -> FidelityBody:
        return FidelityBody(
            facts=[
                FactBody(
                    subject=fact.subject,
                    behaviour=fact.behaviour,
                    source=fact.source,
                    reference=fact.reference,
                    setting=fact.setting or None,
                    alternatives=fact.alternatives or None,
                )
                for fact in self.known.facts()
            ]
        )

    async def get_openapi(self, request: ControlRequest[None, None]) -> Answer:
        """Describe all this; the document is made when it is asked for the first time."""
        if self._document is None:
            from mock_server.control.openapi import document

            guarded = self.known.beyond_loopback
            described = document(self.operations(), self.known.version, guarded=guarded)
            self._document = json_answer(described)
        return self._document
