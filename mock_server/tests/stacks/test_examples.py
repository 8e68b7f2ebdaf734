"""The examples in fixtures/examples do what they say, in each language, each in its own account."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.needed import needed
from mock_server.tests.sdk import test_sdk

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "fixtures" / "examples"
# The program that is needed, the command, and what it prints at its end.
RUNS = {
    "tams_test.go": ("go", ["go", "test", "tams_test.go"], "ok"),
    "TamsExample.java": ("javac", ["java", "TamsExample.java"], "2 tests passed"),
    "tams.php": ("php", ["php", "tams.php"], "ok: an overloaded service answers the next time"),
    "tams.test.mjs": ("node", ["node", "--test"], "# pass 2"),
}


def test_every_example_is_run():
    assert sorted(RUNS) == sorted(path.name for path in EXAMPLES.iterdir())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    state = tmp_path_factory.mktemp("state")
    with serve_in_thread(Settings(port=0, tls=True, tls_port=0, state_dir=state)) as server:
        yield server


@pytest.mark.parametrize("example", RUNS)
def test_an_example_passes_against_the_mock(example, server, tmp_path):
    program, command, end = RUNS[example]
    needed(program)
    shutil.copy(EXAMPLES / example, tmp_path)
    if example.endswith(".mjs"):
        if reason := test_sdk.missing():
            assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), reason
            pytest.skip(reason)
        (tmp_path / "node_modules").symlink_to(Path(test_sdk.__file__).parent / "node_modules")
    own = {
        "TAMS_MOCK_URL": server.url,
        "TAMS_MOCK_TLS_URL": str(server.tls_url),
        "NODE_EXTRA_CA_CERTS": str(server.ca_file),
    }
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert end in done.stdout
    assert not done.stderr
