"""One class name means one thing."""

import ast
from collections import Counter

from contract_tests import PACKAGE

TESTS = PACKAGE / "tests"


def test_no_class_name_is_defined_twice():
    counts = Counter(
        node.name
        for path in PACKAGE.rglob("*.py")
        if TESTS not in path.parents and not path.name.startswith("test_")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )

    assert [name for name, count in counts.items() if count > 1] == []
