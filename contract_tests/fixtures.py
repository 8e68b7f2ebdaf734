"""The fixtures of contract tests. They last for the whole process, so Hypothesis can use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contract_tests.clients.tams import TamsClient
from contract_tests.clients.workshop import WorkshopClient
from contract_tests.clocks import TargetClock
from contract_tests.fuzzing import Fuzzer
from contract_tests.outcomes import SuiteError, Unsupported
from contract_tests.receiver import CallbackReceiver
from contract_tests.resources import ResourceLog
from contract_tests.run import Run
from contract_tests.targets import ContractTarget
from contract_tests.unknowns import questions

RUN = pytest.StashKey[Run]()


@pytest.fixture(scope="session")
def run(pytestconfig: pytest.Config) -> Run:
    """The run itself; tests rarely need it."""
    return pytestconfig.stash[RUN]


@pytest.fixture(scope="session")
def target(run: Run) -> ContractTarget:
    """The target of this run."""
    return run.target


@pytest.fixture(scope="session")
def tams(run: Run) -> TamsClient:
    """A client of TAMS."""
    return run.tams


@pytest.fixture(scope="session")
def workshop(run: Run) -> WorkshopClient:
    """A client of the Workshop."""
    return run.workshop


@pytest.fixture(scope="session")
def clock(run: Run) -> TargetClock:
    """The target's time."""
    return run.target.clock


@pytest.fixture(scope="session")
def fuzz(run: Run) -> Fuzzer:
    """Generates examples within a number of calls."""
    return Fuzzer(run.limits.fuzz_calls)


@pytest.fixture(scope="session")
def resources(run: Run) -> ResourceLog:
    """The list of resources that the run made."""
    return run.resources


@pytest.fixture(scope="session")
def observe(run: Run) -> Callable[[str, str, Any], None]:
    """Records an answer to an open question: its number, a description, a value."""

    def write_down(unknown: str, what: str, value: Any = None) -> None:
        if unknown not in questions():
            raise SuiteError(f"{unknown!r} is not an open question: use U1 to U65, W1 to W44")
        run.observe(unknown, what, value)

    return write_down


@pytest.fixture(scope="session")
def receiver(target: ContractTarget) -> Iterator[CallbackReceiver]:
    """A receiver of callbacks on this computer; the test `needs("callbacks")`."""
    if target.callback_url is not None:
        raise Unsupported("the suite cannot read what arrives at --callback-url")
    receiver = CallbackReceiver()
    yield receiver
    receiver.close()
