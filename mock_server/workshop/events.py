"""Events for the customer's server: it is asked before a call and told afterwards (Workshop › 11).

Documented are names, query parameters, the time-out of 5 s and the sixteen delays. Choices 38 to 42
say what the pages leave open about bodies, answers, and which events are questions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct
from pydantic_core import from_json, to_json

from mock_server.core import ids
from mock_server.core.accounts import Account
from mock_server.core.errors import AccountGone
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.service import Snapshot
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Delivery
from mock_server.core.outbox_service import post
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.callback_formats import CallbackAdapter, CallbackReply
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Call
from mock_server.workshop.envelope import invocation_id
from mock_server.workshop.errors import Denied
from mock_server.workshop.event_signature import SIGN, seal, signed_url
from mock_server.workshop.settings import WorkshopSettings

SURFACE = "workshop"

CONTROL_CONFIG = "sdImgGenControlConfig"
PRE_INVOKE = "apiAccessPreInvoke"
SD_PRE_INVOKE = "sdPreInvoke"
COMMIT = "apiAccessCommit"
ROLLBACK = "apiAccessRollback"
TASK_FINISHED = "sdTaskFinished"
MODEL_LISTED = "sdModelListingResult"

# Documented: 10 s, 30 s, 1 to 10 min, 20 min, 30 min, 1 h, 2 h.
RETRY_DELAYS = (
    10.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 360.0,
    420.0, 480.0, 540.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0,
)  # fmt: skip

Submit = Callable[[Watch | None], Awaitable[Snapshot]]
TaskData = Callable[[Job, Account, str, float], Mapping[str, Any]]


class EventContext(Struct, frozen=True):
    """A call that events tell of: under which ids, and for which end user.

    Calls of servers have no `token`, so choice 42 says whether events tell of them. `origin` is
    where the caller reached the mock, for URLs in what is sent.
    """

    call: Call
    api_id: str
    invoke_id: str
    token: str | None
    origin: str

    @classmethod
    def of(
        cls, call: Call, public_url: str, *, api_id: str = "", token: str | None = None
    ) -> EventContext:
        """Return the context of a call; `api_id` is by default the last segment of its path."""
        id = api_id or call.path.rpartition("/")[2]
        return cls(call, id, invocation_id(call.trace), token, call.origin(public_url))

    @property
    def account(self) -> Account:
        return self.call.account


class Events:
    """Sends events if an event URL is configured, for the calls that choice 42 says.

    `task_data` returns what the result call would answer for a task, at a moment, to a caller that
    reaches the mock at an origin.
    """

    def __init__(
        self,
        dispatcher: CallbackDispatcher,
        settings: WorkshopSettings,
        secret: str,
        wall: Callable[[], float],
        task_data: TaskData,
    ) -> None:
        self.dispatcher = dispatcher
        self.settings = settings
        self.secret = secret
        self.wall = wall
        self.task_data = task_data
        kinds = {
            PRE_INVOKE: "synchronous",  # documented
            SD_PRE_INVOKE: "synchronous",  # documented
            CONTROL_CONFIG: settings.control_config_kind,
            COMMIT: settings.commit_kind,
            ROLLBACK: settings.rollback_kind,
            TASK_FINISHED: settings.task_finished_kind,
            MODEL_LISTED: settings.model_listed_kind,
        }
        self._synchronous = frozenset(
            biz_type for biz_type, kind in kinds.items() if kind == "synchronous"
        )

    @property
    def callback_adapter(self) -> CallbackAdapter:
        """How events are worded, addressed and repeated."""
        return CallbackAdapter(self._body, RETRY_DELAYS, self._url, once=self._synchronous)

    # Before a call

    async def before(self, context: EventContext, body: Mapping[str, Any]) -> None:
        """Ask if a call with this body is allowed, or raise Denied; the receiver counts quota."""
        await self._ask(context, PRE_INVOKE, body)

    async def before_generation(self, context: EventContext, checkpoint: Mapping[str, Any]) -> None:
        """Ask if a generation with this model may begin; if not, roll back and raise Denied."""
        try:
            await self._ask(context, SD_PRE_INVOKE, {"checkpoint": checkpoint})
        except Denied:
            await self.rolled_back(context)
            raise

    async def page_text(self, context: EventContext) -> Mapping[str, Any] | None:
        """Return what the receiver wants a page to show, such as a quota; None for nothing."""
        if not self._fires(context):
            return None
        reply = await self._say(context, CONTROL_CONFIG, b"")
        data = reply.data() if reply is not None and reply.arrived else None
        return data if isinstance(data, dict) else None

    async def carry_out(
        self,
        context: EventContext,
        asked: Mapping[str, Any],
        submit: Submit,
        *,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> Snapshot:
        """Make a task if the customer allows it; a call that fails after that is rolled back.

        It asks for the call first, then for a generation with the checkpoint. Raises Denied.
        """
        await self.before(context, asked)
        if checkpoint is not None:
            await self.before_generation(context, checkpoint)
        try:
            return await submit(self.watch(context))
        except Exception:
            with suppress(AccountGone):
                await self.rolled_back(context)
            raise

    # After it

    def watch(self, context: EventContext) -> Watch | None:
        """Return the watch of the job that a call makes, if events tell of the call.

        A success commits the call and sends the result; any other end rolls the call back.
        """
        return self._watch(context) if self._fires(context) else None

    async def rolled_back(self, context: EventContext) -> None:
        """Tell that a call failed before there was a job."""
        if self._fires(context):
            await self._say(context, ROLLBACK, b"")

    async def model_listed(
        self, world: UnitOfWork, context: EventContext, content: Mapping[str, Any], due_at: float
    ) -> None:
        """Tell the result of a synchronised model at the moment `due_at`.

        Only servers make the call that this event is documented for, so choice 42 does not count.
        """
        if self.settings.event_url:
            watch = self._watch(context)
            await post(world, watch, MODEL_LISTED, to_json(content), due_at=due_at)

    # Inside

    def _fires(self, context: EventContext) -> bool:
        by_user = context.token is not None
        return bool(self.settings.event_url) and (by_user or self.settings.server_events)

    def _watch(self, context: EventContext) -> Watch:
        about = (context.api_id, context.invoke_id, context.token or "")
        return Watch(
            self.settings.event_url,
            SURFACE,
            origin=context.origin,
            reference=to_json(about).decode(),
            on_success=(COMMIT, TASK_FINISHED),
            on_failure=(ROLLBACK,),
        )

    async def _say(self, context: EventContext, biz_type: str, body: bytes) -> CallbackReply | None:
        """Send an event; return the reply to one that is a question."""
        watch = self._watch(context)
        if biz_type in self._synchronous:
            wall = context.call.wall
            return await self.dispatcher.ask(context.account, watch, biz_type, body, wall)
        async with context.call.act() as world:
            await post(world, watch, biz_type, body)
        return None

    async def _ask(self, context: EventContext, biz_type: str, body: Mapping[str, Any]) -> None:
        """Raise Denied if the answer has `success` false; one without `success` is choice 41."""
        reply = await self._say(context, biz_type, to_json(body)) if self._fires(context) else None
        if reply is None:
            return
        data = reply.data() if reply.arrived else None
        members = data if isinstance(data, dict) else {}
        success = members.get("success")
        if success is False:
            raise Denied(str(members.get("errMessage") or "the call was denied"))
        if success is not True:
            what = f"status {reply.status}" if reply.status else reply.problem
            if reply.arrived:
                what = "no JSON object with success true or false"
            remark = f"{biz_type} was not answered as documented: {what}"
            context.call.remark(remark)
            if self.settings.unanswered_event == "deny":
                raise Denied(remark)

    def _body(self, delivery: Delivery, job: Job, account: Account) -> bytes:
        if delivery.topic != TASK_FINISHED:
            return b""
        at = delivery.made_at
        return to_json(self.task_data(job, account, delivery.watch.origin, at))

    def _url(self, delivery: Delivery, account: Account, at: float) -> str:
        """Return the URL of one try, with a new nonce and timestamp, since receivers check them."""
        api_id, invoke_id, sealed = from_json(delivery.watch.reference)
        if sealed and self.settings.event_token == "encrypted":  # noqa: S105 - a choice's word
            sealed = seal(self.secret, sealed)
        seconds = at if self.settings.event_timestamp == "account" else self.wall()
        tries = len(delivery.attempts)
        parameters = {
            "apiId": api_id,
            "bizType": delivery.topic,
            "invokeId": invoke_id,
            "apiToken": sealed,
            SIGN: "",
            "nonce": ids.uuid_of(account.seed, "event", account.id, delivery.id, tries),
            "timestamp": str(int(seconds * 1000)),
        }
        return signed_url(delivery.watch.url, self.secret, parameters)
