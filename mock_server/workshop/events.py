"""Events for the customer's server: asked before a call, told of it after (Workshop › 11).

Documented are names, query parameters, the time-out of 5 s and the sixteen delays; what bodies and
answers hold and which events are asked is choices 38 to 42 where the pages do not say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct
from pydantic_core import from_json, to_json

from mock_server.core import ids
from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.service import Snapshot
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Delivery
from mock_server.web.callback_formats import CallbackAdapter, CallbackReply
from mock_server.web.callbacks import CallbackDispatcher
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


class AccessDecision(Struct, frozen=True):
    """Whether a call may go ahead, what the user reads if not, and what the journal should say."""

    allowed: bool
    message: str = ""
    remark: str = ""


class EventContext(Struct, frozen=True):
    """A call that events tell of: whose, under which ids, and for which end user.

    Calls between servers have no `token`. `origin` is where the caller reached the mock, for URLs
    in what is sent; `now` is the account's time.
    """

    account: Account
    api_id: str
    invoke_id: str
    token: str | None
    origin: str
    now: float


class Events:
    """Asks and tells, if the account or the server has a URL for it; choice 42 for who is told of.

    `task_data` gives what the result call would answer for a task, to a caller that knows the mock
    under an origin, at a moment.
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
        """How the postman words, addresses and repeats events."""
        return CallbackAdapter(self._body, RETRY_DELAYS, self._url, once=self._synchronous)

    # Before a call

    async def before(self, context: EventContext, body: Mapping[str, Any]) -> AccessDecision:
        """Ask whether a call with this body may be carried out; the receiver takes the quota."""
        return await self._permission(context, PRE_INVOKE, body)

    async def before_generation(
        self, context: EventContext, checkpoint: Mapping[str, Any]
    ) -> AccessDecision:
        """Ask whether a generation with this model may begin; if not, roll the call back."""
        verdict = await self._permission(context, SD_PRE_INVOKE, {"checkpoint": checkpoint})
        if not verdict.allowed:
            await self.rolled_back(context)
        return verdict

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
        remark: Callable[[str], object],
        *,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> Snapshot:
        """Make a task if the customer lets it through; what fails then is rolled back.

        Permission for the call comes first, then that for a generation with the checkpoint. Raises
        Denied; what the journal should say goes to `remark`.
        """
        _heed(await self.before(context, asked), remark)
        if checkpoint is not None:
            _heed(await self.before_generation(context, checkpoint), remark)
        try:
            return await submit(self.watch(context))
        except Exception:
            await self.rolled_back(context)
            raise

    # After it

    def watch(self, context: EventContext) -> Watch | None:
        """Return the watch of the job that a call makes, if events tell of the call.

        At a good end they commit the call and send the result; at any other they roll it back.
        """
        return self._watch(context) if self._fires(context) else None

    async def committed(self, context: EventContext) -> None:
        """Tell that a call went through that makes no job."""
        if self._fires(context):
            await self._say(context, COMMIT, b"")

    async def rolled_back(self, context: EventContext) -> None:
        """Tell that a call failed before there was a job."""
        if self._fires(context):
            await self._say(context, ROLLBACK, b"")

    async def model_listed(
        self, context: EventContext, content: Mapping[str, Any], due_at: float
    ) -> None:
        """Tell what became of a synchronised model, when it is due.

        Documented for a call that only servers make, so choice 42 does not hold it back.
        """
        if self._url_for(context.account):
            watch, body = self._watch(context), to_json(content)
            await self.dispatcher.post(
                context.account, watch, MODEL_LISTED, body, context.now, due_at=due_at
            )

    # Inside

    def _fires(self, context: EventContext) -> bool:
        by_user = context.token is not None
        return bool(self._url_for(context.account)) and (by_user or self.settings.server_events)

    def _url_for(self, account: Account) -> str:
        return account.events_url or self.settings.event_url

    def _watch(self, context: EventContext) -> Watch:
        about = (context.api_id, context.invoke_id, context.token or "")
        return Watch(
            self._url_for(context.account),
            SURFACE,
            origin=context.origin,
            reference=to_json(about).decode(),
            on_success=(COMMIT, TASK_FINISHED),
            on_failure=(ROLLBACK,),
        )

    async def _say(self, context: EventContext, biz_type: str, body: bytes) -> CallbackReply | None:
        """Send an event of the kind that the choice says; return the reply to one that is asked."""
        about = (context.account, self._watch(context), biz_type, body, context.now)
        if biz_type in self._synchronous:
            return await self.dispatcher.ask(*about)
        await self.dispatcher.post(*about)
        return None

    async def _permission(
        self, context: EventContext, biz_type: str, body: Mapping[str, Any]
    ) -> AccessDecision:
        if not self._fires(context):
            return AccessDecision(allowed=True)
        reply = await self._say(context, biz_type, to_json(body))
        return AccessDecision(allowed=True) if reply is None else self._verdict(biz_type, reply)

    def _verdict(self, biz_type: str, reply: CallbackReply) -> AccessDecision:
        """Read the documented `success` and `errMessage`; what lacks them is choice 41."""
        data = reply.data() if reply.arrived else None
        members = data if isinstance(data, dict) else {}
        success = members.get("success")
        if success is True:
            return AccessDecision(allowed=True)
        if success is False:
            return AccessDecision(False, str(members.get("errMessage") or "the call was denied"))
        what = f"status {reply.status}" if reply.status else reply.problem
        if reply.arrived:
            what = "no JSON object with success true or false"
        remark = f"{biz_type} was not answered as documented: {what}"
        return AccessDecision(self.settings.unanswered_event == "allow", remark, remark)

    def _body(self, delivery: Delivery, job: Job, account: Account) -> bytes:
        if delivery.topic != TASK_FINISHED:
            return b""
        at = delivery.made_at
        return to_json(self.task_data(job, account, delivery.watch.origin, at))

    def _url(self, delivery: Delivery, account: Account, at: float) -> str:
        """Return the URL of one try, signed anew as receivers look at nonce and timestamp."""
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


def _heed(verdict: AccessDecision, remark: Callable[[str], object]) -> None:
    if verdict.remark:
        remark(verdict.remark)
    if not verdict.allowed:
        raise Denied(verdict.message)
