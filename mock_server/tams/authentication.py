"""Who calls TAMS: signatures and tokens, and why one of them was refused (TAMS › 3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec.structs import replace

from mock_server.core.accounts import Account, credential_id
from mock_server.core.errors import Unauthenticated
from mock_server.core.nonces import use_nonce
from mock_server.core.unit_of_work import UnitOfWork
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
from mock_server.web.authentication import Authenticator, CredentialsVerdict
from mock_server.web.calls import Call, Explained
from mock_server.web.traces import Head

if TYPE_CHECKING:
    from mock_server.tams.auth_diagnostics.diagnosis import TamsDiagnoser
    from mock_server.web.captures import Capture


class TamsVerdict(CredentialsVerdict, frozen=True):
    """What the check of a call's credentials found, for the journal and the diagnosis."""

    refusal: SignatureRefusal | None = None

    def body(self, head: Head) -> dict[str, Any]:
        header = parse_authorization(dict(head.headers).get(b"authorization"))
        refusal = self.refusal
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
        return body | super().body(head)


_ACCEPTED = TamsVerdict()


class TamsAuthenticator(Authenticator[TamsSettings]):
    """Finds the account of a signature or a bearer token."""

    async def authenticate(self, call: Call) -> Account:
        """Return the account whose signature or token this is (TAMS › 3 Authentication)."""
        value = call.headers.get(b"authorization")
        header = parse_authorization(value)
        account = None
        if isinstance(header, BearerToken):
            account = await self.accounts.by_credential(credential_id("token", header.token))
        elif isinstance(header, SignedHeader):
            account = await self.accounts.by_credential(credential_id("app", header.app_id))
        settings = self.settings_for(account)
        if settings.header_grammar == "strict":
            header = parse_authorization(value, lenient=False)
        if isinstance(header, SignatureRefusal):
            await self._refuse(call, header, header, account)
        if isinstance(header, BearerToken):
            if account is None:
                refusal = SignatureRefusal(Reason.TOKEN_UNKNOWN, "no app has this token")
                await self._refuse(call, header, refusal)
            if settings.schemes == "one" and account.credentials.public_key:
                refusal = SignatureRefusal(Reason.SCHEME_NOT_ALLOWED, "the app signs with RSA")
                await self._refuse(call, header, refusal, account)
        else:
            if account is None:
                # What stands there may be a token by mistake, so it is not repeated.
                refusal = SignatureRefusal(Reason.APP_UNKNOWN, "no app has the id in app_id")
                await self._refuse(call, header, refusal)
            call.trace.account = account.id
            if refusal_found := _check(call, account, header, settings.clock_skew):
                await self._refuse(call, header, refusal_found, account)
        call.trace.verdict = _ACCEPTED
        call.identity = header
        return account

    async def use_nonce(self, world: UnitOfWork, call: Call) -> None:
        """Remember the nonce of a signature, or refuse one that was used before (U2)."""
        header = call.identity
        if not isinstance(header, SignedHeader):
            return
        used = f"{header.app_id} {header.timestamp} {header.nonce}".encode()
        if await use_nonce(world.tx, world.account.id, used, world.wall):
            await world.save()
            return
        words = f"the nonce {header.nonce} was used before"
        refusal = SignatureRefusal(Reason.NONCE_REPLAYED, words)
        raise Explained(partial(self._refuse, call, header, refusal, world.account))

    async def _refuse(
        self,
        call: Call,
        header: SignedHeader | BearerToken | SignatureRefusal,
        refusal: SignatureRefusal,
        account: Account | None = None,
    ) -> NoReturn:
        shown = header.app_id if isinstance(header, SignedHeader) else ""
        verdict = TamsVerdict(refusal=refusal)
        line = await self.diagnosed(
            call, verdict, refused=refusal.reason, shown=shown, account=account, at=call.wall
        )
        refusal = replace(refusal, detail=line or refusal.detail)
        known = refusal.reason not in (Reason.APP_UNKNOWN, Reason.TOKEN_UNKNOWN)
        raise Unauthenticated(
            refusal.detail, known_account=known, account=account, diagnosis=refusal
        )

    def understands(self, capture: Capture) -> bool:
        """Say whether a captured request was meant for TAMS, by its path."""
        return capture.target.startswith(b"/v1/")

    @property
    def diagnoser(self) -> type[TamsDiagnoser]:
        from mock_server.tams.auth_diagnostics.diagnosis import TamsDiagnoser

        return TamsDiagnoser


def _check(
    call: Call, account: Account, header: SignedHeader, clock_skew: float
) -> SignatureRefusal | None:
    if not account.credentials.public_key:
        return SignatureRefusal(Reason.KEY_MISSING, f"the app {header.app_id} has no public key")
    if clock_skew and (refusal := check_timestamp(header, call.wall, clock_skew)):
        return refusal
    key = load_public_key(account.credentials.public_key)
    return check_signature(header, key, call.method, call.target, call.body)
