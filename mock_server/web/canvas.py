"""What compositions are made with: dice that always fall the same way, and planes of grey."""

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


class Dice:
    """The same endless row of numbers for the same words, on every machine."""

    def __init__(self, *words: object) -> None:
        text = "\x1f".join(str(word) for word in words)
        self._key = hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest()
        self._numbers = self._roll()

    def _roll(self) -> Iterator[float]:
        for block in count():
            bits = hashlib.blake2b(self._key + block.to_bytes(8, "big")).digest()
            yield from (number / 65536 for number in struct.unpack(">32H", bits))

    def between(self, low: float, high: float) -> float:
        """Return the next number, stretched to lie between the two."""
        return low + (high - low) * next(self._numbers)

    def below(self, end: int) -> int:
        """Return the next number as one of 0 … end - 1."""
        return int(end * next(self._numbers))


class Canvas:
    """Planes of one size, and sheets of twice that size whose edges come out smooth."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.width, self.height = width * 2, height * 2
        self.unit = math.sqrt(self.width * self.height)

    def sheet(self, tone: int = 0) -> tuple[Plane, ImageDraw]:
        """Return a sheet to draw on, in its own finer coordinates."""
        from PIL import Image, ImageDraw

        sheet = Image.new("L", (self.width, self.height), tone)
        return sheet, ImageDraw.Draw(sheet)

    def smooth(self, sheet: Plane) -> Plane:
        """Return what was drawn on the sheet, at the canvas's own size."""
        return sheet.reduce(2)

    def clouds(self, dice: Dice, cells: int, low: float, high: float) -> Plane:
        """Return soft blotches, about `cells` along the shorter side."""
        from PIL import Image

        width, height = self.size
        cell = min(width, height) / cells
        across = max(2, min(24, round(width / cell)))
        down = max(2, min(24, round(height / cell)))
        grid = Image.new("L", (across, down))
        grid.putdata([tone_of(dice.between(low, high)) for _ in range(across * down)])
        return grid.resize((width, height), Image.Resampling.BICUBIC)

    def cover(self, plane: Plane, shape: Plane, ink: tuple[float, float], top: float) -> None:
        """Paint the plane where the shape's sheet is white, which is nowhere above `top`.

        The ink fades from its first tone at the top to its second at the bottom.
        """
        upper = min(max(0, int(top) // 2), self.size[1] - 1)
        mask = shape.reduce(2, (0, upper * 2, self.width, self.height))
        plane.paste(fade(*ink, mask.size), (0, upper), mask)


def tone_of(value: float) -> int:
    """Return the nearest tone that a plane can hold."""
    return min(255, max(0, round(value)))


def fade(top: float, bottom: float, size: tuple[int, int]) -> Plane:
    """Return a plane that goes from one tone at the top to another at the bottom."""
    from PIL import Image

    column = Image.new("L", (1, 64))
    column.putdata([tone_of(top + (bottom - top) * row / 63) for row in range(64)])
    tall = column.resize((1, size[1]), Image.Resampling.BILINEAR)
    return tall.resize(size, Image.Resampling.NEAREST)
