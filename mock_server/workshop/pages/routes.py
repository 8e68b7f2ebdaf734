"""The pages' operations, a table. None asks for a signature: the session's id is the key.

What carries them out is loaded with the first page, as most servers never show one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING

from mock_server.core.jobs.service import JobService
from mock_server.core.session_service import SessionService
from mock_server.web.calls import Answer, Bounds, Call
from mock_server.web.pipeline import Operation
from mock_server.web.results import ResultFiles
from mock_server.workshop.events import Events
from mock_server.workshop.session_operations import COMFYUI, SD_WEBUI
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.tasks import Tasks

if TYPE_CHECKING:
    from mock_server.workshop.pages.operations import PageOperations

SOURCE = "Workshop › 6.6"

# What a page remembers is small; what it asks for may have a picture in it.
_SMALL = Bounds(body_bytes=256 * 1024)

Do = Callable[["PageOperations", Call, str], Awaitable[Answer]]


class Pages:
    """Offers the pages of both products, the calls that they make, and their files."""

    def __init__(
        self,
        job_service: JobService,
        session_service: SessionService,
        settings: WorkshopSettings,
        results: ResultFiles,
        tasks: Tasks,
        events: Events,
        *,
        public_url: str = "",
    ) -> None:
        self.job_service = job_service
        self.session_service = session_service
        self.settings = settings
        self.results = results
        self.tasks = tasks
        self.events = events
        self.public_url = public_url
        self.operations = (
            *self._of(SD_WEBUI),
            *self._of(COMFYUI),
            self._operation(
                "GET", COMFYUI, "s/{session}/workflows",
                lambda page_operations, call, product: page_operations.workflows(call, product),
                "The workflows that a session's page offers",
            ),
        )  # fmt: skip

    @cached_property
    def page_operations(self) -> PageOperations:
        """What carries the operations out."""
        from mock_server.workshop.pages.operations import PageOperations

        return PageOperations(
            self.job_service,
            self.session_service,
            self.settings,
            self.results,
            self.tasks,
            self.events,
            public_url=self.public_url,
        )

    def _of(self, product: str) -> tuple[Operation, ...]:
        return (
            self._operation(
                "GET", product, "s/{session}",
                lambda page_operations, call, product: page_operations.page(call, product),
                "The page that a session's URL opens",
            ),
            self._operation(
                "GET", product, "s/{session}/state",
                lambda page_operations, call, product: page_operations.state(call, product),
                "What a session's page shows",
            ),
            self._operation(
                "GET", product, "s/{session}/history",
                lambda page_operations, call, product: page_operations.history(call, product),
                "Tasks of a session's token that are over",
            ),
            self._operation(
                "GET", product, "s/{session}/pictures/{name}",
                lambda page_operations, call, product: page_operations.picture(call, product),
                "A picture of a session's token",
            ),
            self._operation(
                "POST", product, "s/{session}/generate",
                lambda page_operations, call, product: page_operations.generate(call, product),
                "Make a task from a session's page", bounds=None,
            ),
            self._operation(
                "PUT", product, "s/{session}/preferences",
                lambda page_operations, call, product: page_operations.prefer(call, product),
                "Keep what a session's page is set to", bounds=_SMALL,
            ),
            self._operation(
                "GET", product, "static/{name}",
                lambda page_operations, call, product: page_operations.file(call, product),
                "A file that pages load",
            ),
        )  # fmt: skip

    def _operation(
        self,
        method: str,
        product: str,
        below: str,
        do: Do,
        summary: str,
        *,
        bounds: Bounds | None = None,
    ) -> Operation:
        async def run(call: Call, payload: None) -> Answer:
            return await do(self.page_operations, call, product)

        path = f"/{product}/{below}"
        return Operation(method, path, run, summary, SOURCE, public=True, bounds=bounds)
