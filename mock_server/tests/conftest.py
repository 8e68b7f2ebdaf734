"""What all tests share: one kind of event loop, and how hard Hypothesis looks."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A slow computer is no wrong law, so nothing is measured. Where changes are judged, the examples
# are the same every time; elsewhere new ones are tried each time.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"
