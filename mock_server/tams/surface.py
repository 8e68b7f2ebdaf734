"""The TAMS surface: what is offered, and how each operation is translated."""

from __future__ import annotations

from asyncio import Semaphore
from binascii import crc32
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from mock_server.core.accounts import SERVER
from mock_server.core.errors import (
    AlreadyEnded,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    RequestRepeated,
)
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.resources import Resource
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.tams import errors, wire
from mock_server.tams.answers import JobAnswers
from mock_server.tams.authentication import TamsAuthenticator
from mock_server.tams.catalogue import Catalogue
from mock_server.tams.form_uploads import FormUploads
from mock_server.tams.preprocessing import PictureOperations
from mock_server.tams.requests import (
    CreateJob,
    CreateResourceImage,
    LaxCreateResourceImage,
    PriceJob,
)
from mock_server.tams.settings import TamsSettings
from mock_server.tams.stages import ParsedOrder, parse_order
from mock_server.tams.storage import Storage
from mock_server.tams.wire import path_number
from mock_server.tams.workflow.operations import WorkflowFiles, WorkflowOperations
from mock_server.web.calls import Answer, Call, json_answer
from mock_server.web.pipeline import Operation
from mock_server.web.progress import wished_progression
from mock_server.web.traces import Trace
from mock_server.web.vendors import VendorContext

_DAY = 86_400
# Limits of the mock for what is kept with a job.
MAX_REQUEST_ID_LENGTH = 200
MAX_URL_LENGTH = 2_000
_MAX_LIFE = 100 * 365.0 * _DAY  # a date can still be made of it


