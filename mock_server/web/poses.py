"""Figures of people, as pose preprocessors draw them: where the picture's subject is."""

from __future__ import annotations

from colorsys import hsv_to_rgb
from math import cos, pi, sin

from PIL import Image, ImageDraw, ImageStat

from mock_server.web.regions import Box, subject_box

Place = tuple[float, float]

# The joints, in the usual order of 18, in a figure of height 1 and width 0.4 around x = 0.
_JOINTS: tuple[Place, ...] = (
    (0.0, 0.1),  # nose
    (0.0, 0.2),  # neck
    (-0.095, 0.2), (-0.135, 0.34), (-0.155, 0.47),  # right shoulder, elbow, wrist
    (0.095, 0.2), (0.135, 0.34), (0.155, 0.47),  # the left ones
    (-0.06, 0.5), (-0.07, 0.73), (-0.075, 0.96),  # right hip, knee, ankle
    (0.06, 0.5), (0.07, 0.73), (0.075, 0.96),  # the left ones
    (-0.022, 0.08), (0.022, 0.08),  # eyes
    (-0.048, 0.095), (0.048, 0.095),  # ears
)  # fmt: skip
_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
_ELBOWS = (3, 6)
_WRISTS = (4, 7)
_MIN_HEIGHT = 0.55  # of the picture, so that a figure is always seen


def pose(
    picture: Image.Image, *, body: bool = True, face: bool = False, hands: bool = False
) -> Image.Image:
    """Return a figure of coloured limbs on black; the picture decides its place and its arms."""
    result = Image.new("RGB", picture.size)
    draw = ImageDraw.Draw(result)
    height, joints = _placed(picture)
    width = max(2, round(height / 70))
    if body:
        for number, (begin, end) in enumerate(_LIMBS):
            colour = _colour(number, 0.6)
            draw.line((*joints[begin], *joints[end]), fill=colour, width=width)
        for number, joint in enumerate(joints):
            draw.circle(joint, width * 0.75, fill=_colour(number, 1.0))
    if face:
        for x, y in _face():
            place = (joints[0][0] + x * height, joints[0][1] + y * height)
            draw.circle(place, max(1, width / 5), fill="white")
    if hands:
        for elbow, wrist in zip(_ELBOWS, _WRISTS, strict=True):
            _draw_hand(draw, joints[elbow], joints[wrist], height)
    return result


def _placed(picture: Image.Image) -> tuple[float, list[Place]]:
    """Return the figure's height in pixels and its joints."""
    left, top, right, bottom = _stretched(subject_box(picture), picture.height)
    height = float(bottom - top)
    across = min(1.6, max(0.8, (right - left) / (0.45 * height)))
    centre = min(
        max((left + right) / 2, 0.2 * height), max(0.2 * height, picture.width - 0.2 * height)
    )
    joints = [(centre + x * across * height, top + y * height) for x, y in _JOINTS]
    middle = picture.width // 2
    for number, part in enumerate(((0, 0, middle, picture.height), (middle, 0, *picture.size))):
        # The brighter a half of the picture is, the higher is the arm on that side.
        light = ImageStat.Stat(picture.convert("L").crop(part)).mean[0] / 255
        side = (-1, 1)[number]
        angle = pi / 2 - pi * 0.75 * light
        for joint, length in ((_ELBOWS[number], 0.15), (_WRISTS[number], 0.14)):
            x, y = joints[joint - 1]
            step = length * height
            joints[joint] = (x + side * cos(angle) * step, y + sin(angle) * step)
            angle -= 0.35
    return height, joints


def _stretched(box: Box, picture_height: int) -> Box:
    left, top, right, bottom = box
    missing = max(0, round(_MIN_HEIGHT * picture_height) - (bottom - top))
    top = max(0, top - missing // 2)
    bottom = min(picture_height, max(bottom + missing // 2, top + missing))
    return left, top, right, bottom


def _face() -> list[Place]:
    """Return the dots of a face around its nose: jaw, brows, nose, eyes, mouth."""
    jaw = [(0.055 * cos(pi * n / 16), -0.01 + 0.065 * sin(pi * n / 16)) for n in range(17)]
    brows = [
        (side * (0.012 + 0.007 * n), -0.034 - 0.002 * (n % 3)) for side in (-1, 1) for n in range(5)
    ]
    nose = [(0.0, -0.02 + 0.007 * n) for n in range(4)] + [
        (0.005 * n, 0.005) for n in (-2, -1, 1, 2)
    ]
    eyes = [
        (side * 0.025 + 0.009 * cos(pi * n / 3), -0.02 + 0.005 * sin(pi * n / 3))
        for side in (-1, 1) for n in range(6)
    ]  # fmt: skip
    mouth = [(0.02 * cos(pi * n / 6), 0.028 + 0.008 * sin(pi * n / 6)) for n in range(12)]
    return [*jaw, *brows, *nose, *eyes, *mouth]


def _draw_hand(draw: ImageDraw.ImageDraw, elbow: Place, wrist: Place, height: float) -> None:
    forward = (wrist[0] - elbow[0], wrist[1] - elbow[1])
    length = max(1e-6, (forward[0] ** 2 + forward[1] ** 2) ** 0.5)
    unit = forward[0] / length, forward[1] / length
    for finger in range(5):
        turn = (finger - 2) * 0.32
        direction = (
            unit[0] * cos(turn) - unit[1] * sin(turn),
            unit[0] * sin(turn) + unit[1] * cos(turn),
        )
        tip = wrist[0] + direction[0] * height * 0.06, wrist[1] + direction[1] * height * 0.06
        draw.line((*wrist, *tip), fill=_colour(finger * 4, 1.0), width=max(1, round(height / 160)))
        draw.circle(tip, max(1, height / 200), fill=(0, 0, 255))


def _colour(number: int, brightness: float) -> tuple[int, ...]:
    return tuple(round(255 * each) for each in hsv_to_rgb(number / 18, 1.0, brightness))
