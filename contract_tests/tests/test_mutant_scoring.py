"""The suite notices every mutant written by hand, and a sample of the generated ones."""

import re
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.mutants.catalogue import MUTANTS, read_noticed
from contract_tests.mutants.generated.running import score_known
from contract_tests.mutants.generated.scores import chosen, read_scores
from contract_tests.mutants.harness import as_toml
from contract_tests.mutants.scoring import in_parallel, judge, score
from contract_tests.report.shape import TestResult
from contract_tests.tests.long import long

SHARES = 3
SAMPLE, SEED = 400, 14  # of generated mutants


def a_result(outcome, message="", test="tams/test_jobs.py::test_a_fact"):
    return TestResult(test, "tams", "test_a_fact", [], outcome, message=message)


def a_mutant(clue="queueRank"):
    mutant = next(each for each in MUTANTS if each.name == "rank-as-number")
    return replace(mutant, clue=clue)


# Verdicts.


def test_a_failure_that_names_the_mutant_counts():
    verdict = judge(a_mutant(), [a_result("passed"), a_result("failed", "queueRank is 3")])

    assert verdict.good


def test_a_failure_in_other_words_does_not_count():
    verdict = judge(a_mutant(), [a_result("failed", "something else")])

    assert not verdict.good
    assert verdict.unnamed == ("tams/test_jobs.py::test_a_fact",)


def test_an_error_of_the_suite_does_not_count():
    verdict = judge(a_mutant(), [a_result("error", "queueRank")])

    assert not verdict.good
    assert verdict.broken == ("tams/test_jobs.py::test_a_fact",)


def test_a_mutant_without_a_test_is_not_noticed():
    assert not judge(a_mutant(), []).good


WORDS = st.text("a\"\\\n'é€")


@given(
    st.dictionaries(st.text("abc_", min_size=1), WORDS | st.integers(0, 9) | st.booleans()),
    st.dictionaries(st.text("xyz_", min_size=1), WORDS),
)
def test_settings_are_written_as_toml(plain, table):
    import tomllib

    assert tomllib.loads(as_toml({**plain, "table": table})) == {**plain, "table": table}


# The suite against mutants.


@long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", range(SHARES))
def test_every_mutant_is_noticed_by_a_failure_that_names_it(share, record_testsuite_property):
    names = [mutant.name for mutant in MUTANTS[share::SHARES]]

    verdicts = list(in_parallel(partial(score, read_noticed()), names, 1))

    good = [verdict.name for verdict in verdicts if verdict.good]
    record_testsuite_property(f"mutants noticed, share {share}", f"{len(good)} of {len(names)}")
    print(f"mutants noticed: {len(good)} of {len(names)}")
    assert sorted(set(names) - set(good)) == []


@long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", range(SHARES))
def test_generated_mutants_are_noticed_by_the_tests_that_noticed_them(
    share, record_testsuite_property
):
    sample = [made.name for made in chosen(re.compile(".*"), SAMPLE, SEED)]
    names = [name for name in sample if name not in read_scores().missed][share::SHARES]

    missed = {name: why for name, why in in_parallel(score_known, names, 1) if why}

    words = f"{len(names) - len(missed)} of {len(names)}"
    record_testsuite_property(f"generated mutants noticed, share {share}", words)
    print(f"generated mutants noticed: {words}")
    assert missed == {}
