"""Words for pictures follow from what can be seen, and from the prompt in the file."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from mock_server.web.picture_words import colour_name, describe, sentence, tags
from mock_server.web.pictures import Recipe, render


def encoded(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def test_a_plain_picture_is_its_colour_light_and_shape():
    words = tags(describe(encoded(Image.new("RGB", (300, 100), "navy"))))

    assert words == (
        "blue, simple background, blue background, dark, low contrast, landscape orientation,"
        " 300x100, lowres"
    )


def test_a_picture_with_a_subject_says_where_it_is():
    picture = Image.new("RGB", (1000, 1200), "white")
    picture.paste("red", (620, 300, 860, 900))
    seen = describe(encoded(picture))

    assert tags(seen) == (
        "white, red, simple background, white background, bright, portrait orientation, 1000x1200,"
        " highres, subject on the right"
    )
    assert sentence(seen) == (
        "A bright portrait-format picture of 1000 by 1200 pixels in white and red, with its subject"
        " on the right in front of a plain white background."
    )


def test_greys_are_monochrome():
    assert tags(describe(encoded(Image.linear_gradient("L")))).startswith("monochrome, greyscale,")


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("prompt", ["a cat, ein 猫", "two\nlines", "Steps: are no prompt"])
def test_the_prompt_is_read_from_every_format(form, prompt):
    recipe = Recipe(prompt, negative_prompt="blurry", width=128, height=128, format=form)
    found = describe(render(recipe)).prompt

    assert found == ("" if prompt.startswith("Steps:") else prompt)


def test_a_prompt_without_letters_of_ones_own_is_no_tag():
    assert ", ," not in tags(describe(render(Recipe(" , ,, ", width=64, height=64))))


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((0, 0, 0), "black"), ((255, 255, 255), "white"), ((128, 128, 128), "grey"),
        ((255, 0, 0), "red"), ((255, 0, 40), "red"), ((255, 140, 0), "orange"),
        ((120, 70, 30), "brown"), ((245, 222, 179), "beige"), ((255, 230, 0), "yellow"),
        ((0, 128, 0), "green"), ((0, 220, 220), "cyan"), ((0, 0, 255), "blue"),
        ((128, 0, 200), "purple"), ((255, 105, 180), "pink"), ((255, 180, 180), "pink"),
    ],
)  # fmt: skip
def test_colours_have_their_everyday_names(colour, name):
    assert colour_name(colour) == name
