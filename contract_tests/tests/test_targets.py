"""The mock as a subprocess: it starts, has an account, and ends with its starter."""

import os
import signal
import subprocess
import sys

import httpx
import pytest

from contract_tests.options import Flags
from contract_tests.settings import read_settings
from contract_tests.targets import open_target
from contract_tests.watchdog import guard

HOLD = """
import os, signal
from contract_tests.targets import MockProcess

print(MockProcess().url, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def mock():
    target = open_target(read_settings(Flags(), {}))
    yield target
    target.close()


def opened(url, **environment):
    return open_target(read_settings(Flags(url), environment))


def test_a_mock_has_a_new_account_and_a_clock(mock):
    before = mock.clock.now()

    mock.clock.let_pass(3600)

    assert mock.kind == "mock"
    assert mock.clock.now() - before >= 3600
    assert mock.balance() > 0
    assert all(map(mock.has, ("bearer", "signature", "clock", "balance", "callbacks")))


def test_another_run_has_another_account_at_the_same_mock(mock):
    other = opened(mock.urls["tams"])

    assert other.credentials.tams.app_id != mock.credentials.tams.app_id
    other.close()


def test_credentials_that_the_mock_knows_are_used(mock):
    known = opened(
        mock.urls["tams"],
        TAMS_APP_ID=mock.credentials.tams.app_id,
        TAMS_PRIVATE_KEY=mock.credentials.tams.private_key,
    )

    assert known.credentials.tams.app_id == mock.credentials.tams.app_id
    assert known.notes == []
    known.close()


def test_unknown_credentials_are_reported(mock):
    unknown = opened(mock.urls["tams"], TAMS_ACCESS_TOKEN="of-the-real-service")

    assert unknown.credentials.tams.access_token != "of-the-real-service"
    assert "does not know the given credentials" in unknown.notes[0]
    unknown.close()


def test_the_mock_ends_with_the_process_that_started_it():
    process = subprocess.run(
        [sys.executable, "-c", HOLD], check=False, stdout=subprocess.PIPE, text=True
    )
    url = process.stdout.strip()

    assert process.returncode == -signal.SIGKILL
    with pytest.raises(httpx.TransportError):  # noqa: PT012 - until the port is closed
        for _ in range(10_000):
            httpx.get(f"{url}/_mock/health")


def test_the_watchdog_ends_when_its_command_does(monkeypatch):
    read, write = os.pipe()
    with os.fdopen(read) as stdin, os.fdopen(write, "w"):
        monkeypatch.setattr(sys, "stdin", stdin)

        assert guard([sys.executable, "-c", "raise SystemExit(3)"]) == 3


@pytest.mark.parametrize(
    ("endpoint", "kind"), [("http://127.0.0.1:1", "url"), ("https://tams.example.test", "real")]
)
def test_a_rehearsal_on_this_computer_does_not_count_as_the_real_service(endpoint, kind):
    target = opened("real", TAMS_ENDPOINT=endpoint, TAMS_ACCESS_TOKEN="a-token")

    assert target.kind == kind
    target.close()
