"""Uploads of an account: reserving a place, and keeping what was put there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from mock_server.core import ids
from mock_server.core.errors import NotFound, TooLarge
from mock_server.core.resources import Resource

if TYPE_CHECKING:
    from mock_server.core.unit_of_work import UnitOfWork


class UploadService:
    """What can be done with uploads, inside a unit of work."""

    def __init__(self, world: UnitOfWork) -> None:
        self.world = world

    async def reserve(
        self, *, upload_for: float, keep_for: float | None, media_type: str = ""
    ) -> Resource:
        """Make a place for one upload, open for some seconds and kept for some (None: for ever)."""
        world, tx, now = self.world, self.world.tx, self.world.now
        tick = await world.new_tick()
        while await tx.get(Resource, self._id(tick)) is not None:
            tick += 1
        resource = Resource(
            id=self._id(tick),
            account=world.account.id,
            made_at=now,
            upload_until=now + upload_for,
            keep_until=None if keep_for is None else now + keep_for,
            media_type=media_type,
        )
        await tx.put(resource)
        if await tx.count(Resource, world.account.id) > world.rules.keep_resources:
            for oldest in await tx.list(Resource, world.account.id, limit=1):
                await tx.delete(Resource, oldest.id)
        return resource

    async def get(self, id: str) -> Resource | None:
        """Return the upload, if it is the account's."""
        return await self.world.own(Resource, id)

    async def keep(
        self, resource: Resource, data: bytes, *, limit_bytes: int | None = None
    ) -> None:
        """Keep the bytes that came for an upload now; `resource` says what they are.

        Raises NotFound if its place is gone. `limit_bytes` replaces the limit of the rules.
        """
        limit_bytes = self.world.rules.upload_bytes if limit_bytes is None else limit_bytes
        if len(data) > limit_bytes:
            raise TooLarge("upload", limit_bytes=limit_bytes)
        if await self.get(resource.id) is None:
            raise NotFound("resource", resource.id)
        await self.world.tx.put(replace(resource, uploaded_at=self.world.now))
        await self.world.tx.put_blob(resource.id, data)

    async def expire(self, id: str) -> Resource:
        """Let the URL of an upload take no bytes from now on, and keep its file no longer."""
        resource = await self.get(id)
        if resource is None:
            raise NotFound("upload", id)
        now, kept = self.world.now, resource.keep_until
        resource = replace(
            resource,
            upload_until=min(now, resource.upload_until),
            keep_until=now if kept is None else min(now, kept),
        )
        await self.world.tx.put(resource)
        return resource

    def _id(self, tick: int) -> str:
        account = self.world.account
        return ids.uuid_of(account.seed, "resource", account.id, tick)
