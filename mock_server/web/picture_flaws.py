"""Why bytes are no picture that can be read, in words for the person who sent them."""

from __future__ import annotations

import re
from functools import cache

_PICTURES = {
    "a GIF": rb"GIF8[79]a",
    "a BMP": rb"BM.{4}\0{4}",
    "a TIFF": rb"II\*\0|MM\0\*",
    "an AVIF": rb".{4}ftyp(avif|avis)",
    "a HEIC": rb".{4}ftyp(heic|heix|mif1|msf1|hevc)",
    "a JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "a JPEG 2000": rb"\0\0\0\x0cjP  ",
    "an SVG": rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg",
    "a Photoshop": rb"8BPS",
    "an icon": rb"\0\0\x01\0.\0",
}
_OTHERS = {
    "it is a video, and must be a picture": rb".{4}ftyp|\x1aE\xdf\xa3",
    "it is an HTML page": rb"\s*<(!doctype html|html|head|body)",
    "it is an XML document": rb"\s*<\?xml|\s*<Error",
    "it is a PDF document": rb"%PDF-",
    "it is a ZIP archive": rb"PK\x03\x04",
    "it is compressed with gzip, and must be the bytes of the picture": rb"\x1f\x8b",
    "it is a multipart form, and the body must be the bytes of the picture alone": (
        rb"--[^\r\n]{1,80}\r?\ncontent-disposition:"
    ),
    "it is base64 text, and must be the bytes of the picture": (
        rb"data:[a-z0-9.+/;=-]*,|(iVBORw0KGgo|[/_]9j[/_]|UklGR)[A-Za-z0-9+/_=\s-]*$"
    ),
    "it is JSON text, and must be the bytes of a picture": rb"\s*(\{|\[(?!object ))",
    "its bytes were changed, because it was read or written as text": (
        rb"(\xc2\x89|\xef\xbf\xbd)PNG|\x89PNG(\r\r|\n)|\xc3\xbf\xc3\x98|(\xef\xbf\xbd){2}"
        rb"|RIFF.{4,16}\xef\xbf\xbd"
    ),
}
_MUST = "picture, and must be PNG, JPEG or WebP"
_MAX_HEAD = 1024
_BOM = b"\xef\xbb\xbf"


@cache
def _kinds() -> list[tuple[re.Pattern[bytes], str]]:
    patterns = {f"it is {name} {_MUST}": p for name, p in _PICTURES.items()} | _OTHERS
    flags = re.IGNORECASE | re.DOTALL
    return [(re.compile(pattern, flags), text) for text, pattern in patterns.items()]


def kind_of(data: bytes) -> str:
    """Return what bytes are that do not begin as a PNG, JPEG or WebP picture does."""
    if not data:
        return "it is empty"
    head = data[:_MAX_HEAD].removeprefix(_BOM)
    for pattern, text in _kinds():
        if pattern.match(head):
            return text
    begin = head[:40].decode("ascii", "replace")
    if begin.isprintable() and begin.isascii():
        return f"it is the text {begin!r}, and must be the bytes of a picture"
    return f"it is not a PNG, JPEG or WebP picture: it begins with {data[:12]!r}"


def is_cut_short(format: str, data: bytes) -> bool:
    """Return whether the end of a picture's file is missing."""
    if format == "png":
        return b"IEND" not in data[-65_536:]
    if format == "jpeg":
        return b"\xff\xd9" not in data[-65_536:]
    return len(data) < 8 + int.from_bytes(data[4:8], "little")
