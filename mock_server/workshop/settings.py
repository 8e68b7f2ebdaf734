"""What the mock does where the Workshop's reference says "unknown", as settings with defaults.

The numbers are those of the fact sheet's last section, with a W before them. Words of a choice are
values of a setting: the first is the default.
"""

# Annotations are not strings here: strings would be compiled again at every start.

from functools import partial
from typing import Any, ClassVar, Literal

from mock_server.web.vendor_settings import NO_ACCOUNT, BaseUrl, ChoiceTable, choice

Leniency = Literal["accept", "refuse"]
EventKind = Literal["asynchronous", "synchronous"]


# Refuses what is accepted otherwise and what a stricter service might refuse. The documents say
# nothing about any of it, or leave it to the settings of the gateway.
STRICT = {
    "nonce_required": True,  # a gateway API can be set to require it (3.1)
    "missing_header_list": "none",  # then no header is signed, not even X-Ca-Key
    "unique_names": True,
    "cut_sessions": True,  # no session outlives its token
    "second_session": "refuse",
    "missing_session": "fail",
    "delete_missing_session": "fail",
    "unknown_workflow": "refuse",
    "unread_member": "refuse",
}

# Gives open choices the value that is nearest to the vendor's documents, [doc] in the reference.
#
# It differs from `strict`, which refuses cases that the documents allow or do not mention: calls
# without a nonce, two tokens with one name, calls without a session, workflows that the mock does
# not know. Where a default is stricter than the documents, this one is not.
AS_DOCUMENTED = {
    "gateway_generation": "older",  # its refusals are documented (3.4)
    "refresh_lifetime": "call",  # the default follows from the mode in the call (6.2)
    "missing_init_image": "accept",  # no field of a task is marked as required (7)
}

_gateway = partial(choice, "Workshop gateway")
_service = partial(choice, "Workshop answers")
_tokens = partial(choice, "Workshop tokens")
_sessions = partial(choice, "Workshop sessions")
_pages = partial(choice, "Workshop session pages")
_tasks = partial(choice, "Workshop tasks and workflows")
_files = partial(choice, "Workshop files")
_pools = partial(choice, "Workshop resource pools")
_models = partial(choice, "Workshop models")
_events = partial(choice, "Workshop events")


def _kind_of(event: str) -> Any:
    return _events("asynchronous", "W40", f"Whether {event} is retried, or sent once.")


def _base_of(group: str, number: str, urls: str) -> Any:
    sentence = f"Base URL of {urls}; empty is the address that the caller used."
    return choice(group, "", number, sentence, expects=_ADDRESS)


_ADDRESS = "an address that begins with http:// or https://"


