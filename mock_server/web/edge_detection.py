"""Pictures of edges and lines, white on black, as control-net preprocessors draw them."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from math import cos, pi, sin

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

_LOW, _HIGH = 26, 70  # thresholds of edges, of 255
_MAX_STEPS = 12  # in pixels, how far a strong edge continues along a weak one
_ACROSS = ImageFilter.Kernel((3, 3), (-1, 0, 1, -2, 0, 2, -1, 0, 1), scale=4, offset=128)
_DOWN = ImageFilter.Kernel((3, 3), (-1, -2, -1, 0, 0, 0, 1, 2, 1), scale=4, offset=128)

# Straight lines are searched in a small copy of the picture.
_SEARCHED = 320  # its longer side in pixels
_MAX_POINTS = 3000
_ANGLES = 90
_MAX_LINES = 40
_MIN_VOTES = 22
_MAX_GAP = 6


def canny(picture: Image.Image, blur: float = 1.4) -> Image.Image:
    """Return thin edges of one brightness."""
    across, down = _changes(picture, blur)
    strength = ImageChops.lighter(across, down)
    # A wider blur makes all changes smaller, by about as much.
    strength = strength.point([min(255, round(level * blur)) for level in range(256)])
    is_ridge = Image.composite(
        _ridge(strength, 1, 0), _ridge(strength, 0, 1), _at_least(across, down)
    )
    weak = ImageChops.darker(is_ridge, strength.point(_from(_LOW)))
    edges = ImageChops.darker(is_ridge, strength.point(_from(_HIGH)))
    for _ in range(_MAX_STEPS):
        longer = ImageChops.darker(edges.filter(ImageFilter.MaxFilter(3)), weak)
        if ImageChops.difference(longer, edges).getbbox() is None:
            break
        edges = longer
    return _framed(edges, 0)


def soft_edges(picture: Image.Image, *, in_levels: bool = False) -> Image.Image:
    """Return wide edges with smooth borders; `in_levels` uses few brightnesses."""
    edges = _framed(ImageChops.lighter(*_changes(picture, 1.8)), 0).filter(_gaussian(1.6))
    edges = edges.point([min(255, round(3.0 * max(0, level - 5))) for level in range(256)])
    return ImageOps.posterize(edges, 2) if in_levels else edges


def scribble(picture: Image.Image) -> Image.Image:
    """Return the main outlines, thick and round as if drawn by hand."""
    thick = canny(picture, blur=3.2).filter(ImageFilter.MaxFilter(7))
    return thick.filter(_gaussian(3)).point(_from(110))


def xdog(picture: Image.Image) -> Image.Image:
    """Return a scribble out of the difference of two blurred copies."""
    return _dark_lines(picture, 1.0, 4.0).point(_from(96)).filter(ImageFilter.MedianFilter(3))


def line_art(picture: Image.Image, *, style: str = "") -> Image.Image:
    """Return the drawn lines; `style` is "anime", "coarse" or another name."""
    if style == "coarse":
        return _dark_lines(picture, 2.2, 6.0).filter(ImageFilter.MaxFilter(3))
    if style == "anime":
        calm = picture.filter(ImageFilter.MedianFilter(5))
        lines = _dark_lines(calm, 0.8, 2.4)
        return lines.point([min(255, max(0, (level - 60) * 4)) for level in range(256)])
    lines = ImageChops.lighter(_dark_lines(picture, 0.7, 2.2), _dimmed(soft_edges(picture)))
    return ImageChops.lighter(lines, canny(picture).point(lambda level: level * 0.55))


def straight_lines(picture: Image.Image) -> Image.Image:
    """Return the straight segments only (a Hough transform)."""
    scale = min(1.0, _SEARCHED / max(picture.size))
    size = max(8, round(picture.width * scale)), max(8, round(picture.height * scale))
    found = _segments(canny(picture.resize(size, Image.Resampling.BILINEAR)))
    result = Image.new("L", picture.size)
    draw = ImageDraw.Draw(result)
    across, down = picture.width / size[0], picture.height / size[1]
    for (left, top), (right, bottom) in found:
        ends = (left * across, top * down, right * across, bottom * down)
        draw.line(ends, fill=255, width=2)
    return result


def slopes(grey: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Return how the brightness changes to the right and downwards; 128 is no change."""
    return _framed(grey.filter(_ACROSS), 128), _framed(grey.filter(_DOWN), 128)


