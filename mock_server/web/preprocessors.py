"""Control-net preprocessors: a picture of what each one finds in another picture.

The names are those of the widespread web UI. Only their beginnings count, because each kind has
many variants. What this shows is drawn with simple means and is the same for the same picture.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 1_048_576  # of the result; larger pictures are made smaller first
MIN_SIDE, MAX_SIDE = 64, 4096

Draw = Callable[["Image", str], "Image"]


def is_known(name: str) -> bool:
    """Whether there is a preprocessor with this name."""
    return _drawing(name) is not None


def detected_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of the result for a picture of this size."""
    scale = min(1.0, sqrt(MAX_PIXELS / (width * height)))
    across, down = (min(MAX_SIDE, max(MIN_SIDE, int(side * scale))) for side in (width, height))
    return across, down


def detect(data: bytes, name: str) -> tuple[bytes, tuple[int, int]]:
    """Return what the preprocessor shows of an uploaded picture, as PNG, and its size.

    An unknown name shows the picture itself. It takes up to a second, so call it in a thread.
    Raises `UndecodablePicture`.
    """
    from PIL import Image

    from mock_server.web.picture_decoding import upright

    picture = upright(data, MAX_PIXELS).image
    size = detected_size(*picture.size)
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    draw = _drawing(name)
    shown = picture if draw is None else draw(picture, name)
    file = BytesIO()
    shown.convert("RGB").save(file, "png", compress_level=4)
    return file.getvalue(), size


def _drawing(name: str) -> Draw | None:
    return next((draw for prefixes, draw in _KINDS if name.startswith(prefixes)), None)


def _edges(picture: Image, name: str) -> Image:
    from mock_server.web import edge_detection

    if name.startswith("canny"):
        return edge_detection.canny(picture)
    if name.startswith("mlsd"):
        return edge_detection.straight_lines(picture)
    if name.startswith("lineart"):
        style = next((each for each in ("anime", "coarse") if each in name), "")
        return edge_detection.line_art(picture, style=style)
    if "xdog" in name:
        return edge_detection.xdog(picture)
    if name.startswith(("scribble", "fake_scribble", "t2ia_sketch")):
        return edge_detection.scribble(picture)
    return edge_detection.soft_edges(picture, in_levels="safe" in name)


def _regions(picture: Image, name: str) -> Image:
    from mock_server.web import regions

    if name.startswith("depth"):
        return regions.depth(picture)
    return regions.normals(picture) if name.startswith("normal") else regions.segments(picture)


def _pose(picture: Image, name: str) -> Image:
    from mock_server.web.poses import pose

    is_face_only = "faceonly" in name or name.startswith("mediapipe_face")
    return pose(
        picture,
        body=not is_face_only,
        face=is_face_only or "face" in name or "full" in name,
        hands="hand" in name or "full" in name,
    )


def _tile(picture: Image, name: str) -> Image:
    """Return the picture without its details, or as a grid of colours."""
    from PIL import Image as Pillow

    coarse, back = (64, 0) if "grid" in name else (8, 3)
    size = max(1, picture.width // coarse), max(1, picture.height // coarse)
    small = picture.resize(size, Pillow.Resampling.BOX)
    filter = Pillow.Resampling.BICUBIC if back else Pillow.Resampling.NEAREST
    return small.resize(picture.size, filter)


def _levels(picture: Image, name: str) -> Image:
    """Return the picture with changed brightnesses: grey, inverted, two levels, or blurred."""
    from PIL import ImageFilter, ImageOps

    if name.startswith("invert"):
        return ImageOps.invert(picture)
    if name.startswith("blur"):
        return picture.filter(ImageFilter.GaussianBlur(9))
    grey = picture.convert("L")
    if name.startswith("recolor"):
        return grey
    return grey.point([255 if level >= 127 else 0 for level in range(256)])


def _shuffled(picture: Image, name: str) -> Image:
    """Return the picture's colours in another place: bent, so that its content is lost."""
    from PIL import Image as Pillow

    width, height = picture.size
    parts = 4
    columns, rows = ([side * n // parts for n in range(parts + 1)] for side in (width, height))
    boxes = [
        (columns[x], rows[y], columns[x + 1], rows[y + 1])
        for y in range(parts)
        for x in range(parts)
    ]
    mesh = []
    for number, box in enumerate(boxes):
        left, top, right, bottom = boxes[number * 7 % len(boxes)]
        across, down = (right - left) // 3, (bottom - top) // 3
        corners = (
            left + across,
            top,
            left,
            bottom - down,
            right - across,
            bottom,
            right,
            top + down,
        )
        mesh.append((box, corners))
    return picture.transform(picture.size, Pillow.Transform.MESH, mesh, Pillow.Resampling.BILINEAR)


def _unchanged(picture: Image, name: str) -> Image:
    return picture


_KINDS: tuple[tuple[tuple[str, ...], Draw], ...] = (
    (
        ("canny", "softedge", "hed", "pidinet", "scribble", "fake_scribble", "lineart", "mlsd"),
        _edges,
    ),
    (("t2ia_sketch",), _edges),
    (("depth", "normal", "seg", "oneformer"), _regions),
    (("openpose", "dw_openpose", "animal_openpose", "densepose", "mediapipe_face"), _pose),
    (("tile", "color", "t2ia_color"), _tile),
    (("recolor", "threshold", "binary", "invert", "blur"), _levels),
    (("shuffle",), _shuffled),
    # These prepare nothing that can be seen.
    (("none", "inpaint", "reference", "ip-adapter", "revision", "clip_vision"), _unchanged),
    (("t2ia_style", "instant_id", "instantid"), _unchanged),
)
