"""Who calls the Workshop: the gateway's signatures, and why one was refused (Workshop › 3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec.structs import replace

from mock_server.core.accounts import Account, credential_id
from mock_server.core.errors import Unauthenticated
from mock_server.core.nonces import use_nonce
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.authentication import Authenticator, CredentialsVerdict
from mock_server.web.calls import Call, Explained
from mock_server.web.traces import Head
from mock_server.workshop.gateway import GatewayRefusal, Situation
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.signature import (
    GatewayCredentials,
    check_digest,
    check_form,
    check_signature,
    check_timestamp,
    read_credentials,
)

if TYPE_CHECKING:
    from mock_server.web.captures import Capture
    from mock_server.workshop.auth_diagnostics.diagnosis import WorkshopDiagnoser

# Documented: a nonce is not to be used twice within 15 minutes.
NONCE_LIFE = 900.0


class WorkshopVerdict(CredentialsVerdict, frozen=True):
    """What the check of a call's credentials found, for the journal and the diagnosis.

    `checked` is false where the settings accept the AppKey without a signature.
    """

    credentials: GatewayCredentials | None
    refusal: GatewayRefusal | None = None
    checked: bool = True
    scheme: str = "gateway"

    def body(self, head: Head) -> dict[str, Any]:
        credentials, refusal = self.credentials, self.refusal
        body: dict[str, Any] = {
            "accepted": refusal is None,
            "scheme": self.scheme,
            "checked": self.checked,
        }
        # What stands for the AppKey may be a secret by mistake: it is shown only if it is known.
        if credentials is not None and not _is_unknown(refusal):
            names = [name.decode("latin-1") for name in credentials.names or ()]
            body |= {
                "appKey": credentials.key,
                "nonce": _text(credentials.nonce),
                "timestamp": _text(credentials.timestamp),
                "stage": _text(credentials.stage),
                "signedHeaders": None if credentials.names is None else names,
            }
        if refusal is not None:
            body |= {"reason": refusal.situation.reason, "detail": refusal.detail}
        return body | super().body(head)


class WorkshopAuthenticator(Authenticator[WorkshopSettings]):
    """Finds the account of an AppKey, and checks that its secret signed the call."""

    async def authenticate(self, call: Call) -> Account:
        """Return the account whose AppKey signed the call, or raise Unauthenticated."""
        key = (call.header(b"x-ca-key") or b"").strip(b" \t").decode("latin-1")
        account = await self.accounts.by_credential(credential_id("key", key)) if key else None
        settings = self.settings_for(account)
        if settings.signature_check == "off":
            return await self._unchecked(call, key, account)
        credentials = read_credentials(call.header)
        if isinstance(credentials, GatewayRefusal):
            await self._refuse(call, None, credentials, account)
        if refusal := check_form(call.header, call.body):
            # It would take long to explain what of it was signed.
            call.trace.verdict = WorkshopVerdict(credentials=credentials, refusal=refusal)
            raise Unauthenticated(
                refusal.detail, known_account=True, account=account, diagnosis=refusal
            )
        account = await self._known(call, account, credentials)
        by_wall = settings.timestamp_clock == "wall"
        now = call.wall if by_wall else await self.accounts.now(account, call.wall)
        if refusal := _check(call, account, credentials, now, settings):
            await self._refuse(call, credentials, refusal, account, now)
        call.trace.verdict = WorkshopVerdict(credentials=credentials)
        call.identity = credentials
        return account

    async def use_nonce(self, world: UnitOfWork, call: Call) -> None:
        """Use the nonce of a call that passed all other checks, or refuse a used one."""
        credentials: GatewayCredentials | None = call.identity
        settings = self.choices.of(world.account)
        if credentials is None or not credentials.nonce or settings.nonce_replay != "refuse":
            return
        nonce = b"x-ca-nonce:" + credentials.nonce
        if await use_nonce(world.tx, world.account.id, nonce, call.wall, life=NONCE_LIFE):
            await world.save()
            return
        words = f"the nonce was used within the last {NONCE_LIFE:g} s"
        refusal = GatewayRefusal(Situation.NONCE_USED, words)
        now = call.wall if settings.timestamp_clock == "wall" else world.now
        raise Explained(partial(self._refuse, call, credentials, refusal, world.account, now))

    async def _known(
        self, call: Call, account: Account | None, credentials: GatewayCredentials | None
    ) -> Account:
        if account is None:
            words = "no app has the AppKey in x-ca-key"
            await self._refuse(call, credentials, GatewayRefusal(Situation.UNKNOWN_KEY, words))
        call.trace.account = account.id
        return account

    async def _unchecked(self, call: Call, key: str, account: Account | None) -> Account:
        """Return the AppKey's account unchecked, or without an AppKey the ready-made one."""
        call.trace.verdict = WorkshopVerdict(credentials=None, checked=False)
        if key:
            return await self._known(call, account, None)
        accounts = await self.accounts.all()
        account = next((each for each in accounts if each.ready_made), None)
        if account is None:
            words = "there is no x-ca-key header, and no ready-made account to stand in"
            await self._refuse(call, None, GatewayRefusal(Situation.NO_CREDENTIALS, words))
        call.trace.account = account.id
        return account

    async def _refuse(
        self,
        call: Call,
        credentials: GatewayCredentials | None,
        refusal: GatewayRefusal,
        account: Account | None = None,
        now: float | None = None,
    ) -> NoReturn:
        shown = "" if credentials is None else credentials.key
        verdict = WorkshopVerdict(credentials=credentials, refusal=refusal)
        at = call.wall if now is None else now
        line = await self.diagnosed(
            call, verdict, refused=refusal.situation, shown=shown, account=account, at=at
        )
        line = line or refusal.detail
        header = line if self.settings_for(account).debug_header else ""
        refusal = replace(refusal, detail=line, diagnosis=header)
        raise Unauthenticated(
            line, known_account=not _is_unknown(refusal), account=account, diagnosis=refusal
        )

    def understands(self, capture: Capture) -> bool:
        """Say whether a captured request was meant for the Workshop."""
        return understands(capture)

    @property
    def diagnoser(self) -> type[WorkshopDiagnoser]:
        from mock_server.workshop.auth_diagnostics.diagnosis import WorkshopDiagnoser

        return WorkshopDiagnoser


