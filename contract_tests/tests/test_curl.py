import base64
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contract_tests.report.curl import curl_command, remark
from contract_tests.signing import (
    tams_string_to_sign,
    workshop_signature,
    workshop_string_to_sign,
)

BODY = '{"name": "it\'s a $HOME `id` \\"kite\\" ü"}'


@contextmanager
def a_listener():
    """Listen on loopback and yield the URL and a list of what arrives."""
    arrived = []

    class CurlRequestHandler(BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("content-length") or 0)
            arrived.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), CurlRequestHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", arrived
        server.shutdown()


def run(command, **variables):
    """Run the commands in a shell with these variables."""
    for program in ("sh", "curl", "openssl"):
        if shutil.which(program) is None:
            reason = f"{program} is not installed"
            assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), reason
            pytest.skip(reason)
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "*", **variables}
    subprocess.run(["sh", "-euc", command], check=True, capture_output=True, env=environment,
                   timeout=30)  # fmt: skip


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(("method", "body"), [("POST", BODY), ("GET", ""), ("DELETE", "")])
def test_a_signed_tams_request_gets_a_new_signature(method, body, key, tmp_path):
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with a_listener() as (url, arrived):
        headers = [["authorization", "TAMS-SHA256-RSA app_id=old,***"], ["host", "elsewhere"]]
        request = {"method": method, "url": f"{url}/v1/jobs?a=1&b=%20", "headers": headers}
        command = curl_command({**request, "body": body} if body else request)

        run(command, TAMS_APP_ID="myApp", TAMS_PRIVATE_KEY=str(file))

    ((sent, target, received, content),) = arrived
    scheme, _, rest = received["Authorization"].partition(" ")
    parts = dict(pair.split("=", 1) for pair in rest.split(","))
    assert (sent, target, scheme, parts["app_id"]) == (
        method, "/v1/jobs?a=1&b=%20", "TAMS-SHA256-RSA", "myApp",
    )  # fmt: skip
    assert content == body.encode()
    key.public_key().verify(
        base64.b64decode(parts["signature"]),
        tams_string_to_sign(
            method, target.encode(), parts["timestamp"], parts["nonce_str"], content
        ),
        padding.PKCS1v15(), SHA256(),
    )  # fmt: skip


@pytest.mark.parametrize("body", [BODY, ""])
def test_a_workshop_request_gets_a_new_signature(body):
    headers = [["accept", "application/json"], ["content-type", "application/json"],
               ["x-ca-key", "1"], ["x-ca-signature", "***"]]  # fmt: skip
    with a_listener() as (url, arrived):
        request = {"method": "POST", "url": f"{url}/scc/allocate_token", "headers": headers}
        command = curl_command({**request, "body": body} if body else request)

        run(command, WORKSHOP_APP_KEY="204", WORKSHOP_APP_SECRET="hush")

    ((_, target, received, content),) = arrived
    lower = {name.lower(): value for name, value in received.items()}
    text = workshop_string_to_sign("POST", target.encode(), lower, content)
    assert lower["x-ca-signature"] == workshop_signature("hush", text)
    assert content == body.encode()


def test_a_bearer_token_comes_from_the_shell():
    with a_listener() as (url, arrived):
        headers = [["authorization", "Bearer ***"]]
        command = curl_command({"method": "GET", "url": f"{url}/v1/jobs/1", "headers": headers})

        run(command, TAMS_ACCESS_TOKEN="a token")

    assert arrived[0][2]["Authorization"] == "Bearer a token"


def test_a_request_without_credentials_is_sent_without():
    with a_listener() as (url, arrived):
        run(curl_command({"method": "GET", "url": f"{url}/';echo$(id){{a,b}}", "headers": []}))

    assert "Authorization" not in arrived[0][2]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"url": "u", "sha256": "ab", "bytes": 7}, "7 binary bytes"),
        ({"url": "u", "body": "x", "cut": True}, "only its beginning"),
        ({"url": "u", "body": '{"apiToken":"***"}'}, "hidden"),
        ({"url": "u", "body": "{}"}, ""),
    ],
    ids=["bytes", "cut", "hidden", "whole"],
)
def test_the_remark_says_what_to_fill_in(request_, words):
    assert words in remark(request_)
    assert bool(words) == bool(remark(request_))
