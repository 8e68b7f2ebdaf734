"""Different spellings of the same request."""

import json
from decimal import Decimal

import pytest

from contract_tests.markers import observes, source
from contract_tests.tams.orders import small_stages

PRICE = "/v1/jobs/credits"
TYPES = {
    "none": None,
    "a form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
    "JSON with its charset": "application/json; charset=utf-8",
    "something": "application/octet-stream",
}


def price_of(tams, body):
    return Decimal(str(tams.call("POST", PRICE, json=body).expect(200)["credits"]))


def stages(initialize=None, **diffusion):
    first, second = small_stages()
    first["inputInitialize"] |= initialize or {}
    second["diffusion"] |= diffusion
    return [first, second]


@source("TAMS › 2.3")
def test_keys_in_snake_case_say_the_same(tams):
    camel = small_stages(count=4, clipSkip=2, negativePrompts=[{"text": "blurry"}])
    first, second = camel
    plain = second["diffusion"]
    renamed = {"sdModel": "sd_model", "sdVae": "sd_vae", "cfgScale": "cfg_scale",
               "clipSkip": "clip_skip", "negativePrompts": "negative_prompts"}  # fmt: skip
    snake = [
        {"type": first["type"], "input_initialize": first["inputInitialize"]},
        {"type": second["type"],
         "diffusion": {renamed.get(name, name): value for name, value in plain.items()}},
    ]  # fmt: skip

    assert price_of(tams, {"stages": snake}) == price_of(tams, {"stages": camel})


@source("TAMS › 2.3", "TAMS › 5.4")
def test_one_body_may_have_both_spellings(tams):
    # The body of the official demos.
    diffusion = {
        "width": 512, "height": 512, "prompts": [{"text": "1girl"}],
        "sampler": "DPM++ 2M Karras", "sdVae": "Automatic", "steps": 15,
        "sd_model": "600423083519508503", "clip_skip": 2, "cfg_scale": 7,
    }  # fmt: skip
    body = {
        "request_id": "9d3f0000000000000000000000000002",
        "stages": [
            {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": -1, "count": 1}},
            {"type": "DIFFUSION", "diffusion": diffusion},
        ],
    }

    assert price_of(tams, body) > 0


@source("TAMS › 2.3")
@observes
def test_which_of_two_spellings_counts(tams, observe):
    one, four = ({"stages": small_stages(count=count)} for count in (1, 4))
    known = {price_of(tams, one): "the snake_case one", price_of(tams, four): "the camelCase one"}
    first, second = small_stages()
    both = {"type": first["type"], "input_initialize": {"count": 1}, "inputInitialize":
            {"count": 4}}  # fmt: skip

    answer = tams.call("POST", PRICE, json={"stages": [both, second]})

    if answer.status == 200 and len(known) == 2:
        price = Decimal(str(answer.json["credits"]))
        observe("U17", "two spellings of one member", known.get(price))
    else:
        answer.expect_status(200, 400)
        observe("U17", "the status for two spellings of one member", answer.status)


@source("TAMS › 2.4")
@pytest.mark.parametrize(
    ("initialize", "diffusion"),
    [
        ({"count": "2"}, {}),
        ({"seed": "12345"}, {}),
        ({}, {"width": "768", "height": "512"}),
        ({}, {"steps": "20"}),
        ({"seed": "-1", "count": "1"}, {"width": "512", "height": "512", "steps": "10"}),
    ],
    ids=["count", "seed", "size", "steps", "all"],
)
def test_whole_numbers_may_be_texts(tams, initialize, diffusion):
    texts = stages(initialize, **diffusion)
    numbers = stages(
        {name: int(text) for name, text in initialize.items()},
        **{name: int(text) for name, text in diffusion.items()},
    )

    assert price_of(tams, {"stages": texts}) == price_of(tams, {"stages": numbers})


@source("TAMS › 2.5")
@pytest.mark.parametrize(
    "member", ["sampler_name", "scheduler", "maskImageResourceId", "webhook", "noSuchMember"]
)
@pytest.mark.parametrize(
    "value", ["karras", 5, None, {"a": [1]}], ids=["text", "number", "null", "object"]
)
def test_unknown_members_are_ignored(tams, asked, member, value):
    assert price_of(tams, {"stages": stages(**{member: value})}) == asked(stages())


@source("TAMS › 2.5")
def test_unknown_members_are_ignored_at_every_level(tams, asked):
    more = {"webhook": "https://example.test/hook", "extra": {"deep": [None, 1.5]}}
    first, second = stages(more, **more)
    body = {"stages": [{**first, **more}, {**second, **more}], **more}

    assert price_of(tams, body) == asked(stages())


@source("TAMS › 2.7")
@pytest.mark.parametrize("name", TYPES)
def test_the_content_type_of_a_body_does_not_matter(tams, name):
    headers = {} if TYPES[name] is None else {"Content-Type": TYPES[name]}
    content = json.dumps({"stages": small_stages()}).encode()

    tams.call("POST", PRICE, content=content, headers=headers).expect(200)


@source("TAMS › 6")
@pytest.mark.parametrize(
    "seed", [-1, 0, 1, 4294967295, "-1"], ids=["random", "zero", "one", "largest", "random-as-text"]
)
def test_a_seed_may_be_the_one_for_a_random_one_or_any_of_its_range(tams, seed):
    tams.call("POST", PRICE, json={"stages": stages({"seed": seed})}).expect(200)


@source("TAMS › 2.4")
@observes
@pytest.mark.parametrize(
    ("what", "initialize", "diffusion"),
    [
        ("a seed of null", {"seed": None}, {}),
        ("a count of null", {"count": None}, {}),
        ("a VAE of null", {}, {"sdVae": None}),
        ("a whole number with a fraction of zero", {"seed": 7.0}, {}),
        ("a whole number with an exponent", {}, {"steps": 1e1}),
        ("a float as text", {}, {"cfgScale": "7.5"}),
        ("a number for the text of the model id", {}, {"sdModel": 600423083519508503}),
        ("a Boolean as text", {}, {"enableElla": "true"}),
        ("a number for a Boolean", {}, {"enableElla": 1}),
        ("a fraction for a whole number", {}, {"steps": 10.5}),
    ],
)
def test_how_far_leniency_goes(tams, what, initialize, diffusion, observe):
    answer = tams.call("POST", PRICE, json={"stages": stages(initialize, **diffusion)})

    answer.expect_status(200, 400)
    observe("U57", what, answer.status)


@source("TAMS › 2.4")
@observes
def test_the_type_of_a_stage_may_be_its_number_or_not(tams, observe):
    first, second = stages()
    answer = tams.call(
        "POST", PRICE, json={"stages": [{**first, "type": 1}, {**second, "type": 2}]}
    )

    answer.expect_status(200, 400)
    observe("U57", "enum values as numbers", answer.status)
