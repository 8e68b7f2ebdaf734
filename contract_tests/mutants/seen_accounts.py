"""The accounts that passed by on their way to the mock: mutations sign with their credentials."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from contract_tests.credentials import TamsCredentials, TargetCredentials, WorkshopCredentials
from contract_tests.mutants.calls import HttpCall, HttpReply
from contract_tests.mutants.resigning import resigned


class SeenAccounts:
    """What a service behind mutations knows of the mock's accounts and their time."""

    def __init__(self) -> None:
        self._known: dict[str, TargetCredentials] = {}
        self._moved = 0.0
        self._lock = Lock()

    def signed(self, call: HttpCall) -> HttpCall:
        """Return a call with a valid signature of its account."""
        return resigned(call, self._known)

    def know(self, credentials: TargetCredentials) -> None:
        """Remember an account."""
        with self._lock:
            self._known[credentials.tams.app_id] = credentials
            self._known[credentials.workshop.app_key] = credentials

    def tams_key(self, app_id: str) -> str:
        """Return the private key of an app as PEM; empty if it is not known."""
        known = self._known.get(app_id)
        return known.tams.private_key if known else ""

    def tams_apps(self) -> tuple[TamsCredentials, ...]:
        """Return the credentials of all apps that are known."""
        with self._lock:
            return tuple({known.tams for known in self._known.values()})

    def moved(self) -> float:
        """Return by how many seconds time was moved through this service."""
        return self._moved

    def learn(self, call: HttpCall, reply: HttpReply) -> None:
        """Remember new accounts, and how far time was moved."""
        if not reply.good or call.method != "POST":
            return
        if call.path == "/_mock/accounts":
            self.know(_credentials(reply.json))
        elif call.path == "/_mock/clock/advance":
            with self._lock:
                self._moved += float(call.json.get("seconds", 0))


def _credentials(account: Mapping[str, Any]) -> TargetCredentials:
    def text(name: str) -> str:
        return str(account.get(name) or "")

    return TargetCredentials(
        TamsCredentials(text("appId"), text("privateKey"), text("accessToken")),
        WorkshopCredentials(text("appKey"), text("appSecret")),
    )
