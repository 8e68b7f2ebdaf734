"""The tools of the compositions: seeded random numbers, and grey images to draw on."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as Plane
    from PIL.ImageDraw import ImageDraw


class SeededRandom:
    """The same endless sequence of numbers for the same words, on every machine."""

    def __init__(self, *words: object) -> None:
        text = "\x1f".join(str(word) for word in words)
        self._key = hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest()
        self._numbers = self._generate()

    def _generate(self) -> Iterator[float]:
        for block in count():
            bits = hashlib.blake2b(self._key + block.to_bytes(8, "big")).digest()
            yield from (number / 65536 for number in struct.unpack(">32H", bits))

    def uniform(self, low: float, high: float) -> float:
        """Return the next number, scaled to lie between the two bounds."""
        return low + (high - low) * next(self._numbers)

    def randrange(self, stop: int) -> int:
        """Return the next number as an integer from 0 to stop - 1."""
        return int(stop * next(self._numbers))


class Canvas:
    """Makes planes of one size, and sheets of twice that size whose edges are smoothed."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.width, self.height = width * 2, height * 2
        self.unit = math.sqrt(self.width * self.height)

    def sheet(self, tone: int = 0) -> tuple[Plane, ImageDraw]:
        """Return a sheet to draw on; its coordinates are twice as fine."""
        from PIL import Image, ImageDraw

        sheet = Image.new("L", (self.width, self.height), tone)
        return sheet, ImageDraw.Draw(sheet)

    def smooth(self, sheet: Plane) -> Plane:
        """Return the sheet, reduced to the size of the canvas."""
        return sheet.reduce(2)

    def clouds(self, random: SeededRandom, cells: int, low: float, high: float) -> Plane:
        """Return soft clouds, about `cells` along the shorter side."""
        from PIL import Image

        width, height = self.size
        cell = min(width, height) / cells
        across = max(2, min(24, round(width / cell)))
        down = max(2, min(24, round(height / cell)))
        grid = Image.new("L", (across, down))
        grid.putdata([tone_of(random.uniform(low, high)) for _ in range(across * down)])
        return grid.resize((width, height), Image.Resampling.BICUBIC)

    def cover(self, plane: Plane, shape: Plane, ink: tuple[float, float], top: float) -> None:
        """Paint the plane where the sheet `shape` is white; nothing is white above `top`.

        The ink fades from its first tone at the top to its second at the bottom.
        """
        upper = min(max(0, int(top) // 2), self.size[1] - 1)
        mask = shape.reduce(2, (0, upper * 2, self.width, self.height))
        plane.paste(fade(*ink, mask.size), (0, upper), mask)


def tone_of(value: float) -> int:
    """Return the nearest tone from 0 to 255."""
    return min(255, max(0, round(value)))


def fade(top: float, bottom: float, size: tuple[int, int]) -> Plane:
    """Return a plane that fades from the tone at the top to the tone at the bottom."""
    from PIL import Image

    column = Image.new("L", (1, 64))
    column.putdata([tone_of(top + (bottom - top) * row / 63) for row in range(64)])
    tall = column.resize((1, size[1]), Image.Resampling.BILINEAR)
    return tall.resize(size, Image.Resampling.NEAREST)
