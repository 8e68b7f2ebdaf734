"""What the mock does where the TAMS reference says "unknown", as settings with defaults.

The numbers are those of the fact sheet's last section. Words of a choice are values of a setting:
the first is the default.
"""

# Annotations are not strings here: strings would be compiled again at every start.

from decimal import Decimal
from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mock_server.web.vendor_settings import NO_ACCOUNT, ChoiceTable, choice

Leniency = Literal["accept", "refuse"]
ModelFactor = Annotated[str, Field(pattern=r"^[^=]+=\d{1,6}(\.\d{1,4})?$")]

# Refuses what is accepted with a warning otherwise, because a stricter service might refuse it.
STRICT = {
    "bad_size": "refuse",
    "missing_sampler_or_vae": "refuse",
    "unlisted_value": "refuse",
    "unknown_model": "refuse",
    "missing_resource": "refuse",
    "request_id_missing": "refuse",
    "repeated_request_other_body": "refuse",
    "both_spellings": "refuse",
    "unread_member": "refuse",
    "header_grammar": "strict",
    "unknown_class": "refuse",
    "extra_field": "refuse",
}

# Gives open choices the value that is nearest to the vendor's documents, [doc] in the reference,
# also if another value was observed. Facts stay as they are, also those that were only observed.
#
# It differs from `strict`, which refuses more: whatever the mock does not know (models, node
# classes, values outside lists that the reference has only in part) and cases that the documents do
# not mention. `strict` changes no shapes.
AS_DOCUMENTED = {
    "header_grammar": "strict",  # no blanks, no quotes (3.2)
    "auth_error_body": "rpc",  # errors are google.rpc.Status (2.1, 4)
    "request_id_missing": "refuse",  # a required member (5.1, 5.5, 5.9)
    "bad_size": "refuse",  # 400 with invalid_height_or_width (4, 6)
    "missing_sampler_or_vae": "refuse",  # both are necessary since March 2024 (6)
    "sdxl_factor": Decimal(1),  # the billing page; 2 was only observed (10)
    "stages_shape": "2023",  # job infos have stages (7)
    "image_format": "present",  # meta.image has a format (7)
}

_signing = partial(choice, "TAMS authentication")
_jobs = partial(choice, "TAMS jobs")
_members = partial(choice, "TAMS parameters")
_workflows = partial(choice, "TAMS workflows")
_callbacks = partial(choice, "TAMS callbacks")
_files = partial(choice, "TAMS files")
_answers = partial(choice, "TAMS answers")


