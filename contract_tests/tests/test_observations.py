"""Tests that only record what a target does are marked, so that they never count as passed."""

import ast

import pytest

from contract_tests import PACKAGE
from contract_tests.options import SURFACES

FILES = sorted(path for surface in SURFACES for path in (PACKAGE / surface).glob("test_*.py"))
# Functions that reject some orderly answers. Other functions accept all of them.
JUDGES = {
    "accepted", "check_workflow", "create_session", "detected", "estimate", "expect", "expect_data",
    "expect_forward", "expect_lifetime", "expect_moment", "expect_nothing", "expect_one_of",
    "expect_own_job", "expect_same_end", "expect_status", "expect_success", "expect_whole",
    "mismatch", "only", "plain_success", "refuse_all", "refused", "rejected", "repeated",
    "the_session", "wait_for", "words_for",
}  # fmt: skip


def contract_tests_in(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def called(node):
    """Return the name of what a node calls."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def only_rules_out_server_errors(node):
    return isinstance(node, ast.Assert) and ast.unparse(node.test).endswith(".status < 500")


def judges(test):
    """Say whether a test has an expectation that an orderly answer may fail."""
    return any(
        (isinstance(node, ast.Assert) and not only_rules_out_server_errors(node))
        or (isinstance(node, ast.Raise) and called(node.exc) == "Unmet")
        or called(node) in JUDGES
        for node in ast.walk(test)
    )


def is_marked(test):
    return any("observes" in ast.unparse(decorator) for decorator in test.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_test_without_expectations_is_marked_as_observing(path):
    unmarked = [
        test.name
        for test in contract_tests_in(path)
        if "observe" in [argument.arg for argument in test.args.args]
        and not judges(test)
        and not is_marked(test)
    ]

    assert unmarked == []
