"""Every mistake of the catalogue, made on purpose: cause, what tells it apart, and the request."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256, SHA384, SHA512

from mock_server.tams.signature import Reason
from mock_server.tests.tams.signing import (
    APP,
    BODY,
    HOST,
    NONCE,
    NOW,
    Sent,
    joined,
    padded,
    raw_rsa,
    send,
)

VALUE = json.loads(BODY)
SECRET, TOKEN = "mock-secret-0001-abcdef", "mock-token-0001-abcdef"
OTHER_TOKEN = "other-token-0002-abcdef"


@dataclass(frozen=True)
class TamsMistake:
    """One mistake, the request that makes it, and what of the evidence is special about it."""

    name: str
    causes: tuple[str, ...]
    make: Callable[[], Sent]
    evidence: dict[str, Any] = field(default_factory=dict)


MISTAKES: list[TamsMistake] = []


def mistake(name: str, causes: str, make: Callable[[], Sent], **evidence: Any) -> None:
    MISTAKES.append(TamsMistake(name, tuple(causes.split()), make, evidence))


def signing(name: str, causes: str, *arguments: Any, **options: Any) -> None:
    mistake(name, causes, lambda: send(*arguments, **options))


def dumped(value: Any = VALUE, **style: Any) -> bytes:
    return json.dumps(value, **style).encode()


RAW: dict[str, Any] = {"ensure_ascii": False}
TIGHT: dict[str, Any] = {"separators": (",", ":")}
COMPACT = dumped(**RAW, **TIGHT)

# Bodies

signing("compact", "body-compact", signed_body=COMPACT)
signing("spaced", "body-spaced", body=COMPACT, signed_body=BODY)
for indent in (2, 4, "\t"):
    signed = dumped(indent=indent, **RAW)
    signing(f"pretty {indent!r}", "body-pretty-printed", signed_body=signed)
signing("sorted", "body-sorted-keys", signed_body=dumped(sort_keys=True, **RAW))
signing(
    "sorted and compact",
    "body-sorted-keys body-compact",
    signed_body=dumped(sort_keys=True, **RAW, **TIGHT),
)
signing(
    "sorted, of another layout",
    "body-sorted-keys body-compact",
    body=b'{ "b":1,  "a":2}',
    signed_body=b'{"a":2,"b":1}',
)
signing("escaped", "body-ascii-escaped", signed_body=dumped())
signing("escaped in capitals", "body-ascii-escaped", signed_body=dumped().replace(b"e9", b"E9"))
signing("raw", "body-raw-non-ascii", body=dumped(), signed_body=BODY)
signing("escaped and compact", "body-ascii-escaped body-compact", signed_body=dumped(**TIGHT))
signing("slashes", "body-slashes-escaped", signed_body=BODY.replace(b"/", b"\\/"))
signing("no slashes", "body-slashes-plain", body=BODY.replace(b"/", b"\\/"), signed_body=BODY)
HTML = BODY.replace(b"<", b"\\u003c").replace(b">", b"\\u003e")
signing("html", "body-html-escaped", signed_body=HTML)
signing("no html", "body-html-plain", body=HTML, signed_body=BODY)
signing("numbers", "body-numbers-rewritten", signed_body=BODY.replace(b"7.0", b"7"))
signing(
    "long numbers",
    "body-numbers-rewritten",
    body=b'{"model":757279507095956705}',
    signed_body=b'{"model":757279507095956700}',
)
signing("line feed added", "body-newline-added", signed_body=BODY + b"\n")
signing("line feed sent", "body-newline-stripped", body=BODY + b"\n", signed_body=BODY)
signing("CRLF sent", "body-newline-stripped", body=BODY + b"\r\n", signed_body=BODY)
signing("space stripped", "body-space-stripped", body=b"\n " + BODY + b"\n", signed_body=BODY)
signing("space added", "body-space-added", signed_body=b"\n" + BODY + b"\n")
LINES = dumped(indent=2)
signing("CRLF signed", "body-crlf", body=LINES, signed_body=LINES.replace(b"\n", b"\r\n"))
signing("LF signed", "body-lf", body=LINES.replace(b"\n", b"\r\n"), signed_body=LINES)
signing("mark signed", "body-bom", signed_body=b"\xef\xbb\xbf" + BODY)
signing("mark sent", "body-bom", body=b"\xef\xbb\xbf" + BODY, signed_body=BODY)
signing("no body", "body-left-out", signed_body=b"")
for word in (b"{}", b"null", b"undefined"):
    signing(f"{word!r}", "body-placeholder", "GET", body=b"", signed_body=word)
for algorithm in ("sha256", "md5", "sha1"):
    digest = hashlib.new(algorithm, BODY).digest()
    for form in (digest.hex(), digest.hex().upper(), base64.b64encode(digest).decode()):
        signing(f"{algorithm} {form[-8:]}", "body-hashed-first", signed_body=form.encode())
signing("base64", "body-base64", signed_body=base64.b64encode(BODY))
signing("twice", "body-quoted", signed_body=dumped(BODY.decode()))
signing("str(dict)", "body-object-text", signed_body=repr(VALUE).encode())
signing("object", "body-object-text", signed_body=b"[object Object]")
signing("form", "body-form-encoded", body=b'{"a":"x y","b":2}', signed_body=b"a=x+y&b=2")
signing("GBK", "body-charset", body="{'猫'}".encode(), signed_body="{'猫'}".encode("gbk"))
signing("latin-1", "body-charset", signed_body=BODY.decode().encode("latin-1"))

# URLs

signing("prefix added", "path-prefix-added", signed_target=lambda t: b"/api" + t)
signing(
    "prefix missing", "path-prefix-left-out", target=b"/gate/v1/jobs", signed_target=b"/v1/jobs"
)
signing("no path", "path-left-out", target=b"/v1/jobs", signed_target=b"")
signing("encoded whole", "url-encoded", signed_target=lambda t: quote(t, safe="").encode())
signing("encoded path", "url-encoded", target=b"/v1/jobs", signed_target=b"%2Fv1%2Fjobs")
signing(
    "bare false", "query-changed", target=b"/v1/jobs?a=false&b=1", signed_target=b"/v1/jobs?a&b=1"
)
signing("no empty", "query-changed", target=b"/v1/jobs?a=&b=1", signed_target=b"/v1/jobs?b=1")
signing("// and host", "host-included", signed_target=lambda t: b"//" + HOST + t)
signing("no query", "query-left-out", signed_target=b"/v1/jobs")
signing("bare ?", "query-added", "GET", b"/v1/jobs/1", b"", signed_target=b"/v1/jobs/1?")
signing(
    "body as query",
    "query-added",
    target=b"/v1/jobs",
    body=b'{"a":1}',
    signed_target=b"/v1/jobs?a=1",
)
signing(
    "query as body",
    "query-in-body",
    "GET",
    b"/v1/jobs?a=1&b=2",
    b"",
    signed_target=b"/v1/jobs",
    signed_body=b"a=1&b=2",
)
signing("sorted query", "query-sorted", signed_target=b"/v1/jobs?a=x%20y&b=2")
signing("decoded", "url-decoded", signed_target=unquote_to_bytes)
signing(
    "form-decoded", "url-decoded", target=b"/v1/jobs?a=x+y%2f", signed_target=b"/v1/jobs?a=x y/"
)
signing("encoded", "url-encoded", signed_target=lambda t: quote(t, safe="/?&=").encode())
signing("capitals", "url-encoded", target=b"/v1/j?a=%e7", signed_target=b"/v1/j?a=%E7")
signing("plus", "url-encoded", signed_target=lambda t: t.replace(b"%20", b"+"))
signing("host", "host-included", signed_target=lambda t: HOST + t)
signing("host alone", "host-included", signed_target=lambda t: b"127.0.0.1" + t)
signing("http", "scheme-and-host-included", signed_target=lambda t: b"http://" + HOST + t)
signing("https", "scheme-and-host-included", signed_target=lambda t: b"https://" + HOST + t)
signing("no version", "version-missing", signed_target=lambda t: t[3:])
signing("version twice", "version-doubled", signed_target=lambda t: b"/v1" + t)
signing("no slash", "leading-slash-missing", signed_target=lambda t: t[1:])
signing("slash", "trailing-slash-added", signed_target=lambda t: t.replace(b"?", b"/?"))
signing("slash sent", "trailing-slash-removed", target=b"/v1/jobs/", signed_target=b"/v1/jobs")
signing("two slashes", "double-slash", signed_target=lambda t: b"/" + t)
signing("two sent", "double-slash", target=b"//v1/jobs", signed_target=b"/v1/jobs")
signing("small", "url-lower-case", target=b"/v1/models/AbC", signed_target=b"/v1/models/abc")
signing("no id", "path-segment-left-out", "GET", b"/v1/jobs/12", b"", signed_target=b"/v1/jobs")
mistake(
    "other path",
    "other-path",
    lambda: send(target=b"/v1/jobs/credits", signed_target=b"/v1/resource/image"),
    paths=(b"/v1/jobs", b"/v1/resource/image"),
)

# Methods, timestamps, nonces

signing("small method", "method-case", signed_method=b"post")
signing("capitalised", "method-case", signed_method=b"Post")
signing("other method", "other-method", signed_method=b"GET")
signing("whole ms", "timestamp-milliseconds-signed", signed_timestamp=f"{NOW}000".encode())
signing("any ms", "timestamp-milliseconds-signed", signed_timestamp=f"{NOW}417".encode())
signing(
    "ms sent, s signed",
    "timestamp-seconds-signed",
    timestamp=f"{NOW}417",
    signed_timestamp=str(NOW).encode(),
)
mistake(
    "ms sent and signed",
    "timestamp-milliseconds-sent",
    lambda: send(timestamp=f"{NOW}417"),
    clock_skew=300,
)
signing("time.time()", "timestamp-fraction", signed_timestamp=f"{NOW}.123".encode())
signing("a date", "timestamp-differs", signed_timestamp=b"2026-01-15T08:00:00Z")
signing("local time", "timestamp-differs", signed_timestamp=str(NOW + 8 * 3600).encode())
signing("microseconds", "timestamp-milliseconds-signed", signed_timestamp=f"{NOW}000000".encode())
signing("fraction", "timestamp-fraction", signed_timestamp=f"{NOW}.0".encode())
signing("later", "timestamp-differs", signed_timestamp=str(NOW + 1).encode())
signing("earlier", "timestamp-differs", signed_timestamp=str(NOW - 3).encode())
signing("small nonce", "nonce-differs", signed_nonce=NONCE.lower().encode())
signing("md5 nonce", "nonce-differs", signed_nonce=hashlib.md5(b"%d" % NOW).hexdigest().encode())
signing("bare nonce", "nonce-differs", signed_nonce=NONCE.replace("-", "").encode())
signing("swapped", "pairs-swapped", join=lambda m, u, t, n, b: joined(m, u, n, t, b))
for name, cause, off in (
    ("slow", "clock-behind", -1000),
    ("fast", "clock-ahead", 4711),
    ("zone", "clock-time-zone", 8 * 3600 + 2),
    ("half zone", "clock-time-zone", -19_800),
):
    mistake(name, cause, lambda off=off: send(timestamp=str(NOW + off)), clock_skew=300)  # type: ignore[misc]
mistake("replayed", "nonce-replayed", send, refused=Reason.NONCE_REPLAYED)

# Joining

for name, cause, separator in (
    ("CRLF", "separator-crlf", b"\r\n"),
    ("literal", "separator-literal", b"\\n"),
    ("blank", "separator-other", b" "),
    ("nothing", "separator-other", b""),
    ("comma", "separator-other", b","),
    ("ampersand", "separator-other", b"&"),
):
    signing(name, cause, join=lambda *parts, separator=separator: separator.join(parts))
signing("no LF", "final-lf-missing", "GET", body=b"", join=lambda *parts: joined(*parts[:4]))
signing("more LF", "final-lf-extra", "GET", body=b"", join=lambda *parts: joined(*parts) + b"\n")
signing("text block", "space-around", string=lambda message: b"\n" + message)
signing("reversed", "parts-reordered", join=lambda *parts: joined(*parts[::-1]))
signing("body first", "parts-reordered", join=lambda *parts: joined(parts[4], *parts[:4]))
for place in range(6):
    signing(
        f"app id at {place}",
        "app-id-included",
        join=lambda *parts, place=place: joined(*parts[:place], APP.encode(), *parts[place:]),
    )
signing(
    "app id in another order",
    "app-id-included",
    join=lambda m, u, t, n, b: joined(APP.encode(), t, n, m, u, b),
)
signing("no nonce", "part-left-out", join=lambda m, u, t, n, b: joined(m, u, t, b))
signing("no method", "part-left-out", join=lambda *parts: joined(*parts[1:]))
signing(
    "named",
    "parts-named",
    join=lambda m, u, t, n, b: b"method=%b&url=%b&timestamp=%b&nonce=%b&body=%b" % (m, u, t, n, b),
)
signing(
    "hexadecimal first",
    "string-hashed-first",
    string=lambda message: hashlib.sha256(message).hexdigest().encode(),
)
signing("hashed", "string-hashed-first", string=lambda message: hashlib.sha256(message).digest())

# Algorithms

signing("SHA-1", "hash-sha1", hashed=SHA1())
signing("SHA-512", "hash-sha512", hashed=SHA512())
signing("SHA-384", "hash-other", hashed=SHA384())
signing("MD5", "hash-other", hashed=MD5())
signing(
    "no hash", "hash-left-out", body=b"{}", sign=lambda message, key: raw_rsa(padded(message), key)
)
signing(
    "no DigestInfo",
    "digest-info-missing",
    sign=lambda message, key: raw_rsa(padded(hashlib.sha256(message).digest()), key),
)
for words, salt in (("long", padding.PSS.MAX_LENGTH), ("short", padding.PSS.DIGEST_LENGTH)):
    signing(
        f"PSS, {words} salt",
        "padding-pss",
        sign=lambda message, key, salt=salt: key.sign(
            message, padding.PSS(padding.MGF1(SHA256()), salt), SHA256()
        ),
    )
signing(
    "PSS, SHA-1 mask",
    "padding-pss",
    sign=lambda message, key: key.sign(
        message, padding.PSS(padding.MGF1(SHA1()), padding.PSS.MAX_LENGTH), SHA256()
    ),
)
signing(
    "raw RSA",
    "padding-none digest-info-missing",
    sign=lambda message, key: raw_rsa(hashlib.sha256(message).digest(), key),
)
signing(
    "hexadecimal digest, no DigestInfo",
    "digest-info-missing",
    sign=lambda message, key: raw_rsa(padded(hashlib.sha256(message).hexdigest().encode()), key),
)
signing(
    "HMAC with a line feed",
    "hmac",
    sign=lambda message, key: hmac.digest(SECRET.encode() + b"\n", message, "sha256"),
)
for secret in (SECRET, TOKEN, APP):
    signing(
        f"HMAC {secret}",
        "hmac",
        sign=lambda message, key, secret=secret: hmac.digest(secret.encode(), message, "sha256"),
    )
signing("digest", "digest-only", sign=lambda message, key: hashlib.sha256(message).digest())
signing("short", "signature-length", sign=lambda message, key: bytes(range(200)))

# Keys and encodings

signing("other key", "key-of-another-account", key=1)
signing("unknown key", "key-not-registered", key=7)
signing("no key", "key-missing", app_id="keyless", key=7)
signing("hex", "signature-hex", encode=bytes.hex)
signing(
    "URL-safe", "signature-url-safe", encode=lambda data: base64.urlsafe_b64encode(data).decode()
)
signing(
    "unpadded",
    "signature-unpadded",
    encode=lambda data: base64.b64encode(data).decode().rstrip("="),
)


def in_lines(data: bytes, end: str) -> str:
    text = base64.b64encode(data).decode()
    return end.join(text[start : start + 76] for start in range(0, len(text), 76))


signing("lines", "signature-line-breaks", encode=lambda data: in_lines(data, "\\n"))
signing("folded", "signature-line-breaks", encode=lambda data: in_lines(data, " "))
signing("blank", "signature-blanks", encode=lambda data: in_lines(data, " ")[:76] + " " + in_lines(
    data, "")[76:])  # fmt: skip
signing(
    "plus", "signature-plus-as-blank",
    encode=lambda data: base64.b64encode(data).decode().replace("+", " "),
)  # fmt: skip
signing(
    "percent", "signature-percent-encoded",
    encode=lambda data: quote(base64.b64encode(data).decode(), safe=""),
)  # fmt: skip
signing(
    "hex of base64",
    "signature-hex signature-base64-twice",
    encode=lambda data: base64.b64encode(data).hex(),
)
signing(
    "base64 of hex",
    "signature-hex",
    encode=lambda data: base64.b64encode(data.hex().encode()).decode(),
)
signing(
    "base64 twice",
    "signature-base64-twice",
    encode=lambda data: base64.b64encode(base64.b64encode(data)).decode(),
)
signing(
    "back to front",
    "signature-reversed",
    encode=lambda data: base64.b64encode(data[::-1]).decode(),
)
signing("no base64", "signature-not-base64", encode=lambda data: "!!!")

# Headers

PAIRS = "app_id={app},nonce_str={nonce},timestamp={ts},signature={sig}"
STRICT = {"header_grammar": "strict"}
for name, causes, line, more in (
    ("no header", "header-missing", "", {}),
    ("scheme", "scheme-word", "RSA-SHA256 " + PAIRS, {}),
    ("scheme with a colon", "scheme-word", "TAMS-SHA256-RSA:" + PAIRS, {}),
    ("no scheme", "scheme-left-out", PAIRS, {}),
    ("lone token", "scheme-left-out", TOKEN, {}),
    ("case", "scheme-case", "tams-sha256-rsa " + PAIRS, STRICT),
    ("quotes", "header-quotes", "TAMS-SHA256-RSA " + PAIRS.replace("{sig}", '"{sig}"'), STRICT),
    ("stray quotes", "header-quotes", f'TAMS-SHA256-RSA "{PAIRS}"', {}),
    ("blanks", "header-blanks", "TAMS-SHA256-RSA " + PAIRS.replace(",", ", "), STRICT),
    (
        "order",
        "header-order",
        "TAMS-SHA256-RSA timestamp={ts},app_id={app},nonce_str={nonce},signature={sig}",
        STRICT,
    ),
    ("more", "header-more-pairs", f"TAMS-SHA256-RSA {PAIRS},version=1", STRICT),
    ("semicolons", "header-separator", "TAMS-SHA256-RSA " + PAIRS.replace(",", ";"), {}),
    ("blanks between", "header-separator", "TAMS-SHA256-RSA " + PAIRS.replace(",", " "), {}),
    ("words", "header-grammar", "TAMS-SHA256-RSA nothing useful", {}),
    ("umlaut", "header-bytes", "TAMS-SHA256-RSA äpp_id=1", {}),
    ("long", "header-too-long", "TAMS-SHA256-RSA " + PAIRS + "," + "x" * 9000, {}),
    ("no pair", "pair-missing", "TAMS-SHA256-RSA app_id={app},timestamp={ts},signature={sig}", {}),
    ("misspelt", "pair-misspelt", "TAMS-SHA256-RSA " + PAIRS.replace("nonce_str", "nonceStr"), {}),
    ("twice", "pair-repeated", f"TAMS-SHA256-RSA app_id=1,{PAIRS}", {}),
    (
        "date", "timestamp-not-a-number",
        "TAMS-SHA256-RSA " + PAIRS.replace("{ts}", "2026-01-15T08:00:00Z"), {},
    ),
    ("no token", "token-missing", "Bearer ", {}),
    ("bearer case", "scheme-case", "bearer " + TOKEN, STRICT),
    ("token", "token-unknown", "Bearer nobody-has-this-token", {}),
    ("quoted token", "token-decorated", f'Bearer "{TOKEN}"', {}),
    ("token in capitals", "token-decorated", f"Bearer {TOKEN.upper()}", {}),
    ("Bearer twice", "token-doubled-scheme", f"Bearer Bearer {TOKEN}", {}),
    ("secret as token", "token-is-other-credential", f"Bearer {SECRET}", {}),
    ("RSA app", "bearer-with-rsa-app", f"Bearer {TOKEN}", {"schemes": "one"}),
    ("other token", "token-of-another-account", f"Bearer {OTHER_TOKEN}", {"meant": True}),
):  # fmt: skip
    mistake(name, causes, lambda line=line: send(header=line), **more)  # type: ignore[misc]
signing("unheard", "app-unknown", app_id="unheard", key=7)
signing("app id in capitals", "app-id-case", app_id=APP.upper())
signing("token as app id", "app-id-is-other-credential", app_id=TOKEN)
signing("wrong app id", "app-id-wrong", app_id="unheard")
mistake(
    "other app", "app-id-of-another-account", lambda: send(app_id="otherApp", key=1), meant=True
)

# Without the last line feed

UNENDED = {"method": "GET", "body": b"", "join": lambda *parts: joined(*parts[:4])}
for name, causes, options in (
    ("method", "other-method", {"signed_method": b"POST"}),
    ("query", "query-left-out", {"signed_target": b"/v1/jobs"}),
    ("any ms", "timestamp-milliseconds-signed", {"signed_timestamp": f"{NOW}417".encode()}),
    ("md5 nonce", "nonce-differs", {"signed_nonce": hashlib.md5(b"%d" % NOW).hexdigest().encode()}),
    ("no nonce", "part-left-out", {"join": lambda m, u, t, n, b: joined(m, u, t)}),
    ("in reverse", "parts-reordered", {"join": lambda m, u, t, n, b: joined(n, t, u, m)}),
    ("CRLF", "separator-crlf", {"join": lambda *parts: b"\r\n".join(parts[:4])}),
    ("named", "parts-named",
     {"join": lambda m, u, t, n, b: b"method=%b&url=%b&timestamp=%b&nonce=%b" % (m, u, t, n)}),
    ("hashed", "string-hashed-first",
     {"string": lambda message: hashlib.sha256(message).hexdigest().encode()}),
    ("text block", "space-around", {"string": lambda message: b"\n" + message}),
    ("SHA-1", "hash-sha1", {"hashed": SHA1()}),
    ("hex", "signature-hex", {"encode": bytes.hex}),
    ("other key", "key-of-another-account", {"key": 1}),
):  # fmt: skip
    signing(f"unended, {name}", f"{causes} final-lf-missing", **(UNENDED | options))
