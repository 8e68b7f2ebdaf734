"""Runs of the suite inside a test, with their own contract tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract_tests.answers import wrapped

HEAD = """
import pytest
from contract_tests.markers import *
from contract_tests.outcomes import OnlyObserved, Unsupported
from contract_tests.tams.orders import a_small_order
"""


class NestedSuite:
    """A folder with contract tests, which run in another process against a target."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        for name in ("TAMS_APP_ID", "TAMS_PRIVATE_KEY", "TAMS_ENDPOINT", "WORKSHOP_APP_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TAMS_ACCESS_TOKEN", "a-token-for-the-fake")
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytester.makefile(".ini", pytest="[pytest]\ncontract_roots = suite\n")

    @property
    def folder(self) -> Path:
        return self._pytester.path

    def write(self, body: str) -> None:
        path = self.folder / "suite" / "tams" / "test_it.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + body, encoding="utf-8")

    def run(self, url: str, *arguments: str) -> pytest.RunResult:
        return self._pytester.runpytest_subprocess(
            "-p", "contract_tests.plugin", "-p", "no:cacheprovider", "--import-mode=importlib",
            f"--target={url}", "--contract-json=report.json", *arguments, "suite",
        )  # fmt: skip

    def report(self) -> Any:
        return wrapped(json.loads((self.folder / "report.json").read_text(encoding="utf-8")))

    def outcomes(self) -> dict[str, str]:
        return {test["name"]: test["outcome"] for test in self.report()["tests"]}
