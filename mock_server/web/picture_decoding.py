"""Pictures that clients send: checking, decoding, and fitting them to a size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mock_server.web.picture_flaws import is_cut_short, kind_of
from mock_server.web.png_checks import check_png

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

Box = tuple[float, float, float, float]

MAX_PIXELS = 64_000_000  # larger pictures are refused before they are decoded
_LARGE_PIXELS = 4_000_000  # of larger pictures, one is decoded at a time
_BAND_PIXELS = 1_000_000
_ONE_LARGE = Lock()
_BLOCK_BYTES = 64 * 1024 * 1024  # the C library keeps blocks of up to 32 MB for each thread

_ON_ITS_SIDE = (5, 6, 7, 8)
# What makes a picture upright, by its orientation in Exif.
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


class UndecodablePicture(ValueError):
    """The bytes are not a valid PNG, JPEG or WebP picture, or the picture is too large."""


class PictureInfo(Struct, frozen=True):
    """What the bytes of a picture contain; `format` is "png", "jpeg" or "webp".

    The size is that of the upright picture: Exif may say that it is stored on its side.
    """

    format: str
    width: int
    height: int


def examined(data: bytes) -> PictureInfo:
    """Decode all bytes and return what they contain; raises only `UndecodablePicture`."""
    format = _format(data)
    with _decoding(data) as image:
        width, height = image.size
        orientation = _orientation(image)
        if format == "png" and image.width * image.height > _LARGE_PIXELS:
            check_png(data, image.width, image.height)
        else:
            image.draft(None, (1, 1))  # JPEG: all bytes are read, an eighth of each side is kept
            image.load()
    if orientation in _ON_ITS_SIDE:
        width, height = height, width
    return PictureInfo(format, width, height)


def fitted(data: bytes, size: tuple[int, int]) -> Image:
    """Return the picture as upright RGB, cropped and scaled to the size."""
    width, height = size
    with _decoding(data) as opened:
        orientation = _orientation(opened)
        turned = orientation in _ON_ITS_SIDE
        image = _reduced(opened, *((height, width) if turned else size))
    image = _turned(image, orientation)
    scale = min(image.width / width, image.height / height)
    wide, high = min(width * scale, image.width), min(height * scale, image.height)
    left, top = (image.width - wide) / 2, (image.height - high) / 2
    return _resized(image, size, (left, top, left + wide, top + high))


def fitted_file(data: bytes, size: tuple[int, int]) -> bytes:
    """Return the same as a PNG file, which `fitted` does not change any more."""
    file = BytesIO()
    fitted(data, size).save(file, "png", compress_level=1)
    return file.getvalue()


class UprightPicture(Struct, frozen=True):
    """A picture as a person sees it, in RGB, and its size before it was made smaller.

    `info` has what its file says beside the picture, by Pillow's names.
    """

    image: Any
    width: int
    height: int
    info: dict[Any, Any]


def upright(data: bytes, max_pixels: int) -> UprightPicture:
    """Return the picture turned as its Exif data says, with at most so many pixels."""
    with _decoding(data) as opened:
        orientation = _orientation(opened)
        width, height = opened.size
        scale = min(1.0, (max_pixels / (width * height)) ** 0.5)
        size = max(1, int(width * scale)), max(1, int(height * scale))
        image = _reduced(opened, *size)
        info = dict(opened.info)
    if image.size != size:
        image = _resized(image, size)
    if orientation in _ON_ITS_SIDE:
        width, height = height, width
    return UprightPicture(_turned(image, orientation), width, height, info)


def _reduced(opened: ImageFile, across: int, down: int) -> Image:
    """Return the opened picture as RGB, smaller if it is more than four times the size."""
    opened.draft(None, (across * 2, down * 2))
    opened.load()
    factor = int(min(opened.width / across, opened.height / down) / 2)
    return _opaque(opened) if factor < 2 else _shrunk(opened, factor)


def _resized(image: Image, size: tuple[int, int], box: Box | None = None) -> Image:
    from PIL.Image import Resampling

    return image.resize(size, Resampling.BICUBIC, box, reducing_gap=2.0)


def _turned(image: Image, orientation: int) -> Image:
    """Return the picture upright."""
    from PIL.Image import Transpose

    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(Transpose[turn])


@contextmanager
def _decoding(data: bytes) -> Iterator[ImageFile]:
    """Give the opened picture to be decoded; large pictures are decoded one after the other.

    Raises only `UndecodablePicture`.
    """
    with ExitStack() as stack:
        try:
            if _format(data) == "png":
                _opened(data).verify()  # decoding alone does not check checksums
            image = _opened(data)
            if image.width * image.height > _LARGE_PIXELS:
                stack.enter_context(_ONE_LARGE)
                _use_large_blocks()
            # This drops the pixels, before the next large picture is decoded.
            stack.callback(image.close)
            yield image
        except UndecodablePicture:
            raise
        # Decoders raise many kinds of errors for broken bytes: OSError, SyntaxError …
        except Exception as error:
            if is_cut_short(_format(data), data):
                raise UndecodablePicture("its end is missing") from error
            raise UndecodablePicture(f"it is damaged: {error}") from error


@cache
def _use_large_blocks() -> None:
    """Make Pillow ask for so much memory at once that it goes back to the system when freed."""
    from PIL import _imaging

    _imaging.set_block_size(_BLOCK_BYTES)


def _orientation(image: Image) -> int:
    """Return the orientation in the picture's Exif data: 1, which is upright, if there is none."""
    from PIL.ExifTags import Base
    from PIL.Image import Image

    with suppress(Exception):  # the picture is usable even if its Exif data is broken
        # The method of PNG pictures would decode all pixels.
        return int(Image.getexif(image).get(Base.Orientation, 1))
    return 1


def _shrunk(image: Image, factor: int) -> Image:
    """Return the picture as RGB with its sides divided by the factor.

    It is converted in bands of rows, so that the large picture is never copied.
    """
    from PIL import Image as Pillow

    small = Pillow.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    rows = factor * max(1, _BAND_PIXELS // (image.width * factor))
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        small.paste(_opaque(band).reduce(factor), (0, top // factor))
    return small


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
