import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mock_server.web import fonts
from mock_server.web.captions import draw_caption, simplified
from mock_server.web.drawing import ramp
from mock_server.web.pictures import Recipe
from mock_server.web.scripts import in_drawing_order

SCRIPTS = {
    "Chinese": "猫狗塔",
    "Japanese": "あいガ",
    "Korean": "고양이",
    "Cyrillic": "жщё",
    "Greek": "λήθ",
    "Arabic": "قطة",
    "Hebrew": "חתו",
    "Devanagari": "कखग",
    "Thai": "ภาค",
    "emoji": "🐱🐶🚀",
}


def caption(picture, prompt="a cat", model="model-1", seed=42):
    recipe = Recipe(prompt, seed=seed, model=model)
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
        ("Ёлка й, ή, ガラス", "Ёлка й, ή, ガラス"),
        ("किताब", "\u093f".join(("", "कताब"))),
        ("हिन्दी", "\u093fहन्दी"),
        ("قطة", "\ufed7\ufec4\ufe94"),
        ("سلام", "\ufeb3\ufefc\ufee1"),
    ],
)
def test_a_prompt_is_simplified_to_characters_of_the_font(text, shown):
    assert simplified(text) == shown


def drawn(title):
    picture = Image.new("RGB", (256, 256))
    caption(picture, title)
    return picture.tobytes()


@pytest.fixture
def no_noto(monkeypatch):
    """Hide the packages with fonts."""
    monkeypatch.setattr(fonts, "_file", lambda name: None)
    for cached in (fonts.font, fonts.font_of):
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in (fonts.font, fonts.font_of):
        cached.cache_clear()


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_every_script_has_a_font(text):
    names = [fonts.font_of(character) for character in simplified(text)]

    assert all(names)
    assert len({drawn(character) for character in set(text)}) == len(set(text))


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_without_the_fonts_a_character_is_drawn_as_its_code_point(no_noto, text):
    first = text[0]

    assert fonts.font_of(first) == ""
    assert drawn(first) == drawn(first)
    assert len({drawn(character) for character in ("", *text[:3])}) == 4


def test_a_character_without_a_font_is_drawn_as_its_code_point():
    pictures = {drawn(title) for title in ("\U00012000", "\U00012001", "\ue000", "")}

    assert len(pictures) == 4


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("a cat, 2", "a cat, 2"),
        ("אבג", "גבא"),
        ("אב גד 12 ab", "ab 12 דג בא"),
        ("אב 1.5 גד", "דג 1.5 בא"),
        ("see אב גד.", "see דג בא."),
        ("(אב)", "(בא)"),
    ],
)
def test_hebrew_and_arabic_run_from_right_to_left(line, order):
    assert in_drawing_order(line) == order


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

    caption(picture, title, model, seed)

    upper = picture.crop((0, 0, width, height // 2))
    assert upper.size[1] == 0 or upper.getextrema() == ((255, 255),) * 3


def test_a_very_small_picture_gets_no_caption():
    picture = Image.new("RGB", (31, 400), "white")

    caption(picture)

    assert picture.getextrema() == ((255, 255),) * 3
