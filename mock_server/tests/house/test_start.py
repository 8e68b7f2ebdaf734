"""What a start does not wait for."""

import asyncio
import subprocess
import sys

import httpx
import pytest

from mock_server.app import App
from mock_server.settings import Settings

START = """
import sys
from mock_server import cli
cli._skip_plugins()
from mock_server.commands import serve
from mock_server import serving
from mock_server.app import App
from mock_server.transport.ports import listen
App(serve.Settings())
with listen("127.0.0.1", 0, "--port"):
    pass
print(*sys.modules)
"""


def test_a_start_loads_nothing_that_only_some_calls_need():
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert "mock_server.tams.surface" in loaded
    spared = {
        "mock_server.workshop.surface",
        "PIL",
        "anyio",
        "av",
        "cryptography",
        "difflib",
        "encodings.idna",
        "faker",
        "html",
        "importlib.metadata",
        "jinja2",
        "shlex",
        "yaml",
    }
    assert loaded.isdisjoint(spared)


@pytest.mark.parametrize(("path", "opens"), [("/v1/jobs/1", False), ("/scc/unheard-of", True)])
def test_the_workshop_is_opened_by_a_call_that_is_not_for_tams(path, opens):
    app = App(Settings())

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mock") as http:
            return await http.get(path)

    assert asyncio.run(call()).status_code in (401, 404)
    assert ("surface" in vars(app.vendors["workshop"])) is opens
