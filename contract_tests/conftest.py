"""Makes `pytest contract_tests` a run of the suite, and configures Hypothesis."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A slow computer must not fail a test. CI uses the same examples every time.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugin. `pytest_plugins` does not work if pytest finds this file late."""
    for name in ("contract_tests.plugin", "pytester"):
        pluginmanager.import_plugin(name)
