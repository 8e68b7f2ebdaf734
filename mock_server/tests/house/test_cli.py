"""What people type, without a server."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from mock_server import __version__
from mock_server.cli import COMMANDS, tams_mock
from mock_server.commands.serve import command as serve
from mock_server.settings import all_settings
from mock_server.tams.key_pairs import key_pair, load_public_key
from mock_server.tams.signature import SignedHeader, check_signature, parse_authorization

URL = "http://127.0.0.1:8080/v1/models/1?a=b%20c"


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("TAMS_MOCK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def tell(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(tams_mock, arguments, **more)


def verifies(header: str, method: str, target: bytes, body: bytes = b"", key: int = 0) -> bool:
    parsed = parse_authorization(header.strip().encode(), lenient=False)
    assert isinstance(parsed, SignedHeader)
    public = load_public_key(key_pair(key).public_pem)
    return check_signature(parsed, public, method, target, body) is None


def test_it_says_which_version_it_is():
    assert tell("--version").output == f"tams-mock {__version__}\n"


def test_every_command_is_listed_in_its_group_and_has_its_own_help():
    listed = tell("--help").output

    for group, commands in COMMANDS.items():
        assert f"\n{group}:\n" in listed
        for command, sentence in commands.items():
            assert f"  {command} " in listed
            assert sentence in listed
            usage = f"Usage: tams-mock {command} [OPTIONS]"
            assert tell(command, "--help").output.startswith(usage)


def test_the_short_help_of_serve_has_the_common_settings_and_the_long_one_all():
    short, full = (tell("serve", option).output for option in ("--help", "--help-all"))
    listed = [re.findall(r"^  (--[a-z0-9-]+)", text, re.MULTILINE) for text in (short, full)]
    own = ["--config", "--json", "--help-all"]

    common = [setting.flag for setting in all_settings() if setting.common]
    assert listed[0] == [*own, *common]
    assert listed[1] == [*own, *(setting.flag for setting in all_settings())]
    assert "tams-mock serve --help-all" in short
    for setting in all_settings():
        assert f"\n{setting.group}:\n" in full


@pytest.mark.parametrize("option", ["--help", "--help-all"])
def test_help_fits_into_80_columns(option):
    lines = tell("serve", option).output.splitlines()

    assert max(map(len, lines)) <= 80


def test_every_setting_is_a_flag_of_serve_also_if_the_short_help_does_not_show_it():
    options = serve.get_params(click.Context(serve, help_option_names=["-h", "--help"]))
    flags = {flag for option in options for flag in (*option.opts, *option.secondary_opts)}

    for setting in all_settings():
        assert setting.flag in flags
        assert (f"--no-{setting.flag[2:]}" in flags) == (setting.kind is bool)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("sreve",), "No such command 'sreve'"),
        (("serve", "--prot", "1"), "No such option '--prot'. (Did you mean"),
    ],
)
def test_a_name_that_is_not_there_is_refused(arguments, problem):
    result = tell(*arguments)

    assert result.exit_code == 2
    assert problem in result.output


def test_a_wrong_value_ends_serve_with_its_line():
    result = tell("serve", "--port", "99999")

    assert result.exit_code == 2
    assert (
        result.stderr == "tams-mock: --port is '99999': expected a whole number from 0 to 65535\n"
    )


def test_a_flag_for_a_list_may_be_repeated():
    result = tell("serve", "--tls-name", "a,b", "--tls-name", "not a name")

    assert result.exit_code == 2
    assert result.stderr.startswith("tams-mock: --tls-name is 'a,b,not a name': 'not a name' is")


def test_settings_are_shown_with_where_they_come_from(monkeypatch):
    monkeypatch.setenv("TAMS_MOCK_TAMS_CLOCK_SKEW", "300")
    monkeypatch.setenv("TAMS_MOCK_APP_SECRET", "my-own")

    rows = {row["name"]: row for row in json.loads(tell("settings", "--json").stdout)}
    table = tell("settings").stdout

    assert rows["tams.clock_skew"]["value"] == 300
    assert rows["tams.clock_skew"]["source"] == "environment"
    assert rows["tams.clock_skew"]["unknown"] == "U1"
    assert rows["port"]["source"] == "default"
    assert "my-own" not in table
    assert any(
        line.split()[:3] == ["tams.clock_skew", "300", "environment"] for line in table.splitlines()
    )


def test_the_table_of_the_documentation_is_the_same_everywhere(monkeypatch):
    text = tell("settings", "--markdown").stdout
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    monkeypatch.setenv("TAMS_MOCK_PORT", "1")

    assert tell("settings", "--markdown").stdout == text
    assert all(f"`{setting.environment}`" in text for setting in all_settings())
    tables = text.replace(r"\|", "").split("### ")[1:]
    columns = [{line.count("|") for line in table.splitlines() if "|" in line} for table in tables]
    assert columns == [*[{8}] * (len(tables) - 1), {5}]
    assert "| `tams.bad_size` | `accept` | `refuse` | `refuse` |" in tables[-1]


@pytest.mark.parametrize("url", [URL, "/v1/models/1?a=b%20c", URL + "#fragment"])
def test_a_signed_request_is_let_in(url):
    result = tell("sign", "get", url)

    assert result.exit_code == 0
    assert "app_id=mockApp01," in result.stdout
    assert verifies(result.stdout, "GET", b"/v1/models/1?a=b%20c")


def test_the_body_is_signed_byte_for_byte(tmp_path):
    body = '{ "prompt": "ünï" }\n'.encode()
    (tmp_path / "body.json").write_bytes(body)

    from_file = tell("sign", "POST", "/v1/jobs", "-d", "@body.json")
    from_input = tell("sign", "POST", "/v1/jobs", "-d", "@-", input=body)
    as_text = tell("sign", "POST", "/v1/jobs", "-d", body.decode())

    for result in (from_file, from_input, as_text):
        assert verifies(result.stdout, "POST", b"/v1/jobs", body)


def test_another_key_and_app_can_sign(tmp_path):
    (tmp_path / "key.pem").write_text(key_pair(2).private_pem)

    result = tell("sign", "GET", "/", "--key", "key.pem", "--app-id", "other", "--timestamp", "5",
                  "--nonce", "n")  # fmt: skip

    assert result.stdout.startswith("TAMS-SHA256-RSA app_id=other,nonce_str=n,timestamp=5,")
    assert verifies(result.stdout, "GET", b"/", key=2)


def test_a_curl_line_has_the_header_and_the_body():
    words = shlex.split(tell("sign", "POST", "/v1/jobs", "-d", "@-", "--curl", input="it's").stdout)

    assert words[:1] == ["curl"]
    assert "http://127.0.0.1:8080/v1/jobs" in words
    assert words[words.index("--data-raw") + 1] == "it's"
    (header,) = [word for word in words if word.startswith("Authorization: ")]
    assert verifies(header.removeprefix("Authorization: "), "POST", b"/v1/jobs", b"it's")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("GET", "/", "--key", "nowhere.pem"), "--key nowhere.pem cannot be read: No such file"),
        (("GET", "/", "--key", "bad.pem"), "--key bad.pem cannot be used: "),
        (("GET", "v1/jobs"), "'v1/jobs' is neither an http address nor a path"),
        (("PUT", "/", "-d", "@nowhere"), "--body @nowhere cannot be read: No such file"),
    ],
)
def test_what_cannot_be_signed_is_one_line(tmp_path, arguments, problem):
    (tmp_path / "bad.pem").write_text("no key")

    result = tell("sign", *arguments)

    assert result.exit_code in (1, 2)
    assert result.stderr.startswith(f"tams-mock: {problem}")
    assert result.stderr.count("\n") == 1


def test_with_a_key_of_ones_own_signing_asks_for_it(tmp_path, monkeypatch):
    (tmp_path / "public.pem").write_text(key_pair(2).public_pem)
    monkeypatch.setenv("TAMS_MOCK_PUBLIC_KEY_FILE", "public.pem")

    assert "give its private key with --key" in tell("sign", "GET", "/").stderr