def _check(
    call: Call,
    account: Account,
    credentials: GatewayCredentials,
    now: float,
    settings: WorkshopSettings,
) -> GatewayRefusal | None:
    """Return what is wrong, if anything; the nonce is checked later."""
    header, key = call.header, credentials.key
    if credentials.stage and credentials.stage.decode("latin-1") not in settings.stages:
        words = f"x-ca-stage is none of {', '.join(settings.stages)}"
        return GatewayRefusal(Situation.STAGE_UNKNOWN, words)
    if not credentials.nonce and settings.nonce_required:
        return GatewayRefusal(Situation.NONCE_MISSING, "there is no x-ca-nonce header")
    refusal = (
        check_timestamp(
            credentials, now, settings.timestamp_window, required=settings.timestamp_required
        )
        or check_signature(
            credentials,
            account.credentials.secret,
            call.method,
            call.target,
            header,
            call.body,
            missing_list=settings.missing_header_list,
        )
        or (check_digest(header, call.body) if settings.content_md5 == "strict" else None)
    )
    if refusal is not None:
        return refusal
    if key in settings.expired_keys:
        words = f"the AppKey {key} is among expired_keys"
        return GatewayRefusal(Situation.AUTHORIZATION_EXPIRED, words)
    if key in settings.unauthorized_keys:
        words = f"the AppKey {key} is among unauthorized_keys"
        return GatewayRefusal(Situation.UNAUTHORIZED, words)
    return None


def understands(capture: Capture) -> bool:
    """Say whether a captured request was meant for the Workshop, by its headers and its path."""
    names = [name.lower().replace("_", "-") for name, _ in capture.headers]
    return b"/scc/" in capture.target or any(name.startswith("x-ca-") for name in names)


def _is_unknown(refusal: GatewayRefusal | None) -> bool:
    return refusal is not None and refusal.situation is Situation.UNKNOWN_KEY


def _text(value: bytes) -> str | None:
    return value.decode("latin-1") or None
