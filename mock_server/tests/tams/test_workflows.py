"""Parsing graphs: the order, the work, the price, and the progress of nodes."""

import itertools
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.errors import Forbidden, Invalid
from mock_server.core.jobs.plans import Pass
from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.tams.workflow.graph_reading import uploads_of
from mock_server.tams.workflow.node_progress import NodeStep, finish_item, notes_of, steps_of
from mock_server.tests.tams.chains import FLUX, IMAGE, LORA, MASK, SD15
from mock_server.tests.tams.graphs import (
    ask,
    changed,
    example,
    graphs,
    node,
    read,
    text_to_image,
)


def image_to_image(**sampler):
    """Return a graph that starts from an upload, with a mask that may be linked."""
    params = text_to_image(
        n20=node("LoadImage", image=IMAGE),
        n21=node("LoadImageMask", image=MASK, channel="alpha"),
        n22=node("VAEEncode", pixels=["20", 0], vae=["4", 2]),
    )
    return changed(params, "3", latent_image=["22", 0], denoise=0.6, **sampler)


# The order


@pytest.mark.parametrize("name", ["create-workflow-job", "create-workflow-job.vendor-nodes"])
def test_every_recorded_graph_makes_an_order(name):
    made = ask(example(name)["request"]["body"]["params"])

    assert made.work.passes
    assert made.order.count == 1


def test_the_recorded_graph_makes_the_expected_order():
    made = ask(text_to_image())
    order = made.order

    assert made.warnings == ()
    assert (order.prompt, order.negative_prompt) == ("a lighthouse at dusk", "blurry")
    assert (order.width, order.height, order.count, order.format) == (512, 512, 1, "png")
    assert (order.seed, order.steps, order.cfg_scale) == (1234567, 20, 7.0)
    assert (order.sampler, order.model) == ("dpmpp_2m_sde karras", SD15)
    assert made.work.passes == (Pass("KSampler 3", 512, 512, 20),)
    assert made.work.factor == Decimal("0.6")


def test_a_prompt_is_followed_through_nodes_and_links():
    params = text_to_image(
        n6=node("CLIPTextEncode", text=["30", 0], clip=["10", 1]),
        n30=node("TensorArt_PromptText", Text="make it winter"),
        n31=node("CLIPTextEncode", text="at night", clip=["10", 1]),
        n32=node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["31", 0]),
        n33=node("ControlNetLoader", control_net_name="619225630271212879"),
        n34=node("LoadImage", image=IMAGE),
        n35=node(
            "ControlNetApplyAdvanced", positive=["32", 0], negative=["7", 0], image=["34", 0],
            control_net=["33", 0], strength=1, start_percent=0, end_percent=1,
        ),
    )  # fmt: skip
    made = ask(changed(params, "3", positive=["35", 0], negative=["35", 1]))

    assert made.order.prompt == "make it winter, at night"
    assert made.order.negative_prompt == "blurry"
    assert made.order.source == ""
    assert made.work.inputs == (IMAGE,)


def test_zeroed_out_conditioning_has_no_text():
    params = text_to_image(n40=node("ConditioningZeroOut", conditioning=["6", 0]))

    assert ask(changed(params, "3", negative=["40", 0])).order.negative_prompt == ""


def test_a_custom_sampler_gets_its_settings_from_other_nodes():
    params = {
        "1": node("UNETLoader", unet_name=FLUX, weight_dtype="default"),
        "2": node("DualCLIPLoader", clip_name1="a", clip_name2="b", type="flux"),
        "3": node("VAELoader", vae_name="ae"),
        "4": node("CLIPTextEncode", text="a fox", clip=["2", 0]),
        "5": node("FluxGuidance", conditioning=["4", 0], guidance=3.5),
        "6": node("BasicGuider", model=["1", 0], conditioning=["5", 0]),
        "7": node("RandomNoise", noise_seed="99"),
        "8": node("KSamplerSelect", sampler_name="euler"),
        "9": node("BasicScheduler", model=["1", 0], scheduler="simple", steps=8, denoise=1),
        "10": node("EmptySD3LatentImage", width=1024, height=768, batch_size=2),
        "11": node(
            "SamplerCustomAdvanced", noise=["7", 0], guider=["6", 0], sampler=["8", 0],
            sigmas=["9", 0], latent_image=["10", 0],
        ),
        "12": node("VAEDecode", samples=["11", 0], vae=["3", 0]),
        "13": node("SaveImage", images=["12", 0], filename_prefix="x"),
    }  # fmt: skip
    made = ask(params)
    order = made.order

    assert (order.prompt, order.seed, order.steps, order.model) == ("a fox", 99, 8, FLUX)
    assert (order.sampler, order.count) == ("euler simple", 2)
    assert made.work.passes == (Pass("SamplerCustomAdvanced 11", 1024, 768, 8, 2),)
    assert made.work.factor == 3


