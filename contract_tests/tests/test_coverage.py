"""The coverage table is complete, and its tests are there."""

import pytest

from contract_tests import PACKAGE
from contract_tests.coverage.facts import CoveredFact, against_sheet, problems, read_table
from contract_tests.coverage.reference import read_facts, sheet_of
from contract_tests.options import SURFACES

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
    ],
    ids=["gone", "none", "only observes", "another section", "excuse"],
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
