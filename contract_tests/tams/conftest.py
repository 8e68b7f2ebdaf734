"""What tests of TAMS share beyond the fixtures of the suite."""

from __future__ import annotations

import pytest

from contract_tests.clients.tams import Tams
from contract_tests.tams.recordings import Archive
from contract_tests.targets import Target


@pytest.fixture(scope="session")
def recorded(tams: Tams, target: Target) -> Archive:
    """Jobs that run once for all tests which only look at them."""
    return Archive(tams, target)
