"""Known differences, evidence, open questions, and the documents of the suite."""

import ast
import re
import subprocess
import sys
from datetime import date, timedelta

import pytest

from contract_tests import PACKAGE
from contract_tests.differences import KnownDifference, judge, read_differences
from contract_tests.evidence import PassRecord, read_evidence, record_evidence
from contract_tests.markers import CAPABILITIES, DESCRIPTIONS
from contract_tests.openapi import description, openapi_path
from contract_tests.options import OPTIONS, Flags, RunProfile
from contract_tests.outcomes import SuiteError, TestOutcome
from contract_tests.unknowns import questions

DAY = date(2026, 11, 22)
KNOWN = KnownDifference("tams/test_a.py::test_b", "real", "they differ", DAY, DAY + timedelta(10))


def verdict(outcome, test=KNOWN.test, target="real", day=DAY):
    return judge(outcome, test, target, [KNOWN], day)


def test_a_known_difference_is_excused_until_its_day():
    assert verdict(TestOutcome.FAILED).outcome is TestOutcome.SKIPPED
    assert verdict(TestOutcome.FAILED, day=KNOWN.until).outcome is TestOutcome.SKIPPED
    assert verdict(TestOutcome.FAILED, day=KNOWN.until + timedelta(1)).outcome is TestOutcome.FAILED


def test_a_known_difference_fails_when_it_is_gone():
    assert verdict(TestOutcome.PASSED).outcome is TestOutcome.FAILED
    assert "is gone" in verdict(TestOutcome.PASSED).reason


def test_it_excuses_no_other_test_no_other_target_and_no_error_of_the_suite():
    assert verdict(TestOutcome.FAILED, test="tams/test_a.py::test_c") is None
    assert verdict(TestOutcome.FAILED, target="mock") is None
    assert verdict(TestOutcome.ERROR) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[difference]]\ntest = 'x'", "a difference has test, target"),
        ("[[differences]]\n", "entries are"),
        (
            "[[difference]]\ntest='x'\ntarget='real'\nreason=''\n"
            "since=2026-01-01\nuntil=2026-02-01",
            "has no reason",
        ),
        (
            "[[difference]]\ntest='x'\ntarget='real'\nreason='r'\n"
            "since=2026-03-01\nuntil=2026-02-01",
            "since not after until",
        ),
    ],
)
def test_an_invalid_entry_is_an_error(tmp_path, text, words):
    (tmp_path / "d.toml").write_text(text, encoding="utf-8")

    with pytest.raises(SuiteError, match=words):
        read_differences(tmp_path / "d.toml")


def test_known_differences_name_tests_that_exist():
    for known in read_differences():
        path, _, name = known.test.partition("::")
        tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name.partition("[")[0] in names


def test_evidence_is_kept_for_each_kind_of_target(tmp_path):
    path = tmp_path / "verified.json"
    record_evidence(path, "mock", [("a", PassRecord("2026-01-01", 3, 1.5))])
    record_evidence(path, "real", [("a", PassRecord("2026-02-01", 4, 9.0))])
    record_evidence(path, "mock", [("b", PassRecord("2026-03-01", 1, 0.0))])

    found = read_evidence(path)

    assert found["a"]["real"].day == "2026-02-01"
    assert found["a"]["mock"].calls == 3
    assert set(found) == {"a", "b"}


def test_without_a_file_everything_is_unverified(tmp_path):
    assert read_evidence(tmp_path / "none.json") == {}


def test_a_file_that_is_not_evidence_is_an_error(tmp_path):
    (tmp_path / "v.json").write_text("[]", encoding="utf-8")

    with pytest.raises(SuiteError, match="not a file that this suite"):
        read_evidence(tmp_path / "v.json")


def test_every_unknown_of_the_fact_sheets_has_a_question():
    numbers = [f"U{n}" for n in range(1, 66)] + [f"W{n}" for n in range(1, 45)]

    assert list(questions()) == numbers
    assert all(question.endswith("?") for _, question in questions().values())


@pytest.mark.parametrize("surface", ["tams", "workshop"])
def test_the_openapi_files_are_found(surface):
    assert openapi_path(surface).is_file()
    assert description(surface).operation("POST", "/v1/jobs/credits") == (
        ("/v1/jobs/credits", "post") if surface == "tams" else None
    )


def test_every_flag_has_an_option_and_is_described():
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")

    assert [option.field for option in OPTIONS] == list(Flags.__dataclass_fields__)
    assert [option.name for option in OPTIONS if option.name not in text] == []


def test_marks_and_capabilities_are_described():
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")

    marks = [words.partition("(")[0].partition(":")[0] for words in DESCRIPTIONS]
    assert [name for name in [*marks, *CAPABILITIES] if name not in text] == []


PLANS = """
from contract_tests.doctor.costs import cost_findings
from contract_tests.options import Flags
from contract_tests.settings import read_settings

for finding in cost_findings(read_settings(Flags("mock"), {})):
    print(finding.check, finding.sentence)
"""


def test_what_the_profiles_cost_is_described_as_the_plan_says():
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-c", PLANS], capture_output=True, text=True, check=True
    ).stdout

    for profile in RunProfile:
        (plan,) = re.findall(rf"^{profile.value} (\d+) of .*? run; (.*?);", told, re.MULTILINE)
        tests, costs = re.findall(
            rf"^\| `{profile.value}` \| (.*\d.*) \| (.*) \|$", text, re.MULTILINE
        )[0]
        planned = [int(plan[0]), *map(int, re.findall(r"\d+", plan[1]))]
        described = [int(each) for each in re.findall(r"\d+", f"{tests} {costs}".replace(",", ""))]
        assert len(described) == len(planned), profile
        assert described[0] == pytest.approx(planned[0], rel=0.1)
        for most, exactly in zip(described[1:], planned[1:], strict=True):
            assert exactly <= most <= 1.2 * exactly, profile
