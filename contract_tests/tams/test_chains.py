"""Which chains of stages make a job. Their estimates tell it, and are free."""

import pytest

from contract_tests.markers import observes, source
from contract_tests.tams.chains import (
    UNKNOWN_IMAGE,
    a_diffusion,
    a_film,
    a_start,
    controlled,
    inpainted,
    repaired,
    sampled,
    upscaled,
    with_lora,
)

FLUX = "757279507095956705"  # by the name of a client
IMAGE = UNKNOWN_IMAGE  # estimates do not check whether it exists
GOOD = {
    "text to image": [a_start(), sampled()],
    "image to image": [a_start(IMAGE), sampled(denoisingStrength=0.5)],
    "with upscaler": [a_start(), sampled(), upscaled(diffusion=False)],
    "with face repair": [a_start(), sampled(), repaired(diffusion=False)],
    "with both": [a_start(), sampled(), upscaled(diffusion=False), repaired(diffusion=False)],
    "upscaler alone": [a_start(IMAGE), upscaled(diffusion=True)],
    "upscaler by sides": [
        a_start(IMAGE), upscaled(diffusion=True, hrResizeX=1024, hrResizeY=1024),
    ],
    "face repair alone": [a_start(IMAGE), repaired(diffusion=True)],
    "inpainting alone": [a_start(IMAGE), inpainted(IMAGE, diffusion=True)],
    "control net": [a_start(), controlled(IMAGE)],
    "lora": [a_start(), with_lora()],
}  # fmt: skip
BAD = {
    "no stages": [],
    "stage of no type": [a_start(), {"type": "DEFAULT"}],
    "stage without its member": [a_start(), {"type": "DIFFUSION"}],
    "too many prompts": [a_start(), sampled(prompts=[{"text": "x"}] * 151)],
    "face repair of two": [a_start(IMAGE, count=2), repaired(diffusion=True)],
    "face repair without diffusion": [a_start(IMAGE), repaired(diffusion=False)],
    "upscaler without diffusion": [a_start(IMAGE), upscaled(diffusion=False)],
    "latent upscaler alone": [a_start(IMAGE), upscaled(diffusion=True, hrUpscaler="Latent")],
    "upscaler without a name": [a_start(), sampled(), upscaled(diffusion=False, hrUpscaler="")],
    "upscaler without a size": [a_start(), sampled(), upscaled(diffusion=False, hrScale=0)],
    "upscaler with one side": [a_start(), sampled(), upscaled(diffusion=False, hrResizeX=1024)],
    "control net without model": [a_start(), controlled(IMAGE, model="")],
    "control net without preprocessor": [a_start(), controlled(IMAGE, preprocessor="")],
}
OPEN = {
    "no first stage": [sampled()],
    "first stage last": [sampled(), a_start()],
    "first stage alone": [a_start()],
    "inpainting without diffusion": [a_start(IMAGE), inpainted(IMAGE, diffusion=False)],
    "inpainting of nothing": [a_start(), inpainted(IMAGE, diffusion=True)],
    "inpainting of two": [a_start(IMAGE, count=2), inpainted(IMAGE, diffusion=True)],
    "upscaler of two": [a_start(IMAGE, count=2), upscaled(diffusion=True)],
    "too many pictures": [a_start(count=5), sampled()],
    "video": [a_start(), a_film()],
}
PRICE = "/v1/jobs/credits"


@source("TAMS › 6", "TAMS › 5.4")
@pytest.mark.parametrize("chain", GOOD)
def test_a_usual_chain_has_a_price(tams, observe, chain):
    price = tams.estimate(GOOD[chain])

    assert price > 0
    observe("U34", f"the price of {chain}", str(price))


@source("TAMS › 6", "TAMS › 4")
@pytest.mark.parametrize("chain", BAD)
def test_a_chain_that_breaks_a_rule_is_refused(tams, chain):
    answer = tams.call("POST", PRICE, json={"stages": BAD[chain]})

    body = answer.expect(400)
    assert body["message"]


@source("TAMS › 6", "TAMS › 14")
@observes
@pytest.mark.parametrize("chain", OPEN)
def test_an_undocumented_chain_gets_an_answer(tams, observe, chain):
    answer = tams.call("POST", PRICE, json={"stages": OPEN[chain]})

    answer.expect_status(200, 400)
    if chain == "video":
        observe("U62", "the price of a video", [answer.status, answer.json])


@source("TAMS › 6")
def test_a_stage_more_never_costs_less(tams):
    plain = tams.estimate(GOOD["text to image"])

    for chain in ("with upscaler", "with face repair", "with both"):
        assert tams.estimate(GOOD[chain]) >= plain, f"more stages cost less: {chain}"


@source("TAMS › 6")
def test_a_diffusion_in_an_upscaler_is_ignored_beside_a_diffusion_stage(tams):
    plain = tams.estimate([a_start(), sampled(), upscaled(diffusion=False)])

    for own in (a_diffusion(), a_diffusion(sdModel=FLUX, steps=50, width=1024)):
        upscaler = upscaled(diffusion=False)
        upscaler["imageToUpscaler"]["diffusion"] = own
        stages = [a_start(), sampled(), upscaler]
        assert tams.estimate(stages) == plain, "the upscaler's own diffusion counts"


@source("TAMS › 6")
def test_the_scale_of_an_upscaler_wins_over_its_sides(tams):
    plain = tams.estimate([a_start(), sampled(), upscaled(diffusion=False, hrScale=2)])

    both = upscaled(diffusion=False, hrScale=2, hrResizeX=512, hrResizeY=512)

    assert tams.estimate([a_start(), sampled(), both]) == plain
