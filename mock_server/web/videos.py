"""Real videos made from a recipe: a poster, or a source picture, that fades slowly into another.

The work is limited: a long video shows each picture several times, and a very large one is made
smaller. `frame_size` returns the final size in advance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mock_server.web.pictures import Recipe, parameters_text
from mock_server.web.video_files import MEDIA_TYPE, encoded

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MEDIA_TYPE", "VideoRecipe", "frame_size", "note", "render_video"]

Size = tuple[int, int]
Box = tuple[float, float, float, float]

MIN_SIDE = 16  # one block; smaller sides are enlarged to this
MAX_VIDEO_SIDE = 4096  # the limit of the decoders in browsers
MAX_FRAME_PIXELS = 4096 * 2304
MAX_TOTAL_PIXELS = 1_000_000_000  # four minutes of 544×960 with 8 pictures a second

_MAX_DRAWN_PIXELS = 100_000_000
_MAX_POSTER_PIXELS = 500_000  # posters are drawn at most this large, then enlarged
_ZOOM = 1.3
_MAX_CHANGE = 0.45  # of a source picture, so that it stays recognisable to the end


class VideoRecipe(Recipe, frozen=True):
    """Everything that decides the bytes of one video, with one build of the encoder.

    `frames` is the number of pictures, `fps` their number per second. Of the members of a picture,
    `format` and `denoising_strength` have no effect.
    """

    frames: int = 40
    fps: int = 8


def frame_size(width: int, height: int, frames: int) -> Size:
    """Return the width and height in pixels that a video of this requested size will have.

    H.264 stores colour for every second pixel, so sides are rounded down to even numbers. A video
    that is too large for decoders, or for one thread here, is made smaller in proportion.
    """
    max_pixels = min(MAX_FRAME_PIXELS, MAX_TOTAL_PIXELS // frames)
    shrink = max(
        1.0, width / MAX_VIDEO_SIDE, height / MAX_VIDEO_SIDE, math.sqrt(width * height / max_pixels)
    )
    return _even(width / shrink), _even(height / shrink)


def note(recipe: VideoRecipe) -> str:
    """Return how the video was made, in the form that pictures use."""
    width, height = frame_size(recipe.width, recipe.height, recipe.frames)
    extra = (("Frames", str(recipe.frames)), ("FPS", str(recipe.fps)), *recipe.extra)
    return parameters_text(replace(recipe, width=width, height=height, extra=extra))


def render_video(recipe: VideoRecipe, source: bytes | None = None) -> bytes:
    """Return the video as MP4; this can take seconds, so call it in a thread.

    With a source, the video begins with that picture. Raises `UndecodablePicture` if it cannot be
    decoded.
    """
    size = frame_size(recipe.width, recipe.height, recipe.frames)
    tags = {"title": _tag(recipe.prompt), "comment": _tag(note(recipe))}
    return encoded(_pictures(recipe, size, source), size, recipe.fps, tags, recipe.frames)


def _pictures(recipe: VideoRecipe, size: Size, source: bytes | None) -> Iterator[Image]:
    """Yield the pictures in their order; a still picture is yielded repeatedly."""
    from PIL import Image

    from mock_server.web import captions, drawing

    first, last = _ends(recipe, size, source)
    camera = _camera(recipe, first.size, toward=source is not None)
    ramp = drawing.ramp(recipe.prompt, recipe.seed)
    colours = drawing.paper(ramp), drawing.ink(ramp), drawing.accent(recipe.model)
    hold = math.ceil(recipe.frames * size[0] * size[1] / _MAX_DRAWN_PIXELS)
    digits = len(str(recipe.frames))
    for number in range(0, recipe.frames, hold):
        part = number / max(1, recipe.frames - 1)
        picture = Image.blend(first, last, part * part * (3 - 2 * part))
        picture = picture.resize(size, Image.Resampling.BILINEAR, camera(part))
        mark = f"{number + 1:0{digits}}/{recipe.frames} · {recipe.fps} fps"
        caption = captions.Caption(recipe.prompt, recipe.seed, recipe.model, *colours, mark)
        captions.draw_caption(picture, caption)
        for _ in range(min(hold, recipe.frames - number)):
            yield picture


def _ends(recipe: VideoRecipe, size: Size, source: bytes | None) -> tuple[Image, Image]:
    """Return the first and the last picture, at the size at which they are drawn."""
    from PIL import Image as Pillow

    from mock_server.web import drawing
    from mock_server.web.picture_decoding import fitted

    shrink = max(1.0, math.sqrt(size[0] * size[1] / _MAX_POSTER_PIXELS))
    drawn_size = (math.ceil(size[0] / shrink), math.ceil(size[1] / shrink))
    ramp = drawing.ramp(recipe.prompt, recipe.seed)

    def poster(seed: int) -> Image:
        return drawing.coloured(drawing.tones(recipe.prompt, seed, drawn_size), ramp)

    if source is None:
        return poster(recipe.seed), poster(~recipe.seed)
    original = fitted(source, drawn_size)
    return original, Pillow.blend(original, poster(recipe.seed), _MAX_CHANGE)


def _camera(recipe: VideoRecipe, size: Size, *, toward: bool) -> Callable[[float], Box]:
    """Return a function from the time (0 to 1) to the visible part of the picture.

    The camera moves toward a point that the seed chooses; unless `toward`, it may also move away.
    """
    from mock_server.web.canvas import SeededRandom

    width, height = size
    random = SeededRandom("camera", recipe.seed, recipe.prompt)
    across, down = random.uniform(0.1, 0.9), random.uniform(0.1, 0.9)
    away = not toward and random.randrange(2) == 1

    def box(part: float) -> Box:
        near = 1 - part if away else part
        share = 1 - near * (1 - 1 / _ZOOM)
        left, top = width * (1 - share) * across, height * (1 - share) * down
        return left, top, left + width * share, top + height * share

    return box


def _even(side: float) -> int:
    return max(MIN_SIDE, int(side) // 2 * 2)


def _tag(text: str) -> str:
    """Return the text without characters that the file's tags cannot hold."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
