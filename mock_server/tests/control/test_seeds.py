"""A folder with what a server begins with."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from mock_server.app import App
from mock_server.serving import serve_in_thread
from mock_server.setting_sources import SettingsError
from mock_server.settings import read_settings, recorded_settings
from mock_server.transport.ports import ServingError
from mock_server.web.wall import wall

SCENARIO = """
summary: The account has one credit.
symptom: Calls are refused.
advice: Look at the balance.
start:
  - put_balance: {balance: 1}
"""
ACCOUNT = {"id": "shop", "balance": 7, "accessToken": "shop-token", "appSecret": "shop-secret"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with seeds that the environment names, as in the image."""
    found = tmp_path / "seeds"
    (found / "scenarios").mkdir(parents=True)
    (found / "tams-mock.toml").write_text("qps = 50\nbalance = 3\n")
    (found / "accounts.json").write_text(json.dumps([ACCOUNT]))
    (found / "faults.json").write_text(json.dumps([{"fault": {"kind": "reset"}}]))
    (found / "scenarios/poor.yaml").write_text(SCENARIO)
    (found / ".hidden").write_text("left alone")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAMS_MOCK_SEEDS_DIR", str(found))
    return found


async def ask(app: App, method: str, path: str) -> Any:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        answer = await http.request(method, "/_mock" + path)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def test_a_server_begins_with_them_and_says_so(folder):
    app = App(read_settings())
    for _ in range(2):  # a server opens its app before the app's own start does
        await app.open(wall())
    seeds = await ask(app, "GET", "/seeds")

    assert seeds["accounts"] == ["default", "shop"]
    assert seeds["scenarios"] == ["poor"]
    assert seeds["files"] == {
        "accounts_file": str(folder / "accounts.json"),
        "faults_file": str(folder / "faults.json"),
        "scenarios_dir": str(folder / "scenarios"),
    }
    assert (await ask(app, "GET", "/accounts/shop"))["balance"] == 7
    assert (await ask(app, "GET", "/accounts/default"))["balance"] == 3


async def test_after_a_reset_it_begins_with_them_again(folder):
    app = App(read_settings())
    await app.open(wall())
    await app.accounts.store.drop("shop")
    await ask(app, "POST", "/reset")

    seeds = await ask(app, "GET", "/seeds")
    assert (seeds["accounts"], seeds["scenarios"]) == (["default", "shop"], ["poor"])
    assert len((await ask(app, "GET", "/faults"))["faults"]) == 1


async def test_accounts_of_the_folder_stay(folder, monkeypatch):
    monkeypatch.setenv("TAMS_MOCK_KEEP_ACCOUNTS", "3")
    app = App(read_settings())
    await app.open(wall())
    for _ in range(3):
        await ask(app, "POST", "/accounts")
    await ask(app, "DELETE", "/accounts")

    assert (await ask(app, "GET", "/seeds"))["accounts"] == ["default", "shop"]


def test_flags_and_the_environment_win_over_the_settings_of_the_folder(folder, monkeypatch):
    other = folder.parent / "other.json"
    other.write_text("[]")
    monkeypatch.setenv("TAMS_MOCK_BALANCE", "5")
    settings = read_settings({"faults_file": str(other)})

    assert settings.qps == 50
    assert settings.balance == 5
    assert settings.faults_file == other


def test_a_file_that_is_named_wins_over_that_of_the_folder(folder):
    config = folder.parent / "named.toml"
    config.write_text("qps = 9")

    assert read_settings(config=config).qps == 9


def test_what_is_no_seed_is_refused(folder):
    (folder / "template").mkdir()

    with pytest.raises(SettingsError, match=r"template is not a seed; these are: .*templates"):
        read_settings()


def test_a_folder_that_is_not_there_is_one_line(folder, monkeypatch):
    monkeypatch.setenv("TAMS_MOCK_SEEDS_DIR", "nowhere")

    with pytest.raises(SettingsError, match="the folder nowhere cannot be read: No such file"):
        read_settings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "it is not a list of accounts: Input should be a valid array"),
        ('[{"balance": 1}]', "it is not a list of accounts at 0/id: Field required"),
        ('[{"id": "a", "blance": 1}]', "it is not a list of accounts at 0/blance"),
    ],
)
def test_a_file_that_has_no_accounts_is_one_line(folder, text, problem):
    (folder / "accounts.json").write_text(text)

    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert f"{folder / 'accounts.json'}" in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("accounts.json", '[{"id": "a", "publicKey": "x"}]', "account a in .*: publicKey"),
        ("accounts.json", '[{"id": "a", "settings": {"x": 1}}]', "account a in .*: .*x"),
        ("scenarios/poor.yaml", "summary: a\nstart: [{blance: 1}]\n", r"poor.yaml:\d+:\d+: "),
    ],
)
def test_what_cannot_be_made_ends_the_start_with_its_place(folder, name, text, problem):
    (folder / name).write_text(text)
    settings = read_settings({"port": "0", "state_dir": str(folder.parent)})

    with pytest.raises(ServingError, match=problem), serve_in_thread(settings):
        pass


def test_an_incident_has_the_files_and_hides_what_is_secret_in_them(folder):
    recorded = recorded_settings(read_settings())

    assert set(recorded.files) == {
        "accounts_file/accounts.json", "faults_file/faults.json", "scenarios_dir/poor.yaml"
    }  # fmt: skip
    assert {"shop-token", "shop-secret"} <= set(recorded.secrets)
    assert "seeds_dir" not in recorded.values


def test_behind_a_proxy_the_control_api_cannot_be_open_to_private_networks():
    flags = {"trusted_proxies": "10.0.0.1", "control_open_to": "private"}

    with pytest.raises(SettingsError, match="all callers have the address of a proxy"):
        read_settings(flags)
