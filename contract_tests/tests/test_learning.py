"""What was observed at a target becomes settings of the mock, which then behaves like it."""

import json
import subprocess
import sys
import tomllib
from contextlib import contextmanager

import httpx
import pytest

from contract_tests.bundle import write_bundle
from contract_tests.learning.conclusions import conclude
from contract_tests.learning.rules import LearningRule
from contract_tests.learning.settings_file import settings_file
from contract_tests.redaction import SecretRedactor
from contract_tests.report.shape import Observation
from contract_tests.tests.command_runs import ROOT, run_in

MANIFEST = {
    "target": {"kind": "real", "urls": {"tams": "https://ap.example.test"}},
    "started": 1796036000.0, "finished": 1796040000.0, "profile": "free", "made_by": "the suite",
    "versions": {"suite": "1"},
}  # fmt: skip
STEPS = [
    LearningRule("tams.steps_range", "U21", "9 steps",
                 cases={'"taken"': ["1..60", "off"], ".*": "10..50"}),
    LearningRule("tams.steps_range", "U21", "61 steps",
                 cases={'"taken"': "off", ".*": ["1..60", "10..50"]}),
]  # fmt: skip
LIMIT = [LearningRule("tams.clock_skew", "U1", r"[+-](\d+) s off", accepted="200",
                      likely=(300.0,), unlimited=0)]  # fmt: skip
# What another mock does differently, and the tests that see it.
CHOICES = {
    "tams": {
        "clock_skew": 300, "unknown_app_status": 401, "no_authorization_status": 404,
        "bad_authorization_body": "invalid-header", "auth_error_body": "rpc",
        "foreign_job_status": 403, "cancel_finished": "refuse", "steps_range": "10..50",
        "cfg_scale_range": "0..30", "seed_above_maximum": "random", "bad_size": "refuse",
        "unknown_model": "refuse", "wrong_method_status": 501, "sdxl_factor": 1,
        "model_factors": ["FLUX=3"],
        "image_format": "present", "stages_shape": "2023", "result_url_life": 1800,
        "expired_in": "remaining", "missing_term": "refuse", "not_found_code": 2,
        "request_id_missing": "refuse", "zero_members": "send",
    },
    "workshop": {
        "gateway_generation": "older", "failure_status": 400, "broken_json": "gateway",
        "missing_session": "fail", "session_url": "fresh", "second_session": "keep",
        "digit_strings": "accept", "monitor_data": "object", "content_md5": "lax",
        "other_methods": "accept",
    },
}  # fmt: skip
TESTS = (
    "bad_size_is_taken",
    "body_that_is_not_a_json_object_finds",
    "call_without_credentials",
    "failure_has_all_members",
    "without_a_request_id_is",
    "has_its_factor",
    "a_seed_beyond",
    "unknown_model_is_not_found",
    "cannot_cancel_a_job",
    "cancelling_a_finished_job_does",
    "how_far_off",
    "gateway_words",
    "odd_terms",
    "one_byte_changed_is_a_401",
    "showcase_pictures",
    "url_of_a_result_expires",
    "use_of_a_pool_can",
    "digested_in_another",
    "result_may_look_like",
    "second_create_does",
    "no_session_is_live",
    "what_is_not_offered",
    "other_methods_get",
    "reference_leaves_open_has",
    "refresh_keeps_the_url",
    "expiries_a_token_may",
    "test_an_unknown_app",
)


def seen(what, value, unknown="U21", at=1796036060.0):
    return Observation(unknown, what, value, "tams/test_it.py::test_it", at)


