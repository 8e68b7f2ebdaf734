"""The pages' operations, a table. None asks for a signature: the session's id is the key.

What carries them out is loaded with the first page, as most servers never show one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING

from mock_server.core.lobby import Lobby
from mock_server.core.studio import Studio
from mock_server.web.calls import Answer, Bounds, Call
from mock_server.web.pipeline import Operation
from mock_server.web.results import Results
from mock_server.workshop.choices import Choices
from mock_server.workshop.events import Events
from mock_server.workshop.session_operations import COMFYUI, SD_WEBUI
from mock_server.workshop.tasks import Tasks

if TYPE_CHECKING:
    from mock_server.workshop.pages.desk import Desk

SOURCE = "Workshop › 6.6"

# What a page remembers is small; what it asks for may have a picture in it.
_SMALL = Bounds(body_bytes=256 * 1024)

Do = Callable[["Desk", Call, str], Awaitable[Answer]]


class Pages:
    """Offers the pages of both products, the calls that they make, and their files."""

    def __init__(
        self,
        studio: Studio,
        lobby: Lobby,
        choices: Choices,
        results: Results,
        tasks: Tasks,
        events: Events,
        *,
        public_url: str = "",
    ) -> None:
        self.studio = studio
        self.lobby = lobby
        self.choices = choices
        self.results = results
        self.tasks = tasks
        self.events = events
        self.public_url = public_url
        self.operations = (
            *self._of(SD_WEBUI),
            *self._of(COMFYUI),
            self._operation(
                "GET", COMFYUI, "s/{session}/workflows",
                lambda desk, call, product: desk.workflows(call, product),
                "The workflows that a session's page offers",
            ),
        )  # fmt: skip

    @cached_property
    def desk(self) -> Desk:
        """What carries the operations out."""
        from mock_server.workshop.pages.desk import Desk

        return Desk(
            self.studio,
            self.lobby,
            self.choices,
            self.results,
            self.tasks,
            self.events,
            public_url=self.public_url,
        )

    def _of(self, product: str) -> tuple[Operation, ...]:
        return (
            self._operation(
                "GET", product, "s/{session}",
                lambda desk, call, product: desk.page(call, product),
                "The page that a session's URL opens",
            ),
            self._operation(
                "GET", product, "s/{session}/state",
                lambda desk, call, product: desk.state(call, product),
                "What a session's page shows",
            ),
            self._operation(
                "GET", product, "s/{session}/history",
                lambda desk, call, product: desk.history(call, product),
                "Tasks of a session's token that are over",
            ),
            self._operation(
                "GET", product, "s/{session}/pictures/{name}",
                lambda desk, call, product: desk.picture(call, product),
                "A picture of a session's token",
            ),
            self._operation(
                "POST", product, "s/{session}/generate",
                lambda desk, call, product: desk.generate(call, product),
                "Make a task from a session's page", bounds=None,
            ),
            self._operation(
                "PUT", product, "s/{session}/preferences",
                lambda desk, call, product: desk.prefer(call, product),
                "Keep what a session's page is set to", bounds=_SMALL,
            ),
            self._operation(
                "GET", product, "static/{name}",
                lambda desk, call, product: desk.file(call, product),
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
            return await do(self.desk, call, product)

        path = f"/{product}/{below}"
        return Operation(method, path, run, summary, SOURCE, public=True, bounds=bounds)
