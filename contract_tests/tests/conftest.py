"""Fixtures of the suite's own tests."""

import pytest

from contract_tests.tests.fake_tams import fake_tams as run_fake_tams
from contract_tests.tests.nested_suite import NestedSuite


@pytest.fixture
def fake_tams():
    with run_fake_tams() as server:
        yield server


@pytest.fixture
def nested(pytester, monkeypatch):
    return NestedSuite(pytester, monkeypatch)
