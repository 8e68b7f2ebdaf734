"""Uploads of all accounts, and letting them and the URLs of results expire now."""

from __future__ import annotations

from mock_server.control.jobs import JobBody
from mock_server.core.accounts import SERVER
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.resources import Resource
from mock_server.web.calls import Call
from mock_server.web.json_bodies import (
    MomentBody,
    NewestQuery,
    OutgoingBody,
    PageBody,
    TextOrNull,
)
from mock_server.web.listing import act_on_owner, newest


class UploadBody(OutgoingBody):
    """An upload now, by its account's clock; null in `kept` means for ever.

    `problem` is why a job that starts now cannot use it.
    """

    id: str
    account: str
    size_bytes: int
    format: TextOrNull
    width: int
    height: int
    now: MomentBody
    made: MomentBody
    open: MomentBody
    kept: MomentBody | None
    uploaded: MomentBody | None
    problem: TextOrNull

    @classmethod
    def of(cls, upload: Resource, now: float) -> UploadBody:
        return cls.like(
            upload,
            now=MomentBody.of(now),
            made=MomentBody.of(upload.made_at),
            open=MomentBody.of(upload.upload_until),
            kept=None if upload.keep_until is None else MomentBody.of(upload.keep_until),
            uploaded=None if upload.uploaded_at is None else MomentBody.of(upload.uploaded_at),
            problem=upload.problem_at(now),
        )


class UploadsBody(PageBody):
    """A page of uploads."""

    uploads: list[UploadBody]


class ExpiredBody(OutgoingBody):
    """How many of an account's uploads, or of its jobs with results, have expired by now."""

    expired: int


async def list_uploads(call: Call, query: NewestQuery) -> UploadsBody:
    if query.account is not None:
        await call.accounts.find(query.account)
    moments: dict[str, float] = {}

    async def fits(upload: Resource) -> bool:
        if upload.account == SERVER:
            return False
        if upload.account not in moments:
            account = await call.accounts.get(upload.account)
            if account is None:
                return False  # It was deleted meanwhile.
            moments[upload.account] = await call.accounts.now(account, call.wall)
        return True

    store = call.accounts.store
    uploads, next_page = await newest(store, Resource, query.account, query, fits)
    listed = [UploadBody.of(upload, moments[upload.account]) for upload in uploads]
    return UploadsBody(uploads=listed, next=next_page)


async def expire_upload(call: Call) -> UploadBody:
    id = call.params["id"]
    upload = await call.accounts.store.get(Resource, id)
    if upload is None or upload.account == SERVER:
        raise NotFound("upload", id)
    async with await act_on_owner(call, Resource, "upload") as world:
        return UploadBody.of(await world.uploads.expire(id), world.now)


async def expire_account_uploads(call: Call) -> ExpiredBody:
    async with call.accounts.act(call.params["id"], call.wall) as world:
        uploads = await world.tx.list(Resource, world.account.id)
        for each in uploads:
            await world.uploads.expire(each.id)
        return ExpiredBody(expired=len(uploads))


async def expire_results(call: Call) -> JobBody:
    async with await act_on_owner(call, Job, "job") as world:
        return JobBody.of(await world.jobs.expire_results(call.params["id"]), world.now)


async def expire_account_results(call: Call) -> ExpiredBody:
    async with call.accounts.act(call.params["id"], call.wall) as world:
        jobs = [
            each
            for each in await world.tx.list(Job, world.account.id)
            if each.state_at(world.now) is JobState.SUCCEEDED
        ]
        for each in jobs:
            await world.jobs.expire_results(each.id)
        return ExpiredBody(expired=len(jobs))
