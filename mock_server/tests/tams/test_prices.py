"""Prices: what the vendor's billing page prints, and what follows from its formula."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mock_server.tams import prices
from mock_server.tams.settings import TamsSettings
from mock_server.tests.tams import graphs
from mock_server.tests.tams.chains import (
    FLUX,
    IMAGE,
    LORA,
    PLAIN,
    SD15,
    SDXL,
    ask,
    diffusion,
    inpaint,
    repair,
    start,
    upscaler,
    video,
)

ROOT = Path(__file__).resolve().parents[3]
VIDEOS = json.loads((ROOT / "mock_server/data/tams-constants.json").read_bytes())["prices"]["video"]
SD35 = "808211415430243917"


def price(*stages, **settings):
    return ask(start(), *stages, **settings).work.price


def sampled(steps=20, **members):
    return diffusion(sdModel=SD15, steps=steps, **members)


def enlarged(width, height, steps, **members):
    return upscaler(hrResizeX=width, hrResizeY=height, hrSecondPassSteps=steps, **members)


# The printed prices


@pytest.mark.parametrize(
    ("steps", "printed"),
    [
        (2, "0.2"),
        (8, "0.4"),
        (20, "0.8"),
        (25, "1"),
        (30, "1.2"),
        (35, "1.4"),
        (40, "1.6"),
        (50, "2"),
        (60, "2.4"),
    ],
)
@pytest.mark.parametrize("side", [512, 1024])
def test_a_diffusion_has_its_printed_price_whatever_its_size(steps, printed, side):
    assert price(sampled(steps, width=side, height=side)) == Decimal(printed)


def test_the_printed_example_adds_up():
    steps = (sampled(), enlarged(1920, 1080, 30), repair({"adUseSteps": True}))
    sums = [price(*steps[: count + 1]) for count in range(3)]

    assert sums == [Decimal("0.8"), Decimal("0.8") + Decimal("2.4"), Decimal("4.8")]


@pytest.mark.parametrize(
    ("size", "steps", "printed"),
    [
        ((1280, 768), 30, "2"),
        ((1920, 1080), 30, "3.2"),
        ((2560, 1440), 30, "5.6"),  # printed as 5, against the formula and the row of 60 steps
        ((1280, 768), 60, "3.2"),
        ((1920, 1080), 60, "5.6"),
        ((2560, 1440), 60, "10.4"),
    ],
)
def test_an_upscaler_after_20_steps_has_its_printed_price(size, steps, printed):
    width, height = size

    assert price(sampled(), enlarged(width, height, steps)) == Decimal(printed)


@pytest.mark.parametrize("printed", VIDEOS["printed"], ids=str)
def test_a_video_has_its_printed_price(printed):
    mode = {"generationMode": printed["mode"]} if "mode" in printed else {}
    stage = video(sdModel=printed["model"], totalFrames=printed["frames"], **mode)

    assert price(stage) == Decimal(str(printed["credits"]))


def test_the_graph_of_the_documents_costs_two_diffusions():
    params = graphs.changed(graphs.text_to_image(), "3", steps=26)
    params["33"] = graphs.changed(params, "3", steps=30, latent_image=["3", 0])["3"]
    params = graphs.changed(params, "8", samples=["33", 0])

    assert graphs.ask(params).work.price == Decimal("2.4")


def test_the_observed_price_is_met():
    assert price(diffusion(width=768, height=768, steps=8, sdModel=SDXL)) == Decimal("0.8")


# The factors


@pytest.mark.parametrize(
    ("model", "settings", "factor"),
    [
        (SD15, {}, "1"),
        (SD35, {}, "1"),
        (SDXL, {}, "2"),
        ("1", {}, "2"),
        (None, {}, "2"),
        (FLUX, {}, "2"),
        (SDXL, {"sdxl_factor": 1}, "1"),
        (SDXL, {"as_documented": True}, "1"),
        (FLUX, {"sdxl_factor": 1}, "2"),
        (FLUX, {"model_factors": ("FLUX=3.5",)}, "3.5"),
        (SDXL, {"model_factors": ("SDXL=0.25",)}, "0.25"),
        (SD15, {"model_factors": (f"{SD15}=7", "SD=9")}, "7"),
        (SD15, {"model_factors": (f"{FLUX}=7",)}, "1"),
    ],
)
def test_the_factor_is_that_of_the_model(model, settings, factor):
    order = diffusion(sdModel=model, steps=25)
    graph = graphs.changed(graphs.text_to_image(), "4", ckpt_name=model or "x")
    graph = graphs.changed(graph, "3", steps=25)

    assert price(order, **settings) == Decimal(factor)
    assert graphs.ask(graph, **settings).work.price == Decimal(factor)


@pytest.mark.parametrize("bad", ["FLUX", "FLUX=", "FLUX=-1", "=1", "FLUX=1e9", "FLUX=1.23456"])
def test_a_factor_that_cannot_be_read_is_refused(bad):
    with pytest.raises(ValidationError):
        TamsSettings(model_factors=(bad,))


def test_a_fixed_price_replaces_the_formula():
    for made in (
        ask(start(count=4), diffusion(), fixed_price="2.5"),
        graphs.ask(graphs.text_to_image(), fixed_price="2.5"),
    ):
        assert made.work.price == Decimal("2.5")


# What follows from the formula


def test_pictures_multiply_the_price_of_every_stage():
    stages = (sampled(), enlarged(1920, 1080, 30), repair({}), inpaint())

    assert ask(start(count=3), *stages).work.price == 3 * price(*stages)


def test_flux_upscales_by_three_halves_of_the_area():
    # 3 × 1920 × 1080 are 5.9 units, of which 6 halves are 3: the price is 2 × 6/5 × 3.
    assert price(diffusion(sdModel=FLUX, steps=20), enlarged(1920, 1080, 30)) == (
        Decimal("1.6") + Decimal("7.2")
    )


def test_repair_costs_the_sum_of_its_args():
    """`adSteps` counts unless `adUseSteps` says that the steps are inherited."""
    repairs = repair({"adSteps": 30}, {"adSteps": 5, "adUseSteps": True}, {})
    repaired = price(sampled(40), repairs) - price(sampled(40))

    # 2 × 768 × 768 are 1.1 units, so two halves.
    assert repaired == Decimal("1.2") + Decimal("1.6") + Decimal("0.8")


def test_repair_without_args_costs_one_with_defaults():
    assert price(sampled(8), repair()) == Decimal("0.4") + Decimal("0.8")


def test_a_later_stage_takes_the_size_of_the_stage_before():
    small, large = (
        price(sampled(), upscaler(hrScale=scale, hrSecondPassSteps=5), inpaint())
        for scale in (1, 2)
    )

    # 768×768 is 1 unit, 1536×1536 is 2.5.
    assert (small, large) == (
        Decimal("0.8") + Decimal("0.2") + Decimal("0.8"),
        Decimal("0.8") + Decimal("0.5") + Decimal("2.0"),
    )


def test_the_first_stage_takes_its_own_settings():
    own = {**PLAIN, "sdModel": SD15, "steps": 30, "width": 1024, "height": 1024}
    first = start(imageResourceId=IMAGE)

    assert ask(first, inpaint(diffusion=own)).work.price == Decimal("1.2")
    assert ask(first, repair({"adUseSteps": True}, diffusion=own)).work.price == Decimal("1.2")
    assert ask(first, repair({}, diffusion=own)).work.price == Decimal("0.8")
    both = ask(
        first,
        upscaler(hrScale=0.5, hrSecondPassSteps=5, diffusion=own),
        inpaint(diffusion={**own, "steps": 10}),
    )
    assert both.work.price == Decimal("0.1") + Decimal("0.2")


def test_steps_of_a_diffusion_stage_win_over_those_of_the_stage():
    assert price(sampled(10), inpaint(diffusion={**PLAIN, "steps": 60})) == Decimal("0.8")


def test_an_upscaler_without_steps_inherits_them():
    assert price(sampled(25), enlarged(1024, 1024, 0)) == Decimal("2")


def test_loras_and_animations_cost_nothing_more():
    plain = price(sampled())

    assert price(sampled(lora={"items": [{"loraModel": LORA}]})) == plain
    assert price(sampled(animateDiff={"args": [{"videoLength": 24}]})) == plain
    animation = {"type": "IMAGE_TO_ANIMATE_DIFF", "imageToAnimateDiff": {}}
    assert price(sampled(), animation) == 2 * plain


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"sdModel": "hunyuanvideo", "generationMode": "TEXT_TO_VIDEO"}, "23.06"),  # × 0.45
        ({"sdModel": "HUNYUANVIDEO", "generationMode": "IMAGE_TO_VIDEO"}, "21.53"),  # × 0.42
        ({"sdModel": "HUNYUANVIDEO_FAST"}, "15.38"),
        ({"sdModel": "LTX_VIDEO_2B", "generationMode": "FAST"}, "1.54"),
        ({"sdModel": "MOCHI_1_10B", "generationMode": "FAST"}, "23.06"),
        ({"sdModel": "PYRAMID_FLOW_MINIFLUX", "width": 640, "height": 384}, "4.61"),
        ({"sdModel": "PYRAMID_FLOW_MINIFLUX", "width": 1280, "height": 768}, "14.86"),
        ({"sdModel": "PYRAMID_FLOW_MINIFLUX", "width": 768, "height": 768}, "14.86"),
        ({"sdModel": "934400000000000077"}, "51.25"),
        ({"sdModel": "other"}, "51.25"),
        ({}, "51.25"),
    ],
)
def test_a_video_of_40_frames(members, expected):
    assert price(video(totalFrames=40, **members)) == Decimal(expected)


def test_a_start_image_makes_a_video_from_an_image():
    order = video(sdModel="COSMOS_1_7B", totalFrames=39)
    inp = {"args": [{"endImageResourceId": IMAGE}]}

    assert price(order) == Decimal("36.5")
    assert ask(start(imageResourceId=IMAGE), order).work.price == Decimal(50)
    assert price(video(sdModel="COSMOS_1_7B", totalFrames=39, inp=inp)) == Decimal(50)


def test_graphs_cost_their_samplers_for_each_picture_whatever_their_size():
    params = graphs.changed(graphs.text_to_image(), "5", width=1024, height=1024, batch_size=3)

    assert graphs.ask(params).work.price == 3 * Decimal("0.8")


def test_a_graph_without_a_sampler_is_free():
    params = graphs.example("create-workflow-job.vendor-nodes")["request"]["body"]["params"]

    assert graphs.ask(params).work.price == 0


# Laws

rates = st.builds(
    prices.Rate,
    st.sampled_from(["SD", "SDXL", "FLUX"]),
    st.sampled_from([Decimal(1), Decimal(2), Decimal("0.5")]),
    st.integers(1, 4),
)
steps = st.integers(0, 1000)
sides = st.integers(1, 16_384)


@given(rates, steps, steps, sides, sides)
def test_more_steps_and_larger_pictures_never_cost_less(rate, first, more, width, height):
    assert rate.diffusion(first) <= rate.diffusion(first + more)
    for stage in (rate.repaint, rate.upscaler):
        assert stage(first, width, height) <= stage(first + more, width, height)
        assert stage(first, width, height) <= stage(first, width + more, height)
    assert rate.repaint(first, width, height) <= rate.upscaler(first, width, height)


@given(rates, steps, sides, sides)
def test_prices_have_at_most_six_places(rate, first, width, height):
    found = rate.upscaler(first, width, height)

    assert found == round(found, 6)
