"""The Workshop's surface: what is offered under /scc, and how calls are read and answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mock_server.core.accounts import Account, Limits
from mock_server.core.errors import DomainError
from mock_server.core.jobs.service import JobService
from mock_server.core.session_service import SessionService
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Answer, Bounds, Call, Trace
from mock_server.web.pipeline import Operation
from mock_server.web.results import ResultFiles
from mock_server.workshop import errors, gateway, wire
from mock_server.workshop.authentication import WorkshopAuthenticator
from mock_server.workshop.envelope import failure, success
from mock_server.workshop.error_codes import load_codes, worded
from mock_server.workshop.events import Events
from mock_server.workshop.file_inputs import FileInputs
from mock_server.workshop.gateway import Situation
from mock_server.workshop.models import Models
from mock_server.workshop.outputs import Outputs
from mock_server.workshop.pages.routes import Pages
from mock_server.workshop.pools import Pools
from mock_server.workshop.server_calls import ServerCalls
from mock_server.workshop.session_operations import SessionOperations
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_answers import TaskAnswers
from mock_server.workshop.task_operations import TaskOperations
from mock_server.workshop.tasks import Tasks
from mock_server.workshop.temp_files import TempFiles
from mock_server.workshop.token_operations import TokenOperations
from mock_server.workshop.workflows import load_workflows


class WorkshopSurface:
    """The vendor's voice over the studio and the lobby."""

    name = "workshop"

    def __init__(
        self,
        job_service: JobService,
        session_service: SessionService,
        settings: WorkshopSettings,
        results: ResultFiles,
        *,
        upload_bounds: Bounds,
        dispatcher: CallbackDispatcher,
        event_secret: str,
        wall: Callable[[], float],
        public_url: str = "",
        error_codes_file: Path | None = None,
        workflows_file: Path | None = None,
    ) -> None:
        self.job_service = job_service
        self.settings = settings
        self.codes = load_codes(error_codes_file)
        self.authenticator = WorkshopAuthenticator(job_service, settings, lambda: self.paths)
        self.tokens = TokenOperations(session_service, settings)
        self.sessions = SessionOperations(session_service, settings, public_url=public_url)
        temp_files = TempFiles(job_service, settings, upload_bounds, public_url=public_url)
        outputs = Outputs(job_service, settings, results)
        workflows = load_workflows(workflows_file)
        self.pools = Pools(job_service, settings)
        self.models = Models(job_service.store, settings)
        self.tasks = Tasks(
            job_service,
            settings,
            FileInputs(job_service, settings, temp_files, outputs),
            self.pools,
            self.models,
            workflows,
            TaskAnswers(settings, outputs, workflows),
        )
        self.events = Events(dispatcher, settings, event_secret, wall, self.tasks.task_data)
        calls = ServerCalls(self.events, public_url=public_url)
        self.models.tell_listed = calls.tell_listed
        posted: Sequence[Operation] = (
            *self.tokens.operations,
            *self.sessions.operations,
            *TaskOperations(self.tasks, calls, public_url=public_url).operations,
            *self.pools.operations,
            *self.models.operations,
            *temp_files.operations,
            *outputs.operations,
            *Pages(
                job_service,
                session_service,
                settings,
                results,
                self.tasks,
                self.events,
                public_url=public_url,
            ).operations,
        )
        self.operations: Sequence[Operation] = (*posted, *self._asked(posted))

    @property
    def paths(self) -> tuple[bytes, ...]:
        """The paths that calls are signed for."""
        return tuple(each.path.encode() for each in self.operations if not each.public)

    async def authenticate(self, call: Call) -> Account:
        """Return the account whose AppKey signed the call."""
        return await self.authenticator.authenticate(call)

    def limit(self, call: Call) -> tuple[Limits, str] | None:
        """Return the gateway's flow control, which has windows of its own (choice 29)."""
        match self.settings.flow_control:
            case "app":
                return Limits(qps=self.settings.flow_rate), "flow control"
            case "path":
                return Limits(qps=self.settings.flow_rate), f"flow control {call.path}"
        return None

    def validate(self, operation: Operation, call: Call) -> Any:
        """Read the body, or the query in its place where GET is taken (choice 28)."""
        if operation.body is None:
            return None
        if operation.method == "GET":
            return wire.parse_query(operation.body, call.scope["query_string"])
        digit_strings = self.settings.digit_strings == "accept"
        return wire.parse(operation.body, call.body, digit_strings=digit_strings)

    def render(self, result: Any, trace: Trace) -> Answer:
        """Return the answer to an operation; what is one already is for browsers, not clients."""
        return result if isinstance(result, Answer) else success(result, trace)

    def render_error(self, error: DomainError, trace: Trace) -> Answer:
        return errors.render_error(error, self.settings, self.codes, trace)

    def render_crash(self, trace: Trace) -> Answer:
        words = worded(self.codes, "crash", f"System error, request {trace.id}")
        return failure(words, trace, 500)

    def unknown_path(self, trace: Trace) -> Answer:
        return self._turned_away(Situation.NOT_FOUND, trace)

    def wrong_method(self, allowed: Sequence[str], trace: Trace) -> Answer:
        answer = self._turned_away(Situation.METHOD_NOT_SUPPORTED, trace)
        allow = (b"allow", ", ".join(allowed).encode())
        return Answer(answer.status, answer.body, (*answer.headers, allow))

    def _turned_away(self, situation: Situation, trace: Trace) -> Answer:
        answer = gateway.refuse(situation, self.settings.gateway_generation)
        return gateway.with_request_id(answer, trace.id)

    def _asked(self, posted: Sequence[Operation]) -> list[Operation]:
        """Return the same operations for GET, where that is taken (choice 28)."""
        if self.settings.other_methods == "refuse":
            return []
        calls = (each for each in posted if each.method == "POST" and not each.public)
        return [replace(each, method="GET") for each in calls]
