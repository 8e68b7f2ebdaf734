"""Who calls TAMS: signatures and tokens, and why one of them was refused (TAMS › 3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.accounts import Account, credential_id
from mock_server.core.errors import Unauthenticated
from mock_server.core.jobs.service import JobService
from mock_server.tams.key_pairs import load_public_key
from mock_server.tams.settings import TamsSettings
from mock_server.tams.signature import (
    BearerToken,
    Reason,
    SignatureRefusal,
    SignedHeader,
    check_signature,
    check_timestamp,
    parse_authorization,
)
from mock_server.web.calls import Call

if TYPE_CHECKING:
    from mock_server.web.auth_diagnostics.findings import Diagnosis
    from mock_server.web.auth_diagnostics.rate_limit import DiagnosisRateLimit

# How many nonces are remembered where a repeated one is refused.
_NONCES = 10_000


class Proof(Struct, frozen=True):
    """What the check of a call's credentials found, for the journal and the diagnosis."""

    header: SignedHeader | BearerToken | SignatureRefusal
    refusal: SignatureRefusal | None = None
    diagnosis: Diagnosis | None = None


def verdict_body(verdict: Any) -> dict[str, Any] | None:
    """Return the result of a credentials check as data to show; tokens stay out."""
    if not isinstance(verdict, Proof):
        return None
    header, refusal = verdict.header, verdict.refusal
    body: dict[str, Any] = {"accepted": refusal is None}
    match header:
        case SignedHeader():
            body |= {
                "scheme": "signature",
                "appId": header.app_id,
                "nonce": header.nonce,
                "timestamp": header.timestamp,
            }
        case BearerToken():
            body |= {"scheme": "bearer"}
    if refusal is not None:
        body |= {"reason": refusal.reason.value, "detail": refusal.detail}
    if verdict.diagnosis is not None:
        from mock_server.web.auth_diagnostics.explanations import as_data

        body["diagnosis"] = as_data(verdict.diagnosis)
    return body


class Authenticator:
    """Lets callers in. `paths` are those without an id, for guessing which one was meant."""

    def __init__(
        self,
        job_service: JobService,
        settings: TamsSettings,
        paths: Callable[[], tuple[bytes, ...]],
    ) -> None:
        self.job_service = job_service
        self.settings = settings
        self.paths = paths
        self._nonces: dict[tuple[str, str, str], None] = {}

    async def authenticate(self, call: Call) -> Account:
        """Return the account whose signature or token this is (TAMS › 3 Authentication)."""
        value = call.header(b"authorization")
        header = parse_authorization(value, lenient=self.settings.header_grammar == "lenient")
        if isinstance(header, SignatureRefusal):
            await self._refuse(call, header, header)
        if isinstance(header, BearerToken):
            account = await self.job_service.account(credential_id("token", header.token))
            if account is None:
                refusal = SignatureRefusal(Reason.TOKEN_UNKNOWN, "no app has this token")
                await self._refuse(call, header, refusal)
            if self.settings.schemes == "one" and account.credentials.public_key:
                refusal = SignatureRefusal(Reason.SCHEME_NOT_ALLOWED, "the app signs with RSA")
                await self._refuse(call, header, refusal)
        else:
            account = await self.job_service.account(credential_id("app", header.app_id))
            if account is None:
                # What stands there may be a token by mistake, so it is not repeated.
                refusal = SignatureRefusal(Reason.APP_UNKNOWN, "no app has the id in app_id")
                await self._refuse(call, header, refusal)
            call.trace.account = account.id
            if refusal_found := self._check(call, account, header):
                await self._refuse(call, header, refusal_found, account)
        call.trace.verdict = Proof(header)
        return account

    def _check(self, call: Call, account: Account, header: SignedHeader) -> SignatureRefusal | None:
        if not account.credentials.public_key:
            return SignatureRefusal(
                Reason.KEY_MISSING, f"the app {header.app_id} has no public key"
            )
        if self.settings.clock_skew and (
            refusal := check_timestamp(header, call.wall, self.settings.clock_skew)
        ):
            return refusal
        key = load_public_key(account.credentials.public_key)
        refusal = check_signature(header, key, call.method, call.target, call.body)
        if refusal is None and self.settings.nonce_replay == "refuse":
            return self._replayed(header)
        return refusal

    def _replayed(self, header: SignedHeader) -> SignatureRefusal | None:
        """Remember a nonce, or refuse the one that was there before."""
        used = (header.app_id, header.timestamp, header.nonce)
        if used in self._nonces:
            return SignatureRefusal(
                Reason.NONCE_REPLAYED, f"the nonce {header.nonce} was used before"
            )
        self._nonces[used] = None
        if len(self._nonces) > _NONCES:
            del self._nonces[next(iter(self._nonces))]
        return None

    async def _refuse(
        self,
        call: Call,
        header: SignedHeader | BearerToken | SignatureRefusal,
        refusal: SignatureRefusal,
        account: Account | None = None,
    ) -> NoReturn:
        diagnosis = await self._diagnosed(call, refusal, account)
        call.trace.verdict = Proof(header, refusal, diagnosis)
        if diagnosis is not None:
            from mock_server.web.auth_diagnostics.explanations import tips

            refusal = replace(refusal, detail=tips(diagnosis))
        known = refusal.reason not in (Reason.APP_UNKNOWN, Reason.TOKEN_UNKNOWN)
        raise Unauthenticated(refusal.detail, known_account=known, diagnosis=refusal)

    async def _diagnosed(
        self, call: Call, refusal: SignatureRefusal, account: Account | None
    ) -> Diagnosis | None:
        """Return what the client most likely did, unless too much of that was asked of late."""
        budget = self.rate_limit.budget(call.trace.account, call.wall)
        if budget is None:
            return None
        from mock_server.tams.auth_diagnostics.diagnosis import diagnose
        from mock_server.tams.auth_diagnostics.findings import Evidence
        from mock_server.web.auth_diagnostics.known_accounts import known_account_of

        accounts = await self.job_service.store.list(Account)
        likely_first = sorted(accounts, key=lambda each: (not each.ready_made, -each.number))
        evidence = Evidence(
            call.method,
            call.target,
            call.header(b"authorization"),
            call.body,
            host=call.header(b"host") or b"",
            scheme=call.scope["scheme"],
            wall=call.wall,
            known_account=None if account is None else known_account_of(account),
            others=map(known_account_of, likely_first),
            lenient=self.settings.header_grammar == "lenient",
            skew_seconds=self.settings.clock_skew or None,
            replayed=refusal.reason is Reason.NONCE_REPLAYED,
            one_scheme=self.settings.schemes == "one",
            paths=self.paths(),
        )
        return diagnose(evidence, budget)

    async def explain(self, captured: dict[str, Any]) -> dict[str, Any]:
        """Return what is wrong with a captured request's signature; raises CaptureError."""
        from mock_server.tams.auth_diagnostics import explaining
        from mock_server.web.auth_diagnostics.known_accounts import known_account_of

        known_accounts = [
            known_account_of(each) for each in await self.job_service.store.list(Account)
        ]
        return explaining.explain(captured, known_accounts, self.settings, paths=self.paths())

    @cached_property
    def rate_limit(self) -> DiagnosisRateLimit:
        """How much diagnosis accounts may still ask for; loaded by the first refusal."""
        from mock_server.web.auth_diagnostics.rate_limit import DiagnosisRateLimit

        return DiagnosisRateLimit()
