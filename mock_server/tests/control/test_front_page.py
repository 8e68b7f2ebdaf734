"""The page that browsers get at `/` and `/_mock`."""

import re

import httpx
import pytest

from mock_server.control.front_page import PAGES
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.control.mock import TOKEN, Mock, a_client
from mock_server.tests.devtools import a_browser

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FRONT = ("/", "/_mock", "/_mock/")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = Settings(port=0, state_dir=tmp_path_factory.mktemp("state"))
    with serve_in_thread(settings) as server:
        yield server


def links_of(page: str) -> list[str]:
    return re.findall(r'href="(/[^"]*)"', page)


@pytest.mark.parametrize("path", FRONT)
def test_a_browser_gets_a_page_whose_links_work_and_that_loads_nothing(server, path):
    with httpx.Client(base_url=server.url, headers=BROWSER) as http:
        page = http.get(path)
        statuses = {link: http.get(link).status_code for link in links_of(page.text)}

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert {"/_mock/health", "/_mock/openapi.json", "/_mock/fidelity"} <= statuses.keys()
    assert {"/_mock/requests", "/_mock/tokens", "/_mock/readme"} <= statuses.keys()
    assert set(statuses.values()) == {200}
    assert not re.search(r"<script|src=|https?://|url\(|\$", page.text)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_programs_get_what_they_get_at_other_paths(server):
    with httpx.Client(base_url=server.url) as http:
        for headers in ({}, {"accept": "application/json"}):
            assert http.get("/", headers=headers).json()["message"] == "Not Found"
            for path in PAGES - {"/"}:
                problem = http.get(path, headers=headers).json()
                assert problem["type"].endswith(":not-found")
        assert http.post("/", headers=BROWSER).json()["message"] == "Not Found"
        assert http.head("/", headers=BROWSER).headers["content-type"].startswith("text/html")


async def test_a_link_from_another_site_opens_the_page_but_nothing_else(http):
    headers = BROWSER | {"sec-fetch-site": "cross-site", "host": "mock.example"}

    assert (await http.vendor("GET", "/_mock", headers=headers)).status_code == 200
    assert (await http.vendor("GET", "/_mock/accounts", headers=headers)).status_code == 403


async def test_where_the_control_token_is_needed_the_page_says_so_without_it():
    async with a_client(Mock(control_token=TOKEN, beyond_loopback=True)) as http:
        page = (await http.vendor("GET", "/_mock", headers=BROWSER)).text

    assert "control token" in page
    assert TOKEN not in page


def test_the_page_fits_a_phone_and_a_desktop_in_both_themes(server, tmp_path):
    grounds = set()
    with a_browser(tmp_path) as browser:
        page = browser.page()
        for width, height in ((390, 844), (1280, 800)):
            page.resize(width, height)
            for theme in ("light", "dark"):
                page.prefer(prefers_color_scheme=theme)
                page.open(server.url)
                grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))

                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.evaluate("document.querySelector('h1').innerText").startswith(
                    "tams-mock"
                )
                assert not page.complaints

    assert len(grounds) == 2
