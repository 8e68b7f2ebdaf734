import gzip
import struct
from io import BytesIO
from zlib import compress, crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps, ImageStat

from mock_server.web.picture_decoding import (
    PictureInfo,
    UndecodablePicture,
    examined,
    fitted,
)
from mock_server.web.pictures import Recipe, render

FORMATS = ("png", "jpeg", "webp")
SMALL = {
    format: render(Recipe("p", width=40, height=30, format=format))  # type: ignore[arg-type]
    for format in FORMATS
}


def inspect(data):
    """Return what the bytes contain, or None if they are refused."""
    try:
        return examined(data)
    except UndecodablePicture:
        return None


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))


def png_bomb(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pieces = (chunk(b"IHDR", header), chunk(b"IDAT", compress(bytes(9999))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def webp_bomb(width, height):
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "WEBP")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas + file.getvalue()[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_bomb(width, height):
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return file.getvalue().replace(b"\x08\0\x08\0\x08", b"\x08" + struct.pack(">HH", height, width))


@pytest.mark.parametrize("format", FORMATS)
def test_a_valid_picture_has_a_format_and_a_size(format):
    assert inspect(SMALL[format]) == PictureInfo(format, 40, 30)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_picture(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    Image.new("RGB", (128, 64)).save(file, format, exif=exif)

    size = (64, 128) if orientation > 4 else (128, 64)
    assert inspect(file.getvalue()) == PictureInfo(format, *size)


@pytest.mark.parametrize("format", FORMATS)
def test_a_truncated_picture_is_none(format):
    file = BytesIO()
    Image.radial_gradient("L").convert("RGB").save(file, format)
    complete = file.getvalue()

    assert inspect(complete) is not None
    for length in (0, 1, 11, 30, len(complete) // 2, len(complete) - 20):
        assert inspect(complete[:length]) is None


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_none(format):
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, format)

    assert inspect(file.getvalue()) is None


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"<svg/>"])
def test_a_signature_without_a_picture_is_none(data):
    assert inspect(data) is None


def test_a_png_with_a_wrong_checksum_is_none():
    data = bytearray(SMALL["png"])
    data[-5] ^= 1
    assert inspect(bytes(data)) is None
    data = bytearray(SMALL["png"])
    data[data.index(b"IDAT") + 40] ^= 1
    assert inspect(bytes(data)) is None


@pytest.mark.parametrize("bomb", [png_bomb, webp_bomb, jpeg_bomb])
@pytest.mark.parametrize("side", [8100, 12_000, 16_383])
def test_a_picture_with_too_many_pixels_is_none(bomb, side):
    assert inspect(bomb(side, side)) is None


@given(st.sampled_from(FORMATS), st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_pictures_never_raise(format, data):
    picture = bytearray(SMALL[format])
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, min(len(picture) - 1, 900)))
        picture[place] = data.draw(st.integers(0, 255))

    found = inspect(bytes(picture))

    assert found is None or found.format in FORMATS


def test_the_first_picture_of_a_multi_picture_jpeg_counts():
    file = BytesIO()
    pair = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    pair[0].save(file, "MPO", save_all=True, append_images=pair[1:])

    assert inspect(file.getvalue()) == PictureInfo("jpeg", 30, 20)


def as_text(*files):
    """Yield files that a program has read or written as text."""
    for data in files:
        yield data.decode("latin-1").encode()
        yield data.decode("utf-8", "replace").encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"GIF89a\1\0", "a GIF picture"),
        (b"\0\0\0\x1cftypheic", "a HEIC picture"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"<?xml version='1.0'?><svg>", "an SVG picture"),
        (SMALL["png"][:200], "its end is missing"),
        (SMALL["jpeg"][:200], "its end is missing"),
        (SMALL["webp"][:200], "its end is missing"),
        (png_bomb(12_000, 9_000), "12000x9000 pixels, and must have at most"),
        (b'--b1\r\nContent-Disposition: form-data; name="file"\r\n\r\n', "a multipart form"),
        (b"data:image/png;base64,iVBORw0KGgo=", "base64 text"),
        (b"/9j/4AAQSkZJRgABAQ==\n", "base64 text"),
        (b'{"file": 1}', "JSON text"),
        (b"iVBORw0KGgo-_w==", "base64 text"),
        (b"hello", "the text 'hello'"),
        (b"[object Object]", "the text '[object Object]'"),
        (b"\xef\xbb\xbf<html>", "an HTML page"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (gzip.compress(SMALL["png"]), "compressed with gzip"),
        (b"\0\0\x01\0\x05\0", "an icon picture"),
        (b"\xff\x0a\0\0", "a JPEG XL picture"),
        (b"\x1aE\xdf\xa3", "a video"),
        *((changed, "its bytes were changed") for changed in as_text(SMALL["png"], SMALL["jpeg"])),
        (SMALL["png"].replace(b"\r\n", b"\n"), "its bytes were changed"),
        (b"\x01\x02", "it begins with b'\\x01\\x02'"),
    ],
)
def test_the_reason_says_what_was_sent(data, words):
    with pytest.raises(UndecodablePicture) as caught:
        examined(data)

    assert words in str(caught.value)


def large_png(mode, size=(2500, 2000), **options):
    file = BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(file, "PNG", **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_a_large_png_is_checked_without_its_pixels(mode):
    assert inspect(large_png(mode)) == PictureInfo("png", 2500, 2000)


def test_a_large_png_without_all_of_its_pixels_is_refused():
    assert inspect(png_bomb(2500, 2000)) is None


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGB", "RGBA"])
def test_a_large_picture_is_shrunk_as_a_small_one_is(mode):
    small = fitted(large_png(mode), (250, 200))

    usual = Image.open(BytesIO(large_png(mode))).convert("RGB").resize((250, 200))
    assert small.mode == "RGB"
    assert max(ImageStat.Stat(ImageChops.difference(small, usual)).mean) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_picture_is_made_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    stored = Image.linear_gradient("L").resize((2500, 2000)).convert("RGB")
    stored.save(file, "JPEG", exif=exif)
    size = (200, 250) if orientation > 4 else (250, 200)

    upright = ImageOps.exif_transpose(Image.open(file)).resize(size)
    difference = ImageChops.difference(fitted(file.getvalue(), size), upright)
    assert max(ImageStat.Stat(difference).mean) < 2
