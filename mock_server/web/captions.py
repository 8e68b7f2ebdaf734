"""The caption at the foot of a picture or video: prompt, seed, size and model."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from mock_server.web import fonts
from mock_server.web.drawing import accent, ink, paper
from mock_server.web.scripts import in_drawing_order, shaped

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from mock_server.web.pictures import Recipe

Colour = tuple[int, int, int]

_REPLACEMENTS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"}
    | {"\u00d7": "x", "\u2013": "-", "\u2014": "-"}
    | {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}
)
# Signs of the scripts of India and South-East Asia, and the sound marks of Japanese.
_VOWEL_SIGNS = frozenset(
    map(chr, (*range(0x900, 0xF00), *range(0x1000, 0x10A0), *range(0x1780, 0x1800), 0x3099, 0x309A))
)


def draw_caption(picture: Image, recipe: Recipe, mark: str, ramp: list[int]) -> None:
    """Draw the caption at the foot of the picture, as much of it as is readable there."""
    light, dark, bright = paper(ramp), ink(ramp), accent(recipe.model)
    width, height = picture.size
    if min(width, height) < 32:
        return
    scale = min(width / 512, height / 420, (width * height) ** 0.5 / 512)
    small = _font(max(10, round(20 * scale)))
    large = _font(max(11, round(27 * scale)))
    margin = max(3, round(16 * scale))
    bar = max(3, round(8 * scale))
    left, right = bar + margin, width - margin

    mark_width = _width(mark, large) + margin if mark else 0
    title = simplified(recipe.prompt[:200])
    lines: list[str] = []
    if height >= 96 and title:
        lines = _wrapped(title, large, right - left - mark_width, 2 if height > width * 0.6 else 1)
    line, foot = round(large.size * 1.22), round(small.size * 1.3)
    gap = margin // 3 if lines else 0
    band = margin // 2 + len(lines) * line + gap + foot + margin // 2
    top = height - band
    drawing = _dim(picture, top, dark)
    drawing.rectangle((0, top, bar - 1, height), fill=bright)

    y = top + margin // 2
    if lines and mark:
        place = right - _width(mark, large)
        _write(drawing, place, y, mark, large, bright)
    for text in lines:
        _write(drawing, left, y, text, large, light)
        y += line
    y += gap

    max_width = right - left
    if not lines and mark:
        _write(drawing, left, y, mark, small, bright)
        used = _width(mark, small) + margin
        left, max_width = left + used, max_width - used
    seed = f"seed {recipe.seed}"
    facts = (f"{seed} · {width}x{height}", seed, str(recipe.seed))
    fitting = (text for text in facts if _width(text, small) <= max_width)
    shown = next(fitting, None) or _tail(facts[-1], small, max_width)
    pale = _mixed(light, dark, 0.25)
    _write(drawing, left, y, shown, small, pale)
    max_width -= _width(shown, small) + margin
    model = simplified(recipe.model[:200])
    tail = _tail(model, small, max_width)
    if len(tail) >= min(len(model), 5):
        _write(drawing, right - _width(tail, small), y, tail, small, bright)


def simplified(text: str) -> str:
    """Return the text with single spaces, and with Latin letters without accents."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFKC", text.translate(_REPLACEMENTS)):
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category in ("Mn", "Me"):
            # In some scripts these are vowels; elsewhere they are accents, which can be left out.
            kept.append(character if character in _VOWEL_SIGNS else "")
        elif category not in ("Cf", "Cs"):
            plain = unicodedata.normalize("NFKD", character)
            kept.append(plain[0] if plain[0].isascii() else character)
    return shaped(" ".join("".join(kept).split()))


def _dim(picture: Image, top: int, dark: Colour) -> ImageDraw:
    """Cover the foot of the picture with nearly opaque ink."""
    from PIL import ImageDraw

    box = (0, top, *picture.size)
    levels = [round(part * 0.86 + level * 0.14) for part in dark for level in range(256)]
    picture.paste(picture.crop(box).point(levels), box)
    return ImageDraw.Draw(picture)


def _write(
    drawing: ImageDraw, x: float, y: float, text: str, font: FreeTypeFont, colour: Colour
) -> None:
    baseline = y + font.getmetrics()[0]
    for run, name in fonts.runs(in_drawing_order(text)):
        face = fonts.font(name, round(font.size)) if name else None
        if face is not None:
            drawing.text((x, baseline), run, font=face, fill=colour, anchor="ls")
            x += face.getlength(run)
        else:
            _draw_code(drawing, x, y, run, font, colour)
            x += _code_width(run, font)


def _draw_code(
    drawing: ImageDraw, x: float, y: float, character: str, font: FreeTypeFont, colour: Colour
) -> None:
    """Draw a character that no font has as a box with the digits of its code point."""
    digits = _code_font(font)
    rows = _code_rows(character)
    width = _code_width(character, font)
    top, line = round(y + font.size * 0.1), round(digits.size)
    box = (round(x) + 1, top, round(x + width) - 2, top + 2 * line + 2)
    drawing.rectangle(box, outline=colour)
    for number, row in enumerate(rows):
        place = (round(x) + 3, top + number * line + 1)
        drawing.text(place, row, font=digits, fill=colour)


def _code_rows(character: str) -> tuple[str, str]:
    code = f"{ord(character):04X}"
    half = (len(code) + 1) // 2
    return code[:half], code[half:]


def _code_width(character: str, font: FreeTypeFont) -> float:
    digits = _code_font(font)
    return round(max(map(digits.getlength, _code_rows(character)))) + 7


def _code_font(font: FreeTypeFont) -> FreeTypeFont:
    return _font(max(7, round(font.size * 0.5)))


def _run_width(run: str, name: str, font: FreeTypeFont) -> float:
    face = fonts.font(name, round(font.size)) if name else None
    return _code_width(run, font) if face is None else face.getlength(run)


def _width(text: str, font: FreeTypeFont) -> int:
    return round(sum(_run_width(run, name, font) for run, name in fonts.runs(text)))


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


def _font(size: int) -> FreeTypeFont:
    return fonts.basic_font(size)
