"""Where callbacks may go."""

import socket

import pytest

from mock_server.web.targets import CallbackTargets, NameUnknown, TargetRefused

NAMES = {
    "here.test": ["127.0.0.1"],
    "localhost": ["::1", "127.0.0.1"],
    "lan.test": ["192.168.1.5", "10.0.0.5"],
    "public.test": ["93.184.216.34"],
    "both.test": ["127.0.0.1", "93.184.216.34"],
    "metadata.test": ["169.254.169.254"],
    "half.test": ["127.0.0.1", "169.254.169.254"],
    "half6.test": ["::1", "fe80::1%lo"],
    "mapped.test": ["::ffff:169.254.169.254"],
    "xn--bcher-kva.test": ["127.0.0.1"],
    # Resolvers read these numbers as addresses; other programs do not.
    "2130706433": ["127.0.0.1"],
    "2852039166": ["169.254.169.254"],
    "0xa9fea9fe": ["169.254.169.254"],
    "0251.0376.0251.0376": ["169.254.169.254"],
    "169.254.43518": ["169.254.169.254"],
    "127.1": ["127.0.0.1"],
    "0": ["0.0.0.0"],
}


@pytest.fixture
async def asked(monkeypatch):
    """Resolve names by the table above; return the list of names that were looked up."""
    asked: list[str] = []

    def getaddrinfo(host, port, **options):
        asked.append(host)
        if host not in NAMES:
            raise OSError
        return [(0, 1, 6, "", (address, port)) for address in NAMES[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


PRIVATE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:8080/hook?a=b",
    "http://127.255.255.254/",
    "https://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://[::1]:8080/",
    "http://[fd00::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://here.test/",
    "http://HERE.test/",
    "http://localhost:3000/",
    "http://lan.test/",
    "http://me:secret@127.0.0.1/",
    "http://8.8.8.8@127.0.0.1/",
    "http://bücher.test/",
    "http://2130706433/",
    "http://127.1/",
    "HTTP://127.0.0.1/",
    "http://127.0.0.1:65535/",
    "http://127.0.0.1:/",
]
PUBLIC = [
    "http://93.184.216.34/",
    "https://[2606:2800:220:1::1]/",
    "http://[::ffff:8.8.8.8]/",
    "http://public.test/",
    "http://both.test/",
    "http://127.0.0.1@8.8.8.8/",
    "http://100.64.0.1/",
]
NEVER = [
    "http://169.254.169.254/latest/meta-data",
    "http://169.254.0.1/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::ffff:0.0.0.0]/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://224.0.0.1/",
    "http://[ff02::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://metadata.test/",
    "http://half.test/",
    "http://half6.test/",
    "http://mapped.test/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://0/",
    "http://here.test@169.254.169.254/",
]
INVALID = [
    "",
    "here.test",
    "//here.test/",
    "/hook",
    "ftp://here.test/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "javascript:alert(1)",
    "http://",
    "http:///hook",
    "http://:80/",
    "http://me@/",
    "http://[::1/",
    "http://[nonsense]/",
    "http://here.test:0/",
    "http://here.test:65536/",
    "http://here.test:-1/",
    "http://here.test:eighty/",
    "http://ü..test/",
    f"http://{'ü' * 70}.test/",
]


@pytest.mark.parametrize("url", PRIVATE)
async def test_private_addresses_are_allowed_by_private_and_any(url, asked):
    assert (await CallbackTargets(["private"]).check(url)).url == url
    assert (await CallbackTargets(["any"]).check(url)).url == url
    with pytest.raises(TargetRefused, match="does not allow"):
        await CallbackTargets([]).check(url)


@pytest.mark.parametrize("url", PUBLIC)
async def test_public_addresses_are_allowed_by_any(url, asked):
    assert (await CallbackTargets(["any"]).check(url)).url == url
    with pytest.raises(TargetRefused, match="does not allow"):
        await CallbackTargets(["private"]).check(url)


@pytest.mark.parametrize("url", NEVER)
async def test_metadata_and_link_local_addresses_are_never_allowed(url, asked):
    for allowed in (["private"], ["any"], ["metadata.test", "half.test", "169.254.169.254"]):
        with pytest.raises(TargetRefused):
            await CallbackTargets(allowed).check(url)
    with pytest.raises(TargetRefused, match="never go"):
        await CallbackTargets(["any"]).check(url)


@pytest.mark.parametrize("url", INVALID)
async def test_other_strings_than_http_urls_are_refused(url, asked):
    with pytest.raises(TargetRefused) as refused:
        await CallbackTargets(["any"]).check(url)

    assert not isinstance(refused.value, NameUnknown)
    assert asked == []


async def test_hosts_are_allowed_by_name(asked):
    targets = CallbackTargets(["Public.test", "93.184.216.34"])

    for url in ("http://public.test/", "http://PUBLIC.test:81/", "http://93.184.216.34/"):
        assert (await targets.check(url)).url == url
    for url in ("http://both.test/", "http://here.test/", "http://127.0.0.1/"):
        with pytest.raises(TargetRefused, match="does not allow"):
            await targets.check(url)


async def test_an_unknown_name_has_its_own_error(asked):
    with pytest.raises(NameUnknown, match=r"nowhere\.test is not known"):
        await CallbackTargets(["private"]).check("http://nowhere.test/")


async def test_error_messages_contain_no_credentials(asked):
    with pytest.raises(TargetRefused) as refused:
        await CallbackTargets([]).check("http://me:secret@here.test/?token=secret")

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "pinned", "host", "name"),
    [
        ("http://here.test", "http://127.0.0.1:80", "here.test", "here.test"),
        ("https://here.test/", "https://127.0.0.1:443/", "here.test", "here.test"),
        ("http://Here.test:80/a", "http://127.0.0.1:80/a", "here.test:80", "here.test"),
        (
            "http://here.test:81/a%20b?c=%2F&d#e",
            "http://127.0.0.1:81/a%20b?c=%2F&d",
            "here.test:81",
            "here.test",
        ),
        ("http://me:pw@here.test/", "http://me:pw@127.0.0.1:80/", "here.test", "here.test"),
        ("https://[::1]:81/", "https://[::1]:81/", "[::1]:81", "::1"),
        ("https://[::1]/", "https://[::1]:443/", "[::1]", "::1"),
        (
            "http://bücher.test:81/",
            "http://127.0.0.1:81/",
            "xn--bcher-kva.test:81",
            "xn--bcher-kva.test",
        ),
    ],
)
async def test_pinned_urls_have_the_checked_address_instead_of_the_name(
    url, pinned, host, name, asked
):
    target = await CallbackTargets(["private"]).check(url)

    assert target.pinned_urls == (pinned,)
    assert (target.host, target.name) == (host, name)


async def test_all_addresses_of_a_name_are_returned_ipv4_first(asked):
    target = await CallbackTargets(["private"]).check("http://localhost:3000/hook")

    assert target.pinned_urls == ("http://127.0.0.1:3000/hook", "http://[::1]:3000/hook")
    assert asked == ["localhost"]


async def test_addresses_are_never_looked_up(asked):
    await CallbackTargets(["private"]).check("http://127.0.0.1/")
    await CallbackTargets(["private"]).check("http://[::1]/")

    assert asked == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
async def test_the_real_resolver_resolves_numeric_hosts(host):
    (pinned,) = (await CallbackTargets(["private"]).check(f"http://{host}:81/")).pinned_urls

    assert pinned == "http://127.0.0.1:81/"


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376"])
async def test_the_real_resolver_does_not_hide_forbidden_addresses(host):
    with pytest.raises(TargetRefused, match="never go"):
        await CallbackTargets(["any"]).check(f"http://{host}/")
