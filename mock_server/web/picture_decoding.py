"""Pictures that clients send: checking, decoding, and fitting them to a size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING

from msgspec import Struct

from mock_server.web.picture_flaws import is_cut_short, kind_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 64_000_000  # larger pictures are refused before they are decoded


class UndecodablePicture(ValueError):
    """The bytes are not a valid PNG, JPEG or WebP picture, or the picture is too large."""


class PictureInfo(Struct, frozen=True):
    """What the bytes of a picture contain; `format` is "png", "jpeg" or "webp".

    The size is that of the upright picture: Exif may say that it is stored on its side.
    """

    format: str
    width: int
    height: int


def inspect(data: bytes) -> PictureInfo | None:
    """Decode all bytes and return what they contain; None if that fails."""
    try:
        return examined(data)
    except UndecodablePicture:
        return None


def examined(data: bytes) -> PictureInfo:
    """Decode all bytes and return what they contain; raises only `UndecodablePicture`."""
    image = decoded(data)
    return PictureInfo(_format(data), *_upright_size(image))


def decoded(data: bytes) -> Image:
    """Return the decoded picture; raises only `UndecodablePicture`."""
    try:
        if _format(data) == "png":
            _opened(data).verify()  # decoding alone does not check checksums
        image = _opened(data)
        image.load()
    except UndecodablePicture:
        raise
    # Decoders raise many kinds of errors for broken bytes: OSError, SyntaxError, struct.error …
    except Exception as error:
        if is_cut_short(_format(data), data):
            raise UndecodablePicture("its end is missing") from error
        raise UndecodablePicture(f"it is damaged: {error}") from error
    return image


def fitted(data: bytes, size: tuple[int, int]) -> Image:
    """Return the picture as upright RGB, cropped and scaled to the size."""
    from PIL import Image, ImageOps

    image = decoded(data)
    with suppress(Exception):  # the picture is usable even if its Exif data is broken
        image = ImageOps.exif_transpose(image)
    image = _opaque(image)
    width, height = size
    scale = min(image.width / width, image.height / height)
    across, down = min(width * scale, image.width), min(height * scale, image.height)
    left, top = (image.width - across) / 2, (image.height - down) / 2
    box = (left, top, left + across, top + down)
    return image.resize(size, Image.Resampling.BICUBIC, box, reducing_gap=2.0)


def _upright_size(image: Image) -> tuple[int, int]:
    from PIL.ExifTags import Base

    turned = False
    with suppress(Exception):  # the picture is usable even if its Exif data is broken
        turned = image.getexif().get(Base.Orientation) in (5, 6, 7, 8)
    return (image.height, image.width) if turned else image.size


def _format(data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    raise UndecodablePicture(kind_of(data))


def _opened(data: bytes) -> ImageFile:
    """Return the picture with only its header read.

    This uses the class of the format, because `Image.open` only warns about large pictures.
    """
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    formats: dict[str, Callable[[BytesIO], ImageFile]]
    formats = {"png": PngImageFile, "jpeg": JpegImageFile, "webp": WebPImageFile}
    image = formats[_format(data)](BytesIO(data))
    if image.width * image.height > MAX_PIXELS:
        raise UndecodablePicture(
            f"it has {image.width}x{image.height} pixels, and must have at most {MAX_PIXELS}"
        )
    return image


def _opaque(image: Image) -> Image:
    from PIL import Image as Pillow

    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Pillow.new("RGBA", layer.size, "white")
        return Pillow.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")
