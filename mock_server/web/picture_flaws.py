"""Why bytes are no picture that can be read, in words for the person who sent them."""

from __future__ import annotations

import re

_KINDS = (
    (re.compile(rb"GIF8[79]a"), "it is a GIF picture, and must be PNG, JPEG or WebP"),
    (re.compile(rb"BM.{4}\0{4}", re.DOTALL), "it is a BMP picture, and must be PNG, JPEG or WebP"),
    (re.compile(rb"II\*\0|MM\0\*"), "it is a TIFF picture, and must be PNG, JPEG or WebP"),
    (
        re.compile(rb".{4}ftyp(avif|avis)", re.DOTALL),
        "it is an AVIF picture, and must be PNG, JPEG or WebP",
    ),
    (
        re.compile(rb".{4}ftyp(heic|heix|mif1|msf1|hevc)", re.DOTALL),
        "it is a HEIC picture, and must be PNG, JPEG or WebP",
    ),
    (re.compile(rb".{4}ftyp", re.DOTALL), "it is a video, and must be a picture"),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg", re.IGNORECASE | re.DOTALL),
     "it is an SVG picture, and must be PNG, JPEG or WebP"),
    (re.compile(rb"\s*<(!doctype html|html|head|body)", re.IGNORECASE), "it is an HTML page"),
    (re.compile(rb"\s*<\?xml|\s*<Error"), "it is an XML document"),
    (re.compile(rb"%PDF-"), "it is a PDF document"),
    (
        re.compile(rb"--[^\r\n]{1,80}\r?\n[Cc]ontent-[Dd]isposition:"),
        "it is a multipart form, and the body must be the bytes of the picture alone",
    ),
    (
        re.compile(rb"data:[a-zA-Z0-9.+/;=-]*,|(iVBORw0KGgo|/9j/|UklGR)[A-Za-z0-9+/=\s]*$"),
        "it is base64 text, and must be the bytes of the picture",
    ),
    (re.compile(rb"\s*[{\[]"), "it is JSON text, and must be the bytes of a picture"),
)  # fmt: skip
_MAX_HEAD = 1024


def kind_of(data: bytes) -> str:
    """Return what bytes are that do not begin as a PNG, JPEG or WebP picture does."""
    if not data:
        return "it is empty"
    head = data[:_MAX_HEAD]
    for pattern, text in _KINDS:
        if pattern.match(head):
            return text
    return f"it is not a PNG, JPEG or WebP picture: it begins with {data[:12]!r}"


def is_cut_short(format: str, data: bytes) -> bool:
    """Return whether the end of a picture's file is missing."""
    if format == "png":
        return b"IEND" not in data[-65_536:]
    if format == "jpeg":
        return b"\xff\xd9" not in data[-65_536:]
    return len(data) < 8 + int.from_bytes(data[4:8], "little")
