"""The suite's rules for learning name settings of the mock, with values that the mock takes."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mock_server.settings import all_settings

FILE = Path(__file__).parents[3] / "contract_tests" / "data" / "learning.toml"
DATA = tomllib.loads(FILE.read_text(encoding="utf-8"))
SETTINGS = {setting.name: setting for setting in all_settings()}


@pytest.mark.parametrize("rule", DATA["rule"], ids=lambda rule: f"{rule['setting']} {rule['what']}")
def test_a_rule_names_a_setting_and_gives_it_values_that_it_may_have(rule):
    setting = SETTINGS[rule["setting"]]
    cases = [case if isinstance(case, list) else [case] for case in rule.get("cases", {}).values()]
    values = [value for case in cases for value in case]
    values += [rule[name] for name in ("unlimited",) if name in rule] + rule.get("likely", [])

    kind: Any = setting.field.annotation
    if "entry" in rule:
        values.append((rule["entry"].format(1),))

    for value in values:
        assert TypeAdapter(kind).validate_python(value) == value


def test_each_setting_for_an_open_question_has_a_rule_or_a_reason_why_not():
    learned = {rule["setting"] for rule in DATA["rule"]}
    open_questions = {name for name, setting in SETTINGS.items() if setting.unknown}

    assert set(DATA["not_learned"]) == open_questions - learned


def test_each_setting_is_learned_from_the_question_that_it_answers():
    questions = {
        name: {rule["unknown"] for rule in DATA["rule"] if rule["setting"] == name}
        for name in {rule["setting"] for rule in DATA["rule"]}
    }

    for name, unknowns in questions.items():
        assert SETTINGS[name].unknown in {*unknowns, ""}, name
