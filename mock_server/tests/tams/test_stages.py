"""Parsing stages: the rules of the chain, the order, the work, the price."""

import json
from pathlib import Path
from typing import Any

import pytest

from mock_server.core.errors import Forbidden, Invalid
from mock_server.core.jobs.job import Order
from mock_server.core.jobs.plans import Pass
from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.tams.catalogue import Catalogue
from mock_server.tams.requests import CreateJob
from mock_server.tams.settings import TamsSettings
from mock_server.tams.stages import ParsedOrder, parse_order
from mock_server.tams.wire import parse
from mock_server.tests.tams.chains import (
    IMAGE,
    LORA,
    MASK,
    PLAIN,
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

EXCHANGES = Path(__file__).resolve().parents[3] / "fixtures" / "exchanges" / "tams"

# The recorded bodies


def replay(path: Path, **settings: Any) -> ParsedOrder:
    raw = json.loads(path.read_bytes())["request"]["rawBody"]
    return parse_order(parse(CreateJob, raw.encode()).stages, TamsSettings(**settings), Catalogue())


GOOD = [path for path in sorted(EXCHANGES.glob("create-job*.json")) if "error" not in path.name]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_every_accepted_recorded_job_makes_an_order(path):
    made = replay(path)

    assert made.work.passes
    assert made.work.price > 0
    assert made.order.width % 8 == 0


@pytest.mark.parametrize(
    ("case", "settings"),
    [
        ("body-empty-stages", {}),
        ("count-out-of-range", {}),
        ("sampler-and-vae-missing", {"missing_sampler_or_vae": "refuse"}),
        ("size-not-multiple-of-64", {"bad_size": "refuse"}),
    ],
)
def test_every_refused_recorded_job_has_its_recorded_message(case, settings):
    path = EXCHANGES / f"create-job.error-{case}.json"
    (detail,) = json.loads(path.read_bytes())["response"]["body"]["details"]

    with pytest.raises(Invalid) as caught:
        replay(path, **settings)

    assert caught.value.field == detail["field"]
    assert caught.value.problem.startswith(detail["message"])


@pytest.mark.parametrize("case", ["sampler-and-vae-missing", "size-not-multiple-of-64"])
def test_strict_rules_are_warnings_by_default(case):
    assert replay(EXCHANGES / f"create-job.error-{case}.json").warnings


# The chain


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ([], "stages: required"),
        ([diffusion()], "stages: must begin with INPUT_INITIALIZE, found DIFFUSION"),
        ([diffusion(), start()], "stages: must begin with INPUT_INITIALIZE, found DIFFUSION"),
        ([start()], "stages: must have a stage after INPUT_INITIALIZE, found none"),
        ([start(), start(), diffusion()], "stages: must have INPUT_INITIALIZE once"),
        ([{}], "type: required"),
        ([start(), {"type": "DEFAULT"}], "type: required"),
        ([{"type": "INPUT_INITIALIZE"}], "inputInitialize: required by a stage of type INPUT"),
        ([start(), {"type": "DIFFUSION"}], "diffusion: required by a stage of type DIFFUSION"),
        ([start(), {"type": "DIFFUSION", "imageToInpaint": {}}], "diffusion: required by"),
        ([start(), {"type": "IMAGE_TO_ADETAILER"}], "imageToAdetailer: required by"),
        ([start(), {"type": "IMAGE_TO_ANIMATE_DIFF"}], "imageToAnimateDiff: required by"),
    ],
)
def test_a_chain_that_breaks_a_rule_is_refused(stages, words):
    assert refusal(*stages).startswith(words)


STAGES_WITH_SETTINGS = {
    "upscaler": lambda **own: upscaler(hrScale=2, **own),
    "repair": lambda **own: repair({}, **own),
    "inpaint": inpaint,
}


@pytest.mark.parametrize("name", STAGES_WITH_SETTINGS)
def test_without_a_diffusion_stage_a_stage_needs_settings_and_one_source(name):
    stage = STAGES_WITH_SETTINGS[name]
    own = {"diffusion": PLAIN}

    assert ask(start(imageResourceId=IMAGE, count=1), stage(**own)).order.source == IMAGE
    assert refusal(start(), stage(**own)) == ("imageResourceId: required without a DIFFUSION stage")
    assert refusal(start(imageResourceId=IMAGE), stage()) == (
        "diffusion: required without a DIFFUSION stage"
    )
    assert refusal(start(imageResourceId=IMAGE, count=2), stage(**own)) == (
        "count: must be 1 without a DIFFUSION stage (invalid_samples)"
    )


@pytest.mark.parametrize("name", STAGES_WITH_SETTINGS)
def test_the_settings_of_a_stage_are_ignored_beside_a_diffusion_stage(name):
    stage = STAGES_WITH_SETTINGS[name]
    nonsense = {"diffusion": {"width": -7, "steps": 10_000, "sampler": "?"}}

    assert ask(start(count=2), diffusion(), stage(**nonsense)) == ask(
        start(count=2), diffusion(), stage()
    )


