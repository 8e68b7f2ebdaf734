"""Preprocessors: what each kind shows of a white square on a black ground."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageStat

from mock_server.web.preprocessors import MAX_PIXELS, detect, detected_size, is_known

SIDE = 256
BOX = (64, 64, 192, 192)
EDGES = (
    "canny", "softedge_hed", "softedge_pidisafe", "scribble_hed", "scribble_xdog",
    "lineart_realistic", "lineart_anime", "lineart_coarse", "mlsd",
)  # fmt: skip
OTHERS = (
    "depth_midas", "normal_bae", "openpose", "openpose_faceonly", "seg_ofade20k", "tile_resample",
    "t2ia_color_grid", "shuffle", "threshold", "invert", "blur_gaussian", "recolor_luminance",
    "inpaint_only", "none",
)  # fmt: skip


def encoded(picture: Image.Image, form: str = "png") -> bytes:
    file = BytesIO()
    picture.save(file, form)
    return file.getvalue()


def square() -> bytes:
    picture = Image.new("RGB", (SIDE, SIDE))
    picture.paste("white", BOX)
    return encoded(picture)


def shown(name: str, data: bytes | None = None) -> Any:
    return Image.open(BytesIO(detect(square() if data is None else data, name)[0]))


@pytest.mark.parametrize("name", EDGES)
def test_lines_are_where_the_edges_are_and_nowhere_else(name):
    lines = shown(name).convert("L")

    assert lines.size == (SIDE, SIDE)
    assert lines.crop((54, 120, 74, 136)).getextrema()[1] > 100, "the left edge"
    assert lines.crop((120, 182, 136, 202)).getextrema()[1] > 100, "the lower edge"
    assert lines.crop((0, 0, 40, SIDE)).getextrema() == (0, 0), "nothing outside"
    assert lines.crop((100, 100, 156, 156)).getextrema() == (0, 0), "nothing inside"


@pytest.mark.parametrize("name", [*EDGES, *OTHERS])
def test_every_kind_is_the_same_each_time_and_takes_pictures_of_any_kind(name):
    assert is_known(name)
    assert detect(square(), name) == detect(square(), name)
    for mode in ("L", "P", "RGBA", "1", "I;16"):
        assert shown(name, encoded(Image.new(mode, (9, 70)))).size == (64, 70)
    assert shown(name, encoded(Image.new("CMYK", (1, 3)), "jpeg")).size == (64, 64)


def test_depth_is_grey_and_the_subject_is_near():
    depth = shown("depth_midas")
    red, green, blue = depth.split()

    assert red.tobytes() == green.tobytes() == blue.tobytes()
    assert red.getpixel((128, 128)) > red.getpixel((128, 10)) + 50


def test_normals_of_flat_places_face_the_viewer():
    red, green, blue = shown("normal_bae").getpixel((128, 128))

    assert (abs(red - 128) < 25, abs(green - 128) < 25, blue > 200) == (True, True, True)


def test_a_pose_has_many_colours_on_black_where_the_subject_is():
    picture = Image.new("RGB", (400, 200), "white")
    picture.paste("navy", (300, 20, 360, 190))
    pose = shown("openpose", encoded(picture))
    left, _, right, _ = pose.convert("L").point(lambda level: 255 if level else 0).getbbox()

    assert len(pose.getcolors(100_000)) >= 30
    assert pose.getpixel((5, 5)) == (0, 0, 0)
    assert 290 < (left + right) / 2 < 370


def test_regions_are_flat():
    assert len(shown("seg_ofade20k").getcolors(100)) <= 10


def test_a_tile_is_the_picture_with_less_detail():
    noise = Image.effect_noise((256, 256), 80).convert("RGB")

    before, after = (
        ImageStat.Stat(each) for each in (noise, shown("tile_resample", encoded(noise)))
    )
    assert abs(before.mean[0] - after.mean[0]) < 3
    assert after.stddev[0] < before.stddev[0] / 3


def test_results_are_bounded_and_upright():
    large = Image.new("RGB", (3000, 1500), "teal")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    file = BytesIO()
    large.save(file, "jpeg", exif=exif)
    result = shown("tile_resample", file.getvalue())

    assert result.width < result.height
    assert result.width * result.height <= MAX_PIXELS
    assert detected_size(1, 60_000_000) == (64, 4096)
