"""Names say one thing: each class once, bounds alike, and no vendor's word in the core."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = [
    path
    for folder in ("mock_server", "contract_tests", "scripts")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "tests" not in path.relative_to(ROOT / folder).parts and not path.name.startswith("test_")
]

VENDOR_WORDS = (
    "tams(?!-mock)", "tensor", "workshop", "sd_webui", "comfy", "gadget", "stage_type", "appkey",
    "session", "gallery", "token_history", "negtive", "civitia",
)  # fmt: skip


def test_a_class_name_means_one_thing_in_the_whole_project():
    places = defaultdict(list)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")

    assert {name: found for name, found in places.items() if len(found) > 1} == {}
    assert len(places) > 300


def test_bounds_have_one_spelling():
    bound = re.compile(r"^_?(?:MOST|LONGEST|LARGEST|FEWEST)_|_(?:END|MOST|LONGEST|AT_MOST)$")
    found = [
        f"{path.relative_to(ROOT)}: {target.id}"
        for path in SOURCES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and bound.search(target.id) and target.id.isupper()
    ]

    assert found == []


@pytest.mark.parametrize("word", VENDOR_WORDS)
def test_no_vendors_word_is_in_the_core(word: str):
    files = (ROOT / "mock_server" / "core").rglob("*.py")
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text("utf-8").lower().splitlines(), 1)
        if re.search(rf"(?<![a-z]){word}", line)
    ]

    assert found == []
