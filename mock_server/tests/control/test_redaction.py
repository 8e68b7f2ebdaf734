"""Secrets are never shown."""

import json
import string
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.control.redaction import (
    HIDDEN,
    MAX_SECRETS,
    Redactor,
    is_secret,
    shown_authorization,
)
from mock_server.tests.work import calls_of
from mock_server.web.calls import Answer
from mock_server.web.traces import Trace, pack

VISIBLE = "".join(map(chr, range(33, 127)))
tokens = st.text(string.ascii_letters + string.digits + "+/._~-", min_size=12, max_size=80)
signatures = st.binary(min_size=16, max_size=64).map(lambda data: b64encode(data).decode())


def a_trace(
    *,
    headers: tuple[tuple[str, str], ...] = (),
    query: str = "",
    body: bytes = b"",
    answer: bytes = b"",
) -> Trace:
    scope = {
        "method": "POST",
        "path": "/v1/jobs",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    return Trace("00000001", 0.0, packed_head=pack(scope), body=body, answer=Answer(200, answer))


def everything(trace: Trace, control_token: str = "") -> str:
    """All that could be shown of a trace."""
    redactor = Redactor.of(trace, control_token)
    assert trace.answer is not None
    return "\n".join(
        (
            redactor.target(trace),
            *(redactor.header(name.decode(), value.decode()) for name, value in trace.head.headers),
            redactor.body(trace.body).decode(),
            redactor.body(trace.answer.body).decode(),
            json.dumps(redactor.value({"detail": [trace.body.decode()]})),
        )
    )


@given(tokens)
def test_a_bearer_token_is_shown_nowhere(token):
    headers = (("authorization", f"Bearer {token}"), ("x-echo", f"<{token}>"))
    trace = a_trace(headers=headers, body=f"it was {token}!".encode(), answer=token.encode())

    assert token not in everything(trace)
    assert f"Bearer {HIDDEN}" in everything(trace)


@given(tokens)
def test_a_token_without_its_scheme_is_shown_nowhere(token):
    trace = a_trace(headers=(("authorization", token),), body=token.encode())

    assert token not in everything(trace)


@given(signatures)
def test_a_signature_is_hidden_and_the_rest_of_its_header_stays(signature):
    value = (
        "TAMS-SHA256-RSA app_id=mockApp01,nonce_str=n0nce,timestamp=1768464000,"
        f"signature={signature}"
    )
    trace = a_trace(headers=(("Authorization", value),), answer=signature.encode())

    assert signature not in everything(trace)
    assert shown_authorization(value) == value.replace(signature, HIDDEN)


@given(tokens)
def test_a_signature_in_a_header_with_broken_grammar_is_hidden_too(token):
    for value in (
        f'TAMS-SHA256-RSA signature="{token}", app_id="a"',
        f"TAMS-SHA256-RSA {token}",
        f"tams-sha256-rsa app_id=a, Signature = {token}",
        f"Basic {token}==",
        f"Digest response={token}",
    ):
        trace = a_trace(headers=(("authorization", value),))
        assert token not in everything(trace), value


@given(tokens, st.sampled_from(["X-Amz-Signature", "Signature", "auth_key", "access_token"]))
def test_a_signed_url_is_shown_without_its_signature(secret, name):
    secret = secret.replace("+", "-")
    url = f"http://mock.test/upload/1?X-Amz-Date=2026&{name}={secret}&z=1"
    trace = a_trace(
        query=url.partition("?")[2],
        headers=(("referer", url),),
        body=url.encode(),
        answer=json.dumps({"putUrl": url}).encode(),
    )

    shown = everything(trace)

    assert secret not in shown
    assert shown.count(f"?X-Amz-Date=2026&{name}={HIDDEN}&z=1") == 5


@given(tokens)
def test_a_signature_under_an_encoded_name_is_hidden_too(secret):
    assert secret not in everything(a_trace(query=f"X%2DAmz%2DSignature={secret}"))


@given(tokens)
def test_a_cookie_is_shown_nowhere(secret):
    trace = a_trace(headers=(("Cookie", f"a=1; session={secret}"),), body=secret.encode())

    assert secret not in everything(trace)


@given(st.text(VISIBLE, min_size=12, max_size=60))
def test_the_control_token_is_shown_nowhere(token):
    trace = a_trace(body=token.encode(), answer=b"<" + token.encode() + b">")

    assert token not in everything(trace, token).replace(HIDDEN, "") or set(token) <= {"*"}


@given(tokens, st.sampled_from(["token", "accessToken", "app_secret", "password", "privateKey"]))
def test_members_that_are_named_like_secrets_are_hidden(secret, name):
    inner = json.dumps({name: secret, "kept": 1})
    for body in (inner, json.dumps({"deep": {name: secret}}), json.dumps({"text": inner})):
        shown = Redactor(()).body(body.encode()).decode()
        assert secret not in shown
        json.loads(shown)


@given(st.text(min_size=1, max_size=40))
def test_a_hidden_member_leaves_json_readable(secret):
    body = json.dumps({"token": secret, "after": secret})

    assert json.loads(Redactor(()).body(body.encode())) == {"token": HIDDEN, "after": secret}


@given(tokens, st.data())
def test_half_a_secret_at_the_end_of_a_cut_body_is_hidden(secret, data):
    length = data.draw(st.integers(8, len(secret)))
    body = b"so it was " + secret[:length].encode()

    assert Redactor([secret]).body(body, cut=True) in (b"so it was ", b"so it was ***")


@given(st.binary(max_size=200))
def test_bytes_without_secrets_stay_as_they_are(data):
    if b"=" not in data and b'"' not in data:
        assert Redactor(["not-in-there-at-all"]).body(data) == data


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", True),
        ("X-Ca-Signature", True),
        ("X-Ca-Signature-Headers", False),
        ("X-Ca-Signature-Method", False),
        ("X-Ca-Key", False),
        ("apiToken", True),
        ("appSecret", True),
        ("Set-Cookie", True),
        ("timestamp", False),
        ("app_id", False),
        ("X-Amz-SignedHeaders", False),
    ],
)
def test_secrets_are_known_by_their_names(name, secret):
    assert is_secret(name) is secret


