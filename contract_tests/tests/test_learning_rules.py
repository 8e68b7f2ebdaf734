"""Each rule for learning fits an observation that some test makes."""

import ast
from collections import defaultdict
from functools import cache
from itertools import product

import pytest

from contract_tests.learning.rules import read_rules
from contract_tests.tests.test_observations import FILES, called

FILLERS = ("1", "+1", "x")


@cache
def descriptions():
    """Return the descriptions of observations in the source, by the number of the question.

    Where one is not written out, it may be any text of its file. An open number is empty.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        values = [node.value for node in nodes if isinstance(node, ast.Constant)]
        texts = {form for value in values for form in (str(value), repr(value))}
        texts |= {ast.unparse(node) for node in nodes if isinstance(node, ast.Dict)}
        for node in nodes:
            if isinstance(node, ast.Call) and called(node) == "observe":
                number, what = node.args[0], node.args[1]
                known = str(number.value) if isinstance(number, ast.Constant) else ""
                found[known] |= set(spellings(what, {*texts, *FILLERS}))
    return found


def spellings(node, texts):
    if isinstance(node, ast.Constant):
        return [node.value]
    if not isinstance(node, ast.JoinedStr):
        return texts
    parts = [[part.value] if isinstance(part, ast.Constant) else texts for part in node.values]
    return ("".join(each) for each in product(*parts))


@pytest.mark.parametrize("rule", read_rules(), ids=lambda rule: f"{rule.setting} {rule.what}")
def test_a_rule_fits_an_observation(rule):
    known = descriptions()[rule.unknown] | descriptions()[""]

    assert any(rule.applies(rule.unknown, what) for what in known)