class WorkshopSettings(ChoiceTable):
    """Every choice of the Workshop's surface."""

    presets: ClassVar = {"strict": STRICT, "as_documented": AS_DOCUMENTED}

    # Section 3 of the fact sheet; choices 23 to 29, 44

    gateway_generation: Literal["newer", "older"] = _gateway(
        "newer", "W23", "Generation of the gateway: decides the status and code of refusals."
    )
    unauthorized_keys: tuple[str, ...] = _gateway((), "W23", "AppKeys that get 403 Unauthorized.")
    expired_keys: tuple[str, ...] = _gateway((), "W23", "AppKeys with an expired permission: 403.")
    nonce_required: bool = _gateway(False, "W24", "Whether a call without x-ca-nonce is refused.")
    nonce_replay: Literal["refuse", "accept"] = _gateway(
        "refuse", "W24", "A nonce that the same AppKey used within the last 15 minutes."
    )
    timestamp_window: float = _gateway(
        900, "W24", "Seconds that x-ca-timestamp may be off; 0 does not check it.", ge=0
    )
    timestamp_clock: Literal["wall", "account"] = _gateway(
        "wall", "W24", "What x-ca-timestamp is compared with: real time, or the account's clock."
    )
    timestamp_required: bool = _gateway(False, "W24", "Whether x-ca-timestamp is required.")
    missing_header_list: Literal["either", "none", "key"] = _gateway(
        "either", "W25", "Signed headers if their list is missing: none, X-Ca-Key, or either."
    )
    content_md5: Literal["strict", "lax"] = _gateway(
        "strict", "W26", "Whether Content-MD5 must match the body."
    )
    signature_check: Literal["on", "off"] = _gateway(
        "on", "W27", "Whether signatures are checked; with off, the AppKey alone is enough."
    )
    other_methods: Literal["refuse", "accept"] = _gateway(
        "refuse",
        "W28",
        "Methods other than POST: 405, or GET with query parameters as the body.",
        server_only=NO_ACCOUNT,
    )
    stages: tuple[str, ...] = _gateway(
        ("RELEASE", "TEST", "PRE"), "W23", "Allowed values of x-ca-stage; others are refused."
    )
    debug_header: bool = _gateway(True, "W23", "Whether X-Mock-Signature-Diagnosis is sent.")
    flow_control: Literal["off", "app", "path"] = _gateway(
        "off", "W29", "Calls that the gateway limits: none, all of an AppKey, or each path's."
    )
    flow_rate: int = _gateway(100, "W29", "Limit of flow_control per second.", ge=1, le=1_000_000)

    # Sections 2 and 4; choices 14, 20 to 22

    failure_status: Literal[200, 400, 403, 404, 409, 422, 500] = _service(
        200, "W21", "HTTP status of a failure in the envelope."
    )
    broken_json: Literal["envelope", "gateway"] = _service(
        "envelope", "W22", "A body that is not JSON: a failure in the envelope, or a gateway's 400."
    )
    unread_member: Leniency = _service(
        "accept",
        "W22",
        "A request member that nothing reads, such as widht: a remark, or a failure.",
    )
    roles: tuple[str, ...] = _service((), "W14", "Roles that exist; if empty, any is accepted.")
    gadgets: tuple[str, ...] = _service((), "W14", "Gadgets that exist; if empty, any is accepted.")

    # Section 5; choices 12, 13, 16 to 18

    past_expiry: Leniency = _tokens("refuse", "W12", "A tokenExpiredAt in the past.")
    short_expiry: Leniency = _tokens("refuse", "W12", "A tokenExpiredAt with fewer than 13 digits.")
    after_expiry: Leniency = _tokens("refuse", "W13", "Session calls with an expired token.")
    cut_sessions: bool = _tokens(False, "W13", "Whether a session ends with its token.")
    used_time: Literal["ended", "live"] = _tokens(
        "ended", "W16", "Sessions that usedSessionTimeInSeconds counts: ended, or live ones too."
    )
    empty_attachment: Literal["clear", "keep"] = _tokens(
        "clear", "W17", "An empty string in sp_put_user_state: removes the value, or keeps it."
    )
    unique_names: bool = _tokens(False, "W18", "Whether the name of another token is refused.")
    longest_name: int = _tokens(128, "W18", "Maximum length of a token's name.", ge=1, le=10_000)

    # Section 6; choices 1 to 11, 43

    sd_webui_url: BaseUrl = _base_of("Workshop sessions", "W1", "sd_webui sessions")
    comfyui_api_url: BaseUrl = _base_of("Workshop sessions", "W1", "comfyui_api sessions")
    custom_domain: str = _sessions(
        "",
        "W43",
        "Host (and port) in the URLs of sessions, in place of their own.",
        pattern=r"^([A-Za-z0-9._-]+(:\d{1,5})?)?$",
        expects="a host name, with :port if needed",
    )
    session_url: Literal["stable", "fresh"] = _sessions(
        "stable", "W2", "Whether a session keeps its URL, or gets a new one when extended."
    )
    second_session: Literal["replace", "keep", "refuse"] = _sessions(
        "replace", "W3", "Create with a live session: replace it, return it, or a failure."
    )
    refresh_missing_session: Literal["fail", "create"] = _sessions(
        "fail", "W4", "Refresh without a live session: a failure, or a new session in session mode."
    )
    missing_session: Literal["null", "fail"] = _sessions(
        "null", "W5", "Query without a live session: success with null, or a failure."
    )
    delete_missing_session: Literal["succeed", "fail"] = _sessions(
        "succeed", "W6", "Destroy without a live session."
    )
    delete_all_gadgets: bool = _sessions(
        False, "W7", "Whether destroy without gadgetId also ends the sessions of all gadgets."
    )
    gadget_sub_product: Literal["given", "sd_webui"] = _sessions(
        "given", "W8", "The subProduct of a session with a gadget: as given, or sd_webui."
    )
    live_session_terms: Literal["keep", "take"] = _sessions(
        "keep", "W9", "Whether a live session takes mode, role and pools of later calls."
    )
    refresh_lifetime: Literal["live", "call", "session"] = _sessions(
        "live", "W10", "Default lifetime for extending: that of the live mode, the call's, or 3600."
    )
    longest_session: int = _sessions(
        604_800, "W11", "Maximum of expiredInSeconds; the minimum is 1.", ge=1, le=315_360_000
    )
    digit_strings: Leniency = _sessions("refuse", "W11", "A string of digits as a number.")

    # Section 6.6; choices 1, 2, 15

    winning_role: Literal["session", "token"] = _pages(
        "session", "W15", "Which role a page uses if both the session and its token have one."
    )
    open_page: Literal["follow", "stay"] = _pages(
        "follow", "W2", "A page whose session expired: continues with the next session, or not."
    )
    page_frames: Literal["any", "own", "none"] = _pages(
        "any", "W1", "Sites that may show a session page in a frame: all, the same origin, none."
    )
    page_tasks: int = _pages(4, "W1", "Unfinished tasks that a token may have.", ge=1, le=100)
    shared_token: float = _pages(
        300,
        "W1",
        "Seconds in which two browsers with one token cause a warning; 0 never warns.",
        ge=0,
    )

    # Sections 7 and 8; choices 14, 20, 22, 29 to 31, 33

    credits: Literal["none", "priced"] = _tasks(
        "none",
        "W29",
        "Price of a task: none (the vendor bills hours), or one that grows with size and steps.",
    )
    out_of_range: Literal["refuse", "clamp"] = _tasks(
        "refuse", "W22", "A number outside the mock's own limits: a failure, or the nearest number."
    )
    default_side: int = _tasks(512, "W22", "Default width and height in pixels.", ge=8, le=4096)
    default_steps: int = _tasks(20, "W22", "Steps if a task gives none.", ge=1, le=1000)
    default_sampler: str = _tasks("Euler a", "W22", "Sampler if a task names none.")
    most_side: int = _tasks(4096, "W22", "Maximum width or height in pixels.", ge=8, le=16_384)
    most_steps: int = _tasks(150, "W22", "Maximum number of steps.", ge=1, le=1000)
    most_pictures: int = _tasks(16, "W22", "Maximum number of pictures of a task.", ge=1, le=100)
    longest_prompt: int = _tasks(20_000, "W22", "Maximum length of a prompt.", ge=1, le=1_000_000)
    missing_init_image: Leniency = _tasks("refuse", "W22", "An sd_img2img without a picture.")
    models: tuple[str, ...] = _tasks(
        (), "W14", "Models that exist, beside synchronised ones; if empty, any is accepted."
    )
    removed_models: tuple[str, ...] = _tasks(
        (), "W14", "Models that were taken down: tasks that name one are refused."
    )
    removed_model_jobs: Literal["finish", "fail"] = _tasks(
        "finish",
        "W14",
        "Tasks whose model is taken down before they start: run, or fail then.",
    )
    task_life: float = _tasks(86_400, "W30", "Seconds for which a finished task can be read.", gt=0)
    result_url_life: int = _tasks(
        3600, "W30", "Seconds for which the URL of a result is valid.", ge=1, le=315_360_000
    )
    first_queue_place: int = _tasks(
        1, "W30", "Value of lastQueueRemaining for the task that is next.", ge=0, le=1
    )
    unfinished_result: Literal["data", "fail"] = _tasks(
        "data", "W31", "Result of an unfinished task: its status without pictures, or a failure."
    )
    failed_result: Literal["fail", "silent"] = _tasks(
        "fail", "W31", "Result of a failed task: a failure, or a success with status failed."
    )
    unknown_workflow: Leniency = _tasks(
        "accept", "W14", "A workflow that the mock does not know: it makes pictures, or a failure."
    )
    both_names: Literal["version", "alias"] = _tasks(
        "version", "W33", "Which one counts if a task has both alias_id and version_id."
    )

    # Section 8.5; choices 30, 35

    file_url: BaseUrl = _base_of("Workshop files", "W35", "uploads and results")
    upload_limit_bytes: int = _files(
        104_857_600, "W35", "Largest temporary file in bytes.", ge=1, server_only=NO_ACCOUNT
    )
    upload_life: int = _files(
        3600, "W35", "Seconds for which an uploadUrl accepts a file.", ge=1, le=315_360_000
    )
    upload_kept: int = _files(
        86_400, "W35", "Seconds for which a temporary file is kept.", ge=1, le=315_360_000
    )
    expire_time: Literal["milliseconds", "seconds"] = _files(
        "milliseconds", "W35", "Unit of expireTime, a moment in Unix time."
    )

    # Section 9; choices 14, 37

    pools: tuple[str, ...] = _pools((), "W14", "Private pools; if empty, any is accepted.")
    pool_capacity: int = _pools(
        2, "W37", "Tasks of one sub-product that make a private pool full.", ge=1, le=1000
    )
    pool_limit: float = _pools(
        0, "W37", "Utilisation at which a private pool is full; 0 means no limit.", ge=0, le=1
    )
    monitor_data: Literal["list", "object"] = _pools(
        "list", "W37", "The data of query_sp_resource_monitor_data: a list, or the first pool."
    )
    utilisation_scale: Literal["fraction", "percent"] = _pools(
        "fraction", "W37", "Value of utilizationRatio for a full pool: 1, or 100."
    )

    # Section 10; choice 38

    model_listing_delay: float = _models(
        60, "W38", "Seconds until a model with a new file is listed.", ge=0, le=31_536_000
    )
    most_models: int = _models(
        1000, "W38", "Synchronised models to keep; the oldest are deleted first.", ge=1, le=100_000
    )

    # Section 11; choices 38 to 42

    event_url: str = choice(
        "Callbacks",
        "",
        "W39",
        "URL that the Workshop's events are posted to; if empty, none are sent.",
        common=True,
        pattern=r"^(https?://[^\s/?#]+([/?][^\s#]*)?)?$",
        expects=_ADDRESS,
    )
    event_token: Literal["encrypted", "clear"] = _events(
        "encrypted", "W39", "Token in events: encrypted with the event secret, or clear."
    )
    event_timestamp: Literal["wall", "account"] = _events(
        "wall", "W39", "Timestamp of an event: real time, or the clock of the account."
    )
    control_config_kind: EventKind = _events(
        "synchronous", "W40", "Whether sdImgGenControlConfig waits for an answer, or is retried."
    )
    commit_kind: EventKind = _kind_of("apiAccessCommit")
    rollback_kind: EventKind = _kind_of("apiAccessRollback")
    task_finished_kind: EventKind = _kind_of("sdTaskFinished")
    model_listed_kind: EventKind = _kind_of("sdModelListingResult")
    unanswered_event: Literal["deny", "allow"] = _events(
        "deny", "W41", "A call whose pre-invoke event gets no valid answer within 5 seconds."
    )
    server_events: bool = _events(False, "W42", "Whether calls from servers send events.")
