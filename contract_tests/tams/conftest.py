"""Fixtures of the tests of TAMS."""

from __future__ import annotations

import pytest

from contract_tests.clients.tams import TamsClient
from contract_tests.tams.shared_jobs import SharedJobs
from contract_tests.targets import ContractTarget


@pytest.fixture(scope="session")
def recorded(tams: TamsClient, target: ContractTarget) -> SharedJobs:
    """Jobs that run once for all tests that only read them."""
    return SharedJobs(tams, target)
