"""Request bodies: jobs made of stages (TAMS › Stages), and reservations of uploads.

Every documented member has its type here, even without an effect, so that a wrong type is an
error. Defaults are the documented ones; if a missing member has a meaning, its default is None.
"""

# No `from __future__ import annotations`: text annotations would be compiled at every start.

from typing import Annotated, ClassVar

from mock_server.tams.scalars import (
    Bool,
    Float,
    FreeMap,
    Int32,
    Int64,
    LaxInt64,
    Repeated,
    String,
    enumeration,
)
from mock_server.tams.wire import TamsBody

# In the order of the published lists; the first is number 0. For the modes of video generation and
# control nets only the names are known, so their order is a guess. DEFAULT and FAST are other
# documented names of modes of video generation.
STAGE_TYPES = (
    "DEFAULT",
    "INPUT_INITIALIZE",
    "DIFFUSION",
    "IMAGE_TO_UPSCALER",
    "IMAGE_TO_ADETAILER",
    "IMAGE_TO_INPAINT",
    "IMAGE_TO_ANIMATE_DIFF",
    "VIDEO_DIFFUSION",
)
CONTROLNET_RESIZE_MODES = ("DEFAULT", "JUST_RESIZE", "CROP_AND_RESIZE", "RESIZE_AND_FILL")
CONTROL_MODES = (
    "DEFAULT",
    "BALANCED",
    "MY_PROMPT_IS_MORE_IMPORTANT",
    "CONTROLNET_IS_MORE_IMPORTANT",
)
INPAINT_RESIZE_MODES = (*CONTROLNET_RESIZE_MODES, "JUST_RESIZE_LATENT_UPSCALE")
INPAINT_FILLS = ("DEFAULT", "FILL", "ORIGINAL", "LATENT_NOISE", "LATENT_NOTHING")
GENERATION_MODES = ("TEXT_TO_VIDEO", "IMAGE_TO_VIDEO")

StageType = Annotated[str, enumeration(STAGE_TYPES, closed=True)]
ControlnetResizeMode = Annotated[str, enumeration(CONTROLNET_RESIZE_MODES)]
ControlMode = Annotated[str, enumeration(CONTROL_MODES)]
InpaintResizeMode = Annotated[str, enumeration(INPAINT_RESIZE_MODES)]
InpaintFill = Annotated[str, enumeration(INPAINT_FILLS)]
GenerationMode = Annotated[str, enumeration(GENERATION_MODES)]


class PromptBody(TamsBody, frozen=True):
    """A part of a prompt; weight 0 means unset and counts as 1."""

    text: String = ""
    weight: Float = 0.0


class LoraItemBody(TamsBody, frozen=True):
    lora_model: String = ""
    weight: Float = 0.0
    block_weight: String = ""
    lora_access_key: String = ""


class LoraBody(TamsBody, frozen=True):
    items: Repeated[LoraItemBody] = ()


class ControlnetArgBody(TamsBody, frozen=True):
    """One control net; `mask` is the name from 2023, `mask_resource_id` the newer one."""

    input_image_resource_id: String = ""
    mask: String = ""
    mask_resource_id: String = ""
    preprocessor: String = ""
    model: String = ""
    weight: Float = 0.0
    resize_mode: ControlnetResizeMode = "DEFAULT"
    guidance: Float = 0.0
    guidance_start: Float = 0.0
    guidance_end: Float = 0.0
    control_mode: ControlMode = "DEFAULT"
    pixel_perfect: Bool = False
    preprocessor_params: FreeMap | None = None


class ControlnetBody(TamsBody, frozen=True):
    args: Repeated[ControlnetArgBody] = ()


class AnimateDiffArgBody(TamsBody, frozen=True):
    video_length: Int32 = 0
    fps: Int32 = 0


class AnimateDiffBody(TamsBody, frozen=True):
    args: Repeated[AnimateDiffArgBody] = ()


class LayerDiffusionBody(TamsBody, frozen=True):
    enable: Bool = False
    weight: Float = 0.0


class DiffusionBody(TamsBody, frozen=True):
    """The settings of sampling, in a DIFFUSION stage or inside another stage."""

    width: Int64 = 0
    height: Int64 = 0
    prompts: Repeated[PromptBody] = ()
    negative_prompts: Repeated[PromptBody] = ()
    sd_model: String = ""
    model_access_key: String = ""
    sd_vae: String = ""
    sampler: String = ""
    schedule_name: String = ""
    steps: Int32 = 0
    cfg_scale: Float = 7.0
    guidance: Float = 0.0
    clip_skip: Int32 = 0
    denoising_strength: Float | None = None
    eta_noise_seed_delta: Int32 = 0
    controlnet: ControlnetBody | None = None
    lora: LoraBody | None = None
    embedding: FreeMap | None = None
    animate_diff: AnimateDiffBody | None = None
    enable_ella: Bool = False
    use_hunyuan_dit: Bool = False
    layer_diffusion: LayerDiffusionBody | None = None
    clip_encoder_name: String = ""
    # Clients send these, but they are not published; probably switches.
    enable_pix2pix: Bool = False
    v1_clip: Bool = False


class InputInitializeBody(TamsBody, frozen=True):
    seed: Int64 = 0
    image_resource_id: String = ""
    count: Int32 = 0


