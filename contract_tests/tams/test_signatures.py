"""Which signatures are accepted and which are refused."""

import base64
import json
from dataclasses import replace
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512

from contract_tests import wall
from contract_tests.answers import expect_one_of
from contract_tests.markers import needs, observes, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.signing import SCHEME, TamsBearer
from contract_tests.tams.orders import MODEL, a_small_order, small_stages
from contract_tests.tams.signers import SignatureScheme, TamsSigner, as_documented

PRICE = "/v1/jobs/credits"
STAGES = {"stages": small_stages()}
COMPACT = json.dumps(STAGES, separators=(",", ":"))
BODIES = {
    "white space around it": f" \n\t{COMPACT}\r\n\t ",
    "indented": json.dumps(STAGES, indent=2),
    "blanks after commas": json.dumps(STAGES),
    "escaped slashes": COMPACT.replace("red kite", r"red\/kite"),
    "raw letters beyond ASCII": COMPACT.replace("red kite", "красный змей 二次元 🪁"),
    "escaped letters beyond ASCII": COMPACT.replace("red kite", r"\u4e8c\u6b21\u5143"),
}
NONCES = {
    "md5 of the second": "ce7efcbeee60d6144ed196bbde6b553f",
    "sha256 of the second": "a4eab061183ea9ddc1d952259fcba82d7ad69da635ceaab234d90ecddebe0934",
    "a few digits": "8f3a1c",
    "a uuid": "5b1f7a1e-57c4-4f3e-9d0b-3f4c0f3d2b6a",
}
PSS = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)


@cache
def another_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


SIGNED_OTHERWISE = {
    "path": lambda parts: replace(parts, target=b"/v1/jobs/creditz?k=1").text(),
    "without the query": lambda parts: replace(parts, target=PRICE.encode()).text(),
    "another query": lambda parts: replace(parts, target=parts.target + b"1").text(),
    "with scheme and host": lambda parts: replace(
        parts, target=b"https://127.0.0.1" + parts.target
    ).text(),
    "without the version": lambda parts: replace(parts, target=parts.target[3:]).text(),
    "method in lower case": lambda parts: parts.text().replace(b"POST", b"post", 1),
    "body left out": lambda parts: replace(parts, body=b"").text(),
    "body serialised anew": lambda parts: replace(
        parts, body=json.dumps(json.loads(parts.body)).encode()
    ).text(),
    "body without the last byte": lambda parts: replace(parts, body=parts.body[:-1]).text(),
    "a line feed at the end": lambda parts: parts.text() + b"\n",
    "line ends of Windows": lambda parts: parts.text().replace(b"\n", b"\r\n"),
    "nonce before timestamp": lambda parts: replace(
        parts, nonce=parts.timestamp, timestamp=parts.nonce
    ).text(),
    "timestamp of a second later": lambda parts: replace(
        parts, timestamp=str(int(parts.timestamp) + 1)
    ).text(),
}
MADE_OTHERWISE = {
    "another hash, SHA-1": lambda: SignatureScheme(digest=SHA1()),  # noqa: S303 - it has to be refused
    "another hash, SHA-512": lambda: SignatureScheme(digest=SHA512()),
    "another padding": lambda: SignatureScheme(padding=PSS),
    "another key": lambda: SignatureScheme(key=another_key()),
    "URL-safe base64": lambda: SignatureScheme(
        spell=lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=")
    ),
    "hexadecimal": lambda: SignatureScheme(spell=lambda raw: raw.hex().encode()),
    "half of it": lambda: SignatureScheme(spell=lambda raw: base64.b64encode(raw[:128])),
    "the last byte changed": lambda: SignatureScheme(
        spell=lambda raw: base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1]))
    ),
    "a byte more": lambda: SignatureScheme(spell=lambda raw: base64.b64encode(raw + b"\0")),
    "in capitals": lambda: SignatureScheme(spell=lambda raw: base64.b64encode(raw).upper()),
    "nothing": lambda: SignatureScheme(spell=lambda raw: b""),
    "no base64": lambda: SignatureScheme(spell=lambda raw: b"***"),
}
WRITTEN_OTHERWISE = {
    "another order": lambda pairs: as_documented(dict(reversed(pairs.items()))),
    "blanks after commas": lambda pairs: as_documented(pairs).replace(",", ", "),
    "quotes": lambda pairs: as_documented({k: f'"{v}"' for k, v in pairs.items()}),
    "scheme in lower case": lambda pairs: as_documented(pairs).replace(SCHEME, SCHEME.lower()),
    "one pair more": lambda pairs: as_documented({**pairs, "version": "1"}),
    "names in capitals": lambda pairs: as_documented({k.upper(): v for k, v in pairs.items()}),
}


