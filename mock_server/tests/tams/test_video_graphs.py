"""Graphs that end in videos: their files, frames, speed and price."""

from decimal import Decimal
from typing import Any

import pytest

from mock_server.core.errors import Invalid
from mock_server.tams.answers import file_size
from mock_server.tests.tams.graphs import ask, changed, node, text_to_image
from mock_server.tests.tams.world import a_world

FRAME_PRICE = Decimal("1.25")  # of a model that is not in the vendor's table


def latent(class_type, **inputs):
    size = {"width": 832, "height": 480, "batch_size": 1}
    return node(class_type, **{**size, **inputs})


def video_graph(empty, **outputs):
    """Return the usual graph from another empty latent, with other output nodes."""
    params = text_to_image(n5=empty, **outputs)
    if "n9" not in outputs:
        del params["9"]
    return params


def combined(**inputs):
    usual: dict[str, Any] = {"filename_prefix": "x", "format": "video/h264-mp4", "loop_count": 0}
    usual |= {"images": ["8", 0], "frame_rate": 16}
    return node("VHS_VideoCombine", **{**usual, **inputs})


WEBM = {"filename_prefix": "x", "codec": "vp9", "crf": 32}
OUTPUTS = {
    "VHS_VideoCombine": {"n9": combined()},
    "SaveWEBM": {"n9": node("SaveWEBM", images=["8", 0], fps=16, **WEBM)},
    "CreateVideo": {
        "n19": node("CreateVideo", images=["8", 0], fps=16.0),
        "n9": node("SaveVideo", video=["19", 0], filename_prefix="x", format="auto", codec="auto"),
    },
    "SaveAnimatedPNG": {
        "n9": node(
            "SaveAnimatedPNG", images=["8", 0], fps=16, filename_prefix="x", compress_level=4
        )
    },
    "an unknown class": {"n9": node("My Movie Writer", images=["8", 0], frame_rate=16)},
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "empty", ["EmptyHunyuanLatentVideo", "EmptyLTXVLatentVideo", "EmptyMochiLatentVideo"]
)
def test_an_output_for_videos_makes_one_video_of_all_frames(output, empty):
    made = ask(video_graph(latent(empty, length=33), **OUTPUTS[output]))

    order = made.order
    assert (order.frames, order.fps, order.count) == (33, 16, 1)
    assert (order.width, order.height) == (832, 480)
    assert made.work.price == 34 * FRAME_PRICE
    assert [each.frames for each in made.work.passes] == [33]


def test_a_batch_of_pictures_becomes_the_frames_of_an_animation():
    params = video_graph(latent("EmptyLatentImage", batch_size=16), n9=combined(frame_rate=8))
    made = ask(params)

    assert (made.order.frames, made.order.fps, made.order.count) == (16, 8, 1)
    assert made.work.price == 16 * Decimal("0.8")  # as pictures: 20 steps each
    assert made.warnings == ()


@pytest.mark.parametrize("class_type", ["SVD_img2vid_Conditioning", "MyImageToVideo"])
def test_a_video_of_a_picture_has_the_size_of_the_node_that_prepares_it(class_type):
    prepared = node(
        class_type,
        clip_vision=["50", 0], init_image=["51", 0], vae=["4", 2], width=1024, height=576,
        video_frames=14, motion_bucket_id=127, fps=6, augmentation_level=0.0,
    )  # fmt: skip
    params = text_to_image(
        n5=prepared,
        n50=node("CLIPVisionLoader", clip_name="x"),
        n51=node("LoadImage", image="some-upload"),
        n9=combined(frame_rate=6),
    )
    params = changed(params, "3", latent_image=["5", 2], positive=["5", 0], negative=["5", 1])
    made = ask(params)

    order = made.order
    assert (order.width, order.height, order.frames, order.fps) == (1024, 576, 14, 6)
    assert order.source == "some-upload"


def test_a_sampler_that_names_its_own_frames_makes_that_video():
    sampler = node("HyVideoSampler", width=512, height=320, num_frames=49, steps=30, seed=6)
    params = {"1": sampler, "2": combined(images=["1", 0], frame_rate=24)}
    made = ask(params)

    order = made.order
    assert (order.width, order.height, order.frames, order.fps) == (512, 320, 49, 24)


def test_two_samplers_of_a_video_cost_their_sum():
    params = video_graph(latent("EmptyHunyuanLatentVideo", length=5), n9=combined())
    params["33"] = changed(params, "3", latent_image=["3", 0])["3"]
    params = changed(params, "8", samples=["33", 0])

    assert ask(params).work.price == 2 * 6 * FRAME_PRICE


