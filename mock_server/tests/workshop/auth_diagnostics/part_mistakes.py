"""Mistakes in the first five signed parts: method, Accept, Content-MD5, Content-Type, Date."""

from __future__ import annotations

import hashlib
import json

from msgspec.structs import replace

from mock_server.tests.workshop.auth_diagnostics.making import (
    JSON,
    believing,
    changing,
    plain,
    sent,
)
from mock_server.tests.workshop.signing import (
    BODY,
    NOW,
    a_request,
    encoded,
    md5,
    signed,
)

# Method

changing("post", "method-case", 0, str.lower)
changing("Post", "method-case", 0, str.title)
changing("GET", "method-other", 0, lambda method: "GET")

# Accept

believing("added by the library", "accept-added", plain(accept=None), plain(accept="*/*"))
believing("another", "accept-changed", plain(accept="application/json"), plain(accept="*/*"))
believing("none sent", "accept-not-sent", plain(accept="application/json"), plain(accept=None))

# Content-Type

believing("added", "content-type-added", plain(content_type=""), a_request())
believing(
    "charset appended",
    "content-type-charset",
    a_request(content_type=JSON),
    a_request(content_type=f"{JSON};charset=ISO-8859-1"),
)
believing(
    "charset left out",
    "content-type-charset",
    a_request(content_type=f"{JSON}; charset=utf-8"),
    a_request(content_type=JSON),
)
believing(
    "lower",
    "content-type-case",
    a_request(content_type=f"{JSON}; charset=utf-8"),
    a_request(content_type=f"{JSON}; charset=UTF-8"),
)
believing(
    "upper", "content-type-case", a_request(content_type=f"{JSON}; charset=UTF-8"), a_request()
)
believing(
    "boundary",
    "content-type-boundary",
    a_request(content_type="multipart/form-data"),
    a_request(content_type="multipart/form-data; boundary=xyz"),
)
believing(
    "octets",
    "content-type-changed",
    a_request(content_type="application/octet-stream"),
)
believing("not sent", "content-type-not-sent", a_request(content_type=JSON), plain(content_type=""))

# Date

GMT = "Thu, 15 Jan 2026 08:00:00 GMT"
PLUS = GMT + "+00:00"
believing("GMT for +00:00", "date-zone", plain(date=GMT), plain(date=PLUS))
believing("+00:00 for GMT", "date-zone", plain(date=PLUS), plain(date=GMT))
believing("local", "date-zone", plain(date="Thu, 15 Jan 2026 16:00:00 GMT+08:00"))
believing("ISO", "date-format", plain(date="2026-01-15T08:00:00Z"))
believing("seconds", "date-format", plain(date=str(NOW)))
believing("one second", "date-moved", plain(date="Thu, 15 Jan 2026 08:00:01 GMT"))
believing("left out", "date-not-signed", plain(date=None))
believing("not sent", "date-not-sent", plain(date=PLUS), plain(date=None))

# Content-MD5

VALUE = json.loads(BODY)
COMPACT = json.dumps(VALUE, ensure_ascii=False, separators=(",", ":")).encode()
SPACED = json.dumps(VALUE, ensure_ascii=False).encode()
DIGEST = hashlib.md5(BODY).digest()
believing("left empty", "digest-not-signed", plain(content_md5=None))
believing("not sent", "digest-not-sent", a_request(), plain(content_md5=None))
believing(
    "right in the string",
    "digest-sent-otherwise digest-of-other-bytes",
    a_request(),
    plain(content_md5=md5(COMPACT)),
)
believing("hex", "digest-hex", plain(content_md5=DIGEST.hex()))
believing(
    "base64 of hex", "digest-base64-of-hex", plain(content_md5=encoded(DIGEST.hex().encode()))
)
believing("unpadded", "digest-encoding", plain(content_md5=md5(BODY).rstrip("=")))
believing("compact", "digest-of-other-bytes", plain(content_md5=md5(COMPACT)))
believing("escaped", "digest-of-other-bytes", plain(content_md5=md5(json.dumps(VALUE).encode())))
SPELLINGS = {
    "pretty": json.dumps(VALUE, indent=2, ensure_ascii=False),
    "sorted": json.dumps(VALUE, sort_keys=True, ensure_ascii=False),
    "Go": BODY.decode().replace("<", "\\u003c").replace(">", "\\u003e"),
    "PHP": json.dumps(VALUE, separators=(",", ":")).replace("/", "\\/"),
    "repr": repr(VALUE),
    "bytes": repr(BODY),
    "twice": json.dumps(BODY.decode()),
    "numbers": BODY.decode().replace("7.0", "7"),
    "without a member": json.dumps({"apiToken": VALUE["apiToken"], "cfg": 7.0}, ensure_ascii=False),
}
for name, text in SPELLINGS.items():
    believing(name, "digest-of-other-bytes", plain(content_md5=md5(text.encode())))
    sent(f"sent {name}", "digest-of-other-bytes", signed(plain(content_md5=md5(text.encode()))))
believing("of nothing", "digest-of-nothing", plain(content_md5=md5(b"")))
believing("SHA-256", "digest-other-hash", plain(content_md5=encoded(hashlib.sha256(BODY).digest())))
changing("the body", "digest-is-body", 2, lambda digest: BODY.decode())
believing(
    "hex and not sent",
    "digest-not-sent digest-hex",
    plain(content_md5=DIGEST.hex()),
    plain(content_md5=None),
)
for name, cause, value in (
    ("hex", "digest-hex", DIGEST.hex().upper()),
    ("base64 of hex", "digest-base64-of-hex", encoded(DIGEST.hex().encode())),
    ("URL-safe", "digest-encoding", md5(BODY).rstrip("=")),
    ("of compact JSON", "digest-of-other-bytes", md5(COMPACT)),
    ("of nothing", "digest-of-nothing", md5(b"")),
    ("SHA-1", "digest-other-hash", encoded(hashlib.sha1(BODY).digest())),
    ("of anything", "digest-of-unknown-bytes", md5(b"something else")),
):
    sent(f"sent {name}", cause, signed(plain(content_md5=value)))
sent("compact sent", "digest-of-other-bytes", replace(signed(plain(body=SPACED)), body=COMPACT))
sent("no body", "digest-with-empty-body", signed(a_request(body=b"", content_md5=md5(b""))))
