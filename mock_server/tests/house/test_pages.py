"""The pages for users: generated ones are up to date, blocks run as pasted, the site holds all."""

from __future__ import annotations

import json
import re
import shutil
import tomllib

import httpx
import pytest
import yaml

from mock_server.tests.house.pasting import ROOT, Reader, blocks, url_in
from mock_server.tests.needed import needed
from scripts._documents.index import pages_of
from scripts._documents.pages import PAGES, is_up_to_date
from scripts._documents.site import build

DOCS = ROOT / "mock_server" / "docs"
# Its blocks need ports and trust of their own: test_documents runs them.
RUN_ELSEWHERE = {"https.md"}
LANGUAGES = {"sh", "python", "json", "yaml", "text"}


@pytest.mark.parametrize("path", PAGES)
def test_generated_pages_are_up_to_date(path):
    assert is_up_to_date(path), "run scripts/documents"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    serve = ".venv/bin/tams-mock serve --port 0"
    with Reader(tmp_path_factory.mktemp("server") / "home").running(serve) as lines:
        url = url_in(lines, "is ready at")
        # No reader pastes blocks as fast as these tests do.
        httpx.put(f"{url}/_mock/accounts/default/limits", json={"qps": 1000}).raise_for_status()
        yield url


@pytest.fixture
def reader(url, tmp_path):
    """Return somebody who has the commands on the path."""
    reader = Reader(tmp_path / "home")
    reader.environment["PATH"] = f"{reader.folder / '.venv' / 'bin'}:{reader.environment['PATH']}"
    reader.environment["TAMS_MOCK_URL"] = url
    return reader


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_the_blocks_of_a_page_run_as_they_are_pasted(page, url, reader):
    document = f"mock_server/docs/{page}"
    text = (DOCS / page).read_text("utf-8")
    assert set(re.findall(r"^```(\w+)$", text, re.MULTILINE)) <= LANGUAGES
    for block in blocks(document, "json"):
        json.loads(block)
    for block in blocks(document, "yaml"):
        assert yaml.safe_load(block)
    if page in RUN_ELSEWHERE:
        return
    needed("curl")
    httpx.post(f"{url}/_mock/reset").raise_for_status()
    for language, block in re.findall(r"^```(sh|python)\n(.*?)^```$", text, re.M | re.S):
        pasted = f"python - <<'EOF'\n{block}EOF\n" if language == "python" else block
        shown = reader.paste(pasted.replace("http://127.0.0.1:8080", url))
        assert shown.strip(), block
        assert "urn:tams-mock:problem" not in shown


def test_the_session_of_the_example_opens(url, reader):
    (example,) = blocks("mock_server/docs/sessions.md")
    shown = reader.paste(example.replace("http://127.0.0.1:8080", url))
    (opened,) = re.findall(r'"sessionUrl":"([^"]+)"', shown)

    assert opened.startswith(f"{url}/sd_webui/s/")
    assert httpx.get(opened).status_code == 200


def test_the_site_has_every_page(tmp_path):
    for name in ("compose.yaml", "contract_tests", "fixtures"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "zensical.toml", tmp_path)  # A link would build the checkout's site.
    shutil.copytree(DOCS, tmp_path / "mock_server" / "docs")

    assert build(tmp_path) == 0

    navigation = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"]
    pages = [page for _, page in pages_of(navigation)]
    assert sorted(pages) == sorted(path.name for path in DOCS.glob("*.md"))
    for page in pages:
        folder = tmp_path / "site" / ("" if page == "index.md" else page.removesuffix(".md"))
        html = (folder / "index.html").read_text("utf-8")
        for link in re.findall(r'href="(\.[^"#]*)', html):
            target = (folder / link).resolve()
            assert target.exists(), f"{page}: {link}"
    assert (tmp_path / "site" / "search.json").stat().st_size > 100_000
    assert (tmp_path / "site" / "llms.txt").is_file()
