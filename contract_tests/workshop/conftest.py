"""Fixtures of the tests of the Workshop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contract_tests.clients.workshop import WorkshopClient
from contract_tests.credentials import WorkshopCredentials
from contract_tests.targets import ContractTarget
from contract_tests.workshop.customer import CustomerServer
from contract_tests.workshop.shared_tasks import SharedTasks


@pytest.fixture(scope="session")
def app(target: ContractTarget) -> WorkshopCredentials:
    """The AppKey and AppSecret that sign the calls."""
    return target.credentials.workshop


@pytest.fixture(scope="session")
def recorded(workshop: WorkshopClient) -> SharedTasks:
    """Tasks that run once for all tests that only read them."""
    return SharedTasks(workshop)


@pytest.fixture(scope="session")
def customer() -> Iterator[CustomerServer]:
    """The customer's server, which receives events; the test `needs("accounts", "callbacks")`."""
    customer = CustomerServer()
    yield customer
    customer.close()
