"""Jobs that run once and are shared by many tests.

Results are downloaded at once, and again a little later: later tests may move time beyond the
expiry of their URLs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contract_tests.answers import ReceivedAnswer, Unmet
from contract_tests.clients.tams import TamsClient
from contract_tests.shared_runs import SharedRuns
from contract_tests.tams.chains import UPLOADED
from contract_tests.tams.pictures import a_picture
from contract_tests.targets import ContractTarget

FIRST_PAUSE = 0.3  # seconds between the first polls; short enough to see all states of a fast job
SLOWER = 1.1
LATER = 3.0  # seconds between the end and the last look
A_LULL = 1.1  # seconds after which pacing does not delay the first calls


@dataclass(frozen=True)
class JobHistory:
    """One job: its estimate, the answer to its creation, and the answer to each poll.

    `again` is a look `LATER`. `seconds` is the target's time from before the creation to the end.
    `balances` are those before, after the creation and at the end; None if they cannot be read.
    `files` are the downloads of its pictures and videos, by URL; `files_again` those `LATER`.
    """

    estimate: Decimal
    created: Any
    looks: tuple[Any, ...]
    again: Any
    seconds: float
    files: Mapping[str, ReceivedAnswer]
    files_again: Mapping[str, ReceivedAnswer]
    balances: tuple[Decimal, Decimal, Decimal] | None
    exchanges: tuple[dict[str, Any], ...]

    @property
    def last(self) -> Any:
        """Return the last answer about the job."""
        return self.looks[-1]

    @property
    def states(self) -> list[str]:
        """Return the observed states, in order."""
        return [look["status"] for look in self.looks]

    def infos(self, name: str) -> list[Any]:
        """Return the info objects of this name, in order; empty ones are left out."""
        return [look[name] for look in self.looks if look.get(name)]

    def images(self) -> list[Any]:
        """Return the images of a job that succeeded; raises `Unmet` if it did not."""
        return list(successful(self.last)["successInfo"]["images"])


class SharedJobs:
    """The shared histories of one process, made when a test first needs them."""

    def __init__(self, tams: TamsClient, target: ContractTarget) -> None:
        self._tams = tams
        self._has_balance = target.has("balance")
        self._runs: SharedRuns[JobHistory] = SharedRuns(tams.wire, "job")

    def __call__(self, order: Mapping[str, Any]) -> JobHistory:
        """Return the job of an order, run to its end; raises `Unmet` if it does not end.

        An order has the members of a creation without the request id: `stages`, `params` or
        `templateId` and `fields`. Each `UPLOADED` in it becomes the id of an uploaded picture.
        """
        return self._runs.get(order, lambda: self._record(order))

    def _record(self, order: Mapping[str, Any]) -> JobHistory:
        tams, current_test = self._tams, self._tams.wire.current_test()
        clock, begin = tams.wire.clock, len(current_test.exchanges)
        text = json.dumps(order)
        if UPLOADED in text:
            order = json.loads(text.replace(UPLOADED, tams.upload(a_picture(), term=1)))
        estimate, before, begun = tams.price_of(order), self._balance(), clock.now()
        clock.pause(A_LULL)
        created = tams.submit(order)
        between = self._balance()
        looks = tuple(tams.watch(created, every=FIRST_PAUSE, slower=SLOWER))
        seconds, after = clock.now() - begun, self._balance()
        urls = urls_of(looks[-1])
        files = {url: tams.download(url) for url in urls}
        clock.pause(LATER)
        again = tams.job(created["id"])
        files_again = {url: tams.download(url) for url in urls}
        balances = (
            None if before is None or between is None or after is None else (before, between, after)
        )
        return JobHistory(
            estimate, created, looks, again, seconds, files, files_again, balances,
            tuple(current_test.exchanges[begin:]),
        )  # fmt: skip

    def _balance(self) -> Decimal | None:
        return self._tams.balance() if self._has_balance else None


def successful(job: Any) -> Any:
    """Return a job that succeeded, or raise `Unmet` with why it did not."""
    if job["status"] != "SUCCESS":
        info = job.get("failedInfo")
        raise Unmet(f"job {job['id']} ended {job['status']}, expected SUCCESS: {info}")
    return job


def only(things: list[Any], what: str) -> Any:
    """Return the only item, or raise `Unmet`."""
    if len(things) != 1:
        raise Unmet(f"there are {len(things)} {what}, as many as ordered would be 1")
    return things[0]


def urls_of(job: Any) -> list[str]:
    """Return the URLs of all results of a job."""
    made = job.get("successInfo") or {}
    resources = [*(made.get("images") or []), *(made.get("videos") or [])]
    return [resource["url"] for resource in resources if "url" in resource]
