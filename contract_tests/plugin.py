"""The pytest plugin of the suite: options, markers, and the plugins of each process.

With pytest-xdist, workers run the tests and the main process writes the reports. Without it, one
process does both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract_tests.credentials import BadSettings
from contract_tests.fixtures import (
    RUN,
    clock,
    fuzz,
    observe,
    receiver,
    resources,
    run,
    tams,
    target,
    workshop,
)
from contract_tests.markers import DESCRIPTIONS
from contract_tests.options import BY_SURFACE, add_options, read_flags
from contract_tests.outcomes import SuiteError
from contract_tests.plan import CostPlanner
from contract_tests.progress import ProgressPlugin
from contract_tests.report_plugin import ReportPlugin
from contract_tests.run import Run
from contract_tests.run_folders import last_folder, new_folder
from contract_tests.runner_plugin import RunnerPlugin, report_status
from contract_tests.settings import RunSettings, read_settings
from contract_tests.suite import surface_in, surface_of
from contract_tests.targets import TARGET_DOWN, TargetDown, check_target, run_limits

__all__ = ["clock", "fuzz", "observe", "receiver", "resources", "run", "tams", "target", "workshop"]

FOLDER = pytest.StashKey[Path]()
WORKER_INPUT = "contract_folder"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run."""
    add_options(parser)
    parser.addini("contract_progress", "show progress in place of letters", "bool", default=False)
    parser.addini("contract_roots", "more folders with tams/ and workshop/", "args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings and register the plugins; wrong settings end the run here."""
    for words in DESCRIPTIONS:
        config.addinivalue_line("markers", words)
    try:
        settings = read_settings(read_flags(config))
        folder = _folder(config, settings)
        is_worker = hasattr(config, "workerinput")
        if not is_worker:
            _check(config, settings)
        config.stash[FOLDER] = folder
        config.stash[RUN] = run = Run(settings, folder, _worker(config))
        config.pluginmanager.register(RunnerPlugin(run), "contract-runner")
        if settings.flags.plan:
            config.pluginmanager.register(CostPlanner(settings), "contract-planner")
        elif not is_worker:
            config.pluginmanager.register(ReportPlugin(settings, folder), "contract-report")
            if config.getini("contract_progress"):
                progress = ProgressPlugin(config, settings, folder)
                config.pluginmanager.register(progress, "contract-progress")
    except (BadSettings, SuiteError) as error:
        raise pytest.UsageError(str(error)) from None
    except TargetDown as error:
        pytest.exit(str(error), returncode=TARGET_DOWN)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the folder of the run to a worker of pytest-xdist."""
    node.workerinput[WORKER_INPUT] = str(node.config.stash[FOLDER])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each surface one process: calls to one surface have one rate limit."""
    if config.getoption("dist") != BY_SURFACE:
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = surface_in
    return scheduling


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Disable the timeout of whole tests in real time; waiting has its own limits."""
    if config.stash[RUN].settings.flags.target != "mock" and config.pluginmanager.hasplugin(
        "timeout"
    ):
        for item in items:
            if surface_of(item) and item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(0))


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Show the outcomes that pytest does not know on the terminal."""
    return report_status(report)


def _check(config: pytest.Config, settings: RunSettings) -> None:
    if settings.flags.plan:
        if config.getoption("numprocesses", None):
            raise BadSettings("--plan runs nothing: remove -n")
    elif not config.option.collectonly:
        run_limits(settings, free_of_cost=check_target(settings))


def _folder(config: pytest.Config, settings: RunSettings) -> Path:
    given = getattr(config, "workerinput", {}).get(WORKER_INPUT)
    if given is not None:
        return Path(given)
    if settings.flags.resume:
        return last_folder(settings.state_dir, settings.flags.target)
    return new_folder(settings.state_dir)


def _worker(config: pytest.Config) -> str:
    return str(getattr(config, "workerinput", {}).get("workerid", "main"))
