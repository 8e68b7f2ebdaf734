"""TAMS as one object, for the wiring."""

from __future__ import annotations

from asyncio import Semaphore
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from msgspec import convert, to_builtins

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account, Credentials, OwnSettings
from mock_server.core.jobs.job import Job
from mock_server.core.resets import ResetService
from mock_server.core.states import StateService
from mock_server.tams.authentication import TamsAuthenticator
from mock_server.tams.catalogue import demo_uploads, known_ids
from mock_server.tams.preprocessing import MAX_AT_ONCE
from mock_server.tams.settings import TamsSettings
from mock_server.tams.signature import sign
from mock_server.tams.surface import TamsSurface
from mock_server.tams.workflow.operations import WorkflowFiles
from mock_server.web.callback_formats import CallbackAdapter
from mock_server.web.calls import Call
from mock_server.web.pipeline import Operation
from mock_server.web.vendor_settings import MAX_OWN, Choices, Fact
from mock_server.web.vendors import VendorContext

if TYPE_CHECKING:
    from mock_server.web.faults.effects import Refusal


def _check_notes(job: Job) -> None:
    from mock_server.tams.workflow.node_progress import NodeStep, steps_of

    if not job.order.notes.startswith("{"):  # which are those of another vendor
        convert(to_builtins(steps_of(job.order.notes)), tuple[NodeStep, ...])


class TamsVendor:
    """The vendor that the files of this package describe."""

    name = "tams"

    def __init__(
        self,
        context: VendorContext,
        choices: Choices[TamsSettings],
        node_classes_file: Path | None,
        templates_dir: Path | None,
    ) -> None:
        self.choices = choices
        self.authenticator = TamsAuthenticator(
            context.accounts, choices, lambda: self.surface.plain_paths
        )
        self._workflow_files = WorkflowFiles(node_classes_file, templates_dir)
        surface = partial(
            TamsSurface,
            context,
            authenticator=self.authenticator,
            workflow_files=self._workflow_files,
            decoding=Semaphore(MAX_AT_ONCE),
        )
        self.surface = surface(choices.server)
        self._own_surface = lru_cache(MAX_OWN)(surface)

    def surface_of(self, account: Account) -> TamsSurface:
        return self._own_surface(self.choices.of(account)) if account.settings else self.surface

    def callback_adapter(self, account: Account) -> CallbackAdapter:
        surface = self.surface_of(account)
        return CallbackAdapter(surface.answers.notice, surface.settings.notify_retry_delays)

    def register(
        self, accounts: AccountService, resets: ResetService, states: StateService
    ) -> None:
        # Jobs and callbacks are everybody's.
        states.checks.append((Job, _check_notes))

    def facts(self, own: OwnSettings = ()) -> Iterable[Fact]:
        from mock_server.tams.facts import FACTS
        from mock_server.web import fidelity

        return fidelity.facts(self.name, self.surface.operations, FACTS, self.choices.table(own))

    def seeded(self) -> Mapping[str, Sequence[str]]:
        return {
            "models": known_ids(),
            "templates": self._workflow_files.templates.ids,
            "uploads": demo_uploads(),
        }

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

        return refusals()

    def control_operations(self) -> Sequence[Operation]:
        return ()
