"""What the authenticators of both vendors have in common: saying why a call was refused."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.web.calls import Call
from mock_server.web.traces import Head, Trace
from mock_server.web.vendor_settings import Choices, ChoiceTable

if TYPE_CHECKING:
    from mock_server.web.auth_diagnostics.diagnoser import Diagnoser
    from mock_server.web.auth_diagnostics.findings import Diagnosis
    from mock_server.web.auth_diagnostics.search_budget import SearchBudget
    from mock_server.web.auth_diagnostics.turns import DiagnosisRateLimit, Turns
    from mock_server.web.captures import Capture

# Requests with larger bodies are not kept for a later search.
_MAX_KEPT_BYTES = 16 * 1024


class CredentialsVerdict(Struct, frozen=True, kw_only=True):
    """What the check of a call's credentials found, for the journal.

    `reason` is the check that failed, in a word. `later` makes a diagnosis that there was no time
    for when the call came.
    """

    reason: str = ""
    diagnosis: Diagnosis | None = None
    later: Callable[[], Awaitable[Diagnosis]] | None = None

    def body(self, head: Head) -> dict[str, Any]:
        """Return the verdict on a request as data to show, without secrets."""
        if self.diagnosis is None:
            return {}
        from mock_server.web.auth_diagnostics.explanations import as_data

        return {"diagnosis": as_data(self.diagnosis)}


async def complete_verdict(trace: Trace) -> None:
    """Make the diagnosis that there was no time for when the call came."""
    verdict: CredentialsVerdict | None = trace.verdict
    if verdict is not None and verdict.later is not None:
        trace.verdict = replace(verdict, diagnosis=await verdict.later(), later=None)


S = TypeVar("S", bound=ChoiceTable)


class Authenticator(ABC, Generic[S]):
    """Finds out who calls. `paths` are those that are served, for guessing which one was meant."""

    def __init__(
        self, accounts: AccountService, choices: Choices[S], paths: Callable[[], tuple[bytes, ...]]
    ) -> None:
        self.accounts = accounts
        self.choices = choices
        self.paths = paths

    @abstractmethod
    async def authenticate(self, call: Call) -> Account:
        """Return the account that the call's credentials belong to, or raise Unauthenticated."""

    @abstractmethod
    def understands(self, capture: Capture) -> bool:
        """Say whether a captured request was meant for this vendor."""

    @property
    @abstractmethod
    def diagnoser(self) -> type[Diagnoser[S]]:
        """What works out what is wrong with credentials; the first refusal loads it."""

    async def explain(self, capture: Capture, meant: str | None) -> dict[str, Any]:
        """Return what is wrong with a captured request's signature; raises CaptureError.

        `meant` is the account whose credentials were meant; without it they are looked for by the
        headers.
        """
        from mock_server.web.auth_diagnostics.explanations import as_data
        from mock_server.web.auth_diagnostics.search_budget import FULL
        from mock_server.web.captures import CaptureError

        account = await self.accounts.get(meant) if meant else None
        if meant and account is None:
            raise CaptureError(f"there is no account {meant!r}")
        return as_data(await self._search(capture, account, None, FULL))

    async def diagnosed(
        self,
        call: Call,
        verdict: CredentialsVerdict,
        *,
        refused: Enum,
        shown: str,
        account: Account | None,
        at: float,
    ) -> str:
        """Keep the verdict with what the client most likely did; return that in one line.

        It is found out as far as there is time for that now. `shown` names the credentials where
        their `account` is not known. Timestamps are compared with `at`. The line is empty where
        nothing is wrong by now, because an account was changed meanwhile.
        """
        from mock_server.web.auth_diagnostics.explanations import tips
        from mock_server.web.auth_diagnostics.search_budget import FULL, RULES_ONLY
        from mock_server.web.captures import Capture

        headers = [(name.decode(), text.decode("latin-1")) for name, text in call.scope["headers"]]
        capture = Capture(
            call.method, call.target, tuple(headers), call.body, call.scope["scheme"], at=at
        )
        search = partial(self._search, capture, account, refused)
        is_allowed = self._rate_limit.allows(call.trace.account or f"?{shown}", call.wall)
        diagnosis = await search(FULL if is_allowed else RULES_ONLY)
        later = None
        if not (is_allowed or diagnosis.complete):
            diagnosis = replace(diagnosis, doubt=diagnosis.doubt.replace("{id}", call.trace.id))
            later = None if len(call.body) > _MAX_KEPT_BYTES else partial(search, FULL)
        reason = refused.name.lower().replace("_", "-")
        call.trace.verdict = replace(verdict, reason=reason, diagnosis=diagnosis, later=later)
        return "" if diagnosis.accepted else tips(diagnosis)

    async def _search(
        self, capture: Capture, meant: Account | None, refused: Enum | None, budget: SearchBudget
    ) -> Diagnosis:
        from mock_server.web.auth_diagnostics.evidence import Evidence
        from mock_server.web.auth_diagnostics.known_accounts import known_account_of, likely_first

        evidence = Evidence(
            capture,
            self.settings_for(meant),
            None if meant is None else known_account_of(meant),
            likely_first(await self.accounts.all()),
            refused,
            self.paths(),
        )
        return await self._turns.finish(self.diagnoser(evidence, budget).run())

    def settings_for(self, account: Account | None) -> S:
        """Return the settings that hold for the account; the server's where it is not known."""
        return self.choices.server if account is None else self.choices.of(account)

    # Both are loaded by the first refusal.

    @cached_property
    def _rate_limit(self) -> DiagnosisRateLimit:
        from mock_server.web.auth_diagnostics.turns import DiagnosisRateLimit

        return DiagnosisRateLimit()

    @cached_property
    def _turns(self) -> Turns:
        from mock_server.web.auth_diagnostics.turns import Turns

        return Turns()


async def explain(
    authenticators: Iterable[Authenticator[Any]], captured: Mapping[str, Any]
) -> dict[str, Any]:
    """Let the vendor that a captured request is made for say what is wrong with its signature.

    `captured` is what `capture_formats.described` takes, and `account` in it says whose credentials
    were meant. The first vendor is asked where no other one understands the request.
    """
    from mock_server.web.capture_formats import described

    capture = await asyncio.to_thread(described, captured)
    first, *others = authenticators
    chosen = next((each for each in others if each.understands(capture)), first)
    return await chosen.explain(capture, captured.get("account"))