def test_image_to_image_has_its_source_and_strength():
    made = ask(image_to_image(), {IMAGE: (800, 601)})

    assert (made.order.source, made.order.denoising_strength) == (IMAGE, 0.6)
    assert (made.order.width, made.order.height) == (800, 600)
    assert made.work.inputs == (IMAGE,)
    assert uploads_of(read(image_to_image())) == (IMAGE,)


def test_a_source_of_unknown_size_has_a_default_size():
    params = image_to_image()
    assert (ask(params).order.width, ask(params).order.height) == (512, 512)

    params = text_to_image() | {**params, "20": node("LoadImage", image=IMAGE, _width=640)}
    assert ask(changed(params, "20", _height=960)).order.height == 960


@pytest.mark.parametrize("way", ["SetLatentNoiseMask", "VAEEncodeForInpaint"])
def test_inpainting_has_a_mask(way):
    params = image_to_image()
    if way == "SetLatentNoiseMask":
        params["23"] = node(way, samples=["22", 0], mask=["21", 0])
    else:
        params["23"] = node(way, pixels=["20", 0], vae=["4", 2], mask=["21", 0], grow_mask_by=6)
    made = ask(changed(params, "3", latent_image=["23", 0]))

    assert (made.order.source, made.order.mask) == (IMAGE, MASK)
    assert set(made.work.inputs) == {IMAGE, MASK}


def test_a_url_does_not_count_as_upload():
    params = image_to_image()
    params["20"] = node("LoadImage", image="https://example.test/a.png")

    assert ask(params).work.inputs == ()
    assert ask(params).order.source == ""


@pytest.mark.parametrize(
    ("chain", "size"),
    [
        ([("ImageScale", {"width": 640, "height": 1000})], (640, 1000)),
        ([("ImageScale", {"width": 256, "height": 0})], (256, 256)),
        ([("ImageScaleBy", {"scale_by": 1.5})], (768, 768)),
        ([("ImageScaleBy", {"scale_by": 8}), ("ImageScaleBy", {"scale_by": 8})], (16384, 16384)),
        ([("ImageScaleToTotalPixels", {"megapixels": 4})], (2048, 2048)),
        ([("ImagePadForOutpaint", {"left": 8, "right": 8, "top": 0, "bottom": 1})], (528, 513)),
        ([("ImageCrop", {"width": 100, "height": 90, "x": 0, "y": 0})], (100, 90)),
        ([("Unknown Enlarger", {"upscale_by": "2"})], (1024, 1024)),
        ([("ImageInvert", {})], (512, 512)),
    ],
)
def test_nodes_change_the_size_of_the_picture(chain, size):
    params = text_to_image()
    last = "8"
    usual = {"upscale_method": "area", "crop": "disabled", "feathering": 0}
    for number, (class_type, inputs) in enumerate(chain):
        params[f"5{number}"] = node(class_type, image=[last, 0], **(usual | inputs))
        last = f"5{number}"
    made = ask(changed(params, "9", images=[last, 0]))

    assert (made.order.width, made.order.height) == size
    assert max(each.width * each.height for each in made.work.passes) >= size[0] * size[1]


@pytest.mark.parametrize(
    ("model", "factor"),
    [("4x-UltraSharp.pth", 4), ("RealESRGAN_x2plus", 2), ("8x_NMKD-Superscale", 8), ("swin", 4)],
)
def test_an_upscaler_has_the_factor_of_its_model(model, factor):
    params = text_to_image(
        n50=node("UpscaleModelLoader", model_name=model),
        n51=node("ImageUpscaleWithModel", upscale_model=["50", 0], image=["8", 0]),
    )
    made = ask(changed(params, "9", images=["51", 0]))

    assert made.order.width == 512 * factor
    assert made.work.passes[1] == Pass("ImageUpscaleWithModel 51", 512 * factor, 512 * factor, 0)


def test_several_samplers_are_several_passes():
    params = text_to_image(
        n50=node("LatentUpscaleBy", samples=["3", 0], upscale_method="bislerp", scale_by=2),
        n51={**text_to_image()["3"]},
    )
    params = changed(params, "51", latent_image=["50", 0], denoise=0.5, steps="10", seed=5)
    made = ask(changed(params, "8", samples=["51", 0]))

    assert made.work.passes == (
        Pass("KSampler 3", 512, 512, 20),
        Pass("KSampler 51", 1024, 1024, 10),
    )
    assert (made.order.width, made.order.seed, made.order.steps) == (1024, 5, 10)


