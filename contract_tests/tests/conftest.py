"""What the suite's own tests share."""

import pytest

from contract_tests.tests.inner import Inner
from contract_tests.tests.toy import toy as a_toy


@pytest.fixture
def toy():
    with a_toy() as server:
        yield server


@pytest.fixture
def inner(pytester, monkeypatch):
    return Inner(pytester, monkeypatch)
