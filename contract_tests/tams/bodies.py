"""Generated bodies for TAMS: good ones in many spellings, and bad ones.

`TAMS › 2 Wire conventions` says what may vary without another meaning: two spellings of each key,
numbers as texts, unknown members.
"""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from contract_tests.tams.orders import small_stages

SAMPLERS = ("Euler a", "Euler", "DPM++ 2M Karras", "DPM++ SDE Karras")
UNKNOWN_MEMBERS = (
    "webhook", "sampler_name", "scheduler", "maskImageResourceId", "widgets_values",
)  # fmt: skip
_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")
_SIDES = st.sampled_from(range(512, 1025, 64))
# Values that JSON can express; NaN and infinity are not among them.
_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@st.composite
def good_stages(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Stages within every published range, also that of 512 engines."""
    return small_stages(
        count=draw(st.integers(1, 4)),
        start={"seed": draw(st.sampled_from((-1, 0, 1, 4294967295)))},
        width=draw(_SIDES),
        height=draw(_SIDES),
        prompts=[{"text": text} for text in draw(st.lists(st.text(max_size=30), min_size=1))[:5]],
        negativePrompts=[{"text": "blurry", "weight": 1.5}],
        sampler=draw(st.sampled_from(SAMPLERS)),
        steps=draw(st.integers(10, 50)),
        cfgScale=draw(st.integers(1, 30)),
    )


@st.composite
def spelled(draw: st.DrawFn, value: Any) -> Any:
    """The same value in another spelling with the same meaning."""
    if isinstance(value, list):
        return [draw(spelled(item)) for item in value]
    if isinstance(value, bool) or not isinstance(value, dict):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number and draw(st.booleans()) else value
    more = draw(st.dictionaries(st.sampled_from(UNKNOWN_MEMBERS), _ANYTHING, max_size=1))
    members = {_key(name, draw(st.booleans())): draw(spelled(item)) for name, item in value.items()}
    return {**more, **members}


@st.composite
def damaged(draw: st.DrawFn, value: Any) -> Any:
    """A value with a random part, or without one member."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(value)))
        if not draw(st.integers(0, 3)):
            return {key: item for key, item in value.items() if key != name}
        return {**value, name: draw(damaged(value[name]))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(damaged(value[place])), *value[place + 1 :]]
    return draw(_ANYTHING)


def _key(name: str, snake: bool) -> str:
    return _CAPITAL.sub(lambda match: "_" + match[0].lower(), name) if snake else name
