"""The sample project, as somebody who has it in a folder of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mock_server.serving import serving
from mock_server.tests.house.pasting import ROOT, blocks
from mock_server.tests.needed import needed

PROJECT = ROOT / "fixtures" / "sample_project"


def run(folder: Path, *command: str, **environment: str) -> str:
    """Return what a command prints in a copy of a part of the project."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ
        | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        | environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT / request.param, tmp_path / request.param))


@pytest.mark.parametrize("copy", ["python"], indirect=True)
def test_the_python_tests_pass_with_workers(copy: Path):
    plugins = ("-p", "xdist", "-p", "anyio", "-p", "mock_server.pytest_plugin")
    shown = run(copy, "pytest", "-q", *plugins, "-n", "2", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    assert "10 passed" in shown
    conftest = (copy / "conftest.py").read_text("utf-8")
    assert len(list(filter(None, conftest.splitlines()))) == 2


@pytest.mark.parametrize("copy", ["node"], indirect=True)
@pytest.mark.parametrize("runs_already", [False, True])
def test_the_node_tests_pass(copy: Path, runs_already):
    node = needed("node")
    if runs_already:
        with serving(strict=True) as server:
            shown = run(copy, node, "--test", TAMS_MOCK_URL=server.url)
            assert [each["id"] for each in server.client.accounts()] == ["default"]
    else:
        shown = run(copy, node, "--test")

    assert "# pass 6" in shown
    assert "# fail 0" in shown


def test_the_readme_shows_a_test_of_it():
    (shown,) = blocks("README.md", "python")

    assert shown in (PROJECT / "python" / "test_shop.py").read_text("utf-8")
