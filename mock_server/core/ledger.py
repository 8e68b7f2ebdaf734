"""The ledger of an account, read from its jobs and top-ups: every line that made its sums."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from mock_server.core.credits import ZERO, Entry, TopUp, Wallet
from mock_server.core.jobs.job import Job, JobState


def entries(wallet: Wallet, jobs: Iterable[Job], top_ups: Iterable[TopUp]) -> list[Entry]:
    """Return the lines in the order of their moments; their amounts add up to the balance.

    A hold takes its amount, a release gives it back, and a charge makes a hold final without
    moving the balance again. What jobs that are kept no longer cost, and what a reset of the
    credits forgave, stand in one line, "carried".
    """
    lines: list[Entry] = []
    charged = ZERO
    for job in jobs:
        if not job.price:
            continue  # It moves nothing.
        lines.append(Entry(job.submitted_at, "hold", -job.price, job.id))
        if job.ending is None:
            continue
        if job.ending.state is JobState.SUCCEEDED:
            charged += job.price
            lines.append(Entry(job.ending.at, "charge", ZERO, job.id))
        else:
            lines.append(Entry(job.ending.at, "release", job.price, job.id))
    lines.extend(Entry(each.at, "top-up", each.amount, note=each.reason) for each in top_ups)
    lines.sort(key=lambda line: line.at)
    start = lines[0].at if lines else 0.0
    head = [Entry(start, "opening", wallet.opening)]
    carried: Decimal = wallet.charged - charged
    if carried:
        head.append(Entry(start, "carried", -carried, note="from before what is kept"))
    return head + lines
