"""The caption at the foot of a picture or video: prompt, seed, size and model."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

Colour = tuple[int, int, int]

_REPLACEMENTS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"}
    | {"\u00d7": "x", "\u2013": "-", "\u2014": "-"}
    | {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}
)
_FONT_CHARACTERS = frozenset(map(chr, range(32, 127))) | frozenset("«»°±·…™")


class Caption(Struct, frozen=True):
    """The texts of a caption, and its colours; `mark` is the number of a video's picture."""

    title: str
    seed: int
    model: str
    paper: Colour
    ink: Colour
    accent: Colour
    mark: str = ""


def draw_caption(picture: Image, caption: Caption) -> None:
    """Draw the caption at the foot of the picture, as much of it as is readable there."""
    width, height = picture.size
    if min(width, height) < 32:
        return
    scale = min(width / 512, height / 420, (width * height) ** 0.5 / 512)
    small = _font(max(10, round(20 * scale)))
    large = _font(max(11, round(27 * scale)))
    margin = max(3, round(16 * scale))
    bar = max(3, round(8 * scale))
    left, right = bar + margin, width - margin

    mark_width = _width(caption.mark, large) + margin if caption.mark else 0
    title = simplified(caption.title[:200])
    lines: list[str] = []
    if height >= 96 and title:
        lines = _wrapped(title, large, right - left - mark_width, 2 if height > width * 0.6 else 1)
    line, foot = round(large.size * 1.22), round(small.size * 1.3)
    gap = margin // 3 if lines else 0
    band = margin // 2 + len(lines) * line + gap + foot + margin // 2
    top = height - band
    drawing = _dim(picture, top, caption.ink)
    drawing.rectangle((0, top, bar - 1, height), fill=caption.accent)

    y = top + margin // 2
    if lines and caption.mark:
        place = right - _width(caption.mark, large)
        _write(drawing, place, y, caption.mark, large, caption.accent)
    for text in lines:
        _write(drawing, left, y, text, large, caption.paper)
        y += line
    y += gap

    max_width = right - left
    if not lines and caption.mark:
        _write(drawing, left, y, caption.mark, small, caption.accent)
        used = _width(caption.mark, small) + margin
        left, max_width = left + used, max_width - used
    seed = f"seed {caption.seed}"
    facts = (f"{seed} · {width}x{height}", seed, str(caption.seed))
    fitting = (text for text in facts if _width(text, small) <= max_width)
    shown = next(fitting, None) or _tail(facts[-1], small, max_width)
    pale = _mixed(caption.paper, caption.ink, 0.25)
    _write(drawing, left, y, shown, small, pale)
    max_width -= _width(shown, small) + margin
    model = simplified(caption.model[:200])
    tail = _tail(model, small, max_width)
    if len(tail) >= min(len(model), 5):
        _write(drawing, right - _width(tail, small), y, tail, small, caption.accent)


def simplified(text: str) -> str:
    """Return the text without accents, and with single spaces."""
    plain = unicodedata.normalize("NFKD", text.translate(_REPLACEMENTS))
    kept = (
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        for character in plain
        if unicodedata.category(character) not in ("Mn", "Me", "Cf")
    )
    # NFKD splits Hangul syllables into letters; NFC joins them again.
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def _dim(picture: Image, top: int, ink: Colour) -> ImageDraw:
    """Cover the foot of the picture with nearly opaque ink."""
    from PIL import ImageDraw

    box = (0, top, *picture.size)
    levels = [round(part * 0.86 + level * 0.14) for part in ink for level in range(256)]
    picture.paste(picture.crop(box).point(levels), box)
    return ImageDraw.Draw(picture)


def _write(
    drawing: ImageDraw, x: float, y: float, text: str, font: FreeTypeFont, colour: Colour
) -> None:
    for run, is_known in _runs(text):
        if is_known:
            drawing.text((x, y), run, font=font, fill=colour)
        else:
            _draw_pattern(drawing, x, y, run, font, colour)
        x += _run_width(run, is_known, font)


def _draw_pattern(
    drawing: ImageDraw, x: float, y: float, character: str, font: FreeTypeFont, colour: Colour
) -> None:
    """Draw a character that the font lacks as a pattern of 4 x 4 cells.

    The cells are the sixteen bits of its code point, so each character has one pattern.
    """
    cell = max(1.0, font.size * 0.19)
    top = y + font.size * 0.28
    code = ord(character) ^ ord(character) >> 16
    for bit in range(16):
        if code >> bit & 1:
            left, upper = round(x + cell * (bit % 4)), round(top + cell * (bit // 4))
            right, lower = round(x + cell * (bit % 4 + 1)), round(top + cell * (bit // 4 + 1))
            seam = 1 if cell < 4 else 2
            drawing.rectangle(
                (left, upper, max(left, right - seam), max(upper, lower - seam)), colour
            )


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    start = 0
    for end, character in enumerate(text):
        if character not in _FONT_CHARACTERS:
            if start < end:
                yield text[start:end], True
            yield character, False
            start = end + 1
    if start < len(text):
        yield text[start:], True


def _run_width(run: str, is_known: bool, font: FreeTypeFont) -> float:
    return font.getlength(run) if is_known else round(font.size * 0.98)


def _width(text: str, font: FreeTypeFont) -> int:
    return round(sum(_run_width(run, is_known, font) for run, is_known in _runs(text)))


def _wrapped(text: str, font: FreeTypeFont, max_width: float, lines: int) -> list[str]:
    """Return the text on at most `lines` lines, broken at spaces if possible."""
    wrapped: list[str] = []
    while text and len(wrapped) < lines:
        fits = _fitting(text, font, max_width)
        if fits < len(text) and len(wrapped) == lines - 1:
            fits = max(0, _fitting(text, font, max_width - _width("…", font)))
            wrapped.append(text[:fits].rstrip(" ,") + "…")
            break
        space = text.rfind(" ", fits // 2, fits + 1) if fits < len(text) else -1
        cut = space if space > 0 else max(1, fits)
        wrapped.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return wrapped


def _fitting(text: str, font: FreeTypeFont, max_width: float) -> int:
    """Return how many of the first characters fit into the width."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if _width(text[:middle], font) <= max_width:
            low = middle
        else:
            high = middle - 1
    return low


def _tail(text: str, font: FreeTypeFont, max_width: float) -> str:
    """Return the text, or as much of its end as fits: the ends of ids differ most."""
    if _width(text, font) <= max_width:
        return text
    fits = _fitting(text[::-1], font, max_width - _width("…", font))
    return "…" + text[len(text) - fits :] if fits > 0 else ""


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


@lru_cache(maxsize=64)
def _font(size: int) -> FreeTypeFont:
    """Return Pillow's own font, with a layout that is the same with and without Raqm."""
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType, so it has no scalable font")
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)
