"""Only the folders of old runs are deleted."""

import pytest

from contract_tests.credentials import BadSettings
from contract_tests.run_folders import (
    MAX_RUNS,
    delete_old_runs,
    last_folder,
    make_folder,
    new_folder,
)


def a_run(state, number, target="mock"):
    folder = state / "runs" / f"20261122T0000{number:02d}-abcdef"
    make_folder(folder, target)
    return folder


def test_the_last_runs_are_kept(tmp_path):
    runs = [a_run(tmp_path, number) for number in range(MAX_RUNS + 3)]

    delete_old_runs(tmp_path)

    assert [run.is_dir() for run in runs] == [False] * 3 + [True] * MAX_RUNS


def test_a_folder_that_is_not_a_run_is_never_removed(tmp_path):
    others = [tmp_path / "runs" / f"{number:08d}T000000-abcdef" for number in range(30)]
    others += [tmp_path / "runs" / f"a{number}" for number in range(30)]
    for other in others:
        other.mkdir(parents=True)
    for number in range(MAX_RUNS + 3):
        a_run(tmp_path, number)

    delete_old_runs(tmp_path)

    assert all(other.is_dir() for other in others)


def test_making_a_folder_touches_nothing_beside_it(tmp_path):
    for number in range(MAX_RUNS + 10):
        (tmp_path / "a" / f"mine-{number}").mkdir(parents=True)

    make_folder(tmp_path / "a" / "run", "mock")

    assert len(list((tmp_path / "a").iterdir())) == MAX_RUNS + 11
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_last_run_of_a_target_is_found(tmp_path):
    wanted = a_run(tmp_path, 1, "real")
    a_run(tmp_path, 2, "mock")

    assert last_folder(tmp_path, "real") == wanted
    with pytest.raises(BadSettings, match="no run of http://x"):
        last_folder(tmp_path, "http://x")


def test_a_new_folder_is_found_again(tmp_path):
    folder = new_folder(tmp_path)
    make_folder(folder, "mock")

    assert last_folder(tmp_path, "mock") == folder
