"""What each profile of the suite would run and cost at a target. Nothing is sent."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from contract_tests.doctor.findings import Finding, not_checked, ok, problem
from contract_tests.options import RunProfile
from contract_tests.settings import RunSettings

if TYPE_CHECKING:
    import pytest


class CollectedTests:
    """A pytest plugin that keeps the tests which were collected."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep the tests."""
        self.items = session.items


def cost_findings(settings: RunSettings) -> Iterator[Finding]:
    """Yield what each profile would run and cost."""
    from contract_tests.cli import EXTRA, run_suite

    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        yield problem(
            "run", "packages", f"the suite needs {', '.join(missing)}, which is not installed",
            "pip install 'tams-mock[contract]'",
        )  # fmt: skip
        return
    collected, output = CollectedTests(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = run_suite(["--plan", "-p", "no:cacheprovider"], [collected])
    if status:
        yield not_checked("run", "cost", f"the tests cannot be collected: pytest ended {status}")
        return
    from contract_tests.evidence import FILE, read_evidence
    from contract_tests.plan import plan_items, total_of

    evidence = read_evidence(settings.flags.evidence or FILE)
    for profile in RunProfile:
        plan = plan_items(collected.items, replace(settings, profile=profile), evidence)
        yield ok("run", profile.value, total_of(plan))