@pytest.fixture(scope="session")
def app(target):
    return target.credentials.tams


def price(tams, auth, **options):
    return tams.call("POST", f"{PRICE}?k=1", auth=auth, **(options or {"json": STAGES}))


@source("TAMS › 3.2", "TAMS › 2.8")
@needs("signature")
@pytest.mark.parametrize("body", BODIES)
def test_what_is_signed_is_the_body_as_it_was_sent(tams, app, body):
    price(tams, TamsSigner(app), content=BODIES[body].encode()).expect(200)


@source("TAMS › 3.2", "TAMS › 2.8")
@needs("signature")
@pytest.mark.parametrize(
    "sent", [f" {COMPACT}\n", f"{COMPACT}\n", COMPACT], ids=["both", "end", "none"]
)
def test_white_space_around_a_body_is_signed_too(tams, app, sent):
    other = sent.strip() if sent != COMPACT else f"{COMPACT}\n"
    auth = TamsSigner(app, text=lambda parts: replace(parts, body=other.encode()).text())

    price(tams, auth, content=sent.encode()).expect_status(401)


@source("TAMS › 3.2")
@needs("signature")
def test_a_query_is_part_of_what_is_signed(tams, app):
    answer = tams.call("GET", f"/v1/models/{MODEL}?a=1&b=%20x&a=2", auth=TamsSigner(app))

    answer.expect(200)


@source("TAMS › 3.2", "TAMS › 5.3")
@needs("signature")
def test_a_delete_is_signed_with_an_empty_body(tams, app):
    answer = tams.call("DELETE", "/v1/jobs/1", auth=TamsSigner(app))

    assert answer.status != 401
    assert "app not found" not in answer.text


@source("TAMS › 3.2", "TAMS › 3.3")
@needs("signature")
@pytest.mark.parametrize("kind", NONCES)
def test_a_nonce_has_no_fixed_shape(tams, app, kind):
    # Part of the nonce is new, so that a service that remembers nonces accepts it.
    fresh = f"{int(wall.now() * 1000):x}"
    nonce = fresh[-len(NONCES[kind]) :] + NONCES[kind][len(fresh) :]

    price(tams, TamsSigner(app, nonce=nonce)).expect(200)


@source("TAMS › 3.3")
@needs("signature")
def test_two_calls_of_one_second_may_share_their_nonce(tams, app, observe):
    # The vendor's demos make the nonce from the second, and make two calls in one second.
    second = str(int(wall.now()))
    auth = TamsSigner(app, timestamp=second, nonce=f"{int(second):032x}")

    tams.call("POST", "/v1/resource/image", auth=auth, json={"term": 1}).expect(200)
    both = price(tams, auth)
    observe("U2", "another call with the same nonce, and the same call again",
            [both.status, price(tams, auth).status])  # fmt: skip

    if both.status == 401:
        raise OnlyObserved("a used nonce is refused, which breaks the vendor's demos")
    both.expect(200)


@source("TAMS › 3.2", "TAMS › 4")
@needs("signature")
@pytest.mark.parametrize("text", SIGNED_OTHERWISE)
def test_a_signature_of_something_else_is_a_401(tams, app, text):
    price(tams, TamsSigner(app, text=SIGNED_OTHERWISE[text])).expect_status(401)


