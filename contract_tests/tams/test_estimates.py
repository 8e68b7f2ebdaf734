"""Which orders are valid. Estimates tell it, and are free."""

from typing import Any

import pytest

from contract_tests.markers import observes, source, spends
from contract_tests.tams.orders import a_small_order, small_stages
from contract_tests.tams.refusals import refused, words_of

PRICE = "/v1/jobs/credits"
SIZES = ((513, 512), (500, 500), (448, 512), (1600, 512), (1536, 1536), (0, 0), (-64, 512))
COUNTS = (-1, 5, 100)
# Both ends of the ranges that every published version has (`TAMS › 6`), and one inside.
ENDS = (
    *({"count": count} for count in (1, 2, 3, 4)),
    *({"steps": steps} for steps in (10, 11, 49, 50)),
    *({"cfgScale": scale} for scale in (1, 7.5, 30)),
    *({"width": side, "height": side} for side in (512, 576, 960, 1024)),
    *({"width": 512, "height": 1024}, {"width": 1024, "height": 512}),
    *({"seed": seed} for seed in (1, 2**31, 4294967294, 4294967295)),
)
PROMPTS = (1, 2, 149, 150)


def ask(tams, stages):
    """Return whether an order has a price, and the words of a refusal."""
    answer = tams.call("POST", PRICE, json={"stages": stages})
    return (True, "") if answer.status == 200 else (False, words_of(refused(answer, 400)))


@source("TAMS › 5.4", "TAMS › 1", "TAMS › 4")
def test_an_estimate_has_its_one_member(tams):
    body = tams.call("POST", PRICE, json={"stages": small_stages()}).expect(200)

    assert isinstance(body["credits"], int | float)
    assert "job" not in body


@source("TAMS › 5.4")
def test_the_request_id_has_no_effect_on_a_price(tams):
    order = {"requestId": "9f2bf085998e76acd5c8bc306a4f034f", **a_small_order()}

    prices = [tams.call("POST", PRICE, json=order).expect(200)["credits"] for _ in range(2)]

    assert prices[0] == prices[1] == float(tams.estimate(order["stages"]))


@source("TAMS › 6")
@pytest.mark.parametrize("order", ENDS, ids=str)
def test_each_end_of_a_range_has_a_price(tams, order):
    members = {name: value for name, value in order.items() if name != "seed"}
    start = {"seed": order["seed"]} if "seed" in order else {}

    assert tams.estimate(small_stages(start=start, **members)) > 0


@source("TAMS › 6")
@pytest.mark.parametrize("member", ["prompts", "negativePrompts"])
def test_150_prompts_have_a_price(tams, member):
    for number in PROMPTS:
        prompts: Any = {member: [{"text": "a"}] * number}
        assert tams.estimate(small_stages(**prompts)) > 0


@source("TAMS › 10")
def test_more_steps_never_cost_less(tams):
    prices = [tams.estimate(small_stages(steps=steps)) for steps in (10, 20, 50)]

    assert prices == sorted(prices)


@source("TAMS › 10")
def test_a_larger_picture_never_costs_less(tams):
    prices = [tams.estimate(small_stages(width=side, height=side)) for side in (512, 768, 1024)]

    assert prices == sorted(prices)


@source("TAMS › 6", "TAMS › 4")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_bad_size_is_taken_or_refused_by_its_name(tams, size, observe):
    width, height = size

    taken, words = ask(tams, small_stages(width=width, height=height))

    assert taken or "invalid_height_or_width" in words
    observe("U18", f"{width}×{height}", "taken" if taken else words)


@source("TAMS › 6", "TAMS › 4")
@pytest.mark.parametrize("count", COUNTS)
def test_a_bad_count_is_taken_or_refused_by_its_name(tams, count, observe):
    taken, words = ask(tams, small_stages(count=count))

    assert taken or "invalid_samples" in words
    observe("U23", f"a count of {count}", "taken" if taken else words)


@source("TAMS › 5.1", "TAMS › 4")
@spends(5)
@pytest.mark.parametrize("count", [-1, 5])
def test_a_job_with_a_bad_count_is_taken_or_refused_by_its_name(tams, count, observe):
    order = {"requestId": f"bad-count-{count}", **a_small_order(count=count)}

    answer = tams.call("POST", "/v1/jobs", json=order)

    if answer.status == 200:
        tams.discard(answer.json["job"])
    else:
        assert "invalid_samples" in words_of(refused(answer, 400))
    observe("U23", f"a job with a count of {count}", answer.status)


@source("TAMS › 6")
@observes
@pytest.mark.parametrize(
    ("unknown", "what", "diffusion"),
    [
        ("U19", "no sampler", {"sampler": None}),
        ("U19", "no VAE", {"sdVae": None}),
        ("U19", "neither sampler nor VAE", {"sampler": None, "sdVae": None}),
        ("U20", "a sampler outside the list", {"sampler": "Euler z"}),
        ("U20", "a VAE outside the list", {"sdVae": "no-such.vae.pt"}),
        ("U20", "151 prompts", {"prompts": [{"text": "a"}] * 151}),
        ("U21", "no steps", {"steps": None}),
        ("U21", "1 step", {"steps": 1}),
        ("U21", "9 steps", {"steps": 9}),
        ("U21", "55 steps", {"steps": 55}),
        ("U21", "61 steps", {"steps": 61}),
        ("U21", "-1 steps", {"steps": -1}),
        ("U21", "a cfgScale of 32", {"cfgScale": 32}),
        ("U21", "a cfgScale of 36", {"cfgScale": 36}),
        ("U21", "a cfgScale of -1", {"cfgScale": -1}),
        ("U24", "no model", {"sdModel": None}),
        ("U24", "an unknown model", {"sdModel": "1"}),
        ("U24", "a model that is not a number", {"sdModel": "sd-v1-5"}),
        ("U24", "a LoRA for the model", {"sdModel": "643763684419793644"}),
        ("U20", "no prompts", {"prompts": None}),
        ("U20", "an empty prompt", {"prompts": [{"text": ""}]}),
    ],
)
def test_what_the_reference_leaves_open_has_a_price_or_is_refused(
    tams, unknown, what, diffusion, observe
):
    taken, words = ask(tams, small_stages(**diffusion))

    observe(unknown, what, "taken" if taken else words)


@source("TAMS › 6")
@observes
@pytest.mark.parametrize("seed", [-2, 4294967296, 2**63 - 1, -(2**63), 2**63])
def test_a_seed_beyond_its_range_has_a_price_or_is_refused(tams, seed, observe):
    taken, words = ask(tams, small_stages(start={"seed": seed}))

    observe("U22", f"a seed of {seed}", "taken" if taken else words)


@source("TAMS › 6")
@observes
def test_the_stage_for_animations_has_a_price_or_is_refused(tams, observe):
    first, second = small_stages()
    third = {"type": "IMAGE_TO_ANIMATE_DIFF", "imageToAnimateDiff": {"videoLength": 8, "fps": 8}}

    taken, words = ask(tams, [first, second, third])

    observe("U62", "a stage IMAGE_TO_ANIMATE_DIFF", "taken" if taken else words)
