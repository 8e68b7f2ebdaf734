import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mock_server.web.captions import Caption, draw_caption, simplified


def a_caption(title="a cat", model="model-1", seed=42):
    colours = {"paper": (250, 240, 230), "ink": (10, 10, 20), "accent": (250, 180, 90)}
    return Caption(title=title, seed=seed, model=model, mark="2/4", **colours)


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
        draw_caption(picture, a_caption(title=title))
        return picture.tobytes()

    assert drawn("猫") == drawn("猫")
    assert len({drawn(title) for title in ("猫", "狗", "🐱", "🐶", "")}) == 5


@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    title=st.text(max_size=80),
    model=st.text(max_size=30),
    seed=st.integers(0, 2**64),
)
@settings(max_examples=60, deadline=None)
def test_a_caption_stays_in_the_lower_half(width, height, title, model, seed):
    picture = Image.new("RGB", (width, height), "white")

    draw_caption(picture, a_caption(title=title, model=model, seed=seed))

    upper = picture.crop((0, 0, width, height // 2))
    assert upper.size[1] == 0 or upper.getextrema() == ((255, 255),) * 3


def test_a_very_small_picture_gets_no_caption():
    picture = Image.new("RGB", (31, 400), "white")

    draw_caption(picture, a_caption())

    assert picture.getextrema() == ((255, 255),) * 3
