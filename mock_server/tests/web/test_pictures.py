import subprocess
import sys
from hashlib import shake_128
from io import BytesIO
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image, ImageChops, ImageStat

from mock_server.web.picture_decoding import UndecodablePicture, examined
from mock_server.web.picture_files import Format, media_type
from mock_server.web.pictures import Recipe, parameters_text, render, size_bytes

FORMATS: tuple[Format, ...] = ("png", "jpeg", "webp")
LIGHTHOUSE = Recipe("a lighthouse, oil painting", seed=42, width=128, height=96)


def opened(data):
    image = Image.open(BytesIO(data))
    image.load()
    return image


def file_of(image, format="PNG", **options):
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def noise(width, height, *, harsh=False):
    """Return a picture that cannot be compressed."""
    levels = shake_128(b"noise").digest(width * height * 3)
    if harsh:
        levels = bytes(255 * (level & 1) for level in levels)
    return file_of(Image.frombytes("RGB", (width, height), levels), compress_level=0)


def difference(one, other):
    """Return the mean difference of two pictures, from 0 to 255."""
    pair = (image.convert("RGB").resize((64, 64)) for image in (one, other))
    return sum(ImageStat.Stat(ImageChops.difference(*pair)).mean) / 3


def above_caption(image):
    return image.crop((0, 0, image.width, image.height // 2))


def user_comment(image):
    comment = image.getexif().get_ifd(0x8769)[0x9286]
    assert comment.startswith(b"UNICODE\0")
    return comment[8:].decode("utf-16-be")


@given(
    recipe=st.builds(
        Recipe,
        prompt=st.text(max_size=60) | st.sampled_from(["赛博朋克的猫 🐱 " * 9, "x" * 100_000]),
        negative_prompt=st.text(max_size=20),
        seed=st.integers(0, 2**63),
        width=st.integers(1, 150),
        height=st.integers(1, 150),
        model=st.text(max_size=24),
        format=st.sampled_from(FORMATS),
        denoising_strength=st.sampled_from([0.0, 0.5, 1.0]),
    ),
    source=st.sampled_from([None, noise(90, 70), noise(90, 70, harsh=True)]),
)
@settings(max_examples=80, deadline=None)
def test_a_picture_has_the_announced_length_format_and_size(recipe, source):
    picture = render(recipe, source)

    assert len(picture) == size_bytes(recipe)
    found = examined(picture)
    assert found is not None
    assert (found.format, found.width, found.height) == (
        recipe.format,
        recipe.width,
        recipe.height,
    )


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (64, 64), (3, 1500), (1500, 2), (512, 512), (640, 1536)])
def test_the_length_holds_for_a_source_that_cannot_be_compressed(format, size):
    width, height = size
    recipe = Recipe("p", width=width, height=height, format=format, denoising_strength=0)

    for harsh in (False, True):
        picture = render(recipe, noise(width, height, harsh=harsh))
        assert len(picture) == size_bytes(recipe)
        assert opened(picture).size == size


def test_file_sizes_are_like_those_of_the_real_service():
    def kilobytes(side, seed):
        return size_bytes(Recipe("p", width=side, height=side, seed=seed)) / 1000

    for seed in range(50):
        assert kilobytes(512, seed) == pytest.approx(412, rel=0.08)
        assert kilobytes(768, seed) == pytest.approx(923, rel=0.08)
    assert len({kilobytes(512, seed) for seed in range(50)}) == 50


def test_the_file_grows_by_the_length_of_the_prompt():
    short, long = replace(LIGHTHOUSE, prompt="x"), replace(LIGHTHOUSE, prompt="x" * 100_001)

    assert size_bytes(long) - size_bytes(short) == 100_000


def test_common_pictures_are_rgb():
    for side in (64, 200):
        for prompt in "abcdefghijkl":
            recipe = Recipe(prompt, width=side, height=side, model="731234567890123456")
            assert opened(render(recipe)).mode == "RGB"


