"""Words for a picture: what can be seen without knowing what it shows, and what its file says."""

from __future__ import annotations

from colorsys import rgb_to_hsv
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from PIL.Image import Image

_LOOKED_AT = 65_536  # pixels of the copy that is looked at
_MAX_PROMPT = 2000  # characters of a prompt in the file
# The end of each range of hues in degrees.
_HUES = (
    (15, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (195, "cyan"), (255, "blue"),
    (290, "purple"), (340, "pink"), (361, "red"),
)  # fmt: skip
_EXIF_POINTER, _USER_COMMENT = 0x8769, 0x9286


class Description(Struct, frozen=True):
    """What can be said of a picture. `prompt` is the prompt that its file has, or empty."""

    prompt: str
    colours: tuple[str, ...]
    background: str
    is_plain: bool
    light: str
    contrast: str
    orientation: str
    place: str
    width: int
    height: int


def describe(data: bytes) -> Description:
    """Look at an uploaded picture; it takes some milliseconds, so call it in a thread.

    Raises `UndecodablePicture`.
    """
    from PIL import Image, ImageStat

    from mock_server.web.picture_decoding import upright
    from mock_server.web.regions import border_colour, subject_box

    found = upright(data, _LOOKED_AT)
    picture = found.image
    grey = ImageStat.Stat(picture.convert("L"))
    border = picture.copy()
    inner = picture.width // 8, picture.height // 8
    if min(inner) > 0:
        border.paste(
            border_colour(picture), (*inner, picture.width - inner[0], picture.height - inner[1])
        )
    left, _, right, _ = subject_box(picture.resize((64, 64), Image.Resampling.BOX))
    ratio = found.width / found.height
    return Description(
        prompt=prompt_in(found.info),
        colours=_colours(picture),
        background=colour_name(border_colour(picture)),
        is_plain=max(ImageStat.Stat(border).stddev) < 12,
        light="dark" if grey.mean[0] < 85 else "bright" if grey.mean[0] > 170 else "",
        contrast="low" if grey.stddev[0] < 25 else "high" if grey.stddev[0] > 70 else "",
        orientation="landscape" if ratio > 1.1 else "portrait" if ratio < 0.9 else "square",
        place=("left", "centre", "right")[min(2, (left + right) * 3 // 128)],
        width=found.width,
        height=found.height,
    )


def tags(seen: Description) -> str:
    """Return the description as tags, the prompt's own words first."""
    words = [word for part in seen.prompt.split(",") if (word := " ".join(part.split()))]
    if set(seen.colours) <= {"black", "white", "grey"}:
        words += ["monochrome", "greyscale"]
    words += seen.colours
    words += ["simple background", f"{seen.background} background"] if seen.is_plain else []
    words += [seen.light] if seen.light else []
    words += [f"{seen.contrast} contrast"] if seen.contrast else []
    words += [f"{seen.orientation} orientation", f"{seen.width}x{seen.height}"]
    words += ["highres"] if seen.width * seen.height >= 1_000_000 else []
    words += ["lowres"] if seen.width * seen.height < 65_536 else []
    words += [] if seen.is_plain and len(seen.colours) == 1 else [_placed(seen)]
    return ", ".join(dict.fromkeys(words))


def sentence(seen: Description) -> str:
    """Return the description in natural language."""
    shape = "square" if seen.orientation == "square" else f"{seen.orientation}-format"
    kind = f"{seen.light} {shape}" if seen.light else shape
    *first, last = seen.colours
    colours = f"{', '.join(first)} and {last}" if first else last
    text = f"A {kind} picture of {seen.width} by {seen.height} pixels in {colours}"
    if seen.contrast:
        text += f" with {seen.contrast} contrast"
    if not (seen.is_plain and len(seen.colours) == 1):
        text += f", with its {_placed(seen)}"
        text += f" in front of a plain {seen.background} background" if seen.is_plain else ""
    prompt = " ".join(seen.prompt.split())
    return f'{text}. It was made from the prompt "{prompt}".' if prompt else f"{text}."


def prompt_in(info: dict[Any, Any]) -> str:
    """Return the prompt that a generator left in a file, in the AUTOMATIC1111 form."""
    note = info.get("parameters")
    if not isinstance(note, str):
        note = ""
        with suppress(Exception):  # Exif data can be broken in many ways
            note = _comment(info["exif"])
    lines = note[: 4 * _MAX_PROMPT].splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("Negative prompt:", "Steps:")):
            return "\n".join(lines[:number]).strip()[:_MAX_PROMPT]
    return ""


def colour_name(colour: tuple[int, ...]) -> str:
    """Return the everyday name of a colour."""
    hue, saturation, value = rgb_to_hsv(*(level / 255 for level in colour[:3]))
    if value < 0.18:
        return "black"
    if saturation < 0.14:
        return "white" if value > 0.88 else "grey"
    name = next(name for end, name in _HUES if hue * 360 < end)
    if name == "orange":
        if value < 0.7:
            return "brown"
        if saturation < 0.45:
            return "beige"
    return "pink" if name == "red" and saturation < 0.5 and value > 0.75 else name


def _colours(picture: Image) -> tuple[str, ...]:
    """Return the names of the colours with the largest areas, at most three."""
    from PIL import Image as Pillow

    small = picture.resize((64, 64), Pillow.Resampling.BOX)
    areas: dict[str, int] = {}
    found: list[tuple[int, Any]] = small.quantize(24).convert("RGB").getcolors(4096) or []
    for count, colour in found:
        name = colour_name(colour)
        areas[name] = areas.get(name, 0) + count
    ordered = sorted(areas, key=lambda name: (-areas[name], name))
    return tuple(name for name in ordered[:3] if areas[name] > 0.05 * 64 * 64) or (ordered[0],)


def _placed(seen: Description) -> str:
    return "subject in the centre" if seen.place == "centre" else f"subject on the {seen.place}"


def _comment(exif_data: bytes) -> str:
    from PIL.Image import Exif

    exif = Exif()
    exif.load(exif_data)
    comment = exif.get_ifd(_EXIF_POINTER)[_USER_COMMENT]
    encoding = "utf-16-be" if comment.startswith(b"UNICODE") else "utf-8"
    return str(comment[8:], encoding)