@pytest.mark.parametrize("member", ["hrUpscaler", "hrSecondPassSteps", "denoisingStrength"])
def test_an_upscaler_needs_its_members(member):
    stage = upscaler(hrScale=2, **{member: None})

    assert refusal(start(), diffusion(), stage) == f"{member}: required"


@pytest.mark.parametrize("size", [{}, {"hrResizeX": 1024}, {"hrResizeY": 1024}, {"hrScale": 0}])
def test_an_upscaler_needs_a_size(size):
    assert refusal(start(), diffusion(), upscaler(**size)) == (
        "hrScale: required, or both hrResizeX and hrResizeY"
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ({"hrScale": 2}, (1536, 1536)),
        ({"hrScale": 1.5}, (1152, 1152)),
        ({"hrResizeX": 1024, "hrResizeY": 1280}, (1024, 1280)),
        ({"hrScale": 2, "hrResizeX": 1024, "hrResizeY": 1280}, (1536, 1536)),
    ],
)
def test_the_scale_wins_over_the_size(size, expected):
    order = ask(start(), diffusion(), upscaler(**size)).order

    assert (order.width, order.height) == expected


@pytest.mark.parametrize("name", ["Latent", "Latent (nearest-exact)"])
def test_a_latent_upscaler_is_allowed_only_after_a_diffusion(name):
    latent = upscaler(hrUpscaler=name, hrScale=2, diffusion=PLAIN)

    assert ask(start(), diffusion(), latent).warnings == ()
    assert "only after a DIFFUSION stage" in refusal(start(imageResourceId=IMAGE), latent)
    assert "only after a DIFFUSION stage" in refusal(start(), latent, diffusion())


def test_an_upscaler_with_zero_steps_uses_those_of_the_first_pass():
    made = ask(start(), diffusion(), upscaler(hrScale=2, hrSecondPassSteps=0))

    assert [each.steps for each in made.work.passes] == [8, 8]


@pytest.mark.parametrize("member", ["prompts", "negativePrompts"])
def test_there_are_at_most_150_prompts(member):
    assert ask(start(), diffusion(**{member: [{"text": "a"}] * 150})).warnings == ()
    assert refusal(start(), diffusion(**{member: [{"text": "a"}] * 151})) == (
        f"{member}: must be at most 150, found 151"
    )


def test_a_control_net_needs_a_preprocessor_and_a_model():
    complete = {"preprocessor": "none", "model": "None"}

    for member in complete:
        args = [{**complete, member: ""}]
        assert refusal(start(), diffusion(controlnet={"args": args})) == f"{member}: required"


def test_passes_and_resources_of_a_chain_are_limited():
    assert "at most 100 times" in refusal(start(), *[diffusion()] * 101)
    assert "at most 100 times" in refusal(start(), diffusion(), repair(*[{}] * 100))
    args = [
        {"preprocessor": "none", "model": "None", "inputImageResourceId": f"{number}"}
        for number in range(101)
    ]
    assert "at most 100 resources" in refusal(start(), diffusion(controlnet={"args": args}))


# The order


def test_an_order_has_the_requested_settings():
    settings = {
        "width": 512,
        "height": 640,
        "prompts": [{"text": "a cat"}, {"text": "a hat", "weight": 1.2}, {"text": ""}],
        "negativePrompts": [{"text": "blurry", "weight": 1}, {"text": "text", "weight": 0}],
        "steps": 15,
        "cfgScale": 5.5,
        "denoisingStrength": 0.6,
    }

    assert ask(start(seed="7", imageResourceId=IMAGE, count=3), diffusion(**settings)).order == (
        Order(
            prompt="a cat, (a hat:1.2)",
            negative_prompt="blurry, text",
            seed=7,
            width=512,
            height=640,
            steps=15,
            cfg_scale=5.5,
            sampler="Euler a",
            model=SDXL,
            count=3,
            source=IMAGE,
            denoising_strength=0.6,
        )
    )


def test_missing_members_have_defaults():
    order = ask(start(), {"type": "DIFFUSION", "diffusion": {}}).order

    assert order == Order("", seed=RANDOM_SEED, sampler="Euler a", count=1)
    assert (order.width, order.height, order.steps, order.cfg_scale) == (512, 512, 20, 7.0)


def test_an_inpainting_has_a_mask():
    made = ask(start(imageResourceId=IMAGE), inpaint(maskImageResourceId=MASK, diffusion=PLAIN))

    assert (made.order.source, made.order.mask) == (IMAGE, MASK)
    assert made.work.inputs == (IMAGE, MASK)


def test_an_upscaling_alone_has_the_denoising_of_the_upscaler():
    made = ask(start(imageResourceId=IMAGE), upscaler(hrScale=2, diffusion=PLAIN))

    assert made.order.denoising_strength == 0.3
    assert [each.name for each in made.work.passes] == ["upscaler 4x-UltraSharp"]
    assert (made.order.width, made.order.height) == (1536, 1536)


def test_a_video_order_has_the_size_of_the_video():
    order = ask(
        start(imageResourceId=IMAGE),
        video(width=544, height=960, prompts=[{"text": "slowly"}], sdModel=SDXL),
    ).order

    assert (order.prompt, order.width, order.height, order.source) == ("slowly", 544, 960, IMAGE)


