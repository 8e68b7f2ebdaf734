"""Every setting is described; its sources are read and ranked, and errors are explained."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mock_server.setting_sources import SettingsError
from mock_server.setting_types import validated
from mock_server.settings import Settings, all_settings, read_settings, settings_table
from mock_server.tams.key_pairs import key_pair
from mock_server.tams.settings import TamsSettings
from mock_server.web.vendor_settings import PRESETS, ChoiceTable
from mock_server.workshop.settings import WorkshopSettings

SETTINGS = all_settings()


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


def outcome(validate: Callable[[Mapping[str, Any]], Settings], values: Mapping[str, Any]) -> object:
    try:
        settings = validate(values)
    except ValidationError as error:
        return [(each["loc"], each["type"], each["msg"]) for each in error.errors()]
    tables = (settings, settings.tams, settings.workshop)
    return settings, [each.model_fields_set for each in tables]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_few_settings_are_validated_like_all(setting):
    for value in (setting.default, *setting.words, "", "nonsense", -1, 1.5, True, ["private"]):
        values = {setting.path[-1]: value}
        if len(setting.path) > 1:
            values = {setting.path[0]: values}
        assert outcome(partial(validated, Settings), values) == outcome(
            Settings.model_validate, values
        )


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_sentence_a_group_and_says_what_it_takes(setting):
    assert setting.sentence.endswith(".")
    assert setting.sentence[0].isupper() or setting.sentence.startswith("IN")
    assert setting.group
    assert setting.expects


def test_no_two_settings_share_a_flag_or_a_name_in_the_environment():
    flags = Counter(setting.flag for setting in SETTINGS)
    names = Counter(setting.environment for setting in SETTINGS)

    assert set(flags.values()) == set(names.values()) == {1}


@pytest.mark.parametrize("vendor", ["tams", "workshop"])
def test_every_choice_of_a_vendor_is_a_setting_that_names_its_unknown(vendor):
    models: dict[str, type[ChoiceTable]] = {"tams": TamsSettings, "workshop": WorkshopSettings}
    choices = {setting.path[1]: setting for setting in SETTINGS if setting.path[0] == vendor}

    assert set(choices) == set(models[vendor].model_fields)
    letter = {"tams": "U", "workshop": "W"}[vendor]
    unknowns = {name: setting.unknown[:1] for name, setting in choices.items()}
    assert unknowns == dict.fromkeys(choices, letter) | dict.fromkeys(PRESETS, "")


def test_about_twenty_settings_are_common_and_every_group_is_in_one_piece():
    assert 20 <= sum(setting.common for setting in SETTINGS) <= 26
    groups = [group for group, _ in groupby(SETTINGS, key=lambda setting: setting.group)]
    assert len(groups) == len(set(groups))


def test_names_are_the_promised_ones():
    by_name = {setting.name: setting for setting in SETTINGS}

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
    config.write_text(
        "balance = 12.5\nclock_start = 2026-01-01T00:00:00Z\napp_key = 7\n"
        "callback_targets = ['a', 'b']\n[tams]\nfixed_price = 'none'\nlocked_models = '1, 2'\n"
    )
    if by == "environment":
        monkeypatch.setenv("TAMS_MOCK_CONFIG", str(config))

    settings = read_settings(config=config if by == "argument" else None)

    assert str(settings.balance) == "12.5"
    assert settings.clock_start == 1_767_225_600
    assert settings.app_key == "7"
    assert settings.callback_targets == ("a", "b")
    assert settings.tams == TamsSettings(locked_models=("1", "2"), fixed_price=None)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("tls_name", "API.example, *.b.example,::1", ("api.example", "*.b.example", "::1")),
        ("trusted_proxies", "10.1.2.3/8, ::1", ("10.0.0.0/8", "::1/128")),
    ],
)
def test_lists_are_checked_one_by_one(name, text, value):
    assert getattr(read_settings({name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("tls_name", "a.example,http://a", "'http://a' is neither a host name nor an address"),
        ("tls_name", "a..b", "'a..b' is neither a host name nor an address"),
        ("trusted_proxies", "10.0.0.0/33", "'10.0.0.0/33' does not appear to be an IPv4 or IPv6"),
    ],
)
def test_what_is_wrong_in_a_list_is_named(name, text, problem):
    (found,) = problems_of({name: text})

    assert problem in found


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "the file cannot be read: No such file or directory"),
        (b"", "the file has no certificate in PEM format"),
        (b"\xff\x00", "the file has no certificate in PEM format"),
        (key_pair(1).public_pem.encode(), "the file has no certificate in PEM format"),
    ],
)
def test_a_file_without_authorities_is_refused(here, content, problem):
    if content is not None:
        (here / "ca.pem").write_bytes(content)

    (found,) = problems_of({"callback_ca_file": "ca.pem"})

    assert found.startswith(f"--callback-ca-file is 'ca.pem': {problem}")


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


@pytest.mark.parametrize("name", ["public_url", "workshop.file_url", "workshop.sd_webui_url"])
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://pub.example/a?b=1", "a query or a fragment"),
        ("http://pub.example?", "a query or a fragment"),
        ("http://pub.example/#part", "a query or a fragment"),
        ("http://pub.example ", "' ' cannot be part of a URL"),
        (" http://pub.example", "' ' cannot be part of a URL"),
        ("http://pub.example\t/a", "'\\t' cannot be part of a URL"),
        ("http://bücher.example", "'ü' cannot be part of a URL"),
        ("http://pub.example\\a", "'\\\\' cannot be part of a URL"),
        ("http://user:word@pub.example", "credentials"),
        ("http://", "the host name is missing"),
        ("http:///path", "the host name is missing"),
        ("https://:8443", "the host name is missing"),
        ("http://pub..example", "'pub..example' is not a host name"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("http://pub.example:", "'' is not a port"),
        ("http://pub.example:0", "'0' is not a port"),
        ("http://pub.example:65536", "'65536' is not a port"),
        ("http://pub.example:80a", "'80a' is not a port"),
        ("ftp://pub.example", "not a web address"),
        ("http:/pub.example", "not a web address"),
        ("pub.example:8080", "not a web address"),
    ],
)
def test_a_base_that_would_break_every_url_is_refused(name, url, reason):
    (found,) = problems_of({name: url})

    assert f": {reason}" in found
    assert found.endswith("; expected an address that begins with http:// or https://")


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("", ""),
        ("http://pub.example/", "http://pub.example"),
        ("https://pub.example:8443/a//", "https://pub.example:8443/a"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://my_host.", "http://my_host."),
        ("http://10.0.0.1/a%20b", "http://10.0.0.1/a%20b"),
    ],
)
def test_the_slashes_at_the_end_of_a_base_are_dropped(url, base):
    assert read_settings({"public_url": url}).public_url == base


def test_wrong_values_name_the_place_they_came_from(here, monkeypatch):
    (here / "tams-mock.toml").write_text('qps = "many"\n[tams]\nclock_skew = -1\n')
    monkeypatch.setenv("TAMS_MOCK_TLS", "maybe")

    assert set(problems_of()) == {
        "TAMS_MOCK_TLS in the environment is 'maybe': expected true or false",
        "tams-mock.toml, line 1: qps is 'many': expected a whole number from 1 to 1000000",
        "tams-mock.toml, line 3: tams.clock_skew is -1: expected a number, 0 or more",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prot = 1", "tams-mock.toml, line 1: prot is not a setting; did you mean port?"),
        (
            "# mine\n[tams]\n clock_scew = 1",
            "tams-mock.toml, line 3: tams.clock_scew is not a setting; did you mean tams.clock_",
        ),
        ("tams.clock_scew = 1", "tams-mock.toml, line 1: tams.clock_scew is not a setting; did"),
        ('"prot" = 1', "tams-mock.toml: prot is not a setting; did you mean port?"),
        ("tams = 1", "tams-mock.toml, line 1: tams is not a setting but a table: write [tams]"),
        ("[workshops]\na = 1", "tams-mock.toml, line 1: workshops is not a setting"),
        ("xyz = 1", "tams-mock.toml, line 1: xyz is not a setting; `tams-mock settings` lists all"),
        ("port = ", "tams-mock.toml is not TOML: Invalid value (at "),
        ("port", "tams-mock.toml is not TOML: Expected '=' after a key in a key/value pair (at "),
    ],
)
def test_what_a_file_must_not_say_is_one_line_with_its_place(here, text, problem):
    (here / "tams-mock.toml").write_text(text)

    (found,) = problems_of()

    assert found.startswith(problem)
    assert "\n" not in found


def test_an_empty_file_sets_nothing(here):
    (here / "tams-mock.toml").write_text("\n# nothing\n")

    assert read_settings() == Settings()


def test_a_file_may_begin_with_a_byte_order_mark(here):
    (here / "tams-mock.toml").write_bytes(b"\xef\xbb\xbfport = 5\n")

    assert read_settings().port == 5


def test_a_named_file_has_to_be_there(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read: No such file"):
        read_settings(config=tmp_path / "nowhere.toml")


def test_an_unknown_name_is_refused_wherever_it_stands(here, monkeypatch):
    (here / "tams-mock.toml").write_text("sead = 1\n")
    monkeypatch.setenv("TAMS_MOCK_PROT", "1")

    assert problems_of({"tams.clock_scew": "1"}) == (
        "tams-mock.toml, line 1: sead is not a setting; did you mean seed?",
        "TAMS_MOCK_PROT in the environment is not a setting; did you mean TAMS_MOCK_PORT?",
        "--tams-clock-scew is not a setting; did you mean tams.clock_skew?",
    )


SERVICE = {
    "SERVICE_HOST": "10.96.12.34",
    "SERVICE_PORT": "8080",
    "SERVICE_PORT_HTTP_API": "8080",
    "PORT": "tcp://10.96.12.34:8080",
    "PORT_8080_TCP": "tcp://10.96.12.34:8080",
    "PORT_8080_TCP_PROTO": "tcp",
    "PORT_8080_TCP_PORT": "8080",
    "PORT_8080_TCP_ADDR": "10.96.12.34",
    "PORT_53_UDP": "udp://[fd00::1]:53",
    "NAME": "/client/tams-mock",
    "ENV_PATH": "/usr/bin",
}


@pytest.mark.parametrize("service", ["TAMS_MOCK", "TAMS_MOCK_TLS", "TAMS_MOCK_STAGING_2"])
def test_variables_that_describe_a_service_are_not_settings(monkeypatch, service):
    for name, value in SERVICE.items():
        monkeypatch.setenv(f"{service}_{name}", value)

    assert read_settings() == Settings()


def test_a_service_does_not_hide_settings_and_typing_errors(monkeypatch):
    for name, value in SERVICE.items():
        monkeypatch.setenv(f"TAMS_MOCK_{name}", value)
    monkeypatch.setenv("TAMS_MOCK_PORT", "9")

    assert read_settings().port == 9

    monkeypatch.setenv("TAMS_MOCK_TLS_PROT", "tcp://10.96.12.34:8443")
    monkeypatch.setenv("TAMS_MOCK_SERVICE_HOTS", "0.0.0.0")
    wrong, other = problems_of()
    assert wrong.endswith(
        "TLS_PROT in the environment is not a setting; did you mean TAMS_MOCK_TLS_PORT?"
    )
    assert other.startswith("TAMS_MOCK_SERVICE_HOTS in the environment is not a setting")


@pytest.mark.parametrize("value", ["http://10.0.0.1:80", "tcp://10.0.0.1", "tcp:8080"])
def test_only_the_url_of_a_service_is_passed_over(monkeypatch, value):
    monkeypatch.setenv("TAMS_MOCK_PORT", value)

    (found,) = problems_of()
    assert found.startswith(f"TAMS_MOCK_PORT in the environment is '{value}': expected a whole")


# Presets


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("vendor", [TamsSettings, WorkshopSettings])
def test_a_preset_has_allowed_values_that_differ_from_the_defaults(vendor, preset):
    values = vendor.presets[preset]

    assert vendor(**values).model_dump(include=set(values)) == values
    assert all(vendor.model_fields[name].default != value for name, value in values.items())
    on = vendor(**{preset: True})
    assert on.model_dump(include=set(values)) == values
    others = vendor().model_dump(exclude={preset, *values})
    assert on.model_dump(exclude={preset, *values}) == others


@pytest.mark.parametrize("vendor", [TamsSettings, WorkshopSettings])
def test_presets_agree_where_both_decide(vendor):
    strict, documented = (vendor.presets[preset] for preset in PRESETS)

    assert all(documented[name] == strict[name] for name in strict.keys() & documented.keys())


def test_a_preset_is_for_both_vendors_unless_a_value_is_set(here, monkeypatch):
    (here / "tams-mock.toml").write_text("[tams]\nunknown_model = 'accept'\n")
    monkeypatch.setenv("TAMS_MOCK_WORKSHOP_UNIQUE_NAMES", "false")

    settings = read_settings({"strict": True, "workshop.missing_session": "null"})

    assert settings.tams.strict
    assert settings.workshop.strict
    kept = {"unique_names": False, "missing_session": "null"}
    for table, explicit in (
        (settings.tams, {"unknown_model": "accept"}),
        (settings.workshop, kept),
    ):
        strict = table.presets["strict"]
        assert table.model_dump(include=set(strict)) == {**strict, **explicit}


def test_a_preset_of_one_vendor_leaves_the_other_alone():
    settings = read_settings({"tams.strict": "true", "as_documented": "true"})
    without = read_settings({"strict": "true", "workshop.strict": "false"})

    assert settings.tams == TamsSettings(strict=True, as_documented=True)
    assert settings.workshop == WorkshopSettings(as_documented=True)
    assert without.workshop.model_dump() == WorkshopSettings().model_dump()


def test_a_preset_is_told_as_the_source_of_what_it_decides():
    settings = read_settings(
        {"strict": True, "as_documented": True, "tams.bad_size": "refuse", "tams.strict": True}
    )
    sources = {
        name: row_of(settings, name)["source"]
        for name in ("strict", "tams.bad_size", "tams.unknown_model", "tams.sdxl_factor",
                     "tams.strict", "workshop.strict", "workshop.unknown_workflow", "tams.schemes")
    }  # fmt: skip

    assert sources == {
        "strict": "flag",
        "tams.bad_size": "flag",
        "tams.unknown_model": "preset strict",
        "tams.sdxl_factor": "preset as-documented",
        "tams.strict": "flag",
        "workshop.strict": "preset strict",
        "workshop.unknown_workflow": "preset strict",
        "tams.schemes": "default",
    }


def test_a_table_made_in_code_gets_the_presets_of_the_server():
    table = TamsSettings(bad_size="accept")
    settings = Settings(strict=True, tams=table)

    assert (settings.tams.bad_size, settings.tams.unknown_model) == ("accept", "refuse")
    assert row_of(settings, "tams.bad_size")["source"] == "code"
    assert not table.strict


# Values


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


def test_a_user_without_a_home_folder_has_a_state_folder(tmp_path, monkeypatch):
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    found = read_settings().state_dir
    assert found.is_relative_to(tmp_path)

    # A folder that somebody else made is not used.
    (tmp_path / found.relative_to(tmp_path).parts[0]).symlink_to("/")
    assert not read_settings().state_dir.is_relative_to(found)


@pytest.mark.parametrize("name", ["state_dir", "workflows_file"])
def test_the_home_folder_of_an_unknown_user_is_refused(name):
    (found,) = problems_of({name: "~no-such-user/x"})

    assert "'~no-such-user/x': the home folder that ~ means is not known; expected" in found


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
