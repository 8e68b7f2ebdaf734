"""Decoding of results.

Pillow is always available, because the distribution depends on it.
"""

from __future__ import annotations

import zlib
from io import BytesIO

from PIL import Image

from contract_tests.answers import ReceivedAnswer, Unmet

_STARTS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def picture_in(answer: ReceivedAnswer) -> Image.Image:
    """Return the picture of a good answer, decoded to its last pixel, or raise `Unmet`."""
    answer.expect_status(200)
    try:
        with Image.open(BytesIO(answer.content)) as picture:
            picture.load()
            return picture.copy()
    except (OSError, SyntaxError, ValueError) as error:
        raise Unmet(f"{answer.sent} answered a picture that cannot be decoded: {error}") from None


def format_of(answer: ReceivedAnswer) -> str:
    """Return the MIME type of a picture or a video by its first bytes; empty if it is neither."""
    content = answer.content
    if content[4:8] == b"ftyp":
        return "video/mp4"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in _STARTS.items() if content.startswith(start)), "")


def expect_whole_file(answer: ReceivedAnswer) -> None:
    """Raise `Unmet` unless a PNG or an MP4 is complete to its last byte; others are not judged."""
    kind, content = format_of(answer), answer.content
    try:
        problem = {"image/png": _png_problem, "video/mp4": _mp4_problem}.get(kind, _none)(content)
    except (zlib.error, ValueError, IndexError) as error:
        problem = str(error)
    if problem:
        raise Unmet(f"{answer.sent} answered a damaged {kind}: {problem}")


def _none(content: bytes) -> str:
    return ""


def _png_problem(content: bytes) -> str:
    """Check every chunk and count the bytes of all rows; Pillow does not check the sums of rows."""
    place, data, kind = 8, b"", b""
    while place < len(content):
        size = int.from_bytes(content[place : place + 4])
        chunk, kind = content[place + 4 : place + 8 + size], content[place + 4 : place + 8]
        if zlib.crc32(chunk) != int.from_bytes(content[place + 8 + size : place + 12 + size]):
            return f"the checksum of {kind!r} is wrong"
        data += chunk[4:] if kind == b"IDAT" else b""
        place += 12 + size
    with Image.open(BytesIO(content)) as picture:
        bits = {"1": 1}.get(picture.mode, 8) * len(picture.getbands())
        rows = picture.height * (1 + -(-picture.width * bits // 8))
        interlaced = bool(picture.info.get("interlace"))
    if kind != b"IEND":
        return "it does not end with IEND"
    found = len(zlib.decompress(data))
    # Palettes of few bits and 16 bits a channel have other row lengths; Pillow counts those rows.
    ordinary = content[24] == 8 and not interlaced
    return f"{found} bytes of rows, expected {rows}" if ordinary and found != rows else ""


def _mp4_problem(content: bytes) -> str:
    """Check that the boxes fill the file, and that there are a description and data."""
    place, kinds = 0, set()
    while place < len(content):
        size = int.from_bytes(content[place : place + 4]) or len(content) - place
        if size == 1:
            size = int.from_bytes(content[place + 8 : place + 16])
        kinds.add(content[place + 4 : place + 8])
        place += max(size, 8)
    missing = {b"ftyp", b"moov", b"mdat"} - kinds
    if place != len(content):
        return "its last box is cut off"
    return f"it has no {missing}" if missing else ""
