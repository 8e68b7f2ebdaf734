"""What the control API is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import OwnSettings
from mock_server.core.resets import ResetService
from mock_server.core.states import StateService
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Bounds
from mock_server.web.faults.service import FaultService
from mock_server.web.journal import Journal
from mock_server.web.metrics import Metrics
from mock_server.web.pipeline import Operation
from mock_server.web.recorder import RecordedSettings, Recorder

if TYPE_CHECKING:
    from mock_server.web.vendor_settings import Fact


class SettingsOfAccounts(Protocol):
    """The settings of accounts; `own` are those that an account has of its own."""

    def changed(self, own: OwnSettings, changes: Mapping[str, Any]) -> OwnSettings:
        """Return them after changes; None takes one back. Raises SettingsRefused."""

    def shown(self, own: OwnSettings) -> dict[str, Any]:
        """Return the values that hold, by name."""

    def of_the_server(self) -> dict[str, Any]:
        """Return what accounts have from the server, apart from defaults, by name."""


class ControlDependencies(Struct, frozen=True):
    """What the control API works with. `own_hosts` are names, beside localhost, for the server.

    `vendor_operations` returns the control operations of vendors, with whole paths; it is called
    once, by the first call that is not a probe. `forget` drops what is kept of jobs and uploads
    outside the store; it takes an account's id, or None for all. `check_public_key` raises
    ValueError with a sentence. The `secrets` are hidden in what is shown. `state_bounds` are for a
    state that is loaded.
    """

    accounts: AccountService
    resets: ResetService
    states: StateService
    journal: Journal
    recorder: Recorder
    metrics: Metrics
    dispatcher: CallbackDispatcher
    faults: FaultService
    version: str
    settings_rows: Callable[[OwnSettings], Sequence[Mapping[str, Any]]]
    recorded_settings: Callable[[], RecordedSettings]
    account_settings: SettingsOfAccounts
    routes: Callable[[], Sequence[Mapping[str, Any]]]
    facts: Callable[[OwnSettings], Iterable[Fact]]
    seeded: Callable[[], Mapping[str, Mapping[str, Sequence[str]]]]
    seed: Callable[[float], Awaitable[object]]
    seed_files: Callable[[], Mapping[str, Path]]
    forget: Callable[[str | None], object]
    check_public_key: Callable[[str], object]
    explain: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
    vendor_operations: Callable[[], Sequence[Operation]] = tuple
    control_token: str = ""
    secrets: tuple[str, ...] = ()
    beyond_loopback: bool = False
    open_to_private: bool = False
    own_hosts: tuple[str, ...] = ()
    state_bounds: Bounds = Bounds()
