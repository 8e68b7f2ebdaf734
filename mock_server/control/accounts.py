"""Accounts: create, read, delete, and change their limits."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from msgspec.structs import replace
from pydantic import ConfigDict, Field, ValidationError, model_validator

from mock_server.control.dependencies import ControlDependencies
from mock_server.control.descriptions import MEMBERS, account_body, own_settings
from mock_server.control.problems import NOT_A_KEY, ErrorBody, Problem, problem_in
from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import (
    Account,
    Credentials,
    LimitMode,
    Limits,
    OwnSettings,
    Progression,
)
from mock_server.core.credits import Wallet
from mock_server.core.errors import Invalid, NotFound, SettingsRefused
from mock_server.core.rate_limit import Window, next_allowed, used
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web import extras
from mock_server.web.calls import Call
from mock_server.web.fake_data import faker
from mock_server.web.json_bodies import (
    MAX_EXACT_INTEGER,
    WHOLE,
    Amount,
    Credits,
    DeletedBody,
    IncomingBody,
    Moment,
    MomentBody,
    OutgoingBody,
    PageBody,
    PageQuery,
    Rate,
    TextOrNull,
)
from mock_server.web.listing import newest
from mock_server.web.wall import let_others_run

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Secret = Annotated[str, Field(pattern=r"^[!-~]{1,256}$")]
PublicKey = Annotated[
    str,
    Field(
        description="PEM; a new account without it gets a test key pair",
        # The key's parser words what is wrong with it better.
        json_schema_extra={"pattern": "-----BEGIN (RSA )?PUBLIC KEY-----"},
    ),
]
Qps = Annotated[int, Field(ge=1, le=1_000_000, description="Calls within the window"), WHOLE]
WebAddress = Annotated[
    str,
    Field(
        pattern=r"^https?://[^\s\x85/?#]+([/?][^\s\x85#]*)?$",
        max_length=2000,
        description="URL that receives the Workshop's events of this account",
    ),
]
AccountId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Slots = Annotated[int, Field(ge=1, le=1000, description="Jobs that run at the same time"), WHOLE]


class NewClockBody(IncomingBody):
    """A clock for this account alone; it starts now if `start` is left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "required": ["frozen", "rate"],
                "properties": {
                    "frozen": {"const": True},
                    "rate": {"type": "number", "exclusiveMinimum": 0},
                },
            }
        }
    )

    start: Moment | None = None
    rate: Rate | None = None
    frozen: bool | None = None

    @model_validator(mode="after")
    def _one_rate(self) -> NewClockBody:
        if self.frozen and self.rate:
            raise ValueError("cannot have a rate and be frozen")
        return self

    @property
    def first_rate(self) -> float:
        if self.frozen:
            return 0.0
        return 1.0 if self.rate is None else self.rate


class SettingsChangeBody(IncomingBody):
    """Values of settings, by the names that GET /_mock/settings lists; null takes one back."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, Any]

    @property
    def values(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__)


class AccountSettingsBody(OutgoingBody):
    """The settings that the account has of its own, and the values of all that it can have."""

    settings: dict[str, Any]
    effective: dict[str, Any]


class NewIdentityBody(IncomingBody):
    """What no two accounts share; what is left out is generated."""

    id: AccountId | None = None
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    public_key: PublicKey | None = None
    app_id: Name | None = None
    access_token: Secret | None = None
    app_key: Name | None = None
    app_secret: Secret | None = None


class AccountOptionsBody(NewIdentityBody):
    """Options of a new account; what is left out is generated or is the default."""

    balance: Credits | None = None
    qps: Qps | None = None
    rate_limit: LimitMode | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_EXACT_INTEGER), WHOLE] | None = None
    progress: Progression | None = None
    slots: Slots | None = None
    events_url: WebAddress | None = None
    settings: SettingsChangeBody | None = None


class NewAccountBody(AccountOptionsBody):
    """A new account, with a clock of its own if that is asked for."""

    clock: NewClockBody | None = None


class LimitsChangeBody(IncomingBody):
    """New limits; what is left out stays unchanged."""

    qps: Qps | None = None
    window: Annotated[float, Field(gt=0, le=86_400, description="Seconds")] | None = None
    rate_limit: LimitMode | None = None


class LimitsBody(OutgoingBody):
    """At most `qps` calls within `window` seconds, and whether more are refused."""

    qps: int
    window: float
    rate_limit: LimitMode

    @classmethod
    def of(cls, limits: Limits) -> LimitsBody:
        return cls(qps=limits.qps, window=limits.window, rate_limit=limits.mode)


class WindowBody(OutgoingBody):
    """A window: how many of its `qps` calls within `seconds` are used now.

    `next` is when the next call is let through, by the account's clock; null means now. `counts` is
    null if all calls of the account are counted together.
    """

    counts: TextOrNull
    qps: int
    seconds: float
    used: int
    next: MomentBody | None


class LimitsNowBody(LimitsBody):
    """The limits, and the windows that calls were counted in."""

    windows: list[WindowBody]


class OwnClockBody(OutgoingBody):
    """An account's own clock: its time when it was last set, and its rate."""

    set_to: float
    iso: str
    rate: float
    frozen: bool


