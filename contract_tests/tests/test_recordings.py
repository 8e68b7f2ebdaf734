"""Jobs that tests share: one run for each order, and a failure that is not paid for twice."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from contract_tests.answers import Unmet
from contract_tests.case import no_case
from contract_tests.clients.tams import Tams
from contract_tests.outcomes import Disabled
from contract_tests.tams.recordings import Archive, only
from contract_tests.targets import Target


class _Tams:
    """A client whose jobs are over at once."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.submitted = 0
        self.current = no_case()
        self.wire = SimpleNamespace(
            case=lambda: self.current, clock=SimpleNamespace(pause=lambda seconds: None)
        )

    def estimate(self, stages: Any) -> Decimal:
        return Decimal(1)

    def submit_job(self, order: Any) -> Any:
        self.submitted += 1
        self.current.exchanges.append({"of": self.submitted})
        if self.error is not None:
            raise self.error
        return {"id": str(self.submitted), "status": "CREATED"}

    def watch(self, job: Any, **options: Any) -> list[Any]:
        return [{**job, "status": "SUCCESS"}]


def _archive(tams: _Tams) -> Archive:
    target = SimpleNamespace(has=lambda capability: False)
    return Archive(cast(Tams, tams), cast(Target, target))


def test_an_order_runs_once() -> None:
    tams = _Tams()
    archive = _archive(tams)

    first, again = archive({"stages": [1]}), archive({"stages": [1]})
    other = archive({"stages": [2]})

    assert first is again
    assert first.created["id"] != other.created["id"]
    assert tams.submitted == 2


def test_whoever_looks_at_a_job_again_shows_its_exchanges() -> None:
    tams = _Tams()
    archive = _archive(tams)
    archive({"stages": [1]})
    tams.current = no_case()

    archive({"stages": [1]})

    assert tams.current.exchanges == [{"of": 1}]


def test_a_job_that_went_wrong_is_not_ordered_again() -> None:
    tams = _Tams(Unmet("no such state"))
    archive = _archive(tams)

    for _ in range(2):
        with pytest.raises(Unmet, match="no such state"):
            archive({"stages": [1]})

    assert tams.submitted == 1


def test_a_job_that_one_test_may_not_pay_is_left_to_the_next() -> None:
    tams = _Tams(Disabled("nothing is left"))
    archive = _archive(tams)
    with pytest.raises(Disabled):
        archive({"stages": [1]})

    tams.error = None

    assert archive({"stages": [1]}).states == ["SUCCESS"]


@pytest.mark.parametrize("things", [[], [1, 2]])
def test_one_thing_is_neither_none_nor_two(things: list[int]) -> None:
    with pytest.raises(Unmet, match="pictures"):
        only(list(things), "pictures")
