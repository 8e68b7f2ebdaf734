"""Mistakes around the string to sign: secrets, algorithms, encodings, headers, clocks."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from urllib.parse import quote

from msgspec.structs import replace

from mock_server.tests.workshop.auth_diagnostics.making import (
    APP_ID,
    JSON,
    LISTED,
    OTHER_KEY,
    OTHER_SECRET,
    TOKEN,
    believing,
    changing,
    in_order,
    keyed,
    plain,
    sent,
)
from mock_server.tests.workshop.signing import (
    KEY,
    NOW,
    SECRET,
    STAMP,
    TARGET,
    a_request,
    digest,
    encoded,
    parts,
    signed,
)
from mock_server.workshop.gateway import Situation
from mock_server.workshop.settings import WorkshopSettings

# Secrets

keyed("another's", "secret-of-another-app", OTHER_SECRET)
keyed("line feed", "secret-decorated", SECRET + "\n")
keyed("str(bytes)", "secret-decorated", repr(SECRET.encode()))
keyed("carriage return", "secret-decorated", SECRET + "\r")
keyed("key and secret", "secret-decorated", KEY + SECRET)
keyed("blank", "secret-decorated", " " + SECRET)
keyed("base64", "secret-encoded", base64.b64encode(SECRET.encode()))
keyed("upper", "secret-case", SECRET.upper())
keyed("none", "secret-empty", "")
keyed("RAM", "secret-ampersand", SECRET + "&")
keyed("the key", "key-as-secret", KEY)
keyed("the token", "secret-is-other-credential", TOKEN)

# Algorithms


def twisted(name: str, cause: str, make: Callable[[bytes, bytes], bytes]) -> None:
    keyed(name, cause, SECRET, make=lambda key, text, algorithm: make(key, text))


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


for algorithm in ("sha1", "md5", "sha512"):
    keyed(algorithm, "algorithm-other", SECRET, algorithm=algorithm)
sent(
    "256 for 1",
    "algorithm-other",
    signed(plain(x_ca_signature_method="HmacSHA1"), algorithm="sha256"),
)
sent("unknown", "algorithm-unknown", signed(plain(x_ca_signature_method="HMAC-SHA256")))
twisted("no key", "plain-digest", lambda key, text: sha256(text))
twisted("key before", "plain-digest", lambda key, text: sha256(key + text))
twisted("key behind", "plain-digest", lambda key, text: sha256(text + key))
twisted("swapped", "arguments-swapped", lambda key, text: digest(text, key))
twisted("twice", "signed-twice", lambda key, text: digest(key, digest(key, text)))
twisted(
    "base64 twice",
    "signed-twice",
    lambda key, text: digest(key, encoded(digest(key, text)).encode()),
)
twisted(
    "hex twice", "signed-twice", lambda key, text: digest(key, digest(key, text).hex().encode())
)
twisted("hash", "hashed-first", lambda key, text: digest(key, sha256(text)))
twisted("hex hash", "hashed-first", lambda key, text: digest(key, sha256(text).hex().encode()))

# Encodings


def as_text(name: str, cause: str, encode: Callable[[bytes], str]) -> None:
    keyed(name, cause, SECRET, encode=encode)


def nonce_with(sign: str) -> str:
    """Return a nonce whose signature has this sign, so that losing it makes a difference."""
    return next(
        str(number)
        for number in range(10_000)
        if sign in signed(plain(x_ca_nonce=str(number))).value("x-ca-signature").rstrip("=")
    )


def resigned(name: str, cause: str, sign: str, change: Callable[[str], str]) -> None:
    """Note a signature with a sign in it that is lost on the way."""
    request = plain(x_ca_nonce=nonce_with(sign))
    sent(name, cause, signed(request, encode=lambda raw: change(encoded(raw))))


as_text("hex", "signature-hex", bytes.hex)
as_text("capitals", "signature-hex", lambda raw: raw.hex().upper())
as_text("base64 of hex", "signature-base64-of-hex", lambda raw: encoded(raw.hex().encode()))
as_text("base64 twice", "signature-base64-twice", lambda raw: encoded(encoded(raw).encode()))
as_text("unpadded", "signature-unpadded", lambda raw: encoded(raw).rstrip("="))
as_text("quoted", "signature-quoted", lambda raw: f'"{encoded(raw)}"')
as_text("blanks", "signature-blanks", lambda raw: encoded(raw)[:20] + " " + encoded(raw)[20:])
as_text("short", "signature-length", lambda raw: encoded(raw[:31]))
as_text("nonsense", "signature-not-base64", lambda raw: "!" + encoded(raw))
as_text("percent", "signature-percent-encoded", lambda raw: quote(encoded(raw), safe=""))
as_text("lines", "signature-line-breaks", lambda raw: encoded(raw)[:20] + "\\n" + encoded(raw)[20:])
resigned(
    "URL-safe", "signature-url-safe", "/", lambda text: text.replace("/", "_").replace("+", "-")
)
resigned("plus", "signature-plus-as-blank", "+", lambda text: text.replace("+", " "))

# No credentials, and those of other schemes

BARE = plain().having(
    x_ca_key=None,
    x_ca_nonce=None,
    x_ca_timestamp=None,
    x_ca_signature_method=None,
    x_ca_signature_headers=None,
)
sent("nothing", "credentials-missing", BARE)
sent("no signature", "signature-missing", a_request())
sent("no key", "key-missing", signed(a_request()).having(x_ca_key=None))
UNDERSCORED = replace(
    signed(a_request()),
    headers=tuple((name.replace("-", "_"), value) for name, value in signed(a_request()).headers),
)
sent("underscores", "headers-underscored", UNDERSCORED)
sent("misnamed", "key-header-misnamed", signed(plain(x_ca_appkey=KEY)).having(x_ca_key=None))
for name, cause, authorization in (
    ("TAMS", "tams-credentials", "TAMS-SHA256-RSA app_id=a,nonce_str=b,timestamp=1,signature=c"),
    ("Bearer", "bearer-credentials", f"Bearer {TOKEN}"),
    ("ACS", "ram-credentials", "acs id:signature"),
    ("ACS3", "ram-credentials", "ACS3-HMAC-SHA256 Credential=a,Signature=b"),
    ("AppCode", "app-code", "APPCODE 0123456789"),
    ("Basic", "other-credentials", "Basic YTpi"),
    ("any", "other-credentials", "Anything"),
):
    sent(name, f"{cause} credentials-missing", BARE.having(authorization=authorization))
sent(
    "RAM query",
    "ram-credentials credentials-missing",
    replace(BARE, target=TARGET + "?AccessKeyId=a&Signature=b&SignatureNonce=c"),
)

# AppKeys

sent("unknown", "key-unknown", signed(plain(x_ca_key="999"), secret="nobody's secret"))
sent("known by its secret", "key-wrong", signed(plain(x_ca_key="999")))
sent("swapped", "key-and-secret-swapped", signed(plain(x_ca_key=SECRET), secret=KEY))
sent("quoted", "key-decorated", signed(plain(x_ca_key=f'"{KEY}"')))
sent("app id", "key-is-other-credential", signed(plain(x_ca_key=APP_ID)))
sent(
    "another's",
    "key-of-another-account",
    signed(plain(x_ca_key=OTHER_KEY), secret=OTHER_SECRET),
    meant=True,
)
sent(
    "no leave",
    "key-not-authorized",
    signed(a_request()),
    settings=WorkshopSettings(unauthorized_keys=(KEY,)),
)
sent(
    "run out",
    "authorization-expired",
    signed(a_request()),
    settings=WorkshopSettings(expired_keys=(KEY,)),
)

# Time, nonce, stage


def at(name: str, cause: str, stamp: str) -> None:
    sent(name, cause, signed(plain(x_ca_timestamp=stamp)))


at("seconds", "timestamp-seconds", str(NOW))
at("microseconds", "timestamp-other-unit", STAMP + "000")
at("words", "timestamp-not-a-number", "now")
at("ahead", "clock-ahead", f"{NOW + 1000}000")
at("behind", "clock-behind", f"{NOW - 100_000}000")
at("zone", "clock-time-zone", f"{NOW + 8 * 3600}000")
sent(
    "none",
    "timestamp-missing",
    signed(plain(x_ca_timestamp=None, x_ca_signature_headers="x-ca-key")),
    settings=WorkshopSettings(timestamp_required=True),
)
sent("used", "nonce-used", signed(a_request()), refused=Situation.NONCE_USED)
sent(
    "none",
    "nonce-missing",
    signed(plain(x_ca_nonce=None, x_ca_signature_headers="x-ca-key")),
    settings=WorkshopSettings(nonce_required=True),
)
sent("unknown", "stage-unknown", signed(plain(x_ca_stage="BETA")))

# Several mistakes in one request

believing(
    "library",
    "accept-added content-type-charset",
    plain(accept=None, content_type=JSON),
    a_request(accept="*/*"),
)
changing(
    "names and order",
    "names-lower-cased list-order-kept",
    5,
    lambda text: in_order(a_request()),
    LISTED,
)
believing("method and date", "method-case date-not-signed", a_request("post", date=None))
keyed(
    "another's, in hexadecimal",
    "secret-of-another-app signature-hex",
    OTHER_SECRET,
    encode=bytes.hex,
)
sent(
    "late, and not sorted",
    "clock-behind list-order-kept",
    signed(
        plain(x_ca_timestamp=f"{NOW - 100_000}000"),
        split=lambda each: [*parts(each)[:5], in_order(each), parts(each)[6]],
    ),
)
