"""TAMS as one object, for the wiring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Credentials
from mock_server.core.resets import ResetService
from mock_server.tams.authentication import TamsAuthenticator
from mock_server.tams.settings import TamsSettings
from mock_server.tams.signature import sign
from mock_server.tams.surface import TamsSurface
from mock_server.web.callback_formats import CallbackAdapter
from mock_server.web.calls import Call
from mock_server.web.pipeline import Operation
from mock_server.web.vendor_settings import Fact, at_hand
from mock_server.web.vendors import VendorContext

if TYPE_CHECKING:
    from mock_server.web.faults.effects import Refusal


class TamsVendor:
    """The vendor that the files of this package describe."""

    name = "tams"

    def __init__(
        self,
        context: VendorContext,
        settings: TamsSettings,
        node_classes_file: Path | None,
        templates_dir: Path | None,
    ) -> None:
        self.settings = settings
        self.surface = TamsSurface(context, at_hand(settings), node_classes_file, templates_dir)

    @cached_property
    def callback_adapter(self) -> CallbackAdapter:
        return CallbackAdapter(self.surface.answers.notice, self.settings.notify_retry_delays)

    @property
    def authenticator(self) -> TamsAuthenticator:
        return self.surface.authenticator

    def register(self, accounts: AccountService, resets: ResetService) -> None:
        pass  # Jobs and callbacks are everybody's.

    def facts(self) -> Iterable[Fact]:
        from mock_server.tams.facts import FACTS
        from mock_server.web import fidelity

        return fidelity.facts(self.name, self.surface.operations, FACTS, self.settings)

    def sign_as(self, call: Call, credentials: Credentials) -> Mapping[str, str]:
        """Sign with the private key, or send the bearer token if there is no key (TAMS › 3)."""
        if not credentials.private_key:
            token = credentials.token
            return {"authorization": f"Bearer {token}"} if token else {}
        signed = sign(
            credentials.private_key,
            credentials.app_id,
            call.method,
            call.target,
            call.body,
            timestamp=int(call.wall),
            nonce=token_hex(16),
        )
        return {"authorization": signed}

    def refusals(self) -> Mapping[str, Refusal]:
        from mock_server.tams.refusals import refusals

        return refusals(self.settings)

    def control_operations(self) -> Sequence[Operation]:
        return ()
