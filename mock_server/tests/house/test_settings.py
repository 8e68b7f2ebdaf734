"""Every knob is described, and whatever sets it is read, ranked and, if wrong, explained."""

from collections import Counter
from pathlib import Path

import pytest

from mock_server.setting_sources import SettingsError
from mock_server.settings import Settings, all_settings, read_settings, settings_table
from mock_server.tams.key_pairs import key_pair
from mock_server.tams.settings import TamsSettings

KNOBS = all_settings()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start where there is no file, with nothing of ours in the environment."""
    import os

    for name in [name for name in os.environ if name.startswith("TAMS_MOCK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems_of(flags: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read_settings(flags)
    return caught.value.problems


def row_of(settings: Settings, name: str) -> dict[str, object]:
    return next(row for row in settings_table(settings) if row["name"] == name)


@pytest.mark.parametrize("setting", KNOBS, ids=lambda setting: setting.name)
def test_every_setting_has_a_sentence_a_group_and_says_what_it_takes(setting):
    assert setting.sentence.endswith(".")
    assert setting.sentence[0].isupper() or setting.sentence.startswith("IN")
    assert setting.group
    assert setting.expects


def test_no_two_settings_share_a_flag_or_a_name_in_the_environment():
    flags = Counter(setting.flag for setting in KNOBS)
    names = Counter(setting.environment for setting in KNOBS)

    assert set(flags.values()) == set(names.values()) == {1}


def test_every_choice_of_a_surface_is_a_setting_that_names_its_unknown():
    settings = {setting.leaf: setting for setting in KNOBS if setting.path[0] == "tams"}

    assert set(settings) == set(TamsSettings.model_fields)
    assert all(setting.unknown.startswith("U") for setting in settings.values())


def test_names_are_the_promised_ones():
    by_name = {setting.name: setting for setting in KNOBS}

    assert by_name["tams.clock_skew"].flag == "--tams-clock-skew"
    assert by_name["tams.clock_skew"].environment == "TAMS_MOCK_TAMS_CLOCK_SKEW"
    assert by_name["tls_port"].flag == "--tls-port"


@pytest.mark.parametrize(
    ("flag", "environment", "file", "value", "source"),
    [
        (None, None, None, 8080, "default"),
        (None, None, 1, 1, "file"),
        (None, "2", None, 2, "environment"),
        (None, "2", 1, 2, "environment"),
        (None, "", 1, 1, "file"),
        ("3", None, None, 3, "flag"),
        ("3", None, 1, 3, "flag"),
        ("3", "2", 1, 3, "flag"),
    ],
)
def test_flags_win_over_environment_over_file_over_default(
    here, monkeypatch, flag, environment, file, value, source
):
    if environment is not None:
        monkeypatch.setenv("TAMS_MOCK_PORT", environment)
    if file is not None:
        (here / "tams-mock.toml").write_text(f"port = {file}\n")

    settings = read_settings({"port": flag})

    assert settings.port == value
    assert row_of(settings, "port")["source"] == source


def test_a_surface_has_a_table_in_the_file_and_a_prefix_elsewhere(here, monkeypatch):
    (here / "tams-mock.toml").write_text("[tams]\nclock_skew = 300\nunknown_app_status = 401\n")
    monkeypatch.setenv("TAMS_MOCK_TAMS_FIRST_RANK", "0")
    monkeypatch.setenv("TAMS_MOCK_TAMS_LOCKED_MODELS", "1, 2")

    settings = read_settings({"tams.nonce_replay": "refuse", "tams.limit_retry_after": True})

    assert settings.tams == TamsSettings(
        clock_skew=300,
        unknown_app_status=401,
        first_rank=0,
        locked_models=("1", "2"),
        nonce_replay="refuse",
        limit_retry_after=True,
    )


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_the_file_may_be_elsewhere(tmp_path, monkeypatch, by):
    config = tmp_path / "other.toml"
    config.write_text("balance = 12.5\nclock_start = 2026-01-01T00:00:00Z\napp_key = 7\n")
    if by == "environment":
        monkeypatch.setenv("TAMS_MOCK_CONFIG", str(config))

    settings = read_settings(config=config if by == "argument" else None)

    assert str(settings.balance) == "12.5"
    assert settings.clock_start == 1_767_225_600
    assert settings.app_key == "7"


@pytest.mark.parametrize(
    "text", ["1767225600", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T01:00:00+01:00"]
)
def test_a_clock_starts_at_a_date_or_at_seconds(text):
    assert read_settings({"clock_start": text}).clock_start == 1_767_225_600


def test_settings_made_in_code_ask_nobody(monkeypatch):
    monkeypatch.setenv("TAMS_MOCK_PORT", "1")
    settings = Settings(host="::1")

    assert settings.port == 8080
    assert row_of(settings, "host")["source"] == "code"
    assert row_of(settings, "port")["source"] == "default"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"port": "70000"}, "--port is '70000': expected a whole number from 0 to 65535"),
        ({"tls_port": "x"}, "--tls-port is 'x': expected a whole number from 0 to 65535"),
        ({"progress": "fast"}, "--progress is 'fast': expected instant, time, polls or manual"),
        ({"clock_start": "soon"}, "--clock-start is 'soon': "),
        ({"store": "redis:"}, "--store is 'redis:': no such store; expected memory:"),
        ({"public_url": "here"}, "--public-url is 'here': not a web address; expected"),
        (
            {"tams.credits_short_status": "401"},
            "--tams-credits-short-status is '401': expected 400, 402 or 403",
        ),
        ({"access_token": "two words"}, "--access-token is (hidden): expected 1 to 256"),
        ({"clock_rate": "inf"}, "--clock-rate is 'inf': expected a number from 0 to 1000000"),
    ],
)
def test_a_wrong_value_is_one_line_that_says_where_what_and_what_else(flags, problem):
    (found,) = problems_of(flags)

    assert found.startswith(problem)
    assert "\n" not in found


def test_wrong_values_name_the_place_they_came_from(here, monkeypatch):
    (here / "tams-mock.toml").write_text('qps = "many"\n[tams]\nclock_skew = -1\n')
    monkeypatch.setenv("TAMS_MOCK_TLS", "maybe")

    assert set(problems_of()) == {
        "TAMS_MOCK_TLS in the environment is 'maybe': expected true or false",
        "qps in tams-mock.toml is 'many': expected a whole number from 1 to 1000000",
        "tams.clock_skew in tams-mock.toml is -1: expected a number, 0 or more",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prot = 1", "prot in tams-mock.toml is no setting; did you mean port?"),
        ("[tams]\nclock_scew = 1", "tams.clock_scew in tams-mock.toml is no setting; did you mean"),
        ("[workshops]\na = 1", "workshops in tams-mock.toml is no setting"),
        ("port = ", "tams-mock.toml is no TOML: "),
    ],
)
def test_a_file_is_taken_at_its_word(here, text, problem):
    (here / "tams-mock.toml").write_text(text)

    (found,) = problems_of()

    assert found.startswith(problem)


def test_a_named_file_has_to_be_there(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read: No such file"):
        read_settings(config=tmp_path / "nowhere.toml")


def test_an_unknown_name_in_the_environment_is_a_warning(monkeypatch):
    monkeypatch.setenv("TAMS_MOCK_PROT", "1")
    warnings: list[str] = []

    read_settings(warn=warnings.append)

    assert warnings == [
        "TAMS_MOCK_PROT in the environment is no setting; did you mean TAMS_MOCK_PORT?"
    ]


def test_the_public_key_file_is_read_and_judged(tmp_path):
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_text(key_pair(3).public_pem)
    bad.write_text("no key")

    assert Settings().public_key == ""
    assert read_settings({"public_key_file": str(good)}).public_key == key_pair(3).public_pem
    (found,) = problems_of({"public_key_file": str(bad)})
    assert found.startswith(f"--public-key-file is '{bad}': the public key is 6 characters that")
    (found,) = problems_of({"public_key_file": "/nowhere"})
    assert "the file cannot be read" in found


def test_secrets_are_hidden_unless_everybody_knows_them():
    known = settings_table(Settings())
    own = settings_table(Settings(app_secret="mine", control_token="also-mine"))

    assert next(row for row in known if row["name"] == "app_secret")["value"] == "mock-secret-0001"
    assert {row["name"] for row in own if row["value"] == "(hidden)"} == {
        "app_secret",
        "control_token",
    }
    assert "mine" not in repr(Settings(app_secret="mine"))


@pytest.mark.parametrize(
    ("host", "beyond"),
    [
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.0.2.1", True),
        ("example.com", True),
    ],
)
def test_what_lies_beyond_loopback(host, beyond):
    assert Settings(host=host).beyond_loopback is beyond


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]