def test_settings_of_a_second_stage_do_not_change_the_size():
    made = ask(
        start(imageResourceId=IMAGE),
        upscaler(hrScale=2, diffusion=PLAIN),
        inpaint(diffusion={**PLAIN, "steps": 30}),
    )

    assert made.work.passes[1] == Pass("inpaint", 1536, 1536, 30)
    assert made.order.steps == 8


@pytest.mark.parametrize("seed", [-1, 0, None, -9])
def test_these_seeds_are_random(seed):
    assert ask(start(seed=seed), diffusion()).order.seed == RANDOM_SEED


@pytest.mark.parametrize("seed", [1, "7", 4294967295])
def test_these_seeds_are_used(seed):
    assert ask(start(seed=seed), diffusion()).order.seed == int(seed)


# The work


def test_a_chain_has_a_pass_for_each_run_of_the_engine():
    made = ask(
        start(),
        diffusion(width=512, height=512, steps=15),
        upscaler(hrScale=2),
        repair({"adUseSteps": True, "adSteps": 30}, {"adModel": "face_yolov8s.pt"}),
        inpaint(),
    )

    assert made.work.passes == (
        Pass("diffusion", 512, 512, 15),
        Pass("upscaler 4x-UltraSharp", 1024, 1024, 10),
        Pass("adetailer face_yolov8n.pt", 512, 512, 30),
        Pass("adetailer face_yolov8s.pt", 512, 512, 15),
        Pass("inpaint", 1024, 1024, 15),
    )


def test_repair_without_args_repairs_with_the_defaults():
    passes = ask(start(), diffusion(), repair()).work.passes

    assert [each.name for each in passes] == ["diffusion", "adetailer face_yolov8n.pt"]


def test_the_inputs_are_all_resources_once():
    args = [
        {"preprocessor": "none", "model": "None", "inputImageResourceId": IMAGE, "mask": "m"},
        {"preprocessor": "none", "model": "None", "maskResourceId": MASK, "mask": "old"},
        {"preprocessor": "none", "model": "None"},
    ]
    made = ask(
        start(imageResourceId=IMAGE),
        diffusion(controlnet={"args": args}),
        inpaint(maskImageResourceId=MASK),
    )

    assert made.work.inputs == (IMAGE, "m", MASK)
    assert ask(start(imageResourceId=""), diffusion()).work.inputs == ()


@pytest.mark.parametrize(
    ("stages", "frames"),
    [
        ([diffusion(animateDiff={"args": [{"videoLength": 24}]})], [24]),
        ([diffusion(animateDiff={"args": [{}]})], [16]),
        ([diffusion(animateDiff={"args": []})], [1]),
        ([diffusion(), {"type": "IMAGE_TO_ANIMATE_DIFF", "imageToAnimateDiff": {}}], [1, 16]),
        ([{"type": "IMAGE_TO_ANIMATE_DIFF", "imageToAnimateDiff": {"any": [None]}}], [16]),
        ([video()], [40]),
        ([video(totalFrames="80")], [80]),
    ],
)
def test_animations_and_videos_have_frames(stages, frames):
    assert [each.frames for each in ask(start(), *stages).work.passes] == frames


def test_newer_members_of_a_diffusion_have_no_effect():
    newer = {
        "useHunyuanDit": True,
        "layerDiffusion": {"enable": True, "weight": "0.5"},
        "clipEncoderName": "clip",
    }

    assert ask(start(), diffusion(**newer)) == ask(start(), diffusion())


# Video


def test_the_inputs_of_a_video_are_its_ends_and_what_controls_it():
    stage = video(
        inp={"args": [{"startImageResourceId": IMAGE, "endImageResourceId": MASK}]},
        controlnet={"args": [{"inputVideoResourceId": "film", "preprocessor": "none"}, {}]},
        lora={"items": [{"loraModel": LORA, "weight": 0.7}]},
    )
    made = ask(start(), stage)

    assert made.work.inputs == (IMAGE, MASK, "film")
    assert made.order.source == IMAGE
    assert made.warnings == ()


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"generationMode": "DEFAULT"},
        {"generationMode": "FAST", "sdModel": "WAN_2_1"},
        {"generationMode": "TEXT_TO_VIDEO", "sdModel": "hunyuanvideo"},
    ],
)
def test_documented_modes_and_models_of_video_have_no_warning(members):
    assert ask(start(), video(**members), strict=True).warnings == ()


def test_other_modes_and_models_of_video_have_one():
    stage = video(generationMode="SLOW", sdModel="WAN_9")

    assert [each.partition(":")[0] for each in ask(start(), stage).warnings] == [
        "generationMode",
        "sdModel",
    ]
    assert "generationMode: must be one of" in refusal(start(), stage, strict=True)


def test_a_locked_video_model_needs_its_access_key():
    stage = video(sdModel=SDXL)
    with pytest.raises(Forbidden):
        ask(start(), stage, locked_models=(SDXL,))

    with_key = video(sdModel=SDXL, modelAccessKey="k")
    assert ask(start(), with_key, locked_models=(SDXL,)).warnings == ()
