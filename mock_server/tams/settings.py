"""What the mock does where the TAMS reference says "unknown", as settings with defaults.

The numbers are those of the fact sheet's last section. Words of a choice are values of a setting:
the first is the default.
"""

# Annotations are no text here: as text, each would be compiled again at every start.

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mock_server.web.vendor_settings import ChoiceTable, Fact, choice, turned_on

Leniency = Literal["accept", "refuse"]


# Turned to "refuse" by `strict`, unless they are set themselves: what is let through otherwise.
STRICT = {
    "bad_size": "refuse",
    "missing_sampler_or_vae": "refuse",
    "unlisted_value": "refuse",
    "unknown_model": "refuse",
    "missing_resource": "refuse",
    "request_id_missing": "refuse",
    "repeated_request_other_body": "refuse",
    "both_spellings": "refuse",
    "missing_term": "refuse",
    "header_grammar": "strict",
    "unknown_class": "refuse",
    "extra_field": "refuse",
}


class TamsSettings(ChoiceTable):
    """Every choice of the TAMS surface."""

    strict: bool = choice(
        False,
        "U3, U16 to U20, U24, U25, U41, U44, U46",
        "Refuse whatever is accepted with a warning otherwise; each of these can still be set"
        " by itself.",
    )

    clock_skew: float = choice(
        0, "U1", "Seconds that a signature's timestamp may be off; 0 does not check it.", ge=0
    )
    nonce_replay: Leniency = choice(
        "accept", "U2", "A nonce that was used before; the official demos repeat theirs."
    )
    header_grammar: Literal["lenient", "strict"] = choice(
        "lenient", "U3", "Whether order, blanks, quotes and case in the header may vary."
    )
    auth_error_body: Literal["gateway", "rpc"] = choice(
        "gateway", "U4", "Body of a failed authentication: code 100001 with tips, or code 16."
    )
    unknown_app_status: Literal[404, 401] = choice(
        404, "U5", "Status for a signature or token of an app that is not known."
    )
    no_authorization_status: Literal[401, 404] = choice(
        401, "U6", "Status for a call without an Authorization header."
    )
    schemes: Literal["both", "one"] = choice(
        "both",
        "U7",
        "Whether an app with a public key may use its bearer token too; with one, it is answered"
        " as an unknown app.",
    )
    locked_models: tuple[str, ...] = choice(
        (), "U8", "Ids of models that answer 403 without an access key in the request."
    )
    foreign_job_status: Literal[404, 403] = choice(
        404, "U9", "Status for reading or cancelling another app's job."
    )
    limit_scope: Literal["app", "path"] = choice(
        "app", "U10", "What the limit of calls counts: all calls of an app, or those of a path."
    )
    limit_retry_after: bool = choice(
        False, "U10", "Whether a 429 carries a Retry-After header (whole seconds, rounded up)."
    )
    credits_short_status: Literal[400, 402, 403] = choice(
        400, "U12", "Status for a job that the account cannot pay, also after an estimate (U35)."
    )
    credits_short_code: Literal[3, 9] = choice(
        3, "U12", "Code in the body for a job that the account cannot pay."
    )
    repeated_request: Literal["same", "refuse", "new"] = choice(
        "same",
        "U13",
        "A request id that was used before: the first job as it stands now, 409, or a new job.",
    )
    repeated_request_other_body: Literal["same", "refuse"] = choice(
        "same", "U14", "A used request id with another body: the first job, or 400."
    )
    request_id_scope: Literal["app", "operation"] = choice(
        "app", "U15", "Whether request ids are told apart by app only, or by operation too."
    )
    request_id_life: float = choice(
        0, "U15", "Seconds for which a request id is remembered; 0 is for ever.", ge=0
    )
    request_id_missing: Leniency = choice(
        "accept", "U16", "A job without a request id: one is made up, or 400."
    )
    both_spellings: Literal["camel", "refuse"] = choice(
        "camel", "U17", "Both spellings of a member in one body: camelCase wins, or 400."
    )
    bad_size: Leniency = choice(
        "accept",
        "U18",
        "Sides and areas outside the documented rules: a warning, or 400 with"
        " invalid_height_or_width.",
    )
    missing_sampler_or_vae: Leniency = choice(
        "accept", "U19", "A diffusion without sampler or sdVae: chosen for the caller, or 400."
    )
    unlisted_value: Leniency = choice(
        "accept", "U20", "A sampler, VAE, upscaler … outside the known lists: a warning, or 400."
    )
    steps_range: Literal["1..60", "10..50", "off"] = choice(
        "1..60", "U21", "Sampling steps that are taken; others are 400."
    )
    cfg_scale_range: Literal["0..35", "0..30", "off"] = choice(
        "0..35", "U21", "Values of cfgScale that are taken; others are 400."
    )
    seed_above_maximum: Literal["refuse", "random"] = choice(
        "refuse", "U22", "A seed above 4294967295: 400, or a random one; -1 is always random."
    )
    bad_count: Literal["refuse", "clamp"] = choice(
        "refuse", "U23", "A count outside 1..4: 400 with invalid_samples, or the nearest allowed."
    )
    unknown_model: Leniency = choice(
        "accept",
        "U24",
        "A job with a model that the mock does not know: a made-up model, or 400. Reading such a"
        " model is 404 either way.",
    )
    missing_resource: Literal["fail", "refuse"] = choice(
        "fail",
        "U25",
        "An input image that is not there: the job fails when it starts, or 400 at creation.",
    )
    failure_reason: str = choice(
        "{reason}", "U26", "Text of failedInfo.reason; {reason} stands for the mock's own words."
    )
    state_on_create: Literal["created", "current"] = choice(
        "created", "U27", "Status in the answer to a creation: always CREATED, or the present one."
    )
    first_rank: Literal[1, 0] = choice(1, "U28", "The queue rank of the job that is next.")
    pending_seconds: float = choice(
        0, "U29", "Seconds for which a job shows PENDING before WAITING.", ge=0
    )
    cancel_running: Leniency = choice(
        "accept", "U30", "Cancelling a job that runs: done, credits back; or 400 with code 9."
    )
    cancel_finished: Leniency = choice(
        "accept", "U31", "Cancelling a job that is over: 200 and nothing changes, or 400, code 9."
    )
    ended_credits: Literal["price", "zero"] = choice(
        "price", "U33", "The credits member of FAILED and CANCELED jobs, which cost nothing."
    )
    fixed_price: Decimal | None = choice(
        None, "U34", "One price in credits for every job, in place of the formula.", gt=0
    )
    field_not_sent_status: Literal[500, 400, 200] = choice(
        500, "U11", "Status for a template field that was not sent (code 2)."
    )
    invalid_graph_status: Literal[400, 200] = choice(
        400, "U11", "Status for a graph that is not in order (code 3)."
    )
    bad_graph_check: Literal["error", "invalid"] = choice(
        "error",
        "U39",
        "A bad graph in the params check: the error, or 200 with valid false and credits 0.",
    )
    template_check_reply: Literal["valid", "credits"] = choice(
        "valid", "U40", "The good answer of the template check: with valid, or credits alone."
    )
    extra_field: Leniency = choice(
        "accept", "U41", "A field that the template does not have: ignored, or the code-2 error."
    )
    bad_template_job: Literal["refuse", "fail"] = choice(
        "refuse", "U42", "A template job with missing or null fields: refused, or a job that FAILS."
    )
    unknown_class: Leniency = choice(
        "accept", "U44", "A node class that the mock does not know: taken on trust, or 400."
    )
    finish_item_numbers: Literal["number", "string"] = choice(
        "number", "U54", "Whether progress and step in workflowFinishItem are numbers."
    )
    finished_nodes: Literal["object", "list"] = choice(
        "object", "U54", "Shape of finishedNodes in workflowFinishItem."
    )
    notify_payload: Literal["a", "b", "job", "off"] = choice(
        "a",
        "U36",
        "Body of notifications: job id, status and its info; job id, status and image URLs; the"
        " body of a poll; or none are sent.",
    )
    notify_states: Literal["end", "changes"] = choice(
        "end", "U37", "Which states notifyUrl hears of: how the job ended, or every change."
    )
    notify_retry_delays: tuple[Annotated[float, Field(ge=0)], ...] = choice(
        (),
        "U37",
        "Seconds after each failed notification until it is tried again; none is no retry.",
        max_length=50,
    )
    running_notify: Literal["progress", "end", "off"] = choice(
        "progress", "U38", "What runningNotifyUrl hears of: each tenth of the way, or the end."
    )
    not_found_code: Literal[5, 2] = choice(
        5, "U43", "Code in the body for an unknown model or template."
    )
    upload_life: float = choice(
        3600, "U45", "Seconds for which an upload URL is good when expireSec is left out.", gt=0
    )
    bad_expire: Literal["refuse", "default"] = choice(
        "refuse", "U45", "An expireSec that is no number (the vendor's SDK sends undefined)."
    )
    missing_term: Literal["short", "refuse"] = choice(
        "short", "U46", "An upload whose term is absent or 0: kept for the short term, or 400."
    )
    second_upload: Leniency = choice(
        "accept", "U47", "A second PUT to one upload URL: it replaces the first, or 403."
    )
    empty_upload: Leniency = choice("accept", "U47", "A PUT without bytes: stored, or 400.")
    upload_answer: Literal["ok", "callback-failed", "empty"] = choice(
        "ok", "U48", 'Answer to a PUT: {"Status":"OK"}, 203 with XML, or 200 without a body.'
    )
    store_style: Literal["international", "mainland"] = choice(
        "international", "U48", "Shape of upload URLs and the headers that come with them."
    )
    result_url: Literal["stable", "fresh"] = choice(
        "stable", "U50", "Whether polls of a finished job repeat its URLs or sign them anew."
    )
    expired_in: Literal["constant", "remaining"] = choice(
        "constant", "U50", "Whether expiredIn is the whole life of a URL or counts down."
    )
    result_url_life: int = choice(
        3600, "U50", "Seconds for which a result URL is good.", ge=1, le=31_536_000
    )
    short_term_days: float = choice(
        7, "U51", "Days for which short-term files are kept; then the store answers 404.", gt=0
    )
    job_retention_days: float = choice(
        0, "U52", "Days after which a finished job is 404; 0 keeps it.", ge=0
    )
    zero_members: Literal["omit", "send"] = choice(
        "omit", "U53", "Members with a zero value in answers, except credits."
    )
    stages_shape: Literal["none", "2023"] = choice(
        "none", "U55", "Whether job infos carry the old stages list too."
    )
    image_format: Literal["absent", "present"] = choice(
        "absent", "U56", "Whether meta.image names the picture's format."
    )
    wrong_method_status: Literal[405, 501] = choice(
        405, "U58", "Status for a known path with another method; code 12 either way."
    )
    too_large_status: Literal[413, 400] = choice(
        413, "U59", "Status for a body above the limit of bytes."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_strictness(cls, given: Any) -> Any:
        return {**STRICT, **given} if turned_on(given, "strict") else given


# Behaviour that the reference leaves open and that has one answer here, for the fidelity report.
SETTLED = (
    Fact("form upload", "answers and fields as in the example", "unknown", "U49"),
    Fact("unknown job cancelled", "404, job not found", "unknown", "U32"),
    Fact("credits run out after an estimate", "the same error as too few", "unknown", "U35"),
    Fact("malformed body or path id", "400 with code 3", "unknown", "U57"),
    Fact("unknown path", "404 with code 5, Not Found", "unknown", "U58"),
    Fact("202 answers", "never by themselves", "unknown", "U60"),
    Fact("answer headers", "content-type and the mock's request id", "unknown", "U61"),
    Fact("IMAGE_TO_ANIMATE_DIFF", "its member is taken as a free object", "unknown", "U62"),
)
