"""Documents are true: the README's examples run, and tables and paths match the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.stacks import clients

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text("utf-8")


def example(language: str) -> str:
    """Return the only example of the README in a language."""
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    return blocks[0]


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def needs_curl() -> None:
    if shutil.which("curl") is None:
        assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), "curl is not installed"
        pytest.skip("curl is not installed")


def test_the_curl_example_of_the_readme_makes_a_picture(tmp_path):
    needs_curl()
    with serve_in_thread(Settings(port=0, state_dir=tmp_path)) as server:
        shown = run("bash", "-euc", example("bash").replace("http://127.0.0.1:8080", server.url))
        url = re.findall(r'"url":"([^"]+)"', shown)[0]
        picture = httpx.get(url)

    assert '"status":"SUCCESS"' in shown
    assert picture.headers["content-type"] == "image/png"


def test_the_python_example_of_the_readme_downloads_pictures(tmp_path):
    with serve_in_thread(Settings(port=0, state_dir=tmp_path)) as server:
        code = example("python").replace("http://127.0.0.1:8080", server.url)
        shown = run(sys.executable, "-c", code).splitlines()

    assert "'credits': " in shown[0]
    assert len(shown) == 3
    assert all(line.endswith(" bytes") for line in shown[1:])


def test_the_session_of_the_readme_opens_until_it_ends(tmp_path):
    needs_curl()
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with serve_in_thread(Settings(port=0, state_dir=tmp_path)) as server:
        code = example("sh").replace("http://127.0.0.1:8080", server.url)
        shown = run("env", f"PATH={commands}", "sh", "-euc", code)
        url = re.findall(r'"sessionUrl":"([^"]+)"', shown)[0]
        opened = httpx.get(url)
        httpx.post(f"{server.url}/_mock/clock/advance", json={"seconds": 600})
        over = httpx.get(url)

    assert url.startswith(f"{server.url}/sd_webui/s/")
    assert (opened.status_code, over.status_code) == (200, 403)


@pytest.mark.parametrize("command", ["settings", "fidelity"])
def test_generated_documents_are_up_to_date(command):
    table = run(
        "env", "-i", "HOME=/nowhere", sys.executable, "-m", "mock_server", command, "--markdown"
    )

    document = (ROOT / "mock_server" / f"{command.upper()}.md").read_text("utf-8")
    assert document.endswith(table), "run scripts/documents"


def test_the_table_of_http_clients_is_up_to_date():
    document = (ROOT / "mock_server" / "CLIENTS.md").read_text("utf-8")
    assert document.endswith(clients.table()), "run scripts/documents"


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "mock_server/ARCHITECTURE.md",
        "mock_server/CLIENTS.md",
        "mock_server/PERFORMANCE.md",
        "mock_server/SETTINGS.md",
        "scripts/README.md",
    ],
)
def test_every_link_of_a_document_leads_to_a_file(document):
    text = (ROOT / document).read_text("utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / document).parent.joinpath(link).exists(), link


def test_every_package_is_in_the_architecture_which_is_short():
    page = (ROOT / "mock_server" / "ARCHITECTURE.md").read_text("utf-8")
    packages = {path.parent.name for path in (ROOT / "mock_server").glob("*/__init__.py")}

    assert all(f"`{package}/`" in page for package in packages)
    assert len(page.splitlines()) <= 60


def test_every_script_is_in_the_readme_of_scripts():
    listed = (ROOT / "scripts" / "README.md").read_text("utf-8")
    for path in (ROOT / "scripts").iterdir():
        if path.is_file() and not path.name.startswith(("_", "README")):
            assert f"`{path.name}" in listed or f"/{path.name}" in listed, path.name