@source("TAMS › 3.2", "TAMS › 4")
@needs("signature")
@pytest.mark.parametrize("scheme", MADE_OTHERWISE)
def test_a_signature_made_in_another_way_is_a_401(tams, app, scheme):
    price(tams, TamsSigner(app, scheme=MADE_OTHERWISE[scheme]())).expect_status(401)


@source("TAMS › 3.2", "TAMS › 4")
@needs("signature")
@pytest.mark.parametrize("missing", ["app_id", "nonce_str", "timestamp", "signature"])
def test_a_header_without_a_pair_is_refused(tams, app, missing, observe):
    auth = TamsSigner(
        app, write=lambda pairs: as_documented({k: v for k, v in pairs.items() if k != missing})
    )

    status = price(tams, auth).status

    # Without a signature it is 401. Without an app id, the app may be unknown.
    allowed = {"signature": (401,), "app_id": (400, 401, 404)}.get(missing, (400, 401))
    expect_one_of(status, allowed, f"the status without {missing}")
    observe("U3", f"a header without {missing}", status)


@source("TAMS › 3.2", "TAMS › 4")
@needs("signature")
@pytest.mark.parametrize("value", [SCHEME, f"{SCHEME} ,", f"{SCHEME} x", "TAMS-SHA1-RSA a=b", "x"])
def test_half_a_header_is_refused(tams, app, value):
    answer = price(tams, TamsSigner(app, write=lambda pairs: value))

    expect_one_of(answer.status, (400, 401, 404), "the status of half a header")


@source("TAMS › 3.4")
@needs("signature")
def test_an_unknown_app_is_refused(tams, app, observe):
    answer = price(tams, TamsSigner(app, app_id="noSuchApp0"))

    expect_one_of(answer.status, (401, 404), "the status for an unknown app")
    observe("U5", "a signature of an unknown app", answer.json)
    observe("U5", "the status for a signature of an unknown app", answer.status)


@source("TAMS › 3.2", "TAMS › 4")
@needs("signature")
@spends(1)
def test_a_job_whose_signature_is_wrong_is_not_made(tams, app):
    order = {"requestId": "never-made", **a_small_order()}
    auth = TamsSigner(app, text=lambda parts: parts.text() + b" ")

    tams.call("POST", "/v1/jobs", auth=auth, json=order).expect_status(401)


@source("TAMS › 3.2")
@observes
@needs("signature")
def test_how_far_off_a_timestamp_may_be(tams, app, observe):
    for seconds in (-86400, -900, -310, -290, 290, 310, 900, 86400):
        auth = TamsSigner(app, timestamp=str(int(wall.now()) + seconds))
        answer = price(tams, auth)
        expect_one_of(answer.status, (200, 400, 401), f"the status {seconds:+} s off")
        observe("U1", f"a timestamp that is {seconds:+} s off", answer.status)
    answer = price(tams, TamsSigner(app, timestamp=str(int(wall.now() * 1000))))
    expect_one_of(answer.status, (200, 400, 401), "the status for milliseconds")
    observe("U1", "a timestamp in milliseconds", answer.status)


@source("TAMS › 3.2")
@observes
@needs("signature")
@pytest.mark.parametrize("write", WRITTEN_OTHERWISE)
def test_a_header_written_in_another_way_is_accepted_or_refused(tams, app, write, observe):
    status = price(tams, TamsSigner(app, write=WRITTEN_OTHERWISE[write])).status

    expect_one_of(status, (200, 400, 401, 404), f"the status of a header with {write}")
    observe("U3", f"a header with {write}", status)


@source("TAMS › 3.1", "TAMS › 3.4")
@observes
@needs("signature", "bearer")
def test_whether_one_app_may_use_both_schemes(tams, app, observe):
    signed = price(tams, TamsSigner(app)).status
    token = price(tams, TamsBearer(app.access_token)).status

    # An app that uses one scheme gets the 404 of an unknown key with the other.
    assert 200 in (signed, token)
    assert {signed, token} <= {200, 401, 404}
    observe("U7", "the signature and the token of one app", [signed, token])
