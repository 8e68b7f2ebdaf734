"""HTTP clients of several languages make the same calls, and none of them loses a body.

Each makes two calls on one connection, one that waits for `100 Continue`, and an upload.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from mock_server.core.accounts import LimitMode
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.web.pictures import Recipe, render

HERE = Path(__file__).parent
ORDER = {
    "stages": [
        {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": 1, "count": 1}},
        {
            "type": "DIFFUSION",
            "diffusion": {
                "width": 512,
                "height": 512,
                "steps": 15,
                "sampler": "Euler a",
                "sdVae": "Automatic",
                "sdModel": "600423083519508503",
                "prompts": [{"text": "a lighthouse, 灯塔"}],
            },
        },
    ]
}

# What a client is called here: the programs that it needs, and its command.
CLIENTS = {
    "the JDK's HttpClient": (["java", "javac"], ["java", "Calls.java"]),
    "curl --http2": (["curl"], ["sh", "calls.sh"]),
    "undici": (["node"], ["node", "calls.mjs"]),
    "Python's http.client": ([], [sys.executable, "calls.py"]),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    with serve_in_thread(Settings(port=0, state_dir=folder, rate_limit=LimitMode.OFF)) as server:
        yield server


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_the_answers_that_all_clients_get(server, client, tmp_path):
    programs, command = CLIENTS[client]
    if missing := [program for program in programs if shutil.which(program) is None]:
        reason = f"{' and '.join(missing)} is not installed, so {client} is not tested"
        assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), reason
        pytest.skip(reason)
    picture = tmp_path / "upload.png"
    picture.write_bytes(render(Recipe(f"uploaded with {client}", width=64, height=64)))
    order, token = json.dumps(ORDER, ensure_ascii=False), server.account["accessToken"]
    finished = subprocess.run(
        [*command, server.url, token, order, str(picture)],
        cwd=HERE,
        env={**os.environ, "JAVA_TOOL_OPTIONS": "-Dfile.encoding=UTF-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == ['200 {"credits":0.6}'] * 3 + ["200 uploaded"]
    assert newest_upload(server.url) == picture.read_bytes()


def newest_upload(url: str) -> bytes:
    """Return the newest upload, as it arrived."""
    with httpx.Client(base_url=f"{url}/_mock", trust_env=False) as client:
        newest = client.get("/requests", params={"method": "PUT"}).json()["requests"][0]
        body = client.get(f"/requests/{newest['id']}").json()["body"]
    return base64.b64decode(body["base64"])
