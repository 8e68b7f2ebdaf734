"""The fonts of captions: Pillow's own for English, and Noto for every other script.

The Noto fonts are in two packages, and a file is opened when a character needs it. Where the
packages are missing, a character is drawn as a box with its code point, which is readable too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

BASIC = "basic"  # Pillow's own font

_BASIC_CHARACTERS = frozenset(map(chr, range(32, 127))) | frozenset("«»°±·…™")
_CJK, _EMOJI, _SYMBOLS, _SANS = "CJK", "NotoEmoji", "NotoSansSymbols", "NotoSans"
# Fonts by the last code point of a block; blocks without a font are tried with the general fonts.
_BLOCKS = (
    (0x052F, _SANS),
    (0x058F, "NotoSansArmenian"),
    (0x05FF, "NotoSansHebrew"),
    (0x08FF, "NotoSansArabic"),
    (0x097F, "NotoSansDevanagari"),
    (0x09FF, "NotoSansBengali"),
    (0x0A7F, "NotoSansGurmukhi"),
    (0x0AFF, "NotoSansGujarati"),
    (0x0B7F, "NotoSansOriya"),
    (0x0BFF, "NotoSansTamil"),
    (0x0C7F, "NotoSansTelugu"),
    (0x0CFF, "NotoSansKannada"),
    (0x0D7F, "NotoSansMalayalam"),
    (0x0DFF, "NotoSansSinhala"),
    (0x0E7F, "NotoSansThai"),
    (0x0EFF, "NotoSansLao"),
    (0x109F, "NotoSansMyanmar"),
    (0x10FF, "NotoSansGeorgian"),
    (0x11FF, _CJK),
    (0x139F, "NotoSansEthiopic"),
    (0x17FF, "NotoSansKhmer"),
    (0x25FF, _SANS),
    (0x2BFF, _EMOJI),
    (0xD7FF, _CJK),
    (0xFAFF, _CJK),
    (0xFB4F, "NotoSansHebrew"),
    (0xFDFF, "NotoSansArabic"),
    (0xFE6F, _CJK),
    (0xFEFF, "NotoSansArabic"),
    (0xFFFF, _CJK),
    (0x1FFFF, _EMOJI),
    (0x3FFFF, _CJK),
)
_GENERAL = (_SANS, _SYMBOLS, _EMOJI, _CJK)
_CHINESE = 2  # the place of the simplified Chinese font in the collection
_REGULAR = 400
_NOTO_SCALE = 0.92  # so that its letters look as large as those of Pillow's font
_NO_CHARACTER = "\U0010ffff"
_TEST_SIZE = 16


def runs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of the text, each with the name of its font, or "" if no font has it."""
    start, current = 0, ""
    for end, character in enumerate(text):
        name = font_of(character)
        if name != current or not name:
            if start < end:
                yield text[start:end], current
            start, current = end, name
    if start < len(text):
        yield text[start:], current


@lru_cache(maxsize=8192)
def font_of(character: str) -> str:
    """Return the name of the font that draws the character, or "" if none does."""
    if character in _BASIC_CHARACTERS:
        return BASIC
    code = ord(character)
    usual = next((name for last, name in _BLOCKS if code <= last), _SANS)
    return next((name for name in (usual, *_GENERAL) if _draws(name, character)), "")


@lru_cache(maxsize=64)
def basic_font(size: int) -> FreeTypeFont:
    """Return Pillow's own font, with a layout that is the same with and without Raqm."""
    from PIL import ImageFont

    loaded = ImageFont.load_default(size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType, so it has no scalable font")
    return loaded.font_variant(layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=128)
def font(name: str, size: int) -> FreeTypeFont | None:
    """Return the font with this name, or None if its package is missing."""
    from PIL import ImageFont

    if name == BASIC:
        return basic_font(size)
    path = _file(name)
    if path is None:
        return None
    opened = ImageFont.truetype(
        str(path),
        round(size * _NOTO_SCALE),
        _CHINESE if name == _CJK else 0,
        layout_engine=ImageFont.Layout.BASIC,
    )
    opened.set_variation_by_axes([_REGULAR])
    return opened


@lru_cache(maxsize=64)
def _file(name: str) -> Path | None:
    package = "manimgx_fonts_cjk" if name == _CJK else "manimgx_fonts"
    file = "NotoSansCJK-VF.otf.ttc" if name == _CJK else f"{name}[wght].ttf"
    found = find_spec(package)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name(file)
    return path if path.is_file() else None


def _draws(name: str, character: str) -> bool:
    """Return whether the font has its own shape for the character."""
    loaded = font(name, _TEST_SIZE)
    if loaded is None:
        return False
    drawn, missing = loaded.getmask(character), loaded.getmask(_NO_CHARACTER)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)