class ImageToUpscalerBody(TamsBody, frozen=True):
    hr_upscaler: String = ""
    hr_scale: Float = 0.0
    hr_resize_x: Int64 = 0
    hr_resize_y: Int64 = 0
    hr_second_pass_steps: Int32 | None = None
    denoising_strength: Float | None = None
    diffusion: DiffusionBody | None = None


class AdetailerArgBody(TamsBody, frozen=True):
    """One kind of object to find and repaint; the published default of adConfidence is wrong."""

    ad_model: String = "face_yolov8n.pt"
    ad_prompt: Repeated[PromptBody] = ()
    ad_negative_prompt: Repeated[PromptBody] = ()
    ad_confidence: Float = 0.0
    ad_dilate_erode: Int32 = 4
    ad_mask_merge_invert: String = "None"
    ad_denoising_strength: Float = 0.4
    ad_inpaint_only_masked: Bool = True
    ad_inpaint_only_masked_padding: Float = 32.0
    ad_use_inpaint_width_height: Bool = False
    ad_inpaint_width: Int32 = 512
    ad_inpaint_height: Int32 = 512
    ad_use_steps: Bool = False
    ad_steps: Int32 = 20
    ad_use_cfg_scale: Bool = False
    ad_cfg_scale: Float = 7.0
    ad_use_checkpoint: Bool = False
    ad_checkpoint: String = ""
    ad_use_sampler: Bool = False
    ad_sampler: String = ""
    ad_use_noise_multiplier: Bool = False
    ad_noise_multiplier: Float = 0.0
    ad_use_clip_skip: Bool = False
    ad_clip_skip: Int32 = 0
    lora: LoraBody | None = None


class ImageToAdetailerBody(TamsBody, frozen=True):
    args: Repeated[AdetailerArgBody] = ()
    diffusion: DiffusionBody | None = None


class ImageToInpaintBody(TamsBody, frozen=True):
    resize_mode: InpaintResizeMode = "DEFAULT"
    mask_image_resource_id: String = ""
    mask_blur: Int64 = 4
    inpainting_fill: InpaintFill = "DEFAULT"
    inpaint_full_res: Bool = True
    inpaint_full_res_padding: Int64 = 32
    inpaint_mask_invert: Int64 = 0
    diffusion: DiffusionBody | None = None


class VideoControlnetArgBody(TamsBody, frozen=True):
    input_video_resource_id: String = ""
    preprocessor: String = ""


class VideoControlnetBody(TamsBody, frozen=True):
    args: Repeated[VideoControlnetArgBody] = ()


class VideoInpArgBody(TamsBody, frozen=True):
    """The pictures at the two ends of a video."""

    start_image_resource_id: String = ""
    end_image_resource_id: String = ""


class VideoInpBody(TamsBody, frozen=True):
    args: Repeated[VideoInpArgBody] = ()


class VideoDiffusionBody(TamsBody, frozen=True):
    sd_model: String = ""
    model_access_key: String = ""
    lora: LoraBody | None = None
    controlnet: VideoControlnetBody | None = None
    inp: VideoInpBody | None = None
    generation_mode: GenerationMode = "DEFAULT"
    width: Int64 = 0
    height: Int64 = 0
    fps: Int32 = 0
    total_frames: Int32 = 0
    prompts: Repeated[PromptBody] = ()
    negative_prompts: Repeated[PromptBody] = ()


class StageBody(TamsBody, frozen=True):
    """One stage; only the member that is named after its type has an effect."""

    type: StageType = "DEFAULT"
    input_initialize: InputInitializeBody | None = None
    diffusion: DiffusionBody | None = None
    image_to_upscaler: ImageToUpscalerBody | None = None
    image_to_adetailer: ImageToAdetailerBody | None = None
    image_to_inpaint: ImageToInpaintBody | None = None
    image_to_animate_diff: FreeMap | None = None
    video_diffusion: VideoDiffusionBody | None = None


class CreateJob(TamsBody, frozen=True):
    """POST /v1/jobs."""

    request_id: String = ""
    stages: Repeated[StageBody] = ()
    notify_url: String = ""


class PriceJob(TamsBody, frozen=True):
    """POST /v1/jobs/credits; demos send a request id, which has no known effect."""

    request_id: String = ""
    stages: Repeated[StageBody] = ()


class DetectControlnet(TamsBody, frozen=True):
    """A preprocessor's name, and an uploaded image."""

    controlnet_module: String = ""
    resource_id: String = ""


class DescribeImage(TamsBody, frozen=True):
    """An uploaded image; the tagger `llm` asks for natural language."""

    resource_id: String = ""
    tagger: String = ""


class CreateResourceImage(TamsBody, frozen=True):
    """POST /v1/resource/image and …/sts; 0 means unset, and the body may be empty."""

    may_be_empty: ClassVar[bool] = True

    expire_sec: Int64 = 0
    term: Int32 = 0


class LaxCreateResourceImage(CreateResourceImage, frozen=True):
    """An upload whose expireSec may be any string; other strings than numbers count as unset."""

    # The vendor's JavaScript SDK sends "undefined" if its caller gives no expiry (U45).
    expire_sec: LaxInt64 = 0
