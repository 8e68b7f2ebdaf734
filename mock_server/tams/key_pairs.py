"""RSA keys as PEM text: reading a customer's, and well-known test pairs, one for each account.

Generating a pair takes a tenth of a second; making one of two known primes takes well under a
millisecond. `mock_server/data/rsa_test_keys.json` has 128 primes, which make 8,128 different
products; beyond those the public exponent changes. So no two accounts ever have the same key.
The primes are public, and many keys share one: these keys protect nothing and are for tests only.

cryptography takes 30 ms to load, most of them for the SSH formats that its serialization brings
along. So it is imported when the first key is read, and the pool's PEM is written by hand.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from functools import cache, lru_cache
from itertools import combinations, count, islice
from math import comb, isqrt
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

MIN_KEY_BITS = 2048  # TAMS › Signature: "RSA key of at least 2048 bits"

_DATA = Path(__file__).resolve().parents[1] / "data" / "rsa_test_keys.json"
_PUBLIC_EXPONENT = 65537
# AlgorithmIdentifier { rsaEncryption, NULL }, RFC 3279, 2.3.1.
_RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")


class PublicKeyError(ValueError):
    """A public key cannot be registered; the message says what was found and expected."""


@lru_cache(maxsize=8192)
def load_public_key(pem: str) -> RSAPublicKey:
    """Read `BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`; each text is parsed once.

    Raises PublicKeyError for anything else than an RSA public key of 2048 bits or more.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if "PRIVATE KEY-----" in pem:
        raise PublicKeyError("the public key is a private key, expected its public half")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PublicKeyError(
            f"the public key is {len(pem)} characters that cannot be read, expected PEM that "
            "begins with -----BEGIN PUBLIC KEY----- or -----BEGIN RSA PUBLIC KEY-----"
        ) from error
    if not isinstance(key, RSAPublicKey):
        raise PublicKeyError(f"the public key is a {type(key).__name__}, expected an RSA key")
    if key.key_size < MIN_KEY_BITS:
        raise PublicKeyError(
            f"the public key has {key.key_size} bits, expected at least {MIN_KEY_BITS}"
        )
    return key


@lru_cache(maxsize=64)
def load_private_key(pem: str) -> RSAPrivateKey:
    """Read an unencrypted RSA key, PKCS#8 or PKCS#1; raises ValueError for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:  # TypeError: it has a passphrase
        raise ValueError(f"the private key cannot be read: {error}") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"the private key is a {type(key).__name__}, expected an RSA key")
    return key


class KeyPair(Struct, frozen=True):
    """Both halves as PEM: PKCS#8 and SubjectPublicKeyInfo, the forms that openssl writes today."""

    private_pem: str
    public_pem: str

    def __repr__(self) -> str:
        return f"KeyPair(public_pem={self.public_pem!r})"


@lru_cache(maxsize=256)
def key_pair(number: int) -> KeyPair:
    """Return test key pair `number`, from 0; 0 is the ready-made account's.

    Different numbers have different keys, and the same number has the same key on every machine.
    """
    pairs = _pairs()
    around, index = divmod(number, comb(2 * len(pairs), 2))
    p, q = pairs[index] if index < len(pairs) else _other_pairs()[index - len(pairs)]
    n, totient = p * q, (p - 1) * (q - 1)
    e = _exponent(around, totient)
    d = pow(e, -1, totient)
    # RSAPrivateKey of RFC 8017, A.1.2: version, n, e, d, p, q, d mod p-1, d mod q-1, 1/q mod p.
    pkcs1 = _sequence(
        *map(_der_integer, (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)))
    )
    private = _sequence(_der_integer(0), _RSA_ENCRYPTION, _der(0x04, pkcs1))
    public = _sequence(
        _RSA_ENCRYPTION, _der(0x03, b"\0" + _sequence(_der_integer(n), _der_integer(e)))
    )
    return KeyPair(private_pem=_pem("PRIVATE KEY", private), public_pem=_pem("PUBLIC KEY", public))


@cache
def _pairs() -> list[tuple[int, int]]:
    data = json.loads(_DATA.read_bytes())["primes"]
    return [(_integer(p), _integer(q)) for p, q in data]


@cache
def _other_pairs() -> list[tuple[int, int]]:
    """Return every two of the primes that are not a pair of the file."""
    primes = [prime for pair in _pairs() for prime in pair]
    known = set(_pairs())
    return [pair for pair in combinations(primes, 2) if pair not in known]


def _exponent(around: int, totient: int) -> int:
    """Return the n-th prime from 65537 on that can be an exponent; 65537 itself is number 0."""
    candidates = (
        e
        for e in count(_PUBLIC_EXPONENT, 2)
        if totient % e and all(e % divisor for divisor in range(3, isqrt(e) + 1, 2))
    )
    return next(islice(candidates, around, None))


def _integer(text: str) -> int:
    return int.from_bytes(b64decode(text), "big")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _der_integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _pem(label: str, der: bytes) -> str:
    text = b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))
