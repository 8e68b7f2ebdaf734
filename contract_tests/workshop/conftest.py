"""What tests of the Workshop share beyond the fixtures of the suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contract_tests.clients.workshop import Workshop
from contract_tests.credentials import WorkshopCredentials
from contract_tests.targets import Target
from contract_tests.workshop.customer import Customer
from contract_tests.workshop.recordings import Archive


@pytest.fixture(scope="session")
def app(target: Target) -> WorkshopCredentials:
    """The AppKey and AppSecret that calls are signed with."""
    return target.credentials.workshop


@pytest.fixture(scope="session")
def recorded(workshop: Workshop) -> Archive:
    """Tasks that run once for all tests which only look at them."""
    return Archive(workshop)


@pytest.fixture(scope="session")
def customer() -> Iterator[Customer]:
    """The customer's server, where events come; the test `needs("accounts", "callbacks")`."""
    customer = Customer()
    yield customer
    customer.close()
