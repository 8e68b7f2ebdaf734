"""HTTP clients of several languages make the same calls, and none of them loses a body.

Each makes two calls on one connection, one that waits for `100 Continue`, one whose length is not
known before, and uploads a picture in both ways; over http and https.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mock_server.app import create_app
from mock_server.core.accounts import LimitMode
from mock_server.serving import Server, serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.stacks.clients import CHECKS, CLIENTS, HttpClient
from mock_server.web.pictures import Recipe, render

HERE = Path(__file__).parent
PASSWORD = "changeit"  # of a file with one public certificate
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


class WitnessedApp:
    """The mock, and each request as it arrived."""

    def __init__(self, settings: Settings) -> None:
        self._app = create_app(settings)
        self.requests: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = {**scope, "headers": dict(scope.get("headers", ())), "body": b""}
        self.requests.append(request)

        async def receive_and_keep() -> Any:
            message = await receive()
            request["body"] += message.get("body", b"")
            return message

        await self._app(scope, receive_and_keep, send)


@pytest.fixture(scope="module")
def apps() -> list[WitnessedApp]:
    return []


@pytest.fixture(scope="module")
def server(tmp_path_factory, apps) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("state")
    settings = Settings(port=0, tls=True, tls_port=0, state_dir=folder, rate_limit=LimitMode.OFF)

    def create(settings: Settings) -> WitnessedApp:
        app = WitnessedApp(settings)
        apps.append(app)
        return app

    with serve_in_thread(settings, create_app=create) as server:
        yield server


@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_gets_the_answers_that_all_clients_get(server, apps, client, scheme, tmp_path):
    skip_without(client)
    picture = tmp_path / "upload.png"
    picture.write_bytes(render(Recipe(f"uploaded with {client.name}", width=512, height=384)))
    order, token = json.dumps(ORDER, ensure_ascii=False), server.account["accessToken"]
    base = {"http": server.url, "https": server.tls_url}[scheme]
    apps[0].requests.clear()
    finished = subprocess.run(
        [*command(client), base, token, order, str(picture)],
        cwd=tmp_path,
        env=environment(client, server.ca_file, tmp_path),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    checks = [check for check in CHECKS if check not in client.cannot]
    assert finished.stdout.splitlines() == [
        f"{check} 200" if "upload" in check else f'{check} 200 {{"credits":0.6}}'
        for check in checks
    ]
    assert {request["scheme"] for request in apps[0].requests} == {scheme}
    assert proven(apps[0].requests) >= {*checks} & {"keep-alive", "expect", "chunked"}
    uploads = [request["body"] for request in apps[0].requests if request["method"] == "PUT"]
    assert uploads == [picture.read_bytes()] * sum("upload" in check for check in checks)


def skip_without(client: HttpClient) -> None:
    if missing := client.missing:
        reason = (
            f"{client.name} is not tested: install {client.package} for {' and '.join(missing)}"
        )
        assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), reason
        pytest.skip(reason)


def command(client: HttpClient) -> list[str]:
    """Return the words of the command, with the path of the client's program."""
    return [str(HERE / word) if (HERE / word).is_file() else word for word in client.command]


def environment(client: HttpClient, ca_file: Path, folder: Path) -> dict[str, str]:
    """Return variables with which the client trusts the mock's authority and uses no proxy."""
    trust = dict.fromkeys(("SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(ca_file))
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    if "java" in client.programs:
        trust["JAVA_TOOL_OPTIONS"] = f"-Dfile.encoding=UTF-8 {trust_store(ca_file, folder)}"
    if "php" in client.programs:
        (folder / "trust.ini").write_text(f'curl.cainfo="{ca_file}"\n')
        trust["PHP_INI_SCAN_DIR"] = f":{folder}"  # after the usual folder
    return {**kept, "GOCACHE": str(ca_file.parent / "go"), "SOURCES": str(HERE), **trust}


def trust_store(ca_file: Path, folder: Path) -> str:
    """Put the authority into a file for Java, and return the options that name it."""
    store = folder / "trust.p12"
    subprocess.run(
        [
            *("keytool", "-importcert", "-noprompt", "-alias", "mock", "-file", ca_file),
            *("-keystore", store, "-storepass", PASSWORD),
        ],
        check=True,
        capture_output=True,
    )
    return f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword={PASSWORD}"


def proven(requests: list[dict[str, Any]]) -> set[str]:
    """Return which checks the requests show on the wire."""
    heads = [request["headers"] for request in requests]
    shown = {
        "keep-alive": len({request["client"] for request in requests}) < len(requests),
        "expect": any(head.get(b"expect", b"").lower() == b"100-continue" for head in heads),
        "chunked": any(head.get(b"transfer-encoding") == b"chunked" for head in heads),
    }
    return {check for check, is_shown in shown.items() if is_shown}
