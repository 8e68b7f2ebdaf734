"""Callbacks over https, to a receiver whose certificate authority a setting names."""

import pytest

from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.web.toy_app import ToyApp
from mock_server.web.callback_formats import CallbackReply
from mock_server.web.sender import Sender
from mock_server.web.targets import CallbackTargets


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    settings = Settings(port=0, tls=True, tls_port=0, state_dir=tmp_path_factory.mktemp("state"))
    with serve_in_thread(settings, create_app=ToyApp) as server:
        yield server


async def sent(url: str, authorities: str = "") -> CallbackReply:
    sender = Sender(authorities)
    try:
        target = await CallbackTargets(["private"]).check(url)
        return await sender.send(target, b"{}")
    finally:
        await sender.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_authority_of_your_own_is_trusted(receiver, host):
    comment = "# Autorit\u00e9\n"
    ca_file = receiver.ca_file.with_name("own.pem")
    ca_file.write_text(comment + receiver.ca_file.read_text(), "utf-8-sig")
    settings = Settings(callback_ca_file=ca_file)
    url = receiver.tls_url.replace("127.0.0.1", host)

    reply = await sent(url + "/hook", settings.callback_authorities)

    assert (reply.status, reply.body) == (200, b"https /hook")


async def test_without_it_the_reply_names_the_setting(receiver):
    reply = await sent(receiver.tls_url)

    assert reply.status == 0
    assert "CERTIFICATE_VERIFY_FAILED" in reply.problem
    assert "--callback-ca-file" in reply.problem


async def test_another_name_than_that_of_the_certificate_is_not_trusted(receiver):
    reply = await sent(
        receiver.tls_url.replace("127.0.0.1", "127.0.0.2"), receiver.ca_file.read_text()
    )

    assert reply.status == 0