@contextmanager
def mock_with(settings, folder):
    """Run a mock with a settings file as a process; yields its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mock_server", "serve", "--port", "0", "--json", "--quiet",
         "--config", str(settings)],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.communicate()


def settings_at(url):
    rows = httpx.get(f"{url}/_mock/settings", trust_env=False).json()["settings"]
    return {row["name"]: row["value"] for row in rows}


def test_a_mock_with_learned_settings_is_like_the_one_that_was_observed(tmp_path):
    (tmp_path / "given.toml").write_text(
        "\n".join(f"[{table}]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in own.items())
                  for table, own in CHOICES.items())
    )  # fmt: skip

    with mock_with(tmp_path / "given.toml", tmp_path) as url:
        run = run_in(tmp_path, "--target", url, "--record-evidence", "bundles",
                     "--evidence", "verified.json", "-k", " or ".join(TESTS))  # fmt: skip
        given = settings_at(url)
    (bundle,) = (tmp_path / "bundles").iterdir()
    learned = run_in(tmp_path, "learn", str(bundle), "-o", "learned.toml")
    with mock_with(tmp_path / "learned.toml", tmp_path) as url:
        result = settings_at(url)

    assert "evidence: bundles" in run.stdout
    assert learned.returncode == 0, learned.stdout
    chosen = {f"{table}.{name}" for table, own in CHOICES.items() for name in own}
    assert {name: result[name] for name in chosen} == {name: given[name] for name in chosen}
    file = tomllib.loads((tmp_path / "learned.toml").read_text(encoding="utf-8"))
    names = {f"{table}.{name}" for table, own in file.items() if isinstance(own, dict)
             for name in own}  # fmt: skip
    assert len(names) > len(chosen)
    assert {name: result[name] for name in names} == {name: given[name] for name in names}


@pytest.mark.parametrize(
    ("observations", "value", "open_", "conflict"),
    [
        ([seen("9 steps", "taken"), seen("61 steps", "no")], "1..60", "", ""),
        ([seen("9 steps", "no")], "10..50", "", ""),
        ([seen("9 steps", "taken")], None, "it may be 1..60 or off", ""),
        ([], None, "", ""),
        ([seen("9 steps", "taken", unknown="U22")], None, "", ""),
        (
            [seen("9 steps", "no"), *[seen("61 steps", "taken")] * 2],
            "off", "", "contradict each other: off 2 times, 10..50 1 times",
        ),
    ],
)  # fmt: skip
def test_a_setting_has_the_value_that_all_observations_allow(observations, value, open_, conflict):
    conclusion = conclude(observations, STEPS)["tams.steps_range"]

    assert (conclusion.value, conclusion.open) == (value, open_)
    assert conflict in conclusion.conflict
    assert bool(conclusion.conflict) == bool(conflict)


@pytest.mark.parametrize(
    ("taken", "refused", "value", "open_"),
    [
        ([290], [310], 300, ""),
        ([127], [128], 127, ""),
        ([10, 20], [], 0, ""),
        ([20], [40], None, "it is between 20 and 40"),
        ([20], [90_000], None, "it is between 20 and 90000"),
        ([0], [5], None, "it is between 0 and 5"),
    ],
)
def test_a_limit_is_concluded_only_if_it_is_near(taken, refused, value, open_):
    tried = [*((n, 200) for n in taken), *((n, 401) for n in refused)]
    observations = [seen(f"+{n} s off", status, "U1") for n, status in tried]

    conclusion = conclude(observations, LIMIT)["tams.clock_skew"]

    assert (conclusion.value, conclusion.open) == (value, open_)


def test_entries_of_a_list_are_collected():
    rules = [
        LearningRule("tams.model_factors", "U34", f"the factor of {name}",
                     number=rf'"(?!{usual}")(\d+)"', entry=f"{name}={{}}")
        for name, usual in (("SD", 1), ("FLUX", 2))
    ]  # fmt: skip

    def learned(**factors):
        seen_ = [seen(f"the factor of {name}", each, "U34") for name, each in factors.items()]
        return conclude(seen_, rules)["tams.model_factors"].value

    assert learned(SD="4", FLUX="3") == ["SD=4", "FLUX=3"]
    assert learned(SD="1", FLUX="3") == ["FLUX=3"]
    assert learned(SD="1", FLUX="2") is None


def test_the_file_says_what_was_seen_when_how_often_and_by_which_test():
    observations = [*[seen("9 steps", "no\n[x]")] * 2, seen("61 steps", "taken")]
    rules = [*STEPS, LearningRule("qps", "U10", "accepted", number="(5)"), *LIMIT]
    observations.append(seen("accepted", 5, "U10"))

    text = settings_file(conclude(observations, rules), [("evidence-x.zip", MANIFEST)])

    assert tomllib.loads(text) == {"qps": 5, "tams": {"steps_range": "10..50"}}
    lines = text.splitlines()
    where = "real https://ap.example.test, 2026-11-30 10:53 UTC"
    assert lines[1] == f"# evidence-x.zip: {where}, profile free, suite 1"
    assert "# U21 Which steps and which cfgScale are refused?" in lines
    assert '# 9 steps: "no\\n[x]"; 2 times, 2026-11-30 10:54 UTC, tams/test_it.py::test_it' in lines
    assert any(
        line.startswith("# UNSURE: the observations contradict each other") for line in lines
    )
    assert lines[-2:] == ["# Not observed:", "#   tams.clock_skew (U1)"]


def test_a_bundle_without_observations_is_wrong_use(tmp_path):
    path = write_bundle(tmp_path, {**MANIFEST, "made_by": "record"}, {}, SecretRedactor())

    done = run_in(tmp_path, "learn", str(path))
    missing = run_in(tmp_path, "learn", "none.zip")

    assert "the bundle has no observations.json: record made it" in done.stdout
    assert "none.zip cannot be read: No such file" in missing.stdout
    assert (done.returncode, missing.returncode) == (2, 2)
