"""Writing results and reports, in the main process of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from contract_tests import wall
from contract_tests.bundle import OBSERVATIONS, transcript_members, write_bundle
from contract_tests.credentials import BadSettings
from contract_tests.evidence import FILE as EVIDENCE
from contract_tests.evidence import PassRecord, record_evidence
from contract_tests.redaction import SecretRedactor
from contract_tests.report.gathering import append_result, gather
from contract_tests.report.shape import RunReport, TestResult, read_result
from contract_tests.report.terminal import summary
from contract_tests.report.verdict import verdict
from contract_tests.run_folders import delete_old_runs
from contract_tests.runner_plugin import ATTRIBUTE
from contract_tests.settings import RunSettings
from contract_tests.targets import TARGET_DOWN

# Files made from a report: the flag, and the function that returns the text.
PAGES = {
    "html": "contract_tests.report.html:html_page",
    "badge": "contract_tests.report.badge:badge",
    "ctrf": "contract_tests.report.ctrf:ctrf",
    "summary": "contract_tests.report.markdown:markdown",
}
_ENDINGS = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


class ReportPlugin:
    """A pytest plugin for the main process. It collects the results of all processes."""

    def __init__(self, settings: RunSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._started = wall.now()
        self._results: list[TestResult] = []
        self._report: RunReport | None = None
        self._bundle: Path | None = None
        self._alone = True
        self._died: list[str] = []  # tests during which a worker crashed
        # If a page cannot be made, the run must not start.
        self._pages = {
            name: page_maker(place)
            for name, place in PAGES.items()
            if getattr(settings.flags, name) is not None
        }

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the result of a finished test at once."""
        carried = getattr(report, ATTRIBUTE, {})
        self._alone = self._alone and bool(carried)
        if report.when not in ("setup", "call", "teardown"):
            self._died.append(report.nodeid)
        if "result" in carried:
            result = read_result(json.loads(carried["result"]))
            self._results.append(result)
            append_result(self._folder, result)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the reports."""
        if not self._folder.is_dir():
            return  # no contract test has started
        flags = self._settings.flags
        if self._died:
            with (self._folder / "notes.txt").open("a", encoding="utf-8") as file:
                file.writelines(f"a process crashed during {test}\n" for test in self._died)
        self._report = report = gather(
            self._folder,
            flags.target,
            started=self._started,
            finished=wall.now(),
            complete=exitstatus in _ENDINGS,
        )
        text = json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n"
        _write(self._folder / "report.json", text)
        if flags.json is not None:
            _write(flags.json, text)
        for name, make_page in self._pages.items():
            # GitHub's file of a step has the summaries of all its commands.
            _write(getattr(flags, name), make_page(report), "a" if name == "summary" else "w")
        if flags.record_evidence is not None:
            self._record(report, flags.record_evidence)
        if report.totals["unreachable"] and not report.totals["failed"]:
            session.exitstatus = TARGET_DOWN
        elif self._alone and exitstatus == pytest.ExitCode.OK and not report.totals["passed"]:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED  # it must not look like success

    def pytest_unconfigure(self) -> None:
        """Delete the oldest runs."""
        delete_old_runs(self._settings.state_dir)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the summary."""
        if self._report is None:
            return
        terminalreporter.section("contract")
        for line in summary(self._report):
            terminalreporter.write_line(line)
        if self._bundle is not None:
            terminalreporter.write_line(f"evidence: {self._bundle}")

    def _record(self, report: RunReport, folder: Path) -> None:
        self._bundle = bundle_of(report, self._folder, folder, self._settings.secrets())
        file = self._settings.flags.evidence
        if file is None and not EVIDENCE.parent.is_dir():
            return  # the suite is installed, not cloned
        day = datetime.fromtimestamp(report.finished, UTC).date().isoformat()
        passes = [
            (result.test, PassRecord(day, result.calls, result.waited))
            for result in self._results
            if result.outcome == "passed"
        ]
        record_evidence(file or EVIDENCE, report.target.kind, passes)


def bundle_of(report: RunReport, run: Path, folder: Path, secrets: Iterable[str]) -> Path:
    """Write the bundle of a run into a folder, and return its path."""
    data = report.to_json()
    told = ("started", "finished", "complete", "target", "profile", "totals", "calls", "money")
    manifest = {"made_by": "the suite", **{name: data[name] for name in told}}
    manifest["outcome"] = verdict(report).word
    members = {
        "report.json": {**data, "folder": run.name},
        OBSERVATIONS: data["unknowns"],
        **transcript_members(run),
    }
    return write_bundle(folder, manifest, members, SecretRedactor(secrets))


def page_maker(place: str) -> Callable[[RunReport], str]:
    """Return the function that makes a page. It is imported late, because pages need more packages.

    Raises `BadSettings` if a package is missing.
    """
    module, _, name = place.partition(":")
    try:
        found: Callable[[RunReport], str] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise BadSettings(f"this report needs a package that is missing: {error}") from None
    return found


def _write(path: Path, text: str, mode: str = "w") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # What UTF-8 does not have (half of a surrogate pair in an answer) becomes a question mark.
    with path.open(mode, encoding="utf-8", errors="replace") as file:
        file.write(text)