class TamsSettings(ChoiceTable):
    """Every choice of the TAMS surface."""

    presets: ClassVar = {"strict": STRICT, "as_documented": AS_DOCUMENTED}

    clock_skew: float = _signing(
        0, "U1", "Seconds that the timestamp of a signature may be off; 0 does not check it.", ge=0
    )
    nonce_replay: Leniency = _signing(
        "accept", "U2", "A nonce that was used before; the vendor's demos repeat their nonces."
    )
    header_grammar: Literal["lenient", "strict"] = _signing(
        "lenient", "U3", "Whether order, spaces, quotes and case may vary in Authorization."
    )
    auth_error_body: Literal["gateway", "rpc"] = _signing(
        "gateway", "U4", "Body of a failed authentication: code 100001 with tips, or code 16."
    )
    unknown_app_status: Literal[404, 401] = _signing(
        404, "U5", "Status for a signature or a token of an unknown app.", server_only=NO_ACCOUNT
    )
    no_authorization_status: Literal[401, 404] = _signing(
        401, "U6", "Status for a call without an Authorization header.", server_only=NO_ACCOUNT
    )
    bad_authorization_body: Literal["unauthorized", "invalid-header"] = _signing(
        "unauthorized",
        "U65",
        "Body for a missing or unreadable Authorization header: as for any failed authentication,"
        " or code 100002 with invalid authorization header.",
        server_only=NO_ACCOUNT,
    )
    schemes: Literal["both", "one"] = _signing(
        "both", "U7", "Whether an app with a public key may use its bearer token too."
    )
    locked_models: tuple[str, ...] = _members(
        (), "U8", "Ids of models that answer 403 if the request has no access key."
    )
    foreign_job_status: Literal[404, 403] = _jobs(
        404, "U9", "Status for reading or cancelling the job of another app."
    )
    limit_scope: Literal["app", "path"] = _answers(
        "app", "U10", "What the rate limit counts: all calls of an app, or the calls of each path."
    )
    limit_retry_after: bool = _answers(
        False, "U10", "Whether a 429 has a Retry-After header, in whole seconds rounded up."
    )
    credits_short_status: Literal[400, 402, 403] = _jobs(
        400, "U12", "Status for a job that costs more than the balance, also after an estimate."
    )
    credits_short_code: Literal[3, 9] = _jobs(
        3, "U12", "Code in the body for a job that costs more than the balance."
    )
    repeated_request: Literal["same", "refuse", "new"] = _jobs(
        "same", "U13", "A used request id: the first job as it is now, 409, or a new job."
    )
    repeated_request_other_body: Literal["same", "refuse"] = _jobs(
        "same", "U14", "A used request id with another body: the first job, or 400."
    )
    request_id_scope: Literal["app", "operation"] = _jobs(
        "app", "U15", "Where a request id must be unique: in the app, or in each operation."
    )
    request_id_life: float = _jobs(
        0, "U15", "Seconds for which a request id is remembered; 0 is for ever.", ge=0
    )
    request_id_missing: Leniency = _jobs(
        "accept", "U16", "A job without a request id: the mock makes one, or 400."
    )
    both_spellings: Literal["camel", "refuse"] = _members(
        "camel", "U17", "A member in both spellings in one body: camelCase wins, or 400."
    )
    unread_member: Leniency = _members(
        "accept", "U57", "A request member that nothing reads, such as widht: a remark, or 400."
    )
    bad_size: Leniency = _members(
        "accept", "U18", "A size outside the documented rules: a warning, or 400."
    )
    missing_sampler_or_vae: Leniency = _members(
        "accept", "U19", "A diffusion without sampler or sdVae: the mock chooses one, or 400."
    )
    unlisted_value: Leniency = _members(
        "accept",
        "U20",
        "A sampler, VAE, upscaler or preprocessor outside the known lists: a warning, or 400.",
    )
    steps_range: Literal["1..60", "10..50", "off"] = _members(
        "1..60", "U21", "Allowed sampling steps; others get 400."
    )
    cfg_scale_range: Literal["0..35", "0..30", "off"] = _members(
        "0..35", "U21", "Allowed values of cfgScale; others get 400."
    )
    seed_above_maximum: Literal["refuse", "random"] = _members(
        "refuse", "U22", "A seed above 4294967295: 400, or a random seed; -1 is always random."
    )
    bad_count: Literal["refuse", "clamp"] = _members(
        "refuse", "U23", "A count outside 1..4: 400 with invalid_samples, or the nearest count."
    )
    unknown_model: Leniency = _members(
        "accept", "U24", "A job with a model that the mock does not know: a made-up model, or 400."
    )
    removed_models: tuple[str, ...] = _members(
        (), "U24", "Ids of models that were taken down: 404, and 400 for jobs that name one."
    )
    removed_model_jobs: Literal["finish", "fail"] = _jobs(
        "finish",
        "U24",
        "Jobs whose model is taken down before they start: run, or fail then.",
    )
    missing_resource: Literal["fail", "refuse"] = _members(
        "fail", "U25", "An input image that does not exist: the job fails at its start, or 400."
    )
    failure_reason: str = _jobs(
        "{reason}", "U26", "Text of failedInfo.reason; {reason} is replaced by the mock's reason."
    )
    state_on_create: Literal["created", "current"] = _jobs(
        "created", "U27", "Status in the answer to a creation: always CREATED, or the present one."
    )
    first_rank: Literal[1, 0] = _jobs(1, "U28", "Queue rank of the job that is next.")
    pending_seconds: float = _jobs(0, "U29", "Seconds of PENDING before WAITING.", ge=0)
    cancel_running: Leniency = _jobs(
        "accept", "U30", "Cancelling a running job: done and free of charge, or 400 with code 9."
    )
    cancel_finished: Leniency = _jobs(
        "accept", "U31", "Cancelling a finished job: 200 and nothing changes, or 400 with code 9."
    )
    ended_credits: Literal["price", "zero"] = _answers(
        "price", "U33", "The credits member of FAILED and CANCELED jobs, which cost nothing."
    )
    fixed_price: Decimal | None = _jobs(
        None, "U34", "One price in credits for every job, in place of the formula.", gt=0
    )
    sdxl_factor: Decimal = _jobs(
        Decimal(2),
        "U34",
        "Price factor of SDXL models: 2 was observed, 1 is documented as a temporary discount.",
        ge=0,
        decimal_places=4,
    )
    model_factors: tuple[ModelFactor, ...] = _jobs(
        (),
        "U34",
        "Other price factors, as name=factor; a name is SD, SDXL, FLUX or the id of a model.",
    )
    field_not_sent_status: Literal[500, 400, 200] = _workflows(
        500, "U11", "Status for a template field that was not sent (code 2)."
    )
    invalid_graph_status: Literal[400, 200] = _workflows(400, "U11", "Status for an invalid graph.")
    bad_graph_check: Literal["error", "invalid"] = _workflows(
        "error", "U39", "An invalid graph in the params check: the error, or 200 with valid false."
    )
    template_check_reply: Literal["valid", "credits"] = _workflows(
        "valid", "U40", "Answer of a passed template check: valid and credits, or credits only."
    )
    extra_field: Leniency = _workflows(
        "accept", "U41", "A field that the template does not have: ignored, or the code 2 error."
    )
    bad_template_job: Literal["refuse", "fail"] = _workflows(
        "refuse", "U42", "A template job with missing or null fields: refused, or then FAILED."
    )
    unknown_template: Literal["refuse", "accept"] = _workflows(
        "refuse",
        "U43",
        "A template that the mock does not know: 404, or one that makes pictures from a prompt and"
        " accepts every field.",
    )
    unknown_class: Leniency = _workflows(
        "accept", "U44", "A node class that the mock does not know: accepted unchecked, or 400."
    )
    finish_item_numbers: Literal["number", "string"] = _answers(
        "number", "U54", "Type of progress and step in workflowFinishItem."
    )
    finished_nodes: Literal["object", "list"] = _answers(
        "object", "U54", "Shape of finishedNodes in workflowFinishItem."
    )
    notify_payload: Literal["a", "b", "job", "off"] = _callbacks(
        "a",
        "U36",
        "Body of notifications: a is job id, status and its info; b is job id, status and image"
        " URLs; job is the body of a poll; off sends none.",
    )
    notify_states: Literal["end", "changes"] = _callbacks(
        "end", "U37", "Which states notifyUrl gets: the last one, or every change."
    )
    notify_retry_delays: tuple[Annotated[float, Field(ge=0)], ...] = _callbacks(
        (),
        "U37",
        "Seconds before each retry of a failed notification; empty never retries.",
        max_length=50,
    )
    running_notify: Literal["progress", "end", "off"] = _callbacks(
        "progress", "U38", "What runningNotifyUrl gets: each tenth of the progress, or the end."
    )
    not_found_code: Literal[5, 2] = _answers(5, "U43", "Code for an unknown model or template.")
    upload_life: float = _files(
        3600, "U45", "Seconds for which an upload URL is valid if expireSec is not sent.", gt=0
    )
    bad_expire: Literal["refuse", "default"] = _files(
        "refuse", "U45", "An expireSec that is not a number, like undefined: 400, or 3600."
    )
    missing_term: Literal["short", "refuse"] = _files(
        "short", "U46", "An upload without a term, or with term 0: the short term, or 400."
    )
    second_upload: Leniency = _files(
        "accept", "U47", "A second PUT to one upload URL: it replaces the first, or 403."
    )
    empty_upload: Leniency = _files("accept", "U47", "A PUT without bytes: stored, or 400.")
    upload_answer: Literal["ok", "callback-failed", "empty"] = _files(
        "ok", "U48", 'Answer to a PUT: {"Status":"OK"}, 203 with XML, or 200 without a body.'
    )
    store_style: Literal["international", "mainland"] = _files(
        "international", "U48", "Shape of upload URLs and of the headers that come with them."
    )
    result_url: Literal["stable", "fresh"] = _files(
        "stable", "U50", "Whether polls of a finished job repeat its URLs or sign new ones."
    )
    expired_in: Literal["constant", "remaining"] = _files(
        "constant", "U50", "Whether expiredIn is the whole life of a URL or the time that is left."
    )
    result_url_life: int = _files(
        3600, "U50", "Seconds for which a result URL is valid.", ge=1, le=31_536_000
    )
    short_term_days: float = _files(
        7, "U51", "Days for which short-term files are kept; then the store answers 404.", gt=0
    )
    job_retention_days: float = _jobs(
        0, "U52", "Days after which a finished job is 404; 0 keeps it for ever.", ge=0
    )
    detection_result: Literal["resource", "empty"] = _files(
        "resource",
        "U63",
        "Result of a control-net preprocessor: a new image with its URL, or an empty object.",
    )
    image_words: Literal["picture", "fixed"] = _files(
        "picture",
        "U64",
        "Words for an image: what follows from the picture and its own prompt, or fixed words.",
    )
    zero_members: Literal["omit", "send"] = _answers(
        "omit", "U53", "Members with a zero value in answers, except credits."
    )
    stages_shape: Literal["none", "2023"] = _answers(
        "none", "U55", "Whether job infos also have the stages list of 2023."
    )
    image_format: Literal["absent", "present"] = _answers(
        "absent", "U56", "Whether meta.image has the format of the picture."
    )
    wrong_method_status: Literal[405, 501] = _answers(
        405,
        "U58",
        "Status for a known path with a wrong method; the code is 12.",
        server_only=NO_ACCOUNT,
    )
    too_large_status: Literal[413, 400] = _answers(
        413, "U59", "Status for a body above the limit.", server_only=NO_ACCOUNT
    )
