import subprocess
import sys
from fractions import Fraction
from io import BytesIO
from itertools import pairwise

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image, ImageChops, ImageStat

from mock_server.web.picture_decoding import UndecodablePicture
from mock_server.web.pictures import Recipe, render
from mock_server.web.videos import (
    MAX_FRAME_PIXELS,
    MAX_TOTAL_PIXELS,
    MAX_VIDEO_SIDE,
    MIN_SIDE,
    frame_size,
    note,
    render_video,
)

HARBOUR = Recipe("a quiet harbour", seed=42, width=192, height=128, frames=8, fps=8)


def opened(video):
    """Decode a video: width, height, rate, announced and real number of pictures, seconds."""
    with av.open(BytesIO(video), "r") as container:
        stream = container.streams.video[0]
        pictures = len(list(container.decode(video=0)))
        seconds = Fraction(container.duration or 0, av.time_base)
        return stream.width, stream.height, stream.average_rate, stream.frames, pictures, seconds


def pictures_of(video):
    with av.open(BytesIO(video), "r") as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def difference(one, other):
    """Return the mean difference of two pictures above the caption, from 0 to 255."""
    pair = (
        image.convert("RGB").crop((0, 0, image.width, image.height // 2)).resize((64, 64))
        for image in (one, other)
    )
    return sum(ImageStat.Stat(ImageChops.difference(*pair)).mean) / 3


@pytest.mark.parametrize(
    ("width", "height", "frames", "fps"),
    [(544, 960, 40, 8), (320, 180, 1, 1), (16, 16, 3, 30), (200, 120, 60, 60)],
)
def test_a_video_has_the_requested_size_frames_and_rate(width, height, frames, fps):
    video = render_video(replace(HARBOUR, width=width, height=height, frames=frames, fps=fps))

    *found, seconds = opened(video)
    assert found == [width, height, fps, frames, frames]
    assert seconds == pytest.approx(frames / fps, abs=1e-5)


@given(width=st.integers(1, 20_000), height=st.integers(1, 20_000), frames=st.integers(1, 10_000))
def test_sizes_are_even_and_limited(width, height, frames):
    found = frame_size(width, height, frames)

    for asked, side in zip((width, height), found, strict=True):
        assert side % 2 == 0
        assert MIN_SIDE <= side <= max(MIN_SIDE, min(asked, MAX_VIDEO_SIDE))
    if min(width, height) >= 512 and max(width / height, height / width) < 4:
        pixels = found[0] * found[1]
        assert pixels <= MAX_FRAME_PIXELS
        assert pixels * frames <= MAX_TOTAL_PIXELS
    if min(width, height) >= 16 and max(width, height) <= 1920 and frames <= 240:
        assert found == (width // 2 * 2, height // 2 * 2)


def test_a_long_video_repeats_pictures(monkeypatch):
    monkeypatch.setattr("mock_server.web.videos._MAX_DRAWN_PIXELS", 192 * 128 * 5)

    pictures = pictures_of(render_video(replace(HARBOUR, frames=23)))

    assert len(pictures) == 23
    assert difference(pictures[0], pictures[-1]) > 2
    assert difference(pictures[0], pictures[1]) < 2


def test_the_same_recipe_makes_the_same_bytes():
    assert render_video(HARBOUR) == render_video(HARBOUR)


def test_a_video_changes_continuously():
    pictures = pictures_of(render_video(replace(HARBOUR, frames=24)))

    steps = [difference(one, other) for one, other in pairwise(pictures)]
    assert min(steps) > 0.1
    assert difference(pictures[0], pictures[-1]) > 3 * max(steps)


def test_other_seeds_and_prompts_make_other_videos():
    recipes = [HARBOUR, replace(HARBOUR, seed=43), replace(HARBOUR, prompt="a red kite")]
    videos = [pictures_of(render_video(recipe)) for recipe in recipes]

    for index in (0, -1):
        first, second, third = (video[index] for video in videos)
        assert min(difference(first, second), difference(first, third)) > 5


def test_the_caption_changes_with_each_picture():
    """The pictures themselves are the same here, so only the caption can differ."""
    still = BytesIO()
    Image.new("RGB", (192, 128), "black").save(still, "PNG")
    pictures = pictures_of(render_video(replace(HARBOUR, frames=4), still.getvalue()))

    feet = [picture.crop((0, 90, 192, 128)).convert("L") for picture in pictures]
    for one, other in pairwise(feet):
        assert max(ImageChops.difference(one, other).tobytes()) > 100


def test_a_video_with_a_source_begins_with_it_and_changes():
    source = render(Recipe("a portrait", seed=7, width=192, height=128))
    pictures = pictures_of(render_video(HARBOUR, source))

    distances = [difference(Image.open(BytesIO(source)), picture) for picture in pictures]
    assert distances[0] < 3
    assert distances[-1] > 10


def test_the_file_keeps_its_colours():
    still = BytesIO()
    Image.new("RGB", (192, 128), (200, 40, 90)).save(still, "PNG")

    picture = pictures_of(render_video(replace(HARBOUR, frames=1), still.getvalue()))[0]

    red, green, blue = picture.getpixel((96, 20))
    assert (red, green, blue) == pytest.approx((200, 40, 90), abs=4)


def test_a_source_that_is_not_a_picture_is_refused():
    with pytest.raises(UndecodablePicture):
        render_video(HARBOUR, b"not a picture")


def test_the_index_comes_before_the_data():
    video = render_video(HARBOUR)

    assert video[4:8] == b"ftyp"
    assert 0 < video.index(b"moov") < video.index(b"mdat")


def test_the_tags_say_how_the_video_was_made():
    recipe = replace(HARBOUR, negative_prompt="jitter", model="934400000000000077")

    with av.open(BytesIO(render_video(recipe)), "r") as container:
        tags = dict(container.metadata)
        stream = container.streams.video[0]
        codec = stream.codec_context.name, stream.codec_context.profile, stream.pix_fmt

    assert tags["title"] == "a quiet harbour"
    assert tags["comment"] == note(recipe)
    assert "Negative prompt: jitter" in tags["comment"]
    assert "Seed: 42, Size: 192x128, Model: 934400000000000077, Frames: 8, FPS: 8" in note(recipe)
    assert "creation_time" not in tags
    assert codec == ("h264", "Constrained Baseline", "yuv420p")


@given(
    recipe=st.builds(
        Recipe,
        prompt=st.text(max_size=60)
        | st.sampled_from(["赛博朋克的猫 🐱 " * 9, "x" * 100_000, "\ud800\0"]),
        negative_prompt=st.text(max_size=20),
        seed=st.integers(0, 2**63),
        width=st.integers(1, 120),
        height=st.integers(1, 120),
        frames=st.integers(1, 4),
        fps=st.integers(1, 240),
        model=st.text(max_size=24),
    )
)
@settings(max_examples=30)
def test_every_recipe_makes_a_decodable_video(recipe):
    *found, _ = opened(render_video(recipe))

    size = frame_size(recipe.width, recipe.height, recipe.frames)
    assert found == [*size, recipe.fps, recipe.frames, recipe.frames]


def test_the_encoder_is_not_imported_at_start():
    program = (
        "import sys\n"
        "import mock_server.web.videos\n"
        "print([name for name in ('av', 'PIL') if name in sys.modules])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=60
    )

    assert finished.stdout.strip() == b"[]"
