"""The package, as far as a test can read it; `scripts/package` builds and tries it."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from mock_server import __version__
from scripts._package.release import provenance

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))


def pinned(lock: str) -> set[str]:
    """Return the packages of a lock file as name==version."""
    return set(re.findall(r"^[\w.-]+==[\w.]+", (ROOT / lock).read_text("utf-8"), re.MULTILINE))


def test_the_lowest_versions_are_what_the_contract_suite_runs_with():
    project = PROJECT["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    named = "\n".join(each for one in lists for each in one)
    tested = dict(each.split("==") for each in pinned("requirements-lowest.lock"))

    bounds = re.findall(r"^([\w-]+)>=([\w.]+)", named, re.MULTILINE)
    assert len(bounds) > 20
    for name, bound in bounds:  # a bound of 1.2 means 1.2.0
        assert re.fullmatch(rf"{re.escape(bound)}(\.0)*", tested[name]), name


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_have_hashes_and_no_addresses(lock):
    text = (ROOT / lock).read_text("utf-8")

    assert "://" not in text
    assert len(pinned(lock)) <= text.count("--hash=sha256:")


@pytest.mark.parametrize(("small", "large"), [("base", ""), ("", "-dev")])
def test_a_small_lock_file_has_the_versions_of_the_large_one(small, large):
    files = [f"requirements{'-' * bool(small)}{small}.lock", f"requirements{large}.lock"]

    assert pinned(files[0]) <= pinned(files[1])


def test_the_version_is_written_once():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "mock_server/__init__.py"
    assert __version__ not in (ROOT / "pyproject.toml").read_text("utf-8").split('"')


def test_the_provenance_names_what_was_made_and_from_what(tmp_path):
    file = tmp_path / "a.whl"
    file.write_bytes(b"abc")
    statement = provenance([file], "0" * 40)
    definition = statement["predicate"]["buildDefinition"]

    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [
        {"name": "a.whl", "digest": {"sha256": hashlib.sha256(b"abc").hexdigest()}}
    ]
    assert definition["resolvedDependencies"][0]["digest"] == {"gitCommit": "0" * 40}
    assert {each["uri"] for each in definition["resolvedDependencies"][1:]} == {
        "file:requirements-build.lock", "file:requirements-base.lock", "file:requirements.lock"
    }  # fmt: skip
