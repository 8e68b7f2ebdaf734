"""Five hundred mixed requests give the same bytes three times, once under another Python."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mock_server.incidents.replay import read_incident, replay
from mock_server.tests.incidents.mixed import mixed_incident

ROOT = Path(__file__).resolve().parents[3]
# An environment with another Python and the same packages, which .ci/run makes.
OTHER = ROOT / ".venv-other" / "bin" / "python"
COUNT = 500


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("incident") / "mixed.json"
    path.write_text(json.dumps(mixed_incident(COUNT)))
    return path


def test_a_mixed_incident_is_the_same_again_and_again(file):
    incident = read_incident(file.read_bytes())
    operations = {getattr(step, "operation", None) for step in incident.steps}
    assert {"POST /v1/jobs", "POST /scc/sd_txt2img", "POST /_mock/clock/advance"} <= operations

    for _ in "12":
        report = asyncio.run(replay(incident))
        assert [str(each) for each in report.differences] == []
        assert report.same >= COUNT
        assert report.notes == []


def test_it_is_the_same_under_another_python(file):
    if not OTHER.exists():
        reason = (
            f"there is no {OTHER.relative_to(ROOT)}: replays under another Python are not tested"
        )
        assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), reason
        pytest.skip(reason)
    told = "import sys; print(sys.version_info[:2])"
    version = subprocess.check_output([OTHER, "-c", told], text=True).strip()
    assert version != str(sys.version_info[:2])

    ran = subprocess.run(
        [OTHER, "-m", "mock_server", "replay", file, "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["same"] >= COUNT
