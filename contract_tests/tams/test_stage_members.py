"""Every documented member and value of the stages is taken (`TAMS › 6`). Estimates are free.

Members that are not in the formula of the prices must not change a price.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import cycle, islice

import pytest

from contract_tests.markers import source, spends
from contract_tests.tams.chains import (
    LORA,
    UNKNOWN_IMAGE,
    a_film,
    a_start,
    controlled,
    inpainted,
    repaired,
    sampled,
    upscaled,
)
from contract_tests.tams.orders import SIDE
from contract_tests.tams.pictures import a_picture
from contract_tests.tams.shared_jobs import only, successful

IMAGE = UNKNOWN_IMAGE  # estimates do not check whether it exists
PROMPTS = [{"text": "a face", "weight": 1.1}]
BLOCKS = "1:lbw=" + ",".join("1" * 12 + "0" * 14)  # 26 numbers, as in the documented example
LORAS = {"items": [{"loraModel": LORA, "weight": 0.8, "blockWeight": BLOCKS}]}
REPAIR = {
    "adModel": "face_yolov8n.pt", "adPrompt": PROMPTS, "adNegativePrompt": PROMPTS,
    "adConfidence": 0.3, "adDilateErode": 4, "adMaskMergeInvert": "None",
    "adDenoisingStrength": 0.4, "adInpaintOnlyMasked": True, "adInpaintOnlyMaskedPadding": 32,
    "adUseInpaintWidthHeight": False, "adInpaintWidth": 512, "adInpaintHeight": 512,
    "adUseSteps": False, "adSteps": 20, "adUseCfgScale": False, "adCfgScale": 7, "lora": LORAS,
}  # fmt: skip
NEWER_REPAIR = {
    "adUseCheckpoint": False, "adCheckpoint": "", "adUseSampler": True, "adSampler": "Euler a",
    "adUseNoiseMultiplier": True, "adNoiseMultiplier": 1, "adUseClipSkip": True, "adClipSkip": 2,
}  # fmt: skip
PAINTED = {
    "resizeMode": "JUST_RESIZE", "maskBlur": 4, "inpaintFullRes": True,
    "inpaintFullResPadding": 32, "inpaintMaskInvert": 0,
}  # fmt: skip
CONTROL = {
    "resizeMode": "CROP_AND_RESIZE", "guidance": 1, "guidanceStart": 0, "guidanceEnd": 1,
    "controlMode": "BALANCED", "pixelPerfect": True, "preprocessorParams": {"low_threshold": 100},
}  # fmt: skip
FILM = {
    "fps": 8, "prompts": PROMPTS, "negativePrompts": PROMPTS, "lora": LORAS, "inp": {"args": []},
    "controlnet": {"args": []},
}  # fmt: skip
DIFFUSION = {
    "prompts": PROMPTS, "negativePrompts": PROMPTS, "clipSkip": 2, "denoisingStrength": 0.5,
    "etaNoiseSeedDelta": 31337, "embedding": {}, "enableElla": True,
}  # fmt: skip
# A chain without the members, and with them; both cost the same.
MEMBERS = {
    "a diffusion": (sampled(), sampled(**DIFFUSION)),
    "schedule and guidance": (sampled(), sampled(scheduleName="karras", guidance=3.5)),
    # The types of these are not published.
    "newer members of a diffusion": (sampled(), sampled(
        v1Clip=None, enablePix2pix=None, useHunyuanDit=None, clipEncoderName=None,
        layerDiffusion=None,
    )),
    "a LoRA with block weights": (sampled(), sampled(lora=LORAS)),
    "a control net": (controlled(IMAGE), controlled(IMAGE, **CONTROL, maskResourceId=IMAGE)),
    "the older mask of a control net": (controlled(IMAGE), controlled(IMAGE, mask=IMAGE)),
    "a control net that is misspelt": (sampled(), sampled(controlNet={"args": []})),
    "a repair": (repaired(diffusion=True), repaired(diffusion=True, args=[REPAIR])),
    "newer members of a repair": (
        repaired(diffusion=True), repaired(diffusion=True, args=[{**REPAIR, **NEWER_REPAIR}]),
    ),
    "an inpainting": (
        inpainted(IMAGE, diffusion=True), inpainted(IMAGE, diffusion=True, **PAINTED),
    ),
}  # fmt: skip
SAMPLERS = [
    "Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ 2M", "DPM++ SDE",
    "DPM++ 2M SDE", "DPM fast", "LMS Karras", "DPM2 Karras", "DPM2 a Karras", "DPM++ 2S a Karras",
    "DPM++ 2M Karras", "DPM++ SDE Karras", "DPM++ 2M SDE Karras",
]  # fmt: skip
VAES = [
    "Automatic", "None", "vae-ft-mse-840000-ema-pruned.ckpt", "kl-f8-anime.ckpt",
    "kl-f8-anime2.ckpt", "YOZORA.vae.pt", "orangemix.vae.pt", "blessed2.vae.pt", "animevae.pt",
    "ClearVAE.safetensors", "pastel-waifu-diffusion.vae.pt",
]  # fmt: skip
UPSCALERS = [
    "Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (bicubic antialiased)",
    "Latent (nearest)", "Latent (nearest-exact)", "None", "Lanczos", "Nearest", "4x-UltraSharp",
    "4x_foolhardy_Remacri", "ESRGAN_4x", "R-ESRGAN 4x+", "R-ESRGAN 4x+ Anime6B",
    "4x_NMKD-Siax_200k", "4x-AnimeSharp", "4x_NMKD-Superscale-SP_178000_G", "SwinIR_4x",
    "8x_NMKD-Superscale_150000_G",
]  # fmt: skip
CONTROL_NETS = [
    "control_v11p_sd15_openpose", "control_v11p_sd15_canny", "control_v11f1p_sd15_depth",
    "control_v11p_sd15_lineart", "control_v11p_sd15s2_lineart_anime", "control_v11p_sd15_mlsd",
    "control_v11p_sd15_normalbae", "control_v11p_sd15_scribble", "control_v11p_sd15_softedge",
    "control_v11p_sd15_seg", "control_v11e_sd15_shuffle", "t2iadapter_color_sd14v1",
    "control_v11f1e_sd15_tile", "control_v11e_sd15_ip2p", "control_v1p_sd15_qrcode_monster",
    "control_v1p_sd15_brightness", "None",
]  # fmt: skip
RESIZES = ["DEFAULT", "JUST_RESIZE", "CROP_AND_RESIZE", "RESIZE_AND_FILL"]
CONTROL_MODES = [
    "DEFAULT", "BALANCED", "MY_PROMPT_IS_MORE_IMPORTANT", "CONTROLNET_IS_MORE_IMPORTANT",
]  # fmt: skip
FILLS = ["DEFAULT", "FILL", "ORIGINAL", "LATENT_NOISE", "LATENT_NOTHING"]


def with_all(image, stage):
    """Return a stage whose diffusion has every documented member; keys of models are left out."""
    control = controlled(image, **CONTROL, maskResourceId=image)["diffusion"]["controlnet"]
    member = next(name for name in stage if name != "type")
    content = stage[member] if member == "diffusion" else stage[member]["diffusion"]
    content |= {**DIFFUSION, "scheduleName": "karras", "guidance": 3.5, "lora": LORAS,
                "controlnet": control}  # fmt: skip
    return stage


FULL_REPAIR = [{**REPAIR, **NEWER_REPAIR}]
# Chains whose stages have every documented member, over an uploaded picture.
FULL = {
    "a diffusion, an upscaler and a repair": lambda image: [
        a_start(), with_all(image, sampled()), upscaled(diffusion=False),
        repaired(diffusion=False, args=FULL_REPAIR),
    ],
    "an upscaler alone": lambda image: [a_start(image), with_all(image, upscaled(diffusion=True))],
    "a repair alone": lambda image: [
        a_start(image), with_all(image, repaired(diffusion=True, args=FULL_REPAIR)),
    ],
    "an inpainting alone": lambda image: [
        a_start(image), with_all(image, inpainted(image, diffusion=True, **PAINTED)),
    ],
}  # fmt: skip


def start_of(stage):
    """Return the first stage of a chain: an image if the stage works over one."""
    return a_start(None if stage["type"] == "DIFFUSION" else IMAGE)


@source("TAMS › 6", "TAMS › 10")
@pytest.mark.parametrize("name", MEMBERS)
def test_each_member_of_a_stage_is_taken(tams, name):
    plain, more = MEMBERS[name]
    prices = [tams.estimate([start_of(stage), stage]) for stage in (plain, more)]
    assert prices[0] == prices[1], f"the members of {name} change the price: {prices}"


@source("TAMS › 6", "TAMS › 5.1", "TAMS › 10")
@spends(4)
@pytest.mark.parametrize("chain", FULL)
def test_a_chain_with_every_member_makes_one_picture_at_its_price(tams, chain):
    stages = FULL[chain](tams.upload(a_picture(SIDE), expireSec=3600, term=1))
    price = tams.estimate(stages)

    job = successful(tams.wait_for(tams.submit_job({"stages": stages})))

    only(job["successInfo"]["images"], "pictures")
    assert Decimal(str(job["credits"])) == price, "another price than estimated"


@source("TAMS › 6", "TAMS › 10")
def test_each_member_of_a_video_is_taken(tams, observe):
    plain, more = a_film(), a_film(**FILM)
    answers = [
        tams.call("POST", "/v1/jobs/credits", json={"stages": [a_start(), film]})
        for film in (plain, more)
    ]
    if answers[0].status == 400:
        observe("U62", "a video", "refused")
        pytest.skip("this host refuses videos")
    assert answers[1].expect(200) == answers[0].expect(200), "the members of a video"


@source("TAMS › 6")
def test_each_listed_value_is_taken(tams):
    number = max(map(len, (SAMPLERS, VAES, UPSCALERS, CONTROL_NETS)))
    lists = (SAMPLERS, VAES, UPSCALERS, CONTROL_NETS, RESIZES, CONTROL_MODES)
    for sampler, vae, upscaler, net, resize, mode in zip(
        *(islice(cycle(values), number) for values in lists), strict=True
    ):
        stage = controlled(IMAGE, model=net, resizeMode=resize, controlMode=mode)
        stage["diffusion"] |= {"sampler": sampler, "sdVae": vae}
        tams.estimate([a_start(), stage, upscaled(diffusion=False, hrUpscaler=upscaler)])


@source("TAMS › 6")
def test_each_mode_of_an_inpainting_is_taken(tams):
    for fill, resize in zip(FILLS, [*RESIZES, "JUST_RESIZE_LATENT_UPSCALE"], strict=True):
        stage = inpainted(IMAGE, diffusion=True, inpaintingFill=fill, resizeMode=resize)
        tams.estimate([a_start(IMAGE), stage])


@source("TAMS › 6", "TAMS › 10")
def test_a_count_is_one_by_default(tams):
    one, none = a_start(), a_start()
    del none["inputInitialize"]["count"]
    chain = [sampled(), upscaled(diffusion=False)]
    assert tams.estimate([none, *chain]) == tams.estimate([one, *chain]), "count is 1 by default"
