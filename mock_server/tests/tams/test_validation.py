"""The settings for members of stages: what is refused, what is accepted with a warning."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.errors import DomainError, Forbidden, Invalid
from mock_server.core.jobs.plans import PROFILES, Planner
from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.tams.catalogue import listed
from mock_server.tests.tams.chains import (
    CONTROLNET,
    FLUX,
    LORA,
    SD15,
    SDXL,
    ask,
    diffusion,
    inpaint,
    refusal,
    repair,
    start,
    upscaler,
    video,
)


def test_a_valid_job_has_no_warnings():
    assert ask(start(), diffusion()).warnings == ()


@pytest.mark.parametrize("count", [-1, 5, 9, 2**31 - 1])
def test_a_count_out_of_range_is_refused_with_the_documented_word(count):
    assert refusal(start(count=count), diffusion()) == (
        "count: must be between 1 and 4 (invalid_samples)"
    )


@pytest.mark.parametrize(("count", "used"), [(-1, 1), (0, 1), (4, 4), (9, 4)])
def test_a_count_may_be_clamped(count, used):
    made = ask(start(count=count), diffusion(), bad_count="clamp")

    assert (made.order.count, made.work.count) == (used, used)
    assert bool(made.warnings) == (count not in (0, used))


def test_a_seed_above_the_maximum_is_refused_or_random():
    stages = start(seed=4294967296), diffusion()

    assert refusal(*stages) == "seed: must be at most 4294967295, found 4294967296"
    made = ask(*stages, seed_above_maximum="random")
    assert made.order.seed == RANDOM_SEED
    assert made.warnings == ("seed: found 4294967296, expected at most 4294967295",)


WRONG_SIZES = [
    (520, 512, SDXL, "multiples of 64"),
    (448, 640, SDXL, "between 512 and 1536"),
    (1600, 1024, SDXL, "between 512 and 1536"),
    (1088, 512, SD15, "between 512 and 1024"),
    (1536, 1536, SDXL, "between 262144 and 2073600 when multiplied"),
]


@pytest.mark.parametrize(("width", "height", "model", "expected"), WRONG_SIZES)
def test_a_size_outside_the_rules_is_a_warning_or_refused(width, height, model, expected):
    stages = start(), diffusion(width=width, height=height, sdModel=model)

    assert f"width and height: found {width} and {height}, expected {expected}" in (
        ask(*stages).warnings
    )
    assert refusal(*stages, bad_size="refuse") == (
        f"invalid_height_or_width: width and height must be {expected}"
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ({"hrResizeX": 1000, "hrResizeY": 1024}, "multiples of 64"),
        ({"hrResizeX": 64, "hrResizeY": 8192}, "at least 128"),
        ({"hrScale": 0.5}, "between 262144 and 8294400 when multiplied"),
        ({"hrScale": 4}, "between 262144 and 8294400 when multiplied"),
    ],
)
def test_an_upscaled_size_has_rules(size, expected):
    stages = start(), diffusion(), upscaler(**size)

    assert any(warning.endswith(expected) for warning in ask(*stages).warnings)
    assert refusal(*stages, bad_size="refuse").endswith(f"must be {expected}")


@pytest.mark.parametrize(
    "stages",
    [
        [diffusion(width=16_385)],
        [diffusion(width=2**62, height=2**62)],
        [diffusion(height=-512)],
        [diffusion(), upscaler(hrScale=3e38)],
        [diffusion(), upscaler(hrScale=-2)],
        [diffusion(), upscaler(hrScale=1e-9)],
        [diffusion(), upscaler(hrResizeX=-128, hrResizeY=2**62)],
        [diffusion(), repair({"adInpaintWidth": 2**31 - 1})],
        [video(width=2**31)],
    ],
)
def test_an_extreme_size_is_refused_with_every_setting(stages):
    assert refusal(start(), *stages) == (
        "invalid_height_or_width: width and height must be between 1 and 16384"
    )


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        ("sampler", "sampler: found nothing, expected a name; Euler a is taken"),
        ("sdVae", "sdVae: found nothing, expected a name; Automatic is taken"),
    ],
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_sampler_or_vae_gets_a_default_or_is_refused(member, sentence, value):
    stages = start(), diffusion(**{member: value})

    assert ask(*stages).warnings == (sentence,)
    assert ask(*stages).order.sampler == "Euler a"
    assert refusal(*stages, missing_sampler_or_vae="refuse") == f"{member}: required"


CONTROL = {"preprocessor": "none", "model": "control_v11p_sd15_canny"}
UNLISTED = {
    "sampler": [diffusion(sampler="euler")],
    "sdVae": [diffusion(sdVae="ae.sft")],
    "scheduleName": [diffusion(scheduleName="beta")],
    "hrUpscaler": [diffusion(), upscaler(hrScale=2, hrUpscaler="mine")],
    "adModel": [diffusion(), repair({"adModel": "hand_yolov8n.pt"})],
    "adMaskMergeInvert": [diffusion(), repair({"adMaskMergeInvert": "Merge"})],
    "preprocessor": [diffusion(controlnet={"args": [{**CONTROL, "preprocessor": "canny"}]})],
    "model": [diffusion(controlnet={"args": [{**CONTROL, "model": "mine"}]})],
    "controlMode": [diffusion(controlnet={"args": [{**CONTROL, "controlMode": "X"}]})],
    "resizeMode": [diffusion(), inpaint(resizeMode=17)],
    "inpaintingFill": [diffusion(), inpaint(inpaintingFill="NONE")],
    "generationMode": [video(generationMode="VIDEO_TO_VIDEO")],
}


@pytest.mark.parametrize("member", UNLISTED)
def test_a_value_outside_its_list_is_a_warning_or_refused(member):
    (warning,) = ask(start(), *UNLISTED[member]).warnings

    assert warning.startswith(f"{member}: found '")
    assert " expected one of the " in warning
    assert refusal(start(), *UNLISTED[member], unlisted_value="refuse").startswith(
        f"{member}: must be one of the "
    )


@pytest.mark.parametrize("sampler", sorted(listed("samplers")))
def test_every_listed_sampler_is_accepted_in_strict_mode(sampler):
    assert ask(start(), diffusion(sampler=sampler), unlisted_value="refuse").warnings == ()


@pytest.mark.parametrize(
    ("allowed", "steps", "words"),
    [
        ("1..60", -1, "steps: must be between 1 and 60, found -1"),
        ("1..60", 61, "steps: must be between 1 and 60, found 61"),
        ("10..50", 9, "steps: must be between 10 and 50, found 9"),
        ("10..50", 51, "steps: must be between 10 and 50, found 51"),
        ("off", 1001, "steps: must be between 1 and 1000, found 1001"),
    ],
)
def test_steps_outside_the_range_are_refused(allowed, steps, words):
    assert refusal(start(), diffusion(steps=steps), steps_range=allowed) == words


@pytest.mark.parametrize(("allowed", "steps"), [("1..60", 60), ("10..50", 10), ("off", 1000)])
def test_steps_inside_the_range_are_accepted(allowed, steps):
    made = ask(start(), diffusion(steps=steps), steps_range=allowed)

    assert made.order.steps == steps


@pytest.mark.parametrize(
    ("allowed", "scale", "taken"),
    [
        ("0..35", 0, True),
        ("0..35", 35, True),
        ("0..35", 35.1, False),
        ("0..30", 30.1, False),
        ("0..35", -1, False),
        ("off", 3e38, True),
    ],
)
def test_cfg_scale_has_a_range(allowed, scale, taken):
    stages = start(), diffusion(cfgScale=scale)

    if taken:
        assert ask(*stages, cfg_scale_range=allowed).order.cfg_scale == scale
    else:
        assert refusal(*stages, cfg_scale_range=allowed).startswith("cfgScale: must be between")


UNEXPECTED_MODELS = {
    "sdModel": [diffusion(sdModel="5")],
    "sdModel of another type": [diffusion(sdModel=LORA)],
    "loraModel": [diffusion(lora={"items": [{"loraModel": SDXL}]})],
    "model": [diffusion(controlnet={"args": [{**CONTROL, "model": "5"}]})],
    "adCheckpoint": [diffusion(), repair({"adUseCheckpoint": True, "adCheckpoint": "5"})],
}


@pytest.mark.parametrize("case", UNEXPECTED_MODELS)
def test_an_unexpected_model_is_a_warning_or_refused(case):
    (warning,) = ask(start(), *UNEXPECTED_MODELS[case]).warnings
    member = case.split(" ", maxsplit=1)[0]

    assert warning.startswith(f"{member}: found '")
    assert refusal(start(), *UNEXPECTED_MODELS[case], unknown_model="refuse").startswith(
        f"{member}: must be a model of type "
    )


def test_known_models_of_the_right_type_are_accepted_in_strict_mode():
    settings = {
        "lora": {"items": [{"loraModel": LORA}]},
        "controlnet": {"args": [{**CONTROL, "model": CONTROLNET}]},
    }

    assert ask(start(), diffusion(**settings), unknown_model="refuse").warnings == ()


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({"sdModel": SDXL}, {"modelAccessKey": "key"}),
        (
            {"lora": {"items": [{"loraModel": LORA}]}},
            {"lora": {"items": [{"loraModel": LORA, "loraAccessKey": "key"}]}},
        ),
    ],
)
def test_a_locked_model_needs_an_access_key(members, key):
    locked = (members.get("sdModel", LORA),)

    with pytest.raises(Forbidden, match="needs an access key"):
        ask(start(), diffusion(**members), locked_models=locked)
    assert ask(start(), diffusion(**{**members, **key}), locked_models=locked).warnings == ()


def test_long_values_are_shortened_in_messages():
    made = ask(start(), diffusion(sampler="x" * 500), upscaler(hrScale=2, hrUpscaler="y" * 500))

    assert all(len(warning) < 200 for warning in made.warnings)
    assert all(len(each.name) <= 60 for each in made.work.passes)


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"sampler": "x" * 2001}, "sampler: must have at most 2000 characters"),
        ({"sdModel": "x" * 2001}, "sdModel: must have at most 2000 characters"),
        (
            {"prompts": [{"text": "x" * 10_001}] * 2},
            "prompts: must have at most 20000 characters, found 20002",
        ),
    ],
)
def test_what_is_kept_with_a_job_has_a_bound(members, problem):
    with pytest.raises(Invalid, match=problem):
        ask(start(), diffusion(**members))


# Properties

WHOLE = st.none() | st.integers(-2, 2000) | st.integers(-(2**31), 2**31 - 1)
REAL = st.none() | st.floats(-1, 50) | st.floats(-3e38, 3e38)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "width": WHOLE | st.sampled_from([512, 768, 1024]),
        "height": WHOLE | st.sampled_from([512, 768, 1024]),
        "steps": WHOLE | st.integers(1, 60),
        "cfgScale": REAL,
        "sdModel": st.sampled_from([SD15, SDXL, FLUX, LORA, "x"]),
        "sampler": st.sampled_from(["Euler a", "?"]),
        "prompts": st.lists(st.fixed_dictionaries({"text": st.text(max_size=5), "weight": REAL})),
        "animateDiff": st.fixed_dictionaries(
            {"args": st.lists(st.fixed_dictionaries({"videoLength": WHOLE}), max_size=2)}
        ),
    },
)
STAGES = st.one_of(
    SETTINGS.map(lambda members: {"type": "DIFFUSION", "diffusion": members}),
    st.fixed_dictionaries(
        {
            "hrUpscaler": st.just("None"),
            "hrScale": REAL,
            "hrResizeX": WHOLE,
            "hrResizeY": WHOLE,
            "hrSecondPassSteps": WHOLE,
            "denoisingStrength": REAL,
        }
    ).map(lambda members: {"type": "IMAGE_TO_UPSCALER", "imageToUpscaler": members}),
    st.fixed_dictionaries({"adInpaintWidth": WHOLE, "adSteps": WHOLE, "adUseSteps": st.booleans()})
    .map(repair),
    st.fixed_dictionaries(
        {"width": WHOLE, "height": WHOLE, "totalFrames": WHOLE}
    ).map(lambda members: video(**members)),
    st.just({"type": "IMAGE_TO_ANIMATE_DIFF", "imageToAnimateDiff": {}}),
)  # fmt: skip


@given(
    first=st.fixed_dictionaries({"seed": WHOLE, "count": WHOLE | st.integers(1, 4)}),
    rest=st.lists(STAGES, max_size=5),
    lax=st.booleans(),
)
def test_any_chain_is_refused_or_has_a_finite_price_and_plan(first, rest, lax):
    settings = {"steps_range": "off", "cfg_scale_range": "off", "bad_count": "clamp"} if lax else {}
    try:
        made = ask(start(**first), *rest, **settings)
    except DomainError:
        return
    price = made.work.price
    plan = Planner(PROFILES["short"], 4096 * 4096).plan(made.work, 1)

    assert Decimal(0) < price < Decimal("1e15")
    assert price == round(price, 2)
    assert 0 < plan.run < 1e15
    assert 1 <= made.order.count <= 4
    assert 1 <= made.order.width <= 16_384
    assert 1 <= made.order.height <= 16_384
    assert made.order.seed == RANDOM_SEED or 0 < made.order.seed <= 4_294_967_295
