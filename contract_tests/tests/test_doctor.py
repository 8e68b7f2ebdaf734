"""The doctor says in one sentence what a run would stumble over, and spends nothing."""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from contract_tests import wall
from contract_tests.credentials import BadSettings
from contract_tests.doctor import examination
from contract_tests.doctor.findings import Finding
from contract_tests.doctor.network import callback_findings
from contract_tests.options import Flags
from contract_tests.signing import workshop_string_to_sign
from contract_tests.tests.broken_targets import http_reply, raw_server, unused_port
from contract_tests.tests.command_runs import ROOT, START, run_in

TOKEN = "a-token-that-is-secret"
JSON = {"content_type": "application/json"}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
PKCS8 = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def doctor(monkeypatch, tmp_path):
    """Return a function that runs all checks but the plan, and returns them by place."""
    monkeypatch.setattr(examination, "cost_findings", lambda settings: iter(()))

    def run(target="real", flags=None, **environment):
        found = examination.examine(Flags(target, **(flags or {})), environment, tmp_path)
        return {(each.where, each.check): each for each in found}

    return run


def state(finding: Finding) -> str:
    return finding.state.value


def test_a_good_target_has_no_problem(doctor, fake_tams):
    found = doctor(fake_tams.url, {"only": "tams"}, TAMS_ACCESS_TOKEN=TOKEN)

    states = {check: state(finding) for (_, check), finding in found.items()}
    assert states == {
        "credentials": "ok", "name": "ok", "connection": "ok", "TLS": "ok", "answer": "ok",
        "signature": "not checked", "token": "ok", "clock": "ok", "latency": "ok",
        "rate limit": "not checked", "balance": "not checked", "callbacks": "ok",
    }  # fmt: skip
    assert fake_tams.jobs == 0
    assert {path for _, path in fake_tams.requests} == {"/_mock/version", "/v1/jobs/credits"}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TAMS_APP_ID": "a"}, "TAMS_PRIVATE_KEY is missing"),
        ({"TAMS_ACCESS_TOKEN": f"{TOKEN}\n"}, "TAMS_ACCESS_TOKEN has white space around it"),
        ({"TAMS_ACCESS_TOKEN": f"'{TOKEN}'"}, "TAMS_ACCESS_TOKEN has quotes around it"),
        ({"TAMS_ACCESS_TOKEN": f"Bearer {TOKEN}"}, "begins with the word Bearer"),
        ({"TAMS_ACCESS_TOKEN": TOKEN + "…"}, "characters that no credential has"),
        ({"TAMS_ENDPOINT": "https://a.test/v1"}, "leave out /v1"),
        ({"TAMS_APP_ID": "a", "TAMS_PRIVATE_KEY": TOKEN}, "the value is not shown"),
        (
            {
                "TAMS_APP_ID": "a",
                "TAMS_PRIVATE_KEY": KEY.public_key()
                .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                .decode(),
            },
            "found a public key",
        ),
        (
            {
                "TAMS_APP_ID": "a",
                "TAMS_PRIVATE_KEY": KEY.private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
                ).decode(),
            },
            "found one with a password",
        ),
    ],
)
def test_a_credential_that_cannot_be_used_is_named_and_not_shown(doctor, environment, words):
    found = doctor(**environment)

    finding = found["tams", "credentials"]
    told = f"{finding.sentence}: {finding.advice}"
    assert (state(finding), words in told, TOKEN in told) == ("problem", True, False)
    assert state(found["run", "credentials"]) == "problem"


def test_a_missing_half_of_the_workshop_is_named(doctor):
    found = doctor(WORKSHOP_APP_KEY="key-of-app")

    assert "WORKSHOP_APP_SECRET is missing" in found["workshop", "credentials"].sentence


def test_line_breaks_of_a_key_may_be_escaped_and_a_short_key_is_a_problem(doctor):
    found = doctor(
        TAMS_APP_ID="a", TAMS_PRIVATE_KEY=PKCS8.replace("\n", "\\n"),
        TAMS_ENDPOINT=f"http://127.0.0.1:{unused_port()}",
    )  # fmt: skip

    assert found["tams", "key"].sentence == "the private key has 1024 bits, TAMS wants 2048"
    assert "connection is refused" in found["tams", "connection"].sentence
    assert ("tams", "answer") not in found


def test_a_refusal_is_one_sentence_without_the_token_that_the_service_repeats(doctor):
    body = json.dumps({"code": 100001, "message": "unauthorized", "tips": f"no token {TOKEN}"})
    with raw_server(http_reply(401, body, **JSON)) as url:
        found = doctor(url, {"only": "tams"}, TAMS_ACCESS_TOKEN=TOKEN)

    assert state(found["tams", "answer"]) == "ok"
    assert state(found["tams", "token"]) == "problem"
    assert found["tams", "token"].sentence.endswith("401, 100001 unauthorized no token ***")


@pytest.mark.parametrize(("same", "words"), [(True, "the AppSecret is another one"),
                                             (False, "a proxy changes the request")])  # fmt: skip
