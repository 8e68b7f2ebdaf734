"""Real videos out of a recipe: a poster that drifts slowly into another one, or out of a source.

What is drawn is bounded: beyond some millions of pixels a picture is shown several times over, and
beyond some more the whole video is made smaller, which `frame_size` tells before it is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from mock_server.web.pictures import Recipe, parameters_text
from mock_server.web.video_files import MEDIA_TYPE, encoded

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MEDIA_TYPE", "VideoRecipe", "frame_size", "note", "render_video"]

Size = tuple[int, int]
Box = tuple[float, float, float, float]

LEAST_SIDE = 16  # of one block; smaller ones are made as large
MAX_VIDEO_SIDE = 4096  # that decoders in browsers are sure to take
MAX_PIXELS = 4096 * 2304
MAX_PIXELS_IN_ALL = 1_000_000_000  # four minutes of 544×960 with 8 pictures a second

_MAX_DRAWN = 100_000_000
_EASY_PIXELS = 500_000  # posters are drawn no larger than this, and enlarged softly
_ZOOM = 1.3
_CHANGE = 0.45  # of a source, so that it is still known at the end


class VideoRecipe(Struct, frozen=True):
    """All that decides the bytes of one video, on one build of the encoder.

    `frames` are all the pictures and `fps` those of a second. `seed` is the one really used,
    `label` names the job. `extra` are further names and values for the note in the file.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    width: int = 512
    height: int = 512
    frames: int = 40
    fps: int = 8
    steps: int = 20
    cfg_scale: float = 7.0
    sampler: str = "Euler a"
    model: str = ""
    label: str = ""
    extra: tuple[tuple[str, str], ...] = ()


def frame_size(width: int, height: int, frames: int) -> Size:
    """Return the width and height in pixels that a video asked for so really has.

    H.264 stores a colour for every other pixel, so odd sides lose their last row. What is too much
    for decoders, or for one thread of ours, becomes smaller in the same shape.
    """
    most = min(MAX_PIXELS, MAX_PIXELS_IN_ALL // frames)
    shrink = max(
        1.0, width / MAX_VIDEO_SIDE, height / MAX_VIDEO_SIDE, math.sqrt(width * height / most)
    )
    return _even(width / shrink), _even(height / shrink)


def note(recipe: VideoRecipe) -> str:
    """Return how the video was made, in the words that pictures have for it."""
    width, height = frame_size(recipe.width, recipe.height, recipe.frames)
    still = Recipe(
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        seed=recipe.seed,
        width=width,
        height=height,
        steps=recipe.steps,
        cfg_scale=recipe.cfg_scale,
        sampler=recipe.sampler,
        model=recipe.model,
        extra=(("Frames", str(recipe.frames)), ("FPS", str(recipe.fps)), *recipe.extra),
    )
    return parameters_text(still)


def render_video(recipe: VideoRecipe, source: bytes | None = None) -> bytes:
    """Return the video as MP4; this takes up to seconds of a processor and belongs in a thread.

    With a source, the video begins as that picture. Raises `UndecodablePicture` for one that
    cannot be decoded.
    """
    size = frame_size(recipe.width, recipe.height, recipe.frames)
    tags = {"title": _tag(recipe.prompt), "comment": _tag(note(recipe))}
    return encoded(_pictures(recipe, size, source), size, recipe.fps, tags, recipe.frames)


def _pictures(recipe: VideoRecipe, size: Size, source: bytes | None) -> Iterator[Image]:
    """Yield the pictures in their order; one that stands still for a while comes repeatedly."""
    from PIL import Image

    from mock_server.web import captions, drawing

    first, last = _ends(recipe, size, source)
    camera = _camera(recipe, first.size, toward=source is not None)
    ramp = drawing.ramp(recipe.prompt, recipe.seed)
    colours = drawing.paper(ramp), drawing.ink(ramp), drawing.accent(recipe.label)
    hold = math.ceil(recipe.frames * size[0] * size[1] / _MAX_DRAWN)
    digits = len(str(recipe.frames))
    for number in range(0, recipe.frames, hold):
        part = number / max(1, recipe.frames - 1)
        picture = Image.blend(first, last, part * part * (3 - 2 * part))
        picture = picture.resize(size, Image.Resampling.BILINEAR, camera(part))
        mark = f"{number + 1:0{digits}}/{recipe.frames} · {recipe.fps} fps"
        caption = captions.Caption(recipe.prompt, recipe.seed, recipe.label, mark, *colours)
        captions.inscribe(picture, caption)
        for _ in range(min(hold, recipe.frames - number)):
            yield picture


def _ends(recipe: VideoRecipe, size: Size, source: bytes | None) -> tuple[Image, Image]:
    """Return the pictures that the video goes from and to, as large as is needed to draw them."""
    from PIL import Image as Pillow

    from mock_server.web import drawing
    from mock_server.web.picture_decoding import fitted

    shrink = max(1.0, math.sqrt(size[0] * size[1] / _EASY_PIXELS))
    easy = (math.ceil(size[0] / shrink), math.ceil(size[1] / shrink))
    ramp = drawing.ramp(recipe.prompt, recipe.seed)

    def poster(seed: int) -> Image:
        return drawing.coloured(drawing.tones(recipe.prompt, seed, easy), ramp)

    if source is None:
        return poster(recipe.seed), poster(~recipe.seed)
    original = fitted(source, easy)
    return original, Pillow.blend(original, poster(recipe.seed), _CHANGE)


def _camera(recipe: VideoRecipe, size: Size, *, toward: bool) -> Callable[[float], Box]:
    """Return what of the picture is seen at each part (0 to 1) of the time.

    The camera goes toward a place of the seed's choice, or away from it if it may.
    """
    from mock_server.web.canvas import Dice

    width, height = size
    dice = Dice("camera", recipe.seed, recipe.prompt)
    across, down = dice.between(0.1, 0.9), dice.between(0.1, 0.9)
    away = not toward and dice.below(2) == 1

    def box(part: float) -> Box:
        near = 1 - part if away else part
        share = 1 - near * (1 - 1 / _ZOOM)
        left, top = width * (1 - share) * across, height * (1 - share) * down
        return left, top, left + width * share, top + height * share

    return box


def _even(side: float) -> int:
    return max(LEAST_SIDE, int(side) // 2 * 2)


def _tag(text: str) -> str:
    """Return a text that the file's note can hold."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
