"""Which callers are allowed."""

import pytest

from mock_server.tests.control.mock import TOKEN, Mock, a_client

BEARER = {"authorization": f"Bearer {TOKEN}"}


def a_guarded_mock(**changes):
    return Mock(control_token=TOKEN, beyond_loopback=True, **changes)


async def test_on_loopback_no_token_is_needed(http):
    await http("GET", "/accounts")
    await http("GET", "/accounts", headers={"authorization": "Bearer something-else"})


async def test_from_beyond_loopback_the_control_token_is_needed():
    async with a_client(a_guarded_mock(), base_url="http://mock.example:8080") as http:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}):
            answer = await http.raw("GET", "/accounts", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")

        await http("GET", "/accounts", headers=BEARER)
        await http("GET", "/accounts", headers={"authorization": f"bearer {TOKEN}"})


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200), ("10.1.2.3", 200), ("172.17.0.1", 200), ("192.168.0.9", 200),
        ("::1", 200), ("fd00::7", 200), ("fe80::1%eth0", 200), ("::ffff:10.1.2.3", 200),
        ("203.0.113.7", 401), ("8.8.8.8", 401), ("2001:db8::1", 401), ("::ffff:8.8.8.8", 401),
    ],
)  # fmt: skip
async def test_private_networks_need_no_token_if_it_is_open_to_them(address, status):
    mock = a_guarded_mock(open_to_private=True)
    async with a_client(mock, base_url="http://tams-mock:8080", peer=address) as http:
        assert (await http.raw("GET", "/accounts")).status_code == status
        await http("GET", "/accounts", headers=BEARER)

    async with a_client(a_guarded_mock(), base_url="http://10.0.0.1", peer=address) as http:
        await http.problem(401, "GET", "/accounts")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("tams-mock", 200), ("10.0.0.7:8080", 200), ("mock.default.svc.cluster.local", 200),
        ("host.docker.internal:8080", 200), ("evil.example", 403), ("local.evil.example:80", 403),
    ],
)  # fmt: skip
async def test_names_that_an_attacker_can_point_here_are_refused_without_the_token(host, status):
    mock = a_guarded_mock(open_to_private=True)
    async with a_client(mock, peer="10.1.2.3") as http:
        answer = await http.raw("GET", "/accounts", headers={"host": host})

    assert answer.status_code == status


async def test_probes_need_no_token():
    async with a_client(a_guarded_mock(), base_url="http://mock.example:8080") as http:
        for path in ("/health", "/ready", "/version"):
            await http("GET", path)
        await http.problem(401, "POST", "/health")
        await http.problem(401, "GET", "/no-such-path")


async def test_without_a_control_token_all_remote_calls_are_refused():
    async with a_client(Mock(beyond_loopback=True)) as http:
        for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer"}):
            await http.problem(401, "GET", "/accounts", headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "https://127.0.0.1:8080"},
        {"origin": "http://127.0.0.1:8081"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/accounts", "/health"])
async def test_browsers_do_not_call_from_other_sites_even_with_the_token(headers, path):
    async with a_client(a_guarded_mock()) as http:
        problem = await http.problem(403, "GET", path, headers={**headers, **BEARER})

        assert problem["type"].endswith(":cross-site")


async def test_no_answer_allows_other_sites_to_read_it(http):
    answer = await http.raw("OPTIONS", "/accounts", headers={"origin": "http://evil.example"})

    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_a_page_of_the_mock_itself_may_call(http, site):
    headers = {"origin": "http://127.0.0.1:8080", "sec-fetch-site": site}

    await http("GET", "/accounts", headers=headers)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:1", "LOCALHOST:8080", "mock.localhost", "127.0.0.1", "10.0.0.7:80",
        "[::1]:8080", "[::1]", "mock.internal:8080",
    ],
)  # fmt: skip
async def test_the_server_is_called_by_address_or_by_its_own_names(host):
    async with a_client(Mock(own_hosts=("Mock.Internal",))) as http:
        await http("GET", "/accounts", headers={"host": host})


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "[::1", "a b"]
)
async def test_other_host_names_need_the_token(host):
    async with a_client(Mock(control_token=TOKEN)) as http:
        problem = await http.problem(403, "GET", "/accounts", headers={"host": host})

        assert problem["type"].endswith(":foreign-host")
        await http("GET", "/accounts", headers={"host": host, **BEARER})


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "?"],
)
async def test_a_body_that_a_form_could_send_is_refused(http, media_type):
    headers = {"content-type": media_type}

    await http.problem(415, "POST", "/accounts", content=b'{"id": "a"}', headers=headers)
    await http.problem(404, "GET", "/accounts/a")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json"},
        {"content-type": "Application/JSON; charset=utf-8"},
        {"content-type": "application/merge-patch+json"},
    ],
)
async def test_json_is_accepted_with_its_content_type_or_none(http, headers):
    await http("POST", "/accounts", content=b'{"id": "a"}', headers=headers)
    await http("GET", "/accounts/a")


async def test_the_content_type_of_an_empty_body_is_ignored(http):
    form = {"content-type": "application/x-www-form-urlencoded"}

    await http("POST", "/accounts", content=b"", headers=form)
