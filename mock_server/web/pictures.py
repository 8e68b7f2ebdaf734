"""Real pictures made from a recipe: the same bytes every time, with a length known in advance."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from mock_server.core.jobs.job import Order
from mock_server.web import picture_files

if TYPE_CHECKING:
    from PIL.Image import Image

_MAX_HIDDEN = 0.85  # of a source picture, so that it stays recognisable


class Recipe(Order, frozen=True):
    """Everything that decides the bytes of one picture or video.

    Nothing in it names a job, so the same request gives the same bytes in every job; pictures of
    a batch differ by their seeds. `denoising_strength` matters only with a source: 0 keeps the
    source, 1 hides it.
    """

    sampler: str = "Euler a"


def size_bytes(recipe: Recipe) -> int:
    """Return how many bytes `render` will return, without drawing."""
    digest = hashlib.blake2b(str(recipe.seed).encode(), digest_size=4).digest()
    chance = int.from_bytes(digest, "big") / 2**32
    size = (recipe.width, recipe.height)
    return picture_files.length(recipe.format, size, parameters_text(recipe), chance)


def parameters_text(recipe: Recipe) -> str:
    """Return how the picture was made, in the form of the AUTOMATIC1111 web UI."""
    settings = [
        ("Steps", str(recipe.steps)),
        ("Sampler", recipe.sampler),
        ("CFG scale", str(recipe.cfg_scale).removesuffix(".0")),
        ("Seed", str(recipe.seed)),
        ("Size", f"{recipe.width}x{recipe.height}"),
    ]
    if recipe.model:
        settings.append(("Model", recipe.model))
    if recipe.is_video:
        settings += [("Frames", str(recipe.frames)), ("FPS", str(recipe.fps))]
    elif recipe.source:
        settings.append(("Denoising strength", f"{recipe.denoising_strength:g}"))
    lines = [
        recipe.prompt,
        *([f"Negative prompt: {recipe.negative_prompt}"] if recipe.negative_prompt else []),
        ", ".join(f"{name}: {_quoted(value)}" for name, value in settings),
    ]
    return "\n".join(lines).strip()


def render(recipe: Recipe, source: bytes | None = None, mask: bytes | None = None) -> bytes:
    """Return the picture's file; this takes milliseconds, so call it in a thread.

    With a source, the picture is drawn over it; with a mask too, only where the mask is white.
    Raises `UndecodablePicture` for a source or mask that `examined` does not accept.
    """
    size = (recipe.width, recipe.height)
    note, total = parameters_text(recipe), size_bytes(recipe)
    image = _painted(recipe, source, mask)
    for encoded in picture_files.encodings(recipe.format, image):
        file = picture_files.padded(recipe.format, encoded, size, note, total)
        if file is not None:
            return file
    raise ValueError(f"a {recipe.format} picture of {size} does not come to {total} bytes")


def _painted(recipe: Recipe, source: bytes | None, mask: bytes | None) -> Image:
    from PIL import Image

    from mock_server.web import captions, drawing
    from mock_server.web.picture_decoding import fitted

    size = (recipe.width, recipe.height)
    tones = drawing.tones(recipe.prompt, recipe.seed, size)
    ramp = drawing.ramp(recipe.prompt, recipe.seed)
    if source is None:
        image = drawing.coloured(tones, ramp)
    else:
        original = fitted(source, size)
        strength = min(1.0, max(0.0, recipe.denoising_strength))
        structure = Image.blend(original.convert("L"), tones, _MAX_HIDDEN * strength)
        image = Image.blend(original, drawing.coloured(structure, ramp), strength)
        if mask is not None:
            image = Image.composite(image, original, fitted(mask, size).convert("L"))
    captions.draw_caption(image, recipe, "", ramp)
    return image


def _quoted(value: str) -> str:
    if any(character in value for character in ",:\n"):
        return json.dumps(value, ensure_ascii=False)
    return value
