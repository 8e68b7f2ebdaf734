"""`tams-mock explain` and the answer of the control API, without a server."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mock_server.cli import tams_mock
from mock_server.core.account_service import AccountSpec
from mock_server.tams.authentication import TamsAuthenticator
from mock_server.tams.key_pairs import key_pair
from mock_server.tams.settings import TamsSettings
from mock_server.tests.makers import NOW, an_account_service
from mock_server.web.authentication import explain
from mock_server.web.captures import CaptureError
from mock_server.web.vendor_settings import Choices
from mock_server.workshop.authentication import WorkshopAuthenticator
from mock_server.workshop.settings import WorkshopSettings

URL = "http://127.0.0.1:8080/v1/jobs"


async def explained(captured: dict[str, Any]) -> dict[str, Any]:
    """Explain a request of one of two accounts, as the control API does."""
    accounts = an_account_service()
    await accounts.store.drop("ready")  # whose key is a toy
    for id, app_id, number in (("mine", "mockApp01", 0), ("other", "otherApp", 1)):
        spec = AccountSpec(
            id=id,
            app_id=app_id,
            public_key=key_pair(number).public_pem,
            key=f"20480000{number + 1}",
            secret=f"mock-secret-000{number + 1}",
        )
        await accounts.create(spec, NOW)
    tams = TamsAuthenticator(accounts, Choices(TamsSettings()), lambda: ())
    workshop = WorkshopAuthenticator(accounts, Choices(WorkshopSettings()), lambda: ())
    return await explain([tams, workshop], captured)


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("TAMS_MOCK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def tell(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(tams_mock, arguments, **more)


def signed_line(body: str = '{"a": 1}', *more: str) -> str:
    return tell("sign", "POST", URL, "-d", body, "--curl", *more).stdout.strip()


def test_what_sign_prints_is_fine():
    result = tell("explain", "-", input=signed_line())

    assert result.exit_code == 0
    assert result.stdout.startswith("The credentials are fine")


def test_another_body_is_explained():
    result = tell("explain", "--curl", signed_line().replace('{"a": 1}', '{"a":1}'))

    assert result.exit_code == 1
    assert result.stdout.startswith("body-spaced: ")
    assert '  - {"a":1}' in result.stdout
    assert '  + {"a": 1}' in result.stdout
    assert "\x1b[" not in result.stdout
    assert "\x1b[" in tell("explain", "--colour", "--curl", signed_line()).stdout


def test_a_diagnosis_as_json(tmp_path):
    path = tmp_path / "line.txt"
    path.write_text(signed_line().replace("/v1/jobs", "/v1/jobs?x=1"))
    result = tell("explain", str(path), "--json")
    data = json.loads(result.stdout)

    assert result.exit_code == 1
    assert [cause["id"] for cause in data["causes"]] == ["query-left-out"]
    assert data["difference"]["server"]["marked"] == "?x=1"


def test_a_raw_request_and_a_har_file_are_explained(tmp_path):
    header = tell("sign", "POST", URL, "-d", "{}").stdout.strip()
    raw, har = tmp_path / "raw", tmp_path / "har"
    raw.write_bytes(f"post /v1/jobs HTTP/1.1\nAuthorization: {header}\n\n{{}}".encode())
    request = {
        "method": "POST",
        "url": URL,
        "headers": [{"name": "Authorization", "value": header}],
        "postData": {"text": "{}"},
    }
    har.write_text(json.dumps({"log": {"entries": [{"request": request}]}}))

    assert tell("explain", "--raw", str(raw)).stdout.startswith("method-case: ")
    assert tell("explain", "--har", str(har)).exit_code == 0
    assert tell("explain", str(har)).exit_code == 0
    assert tell("explain", "--har", str(har), "--entry", "1").exit_code == 2


def test_a_key_of_ones_own_is_taken(tmp_path):
    public, private = tmp_path / "public.pem", tmp_path / "private.pem"
    public.write_text(key_pair(3).public_pem)
    private.write_text(key_pair(3).private_pem)
    line = signed_line("{}", "--key", str(private), "--app-id", "myApp")

    assert tell("explain", "--key", str(public), "--curl", line).exit_code == 0
    assert "app-unknown" in tell("explain", "--curl", line).stdout
    mine = tell("explain", "--key", str(public), "--curl", signed_line())
    assert mine.stdout.startswith("key-of-another-account: ")
    assert tell("explain", "--key", str(private), "--curl", line).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "expected one of FILE"),
        (("a", "--curl", "curl h"), "expected one of FILE"),
        (("nowhere",), "nowhere cannot be read"),
        (("--curl", "wget h"), "not a curl line"),
        (("--har", "har"), "har is not a HAR file"),
        (("--raw", "har"), "not a request line"),
        (("--curl", "curl h", "--account", "a"), "--account needs --url"),
        (("--curl", "curl h", "--key", "k", "--url", "u"), "exclude each other"),
        (("--curl", "curl h", "--app-secret", "s", "--url", "u"), "--app-secret and --url exclude"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_usage_ends_with_two(arguments, words, tmp_path):
    (tmp_path / "har").write_text("nonsense")
    result = tell("explain", *arguments)

    assert result.exit_code == 2
    assert words in result.stderr


def test_a_mock_that_is_not_there_is_told():
    result = tell("explain", "--curl", signed_line(), "--url", "http://127.0.0.1:9")

    assert result.exit_code == 3
    assert "does not answer" in result.stderr


async def test_the_control_api_gets_the_same_diagnosis():
    data = await explained({"curl": signed_line().replace('{"a": 1}', '{"a":1}')})

    assert [cause["id"] for cause in data["causes"]] == ["body-spaced"]
    assert json.loads(json.dumps(data)) == data


async def test_an_account_that_is_meant_is_told_from_the_one_in_the_header():
    data = await explained({"curl": signed_line(), "account": "other"})

    assert [cause["id"] for cause in data["causes"]] == ["app-id-of-another-account"]
    with pytest.raises(CaptureError, match="no account 'missing'"):
        await explained({"curl": signed_line(), "account": "missing"})


# The Workshop

SCC = "http://127.0.0.1:8080/scc/spQueryToken"


def gateway_line(body: str = '{"a": 1}', *more: str) -> str:
    return tell("sign", "POST", SCC, "-d", body, "--curl", *more).stdout.strip()


def test_what_sign_prints_for_the_workshop_is_fine():
    result = tell("explain", "-", input=gateway_line())

    assert result.exit_code == 0
    assert result.stdout.startswith("The credentials are fine")


def test_a_mistake_at_the_gateway_is_explained_by_its_own_catalogue():
    result = tell("explain", "--curl", gateway_line().replace("/scc/", "/scc//"))
    other_body = tell("explain", "--curl", gateway_line().replace('{"a": 1}', '{"a":1}'))

    assert result.exit_code == 1
    assert result.stdout.startswith("path-slashes: ")
    assert "Workshop › 3.2" in result.stdout
    assert other_body.stdout.startswith("digest-of-other-bytes: ")


def test_a_secret_of_ones_own_is_taken():
    line = gateway_line("{}", "--app-key", "5", "--app-secret", "my-own-secret")

    assert tell("explain", "--app-secret", "my-own-secret", "--curl", line).exit_code == 0
    assert tell("explain", "--curl", line).stdout.startswith("key-unknown: ")
    wrong = tell("explain", "--app-secret", "MY-OWN-SECRET", "--curl", line)
    assert wrong.stdout.startswith("secret-case: ")
    assert "my-own-secret" not in wrong.stdout.lower()


async def test_each_request_is_explained_by_the_vendor_that_it_was_made_for():
    gateway = await explained({"curl": gateway_line().replace("POST", "PUT")})
    tams = await explained({"curl": signed_line().replace("POST", "PUT")})

    assert [cause["id"] for cause in gateway["causes"]] == ["method-other"]
    assert [cause["id"] for cause in tams["causes"]] == ["other-method"]
    with pytest.raises(CaptureError):
        await explained({"curl": "wget x"})


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        ("Authorization: Bearer x", "bearer-credentials"),
        ("x_ca_key: 204800001", "headers-underscored"),
    ],
)
def test_a_call_under_scc_is_the_gateways_whatever_it_carries(header, cause):
    assert tell("explain", "--curl", f"curl -X POST {SCC} -H '{header}'").stdout.startswith(cause)
