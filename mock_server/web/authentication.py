"""What the authenticators of both vendors have in common: saying why a call was refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.web.calls import Call, Trace

if TYPE_CHECKING:
    from mock_server.web.auth_diagnostics.findings import Diagnosis, Paced
    from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
    from mock_server.web.auth_diagnostics.rate_limit import DiagnosisRateLimit
    from mock_server.web.auth_diagnostics.search_budget import SearchBudget
    from mock_server.web.auth_diagnostics.turns import Turns
    from mock_server.web.captures import Capture

# Requests with larger bodies are not kept for a later search.
_MAX_KEPT_BYTES = 16 * 1024


class CredentialsVerdict(Struct, frozen=True, kw_only=True):
    """What the check of a call's credentials found, for the journal.

    `later` makes a diagnosis that there was no time for when the call came.
    """

    diagnosis: Diagnosis | None = None
    later: Callable[[], Awaitable[Diagnosis]] | None = None

    def diagnosis_members(self) -> dict[str, Any]:
        """Return the diagnosis as data to show."""
        if self.diagnosis is None:
            return {}
        from mock_server.web.auth_diagnostics.explanations import as_data

        return {"diagnosis": as_data(self.diagnosis)}


async def complete_verdict(trace: Trace) -> None:
    """Make the diagnosis that there was no time for when the call came."""
    verdict = trace.verdict
    if isinstance(verdict, CredentialsVerdict) and verdict.later is not None:
        trace.verdict = replace(verdict, diagnosis=await verdict.later(), later=None)


class Authenticator(ABC):
    """Finds out who calls. `paths` are those that are served, for guessing which one was meant."""

    def __init__(self, accounts: AccountService, paths: Callable[[], tuple[bytes, ...]]) -> None:
        self.accounts = accounts
        self.paths = paths

    @abstractmethod
    async def authenticate(self, call: Call) -> Account:
        """Return the account that the call's credentials belong to, or raise Unauthenticated."""

    @abstractmethod
    def understands(self, capture: Capture) -> bool:
        """Say whether a captured request was meant for this vendor."""

    @abstractmethod
    def diagnose(self, evidence: Any, budget: SearchBudget) -> Paced[Diagnosis]:
        """Work out what is wrong with credentials."""

    @abstractmethod
    def captured(
        self, capture: Capture, accounts: Iterator[KnownAccount], meant: KnownAccount | None
    ) -> Any:
        """Return a captured request as evidence."""

    async def explain(self, captured: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is wrong with a captured request's signature; raises CaptureError.

        `captured` is what `capture_formats.described` takes. Its member `account` says whose
        credentials were meant; without it they are looked for by the headers.
        """
        from mock_server.web.auth_diagnostics.explanations import as_data
        from mock_server.web.auth_diagnostics.known_accounts import known_account_of
        from mock_server.web.auth_diagnostics.search_budget import FULL
        from mock_server.web.capture_formats import described
        from mock_server.web.captures import CaptureError

        meant = None
        if name := captured.get("account"):
            account = await self.accounts.get(name)
            if account is None:
                raise CaptureError(f"there is no account {name!r}")
            meant = known_account_of(account)
        evidence = self.captured(described(captured), await self._known_accounts(), meant)
        return as_data(await self._turns.finish(self.diagnose(evidence, FULL)))

    async def diagnosed(
        self, call: Call, shown: str, evidence: Callable[[Iterator[KnownAccount]], Any]
    ) -> CredentialsVerdict:
        """Return what the client most likely did, as far as there is time for that now.

        `shown` names the credentials where their account is not known. `evidence` is made with the
        accounts among which to look.
        """
        from mock_server.web.auth_diagnostics.search_budget import FULL, RULES_ONLY

        is_allowed = self._rate_limit.allows(call.trace.account or f"?{shown}", call.wall)
        budget = FULL if is_allowed else RULES_ONLY
        diagnosis = await self._search(evidence, budget)
        if is_allowed or diagnosis.complete:
            return CredentialsVerdict(diagnosis=diagnosis)
        doubt = diagnosis.doubt.replace("{id}", call.trace.id)
        later = None if len(call.body) > _MAX_KEPT_BYTES else partial(self._search, evidence, FULL)
        return CredentialsVerdict(diagnosis=replace(diagnosis, doubt=doubt), later=later)

    async def _search(
        self, evidence: Callable[[Iterator[KnownAccount]], Any], budget: SearchBudget
    ) -> Diagnosis:
        return await self._turns.finish(
            self.diagnose(evidence(await self._known_accounts()), budget)
        )

    async def _known_accounts(self) -> Iterator[KnownAccount]:
        from mock_server.web.auth_diagnostics.known_accounts import likely_first

        return likely_first(await self.accounts.all())

    # Both are loaded by the first refusal.

    @cached_property
    def _rate_limit(self) -> DiagnosisRateLimit:
        from mock_server.web.auth_diagnostics.rate_limit import DiagnosisRateLimit

        return DiagnosisRateLimit()

    @cached_property
    def _turns(self) -> Turns:
        from mock_server.web.auth_diagnostics.turns import Turns

        return Turns()


def detail_of(verdict: CredentialsVerdict, otherwise: str) -> str:
    """Return the diagnosis in one line.

    Where nothing is wrong by now (an account was changed meanwhile), it is what the check said.
    """
    from mock_server.web.auth_diagnostics.explanations import tips

    diagnosis = verdict.diagnosis
    return otherwise if diagnosis is None or diagnosis.accepted else tips(diagnosis)
