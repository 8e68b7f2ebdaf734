"""The text in a body that will be parsed: decompressed where a setting allows it, without a mark.

Signatures are checked before, over the bytes as they came. Nothing public says whether the vendors
read compressed bodies; their frameworks do not by default.
"""

from __future__ import annotations

import zlib

from mock_server.core.errors import Malformed, TooLarge
from mock_server.web.byte_order_marks import without_mark
from mock_server.web.calls import Bounds, Call

# How large a decompressed body may be, so that it costs no more than its size allows.
MAX_BYTES = 1024 * 1024
MAX_EXPANSION = 20  # or so many times the size of the compressed one

_GZIP = 31  # what zlib calls the formats
_ZLIB = 15
_RAW = -15
_COMPRESSIONS = (b"gzip", b"deflate", b"compress", b"br", b"zstd")


def make_plain(call: Call, bounds: Bounds) -> None:
    """Replace the body of a call by its text; raises Malformed or TooLarge."""
    coding = (call.header(b"content-encoding") or b"").strip().lower().removeprefix(b"x-")
    if any(name in coding for name in _COMPRESSIONS):
        shown = coding.decode("latin-1")
        if bounds.compressed == "refuse":
            raise Malformed(
                f"the body is compressed (Content-Encoding: {shown}); send it uncompressed,"
                " or let the mock read it with --compressed-bodies read"
            )
        if coding not in (b"gzip", b"deflate"):
            raise Malformed(f"the Content-Encoding {shown} cannot be read; send gzip or deflate")
        call.body = _decompressed(call.body, shown, bounds)
    elif call.body.startswith(b"\x1f\x8b"):
        raise Malformed("the body is compressed with gzip, and no Content-Encoding says so")
    text = without_mark(call.body)
    if text is not call.body:
        if not text:
            raise Malformed("the body is a byte order mark and nothing else")
        call.remark("the body begins with a byte order mark, which strict readers of JSON refuse")
        call.body = text


def _decompressed(body: bytes, coding: str, bounds: Bounds) -> bytes:
    limit_bytes = min(bounds.body_bytes, max(MAX_BYTES, MAX_EXPANSION * len(body)))
    reader = zlib.decompressobj(_GZIP if coding == "gzip" else _deflate_format(body))
    try:
        text = reader.decompress(body, limit_bytes + 1)
    except zlib.error:
        raise Malformed(f"the body is not in the format {coding}") from None
    if len(text) > limit_bytes:
        raise TooLarge("decompressed body", limit_bytes=limit_bytes)
    if not reader.eof or reader.unused_data:
        raise Malformed(f"the body is cut short, or more follows after its {coding} data")
    return text


def _deflate_format(body: bytes) -> int:
    """Return the format that `deflate` means: zlib's, as it should, or raw data, as some send."""
    is_zlib = body[:1].hex().endswith("8") and int.from_bytes(body[:2]) % 31 == 0
    return _ZLIB if is_zlib else _RAW
