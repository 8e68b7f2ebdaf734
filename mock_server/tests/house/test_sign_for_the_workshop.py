"""`tams-mock sign` for the Workshop: the headers of its gateway, or the curl line with them."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mock_server.cli import tams_mock
from mock_server.workshop.signature import GatewayCredentials, check_signature, read_credentials

URL = "http://127.0.0.1:8080/scc/spQueryToken?b=2&a=x%20y"
TARGET = b"/scc/spQueryToken?b=2&a=x%20y"


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("TAMS_MOCK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def tell(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(tams_mock, arguments, **more)


def verifies(lines: list[str], body: bytes = b"", secret: str = "mock-secret-0001") -> bool:
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower().encode(): value.encode() for name, value in pairs}
    credentials = read_credentials(headers.get)
    assert isinstance(credentials, GatewayCredentials)
    return check_signature(credentials, secret, "POST", TARGET, headers.get, body) is None


def test_a_path_under_scc_is_signed_for_the_gateway():
    lines = tell("sign", "post", URL, "-d", "{}").stdout.splitlines()

    assert "x-ca-key: 204800001" in lines
    assert verifies(lines, b"{}")
    assert verifies(tell("sign", "post", TARGET.decode()).stdout.splitlines())


def test_another_app_can_sign_at_a_time_of_its_own():
    lines = tell(
        "sign", "POST", URL, "--app-key", "5", "--app-secret", "other", "--timestamp", "7",
        "--nonce", "n",
    ).stdout.splitlines()  # fmt: skip

    assert {"x-ca-key: 5", "x-ca-timestamp: 7000", "x-ca-nonce: n"} < set(lines)
    assert verifies(lines, secret="other")
    assert not verifies(lines)


def test_a_curl_line_has_all_signed_headers_once():
    words = shlex.split(tell("sign", "POST", URL, "-d", "it's", "--curl").stdout)
    headers = [word for before, word in pairwise(words) if before == "-H"]

    assert URL in words
    assert words[words.index("--data-raw") + 1] == "it's"
    assert len({header.partition(":")[0].lower() for header in headers}) == len(headers)
    assert verifies(headers, b"it's")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--app-key", "5"), "--app-key 5 needs --app-secret"),
        (("--app-id", "a"), "--app-id and --key are for TAMS"),
        (("--key", "k.pem"), "--app-id and --key are for TAMS"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_go_together_is_one_line(arguments, problem):
    result = tell("sign", "POST", URL, *arguments)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"tams-mock: {problem}")
    assert result.stderr.count("\n") == 1