def _changes(picture: Image.Image, blur: float) -> list[Image.Image]:
    """Return how much the colour changes in each direction, in the band that changes most."""
    calm = ImageOps.autocontrast(picture, cutoff=0.5).filter(_gaussian(blur))
    bands = [[_absolute(each) for each in slopes(band)] for band in calm.split()]
    return [reduce(ImageChops.lighter, each) for each in zip(*bands, strict=True)]


Point = tuple[float, float]


def _segments(edges: Image.Image) -> list[tuple[Point, Point]]:
    width = edges.width
    points = [divmod(at, width)[::-1] for at, level in enumerate(edges.tobytes()) if level]
    points = points[:: len(points) // _MAX_POINTS + 1]
    directions = [(cos(pi * each / _ANGLES), sin(pi * each / _ANGLES)) for each in range(_ANGLES)]
    votes: Counter[tuple[int, int]] = Counter()
    for angle, (cosine, sine) in enumerate(directions):
        votes.update((angle, round(x * cosine + y * sine)) for x, y in points)
    lines: list[tuple[int, int]] = []
    segments: list[tuple[Point, Point]] = []
    shortest = max(14, max(edges.size) // 14)
    for (angle, distance), count in votes.most_common(600):
        if count < _MIN_VOTES or len(lines) >= _MAX_LINES:
            break
        if any(_is_close(angle, distance, *line) for line in lines):
            continue
        lines.append((angle, distance))
        cosine, sine = directions[angle]
        along = sorted(
            y * cosine - x * sine for x, y in points if abs(x * cosine + y * sine - distance) < 1.6
        )
        for begin, end in _runs(along):
            if end - begin >= shortest:
                foot = distance * cosine, distance * sine
                ends = [(foot[0] - sine * at, foot[1] + cosine * at) for at in (begin, end)]
                segments.append((ends[0], ends[1]))
    return segments


def _is_close(angle: int, distance: int, other_angle: int, other_distance: int) -> bool:
    turn = abs(angle - other_angle)
    if turn > _ANGLES // 2:  # the same line, described from the other side
        turn, distance = _ANGLES - turn, -distance
    return turn <= 4 and abs(distance - other_distance) <= 7


def _runs(places: list[float]) -> list[tuple[float, float]]:
    """Return begin and end of the parts without large gaps; places are in order."""
    runs: list[tuple[float, float]] = []
    for place in places:
        if runs and place - runs[-1][1] <= _MAX_GAP:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs


def _dark_lines(picture: Image.Image, fine: float, coarse: float) -> Image.Image:
    """Return where the picture is darker than around: lines, and the dark sides of edges."""
    grey = ImageOps.autocontrast(picture.convert("L"), cutoff=0.5)
    darker = ImageChops.subtract(grey.filter(_gaussian(coarse)), grey.filter(_gaussian(fine)))
    return _framed(darker.point([min(255, max(0, level - 3) * 5) for level in range(256)]), 0)


def _dimmed(edges: Image.Image) -> Image.Image:
    return edges.point(lambda level: level * 0.25)


def _gaussian(radius: float) -> ImageFilter.GaussianBlur:
    return ImageFilter.GaussianBlur(radius)


def _absolute(slope: Image.Image) -> Image.Image:
    return slope.point([min(255, abs(level - 128) * 2) for level in range(256)])


def _ridge(strength: Image.Image, right: int, down: int) -> Image.Image:
    """Return where the strength is not less than on both sides."""
    before = ImageChops.offset(strength, right, down)
    after = ImageChops.offset(strength, -right, -down)
    above = ImageChops.subtract(strength, before).point(_from(1))
    return ImageChops.darker(above, _at_least(strength, after))


def _at_least(one: Image.Image, other: Image.Image) -> Image.Image:
    return ImageChops.subtract(other, one).point([255, *[0] * 255])


def _from(threshold: int) -> list[int]:
    return [255 if level >= threshold else 0 for level in range(256)]


def _framed(image: Image.Image, level: int) -> Image.Image:
    """Return the image with a new border, because filters leave it as it was."""
    framed = image.copy()
    box = (0, 0, image.width - 1, image.height - 1)
    ImageDraw.Draw(framed).rectangle(box, outline=level)
    return framed
