"""Worlds: making them, looking at them, changing their limits, ending them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from msgspec.structs import replace
from pydantic import ConfigDict, Field, model_validator

from mock_server.control.descriptions import account_body
from mock_server.control.names import name_of
from mock_server.control.operations import ControlRequest
from mock_server.control.problems import INVALID, ErrorBody, Problem
from mock_server.control.shapes import (
    MAX_EXACT_INTEGER,
    WHOLE,
    Amount,
    Credits,
    DeletedBody,
    IncomingBody,
    Moment,
    OutgoingBody,
    Rate,
)
from mock_server.core.account_service import AccountService, AccountSpec
from mock_server.core.accounts import Account, LimitMode, Limits, Progression
from mock_server.web.journal import Journal

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Secret = Annotated[str, Field(pattern=r"^[!-~]{1,256}$")]
Qps = Annotated[int, Field(ge=1, le=1_000_000, description="Calls within the window"), WHOLE]
WebAddress = Annotated[
    str,
    Field(
        pattern=r"^https?://[^\s/?#]+([/?][^\s#]*)?$",
        max_length=2000,
        description="Where the Workshop's events of this world are posted to",
    ),
]
Slots = Annotated[int, Field(ge=1, le=1000, description="Jobs that run side by side"), WHOLE]


class NewClockBody(IncomingBody):
    """A clock of the account's own; it begins now if no start is given."""

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


class NewAccountBody(IncomingBody):
    """What may be wished for a new world; what is left out is made up or is the default."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    balance: Credits | None = None
    qps: Qps | None = None
    rate_limit: LimitMode | None = None
    public_key: (
        Annotated[
            str,
            Field(
                description="PEM; without one a test key pair is handed out",
                # The one who reads it says better what is wrong with it.
                json_schema_extra={"pattern": "-----BEGIN (RSA )?PUBLIC KEY-----"},
            ),
        ]
        | None
    ) = None
    seed: Annotated[int, Field(ge=0, le=MAX_EXACT_INTEGER), WHOLE] | None = None
    clock: NewClockBody | None = None
    progress: Progression | None = None
    slots: Slots | None = None
    events_url: WebAddress | None = None
    app_id: Name | None = None
    access_token: Secret | None = None
    app_key: Name | None = None
    app_secret: Secret | None = None


class LimitsChangeBody(IncomingBody):
    """New limits; what is left out stays as it is."""

    qps: Qps | None = None
    window: Annotated[float, Field(gt=0, le=86_400, description="Seconds")] | None = None
    rate_limit: LimitMode | None = None


class LimitsBody(OutgoingBody):
    """How many calls an account has within how many seconds, and what happens to others."""

    qps: int
    window: float
    rate_limit: LimitMode

    @classmethod
    def of(cls, limits: Limits) -> LimitsBody:
        return cls(qps=limits.qps, window=limits.window, rate_limit=limits.mode)


class OwnClockBody(OutgoingBody):
    """An account's own clock: what it showed when it was last set, and how fast it runs."""

    set_to: float
    iso: str
    rate: float
    frozen: bool


class AccountBody(OutgoingBody):
    """A world. Null in `clock`, `progress`, `slots` and `eventsUrl` follows the server."""

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


class AccountsBody(OutgoingBody):
    """Every world, the oldest first."""

    accounts: list[AccountBody]


class Accounts:
    """The operations on worlds."""

    def __init__(
        self,
        account_service: AccountService,
        journal: Journal,
        forget_kept: Callable[[str | None], object],
        check_public_key: Callable[[str], object],
    ) -> None:
        self.account_service = account_service
        self.journal = journal
        self.forget_kept = forget_kept
        self.check_public_key = check_public_key

    async def create_account(self, request: ControlRequest[None, NewAccountBody]) -> dict[str, Any]:
        body = request.body
        if body.public_key is not None:
            self._check(body.public_key)
        account = await self.account_service.create(self._spec(body), request.wall)
        return account_body(account, account.opening)

    async def list_accounts(self, request: ControlRequest[None, None]) -> dict[str, Any]:
        accounts = await self.account_service.all()
        return {"accounts": [await self._shown(each, request.wall) for each in accounts]}

    async def get_account(self, request: ControlRequest[None, None]) -> dict[str, Any]:
        return await self._shown(
            await self.account_service.find(request.params["id"]), request.wall
        )

    async def delete_account(self, request: ControlRequest[None, None]) -> None:
        await self._end(request.params["id"])

    async def delete_accounts(self, request: ControlRequest[None, None]) -> DeletedBody:
        ends = [
            account.id for account in await self.account_service.all() if not account.ready_made
        ]
        for id in ends:
            await self._end(id)
        return DeletedBody(deleted=len(ends))

    async def get_limits(self, request: ControlRequest[None, None]) -> LimitsBody:
        return LimitsBody.of((await self.account_service.find(request.params["id"])).limits)

    async def put_limits(self, request: ControlRequest[None, LimitsChangeBody]) -> LimitsBody:
        account, body = await self.account_service.find(request.params["id"]), request.body
        old = account.limits
        limits = Limits(
            qps=old.qps if body.qps is None else body.qps,
            window=old.window if body.window is None else body.window,
            mode=old.mode if body.rate_limit is None else body.rate_limit,
        )
        await self.account_service.change(replace(account, limits=limits))
        return LimitsBody.of(limits)

    async def _end(self, id: str) -> None:
        await self.account_service.delete(id)
        self.journal.forget(id)
        self.forget_kept(id)

    async def _shown(self, account: Account, wall: float) -> dict[str, Any]:
        job_service = self.account_service.job_service
        wallet = await job_service.wallet(account, await job_service.now(account, wall))
        return account_body(account, wallet.balance, name_of(account))

    def _check(self, public_key: str) -> None:
        try:
            self.check_public_key(public_key)
        except ValueError as error:
            pointed = ErrorBody(pointer="#/publicKey", detail=str(error))
            raise Problem(INVALID, f"publicKey: {error}", errors=[pointed]) from error

    def _spec(self, body: NewAccountBody) -> AccountSpec:
        limits = self.account_service.defaults.limits
        if body.qps is not None:
            limits = replace(limits, qps=body.qps)
        if body.rate_limit is not None:
            limits = replace(limits, mode=body.rate_limit)
        return AccountSpec(
            id=body.id or "",
            name=body.name or "",
            seed=body.seed,
            balance=body.balance,
            limits=limits,
            progress=body.progress,
            slots=body.slots,
            events_url=body.events_url or "",
            clock_start=None if body.clock is None else body.clock.start,
            clock_rate=None if body.clock is None else body.clock.first_rate,
            app_id=body.app_id or "",
            public_key=body.public_key or "",
            token=body.access_token or "",
            key=body.app_key or "",
            secret=body.app_secret or "",
        )