@pytest.mark.parametrize(
    ("file_name", "price"),
    [
        ("hunyuan_video_t2v_720p_bf16.safetensors", "17.44"),
        ("wan2.1_t2v_14B_fp8.safetensors", "27.90"),
        ("CogVideoX-2b.safetensors", "7.36"),
        ("another.safetensors", "38.75"),
    ],
)
def test_a_model_of_the_price_list_is_recognised_by_its_file(file_name, price):
    params = video_graph(latent("EmptyHunyuanLatentVideo", length=30), n9=combined())
    params["4"] = node("CheckpointLoaderSimple", ckpt_name=file_name)

    assert ask(params).work.price == Decimal(price)


def test_one_frame_of_a_video_can_be_a_picture():
    params = video_graph(
        latent("EmptyHunyuanLatentVideo", length=33),
        n60=node("ImageFromBatch", image=["8", 0], batch_index=0, length=1),
        n9=node("SaveImage", images=["60", 0], filename_prefix="x"),
    )
    order = ask(params).order

    assert (order.count, order.is_video) == (1, False)


def test_frames_that_are_saved_as_pictures_are_pictures():
    order = ask(
        video_graph(
            latent("EmptyHunyuanLatentVideo", length=33),
            n9=node("SaveImage", images=["8", 0], filename_prefix="x"),
        )
    ).order

    assert (order.count, order.is_video) == (33, False)


def beside(*, length=5, **outputs):
    """Return a graph whose frames become a video and, by other nodes, pictures."""
    return video_graph(latent("EmptyHunyuanLatentVideo", length=length), n9=combined(), **outputs)


FRAMES = node("PreviewImage", images=["8", 0])
FIRST_FRAME = {
    "n60": node("ImageFromBatch", image=["8", 0], batch_index=0, length=1),
    "n61": node("SaveImage", images=["60", 0], filename_prefix="x"),
}


def test_a_graph_makes_videos_and_pictures_at_the_price_of_its_samplers():
    alone, both = ask(beside()), ask(beside(n20=FRAMES, **FIRST_FRAME))

    order = both.order
    assert (order.count, order.frames) == (1 + 5 + 1, 5)
    assert sum(order.is_video_at(index) for index in range(order.count)) == 1
    assert (both.work.price, both.warnings) == (alone.work.price, ())


def test_the_frames_of_a_long_video_are_not_all_pictures():
    made = ask(beside(length=121, n20=FRAMES, n21=FRAMES))

    assert (made.order.count, len(made.order.stills)) == (100, 99)
    assert made.warnings == (
        "node 20: makes 99 of its 121 pictures", "node 21: makes 0 of its 121 pictures",
    )  # fmt: skip


def test_pictures_beside_a_video_have_the_format_of_their_own_node():
    jpeg = node("SaveImage", images=["60", 0], filename_prefix="x", format="jpeg")

    assert ask(beside(**FIRST_FRAME | {"n61": jpeg})).order.format == "jpeg"


def test_a_video_that_is_too_long_is_refused():
    params = video_graph(latent("EmptyLatentImage", batch_size=4096), n9=combined())
    params["60"] = node("RepeatLatentBatch", samples=["5", 0], amount=64)
    params["5"] = latent("EmptyHunyuanLatentVideo", length=9_000)
    params = changed(params, "3", latent_image=["60", 0])

    with pytest.raises(Invalid, match="must be at most 10000 frames, found 576000"):
        ask(params)


async def test_a_client_downloads_the_video_and_the_pictures():
    params = video_graph(
        latent("EmptyHunyuanLatentVideo", length=9, width=128, height=64),
        n9=combined(),
        **FIRST_FRAME,
    )
    async with a_world() as world:
        created = (await world.call("POST", "/v1/jobs/workflow", {"params": params})).json()
        await world.advance(600)
        info = (await world.job(created["job"]["id"]))["successInfo"]
        (video,), (picture,) = info["videos"], info["images"]
        files = [await world.http.get(each["url"]) for each in (video, picture)]

    assert [file.headers["content-type"] for file in files] == ["video/mp4", "image/png"]
    assert files[1].content[:4] == b"\x89PNG"
    assert list(info["imageExifMetaMap"]) == [picture["id"]]
    facts = info["imageExifMetaMap"][picture["id"]]["meta"]
    assert facts["FileSize"] == file_size(len(files[1].content))
    nodes = info["workflowFinishItem"]["nodes"]
    shown = {name: nodes[name]["outputUi"]["images"][0]["filename"] for name in ("9", "61")}
    assert shown == {"9": video["url"], "61": picture["url"]}


async def test_a_client_downloads_the_video():
    params = video_graph(
        latent("EmptyHunyuanLatentVideo", length=9, width=128, height=64), n9=combined()
    )
    async with a_world() as world:
        created = (await world.call("POST", "/v1/jobs/workflow", {"params": params})).json()
        await world.advance(600)
        info = (await world.job(created["job"]["id"]))["successInfo"]
        (video,) = info["videos"]
        answer = await world.http.get(video["url"])

    assert "images" not in info
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content[4:8] == b"ftyp"
