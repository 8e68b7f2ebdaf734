"""A vendor is one object: everything that the rest of the mock needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account, Credentials, OwnSettings
from mock_server.core.resets import ResetService
from mock_server.core.states import StateService
from mock_server.web.authentication import Authenticator
from mock_server.web.callback_formats import CallbackAdapter
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Bounds, Call
from mock_server.web.pipeline import Operation, Surface
from mock_server.web.results import ResultFiles
from mock_server.web.vendor_settings import Fact

if TYPE_CHECKING:
    from mock_server.web.faults.effects import Refusal


class VendorContext(Struct, frozen=True):
    """What vendors work with. `public_url` is what URLs begin with in place of the caller's."""

    accounts: AccountService
    results: ResultFiles
    dispatcher: CallbackDispatcher
    wall: Callable[[], float]
    upload_bounds: Bounds
    public_url: str = ""


class Vendor(Protocol):
    """One vendor. Only `surface` may be expensive; it is loaded when it is used first."""

    name: str

    @property
    def surface(self) -> Surface:
        """Its HTTP operations."""

    def surface_of(self, account: Account) -> Surface:
        """Return the surface under the settings that hold for an account."""

    def callback_adapter(self, account: Account) -> CallbackAdapter:
        """Return how an account's callbacks are worded, addressed and repeated."""

    @property
    def authenticator(self) -> Authenticator[Any]:
        """Finds out who calls, and says what is wrong with a signature."""

    def register(
        self, accounts: AccountService, resets: ResetService, states: StateService
    ) -> None:
        """Say what of the vendor falls due, what a reset forgets, and what a state may have."""

    def facts(self, own: OwnSettings = ()) -> Iterable[Fact]:
        """Return where each of its behaviours comes from; `own` are settings of an account."""

    def seeded(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of what clients find from the start, by its kind."""

    def sign_as(self, call: Call, credentials: Credentials) -> Mapping[str, str]:
        """Return headers that replace those of a call so that these credentials sign it.

        An empty value removes a header. There are none if the vendor has no such credentials.
        """

    def refusals(self) -> Mapping[str, Refusal]:
        """Return its refusals by name, for faults: each makes an error or an answer."""

    def control_operations(self) -> Sequence[Operation]:
        """Return the operations that it adds to the control API."""
