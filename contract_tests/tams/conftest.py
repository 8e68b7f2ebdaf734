"""What tests of TAMS share beyond the fixtures of the suite."""

from __future__ import annotations

import pytest

from contract_tests.clients.tams import TamsClient
from contract_tests.tams.shared_jobs import SharedJobs
from contract_tests.targets import ContractTarget


@pytest.fixture(scope="session")
def recorded(tams: TamsClient, target: ContractTarget) -> SharedJobs:
    """Jobs that run once for all tests which only look at them."""
    return SharedJobs(tams, target)
