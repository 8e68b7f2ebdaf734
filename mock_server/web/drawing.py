"""Posters in colour: the tones of a composition, coloured with a ramp of related colours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mock_server.web.canvas import Canvas, SeededRandom
from mock_server.web.compositions import COMPOSITIONS

if TYPE_CHECKING:
    from PIL.Image import Image

_MAX_DRAWN_SIDE = 1100  # larger pictures are drawn smaller (at most half the size), then enlarged


def tones(prompt: str, seed: int, size: tuple[int, int]) -> Image:
    """Return a poster without colour: the prompt decides the composition, the seed the shapes."""
    from PIL import Image, ImageChops

    width, height = size
    shrink = min(2.0, max(1.0, math.sqrt(width * height) / _MAX_DRAWN_SIDE))
    canvas = Canvas(math.ceil(width / shrink), math.ceil(height / shrink))
    style, shape = SeededRandom("style", prompt), SeededRandom("shape", seed, prompt)
    composition = COMPOSITIONS[style.randrange(len(COMPOSITIONS))]
    plane = composition(canvas, style, shape)
    light = canvas.clouds(shape, 2, 8, 56)
    lit = ImageChops.add(plane, light, 1, -32)
    return lit if shrink == 1 else lit.resize(size, Image.Resampling.BICUBIC)


def ramp(prompt: str, seed: int) -> list[int]:
    """Return the 256 colours of a poster, dark to light, as one row of red, green, blue."""
    random = SeededRandom("colour", prompt)
    hue = random.uniform(0, math.tau)
    sweep = random.uniform(0.9, 2.9) * (1 if random.randrange(2) else -1)
    chroma = random.uniform(0.10, 0.17)
    nuance = SeededRandom("nuance", seed).uniform(-0.16, 0.16)
    return _ramp(hue + nuance, sweep, chroma)


def coloured(plane: Image, colours: list[int]) -> Image:
    """Return the plane in the colours of the ramp."""
    indexed = plane.copy()
    indexed.putpalette(colours)
    return indexed.convert("RGB")


def ink(colours: list[int]) -> tuple[int, int, int]:
    """Return the background of captions: a poster's darkest colour, made darker."""
    red, green, blue = (round(part * 0.6) for part in colours[12:15])
    return red, green, blue


def paper(colours: list[int]) -> tuple[int, int, int]:
    """Return the text colour of captions: a poster's lightest colour."""
    red, green, blue = colours[-3:]
    return red, green, blue


def accent(model: str) -> tuple[int, int, int]:
    """Return a bright colour that depends on the model."""
    return _colour(0.82, 0.15, SeededRandom("accent", model).uniform(0, math.tau))


def _ramp(hue: float, sweep: float, chroma: float) -> list[int]:
    stops = []
    for stop in range(17):
        tone = stop / 16
        stops.append(
            _colour(
                0.17 + 0.79 * tone,
                chroma * math.sin(math.pi * (0.16 + 0.74 * tone)),
                hue + sweep * (tone - 0.5),
            )
        )
    colours: list[int] = []
    for index in range(256):
        stop, rest = divmod(index * 16, 255)
        low, high = stops[stop], stops[min(stop + 1, 16)]
        colours += (round(a + (b - a) * rest / 255) for a, b in zip(low, high, strict=True))
    return colours


def _colour(lightness: float, chroma: float, hue: float) -> tuple[int, int, int]:
    """Return the nearest sRGB colour to a colour in OKLCH, where equal steps look equal."""
    while True:
        a, b = chroma * math.cos(hue), chroma * math.sin(hue)
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
        green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
        blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
        if min(red, green, blue) >= 0 and max(red, green, blue) <= 1:
            return _srgb_level(red), _srgb_level(green), _srgb_level(blue)
        chroma *= 0.9


def _srgb_level(light: float) -> int:
    if light <= 0.0031308:
        return round(255 * 12.92 * light)
    return round(255 * (1.055 * math.pow(light, 1 / 2.4) - 0.055))
