"""The calls about tasks: submit, progress and result of both kinds (Workshop › 7, 8)."""

from __future__ import annotations

from typing import Any

from mock_server.core.jobs.service import Snapshot
from mock_server.core.jobs.watch import Watch
from mock_server.web.calls import Call
from mock_server.web.pipeline import Operation
from mock_server.web.progress import wished_progression
from mock_server.workshop.pools import named_pools
from mock_server.workshop.sd_tasks import ImageToImage, TextToImage
from mock_server.workshop.server_calls import ServerCalls
from mock_server.workshop.tasks import Tasks
from mock_server.workshop.wire import CamelBody
from mock_server.workshop.workflow_tasks import ComfyPrompt


class TaskName(CamelBody):
    """Which task is asked for; what else clients send here does no harm."""

    task_id: str


class TaskOperations:
    """The operations on tasks. `public_url` is what URLs begin with in place of the caller's."""

    def __init__(self, tasks: Tasks, calls: ServerCalls, *, public_url: str = "") -> None:
        self.tasks = tasks
        self.calls = calls
        self.public_url = public_url
        self.operations = (
            Operation(
                "POST", "/scc/sd_txt2img", self.draw, "Draw pictures out of a text",
                "Workshop › 7", body=TextToImage,
            ),
            Operation(
                "POST", "/scc/sd_img2img", self.draw, "Draw pictures over a picture",
                "Workshop › 7", body=ImageToImage,
            ),
            Operation(
                "POST", "/scc/sd_get_progress", self.progress, "Look at how far a task is",
                "Workshop › 7", body=TaskName,
            ),
            Operation(
                "POST", "/scc/sd_get_result", self.result, "Get what came of a task",
                "Workshop › 7", body=TaskName,
            ),
            Operation(
                "POST", "/scc/comfy_prompt", self.run, "Run a workflow", "Workshop › 8.1",
                body=ComfyPrompt,
            ),
            Operation(
                "POST", "/scc/comfy_get_progress", self.progress, "Look at how far a task is",
                "Workshop › 8.2", body=TaskName,
            ),
            Operation(
                "POST", "/scc/comfy_get_result", self.result, "Get what came of a task",
                "Workshop › 8.3", body=TaskName,
            ),
        )  # fmt: skip

    async def draw(self, call: Call, payload: TextToImage | ImageToImage) -> dict[str, Any]:
        """Workshop › 7: standard SD tasks."""

        async def submit(watch: Watch | None) -> Snapshot:
            return await self.tasks.draw(
                call.account,
                payload,
                call.now,
                pools=named_pools(call),
                watch=watch,
                progress=wished_progression(call),
                remark=call.remark,
            )

        asked = payload.model_dump(exclude_unset=True)
        return self.tasks.accepted(
            await self.calls.carry_out(call, asked, submit, checkpoint=payload.checkpoint)
        )

    async def run(self, call: Call, payload: ComfyPrompt) -> dict[str, Any]:
        """Workshop › 8.1: tasks of a workflow."""

        async def submit(watch: Watch | None) -> Snapshot:
            return await self.tasks.run(
                call.account,
                payload,
                call.now,
                pools=named_pools(call),
                watch=watch,
                progress=wished_progression(call),
                remark=call.remark,
            )

        asked = payload.model_dump(exclude_unset=True)
        return self.tasks.accepted(await self.calls.carry_out(call, asked, submit))

    async def progress(self, call: Call, payload: TaskName) -> dict[str, Any]:
        """Workshop › 7, 8.2: of any task, whatever its kind (choice 34)."""
        snapshot = await self.tasks.look(call.account, payload.task_id, call.now)
        return self.tasks.progress(snapshot, call.account, call.origin(self.public_url))

    async def result(self, call: Call, payload: TaskName) -> dict[str, Any]:
        """Workshop › 7, 8.3: of any task, whatever its kind (choice 34)."""
        snapshot = await self.tasks.look(call.account, payload.task_id, call.now)
        return self.tasks.result(snapshot, call.account, call.origin(self.public_url))
