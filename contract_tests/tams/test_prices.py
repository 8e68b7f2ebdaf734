"""The documented prices, as relations that hold whatever factor SDXL has (U34).

A factor is what 20 steps cost, divided by the printed 0.8. Estimates tell it, and are free. A host
may have one fixed price for every job, and then there is nothing to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from contract_tests.markers import needs, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.tams.chains import (
    UNKNOWN_IMAGE,
    VIDEO_MODEL,
    a_film,
    a_start,
    inpainted,
    repaired,
    sampled,
    upscaled,
)
from contract_tests.tams.graphs import TEMPLATE, a_graph, filled_in, samplers
from contract_tests.tams.orders import MODEL, SIDE
from contract_tests.tams.pictures import a_picture
from contract_tests.tams.shared_jobs import successful
from contract_tests.tams.shared_prices import SharedPrices

IMAGE = UNKNOWN_IMAGE  # estimates do not check whether it exists
SD, SDXL, FLUX = MODEL, "808939700149555823", "757279507095956705"  # by the names of clients
MODELS = {"SD": SD, "SDXL": SDXL, "FLUX": FLUX}
FACTORS = {"SD": 1, "FLUX": 2}
UNIT = 1024 * 1024  # pixels

DIFFUSIONS = {
    2: "0.2", 8: "0.4", 20: "0.8", 25: "1", 30: "1.2", 35: "1.4", 40: "1.6", 50: "2", 60: "2.4",
}  # fmt: skip
# What a diffusion of 20 steps and an upscaler cost together; one printed row is a slip.
UPSCALERS = {
    (30, 1280, 768): "2", (30, 1920, 1080): "3.2",
    (60, 1280, 768): "3.2", (60, 1920, 1080): "5.6", (60, 2560, 1440): "10.4",
}  # fmt: skip
TEXT_TO_VIDEO, IMAGE_TO_VIDEO, FAST = "TEXT_TO_VIDEO", "IMAGE_TO_VIDEO", "FAST"
# Coefficients of each frame, for text to video and for image to video.
VIDEOS = {
    "MOCHI_1_10B": ("0.45", "0.45"),
    "COGVIDEOX_2B": ("0.19", "0.19"),
    "COGVIDEOX_5B": ("0.23", "0.23"),
    "COGVIDEOX1_5_5B": ("0.93", "0.93"),
    "LTX_VIDEO_2B": ("0.05", "0.05"),
    "HUNYUANVIDEO": ("0.45", "0.42"),
    "HUNYUANVIDEO_FAST": ("0.30", "0.30"),
    "COSMOS_1_7B": ("0.73", "1.0"),
    "SKYREELS_V1": ("0.91", "0.91"),
    "WAN_2_1": ("0.72", "0.72"),
    VIDEO_MODEL: ("1.0", "1.0"),  # any other
}
FAST_DISCOUNTS = {
    "HUNYUANVIDEO": "0.5",
    "LTX_VIDEO_2B": "0.6",
    "COGVIDEOX1_5_5B": "0.5",
    "WAN_2_1": "0.67",
    "SKYREELS_V1": "1",
}
PYRAMID = {(640, 384): "0.09", (1280, 768): "0.29"}


def units(steps: int) -> Decimal:
    """Return the documented price of sampling, for the factor 1."""
    return Decimal(-(-steps // 5)) / 5


def halves(width: int, height: int, weight: int = 2) -> Decimal:
    """Return what sampling at a size counts in a repair or an upscaler; FLUX weighs 3."""
    return Decimal(-(-weight * width * height // UNIT)) / 2


@dataclass(frozen=True)
class PricedModel:
    """A model and its factor; prices are divided by it."""

    asked: SharedPrices
    name: str
    id: str
    factor: Decimal

    @property
    def weight(self) -> int:
        """Return the weight of pixels in an upscaler."""
        return 3 if self.name == "FLUX" else 2

    def cost(self, *stages: Any, count: int = 1, steps: int = 20) -> Decimal:
        """Return the price of a diffusion and the stages after it."""
        first = sampled(sdModel=self.id, steps=steps)
        return self.asked([a_start(count=count), first, *stages]) / self.factor

    def added(self, *stages: Any, count: int = 1, steps: int = 20) -> Decimal:
        """Return what the stages after a diffusion cost."""
        return self.cost(*stages, count=count, steps=steps) - self.cost(count=count, steps=steps)


@pytest.fixture(scope="module")
def fixed_price(asked):
    """The price, if jobs as different as can be have the same one (U34), else None."""
    long = [a_start(count=4), sampled(steps=50), upscaled(diffusion=False)]
    orders = [[a_start(), sampled(steps=20)], long, [a_start(), a_film(totalFrames=25)]]
    prices = {asked(order) for order in orders}
    return prices.pop() if len(prices) == 1 else None


@pytest.fixture(autouse=True)
def prices_by_a_formula(fixed_price):
    if fixed_price:
        raise OnlyObserved(f"every job costs {fixed_price} (U34)")


@pytest.fixture(params=MODELS)
def priced(request, asked):
    """Each model with its factor."""
    id = MODELS[request.param]
    price = asked([a_start(), sampled(sdModel=id, steps=20)])
    return PricedModel(asked, request.param, id, price / Decimal("0.8"))


@source("TAMS › 10", "TAMS › 14")
def test_a_model_has_its_factor(priced, observe):
    observe("U34", f"the factor of {priced.name}", str(priced.factor))

    if priced.name == "SDXL":  # 1 is documented as a discount, 2 was observed
        assert priced.factor > 0
    else:
        assert priced.factor == FACTORS[priced.name], f"the factor is {priced.factor}"


@source("TAMS › 10")
def test_flux_has_twice_the_factor_of_sd(asked):
    prices = [asked([a_start(), sampled(sdModel=id)]) for id in (SD, FLUX)]

    assert prices[1] == 2 * prices[0], f"the prices of SD and FLUX are {prices}"


@source("TAMS › 10")
@pytest.mark.parametrize("steps", DIFFUSIONS)
def test_a_diffusion_costs_what_is_printed(priced, steps):
    assert priced.cost(steps=steps) == Decimal(DIFFUSIONS[steps])


@source("TAMS › 10")
@pytest.mark.parametrize("steps", [11, 15, 16, 21, 49])
def test_steps_are_priced_in_fives_rounded_up(priced, steps):
    assert priced.cost(steps=steps) == units(steps)


@source("TAMS › 10")
def test_a_diffusion_costs_the_same_at_each_size(asked):
    sizes = [(SIDE, SIDE), (768, 512), (1024, 1024)]

    prices = {asked([a_start(), sampled(width=w, height=h)]) for w, h in sizes}

    assert len(prices) == 1, f"prices by size: {prices}"


@source("TAMS › 10")
def test_each_picture_costs_the_same(priced):
    one = priced.cost()

    for count in (2, 3, 4):
        assert priced.cost(count=count) == count * one, f"the price of {count} pictures"
    assert priced.added(upscaled(diffusion=False), count=3) == 3 * priced.added(
        upscaled(diffusion=False)
    ), "the price of three pictures in an upscaler"


@source("TAMS › 10")
@pytest.mark.parametrize(("steps", "width", "height"), UPSCALERS)
def test_an_upscaler_costs_what_is_printed(priced, steps, width, height):
    stage = upscaled(
        diffusion=False, hrSecondPassSteps=steps, hrResizeX=width, hrResizeY=height
    )  # fmt: skip

    price = priced.cost(stage)

    assert price == units(20) + units(steps) * halves(width, height, priced.weight)
    if priced.weight == 2:
        assert price == Decimal(UPSCALERS[steps, width, height])


@source("TAMS › 10")
def test_the_printed_chain_costs_what_its_stages_cost(priced):
    upscaler = upscaled(diffusion=False, hrSecondPassSteps=30, hrResizeX=1920, hrResizeY=1080)

    both = priced.cost(upscaler, repaired(diffusion=False))

    assert both - priced.cost(upscaler) == Decimal("1.6"), "the repair inherits size and steps"
    if priced.weight == 2:
        assert both == Decimal("4.8")


@source("TAMS › 10")
def test_later_stages_inherit_the_size_of_the_stage_before(priced):
    twice = upscaled(diffusion=False, hrScale=2, hrSecondPassSteps=20)
    repair, paint = repaired(diffusion=False), inpainted(IMAGE, diffusion=False)
    small, large = halves(SIDE, SIDE), halves(2 * SIDE, 2 * SIDE)
    upscaler = units(20) * halves(2 * SIDE, 2 * SIDE, priced.weight)

    assert priced.added(repair) == units(20) * small, "a repair after a diffusion"
    assert priced.added(paint) == units(20) * small, "an inpainting after a diffusion"
    assert priced.added(twice) == upscaler, "an upscaler to twice the size"
    assert priced.added(twice, repair) == upscaler + units(20) * large, "a repair after an upscaler"
    assert priced.added(twice, paint) == upscaler + units(20) * large, "an inpainting after one"
    assert priced.added(twice, twice) == upscaler + units(20) * halves(
        4 * SIDE, 4 * SIDE, priced.weight
    ), "an upscaler after an upscaler"


@source("TAMS › 10")
def test_repair_and_inpainting_inherit_the_steps_of_the_diffusion(priced):
    own = repaired(diffusion=False, args=[{"adModel": "face_yolov8n.pt", "adUseSteps": True}])
    small = halves(SIDE, SIDE)

    assert priced.added(own, steps=40) == units(40) * small, "a repair with the diffusion's steps"
    assert priced.added(inpainted(IMAGE, diffusion=False), steps=40) == units(40) * small


@source("TAMS › 10")
def test_a_repair_costs_the_sum_of_its_arguments(priced):
    def repair(arguments):
        args = [{"adModel": "face_yolov8n.pt"}] * arguments
        return priced.added(repaired(diffusion=False, args=args))

    assert repair(3) == 3 * repair(1)


@source("TAMS › 6", "TAMS › 10")
def test_a_repair_has_the_steps_of_its_argument(priced):
    def repair(**steps):
        return priced.added(
            repaired(diffusion=False, args=[{"adModel": "face_yolov8n.pt", **steps}])
        )

    small = halves(SIDE, SIDE)
    assert repair() == units(20) * small, "a repair has 20 steps by default"
    for steps in (10, 40):
        price = repair(adUseSteps=False, adSteps=steps)
        assert price == units(steps) * small, f"a repair of {steps} steps costs {price}"


@source("TAMS › 10")
def test_first_stages_take_size_and_steps_of_their_own_diffusion(asked):
    factor = asked([a_start(), sampled()]) / units(10)
    small = halves(SIDE, SIDE)
    repair = repaired(
        diffusion=True, args=[{"adModel": "face_yolov8n.pt", "adUseSteps": True}]
    )  # fmt: skip
    upscaler = upscaled(diffusion=True, hrSecondPassSteps=10)

    assert (
        asked([a_start(IMAGE), inpainted(IMAGE, diffusion=True)]) == factor * units(10) * small
    ), "the price of inpainting alone"
    assert asked([a_start(IMAGE), repair]) == factor * units(10) * small, "a repair alone"
    assert asked([a_start(IMAGE), upscaler]) == factor * units(10) * halves(2 * SIDE, 2 * SIDE), (
        "the price of an upscaler alone"
    )


@source("TAMS › 10")
@pytest.mark.parametrize("mode", [TEXT_TO_VIDEO, IMAGE_TO_VIDEO])
@pytest.mark.parametrize("model", VIDEOS)
@pytest.mark.parametrize("frames", [8, 25])
def test_a_video_costs_each_frame_and_one_more(asked, observe, model, mode, frames):
    image = IMAGE if mode == IMAGE_TO_VIDEO else None
    film = a_film(sdModel=model, generationMode=mode, totalFrames=frames)

    price = asked([a_start(image), film])

    assert price == of_video(frames, VIDEOS[model][mode == IMAGE_TO_VIDEO])


@source("TAMS › 10")
@pytest.mark.parametrize("model", FAST_DISCOUNTS)
def test_a_fast_video_has_its_discount(asked, model):
    price = asked([a_start(), a_film(sdModel=model, generationMode=FAST, totalFrames=30)])

    assert price == of_video(30, VIDEOS[model][0], FAST_DISCOUNTS[model]), "the fast price"


@source("TAMS › 10")
@pytest.mark.parametrize(
    ("model", "frames", "mode", "credits"),
    [
        ("HUNYUANVIDEO", 30, TEXT_TO_VIDEO, "17.44"),
        ("HUNYUANVIDEO", 30, FAST, "8.72"),
        ("COGVIDEOX_2B", 24, TEXT_TO_VIDEO, "5.94"),
    ],
)
def test_a_video_costs_what_is_printed(asked, model, frames, mode, credits):
    film = a_film(sdModel=model, generationMode=mode, totalFrames=frames)

    assert asked([a_start(), film]) == Decimal(credits)


@source("TAMS › 10")
@pytest.mark.parametrize(("width", "height"), PYRAMID)
def test_the_size_of_a_pyramid_video_has_its_price(asked, width, height):
    film = a_film(
        sdModel="PYRAMID_FLOW_MINIFLUX", width=width, height=height, totalFrames=40
    )  # fmt: skip

    assert asked([a_start(), film]) == of_video(40, PYRAMID[width, height])


def of_video(frames: int, coefficient: str, discount: str = "1") -> Decimal:
    """Return the documented price of a video."""
    price = (frames + 1) * Decimal(coefficient) * Decimal(discount) * Decimal("1.25")
    return price.quantize(Decimal("0.01"), ROUND_HALF_UP)


@source("TAMS › 10", "TAMS › 5.6")
@pytest.mark.parametrize("steps", [10, 20, 26, 30])
def test_a_sampler_costs_what_a_diffusion_costs(tams, asked, steps):
    verdict = tams.check_workflow(a_graph(steps=steps))

    assert Decimal(str(verdict["credits"])) == asked([a_start(), sampled(steps=steps)])


@source("TAMS › 10", "TAMS › 5.6")
@pytest.mark.parametrize("steps", [(26, 30), (26, 30, 10), (10, 20, 30, 40)], ids=str)
def test_each_sampler_of_a_graph_has_its_price(tams, asked, steps):
    factor = asked([a_start(), sampled()]) / units(10)

    price = Decimal(str(tams.check_workflow(samplers(*steps))["credits"])) / factor

    # Printed: two samplers of 26 and 30 steps cost 2.4.
    assert price == sum(map(units, steps)), f"the price of samplers of {steps} steps is {price}"


@source("TAMS › 10", "TAMS › 5.8")
def test_the_template_of_the_documentation_costs_what_is_printed(tams, asked):
    if tams.call("GET", f"/v1/workflows/{TEMPLATE}").status == 404:
        pytest.skip("this host does not have the template of the documentation")

    verdict = tams.check_template(TEMPLATE, filled_in(tams.upload(a_picture(SIDE))))
    factor = asked([a_start(), sampled(sdModel=SDXL, steps=20)]) / Decimal("0.8")

    prices = (*FACTORS.values(), factor)
    assert verdict["credits"] in prices, "the price of the template is 1 times a factor"


@source("TAMS › 10", "TAMS › 5.4")
@spends(6)
@needs("balance")
def test_a_chain_is_held_named_and_charged_as_estimated(recorded, observe):
    chain = [a_start(), sampled(), upscaled(diffusion=False), repaired(diffusion=False)]

    job = recorded({"stages": chain})

    before, between, after = job.balances
    assert Decimal(str(successful(job.last)["credits"])) == job.estimate, "not the estimate"
    assert before - after == job.estimate, "the charge is not the estimate"
    observe("U33", "taken at the creation of a chain", str(before - between))


@source("TAMS › 10", "TAMS › 5.5", "TAMS › 5.6")
@spends(3)
@needs("balance")
def test_a_graph_is_named_and_charged_as_estimated(tams):
    estimate = Decimal(str(tams.check_workflow(a_graph())["credits"]))
    before = tams.balance()

    job = successful(tams.wait_for(tams.submit_workflow(a_graph())))

    assert Decimal(str(job["credits"])) == estimate, "the graph's price is not the estimate"
    assert before - tams.balance() == estimate, "the charge of a graph is not the estimate"


@source("TAMS › 10", "TAMS › 5.8", "TAMS › 5.9")
@spends(3)
@needs("balance")
def test_a_template_is_named_and_charged_as_estimated(tams):
    if tams.call("GET", f"/v1/workflows/{TEMPLATE}").status == 404:
        pytest.skip("this host does not have the template of the documentation")
    fields = filled_in(tams.upload(a_picture(SIDE)))
    estimate = Decimal(str(tams.check_template(TEMPLATE, fields)["credits"]))
    before = tams.balance()

    job = successful(tams.wait_for(tams.submit_template(TEMPLATE, fields)))

    assert Decimal(str(job["credits"])) == estimate, "the template's price is not the estimate"
    assert before - tams.balance() == estimate, "the charge of a template is not the estimate"
