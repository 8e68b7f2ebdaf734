"""Who calls TAMS: signatures and tokens, and why one of them was refused (TAMS › 3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.accounts import Account, credential_id
from mock_server.core.errors import Unauthenticated
from mock_server.core.studio import Studio
from mock_server.tams.choices import Choices
from mock_server.tams.key_pairs import load_public_key
from mock_server.tams.signature import (
    BearerToken,
    Reason,
    Refusal,
    SignedHeader,
    check_signature,
    check_timestamp,
    parse_authorization,
)
from mock_server.web.calls import Call

if TYPE_CHECKING:
    from mock_server.web.refusals.allowance import Allowance
    from mock_server.web.refusals.findings import Diagnosis

# How many nonces are remembered where a repeated one is refused.
_NONCES = 10_000


class Proof(Struct, frozen=True):
    """What the check of a call's credentials found, for the journal and the diagnosis."""

    header: SignedHeader | BearerToken | Refusal
    refusal: Refusal | None = None
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
        from mock_server.web.refusals.explanations import as_data

        body["diagnosis"] = as_data(verdict.diagnosis)
    return body


class Doorkeeper:
    """Lets callers in. `paths` are those without an id, for guessing which one was meant."""

    def __init__(
        self, studio: Studio, choices: Choices, paths: Callable[[], tuple[bytes, ...]]
    ) -> None:
        self.studio = studio
        self.choices = choices
        self.paths = paths
        self._nonces: dict[tuple[str, str, str], None] = {}

    async def authenticate(self, call: Call) -> Account:
        """Return the account whose signature or token this is (TAMS › 3 Authentication)."""
        value = call.header(b"authorization")
        header = parse_authorization(value, lenient=self.choices.header_grammar == "lenient")
        if isinstance(header, Refusal):
            await self._refuse(call, header, header)
        if isinstance(header, BearerToken):
            account = await self.studio.account(credential_id("token", header.token))
            if account is None:
                refusal = Refusal(Reason.TOKEN_UNKNOWN, "no app has this token")
                await self._refuse(call, header, refusal)
            if self.choices.schemes == "one" and account.credentials.public_key:
                refusal = Refusal(Reason.SCHEME_NOT_ALLOWED, "the app signs with RSA")
                await self._refuse(call, header, refusal)
        else:
            account = await self.studio.account(credential_id("app", header.app_id))
            if account is None:
                # What stands there may be a token by mistake, so it is not repeated.
                refusal = Refusal(Reason.APP_UNKNOWN, "no app has the id in app_id")
                await self._refuse(call, header, refusal)
            call.trace.account = account.id
            if refusal_found := self._check(call, account, header):
                await self._refuse(call, header, refusal_found, account)
        call.trace.verdict = Proof(header)
        return account

    def _check(self, call: Call, account: Account, header: SignedHeader) -> Refusal | None:
        if not account.credentials.public_key:
            return Refusal(Reason.KEY_MISSING, f"the app {header.app_id} has no public key")
        if self.choices.clock_skew and (
            refusal := check_timestamp(header, call.wall, self.choices.clock_skew)
        ):
            return refusal
        key = load_public_key(account.credentials.public_key)
        refusal = check_signature(header, key, call.method, call.target, call.body)
        if refusal is None and self.choices.nonce_replay == "refuse":
            return self._replayed(header)
        return refusal

    def _replayed(self, header: SignedHeader) -> Refusal | None:
        """Remember a nonce, or refuse the one that was there before."""
        used = (header.app_id, header.timestamp, header.nonce)
        if used in self._nonces:
            return Refusal(Reason.NONCE_REPLAYED, f"the nonce {header.nonce} was used before")
        self._nonces[used] = None
        if len(self._nonces) > _NONCES:
            del self._nonces[next(iter(self._nonces))]
        return None

    async def _refuse(
        self,
        call: Call,
        header: SignedHeader | BearerToken | Refusal,
        refusal: Refusal,
        account: Account | None = None,
    ) -> NoReturn:
        diagnosis = await self._diagnosed(call, refusal, account)
        call.trace.verdict = Proof(header, refusal, diagnosis)
        if diagnosis is not None:
            from mock_server.web.refusals.explanations import tips

            refusal = replace(refusal, detail=tips(diagnosis))
        known = refusal.reason not in (Reason.APP_UNKNOWN, Reason.TOKEN_UNKNOWN)
        raise Unauthenticated(refusal.detail, known_account=known, diagnosis=refusal)

    async def _diagnosed(
        self, call: Call, refusal: Refusal, account: Account | None
    ) -> Diagnosis | None:
        """Return what the client most likely did, unless too much of that was asked of late."""
        effort = self.allowance.effort(call.trace.account, call.wall)
        if effort is None:
            return None
        from mock_server.tams.refusals.diagnosis import diagnose
        from mock_server.tams.refusals.findings import Evidence
        from mock_server.web.refusals.parties import party_of

        accounts = await self.studio.store.list(Account)
        likely_first = sorted(accounts, key=lambda each: (not each.ready_made, -each.number))
        evidence = Evidence(
            call.method,
            call.target,
            call.header(b"authorization"),
            call.body,
            host=call.header(b"host") or b"",
            scheme=call.scope["scheme"],
            wall=call.wall,
            party=None if account is None else party_of(account),
            others=map(party_of, likely_first),
            lenient=self.choices.header_grammar == "lenient",
            skew_seconds=self.choices.clock_skew or None,
            replayed=refusal.reason is Reason.NONCE_REPLAYED,
            one_scheme=self.choices.schemes == "one",
            paths=self.paths(),
        )
        return diagnose(evidence, effort)

    async def explain(self, captured: dict[str, Any]) -> dict[str, Any]:
        """Return what is wrong with a captured request's signature; raises CaptureError."""
        from mock_server.tams.refusals import explaining
        from mock_server.web.refusals.parties import party_of

        parties = [party_of(each) for each in await self.studio.store.list(Account)]
        return explaining.explain(captured, parties, self.choices, paths=self.paths())

    @cached_property
    def allowance(self) -> Allowance:
        """How much diagnosis accounts may still ask for; loaded by the first refusal."""
        from mock_server.web.refusals.allowance import Allowance

        return Allowance()
