"""Shared jobs: one run for each order; a failed job is not paid for twice."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from contract_tests.answers import Unmet
from contract_tests.clients.tams import TamsClient
from contract_tests.current_test import between_tests
from contract_tests.outcomes import Disabled
from contract_tests.tams.shared_jobs import SharedJobs, only
from contract_tests.targets import ContractTarget


class FakeTamsClient:
    """A fake client whose jobs end at once."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.submitted = 0
        self.current = between_tests()
        self.wire = SimpleNamespace(
            current_test=lambda: self.current,
            clock=SimpleNamespace(pause=lambda seconds: None, now=lambda: 0.0),
        )

    def price_of(self, order: Any) -> Decimal:
        return Decimal(1)

    def job(self, id: str) -> Any:
        return {"id": id, "status": "SUCCESS"}

    def submit(self, order: Any) -> Any:
        self.submitted += 1
        self.current.exchanges.append({"of": self.submitted})
        if self.error is not None:
            raise self.error
        return {"id": str(self.submitted), "status": "CREATED"}

    def watch(self, job: Any, **options: Any) -> list[Any]:
        return [{**job, "status": "SUCCESS"}]


def _shared_jobs(tams: FakeTamsClient) -> SharedJobs:
    target = SimpleNamespace(has=lambda capability: False)
    return SharedJobs(cast(TamsClient, tams), cast(ContractTarget, target))


def test_an_order_runs_once() -> None:
    tams = FakeTamsClient()
    shared_jobs = _shared_jobs(tams)

    first, again = shared_jobs({"stages": [1]}), shared_jobs({"stages": [1]})
    other = shared_jobs({"stages": [2]})

    assert first is again
    assert first.created["id"] != other.created["id"]
    assert tams.submitted == 2


def test_a_test_that_shares_a_job_shows_its_exchanges() -> None:
    tams = FakeTamsClient()
    shared_jobs = _shared_jobs(tams)
    shared_jobs({"stages": [1]})
    tams.current = between_tests()

    shared_jobs({"stages": [1]})

    assert tams.current.exchanges == [{"of": 1}]


def test_a_failed_job_is_not_ordered_again() -> None:
    tams = FakeTamsClient(Unmet("no such state"))
    shared_jobs = _shared_jobs(tams)

    for _ in range(2):
        with pytest.raises(Unmet, match="no such state"):
            shared_jobs({"stages": [1]})

    assert tams.submitted == 1


def test_a_job_that_one_test_may_not_pay_for_can_be_paid_by_the_next() -> None:
    tams = FakeTamsClient(Disabled("nothing is left"))
    shared_jobs = _shared_jobs(tams)
    with pytest.raises(Disabled):
        shared_jobs({"stages": [1]})

    tams.error = None

    assert shared_jobs({"stages": [1]}).states == ["SUCCESS"]


@pytest.mark.parametrize("things", [[], [1, 2]])
def test_only_refuses_none_and_two(things: list[int]) -> None:
    with pytest.raises(Unmet, match="pictures"):
        only(list(things), "pictures")
