"""Every kind of stage as a job: it makes pictures of the ordered size."""

from decimal import Decimal

import pytest

from contract_tests.markers import source, spends
from contract_tests.tams.chains import (
    a_start,
    controlled,
    inpainted,
    repaired,
    sampled,
    upscaled,
    with_lora,
)
from contract_tests.tams.decoding import picture_in
from contract_tests.tams.orders import SIDE
from contract_tests.tams.pictures import a_picture
from contract_tests.tams.shared_jobs import only, successful

CHAINS = {
    "image to image": (lambda image: [a_start(image), sampled(denoisingStrength=0.5)], SIDE),
    "upscaler": (lambda image: [a_start(), sampled(), upscaled(diffusion=False)], 2 * SIDE),
    "upscaler alone": (
        lambda image: [
            a_start(image), upscaled(diffusion=True, hrResizeX=2 * SIDE, hrResizeY=2 * SIDE),
        ],
        2 * SIDE,
    ),
    "face repair": (lambda image: [a_start(), sampled(), repaired(diffusion=False)], SIDE),
    "face repair alone": (lambda image: [a_start(image), repaired(diffusion=True)], SIDE),
    "inpainting": (lambda image: [a_start(image), inpainted(image, diffusion=True)], SIDE),
    "control net": (lambda image: [a_start(), controlled(image)], SIDE),
    "lora": (lambda image: [a_start(), with_lora()], SIDE),
}  # fmt: skip


@source("TAMS › 6", "TAMS › 7", "TAMS › 9", "TAMS › 10")
@spends(2)
@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_makes_one_picture_of_its_size_at_its_price(tams, chain):
    stages_of, side = CHAINS[chain]
    stages = stages_of(tams.upload(a_picture(SIDE), expireSec=3600, term=1))
    price = tams.estimate(stages)

    job = successful(tams.wait_for(tams.submit_job({"stages": stages}), every=1, max_seconds=300))

    image = only(job["successInfo"]["images"], "pictures")
    assert picture_in(tams.download(image["url"])).size == (side, side), "the size as ordered"
    meta = image["meta"]["image"]
    assert (meta["width"], meta["height"]) == (side, side)
    assert Decimal(str(job["credits"])) == price, "another price than estimated"
