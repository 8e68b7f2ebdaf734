"""The Workshop's published Python client, unchanged, sync and async, against a running mock.

`.ci/run` brings it, with two generations of its HTTP library: the older one puts spaces into
bodies, so that the digest that the client signs does not fit what it sends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dirty_equals import IsPositive

from mock_server.core.accounts import LimitMode, Progression
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.web.pictures import Recipe, render
from mock_server.workshop.settings import WorkshopSettings

HERE = Path(__file__).parent / "speedpix"


def walk(generation: str, way: str, tmp_path: Path, **workshop: Any) -> dict[str, Any]:
    """Run the client's walk against a mock of its own; return what it saw."""
    installed = HERE / generation
    if not (installed / "speedpix").is_dir():
        reason = f"the client is not installed in {installed.name}; .ci/run shows how"
        assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), reason
        pytest.skip(reason)
    picture = tmp_path / "in.png"
    picture.write_bytes(render(Recipe("an uploaded picture", width=64, height=64)))
    settings = Settings(
        port=0,
        progress=Progression.POLLS,
        rate_limit=LimitMode.OFF,
        workshop=WorkshopSettings(**workshop),
    )
    with serve_in_thread(settings) as server:
        account = server.account
        done = subprocess.run(
            [
                sys.executable,
                "walk.py",
                server.url,
                account["appKey"],
                account["appSecret"],
                str(picture),
                way,
            ],
            cwd=HERE,
            env={**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize("way", ["sync", "async"])
def test_the_vendors_client_uploads_runs_a_workflow_reads_its_file_and_sees_failures(way, tmp_path):
    seen = walk("new-httpx", way, tmp_path)

    assert seen["uploaded"]["url"].startswith("http://127.0.0.1:")
    assert seen["poster"]["type"] == "image"
    assert (seen["poster"]["format"], seen["poster"]["width"]) == ("webp", 472)
    assert seen["poster_bytes"] == {"size": IsPositive, "beginning": "RIFF"}
    assert seen["first_status"] == "waiting"
    assert "never uploaded" in seen["failure"]
    assert "workflow_id" in seen["refused"]


def test_a_digest_of_other_spacing_is_taken_where_the_check_is_lax(tmp_path):
    seen = walk("old-httpx", "sync", tmp_path, content_md5="lax")

    assert seen["poster_bytes"]["beginning"] == "RIFF"


def test_a_digest_of_other_spacing_is_refused_where_the_check_is_strict(tmp_path):
    with pytest.raises(AssertionError, match="400 Bad Request"):
        walk("old-httpx", "sync", tmp_path)
