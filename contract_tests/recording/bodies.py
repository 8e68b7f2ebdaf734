"""Bodies in recordings: as JSON, as text, or a description of binary data."""

from __future__ import annotations

import io
import json
from typing import Any

MAX_TEXT = 20_000  # characters of a text that are kept


def read_body(content: bytes) -> dict[str, Any]:
    """Return a body as members of a recorded message: `body`, `file`, or nothing."""
    if not content:
        return {}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"file": describe(content)}
    try:
        return {"body": json.loads(text)}
    except (ValueError, RecursionError):
        return {"body": text[:MAX_TEXT]}


def describe(content: bytes) -> dict[str, Any]:
    """Describe a file: the format and size of a picture, else its length."""
    # Imported late: pictures are rare in recordings, and Pillow loads slowly.
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as picture:
            return {"format": picture.format, "width": picture.width, "height": picture.height}
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError):
        return {"bytes": len(content)}