def test_a_range_of_steps_counts_only_its_steps():
    advanced = node(
        "KSamplerAdvanced", add_noise="enable", noise_seed=1, steps=30, cfg=5,
        sampler_name="euler", scheduler="normal", positive=["6", 0], negative=["7", 0],
        model=["10", 0], latent_image=["5", 0], start_at_step=10, end_at_step=25,
        return_with_leftover_noise="disable",
    )  # fmt: skip

    assert ask(text_to_image(n3=advanced)).work.passes[0].steps == 15


def test_all_outputs_count():
    params = text_to_image(n60=node("PreviewImage", images=["8", 0]))
    made = ask(changed(params, "5", batch_size=3))

    assert made.order.count == 6
    assert made.work.passes == (Pass("KSampler 3", 512, 512, 20, 3),)
    assert [each.images for each in steps_of(made.order.notes) if each.images] == [3, 3]


def test_batches_are_multiplied_and_joined():
    params = text_to_image(
        n60=node("RepeatLatentBatch", samples=["5", 0], amount=3),
        n61=node("ImageBatch", image1=["8", 0], image2=["8", 0]),
    )
    params = changed(changed(params, "3", latent_image=["60", 0]), "9", images=["61", 0])

    assert ask(params).order.count == 6


def test_the_number_of_pictures_is_limited():
    with pytest.raises(Invalid) as caught:
        ask(changed(text_to_image(), "5", batch_size=101))

    assert caught.value.problem == (
        "node id: 9\nclass type: SaveImage\n"
        "images: must be at most 100 pictures in all, found 101\n"
    )


def test_a_large_batch_is_a_warning():
    made = ask(changed(text_to_image(), "5", batch_size=5))

    assert made.warnings == ("node 3 batch_size: found 5, expected between 1 and 4",)


@pytest.mark.parametrize(
    ("class_type", "inputs", "format"),
    [
        ("SaveImage", {}, "png"),
        ("SaveAnimatedWEBP", {}, "webp"),
        ("Image Save", {"extension": "jpg"}, "jpeg"),
        ("Save It", {"format": "image/webp"}, "webp"),
    ],
)
def test_an_output_may_name_the_format(class_type, inputs, format):
    usual = {"filename_prefix": "x", "fps": 6, "lossless": True, "quality": 8, "method": "default"}
    params = text_to_image(n9=node(class_type, images=["8", 0], **usual, **inputs))

    assert ask(params).order.format == format


@pytest.mark.parametrize("seed", [2**63, 2**64 - 1, 2**64, 10**30])
@pytest.mark.parametrize("class_type", ["KSampler", "My sampler", "PrimitiveInt"])
def test_a_seed_has_at_most_64_bits_wherever_it_comes_from(seed, class_type):
    params = text_to_image()
    params["3"] = {**params["3"], "inputs": {**params["3"]["inputs"], "seed": seed}}
    if class_type == "PrimitiveInt":
        params["20"] = node("PrimitiveInt", value=seed)
        params = changed(params, "3", seed=["20", 0])
    else:
        params["3"]["class_type"] = class_type
    if seed < 2**64:
        assert ask(params).order.seed == seed
    else:
        with pytest.raises(Invalid, match=f"seed.*{2**64 - 1}"):
            ask(params)


def test_seed_minus_one_is_random():
    assert ask(changed(text_to_image(), "3", seed=-1)).order.seed == RANDOM_SEED
    assert ask(changed(text_to_image(), "3", seed=0)).order.seed == 0


@pytest.mark.parametrize("seed", [2**32 + 5, 52_872_813_925_831, 2**63, 2**64 - 1])
def test_a_seed_of_64_bits_is_kept(seed):
    assert ask(changed(text_to_image(), "3", seed=seed)).order.seed == seed


def test_a_ratio_becomes_a_size():
    params = text_to_image(n70=node("TensorArt_Ratio", aspect="16:9"))
    order = ask(changed(params, "5", width=["70", 0], height=["70", 1])).order

    assert (order.width, order.height) == (1344, 768)


# Models and prices


def test_an_unknown_model_is_a_warning_or_refused():
    params = changed(text_to_image(), "4", ckpt_name="sd_xl.safetensors")
    line = (
        "ckpt_name: must be a model of type CHECKPOINT that the mock knows,"
        " found 'sd_xl.safetensors', an unknown model"
    )

    assert ask(params).warnings == (f"node 4 {line}",)
    with pytest.raises(Invalid) as caught:
        ask(params, unknown_model="refuse")
    assert caught.value.problem == f"node id: 4\nclass type: CheckpointLoaderSimple\n{line}\n"
    assert "a LORA" in ask(changed(params, "4", ckpt_name=LORA)).warnings[0]


def test_a_locked_model_is_forbidden():
    with pytest.raises(Forbidden):
        ask(text_to_image(), locked_models=(SD15,))


def test_a_graph_without_a_sampler_has_one_pass():
    made = ask(example("create-workflow-job.vendor-nodes")["request"]["body"]["params"])

    assert made.work.passes == (Pass("processing", 512, 768, 0),)
    assert made.order.denoising_strength == 0.0