@pytest.mark.parametrize("format", FORMATS)
def test_another_process_makes_the_same_bytes(format):
    recipe = replace(LIGHTHOUSE, format=format, prompt="灯塔 lighthouse 🗼", model="v1")
    script = (
        "import sys; from mock_server.web.pictures import Recipe, render;"
        f"sys.stdout.buffer.write(render({recipe!r}))"
    )
    command = [sys.executable, "-X", "utf8", "-c", script]
    made = subprocess.run(command, env={"PYTHONHASHSEED": "7"}, capture_output=True, check=True)

    assert made.stdout == render(recipe)


def test_the_size_is_known_without_importing_pillow():
    script = (
        "import sys; from mock_server.web.pictures import *; r = Recipe('p');"
        "size_bytes(r), parameters_text(r);"
        "assert not [name for name in sys.modules if name.startswith('PIL')]"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_seed_makes_a_different_picture():
    for prompt in "abcdefghijkl":
        pictures = [
            above_caption(opened(render(replace(LIGHTHOUSE, prompt=prompt, seed=seed))))
            for seed in range(4)
        ]
        for one, other in combinations(pictures, 2):
            assert difference(one, other) > 3


def test_pictures_of_one_prompt_have_similar_colours():
    def hue(prompt, seed):
        picture = above_caption(opened(render(replace(LIGHTHOUSE, prompt=prompt, seed=seed))))
        return ImageStat.Stat(picture).mean

    def apart(one, other):
        return sum(abs(a - b) for a, b in zip(one, other, strict=True))

    prompts = ["a lighthouse", "silver hair", "dragon", "teapot", "rose", "koi pond"]
    hues = {prompt: [hue(prompt, seed) for seed in range(3)] for prompt in prompts}
    within = [apart(*pair) for family in hues.values() for pair in combinations(family, 2)]
    between = [apart(hues[one][0], hues[other][0]) for one, other in combinations(prompts, 2)]

    assert sum(within) / len(within) < sum(between) / len(between) / 2


def test_the_model_changes_only_the_caption():
    recipe = replace(LIGHTHOUSE, model="v1", height=200)
    first, second = opened(render(recipe)), opened(render(replace(recipe, model="v2")))

    changed = ImageChops.difference(first, second).getbbox()

    assert changed is not None
    assert changed[1] > 100


def test_parameters_are_written_as_the_web_ui_writes_them():
    recipe = Recipe(
        "a cat,\nsitting",
        negative_prompt="blurry, text",
        seed=123,
        width=768,
        height=512,
        steps=8,
        sampler="DPM++ 2M Karras",
        cfg_scale=7.5,
        model="v1, pruned",
        source="an upload",
        denoising_strength=0.5,
    )

    assert parameters_text(recipe) == (
        "a cat,\nsitting\n"
        "Negative prompt: blurry, text\n"
        "Steps: 8, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 123, Size: 768x512, "
        'Model: "v1, pruned", Denoising strength: 0.5'
    )


def test_parameters_omit_empty_values():
    assert parameters_text(Recipe("a cat")) == (
        "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 0, Size: 512x512"
    )


@pytest.mark.parametrize("prompt", ["a café", "一只猫 🐱", "x" * 100_000, "猫" * 100_000])
@pytest.mark.parametrize("format", FORMATS)
def test_the_file_holds_all_parameters(format, prompt):
    recipe = replace(LIGHTHOUSE, prompt=prompt, format=format)

    image = opened(render(recipe))

    text = image.info["parameters"] if format == "png" else user_comment(image)
    assert text == parameters_text(recipe)


def test_latin_parameters_are_stored_as_text_and_others_as_itxt():
    assert b"tEXtparameters\0a caf\xe9\n" in render(replace(LIGHTHOUSE, prompt="a café"))
    chinese = render(replace(LIGHTHOUSE, prompt="猫"))
    assert b"iTXtparameters\0\0\0\0\0" + "猫\n".encode() in chinese


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("prompt", ["", "\0", "\ud800 lone", "\n\n", "\u202e rtl", "e\u0301" * 90])
def test_unusual_prompts_make_valid_pictures(format, prompt):
    recipe = replace(LIGHTHOUSE, prompt=prompt, format=format)

    assert len(render(recipe)) == size_bytes(recipe)


def test_without_denoising_the_picture_is_the_source():
    source = render(Recipe("another one", width=256, height=192))

    same = opened(render(replace(LIGHTHOUSE, denoising_strength=0), source))
    other = opened(render(replace(LIGHTHOUSE, denoising_strength=1), source))

    assert difference(above_caption(same), above_caption(opened(source))) < 4
    assert difference(above_caption(other), above_caption(opened(source))) > 20


def test_png_is_lossless():
    source = opened(render(replace(LIGHTHOUSE, prompt="another one", width=300, height=900)))
    recipe = replace(LIGHTHOUSE, width=300, height=900, denoising_strength=0)

    picture = opened(render(recipe, file_of(source)))

    assert above_caption(picture).tobytes() == above_caption(source).tobytes()


def test_the_source_stays_visible_at_full_denoising():
    dark, light = (file_of(Image.new("RGB", (64, 64), colour)) for colour in ("black", "white"))
    recipe = replace(LIGHTHOUSE, denoising_strength=1)

    assert difference(opened(render(recipe, dark)), opened(render(recipe, light))) > 8


def test_only_the_white_part_of_a_mask_is_repainted():
    source = file_of(Image.new("RGB", (128, 96), (200, 30, 30)))
    mask = Image.new("L", (128, 96), 0)
    mask.paste(255, (0, 0, 64, 96))

    picture = opened(render(replace(LIGHTHOUSE, denoising_strength=1), source, file_of(mask)))

    assert difference(picture.crop((66, 0, 128, 30)), Image.new("RGB", (9, 9), (200, 30, 30))) < 1
    assert difference(picture.crop((0, 0, 62, 30)), Image.new("RGB", (9, 9), (200, 30, 30))) > 20


def test_a_source_is_cropped_and_keeps_its_proportions():
    source = Image.new("RGB", (400, 100), "blue")
    source.paste("white", (150, 0, 250, 100))

    picture = opened(
        render(Recipe("p", width=96, height=96, denoising_strength=0), file_of(source))
    )

    assert difference(picture.crop((0, 0, 96, 40)), Image.new("RGB", (9, 9), "white")) < 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_a_source_may_have_any_mode(mode):
    grey = Image.linear_gradient("L")
    source = grey.convert("I").point(lambda level: level * 256) if mode == "I;16" else grey
    recipe = Recipe("p", width=128, height=128, denoising_strength=0)

    picture = opened(render(recipe, file_of(source.convert(mode))))

    assert difference(above_caption(picture), grey.crop((0, 0, 256, 128))) < 12


def test_the_orientation_of_a_source_is_applied():
    source = Image.new("RGB", (80, 80), "blue")
    source.paste("white", (0, 0, 40, 80))
    exif = Image.Exif()
    exif[0x0112] = 6
    recipe = Recipe("p", width=80, height=80, denoising_strength=0)

    picture = opened(render(recipe, file_of(source, "JPEG", exif=exif)))

    assert difference(picture.crop((0, 0, 80, 36)), Image.new("RGB", (9, 9), "white")) < 4


def test_a_source_that_is_not_a_picture_is_refused():
    with pytest.raises(UndecodablePicture, match="it is a GIF picture"):
        render(LIGHTHOUSE, b"GIF89a and so on")
    with pytest.raises(UndecodablePicture):
        render(LIGHTHOUSE, noise(9, 9), b"")


def test_media_types_are_those_of_the_formats():
    assert [media_type(format) for format in FORMATS] == ["image/png", "image/jpeg", "image/webp"]
