"""URLs behind proxies: the headers of a trusted one count, and only for what vendors hand out."""

from contextlib import asynccontextmanager

import httpx
import pytest

from mock_server.app import create_app
from mock_server.settings import Settings
from mock_server.tests.tams.world import BEARER
from mock_server.tests.workshop.signing import a_request
from mock_server.tests.workshop.signing import signed as sign
from mock_server.web.wall import wall

TRUSTED = ("10.1.0.0/16", "fd00::1")
FORWARDED = {"x-forwarded-proto": "https", "x-forwarded-host": "mock.example"}


@asynccontextmanager
async def a_client(peer="10.1.2.3", trusted=TRUSTED, **settings):
    app = create_app(Settings(trusted_proxies=trusted, **settings))
    await app.open(wall())
    transport = httpx.ASGITransport(app=app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:8080") as http:
        yield http
    await app.close()


async def upload_origin(http: httpx.AsyncClient, headers: dict[str, str]) -> str:
    """Return scheme and host of a URL that the mock hands out."""
    answer = await http.post("/v1/resource/image", json={"expireSec": 60}, headers=headers | BEARER)
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["putUrl"]
    return url.partition("/tams-resource")[0]


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"])
async def test_urls_are_on_the_host_that_a_trusted_proxy_names(peer):
    async with a_client(peer) as http:
        assert await upload_origin(http, FORWARDED) == "https://mock.example"


@pytest.mark.parametrize("peer", ["10.2.0.1", "127.0.0.1", "fd00::2", "unix"])
async def test_others_name_no_host(peer):
    async with a_client(peer) as http:
        for headers in (FORWARDED, {"forwarded": "proto=https;host=mock.example"}):
            assert await upload_origin(http, headers) == "http://inside:8080"


async def test_by_default_nobody_is_trusted():
    async with a_client("127.0.0.1", ()) as http:
        assert await upload_origin(http, FORWARDED) == "http://inside:8080"


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({}, "http://inside:8080"),
        ({"x-forwarded-proto": "https"}, "https://inside:8080"),
        ({"x-forwarded-host": "mock.example:81"}, "http://mock.example:81"),
        ({"x-forwarded-proto": "http, HTTPS", "x-forwarded-host": "a, b"}, "https://b"),
        ({"x-forwarded-proto": "ftp", "x-forwarded-host": "a b/c"}, "http://inside:8080"),
        ({"forwarded": 'for=1.2.3.4; Proto=https; host="mock.example:81"'}, "https://mock.example:81"),
        ({"forwarded": "host=evil;proto=http, host=b;proto=https"}, "https://b"),
        ({"forwarded": "host=evil", "x-forwarded-proto": "https"}, "https://inside:8080"),
        ({"forwarded": ';;=,"'}, "http://inside:8080"),
    ],
)  # fmt: skip
async def test_the_last_valid_value_counts(headers, origin):
    async with a_client() as http:
        assert await upload_origin(http, headers) == origin


async def test_the_public_url_wins():
    async with a_client(public_url="http://public.example") as http:
        assert await upload_origin(http, FORWARDED) == "http://public.example"


async def test_a_signature_over_the_host_is_checked_with_the_forwarded_one():
    listed = "host,x-ca-key,x-ca-nonce,x-ca-signature-method,x-ca-timestamp"
    signed = sign(a_request(host="mock.example", x_ca_signature_headers=listed))
    headers = dict(signed.having(host="inside").headers)
    async with a_client(workshop={"timestamp_window": 0, "nonce_replay": "accept"}) as http:
        statuses = [
            (
                await http.post(signed.target, content=signed.body, headers=headers | more)
            ).status_code
            for more in (FORWARDED, {})
        ]

    assert statuses == [200, 403]


async def test_the_journal_shows_what_came():
    async with a_client(control_token="secret") as http:
        await upload_origin(http, FORWARDED)
        bearer = {"authorization": "Bearer secret"}
        (newest,) = (await http.get("/_mock/requests", headers=bearer)).json()["requests"]
        shown = (await http.get(f"/_mock/requests/{newest['id']}", headers=bearer)).json()

    named = {each["name"].lower(): each["value"] for each in shown["headers"]}
    assert named["host"] == "inside:8080"
    assert named["x-forwarded-host"] == "mock.example"


@pytest.mark.parametrize("peer", ["10.1.2.3", "127.0.0.1", "192.0.2.7"])
@pytest.mark.parametrize(
    "headers", [{}, {"x-forwarded-host": "localhost"}, {"forwarded": "host=127.0.0.1"}]
)
async def test_no_header_opens_the_control_api_and_behind_proxies_it_wants_its_token(peer, headers):
    async with a_client(peer, control_token="secret") as http:
        refused = await http.get("/_mock/accounts", headers=headers | {"host": "localhost"})
        allowed = await http.get(
            "/_mock/accounts", headers=headers | {"authorization": "Bearer secret"}
        )

    assert (refused.status_code, allowed.status_code) == (401, 200)
