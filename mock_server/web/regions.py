"""What stands out in a picture, and pictures of depth, surfaces and regions made from that."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageFilter, ImageOps, ImageStat

from mock_server.web.edge_detection import slopes

Box = tuple[int, int, int, int]

_LOOKED_AT = 192  # pixels of the longer side of the copy in which the subject is searched
_MAX_REGIONS = 10

# Colours of things in pictures, and the colours in which segmentation by ADE20K shows them.
_THINGS = (
    ((150, 195, 235), (6, 230, 230)),  # sky
    ((70, 120, 190), (9, 7, 230)),  # water
    ((60, 110, 50), (4, 200, 3)),  # tree
    ((120, 170, 70), (4, 250, 7)),  # grass
    ((130, 100, 70), (120, 120, 70)),  # earth
    ((150, 150, 150), (140, 140, 140)),  # road
    ((225, 220, 210), (120, 120, 120)),  # wall
    ((175, 125, 100), (180, 120, 120)),  # building
    ((235, 190, 160), (150, 5, 61)),  # person
    ((180, 40, 40), (0, 102, 200)),  # car
    ((35, 30, 35), (80, 50, 50)),  # floor
    ((230, 200, 60), (255, 173, 0)),  # light
    ((150, 70, 160), (255, 5, 153)),  # painting
)


def border_colour(picture: Image.Image) -> tuple[int, ...]:
    """Return the mean colour of the picture's border."""
    inner = (picture.width // 12 + 1, picture.height // 12 + 1)
    mask = Image.new("L", picture.size, 255)
    box = (
        *inner,
        max(inner[0], picture.width - inner[0]),
        max(inner[1], picture.height - inner[1]),
    )
    mask.paste(0, box)
    return tuple(round(each) for each in ImageStat.Stat(picture, mask).mean)


def prominence(picture: Image.Image) -> Image.Image:
    """Return how much each place differs from the picture's border, in a small grey picture."""
    size = small_size(picture.size)
    small = picture.resize(size, Image.Resampling.BOX).filter(ImageFilter.MedianFilter(5))
    bands = ImageChops.difference(small, Image.new("RGB", size, border_colour(small))).split()
    differs = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    centre = ImageOps.invert(Image.radial_gradient("L")).resize(size)
    differs = ImageChops.multiply(differs, centre.point([min(255, 2 * n) for n in range(256)]))
    return ImageOps.autocontrast(differs.filter(ImageFilter.GaussianBlur(2)), cutoff=1)


def small_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size of the copy in which the subject is searched."""
    scale = min(1.0, _LOOKED_AT / max(size))
    return max(8, round(size[0] * scale)), max(8, round(size[1] * scale))


def subject_box(picture: Image.Image) -> Box:
    """Return where the subject probably is, in pixels of the picture."""
    found = prominence(picture)
    total = sum(found.histogram()[140:])
    box = found.point([255 if level >= 140 else 0 for level in range(256)]).getbbox()
    if box is None or total < 0.01 * found.width * found.height:
        box = (found.width // 4, found.height // 10, found.width * 3 // 4, found.height * 9 // 10)
    across, down = picture.width / found.width, picture.height / found.height
    left, top, right, bottom = box
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def depth(picture: Image.Image) -> Image.Image:
    """Return near places bright and far ones dark: the subject, and the picture's lower part."""
    size = picture.size
    ground = Image.linear_gradient("L").resize(size)
    subject = prominence(picture).resize(size, Image.Resampling.BICUBIC)
    shape = picture.convert("L").filter(ImageFilter.GaussianBlur(max(2, max(size) / 160)))
    near = Image.blend(Image.blend(ground, subject, 0.55), shape, 0.2)
    return ImageOps.autocontrast(near.filter(ImageFilter.GaussianBlur(1.5)), cutoff=1)


def normals(picture: Image.Image) -> Image.Image:
    """Return the directions of surfaces as colours: facing the viewer is a light blue."""
    blur = ImageFilter.GaussianBlur(max(1.5, max(picture.size) / 300))
    relief = Image.blend(depth(picture), picture.convert("L"), 0.45).filter(blur)
    right, down = (
        each.point([min(255, max(0, 128 - (level - 128) * 7)) for level in range(256)])
        for each in slopes(relief)
    )
    tilt = ImageChops.lighter(*(
        each.point([abs(level - 128) for level in range(256)]) for each in (right, down)
    ))  # fmt: skip
    facing = tilt.point([255 - level // 2 for level in range(256)])
    return Image.merge("RGB", (right, ImageOps.invert(down), facing))


def segments(picture: Image.Image) -> Image.Image:
    """Return flat regions in the colours that ADE20K gives to the things they look like."""
    small = picture.resize(small_size(picture.size), Image.Resampling.BOX)
    calm = ImageOps.autocontrast(small, cutoff=1).filter(ImageFilter.MedianFilter(5))
    parts = calm.quantize(_MAX_REGIONS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    for _ in range(2):
        parts = parts.filter(ImageFilter.ModeFilter(7))
    colours = parts.getpalette() or []
    shown = [_thing(colours[at : at + 3]) for at in range(0, len(colours), 3)]
    parts.putpalette([level for colour in shown for level in colour])
    smooth = parts.resize(picture.size, Image.Resampling.NEAREST)
    return smooth.filter(ImageFilter.ModeFilter(5)).convert("RGB")


def _thing(colour: Sequence[int]) -> tuple[int, int, int]:
    def distance(thing: tuple[tuple[int, int, int], tuple[int, int, int]]) -> int:
        return sum((one - other) ** 2 for one, other in zip(thing[0], colour, strict=True))

    return min(_THINGS, key=distance)[1]
