"""Fixtures of the tests of TAMS."""

from __future__ import annotations

import pytest

from contract_tests.clients.tams import TamsClient
from contract_tests.tams.shared_jobs import SharedJobs
from contract_tests.tams.shared_prices import SharedPrices
from contract_tests.targets import ContractTarget


@pytest.fixture(scope="session")
def recorded(tams: TamsClient, target: ContractTarget) -> SharedJobs:
    """Jobs that run once for all tests that only read them."""
    return SharedJobs(tams, target)


@pytest.fixture(scope="session")
def asked(tams: TamsClient) -> SharedPrices:
    """Prices of stages; equal stages are asked for once."""
    return SharedPrices(tams)
