"""The Workshop's surface: the operations under /scc, and how calls are read and answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from mock_server.core.accounts import Account, Limits
from mock_server.core.errors import DomainError
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Answer, Bounds, Call
from mock_server.web.pipeline import Operation
from mock_server.web.traces import Trace
from mock_server.web.vendors import VendorContext
from mock_server.workshop import errors, gateway, wire
from mock_server.workshop.authentication import WorkshopAuthenticator
from mock_server.workshop.envelope import failure, success
from mock_server.workshop.error_codes import ErrorCodes, worded
from mock_server.workshop.events import Events
from mock_server.workshop.file_inputs import FileInputs
from mock_server.workshop.gateway import Situation
from mock_server.workshop.models import Models
from mock_server.workshop.outputs import Outputs
from mock_server.workshop.pages.operations import PageOperations
from mock_server.workshop.pools import Pools
from mock_server.workshop.session_operations import SessionOperations
from mock_server.workshop.session_service import SessionService
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_answers import TaskAnswers
from mock_server.workshop.task_operations import TaskOperations
from mock_server.workshop.tasks import Tasks
from mock_server.workshop.temp_files import TempFiles
from mock_server.workshop.token_operations import TokenOperations
from mock_server.workshop.workflows import KnownWorkflows


class WorkshopSurface:
    """What the Workshop offers over HTTP under some settings.

    `upload_bounds` are those of temporary files.
    """

    name = "workshop"
    cross_origin = True

    def __init__(
        self,
        context: VendorContext,
        session_service: SessionService,
        settings: WorkshopSettings,
        *,
        upload_bounds: Bounds,
        authenticator: WorkshopAuthenticator,
        event_secret: str,
        codes: ErrorCodes,
        workflows: KnownWorkflows,
    ) -> None:
        results, public_url = context.results, context.public_url
        self.settings = settings
        self.codes = codes
        self.authenticator = authenticator
        temp_files = TempFiles(settings, upload_bounds, public_url=public_url)
        outputs = Outputs(settings, results)
        answers = TaskAnswers(settings, outputs, workflows)
        self.events = Events(
            context.dispatcher, settings, event_secret, context.wall, answers.task_data
        )
        pools = Pools(settings)
        models = Models(settings, self.events, public_url=public_url)
        inputs = FileInputs(settings, temp_files, outputs)
        self.tasks = Tasks(settings, inputs, pools, models, workflows, answers)
        pages = PageOperations(settings, results, self.tasks, self.events, public_url=public_url)
        offered: Sequence[Operation] = (
            *TokenOperations(session_service, settings).operations,
            *SessionOperations(session_service, settings, public_url=public_url).operations,
            *TaskOperations(self.tasks, self.events, public_url=public_url).operations,
            *pools.operations,
            *models.operations,
            *temp_files.operations,
            *outputs.operations,
            *pages.operations,
        )
        self.operations: Sequence[Operation] = (*offered, *self._by_get(offered))

    @property
    def paths(self) -> tuple[bytes, ...]:
        """The paths that calls are signed for."""
        return tuple(each.path.encode() for each in self.operations if each.caller is None)

    async def authenticate(self, call: Call) -> Account:
        """Return the account whose AppKey signed the call."""
        return await self.authenticator.authenticate(call)

    async def admit(self, world: UnitOfWork, call: Call, operation: Operation) -> None:
        """Use the nonce of a signed call, and count it in the gateway's flow control (choice 29).

        Flow control has windows that no other limit shares. A call that the service refuses later
        was still a call.
        """
        if operation.caller is not None:
            return
        await self.authenticator.use_nonce(world, call)
        flow_control = self.settings.flow_control
        if flow_control != "off" and operation.counted:
            scope = "flow control" if flow_control == "app" else f"flow control {call.path}"
            await world.admit(Limits(qps=self.settings.flow_rate), scope)
            await world.save()

    def parse(self, operation: Operation, call: Call) -> Any:
        """Read the body, or the query instead where GET is accepted (choice 28)."""
        if operation.body is None:
            return None
        if operation.method == "GET":
            return wire.parse_query(
                operation.body,
                call.scope["query_string"],
                unread_member=self.settings.unread_member,
                remark=call.remark,
            )
        return wire.parse(
            operation.body,
            call.body,
            digit_strings=self.settings.digit_strings == "accept",
            unread_member=self.settings.unread_member,
            remark=call.remark,
        )

    def render(self, result: Any, operation: Operation, trace: Trace) -> Answer:
        """Return the answer to an operation; those for browsers return an Answer themselves."""
        return result if isinstance(result, Answer) else success(result, trace)

    def render_error(self, error: DomainError, call: Call) -> Answer:
        return errors.render_error(error, self.settings, self.codes, call.trace)

    def render_crash(self, call: Call) -> Answer:
        words = worded(self.codes, "crash", f"System error, request {call.trace.id}")
        return failure(words, call.trace, 500)

    def unknown_path(self, call: Call) -> Answer:
        return self._refusal(Situation.NOT_FOUND, call)

    def wrong_method(self, allowed: Sequence[str], call: Call) -> Answer:
        answer = self._refusal(Situation.METHOD_NOT_SUPPORTED, call)
        allow = (b"allow", ", ".join(allowed).encode())
        return Answer(answer.status, answer.body, (*answer.headers, allow))

    def _refusal(self, situation: Situation, call: Call) -> Answer:
        answer = gateway.refuse(situation, self.settings.gateway_generation)
        return gateway.with_request_id(answer, call.trace.id)

    def _by_get(self, offered: Sequence[Operation]) -> list[Operation]:
        """Return the signed operations for GET, where that is accepted (choice 28)."""
        if self.settings.other_methods == "refuse":
            return []
        return [replace(each, method="GET") for each in offered if each.caller is None]
