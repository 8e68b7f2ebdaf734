"""Receivers can verify an event and decrypt its token."""

from urllib.parse import parse_qsl, urlsplit

import hypothesis.strategies as st
import pytest
from hypothesis import given

from mock_server.workshop.event_signature import is_genuine, seal, sign_of, signed_url, unseal

SECRET = "mock-event-secret-0001"

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
names = st.sampled_from(["apiId", "bizType", "invokeId", "apiToken", "nonce", "timestamp"])
parameters = st.dictionaries(names, texts)


def query_of(url):
    return urlsplit(url).query


def test_the_sign_is_the_hmac_of_the_sorted_decoded_parameters():
    # echo -n 'apiId=sd_txt2img&bizType=apiAccessCommit' | openssl dgst -sha256 -hmac "$secret"
    expected = "466ecbb9786e23a3a90597d53b7389315d245ed24841e57997a687afe77910aa"
    found = sign_of(SECRET, [("bizType", "apiAccessCommit"), ("apiId", "sd_txt2img")])

    assert found == expected


@given(parameters)
def test_a_signed_query_is_genuine_with_its_secret_only(sent):
    url = signed_url("http://127.0.0.1:1/hook", SECRET, sent)

    assert is_genuine(SECRET, query_of(url))
    assert not is_genuine("another", query_of(url))
    assert {**sent, "sign": sign_of(SECRET, sent.items())} == dict(
        parse_qsl(query_of(url), keep_blank_values=True)
    )


@given(parameters.filter(bool), st.data())
def test_every_change_invalidates_the_sign(sent, data):
    query = query_of(signed_url("http://127.0.0.1:1/hook", SECRET, sent))
    place = data.draw(st.integers(0, len(query) - 1))
    letter = data.draw(st.sampled_from("abcdef0123456789"))
    changed = query[:place] + letter + query[place + 1 :]

    same = sorted(parse_qsl(changed, keep_blank_values=True)) == sorted(
        parse_qsl(query, keep_blank_values=True)
    )
    assert is_genuine(SECRET, changed) is same


@pytest.mark.parametrize("query", ["", "sign=", "a=b", "sign=é", "sign=%ff&a=%fe", "sign=a&sign=b"])
def test_a_query_without_the_right_sign_is_not_genuine(query):
    assert not is_genuine(SECRET, query)


def test_parameters_of_the_url_are_kept_and_signed():
    url = signed_url(
        "http://127.0.0.1:1/a%20b?x=1&y=a%20b#top", SECRET, {"apiId": "sd", "sign": ""}
    )

    assert url.startswith("http://127.0.0.1:1/a%20b?x=1&y=a%20b&apiId=sd&sign=")
    assert is_genuine(SECRET, query_of(url))
    assert not is_genuine(SECRET, query_of(url).replace("x=1", "x=2"))


@given(texts)
def test_a_token_is_decrypted_with_its_secret_only(token):
    sealed = seal(SECRET, token)

    assert sealed == seal(SECRET, token)
    assert unseal(SECRET, sealed) == token
    assert unseal("another", sealed) is None


def test_encrypted_tokens_differ_and_do_not_contain_the_token():
    first, second = seal(SECRET, "01j1w6cxqz"), seal(SECRET, "01j1w6cxqy")

    assert first[:16] != second[:16]
    assert "01j1w6" not in first


@pytest.mark.parametrize("text", ["", "a", "ENCRYPTED_TOKEN", "é", "!" * 60, "A" * 100, "a" * 5000])
def test_other_texts_are_not_decrypted(text):
    assert unseal(SECRET, text) is None
