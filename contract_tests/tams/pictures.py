"""Pictures to upload: small, decodable, and of the formats that clients send."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP")  # `TAMS › 9`: PNG, JPEG and WebP are uploaded


def a_picture(side: int = 512, form: str = "PNG") -> bytes:
    """Return a square picture of two colours; `side` is in pixels."""
    picture = Image.new("RGB", (side, side), "seagreen")
    picture.paste("firebrick", (side // 4, side // 4, side // 2, side // 2))
    data = BytesIO()
    picture.save(data, form)
    return data.getvalue()