class AccountBody(OutgoingBody):
    """An account. Null in `clock`, `progress`, `slots`, `eventsUrl` means the server's value.

    `settings` are those of its own, and have the last three too.
    """

    id: str
    name: str | None
    seed: int
    ready_made: bool
    app_id: str
    private_key: str | None
    public_key: str | None
    access_token: str
    app_key: str
    app_secret: str
    balance: Amount
    limits: LimitsBody
    clock: OwnClockBody | None
    progress: Progression | None
    slots: int | None
    events_url: str | None
    settings: dict[str, Any]


class AccountsBody(PageBody):
    """A page of accounts."""

    accounts: list[AccountBody]


# Members of the body with the same name and meaning in an `AccountSpec`.
_SAME_IN_SPEC = {"seed", "balance"}

_CREDENTIALS = {
    "appId": "app_id", "accessToken": "token", "appKey": "key", "appSecret": "secret",
    "publicKey": "public_key",
}  # fmt: skip


class Accounts:
    """Operations on accounts."""

    def __init__(self, known: ControlDependencies) -> None:
        self.known = known

    async def create_account(self, call: Call, body: NewAccountBody) -> dict[str, Any]:
        account = await self.create(body, call.wall)
        return account_body(account, account.opening)

    async def create(
        self, body: NewAccountBody, wall: float, *, ready_made: bool = False
    ) -> Account:
        """Make the account that a body asks for; one that is `ready_made` is never deleted."""
        spec = replace(self.spec(body), ready_made=ready_made)
        if body.clock is not None:
            start, rate = body.clock.start, body.clock.first_rate
            spec = replace(spec, clock_start=start, clock_rate=rate)
        return await self.known.accounts.create(spec, wall)

    async def list_accounts(self, call: Call, query: PageQuery) -> dict[str, Any]:
        found, next_page = await newest(self.known.accounts.store, Account, None, query)
        listed = []
        for account in found:
            with suppress(NotFound):  # It may be deleted meanwhile.
                listed.append(await self.shown(account.id, call))
            if len(listed) % 20 == 0:
                await let_others_run()  # To generate names takes long.
        return {"accounts": listed, "next": next_page}

    async def get_account(self, call: Call) -> dict[str, Any]:
        return await self.shown(call.params["id"], call)

    async def delete_account(self, call: Call) -> None:
        await self._delete(call.params["id"])

    async def delete_accounts(self, call: Call) -> DeletedBody:
        deleted = 0
        for number, account in enumerate(await self.known.accounts.all()):
            if not account.ready_made:
                with suppress(NotFound):
                    await self._delete(account.id)
                    deleted += 1
            if number % 100 == 99:
                await let_others_run()
        return DeletedBody(deleted=deleted)

    async def get_limits(self, call: Call) -> LimitsNowBody:
        async with call.accounts.act(call.params["id"], call.wall) as world:
            limits = world.account.limits
            own = Window(world.account.id, world.account.id, 0, limits.qps, limits.window)
            windows = {own.id: own}
            windows |= {each.id: each for each in await world.tx.list(Window, world.account.id)}
            return LimitsNowBody(
                **dict(LimitsBody.of(limits)),
                windows=[await _window_body(world, each) for each in windows.values()],
            )

    async def put_limits(self, call: Call, body: LimitsChangeBody) -> LimitsBody:
        async with call.accounts.act(call.params["id"], call.wall) as world:
            limits = _changed(
                world.account.limits, qps=body.qps, window=body.window, mode=body.rate_limit
            )
            await world.change_account(replace(world.account, limits=limits))
        return LimitsBody.of(limits)

    async def get_account_settings(self, call: Call) -> AccountSettingsBody:
        return self._settings(await self.known.accounts.find(call.params["id"]))

    async def patch_account_settings(
        self, call: Call, body: SettingsChangeBody
    ) -> AccountSettingsBody:
        async with call.accounts.act(call.params["id"], call.wall) as world:
            own = self.known.account_settings.changed(world.account.settings, body.values)
            await world.change_account(replace(world.account, settings=own))
            return self._settings(world.account)

    def _settings(self, account: Account) -> AccountSettingsBody:
        effective = self.known.account_settings.shown(account.settings)
        return AccountSettingsBody(settings=own_settings(account), effective=effective)

    async def _delete(self, id: str) -> None:
        await self.known.accounts.delete(id)
        self.known.journal.forget(id)

    async def shown(self, id: str, call: Call) -> dict[str, Any]:
        """Return an account as it is now."""
        async with call.accounts.act(id, call.wall) as world:
            account, wallet = world.account, await world.wallet()
        return self.body(account, wallet)

    def body(self, account: Account, wallet: Wallet) -> dict[str, Any]:
        """Return the account with what can be spent."""
        return account_body(account, wallet.balance, _name_of(account))

    def check_key(self, public_key: str) -> None:
        try:
            self.known.check_public_key(public_key)
        except ValueError as error:
            pointed = ErrorBody(pointer="#/publicKey", detail=str(error))
            raise Problem(NOT_A_KEY, f"publicKey: {error}", errors=[pointed]) from error

    def check_credentials(self, credentials: Credentials) -> None:
        """Raise Invalid for credentials that no account could be made with."""
        for member, field in _CREDENTIALS.items():
            if not (value := getattr(credentials, field)):
                continue  # It was revoked.
            try:
                self.identity(NewIdentityBody.model_validate({member: value}))
            except ValidationError as error:
                detail = problem_in(error, NewIdentityBody, "body").errors[0].detail
                raise Invalid(f"credentials/{field}", detail) from error
            except Problem as problem:
                raise Invalid(f"credentials/{field}", problem.errors[0].detail) from problem

    def identity(self, body: NewIdentityBody) -> AccountSpec:
        """Return what a body asks for; raises Problem for a key that cannot be used."""
        if body.public_key is not None:
            self.check_key(body.public_key)
        return AccountSpec(
            id=body.id or "",
            name=body.name or "",
            app_id=body.app_id or "",
            public_key=body.public_key or "",
            token=body.access_token or "",
            key=body.app_key or "",
            secret=body.app_secret or "",
        )

    def spec(self, body: AccountOptionsBody) -> AccountSpec:
        """Return what a body asks for; raises Problem or SettingsRefused."""
        limits = self.known.accounts.defaults.limits
        return replace(
            self.identity(body),
            **body.model_dump(include=_SAME_IN_SPEC, exclude_none=True),
            limits=_changed(limits, qps=body.qps, mode=body.rate_limit),
            settings=self._own_settings(body),
        )

    def _own_settings(self, body: AccountOptionsBody) -> OwnSettings:
        members = body.model_dump(by_alias=True, mode="json", exclude_none=True)
        changes = {name: members[member] for member, name in MEMBERS.items() if member in members}
        given = {} if body.settings is None else body.settings.values
        try:
            if repeated := changes.keys() & given.keys():
                raise SettingsRefused(dict.fromkeys(repeated, "is given twice"))
            return self.known.account_settings.changed((), given | changes)
        except SettingsRefused as error:
            problems = {f"settings/{name}": text for name, text in error.problems.items()}
            raise SettingsRefused(problems) from error


async def _window_body(world: UnitOfWork, window: Window) -> WindowBody:
    limits = Limits(window.places, window.seconds)
    if not window.counts:  # The account's limits may have changed since the last call.
        limits = world.account.limits
    allowed_at = await next_allowed(world.tx, window, limits, world.now)
    return WindowBody(
        counts=window.counts,
        qps=limits.qps,
        seconds=limits.window,
        used=await used(world.tx, window, limits.window, world.now),
        next=None if allowed_at is None else MomentBody.of(allowed_at),
    )


def _changed(limits: Limits, **changes: Any) -> Limits:
    """Return the limits with the changes that are not None."""
    return replace(limits, **{name: new for name, new in changes.items() if new is not None})


def _name_of(account: Account) -> str:
    """Return the account's name; one without a name gets one that follows from its seed."""
    if account.name or not extras.is_installed("data"):
        return account.name
    return faker(account.seed, "account").company()
