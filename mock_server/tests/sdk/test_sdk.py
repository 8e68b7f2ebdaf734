"""The vendor's published JavaScript client, unchanged, over https against a running mock.

`npm ci --prefix mock_server/tests/sdk` brings it; .ci/run does that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from dirty_equals import IsStr

from mock_server.core.accounts import LimitMode, Progression
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.web.pictures import Recipe, render

HERE = Path(__file__).parent


def missing() -> str:
    """Return what the test needs and this place does not have, or nothing."""
    if shutil.which("node") is None:
        return "Node.js is not installed"
    if not (HERE / "node_modules" / "tams-sdk").is_dir():
        return "the client is not installed: npm ci --prefix mock_server/tests/sdk"
    return ""


def test_the_vendors_client_walks_through_upload_job_picture_cancel_model_and_error(tmp_path):
    if reason := missing():
        assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), reason
        pytest.skip(reason)
    picture = tmp_path / "upload.png"
    picture.write_bytes(render(Recipe("an uploaded picture", width=64, height=64)))
    settings = Settings(
        port=0,
        tls=True,
        tls_port=0,
        state_dir=tmp_path / "state",
        progress=Progression.POLLS,
        rate_limit=LimitMode.OFF,
    )
    with serve_in_thread(settings) as server:
        host = str(server.tls_url).removeprefix("https://")
        app_id = server.account["appId"]
        done = subprocess.run(
            ["node", "walk.mjs", host, app_id, str(server.private_key_file), str(picture)],
            cwd=HERE,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(server.ca_file)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["created"] == {"id": IsStr(regex=r"\d{18}"), "status": "CREATED", "credits": 0.6}
    assert seen["statuses"] == ["WAITING", "WAITING", "RUNNING", "SUCCESS"]
    image = seen["job"]["successInfo"]["images"][0]
    assert image["url"].startswith(f"https://{host}/")
    assert image["meta"] == {"image": {"width": 512, "height": 512}}
    assert seen["picture"]["type"] == "image/png"
    assert seen["picture"]["beginning"] == "89504e470d0a1a0a"
    assert seen["canceled"] == {"jobId": IsStr(regex=r"\d{18}")}
    assert seen["afterCancel"] == "CANCELED"
    assert seen["model"]["modelType"] == "CHECKPOINT"
    assert seen["error"]["message"] == "job not found"
    assert seen["error"]["body"]["code"] == 5
