import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mock_server.web.captions import draw_caption, simplified
from mock_server.web.drawing import ramp
from mock_server.web.pictures import Recipe


def caption(picture, prompt="a cat", label="job-1", seed=42):
    recipe = Recipe(prompt, seed=seed, label=label)
    draw_caption(picture, recipe, "2/4", ramp("a cat", 42))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich café", "Zurich cafe"),
        ("Straße, smørrebrød", "Strasse, smorrebrod"),
        ("“quoted” — it\u2019s", '"quoted" - it\'s'),
        ("line\n\n  break\tand\0nul", "line break and nul"),
        ("\uff21\uff22\u3000全角\uff0c", "AB 全角,"),
        ("e\u0301\u200d\ufe0f", "e"),
        ("고양이", "고양이"),
    ],
)
def test_a_prompt_is_simplified_to_characters_of_the_font(text, shown):
    assert simplified(text) == shown


def test_each_character_that_the_font_lacks_has_a_pattern():
    def drawn(title):
        picture = Image.new("RGB", (256, 256))
        caption(picture, title)
        return picture.tobytes()

    assert drawn("猫") == drawn("猫")
    assert len({drawn(title) for title in ("猫", "狗", "🐱", "🐶", "")}) == 5


@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    title=st.text(max_size=80),
    label=st.text(max_size=30),
    seed=st.integers(0, 2**64),
)
@settings(max_examples=60, deadline=None)
def test_a_caption_stays_in_the_lower_half(width, height, title, label, seed):
    picture = Image.new("RGB", (width, height), "white")

    caption(picture, title, label, seed)

    upper = picture.crop((0, 0, width, height // 2))
    assert upper.size[1] == 0 or upper.getextrema() == ((255, 255),) * 3


def test_a_very_small_picture_gets_no_caption():
    picture = Image.new("RGB", (31, 400), "white")

    caption(picture)

    assert picture.getextrema() == ((255, 255),) * 3
