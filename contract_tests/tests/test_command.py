"""The command in folders and environments of projects under test."""

import os

import pytest

from contract_tests import cli
from contract_tests.options import BY_SURFACE
from contract_tests.tests.command_runs import ROOT, run_in

ONE_TEST = ("-k", "test_an_unknown_job", "--only", "tams")


def test_the_project_under_test_does_not_change_the_run(tmp_path):
    package = tmp_path / "mock_server"
    package.mkdir()
    for name in ("__init__.py", "__main__.py"):
        (package / name).write_text("raise SystemExit('this is the project under test')")

    done = run_in(
        tmp_path,
        *ONE_TEST,
        PYTHONPATH=".",
        PYTEST_ADDOPTS="--no-such-option",
        PYTEST_PLUGINS="no.such.plugin",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )

    assert "1 passed" in done.stdout
    assert done.returncode == 0


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()

    done = run_in(tmp_path, *ONE_TEST, "--state-dir", "file")

    assert done.stdout == (
        "tams-contract: files of the run cannot be written to file: Not a directory;"
        " choose another folder with --state-dir\n"
    )
    assert done.returncode == 1


@pytest.mark.parametrize("flag", ["--junit", *(f"--{name}" for name in cli.REPORTS)])
@pytest.mark.parametrize("place", ["file/report", "."])
def test_a_report_that_cannot_be_written_is_one_line_before_the_run(tmp_path, flag, place):
    (tmp_path / "file").touch()

    done = run_in(tmp_path, *ONE_TEST, flag, place)

    assert done.stdout.startswith(f"tams-contract: {flag} {place} cannot be written: ")
    assert done.stdout.count("\n") == 1
    assert done.returncode == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the working folder of a process")
@pytest.mark.parametrize(
    ("words", "said"), [(["--help"], "Usage:"), (ONE_TEST, "change to another one\n")]
)
def test_the_working_folder_may_be_gone(tmp_path, words, said):
    folder = tmp_path / "gone"
    folder.mkdir()

    done = run_in(
        folder, *words, before=f"sys.path.insert(0, {str(ROOT)!r}); os.rmdir({str(folder)!r})"
    )

    assert said in done.stdout
    assert "Traceback" not in done.stdout


def test_a_mock_that_does_not_start_says_why(tmp_path):
    done = run_in(tmp_path, *ONE_TEST, TAMS_MOCK_PROT="1")

    assert "TAMS_MOCK_PROT in the environment is not a setting" in done.stdout
    assert "Fatal Python error" not in done.stdout


@pytest.mark.parametrize(
    ("flags", "wanted", "words"),
    [
        ({"target": None, "only": None}, None, ["-n", "3", "--dist", "worksteal"]),
        ({"target": "mock", "only": "tams"}, None, ["-n", "3", "--dist", "worksteal"]),
        ({"target": "mock", "only": None}, 1, []),
        ({"target": "real", "only": None}, None, ["-n", "2", "--dist", BY_SURFACE]),
        ({"target": "http://t", "only": "tams"}, None, []),
        ({"target": "real", "only": None}, 5, ["-n", "5", "--dist", BY_SURFACE]),
    ],
)
def test_a_run_uses_as_many_processes_as_are_useful(monkeypatch, flags, wanted, words):
    monkeypatch.setattr(cli, "_cores", lambda: 3)

    assert cli.parallel_words(wanted, flags) == words