def test_fields_of_a_form_upload_are_hidden_by_their_names():
    form = (
        b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nshort-term/1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="signature"\r\n\r\nc2lnbmF0dXJl\r\n'
        b'--b\r\nContent-Disposition: form-data; name="x-oss-security-token"\r\n'
        b"Content-Type: text/plain\r\n\r\nSTS-123456\r\n--b--\r\n"
    )

    shown = Redactor([]).body(form)

    assert b"c2lnbmF0dXJl" not in shown
    assert b"STS-123456" not in shown
    assert b"short-term/1" in shown


@given(st.text("0123456789abcdef", min_size=24, max_size=64))
def test_secret_links_are_hidden_in_paths_and_bodies(secret):
    body = f'{{"sessionUrl": "http://a/web/s/{secret}", "next": "../s/{secret}?x=1"}}'
    trace = a_trace(body=body.encode(), answer=f"see /s/{secret}/state".encode())
    redactor = Redactor.of(trace, "")

    shown = everything(trace) + redactor.text(f"/web/s/{secret}/state")

    assert secret not in shown
    assert f"/web/s/{HIDDEN}/state" in shown


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"a=1&TOKEN=1&b=1", b"a=1&TOKEN=***&b=1"),
        (b"my-secret=1 kept", b"my-secret=*** kept"),
        (b"sig=1&design=1&x.sig=1", b"sig=***&design=1&x.sig=1"),
        (b"t%6fken=1&a%5Bb%5D=1", b"t%6fken=***&a%5Bb%5D=1"),
        (b"API-Key=1&apikey=1&keys=1", b"API-Key=***&apikey=***&keys=1"),
        (b'{"token" : "a\\"b", "tokens": "c"}', b'{"token" : "***", "tokens": "c"}'),
        (b'"{\\"token\\": \\"a\\"}"', b'"{\\"token\\": \\"***\\"}"'),
        (b"Cookie: a=b\r\nx: y", b"Cookie: ***\r\nx: y"),
        (b"-H 'X-Ca-Signature: abc' -H 'a: b'", b"-H 'X-Ca-Signature: ***' -H 'a: b'"),
    ],
)
def test_a_secret_is_hidden_by_its_name_and_nothing_else_is(body, shown):
    assert Redactor(()).body(body) == shown


def test_an_exchange_with_very_many_secrets_is_hidden_completely():
    cookies = "; ".join(f"a{n}=secret-{n:04d}" for n in range(2 * MAX_SECRETS + 1))
    trace = a_trace(headers=(("cookie", cookies),), body=b"secret-0001 and more")
    redactor = Redactor.of(trace, "")

    assert redactor.body(trace.body) == HIDDEN.encode()
    assert redactor.text("anything") == redactor.target(trace) == HIDDEN


def test_a_long_body_is_hidden_in_steps():
    body = b"token=b&" * 100_000
    steps = list(Redactor(["not-in-there"] * 100).body_in_steps(body))

    assert len(steps) > 40
    assert calls_of(lambda: Redactor(()).body(body)) < 1.2 * body.count(b"&")


def test_the_beginning_of_a_long_secret_takes_few_steps():
    secret = "a" * 15_000 + "b" * 15_000
    body = b"a" * 60_000 + b"c"

    assert calls_of(lambda: Redactor([secret]).body(body, cut=True)) < 3 * len(secret)
    assert Redactor([secret]).body(b"c" + secret[:20_000].encode(), cut=True) == b"c"
