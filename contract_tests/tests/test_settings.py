"""Error messages name the mistake."""

import pytest

from contract_tests.credentials import BadSettings
from contract_tests.options import Flags, RunProfile
from contract_tests.settings import read_settings
from contract_tests.targets import TargetDown, check_target, run_limits

TOKEN = {"TAMS_ACCESS_TOKEN": "token-1", "TAMS_ENDPOINT": "ap.example.test"}


def read(flags, environment, folder):
    return read_settings(flags, environment, folder)


@pytest.mark.parametrize(
    ("flags", "environment", "words"),
    [
        (Flags("real"), {}, "there are no credentials for the real services"),
        (Flags("real"), {"TAMS_ACCESS_TOKEN": "t"}, "TAMS_ENDPOINT is not set"),
        (Flags("real"), {"TAMS_APP_ID": "a"}, "TAMS_PRIVATE_KEY is missing"),
        (Flags("real"), {"TAMS_APP_ID": "a", "TAMS_PRIVATE_KEY": "/no/key.pem"}, "No such file"),
        (
            Flags("real"),
            {"TAMS_APP_ID": "a", "TAMS_PRIVATE_KEY": "-----BEGIN X-----"},
            "cannot be read: expected PEM",
        ),
        (Flags("real", only="workshop"), TOKEN, "there are no credentials"),
        (Flags("localhost:80"), {}, "expected mock, real or http"),
        (Flags("mock", profile="dear"), {}, "expected one of free, cheap, full"),
        (Flags("mock", max_credits="-1"), {}, "--max-credits is '-1', expected a number"),
        (Flags("mock", max_credits="nan"), {}, "expected a number"),
        (Flags("real"), {**TOKEN, "TAMS_ENDPOINT": "ftp://x"}, "TAMS_ENDPOINT is 'ftp://x'"),
    ],
)
def test_a_mistake_is_named(tmp_path, flags, environment, words):
    with pytest.raises(BadSettings, match=words):
        read(flags, environment, tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tams]\nendpont = 'x'", r"\[tams\] endpont is not known; expected access_token, app_id"),
        ("[tans]\n", "'tans' is not known"),
        ("[tams]\napp_id = 3", "app_id must be a text"),
        ("[tams", "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, text, words):
    (tmp_path / "tams-contract.toml").write_text(text, encoding="utf-8")

    with pytest.raises(BadSettings, match=words):
        read(Flags("real"), TOKEN, tmp_path)


def test_the_environment_wins_over_the_file(tmp_path):
    (tmp_path / "tams-contract.toml").write_text(
        "[tams]\naccess_token = 'of-file'\napp_id = 'my-app'", encoding="utf-8-sig"
    )

    credentials = read(Flags("real"), TOKEN, tmp_path).credentials

    assert credentials.tams.access_token == "token-1"
    assert credentials.tams.app_id == "my-app"
    assert credentials.tams_endpoint == "https://ap.example.test"


def test_real_runs_cost_nothing_by_default(tmp_path):
    settings = read(Flags("real"), TOKEN, tmp_path)

    found = run_limits(settings, free_of_cost=False)

    assert found.profile is RunProfile.FREE
    assert set(found.budgets.values()) == {0}
    assert not found.destructive


def test_credentials_of_the_environment_never_reach_a_mock_of_the_run(tmp_path):
    assert read(Flags("mock"), TOKEN, tmp_path).credentials.secrets() == ()


@pytest.mark.parametrize("target", ["real", "http://127.0.0.1:1"])
def test_a_missing_target_is_reported_before_the_run(tmp_path, target):
    settings = read(Flags(target), {**TOKEN, "TAMS_ENDPOINT": "http://127.0.0.1:1"}, tmp_path)

    with pytest.raises(TargetDown, match=r" 127\.0\.0\.1:1: "):
        check_target(settings)


@pytest.mark.parametrize(
    "url",
    ["http://", "http://:80", "http://[::1", "http://a:b", "http://a ", "http://a?", "ftp://a"],
)
def test_a_target_that_is_not_a_base_of_urls_is_refused(tmp_path, url):
    with pytest.raises(BadSettings, match="expected a host, or"):
        read(Flags(url), {}, tmp_path)
