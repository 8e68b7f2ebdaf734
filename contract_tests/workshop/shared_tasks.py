"""Tasks that run once and are shared by many tests.

Files are downloaded at once: later tests may move time beyond the expiry of a task and of its URLs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract_tests.answers import AnswerArray, ReceivedAnswer, Unmet
from contract_tests.clients.workshop import MAX_SECONDS, POLL, WorkshopClient
from contract_tests.clients.workshop_answers import TASK_ENDS
from contract_tests.shared_runs import SharedRuns

FIRST_PAUSE = 0.3  # seconds between the first polls; short enough to see all states of a fast task
SLOWER = 1.2
LATER = (0.0, 1.0, 3.0)  # seconds between polls of a finished task


@dataclass(frozen=True)
class TaskHistory:
    """One task: the answers to its submission and to each poll, and its result.

    `early` is the first envelope of the result call; `later` are polls after the end.
    `files` are the downloads of its pictures, by URL, with that of the last look. It was submitted
    after `begin` and read before `end`, in seconds since the epoch by the target's clock.
    """

    order: Mapping[str, Any]
    created: Any
    early: Any
    looks: tuple[Any, ...]
    later: tuple[Any, ...]
    result: Any
    files: Mapping[str, ReceivedAnswer]
    begin: float
    end: float
    exchanges: tuple[dict[str, Any], ...]

    @property
    def id(self) -> str:
        """Return the task's id."""
        return str(self.created["taskId"])

    def looks_while(self, state: str) -> list[Any]:
        """Return the looks that found the task in a state."""
        return [look for look in self.all_looks if look["status"] == state]

    @property
    def all_looks(self) -> tuple[Any, ...]:
        """Return the answers to all polls, in order."""
        return (*self.looks, *self.later)

    @property
    def states(self) -> list[str]:
        """Return the observed states, in order, starting with that of the submission."""
        return [self.created["status"], *(look["status"] for look in self.all_looks)]

    def images(self) -> AnswerArray:
        """Return its downloaded pictures, or raise `Unmet` if it did not succeed."""
        if self.result["status"] != "succeeded":
            raise Unmet(f"task {self.id} ended {self.result['status']}, expected succeeded")
        return AnswerArray(self.files[url] for url in self.result["images"])


class SharedTasks:
    """The shared histories of one process, made when a test first needs them."""

    def __init__(self, workshop: WorkshopClient) -> None:
        self._workshop = workshop
        self._runs: SharedRuns[TaskHistory] = SharedRuns(workshop.wire, "task")

    def __call__(self, operation: str, order: Mapping[str, Any]) -> TaskHistory:
        """Return the task of an order, run to its end; raises `Unmet` if it does not end."""
        return self._runs.get([operation, order], lambda: self._record(operation, order))

    def _record(self, operation: str, order: Mapping[str, Any]) -> TaskHistory:
        workshop, current_test = self._workshop, self._workshop.wire.current_test()
        first, begin = len(current_test.exchanges), workshop.wire.clock.now()
        created = submitted(workshop, operation, order)
        kind = kind_of(operation)
        task = str(created["taskId"])
        early = workshop.ask(f"{kind}_get_result", {"taskId": task}).body
        looks = tuple(looks_at(workshop, task, kind))
        if looks[-1]["status"] != "succeeded":
            raise Unmet(f"task {task} ended {looks[-1]['status']}: {looks[-1].get('message')}")
        later = []
        for pause in LATER:
            workshop.wire.clock.pause(pause)
            later.append(workshop.progress(task, kind))
        result = workshop.result(task, kind)
        end = workshop.wire.clock.now()
        shown = [look["currentImage"] for look in looks[-1:] if look.get("currentImage")]
        files = {url: fetched(workshop, url) for url in {*result["images"], *shown}}
        return TaskHistory(
            dict(order), created, early, looks, tuple(later), result, files, begin, end,
            tuple(current_test.exchanges[first:]),
        )  # fmt: skip


def submitted(workshop: WorkshopClient, operation: str, order: Mapping[str, Any]) -> Any:
    """Submit an order and return the `data` of the answer; one use."""
    if operation == "comfy_prompt":
        return workshop.submit_prompt(**order)
    submit = workshop.submit_img2img if operation == "sd_img2img" else workshop.submit_txt2img
    return submit(**order)


def kind_of(operation: str) -> str:
    """Return which progress and result calls belong to a submission: sd or comfy."""
    return operation.partition("_")[0]


def looks_at(workshop: WorkshopClient, task: str, kind: str) -> Iterator[Any]:
    """Yield the task's progress until it is over, with pauses that grow up to a second."""
    pause, clock = FIRST_PAUSE, workshop.wire.clock
    begin = clock.elapsed()
    while True:
        seen = workshop.progress(task, kind)
        yield seen
        if seen["status"] in TASK_ENDS:
            return
        if clock.elapsed() - begin > MAX_SECONDS:
            raise Unmet(f"task {task} is still {seen['status']} after {MAX_SECONDS:g} s")
        clock.pause(pause)
        pause = min(pause * SLOWER, POLL)


def fetched(workshop: WorkshopClient, url: str) -> ReceivedAnswer:
    """Fetch a file of a result, without credentials."""
    return workshop.wire.send("GET", url, auth=None)
