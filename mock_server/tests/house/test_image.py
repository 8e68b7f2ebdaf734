"""The Dockerfile, as far as a test can read it; `scripts/image` builds and runs it."""

import re
import subprocess
from pathlib import Path

import pytest

from mock_server.settings import all_settings
from mock_server.tests.needed import needed
from scripts._image import dockerfile
from scripts._image.build import Built
from scripts._image.checks import problems_of_files, size_of

ROOT = Path(__file__).parents[3]
STAGES = dockerfile.read(ROOT / "Dockerfile")


def steps(target: str, name: str) -> list[dockerfile.Step]:
    """Return the steps of this name that make a target, those of the stages below it first."""
    stage = STAGES.get(target)
    if stage is None:
        return []
    return [*steps(stage.image, name), *(step for step in stage.steps if step.name == name)]


@pytest.mark.parametrize("target", ["base", "full"])
def test_the_image_runs_the_mock_without_rights(target):
    assert [step.rest for step in steps(target, "USER")] == ["10001:10001"]
    assert steps(target, "ENTRYPOINT")[-1].words() == ["tams-mock"]
    assert steps(target, "HEALTHCHECK")[-1].rest == 'CMD ["tams-mock", "health"]'
    assert "base" in STAGES
    assert [*STAGES][-1] == "base"


def test_the_image_of_python_is_pinned_and_the_same_for_all_stages():
    images = {stage.image for stage in STAGES.values()} - STAGES.keys()

    assert len(images) == 1
    assert re.fullmatch(r"python:[\d.]+-slim-\w+@sha256:[0-9a-f]{64}", images.pop())


def test_what_is_copied_is_in_the_build_context():
    present = dockerfile.context(ROOT)
    for stage in STAGES.values():
        for step in stage.steps:
            if step.name != "COPY" or "from" in step.flags:
                continue
            for source in step.words()[:-1]:
                assert any(f"{path}/".startswith(f"{source}/") for path in present), source


def test_the_build_context_has_no_tests_and_nothing_that_was_made():
    present = dockerfile.context(ROOT)

    assert "mock_server/app.py" in present
    assert "contract_tests/__main__.py" in present
    wrong = re.compile(r"mock_server/tests/|contract_tests/tests/|__pycache__|\.venv|\.git/")
    assert [path for path in present if wrong.match(path) or "__pycache__" in path] == []


def test_the_variables_of_the_image_are_settings():
    names = {each.environment for each in all_settings()}
    pairs = [pair for step in steps("base", "ENV") for pair in step.words()]
    found = {pair.partition("=")[0] for pair in pairs if pair.startswith("TAMS_MOCK_")}

    assert found
    assert found <= names


def test_a_line_goes_on_and_comments_are_left_out(tmp_path):
    (tmp_path / "Dockerfile").write_text(
        "ARG OF=a:1\nFROM ${OF} AS x\nRUN --mount=type=cache,target=/c one \\\n"
        "# why\n    two\nCOPY --from=y /a /b\n"
    )
    stage = dockerfile.read(tmp_path / "Dockerfile")["x"]

    assert stage.image == "a:1"
    assert [(step.name, step.flags, step.rest) for step in stage.steps] == [
        ("RUN", {"mount": "type=cache,target=/c"}, "one     two"),
        ("COPY", {"from": "y"}, "/a /b"),
    ]


def test_files_that_should_not_be_in_an_image_are_named(tmp_path):
    for name in ("usr/bin/gcc", "usr/bin/su", "root/.cache/pip/x", "etc/open", "usr/bin/fine"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")
        path.chmod(0o755)
    (tmp_path / "usr/bin/su").chmod(0o4755)
    (tmp_path / "etc/open").chmod(0o666)

    assert sorted(problems_of_files(Built(tmp_path, (), {}))) == [
        "/etc/open can be written by all",
        "/root/.cache/pip/x is a cache",
        "/usr/bin/gcc is left",
        "/usr/bin/su raises rights",
    ]
    assert size_of(tmp_path) == 20


def test_shell_scripts_have_no_known_mistakes():
    scripts = [
        path
        for path in (*(ROOT / "scripts").iterdir(), ROOT / ".ci/run")
        if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash")
    ]
    assert scripts
    command = needed("shellcheck")
    done = subprocess.run(
        [command, "--severity=warning", "--external-sources", "--source-path=SCRIPTDIR", *scripts],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stdout == ""