def test_a_refused_signature_of_the_workshop_says_whose_mistake_it_is(same, words):
    import httpx

    from contract_tests.availability import why_unusable
    from contract_tests.signing import WorkshopSignature

    def refuse(request):
        own = workshop_string_to_sign("POST", request.url.raw_path, request.headers, b"")
        text = own.decode().replace("\n", "#") if same else "POST#*/*###/scc/x"
        message = f"Invalid Signature, Server StringToSign:`{text}`"
        headers = {"x-ca-error-code": "A403IS", "x-ca-error-message": message}
        return httpx.Response(403, headers=headers)

    with httpx.Client(transport=httpx.MockTransport(refuse)) as http:
        trouble = why_unusable(http, "workshop", "http://a", WorkshopSignature("key", "secret-1"))

    assert words in str(trouble)


def test_a_clock_that_is_wrong_is_a_problem_and_says_what_is_allowed(doctor):
    date = format_datetime(
        datetime.fromtimestamp(wall.now(), UTC) + timedelta(hours=1), usegmt=True
    )
    with raw_server(http_reply(200, '{"credits":1}', date=date, **JSON)) as url:
        found = doctor(url, {"only": "tams"}, TAMS_ACCESS_TOKEN=TOKEN)

    clock = found["tams", "clock"]
    assert state(clock) == "problem"
    assert re.search(r" 3[56]\d\d s behind; how much TAMS allows is not doc", clock.sentence)


def test_a_limit_that_few_calls_reach_is_a_warning(doctor):
    with raw_server(http_reply(429, '{"code":8}', retry_after="1", **JSON)) as url:
        found = doctor(url, {"only": "tams"}, TAMS_ACCESS_TOKEN=TOKEN)

    assert found["tams", "rate limit"].sentence == "reached by few calls: 429 retry-after: 1"


def test_tls_is_checked_with_the_given_authority(doctor, tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    soon = datetime.fromtimestamp(wall.now(), UTC) + timedelta(days=3)
    authority.issue_cert("127.0.0.1", not_after=soon).configure_cert(context)
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    with raw_server(http_reply(200, '{"credits":1}', **JSON), context) as url:
        unknown = doctor(url, {"only": "tams"}, TAMS_ACCESS_TOKEN=TOKEN)
        flags = {"only": "tams", "ca_file": tmp_path / "ca.pem"}
        known = doctor(url, flags, TAMS_ACCESS_TOKEN=TOKEN)

    assert "authority that is not trusted" in unknown["tams", "TLS"].sentence
    assert state(known["tams", "TLS"]) == "warning"
    assert "it ends in 3 days" in known["tams", "TLS"].advice
    assert state(known["tams", "token"]) == "ok"


def test_a_proxy_of_the_environment_is_named_without_its_password(doctor, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://user:{TOKEN}@127.0.0.1:{unused_port()}")
    monkeypatch.setenv("no_proxy", "")

    found = doctor(TAMS_ENDPOINT="http://tams.example.test", TAMS_ACCESS_TOKEN=TOKEN)

    assert state(found["tams", "proxy"]) == "warning"
    assert "through the proxy 127.0.0.1:" in found["tams", "proxy"].sentence
    assert state(found["tams", "answer"]) == "problem"
    assert TOKEN not in str(found)


@pytest.mark.parametrize(
    ("callback_url", "target", "expected"),
    [
        (None, "http://127.0.0.1:1", "ok"),
        (None, "http://8.8.8.8", "not checked"),
        ("http://127.0.0.1:9/inbox", "http://8.8.8.8", "problem"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1", "problem"),
    ],
)
def test_a_receiver_that_the_target_cannot_reach_is_a_problem(callback_url, target, expected):
    (finding,) = callback_findings(callback_url, {"tams": target})

    assert state(finding) == expected


def test_a_receiver_that_answers_is_fine():
    with raw_server(http_reply(404)) as url:
        (finding,) = callback_findings(url, {"tams": "http://127.0.0.1:1"})

    assert finding.sentence == "the receiver answers 404 to a GET from here"


def test_wrong_flags_are_wrong_use(doctor):
    with pytest.raises(BadSettings, match="expected mock, real or"):
        doctor("localhost:80")


def test_the_command_prints_one_document_and_its_status_tells_of_problems(tmp_path, fake_tams):
    def doctor_of(*words):
        return run_in(tmp_path, "doctor", *words, TAMS_ACCESS_TOKEN=TOKEN)

    good = doctor_of("--target", fake_tams.url, "--only=tams", "--json")
    bad = doctor_of("--target", f"http://127.0.0.1:{unused_port()}", "--only=tams")
    wrong = doctor_of("--target", "x")

    document = json.loads(good.stdout)
    assert (good.returncode, document["problems"], document["complete"]) == (0, 0, True)
    costs = {each["check"]: each["sentence"] for each in document["findings"][-3:]}
    assert list(costs) == ["free", "cheap", "full"]
    assert "they cost nothing" in costs["free"]
    assert "at most" in costs["full"]
    assert bad.returncode == 1
    assert "the connection is refused" in bad.stdout
    assert "1 problem, 0 warnings; nothing was spent" in bad.stdout
    assert wrong.returncode == 2
    assert TOKEN not in good.stdout + bad.stdout


def test_an_interrupted_doctor_shows_what_it_has_found(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {START}",
             "doctor", "--target", url],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        listener.accept()[0].close()  # the check of the connection
        connection, _ = listener.accept()
        connection.recv(1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        connection.close()

    assert process.returncode == 130
    assert "connection   ok" in output
    assert "interrupted; 0 problems" in output
    assert "Traceback" not in output