def test_passes_and_uploads_of_a_graph_are_limited():
    params = text_to_image()
    for number in range(101):
        params[f"s{number}"] = changed(params, "3", seed=number)["3"]
        params[f"d{number}"] = node("VAEDecode", samples=[f"s{number}", 0], vae=["4", 2])
        params[f"p{number}"] = node("MaskToImage", mask=[f"m{number}", 0])
        params[f"m{number}"] = node("SolidMask", value=1, width=8, height=8)
        params["0"] = node("Unite", **{f"i{n}": [f"d{n}", 0] for n in range(min(number + 1, 100))})
        params["01"] = node("PreviewImage", images=["d100", 0])
    with pytest.raises(Invalid, match="must be one of at most 100 that sample"):
        ask(params)

    loads = {f"l{number}": node("LoadImage", image=f"{number}") for number in range(101)}
    uniting = node("Unite", **{f"image{n}": [f"l{n}", 0] for n in range(100)})
    outputs = {"a": uniting, "b": node("PreviewImage", images=["l100", 0])}
    with pytest.raises(Invalid, match="must be one of at most 100 in a graph"):
        ask(loads | outputs)


@given(graphs())
def test_every_valid_graph_is_parsed_or_refused(params):
    try:
        made = ask(params)
    except Invalid:
        return
    steps = steps_of(made.order.notes)
    assert made.work.price >= 0
    assert tuple(each.id for each in steps) == read(params).order
    assert sum(each.images for each in steps) == made.order.count
    assert sum(each.samples > 0 for each in steps) <= len(made.work.passes)


# Progress by node


def test_equal_graphs_share_their_notes():
    assert ask(text_to_image()).order.notes is ask(text_to_image()).order.notes
    assert len(ask(text_to_image()).order.notes) < 300
    assert steps_of("") == ()


STEPS = (
    NodeStep("4", "CheckpointLoaderSimple", 10),
    NodeStep("3", "KSampler", 80, samples=20),
    NodeStep("9", "SaveImage", 10, images=2),
)
FILES = [{"filename": "a"}, {"filename": "b"}]


def at(done, now=107.9, **options):
    return finish_item(notes_of(STEPS), id="w", done=done, started_at=100.2, now=now, **options)


@pytest.mark.parametrize(
    ("done", "step", "finished"),
    [
        (0, 0, []),
        (0.1, 0, ["4"]),
        (0.5, 10, ["4"]),
        (0.9, 20, ["4", "3"]),
        (1, 20, ["4", "3", "9"]),
    ],
)
def test_nodes_are_finished_one_after_the_other(done, step, finished):
    item = at(done)

    assert item == {
        "id": "w",
        "status": "DEFAULT",
        "progress": int(done * 100),
        "step": step,
        "ctime": "100",
        "mtime": "107",
        "nodes": {
            id: {"id": id, "status": "SUCCESS", **({"process": 1} if id == "3" else {})}
            for id in finished
        },
        "finishedNodes": {
            each.id: {"classType": each.class_type} for each in STEPS if each.id in finished
        },
    }


def test_a_finished_output_node_has_its_files():
    item = at(1, images=FILES)

    assert item["nodes"]["9"] == {"id": "9", "status": "SUCCESS", "outputUi": {"images": FILES}}


def test_the_members_are_those_of_the_example():
    running = example("get-job.running-workflow")["response"]["body"]["job"]["runningInfo"]
    success = example("get-job.success-workflow")["response"]["body"]["job"]["successInfo"]

    for shape in (running, success):
        wanted = shape["workflowFinishItem"]
        found = at(0.55, images=FILES)
        assert found.keys() == wanted.keys()
        assert {name: type(each) for name, each in found.items()} == {
            name: type(each) for name, each in wanted.items()
        }


def test_settings_choose_the_form():
    item = at(0.5, numbers="string", finished_nodes="list")

    assert (item["progress"], item["step"], item["finishedNodes"]) == ("50", "10", ["4"])


@given(
    st.lists(
        st.builds(
            NodeStep,
            st.text(max_size=3),
            st.text(max_size=3),
            st.integers(0, 100),
            st.integers(0, 50),
        ),
        min_size=1,
        max_size=6,
    ),
    st.lists(st.floats(0, 1), min_size=2, max_size=5),
)
def test_progress_never_decreases(steps, moments):
    notes = notes_of(steps)
    items = [finish_item(notes, id="w", done=done, started_at=0, now=0) for done in sorted(moments)]

    assert steps_of(notes) == tuple(steps)
    for before, after in itertools.pairwise(items):
        assert before["progress"] <= after["progress"]
        assert before["finishedNodes"].keys() <= after["finishedNodes"].keys()
    assert json.dumps(items)