class TamsSurface:
    """The HTTP operations of TAMS under some settings; all surfaces share the other arguments."""

    name = "tams"
    cross_origin = True

    def __init__(
        self,
        context: VendorContext,
        settings: TamsSettings,
        *,
        authenticator: TamsAuthenticator,
        workflow_files: WorkflowFiles,
        decoding: Semaphore,
    ) -> None:
        accounts, upload_bounds = context.accounts, context.upload_bounds
        self.settings = settings
        self.public_url = context.public_url
        self.catalogue = Catalogue()
        self.storage = Storage(accounts, settings, context.results, upload_bounds)
        self.form_uploads = FormUploads(accounts, settings, upload_bounds)
        self.pictures = PictureOperations(
            accounts, settings, context.results, decoding, context.public_url
        )
        self.answers = JobAnswers(settings, self.storage)
        self.authenticator = authenticator
        self.authenticate = authenticator.authenticate
        self.workflows = WorkflowOperations(
            settings,
            self.catalogue,
            workflow_files,
            submit=self._submit_graph,
            request_key=self._request_key,
        )
        lax = settings.bad_expire == "default"
        upload_body = LaxCreateResourceImage if lax else CreateResourceImage
        self.operations: Sequence[Operation] = (
            Operation(
                "POST", "/v1/jobs", self.create_job, "Create a job out of stages",
                "TAMS › 5.1", body=CreateJob, name="CreateJob", price=self._price,
            ),
            Operation(
                "GET", "/v1/jobs/{job_id}", self.get_job, "State of a job", "TAMS › 5.2",
                name="GetJob",
            ),
            Operation(
                "DELETE", "/v1/jobs/{job_id}", self.cancel_job, "Cancel a job", "TAMS › 5.3",
                name="CancelJob",
            ),
            Operation(
                "POST", "/v1/jobs/credits", self.price_job, "Price of a job of stages",
                "TAMS › 5.4", body=PriceJob, name="GetJobCredits",
            ),
            Operation(
                "GET", "/v1/models/{model_id}", self.get_model, "One model", "TAMS › 5.10",
                name="GetModel",
            ),
            Operation(
                "POST", "/v1/resource/image", self.reserve_upload,
                "Reserve an image resource and an upload URL for it",
                "TAMS › 5.11", body=upload_body, name="CreateResourceImage",
            ),
            Operation(
                "POST", "/v1/resource/image/sts", self.reserve_form_upload,
                "Reserve an image resource and a form that uploads it",
                "TAMS › 5.12", body=upload_body, name="CreateResourceImageSts",
            ),
            *self.workflows.operations,
            *self.pictures.operations,
            *self.storage.operations,
            *self.form_uploads.operations,
        )  # fmt: skip

    @property
    def plain_paths(self) -> tuple[bytes, ...]:
        """The paths without an id in them."""
        return tuple(each.path.encode() for each in self.operations if "{" not in each.path)

    async def admit(self, world: UnitOfWork, call: Call, operation: Operation) -> None:
        """Count the call against the account's limit, or that of the path (U10)."""
        if self.settings.nonce_replay == "refuse":
            await self.authenticator.use_nonce(world, call)
        if operation.counted:
            scope = "" if self.settings.limit_scope == "app" else f" {call.trace.operation}"
            if remark := await world.admit(world.account.limits, scope):
                call.remark(remark)

    # What goes in and out

    def parse(self, operation: Operation, call: Call) -> Any:
        """Read the body leniently, as protobuf's JSON mapping does."""
        if operation.body is None:
            return None
        return wire.parse(
            operation.body,
            call.body,
            both_spellings=self.settings.both_spellings,
            unread_member=self.settings.unread_member,
            remark=call.remark,
        )

    def render(self, result: Any, operation: Operation, trace: Trace) -> Answer:
        """Return the answer to an operation that went well."""
        return result if isinstance(result, Answer) else json_answer(result)

    def render_error(self, error: DomainError, call: Call) -> Answer:
        return errors.render_error(error, self.settings)

    def render_crash(self, call: Call) -> Answer:
        return errors.crash(call.trace.id)

    def unknown_path(self, call: Call) -> Answer:
        return json_answer(errors.status_body(5, "Not Found"), 404)

    def wrong_method(self, allowed: Sequence[str], call: Call) -> Answer:
        answer = json_answer(
            errors.status_body(12, "Method Not Allowed"), self.settings.wrong_method_status
        )
        allow = (b"allow", ", ".join(allowed).encode())
        return Answer(answer.status, answer.body, (*answer.headers, allow))

    # Operations

    async def create_job(self, world: UnitOfWork, call: Call, payload: CreateJob) -> dict[str, Any]:
        """TAMS › 5.1: make a job and hold its credits."""
        key = self._request_key(call, payload.request_id)
        watch = self._watch(call, payload.notify_url, self.settings.notify_states)
        return await self._submit(world, call, self._parse_order(call, payload), key, watch)

    async def get_job(
        self, world: UnitOfWork, call: Call, payload: None
    ) -> dict[str, Any] | Answer:
        """TAMS › 5.2: a failed job is HTTP 200; another app's job is 404 or 403 (U9)."""
        job_id = path_number(call, "job_id")
        if self.settings.foreign_job_status == 403:
            await _refuse_foreign(world, job_id)
        snapshot = await world.jobs.look(job_id)
        days = self.settings.job_retention_days
        if days and snapshot.state.final and world.now >= snapshot.job.ended_at + days * _DAY:
            raise NotFound("job", job_id)
        call.decide(state=snapshot.state)
        return self.answers.look(snapshot, world.account, call.origin(self.public_url))

    async def cancel_job(self, world: UnitOfWork, call: Call, payload: None) -> dict[str, Any]:
        """TAMS › 5.3: credits come back; U30 to U32 for jobs that run, are over or unknown."""
        job_id = path_number(call, "job_id")
        if self.settings.foreign_job_status == 403:
            await _refuse_foreign(world, job_id)
        running_too = self.settings.cancel_running == "accept"
        try:
            await world.jobs.cancel(job_id, running_too=running_too)
        except AlreadyEnded:
            over = (await world.jobs.look(job_id)).state.final
            if not over or self.settings.cancel_finished == "refuse":
                raise
        else:
            call.decide(state=JobState.CANCELED)
        return {"jobId": job_id}

    async def price_job(self, world: UnitOfWork, call: Call, payload: PriceJob) -> dict[str, Any]:
        """TAMS › 5.4: what the job would cost, which is what it will be charged."""
        price = self._price(call, payload)
        call.decide(credits=price)
        return {"credits": float(price)}

    async def get_model(self, world: UnitOfWork, call: Call, payload: None) -> dict[str, Any]:
        """TAMS › 5.10: one model; there is no listing."""
        model_id = path_number(call, "model_id")
        model = self.catalogue.model(model_id, call.account.seed)
        if model is None or model_id in self.settings.removed_models:
            raise NotFound("model", model_id)
        return self.answers.model(model, call.origin(self.public_url))

    async def reserve_upload(
        self, world: UnitOfWork, call: Call, payload: CreateResourceImage
    ) -> dict[str, Any]:
        """TAMS › 5.11: a place for an image, and the URL that takes its bytes."""
        resource = await self._reserve(world, call, payload)
        place = self.storage.upload_place(resource, world.account, call.origin(self.public_url))
        return {"resourceId": resource.id, **place}

    async def reserve_form_upload(
        self, world: UnitOfWork, call: Call, payload: CreateResourceImage
    ) -> dict[str, str]:
        """TAMS › 5.12: a place for an image, and the form that takes its bytes."""
        resource = await self._reserve(world, call, payload)
        return self.form_uploads.place(resource, world.account, call.origin(self.public_url))

    # Inside

    async def _reserve(
        self, world: UnitOfWork, call: Call, payload: CreateResourceImage
    ) -> Resource:
        life = payload.expire_sec
        if life < 0:
            raise Invalid("expireSec", f"expireSec: must not be negative, found {life}")
        if payload.term not in (0, 1, 2):
            raise Invalid("term", f"term: must be 1 or 2, found {payload.term}")
        if payload.term == 0 and self.settings.missing_term == "refuse":
            raise Invalid("term", "term: required")
        keep_for = None if payload.term == 2 else self.settings.short_term_days * _DAY
        upload_for = min(float(life or self.settings.upload_life), _MAX_LIFE)
        resource = await world.uploads.reserve(upload_for=upload_for, keep_for=keep_for)
        call.decide(resource=resource.id)
        return resource

    def _price(self, call: Call, payload: CreateJob | PriceJob) -> Decimal:
        return self._parse_order(call, payload).work.price

    def _parse_order(self, call: Call, payload: CreateJob | PriceJob) -> ParsedOrder:
        made = parse_order(payload.stages, self.settings, self.catalogue)
        for warning in made.warnings:
            call.remark(warning)
        return made

    def _request_key(self, call: Call, request_id: str) -> str:
        if not request_id:
            if self.settings.request_id_missing == "refuse":
                raise Invalid("requestId", "requestId: required")
            return ""
        _check_length("requestId", request_id, MAX_REQUEST_ID_LENGTH)
        if self.settings.request_id_scope == "operation":
            return f"{call.trace.operation} {request_id}"
        return request_id

    async def _submit_graph(
        self, world: UnitOfWork, call: Call, made: ParsedOrder, request_key: str, url: str
    ) -> dict[str, Any]:
        notify = self.settings.running_notify
        watch = None if notify == "off" else self._watch(call, url, notify)
        return await self._submit(world, call, made, request_key, watch)

    def _watch(self, call: Call, url: str, notify: str) -> Watch | None:
        """Return who is told of the job; an empty URL asks for nothing (U36 to U38)."""
        if not url or self.settings.notify_payload == "off":
            return None
        _check_length("notifyUrl", url, MAX_URL_LENGTH)
        return Watch(url, self.name, Notify(notify), call.origin(self.public_url))

    async def _submit(
        self,
        world: UnitOfWork,
        call: Call,
        made: ParsedOrder,
        request_key: str,
        watch: Watch | None,
    ) -> dict[str, Any]:
        """Make a job and answer it, or the one that its request id made before (U13, U14)."""
        settings = self.settings
        if settings.missing_resource == "refuse":
            await self._refuse_missing_inputs(world, made)
        try:
            snapshot = await world.jobs.submit(
                made.order,
                made.work,
                request_key="" if settings.repeated_request == "new" else request_key,
                fingerprint=len(call.body) << 32 | crc32(call.body),
                key_life=settings.request_id_life or float("inf"),
                watch=watch,
                progress=wished_progression(call),
            )
        except RequestRepeated as repeated:
            other = not repeated.same_content
            if settings.repeated_request == "refuse" or (
                other and settings.repeated_request_other_body == "refuse"
            ):
                raise
            if other:
                call.remark(f"{repeated}, with another body; the first job is answered")
            snapshot = await world.jobs.look(repeated.job_id)
            call.decide(job=snapshot.job.id, state=snapshot.state, repeated=True)
            return self.answers.job(snapshot, world.account, call.origin(self.public_url))
        call.decide(job=snapshot.job.id, state=snapshot.state, credits=made.work.price)
        if settings.state_on_create == "current":
            return self.answers.job(snapshot, world.account, call.origin(self.public_url))
        return self.answers.created(snapshot.job)

    async def _refuse_missing_inputs(self, world: UnitOfWork, made: ParsedOrder) -> None:
        for resource_id in made.work.inputs:
            resource = await world.tx.get(Resource, resource_id)
            if resource is None or resource.account not in (world.account.id, SERVER):
                raise Invalid("stages", f"resource {resource_id} not found")
            if problem := resource.problem_at(world.now):
                raise Invalid("stages", problem)


async def _refuse_foreign(world: UnitOfWork, job_id: str) -> None:
    job = await world.tx.get(Job, job_id)
    if job is not None and job.account != world.account.id:
        raise Forbidden("the job belongs to another app")


def _check_length(member: str, text: str, maximum: int) -> None:
    if len(text) > maximum:
        problem = f"{member}: must have at most {maximum} characters, found {len(text)}"
        raise Invalid(member, problem)
