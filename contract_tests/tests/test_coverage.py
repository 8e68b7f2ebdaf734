"""The coverage table is complete, and its tests are there."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from contract_tests import PACKAGE
from contract_tests.bundle import read_transcripts
from contract_tests.coverage.command import coverage_command
from contract_tests.coverage.facts import CoveredFact, against_sheet, problems, read_table
from contract_tests.coverage.member_table import (
    SeenMembers,
    differences,
    gaps,
    of_run,
    read_seen,
)
from contract_tests.coverage.members import observe
from contract_tests.coverage.reference import read_facts, sheet_of
from contract_tests.options import SURFACES

# Tests that together see most states of jobs and tasks, for each way in which they are made.
LOOKING = (
    "test_each_look_has_what_its_state_brings", "test_a_task_only_moves_forward",
    "test_a_waiting_job_can_be_cancelled", "test_a_query_tells_of_the_live_session",
)  # fmt: skip
REFERENCE = PACKAGE.parents[1] / "shared" / "reference"

SHEET = """# A sheet

Not a fact: it is before the first section.

## 1. Jobs [doc]

- A job has an id. [client] Its id is short. It has
  no name.
- [unknown] What a job is.

| member | type |
| --- | --- |
| id | string [observed] |

## 14. Unknown

| U1 | why |
"""


def a_row(**members):
    row = {"surface": "tams", "section": "5.4", "id": "abcdef", "tags": "doc", "says": "a price"}
    return CoveredFact(**{**row, "by": ("test_an_estimate_has_its_one_member",), **members})


# The table.


def test_each_fact_has_a_test_or_an_excuse():
    assert list(problems(read_table())) == []


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="there is no ../shared/reference to compare")
@pytest.mark.parametrize("surface", SURFACES)
def test_the_table_has_the_facts_of_the_reference(surface):
    sheet = (REFERENCE / sheet_of(surface)).read_text(encoding="utf-8")

    assert list(against_sheet(read_table(), surface, sheet)) == []


def test_each_member_and_each_state_was_seen_or_has_an_excuse():
    assert list(gaps(read_seen())) == []


@pytest.mark.timeout(300)
def test_tests_see_the_members_that_the_table_says(tmp_path):
    state = tmp_path / "state"
    run = subprocess.run(
        [sys.executable, "-m", "contract_tests", "--state-dir", state, "-k", " or ".join(LOOKING)],
        capture_output=True, encoding="utf-8", cwd=tmp_path, check=False,
    )  # fmt: skip
    (folder,) = (state / "runs").iterdir()

    places = observe(read_transcripts(folder))

    assert run.returncode == 0, run.stdout
    assert len({state for _, state, _ in places}) > 8
    assert list(differences(read_seen(), places)) == []


# How it is checked.


def test_facts_are_sentences_and_rows_with_their_tags():
    facts = [(fact.section, fact.tags, fact.text) for fact in read_facts("tams", SHEET)]

    assert facts == [
        ("1", ("doc",), "A job has an id."),
        ("1", ("client",), "[client] Its id is short."),
        ("1", ("client",), "It has\n  no name."),
        ("1", ("observed",), "| id | string [observed] |"),
    ]


def test_the_id_of_a_fact_depends_on_its_words_alone():
    wrapped = SHEET.replace("It has\n  no name", "It has no\n  name")
    ids = [[fact.id for fact in read_facts("tams", sheet)] for sheet in (SHEET, wrapped)]

    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 4


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"by": ("test_that_is_gone",)}, "0 tests have the name test_that_is_gone"),
        ({"by": ()}, "no test judges it"),
        ({"by": ("test_cancelling_an_unknown_job_is_observed",)}, "no test judges it"),
        ({"section": "5.5"}, "names TAMS › 5.5 in @source"),
        ({"excuse": "laziness"}, "not one of the excuses"),
        ({"by": (), "excuse": "open"}, "no test is named"),
    ],
    ids=["gone", "none", "only observes", "another section", "excuse", "open"],
)
def test_a_row_that_proves_nothing_is_a_problem(members, problem):
    assert list(problems([a_row()])) == []
    assert problem in " ".join(problems([a_row(**members)]))


def test_a_sheet_that_says_more_or_less_is_a_problem():
    rows = [
        a_row(section=fact.section, id=fact.id, tags=" ".join(fact.tags))
        for fact in read_facts("tams", SHEET)
    ]
    changed = SHEET.replace("no name", "a name").replace("string [observed]", "string [doc]")

    assert list(against_sheet(rows, "tams", SHEET)) == []
    assert len(list(against_sheet(rows, "tams", changed))) == 4


def a_look(operation, body, asked=""):
    method, path = operation.split(" ")
    return {
        "surface": "tams", "request": {"method": method, "url": f"http://x{path}", "body": asked},
        "response": {"status": 200, "body": json.dumps(body)},
    }  # fmt: skip


def a_job(status, **members):
    return {"job": {"id": "1", "status": status, **members}}


def test_members_are_seen_by_state_and_by_the_way_a_job_was_made():
    video = [
        a_look("POST /v1/jobs", a_job("CREATED"), '{"stages": [{"videoDiffusion": {}}]}'),
        a_look("GET /v1/jobs/1", a_job("WAITING", credits=1, waitingInfo={"queueRank": "1"})),
        a_look("GET /v1/jobs/1", a_job("WAITING", credits=1, waitingInfo={})),
    ]

    table = of_run(observe(video))

    assert set(table) == {
        ("POST /v1/jobs request", "sent", ""), ("POST /v1/jobs", "CREATED", "video"),
        ("GET /v1/jobs/{jobId}", "WAITING", "video"),
    }  # fmt: skip
    sent = table["POST /v1/jobs request", "sent", ""]
    assert sent.names == {"stages", "stages[].videoDiffusion"}
    seen = table["GET /v1/jobs/{jobId}", "WAITING", "video"]
    assert seen.always == {"job", "job.id", "job.status", "job.credits", "job.waitingInfo"}
    assert seen.sometimes == {"job.waitingInfo.queueRank"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (a_job("CREATED"), "job.credits is not always there"),
        (a_job("CREATED", credits=1, waitingInfo={}), "job.waitingInfo is there"),
    ],
    ids=["less", "more"],
)
def test_a_run_that_saw_something_else_differs(body, problem):
    place = ("POST /v1/jobs", "CREATED", "stages")
    table = {place: SeenMembers(frozenset({"job", "job.id", "job.status", "job.credits"}))}
    found = differences(table, observe([a_look("POST /v1/jobs", body)]))

    assert [line.partition(": ")[2].startswith(problem) for line in found] == [True]


def test_members_that_no_run_shows_are_gaps():
    found = list(gaps({}))

    assert any("GET /v1/jobs/{jobId} job.credits" in line for line in found)
    assert any("POST /scc/sd_get_progress running drawing" in line for line in found)
    assert not any("PENDING" in line for line in found)


# The command.


def coverage(*arguments):
    return CliRunner().invoke(coverage_command, [str(argument) for argument in arguments])


def test_the_command_counts_and_lists_what_no_test_judges():
    short, long = coverage(), coverage("--missing")

    assert (short.exit_code, long.exit_code) == (0, 0)
    assert "facts are tested" in short.stdout
    assert "afee75  apps are made in a console: tells about the product" in long.stdout


def test_the_command_prints_the_tables_for_programs():
    data = json.loads(coverage("--json").stdout)

    assert {fact["surface"] for fact in data["facts"]} == set(SURFACES)
    assert all(fact["tests"] or fact["excuse"] for fact in data["facts"])
    assert {"operation", "state", "way", "always", "sometimes"} == set(data["members"][0])


def test_the_command_says_what_a_sheet_has_and_the_table_lacks(tmp_path):
    for surface in SURFACES:
        (tmp_path / sheet_of(surface)).write_text(SHEET, encoding="utf-8")

    result = coverage("--reference", tmp_path)

    assert result.exit_code == 1
    assert "tams.toml lacks a fact" in result.stderr
    assert "[client] Its id is short." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--write"], "needs --run"), (["--run", "."], "not the folder of a run"),
     (["--reference", "."], "cannot be read")],
    ids=["write", "run", "reference"],
)  # fmt: skip
def test_wrong_use_of_the_command_is_told(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = coverage(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr
