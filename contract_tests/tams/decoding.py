"""Decoding of results.

Pillow is always available, because the distribution depends on it.
"""

from __future__ import annotations

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
