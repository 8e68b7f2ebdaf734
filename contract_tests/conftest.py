"""Makes `pytest contract_tests` a run of the suite, and says how hard Hypothesis looks."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A slow computer is no wrong law. Where changes are judged, the examples are the same every time.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugin. `pytest_plugins` could not do it where this file is found late."""
    for name in ("contract_tests.plugin", "pytester"):
        pluginmanager.import_plugin(name)
