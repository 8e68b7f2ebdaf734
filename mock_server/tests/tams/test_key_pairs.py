"""The test keys, and reading keys from PEM."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mock_server.tams.key_pairs import (
    PublicKeyError,
    key_pair,
    load_private_key,
    load_public_key,
)


@pytest.fixture(scope="module")
def short_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def public_pem(
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, form=PublicFormat.SubjectPublicKeyInfo
) -> str:
    return key.public_bytes(Encoding.PEM, form).decode()


def test_five_thousand_accounts_have_five_thousand_keys():
    assert len({key_pair(number).public_pem for number in range(5000)}) == 5000


def test_the_first_pairs_are_for_ever():
    digest = sha256("".join(key_pair(number).private_pem for number in range(64)).encode())

    assert digest.hexdigest() == "cf5e41b3d8d0748ba9f0ed0e2adad4bb0cdce73f80d39665bcd3454da5ec3757"


# The last of the file, the first of other couples, and the first with another exponent.
@pytest.mark.parametrize("number", [0, 1, 63, 64, 65, 8127, 8128, 100_000])
def test_a_pair_is_a_sound_2048_bit_key_in_the_form_that_the_library_writes(number):
    pair = key_pair(number)
    # Loading validates: two primes that belong together, and the exponents made from them.
    private = load_pem_private_key(pair.private_pem.encode(), password=None)

    assert isinstance(private, rsa.RSAPrivateKey)
    assert private.key_size == 2048
    assert (private.public_key().public_numbers().e == 65537) == (number < 8128)
    assert public_pem(private.public_key()) == pair.public_pem
    parsed = load_public_key(pair.public_pem)
    assert parsed.public_numbers() == private.public_key().public_numbers()
    rewritten = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert rewritten.decode() == pair.private_pem


def test_the_private_half_stays_out_of_repr():
    assert "PRIVATE" not in repr(key_pair(0))


@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
def test_both_forms_of_public_key_are_read(form):
    known = load_public_key(key_pair(0).public_pem)
    pem = public_pem(known, form)

    assert pem.startswith(
        "-----BEGIN RSA PUBLIC KEY-----"
        if form is PublicFormat.PKCS1
        else "-----BEGIN PUBLIC KEY-----"
    )
    assert load_public_key(pem).public_numbers() == known.public_numbers()
    assert load_public_key(pem.replace("\n", "\r\n")).public_numbers() == known.public_numbers()


def test_a_text_is_parsed_once():
    assert load_public_key(key_pair(0).public_pem) is load_public_key(key_pair(0).public_pem)


@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
def test_a_public_key_below_2048_bits_is_refused(short_key, form):
    with pytest.raises(PublicKeyError, match="has 1024 bits, expected at least 2048"):
        load_public_key(public_pem(short_key.public_key(), form))


def test_a_public_key_of_another_kind_is_refused():
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()

    with pytest.raises(PublicKeyError, match="expected an RSA key"):
        load_public_key(public_pem(elliptic))


def test_a_private_key_is_refused_as_public_key_and_not_repeated():
    with pytest.raises(PublicKeyError, match="expected its public half") as caught:
        load_public_key(key_pair(0).private_pem)

    assert key_pair(0).private_pem.splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        "\ud800",
        key_pair(0).public_pem.replace("\n", "\\n"),
        key_pair(0).public_pem[:200],
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ],
)
def test_what_is_no_pem_is_refused_with_what_was_expected(text):
    with pytest.raises(PublicKeyError, match="expected PEM that begins with"):
        load_public_key(text)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_both_forms_of_private_key_are_read(form):
    private = load_private_key(key_pair(0).private_pem)
    pem = private.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    assert load_private_key(pem).private_numbers() == private.private_numbers()


def test_a_private_key_with_a_passphrase_or_of_another_kind_is_a_value_error():
    locked = load_private_key(key_pair(0).private_pem).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )

    for pem in (locked.decode(), elliptic.decode(), "no key", "\ud800"):
        with pytest.raises(ValueError):  # noqa: PT011 - the words are the library's
            load_private_key(pem)
