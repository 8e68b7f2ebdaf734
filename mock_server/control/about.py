"""What this server is: its settings, its routes, and the sources of its behaviour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from mock_server.control.dependencies import ControlDependencies
from mock_server.core.accounts import OwnSettings
from mock_server.core.scenarios import OwnScenario
from mock_server.web.calls import CONTROL, Answer, Call, json_answer
from mock_server.web.json_bodies import AccountQuery, OutgoingBody, TextOrNull
from mock_server.web.pipeline import Operation


class HealthBody(OutgoingBody):
    """The process is alive."""

    status: Literal["alive"]


class ReadyBody(OutgoingBody):
    """The server is ready for calls."""

    status: Literal["ready"]


class VersionBody(OutgoingBody):
    """Name and version of the mock."""

    name: str
    version: str


class SettingsBody(OutgoingBody):
    """Every setting with its value and the value's source; secrets are hidden."""

    settings: list[dict[str, Any]]


class RoutesBody(OutgoingBody):
    """All operations, those of the vendors first."""

    routes: list[dict[str, Any]]


class FactBody(OutgoingBody):
    """A behaviour and its source: doc, client, observed, or unknown (then it is a choice)."""

    subject: str
    behaviour: str
    source: str
    reference: str
    setting: TextOrNull
    alternatives: TextOrNull


class FidelityBody(OutgoingBody):
    """The source of each behaviour."""

    facts: list[FactBody]


class SeedsBody(OutgoingBody):
    """What the server began with, and begins with again after a reset.

    Random choices follow from its `seed`, those of the ready-made `account` from `account_seed`.
    `catalogue` has the ids of what clients find, by vendor and kind. `files` has what was read, by
    the setting that names it; `accounts` and `scenarios` exist now, from these files or added.
    """

    seed: int
    account: str
    account_seed: int
    catalogue: dict[str, dict[str, list[str]]]
    files: dict[str, str]
    accounts: list[str]
    scenarios: list[str]


class About:
    """Operations that only inform."""

    def __init__(
        self, known: ControlDependencies, operations: Callable[[], Sequence[Operation]]
    ) -> None:
        self.known = known
        self.operations = operations
        self._document: Answer | None = None

    async def get_settings(self, call: Call, query: AccountQuery) -> SettingsBody:
        rows = self.known.settings_rows(await _own(call, query))
        return SettingsBody(settings=[dict(row) for row in rows])

    async def get_routes(self, call: Call) -> RoutesBody:
        own = [
            {
                "method": operation.method,
                "path": operation.path,
                "name": operation.run.__name__,
                "surface": CONTROL,
                "summary": operation.summary,
                "source": "",
            }
            for operation in self.operations()
        ]
        return RoutesBody(routes=[*(dict(row) for row in self.known.routes()), *own])

    async def get_fidelity(self, call: Call, query: AccountQuery) -> FidelityBody:
        facts = self.known.facts(await _own(call, query))
        return FidelityBody(facts=[FactBody.like(fact) for fact in facts])

    async def get_seeds(self, call: Call) -> SeedsBody:
        accounts = call.accounts
        account = await accounts.find(accounts.ready_made.id)
        catalogue = {
            vendor: {kind: list(ids) for kind, ids in kinds.items()}
            for vendor, kinds in self.known.seeded().items()
        }
        return SeedsBody(
            seed=accounts.defaults.seed,
            account=account.id,
            account_seed=account.seed,
            catalogue=catalogue,
            files={name: str(path) for name, path in self.known.seed_files().items()},
            accounts=[each.id for each in await accounts.all()],
            scenarios=[each.id for each in await accounts.store.list(OwnScenario)],
        )

    async def get_openapi(self, call: Call) -> Answer:
        """Return the OpenAPI document, which the first call makes."""
        if self._document is None:
            from mock_server.control.openapi import document

            guarded = self.known.beyond_loopback
            described = document(self.operations(), self.known.version, guarded=guarded)
            self._document = json_answer(described)
        return self._document


async def _own(call: Call, query: AccountQuery) -> OwnSettings:
    """Return the settings that the named account has of its own; the server has none."""
    return () if query.account is None else (await call.accounts.find(query.account)).settings
