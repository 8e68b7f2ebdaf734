"""The help of the command needs click alone, wherever it is asked for."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from contract_tests.cli import EXTRA, tams_contract
from contract_tests.tests.command_runs import ROOT, run_in

COMMANDS = sorted(tams_contract.commands)
HELP = [["--help"], *([command, "--help"] for command in COMMANDS)]
# What a project under test may have in its folder.
MODULES = ("pytest", "click", "httpx", "typing", "tempfile", "random", "json", "conftest")
PYTEST_FILES = {
    "pytest.ini": "[pytest]\naddopts = --no-such-option\n",
    "pyproject.toml": "[tool.pytest]\naddopts = ['--no-such-option']\n",
}


@pytest.fixture
def with_click_alone(tmp_path):
    """Return a function that runs the command where no package but click is installed."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "click").symlink_to(Path(click.__file__).parent)
    before = f"sys.path += {[str(ROOT), str(packages)]!r}"

    def run(*words):
        return run_in(tmp_path, *words, before=before, python=("-S", "-P"))

    return run


@pytest.mark.parametrize("words", HELP)
def test_help_needs_no_package_but_click(with_click_alone, words):
    done = with_click_alone(*words)

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: tams-contract")


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (["--no-such-flag"], "No such option '--no-such-flag'", 4),
        (["no-such-command"], "No such command 'no-such-command'", 4),
        (["--profile", "dear"], "'dear' is not one of", 4),
        (["drift"], "Missing argument 'BEFORE'", 2),
        (["--target", "real", "doctor"], "follow it: tams-contract doctor --target", 4),
    ],
)
def test_wrong_use_is_said_without_pytest(with_click_alone, words, said, status):
    done = with_click_alone(*words)

    assert said in done.stdout
    assert done.returncode == status


@pytest.mark.parametrize("words", [[], ["--plan"]])
def test_a_run_without_pytest_says_in_one_sentence_what_to_install(with_click_alone, words):
    done = with_click_alone(*words)

    assert done.stdout.count("\n") == 1
    assert "is not installed" in done.stdout
    assert "pip install 'tams-mock[contract]'" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("path", [None, ".", "", "no/such/folder:."])
@pytest.mark.parametrize("words", HELP)
def test_help_does_not_care_what_lies_in_the_folder(tmp_path, words, path):
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('of the project under test')")
    for name, text in PYTEST_FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "mock_server").mkdir()
    environment = {"PYTEST_ADDOPTS": "--no-such-option"}
    environment |= {} if path is None else {"PYTHONPATH": path}

    done = run_in(
        tmp_path, *words, before=f"sys.path[:0] = ['', {str(ROOT)!r}]", python=(), **environment
    )

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: tams-contract")


def test_the_packages_of_a_run_are_those_of_the_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = project["project"]["optional-dependencies"]["contract"]
    names = {re.split("[^\\w-]", line)[0].replace("-", "_") for line in extra}

    assert names == {name.replace("xdist", "pytest_xdist") for name in EXTRA}
