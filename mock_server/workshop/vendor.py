"""The Workshop as one object, for the wiring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from msgspec import convert, to_builtins

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account, OwnSettings
from mock_server.core.jobs.job import Job
from mock_server.core.resets import ResetService
from mock_server.core.states import StateService
from mock_server.web.calls import Bounds
from mock_server.web.vendor_settings import MAX_OWN, Choices
from mock_server.web.vendors import VendorContext
from mock_server.workshop.own_models import OwnModel
from mock_server.workshop.session_service import SessionService
from mock_server.workshop.session_transitions import (
    count_all_work,
    expire_session,
    expire_token,
    forget_lost,
)
from mock_server.workshop.sessions import Session
from mock_server.workshop.tokens import HistoryChapter, Token, TokenHistory

if TYPE_CHECKING:
    from mock_server.core.accounts import Credentials
    from mock_server.web.callback_formats import CallbackAdapter
    from mock_server.web.calls import Call
    from mock_server.web.faults.effects import Refusal
    from mock_server.web.pipeline import Operation
    from mock_server.web.vendor_settings import Fact
    from mock_server.workshop.authentication import WorkshopAuthenticator
    from mock_server.workshop.settings import WorkshopSettings
    from mock_server.workshop.surface import WorkshopSurface


def _check_metadata(job: Job) -> None:
    from mock_server.workshop.task_metadata import TaskMetadata, metadata_of

    if (metadata := metadata_of(job)) is not None:
        convert(to_builtins(metadata), TaskMetadata)


class WorkshopVendor:
    """The vendor that the files of this package describe.

    `stored_bytes` are all bytes that the server keeps, so an upload cannot be larger.
    """

    name = "workshop"

    def __init__(
        self,
        context: VendorContext,
        choices: Choices[WorkshopSettings],
        *,
        stored_bytes: int,
        keep_tokens: int,
        keep_sessions: int,
        event_secret: str,
        error_codes_file: Path | None = None,
        workflows_file: Path | None = None,
    ) -> None:
        self.context = context
        self.choices = choices
        self.stored_bytes = stored_bytes
        self.event_secret = event_secret
        self.error_codes_file = error_codes_file
        self.workflows_file = workflows_file
        self.session_service = SessionService(
            keep_tokens=keep_tokens,
            keep_sessions=keep_sessions,
            cuts_sessions=lambda account: choices.of(account).cut_sessions,
        )

    @cached_property
    def surface(self) -> WorkshopSurface:
        """Its HTTP operations; the first call of this vendor loads them."""
        return self._make_surface(self.choices.server)

    def surface_of(self, account: Account) -> WorkshopSurface:
        return self._own_surface(self.choices.of(account)) if account.settings else self.surface

    @cached_property
    def _own_surface(self) -> Callable[[WorkshopSettings], WorkshopSurface]:
        return lru_cache(MAX_OWN)(self._make_surface)

    @cached_property
    def _make_surface(self) -> Callable[[WorkshopSettings], WorkshopSurface]:
        from mock_server.workshop.error_codes import load_codes
        from mock_server.workshop.surface import WorkshopSurface
        from mock_server.workshop.workflows import load_workflows

        limit_bytes = min(self.choices.server.upload_limit_bytes, self.stored_bytes)
        return partial(
            WorkshopSurface,
            self.context,
            self.session_service,
            upload_bounds=Bounds(limit_bytes, self.context.upload_bounds.body_timeout),
            authenticator=self.authenticator,
            event_secret=self.event_secret,
            codes=load_codes(self.error_codes_file),
            workflows=load_workflows(self.workflows_file),
        )

    def callback_adapter(self, account: Account) -> CallbackAdapter:
        return self.surface_of(account).events.callback_adapter

    @cached_property
    def authenticator(self) -> WorkshopAuthenticator:
        from mock_server.workshop.authentication import WorkshopAuthenticator

        accounts = self.context.accounts
        return WorkshopAuthenticator(accounts, self.choices, lambda: self.surface.paths)

    @staticmethod
    def register(accounts: AccountService, resets: ResetService, states: StateService) -> None:
        accounts.due.register(Session, expire_session)
        accounts.due.register(Token, expire_token)
        resets.add_part("tokens", Token, TokenHistory, HistoryChapter, Session)
        resets.add_part("sessions", Session)
        resets.add_part("uploads", OwnModel)
        resets.before.append(count_all_work)
        resets.after.append(forget_lost)
        states.checks.append((Job, _check_metadata))

    def facts(self, own: OwnSettings = ()) -> Iterable[Fact]:
        from mock_server.web import fidelity
        from mock_server.workshop.facts import FACTS

        return fidelity.facts(self.name, self.surface.operations, FACTS, self.choices.table(own))

    def seeded(self) -> Mapping[str, Sequence[str]]:
        return {"workflows": tuple(self.surface.tasks.workflows.known)}

    @staticmethod
    def sign_as(call: Call, credentials: Credentials) -> Mapping[str, str]:
        """Sign with the AppSecret what the client sends, its stage left unsigned (Workshop › 3)."""
        if not credentials.secret:
            return {}
        from mock_server.workshop.signature import sign

        content_type, accept = (
            (call.header(name) or b"").strip().decode("latin-1")
            for name in (b"content-type", b"accept")
        )
        signed = sign(
            credentials.secret,
            credentials.key,
            call.method,
            call.target,
            call.body,
            timestamp_ms=int(call.wall * 1000),
            nonce=token_hex(16),
            content_type=content_type,
            accept=accept,
        )
        return {"date": "", "content-md5": "", **signed}

    def refusals(self) -> Mapping[str, Refusal]:
        from mock_server.workshop.refusals import refusals

        return refusals(self.surface.codes)

    def control_operations(self) -> Sequence[Operation]:
        from mock_server.workshop.control import TokenControl

        return TokenControl(
            self.session_service,
            lambda account: self.surface_of(account).tasks.answers,
            public_url=self.context.public_url,
        ).operations
