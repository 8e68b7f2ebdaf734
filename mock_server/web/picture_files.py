"""Picture files: encoding, the note on how a picture was made, and padding to a fixed length.

PNG, JPEG and WebP allow chunks that readers skip. The note is stored as the common tools do it,
and another such chunk pads the file to the length that was announced.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal
from zlib import compressobj, crc32

if TYPE_CHECKING:
    from PIL.Image import Image

Format = Literal["png", "jpeg", "webp"]
Size = tuple[int, int]

_PNG_HEAD, _PNG_TAIL = 33, 12  # signature and IHDR, IEND
_UP = b"\2"  # the filter that subtracts the row above
_JPEG_HEAD = 20  # start of image and JFIF
_MAX_SEGMENT = 65_533  # the data of one segment of a JPEG file
_EXIF = b"Exif\0\0"
_APP1, _APP15 = b"\xff\xe1", b"\xff\xef"


def media_type(format: Format) -> str:
    return f"image/{format}"


def length(format: Format, size: Size, note: str, chance: float) -> int:
    """Return a realistic length for a picture's file, before the picture is drawn.

    `chance` in [0, 1) varies the length by up to five per cent. The length is enough for the
    largest file that the simplest encoding can make, so that `padded` succeeds in the end.
    """
    width, height = size
    spread = 0.95 + 0.1 * chance
    if format == "png":
        # Files of the real service had 1.6 bytes per pixel: 412 kB at 512x512, 923 kB at 768x768.
        worst = (width + 1) * height * 9 // 8
        worst = max(worst + worst // 4096, min(width * height * 3, 16_000)) + 1200
        body = max(round(width * height * 1.6 * spread), worst)
        return body + len(_png_note(note))
    blocks = math.ceil(width / 16) * math.ceil(height / 16)
    if format == "jpeg":
        return round(blocks * 256 * 0.25 * spread) + 1500 + len(_jpeg_note(note))
    body = round(blocks * 256 * 0.18 * spread) + 1000 + len(_webp_note(note))
    return body + body % 2


def padded(format: Format, picture: bytes, size: Size, note: str, total: int) -> bytes | None:
    """Return the encoded picture with its note, padded to exactly `total` bytes.

    Returns None if it is too long for that.
    """
    pad = {"png": _padded_png, "jpeg": _padded_jpeg, "webp": _padded_webp}[format]
    return pad(picture, size, note, total)


def encodings(format: Format, image: Image) -> Iterator[bytes]:
    """Yield the picture in this format, each time with less detail and in fewer bytes."""
    if format == "png":
        yield _quick_png(image)
        yield _encoded(image, format, compress_level=4)
        yield _encoded(_indexed(image), format, compress_level=1)
        return
    for quality, blur in ((90, 1), (80, 1), (60, 1), (40, 1), (40, 2), (30, 4), (20, 16)):
        plain = image if blur == 1 else _blurred(image, blur)
        if format == "jpeg":
            yield _encoded(plain, format, quality=quality)
        else:
            yield _encoded(plain, format, quality=quality, method=0)


def _encoded(image: Image, format: Format, **options: int) -> bytes:
    from io import BytesIO

    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _quick_png(image: Image) -> bytes:
    """Return the picture as PNG in half the time of Pillow, which tries every filter on each row.

    Each row is stored as its difference to the row above. Rows are processed in small groups that
    fit the processor's cache.
    """
    from PIL import ImageChops

    width, height = image.size
    stride = width * 3
    step = max(1, 200_000 // stride)
    deflate = compressobj(1)
    pieces = []
    for top in range(0, height, step):
        bottom = min(top + step, height)
        rows = image.crop((0, top, width, bottom))
        above = image.crop((0, top - 1, width, bottom - 1))  # black above the first row
        data = memoryview(ImageChops.subtract_modulo(rows, above).tobytes())
        filtered: list[bytes | memoryview] = []
        for start in range(0, len(data), stride):
            filtered += (_UP, data[start : start + stride])
        pieces.append(deflate.compress(b"".join(filtered)))
    pieces.append(deflate.flush())
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _png_chunk(b"IHDR", header),
            _png_chunk(b"IDAT", b"".join(pieces)),
            _png_chunk(b"IEND", b""),
        )
    )


def _indexed(image: Image) -> Image:
    from PIL import Image as Pillow

    return image.quantize(256, Pillow.Quantize.FASTOCTREE)


def _blurred(image: Image, times: int) -> Image:
    from PIL import Image as Pillow

    return image.reduce(times).resize(image.size, Pillow.Resampling.BILINEAR)


def _padded_png(picture: bytes, size: Size, note: str, total: int) -> bytes | None:
    written = _png_note(note)
    missing = total - len(picture) - len(written)
    if missing < 12:
        return None
    # The case of the letters means: ancillary, private, and safe to copy.
    filling = _png_chunk(b"fiLl", bytes(missing - 12))
    head, body, tail = picture[:_PNG_HEAD], picture[_PNG_HEAD:-_PNG_TAIL], picture[-_PNG_TAIL:]
    return b"".join((head, written, body, filling, tail))


def _png_note(note: str) -> bytes:
    note = note.replace("\0", "\ufffd")  # not allowed in PNG texts
    try:
        return _png_chunk(b"tEXt", b"parameters\0" + note.encode("latin-1"))
    except UnicodeEncodeError:
        return _png_chunk(b"iTXt", b"parameters\0\0\0\0\0" + note.encode("utf-8", "replace"))


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = crc32(data, crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)))


def _padded_jpeg(picture: bytes, size: Size, note: str, total: int) -> bytes | None:
    written = _jpeg_note(note)
    missing = total - len(picture) - len(written)
    if missing < 4:
        return None
    segments = math.ceil(missing / (_MAX_SEGMENT + 4))
    share, odd = divmod(missing, segments)
    filling = (_segment(_APP15, bytes(share + (number < odd) - 4)) for number in range(segments))
    return b"".join((picture[:_JPEG_HEAD], written, *filling, picture[_JPEG_HEAD:]))


def _jpeg_note(note: str) -> bytes:
    exif = _exif(note)
    part_size = _MAX_SEGMENT - len(_EXIF)
    # A note of more than 64 KB continues in further segments, as ExifTool and Pillow read it.
    parts = (exif[start : start + part_size] for start in range(0, len(exif), part_size))
    return b"".join(_segment(_APP1, _EXIF + part) for part in parts)


def _segment(marker: bytes, data: bytes) -> bytes:
    return marker + struct.pack(">H", len(data) + 2) + data


def _padded_webp(picture: bytes, size: Size, note: str, total: int) -> bytes | None:
    width, height = size
    has_exif = 0x08
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = _riff_chunk(b"VP8X", bytes((has_exif, 0, 0, 0)) + canvas)
    body = b"".join((b"WEBP", extended, picture[12:], _webp_note(note)))
    missing = total - 8 - len(body)
    if missing < 8:
        return None
    return b"".join(
        (b"RIFF", struct.pack("<I", total - 8), body, _riff_chunk(b"JUNK", bytes(missing - 8)))
    )


def _webp_note(note: str) -> bytes:
    return _riff_chunk(b"EXIF", _exif(note))


def _riff_chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _exif(note: str) -> bytes:
    """Return an Exif block whose only entry is the user's comment."""
    comment = b"UNICODE\0" + note.encode("utf-16-be", "replace")
    directory = struct.Struct(">HHHIII")  # one entry, and no further directory
    pointer = directory.pack(1, 0x8769, 4, 1, 26, 0)
    entry = directory.pack(1, 0x9286, 7, len(comment), 44, 0)
    return b"MM\0*" + struct.pack(">I", 8) + pointer + entry + comment
