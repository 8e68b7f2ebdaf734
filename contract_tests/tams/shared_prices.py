"""Prices that are asked once and shared by all tests that compare with them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from contract_tests.answers import ReceivedAnswer
from contract_tests.clients.tams import TamsClient
from contract_tests.shared_runs import SharedRuns


@dataclass(frozen=True)
class PriceAnswer:
    """The answer to an estimate, with its exchange."""

    answer: ReceivedAnswer
    exchanges: tuple[dict[str, Any], ...]


class SharedPrices:
    """The estimates of one process, each made when a test first needs it."""

    def __init__(self, tams: TamsClient) -> None:
        self._tams = tams
        self._runs: SharedRuns[PriceAnswer] = SharedRuns(tams.wire, "price")

    def __call__(self, stages: Any) -> Decimal:
        """Return a price; skips the test if this host has a narrower range (U18, U21, U24, U62)."""
        answer = self._runs.get(stages, lambda: self._record(stages)).answer
        if answer.status == 400:
            pytest.skip(f"refused: {answer.excerpt()}")
        return Decimal(str(answer.expect(200)["credits"]))

    def _record(self, stages: Any) -> PriceAnswer:
        answer = self._tams.call("POST", "/v1/jobs/credits", json={"stages": stages})
        return PriceAnswer(answer, tuple(self._tams.wire.current_test().exchanges[-1:]))
