"""Equivalent variants of results: the same pixels, written by another encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

from PIL import Image

from contract_tests.mutants.calls import HttpCall, HttpReply
from contract_tests.mutants.equivalents.variant import EquivalentVariant, each
from contract_tests.mutants.mutant import Mutation, calls
from contract_tests.mutants.pictures import png_chunk

# Results only: uploads come back as they were sent.
_RESULT = calls("GET", r".*/(COMFY/images|sd/output|comfy/output|comfy/temp)/[^/]+")
_LAST_CHUNK = png_chunk(b"IEND", b"")
PIECE = 1000  # bytes of the pieces that rows are cut into
OTHER_QUALITY = 60  # of JPEG


def _encoded(form: str, change: Callable[[bytes], bytes]) -> Mutation:
    """Return a mutation of the results of a format; their length stays, as answers tell it."""

    def handle(call: HttpCall, reply: HttpReply) -> HttpReply:
        if not reply.good or reply.header("Content-Type") != f"image/{form}":
            return reply
        return replace(reply, body=change(reply.body))

    return each(handle, _RESULT)


def _written(picture: Image.Image, form: str, **options: object) -> bytes:
    data = BytesIO()
    picture.save(data, form, **options)
    return data.getvalue()


def _padded(png: bytes, size: int) -> bytes:
    """Return a PNG with a private chunk that makes it as long as `size`, if it is shorter."""
    room = size - len(png) - 12  # a chunk has 12 bytes beside its data
    if room < 0:
        return png
    return png.removesuffix(_LAST_CHUNK) + png_chunk(b"prVt", bytes(room)) + _LAST_CHUNK


def _tightly(png: bytes) -> bytes:
    """Compress as tightly as possible, without texts."""
    with Image.open(BytesIO(png)) as picture:
        picture.load()
        return _padded(_written(picture, "png", optimize=True, compress_level=9), len(png))


def _with_alpha(png: bytes) -> bytes:
    with Image.open(BytesIO(png)) as picture:
        return _padded(_written(picture.convert("RGBA"), "png", compress_level=9), len(png))


def _in_pieces(png: bytes) -> bytes:
    """Cut the rows into many chunks."""
    place, made, rows = 8, png[:8], b""
    while place < len(png):
        size = int.from_bytes(png[place : place + 4])
        kind, data = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        place += 12 + size
        if kind == b"IDAT":
            rows += data
            continue
        pieces = (rows[at : at + PIECE] for at in range(0, len(rows), PIECE))
        made += b"".join(png_chunk(b"IDAT", piece) for piece in pieces) + png_chunk(kind, data)
        rows = b""
    return made


def _other_jpeg(jpeg: bytes) -> bytes:
    with Image.open(BytesIO(jpeg)) as picture:
        picture.load()
        return _written(picture, "jpeg", quality=OTHER_QUALITY, progressive=True)


OTHER_ENCODER = _encoded("png", _tightly)

VARIANTS = (
    EquivalentVariant("other-encoder", "Pictures are compressed otherwise.", OTHER_ENCODER),
    EquivalentVariant("alpha", "Pictures have an alpha channel.", _encoded("png", _with_alpha)),
    EquivalentVariant("rows-in-pieces", "The rows of a picture are in many chunks.",
        _encoded("png", _in_pieces)),
    EquivalentVariant("other-jpeg", "JPEGs have another quality, and are progressive.",
        _encoded("jpeg", _other_jpeg), surfaces=("workshop",)),
)  # fmt: skip
