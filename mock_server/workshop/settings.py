"""What the mock does where the Workshop's reference says "unknown", as settings with defaults.

The numbers are those of the fact sheet's last section, with a W before them. Words of a choice are
values of a setting: the first is the default.
"""

# Annotations are no text here: as text, each would be compiled again at every start.

from typing import Literal

from mock_server.web.vendor_settings import ChoiceTable, choice

Leniency = Literal["accept", "refuse"]
EventKind = Literal["asynchronous", "synchronous"]

WEB_ADDRESS = r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$"


class WorkshopSettings(ChoiceTable):
    """Every choice of the Workshop's surface."""

    # The gateway (section 3; choices 23–29, 44)

    gateway_generation: Literal["newer", "older"] = choice(
        "newer", "W23", "Which generation of the gateway words its refusals: status, code, message."
    )
    unauthorized_keys: tuple[str, ...] = choice(
        (), "W23", "AppKeys that may not call the API: 403 Unauthorized."
    )
    expired_keys: tuple[str, ...] = choice(
        (), "W23", "AppKeys whose leave to call the API has run out: 403."
    )
    nonce_required: bool = choice(
        False, "W24", "Whether a call without x-ca-nonce is refused; a gateway API can be set so."
    )
    nonce_replay: Literal["refuse", "accept"] = choice(
        "refuse", "W24", "A nonce that the same AppKey used within the last 15 minutes."
    )
    timestamp_window: float = choice(
        900, "W24", "Seconds that x-ca-timestamp may be off; 0 does not check it.", ge=0
    )
    timestamp_clock: Literal["wall", "account"] = choice(
        "wall",
        "W24",
        "What x-ca-timestamp is compared with: real time, or the account's own clock.",
    )
    timestamp_required: bool = choice(
        False, "W24", "Whether a call without x-ca-timestamp is refused."
    )
    missing_header_list: Literal["either", "none", "key"] = choice(
        "either",
        "W25",
        "What is signed without a list of signed headers: no header lines, X-Ca-Key alone, or"
        " either of them.",
    )
    content_md5: Literal["strict", "lax"] = choice(
        "strict",
        "W26",
        "Whether a Content-MD5 has to fit the body; lax is for clients that send the body in"
        " another spelling than they digested.",
    )
    signature_check: Literal["on", "off"] = choice(
        "on",
        "W27",
        "Whether signatures are checked; off takes the AppKey's word, and without one a call is"
        " the ready-made account's.",
    )
    other_methods: Literal["refuse", "accept"] = choice(
        "refuse", "W28", "Methods other than POST: 405, or GET with query parameters as the body."
    )
    stages: tuple[str, ...] = choice(
        ("RELEASE", "TEST", "PRE"), "W23", "Stages that x-ca-stage may name; others are refused."
    )
    debug_header: bool = choice(
        True,
        "W23",
        "Whether a refusal of credentials carries X-Mock-Signature-Diagnosis, one line that says"
        " what is wrong with them.",
    )

    # The service (sections 2 and 4; choices 14, 20–22, 29)

    failure_status: Literal[200, 400, 403, 404, 409, 422, 500] = choice(
        200, "W21", "HTTP status of a failure that has the envelope."
    )
    broken_json: Literal["envelope", "gateway"] = choice(
        "envelope",
        "W22",
        "A body that is no JSON: a failure in the envelope, or the gateway's 400.",
    )
    flow_control: Literal["off", "app", "path"] = choice(
        "off",
        "W29",
        "What the gateway's limit of calls counts: nothing, all calls of an AppKey, or those of"
        " a path.",
    )
    flow_rate: int = choice(
        100, "W29", "Calls in any second that flow control lets through.", ge=1, le=1_000_000
    )
    roles: tuple[str, ...] = choice(
        (), "W14", "Roles that exist; none listed means that any id is taken for one."
    )
    gadgets: tuple[str, ...] = choice(
        (), "W14", "Gadgets that exist; none listed means that any id is taken for one."
    )

    # Tokens (section 5; choices 12, 13, 16–18)

    past_expiry: Leniency = choice("refuse", "W12", "A tokenExpiredAt that is in the past.")
    short_expiry: Leniency = choice(
        "refuse",
        "W12",
        "A tokenExpiredAt of fewer than 13 digits, which is most likely seconds: refused, or"
        " taken for milliseconds.",
    )
    after_expiry: Leniency = choice("refuse", "W13", "Session calls with a token that expired.")
    cut_sessions: bool = choice(
        False, "W13", "Whether a session ends when its token expires, if that is earlier."
    )
    used_time: Literal["ended", "live"] = choice(
        "ended",
        "W16",
        "What usedSessionTimeInSeconds counts in session mode: sessions that are over, or also the"
        " time so far of those that are open.",
    )
    empty_attachment: Literal["clear", "keep"] = choice(
        "clear",
        "W17",
        "An empty string in sp_put_user_state: takes off what was attached, or keeps it as null"
        " does.",
    )
    unique_names: bool = choice(
        False, "W18", "Whether a second token with a name that another one has is refused."
    )
    longest_name: int = choice(
        128, "W18", "Characters that the name of a token may have.", ge=1, le=10_000
    )

    # Sessions (section 6; choices 1–11, 15, 43)

    sd_webui_url: str = choice(
        "",
        "W1",
        "Base of the URLs of sd_webui sessions; empty is the address that the caller used.",
        pattern=WEB_ADDRESS,
    )
    comfyui_api_url: str = choice(
        "",
        "W1",
        "Base of the URLs of comfyui_api sessions; empty is the address that the caller used.",
        pattern=WEB_ADDRESS,
    )
    custom_domain: str = choice(
        "",
        "W43",
        "Host (and port) in the URLs of sessions in place of the one that they would have; the"
        " path stays.",
        pattern=r"^([A-Za-z0-9._-]+(:\d{1,5})?)?$",
    )
    session_url: Literal["stable", "fresh"] = choice(
        "stable",
        "W2",
        "Whether a session's URL stays the same while it lives, or each call that prolongs or"
        " replaces it gives a new one.",
    )
    second_session: Literal["replace", "keep", "refuse"] = choice(
        "replace",
        "W3",
        "A create where the token has a live session: a new one in its place, the live one as it"
        " is, or a failure.",
    )
    refresh_missing_session: Literal["fail", "create"] = choice(
        "fail",
        "W4",
        "A refresh where there is no live session: a failure, or a new one in session mode.",
    )
    missing_session: Literal["null", "fail"] = choice(
        "null", "W5", "A query where there is no live session: success with null, or a failure."
    )
    delete_missing_session: Literal["succeed", "fail"] = choice(
        "succeed", "W6", "A destroy where there is no live session."
    )
    delete_all_gadgets: bool = choice(
        False, "W7", "Whether a destroy without gadgetId ends the sessions of all gadgets too."
    )
    gadget_sub_product: Literal["given", "sd_webui"] = choice(
        "given",
        "W8",
        "The subProduct of a session with a gadget, which is part of what names it: as given, or"
        " always sd_webui.",
    )
    live_session_terms: Literal["keep", "take"] = choice(
        "keep",
        "W9",
        "Whether create or refresh on a live session keeps its mode, role and pools or takes those"
        " of the call.",
    )
    refresh_lifetime: Literal["live", "call", "session"] = choice(
        "live",
        "W10",
        "Create or refresh that refreshes, without expiredInSeconds: the default of the live"
        " session's mode, of the mode in the call, or that of session mode.",
    )
    longest_session: int = choice(
        604_800, "W11", "The largest expiredInSeconds; the smallest is 1.", ge=1, le=315_360_000
    )
    digit_strings: Leniency = choice("refuse", "W11", "Text of digits where a number is expected.")

    # Events (section 11; choices 38–42)

    event_url: str = choice(
        "",
        "W39",
        "Where events are posted to, which the vendor's customers set in the console; empty sends"
        " none.",
        pattern=r"^(https?://[^\s/?#]+([/?][^\s#]*)?)?$",
    )
    event_token: Literal["encrypted", "clear"] = choice(
        "encrypted",
        "W39",
        "How apiToken stands in the query of an event: encrypted with the event secret, or as it"
        " is.",
    )
    event_timestamp: Literal["wall", "account"] = choice(
        "wall",
        "W39",
        "What the timestamp of an event tells: real time, by which receivers judge how fresh it"
        " is, or the account's clock.",
    )
    control_config_kind: EventKind = choice(
        "synchronous",
        "W40",
        "Whether sdImgGenControlConfig, sent when a page is rendered, waits for an answer.",
    )
    commit_kind: EventKind = choice(
        "asynchronous", "W40", "Whether apiAccessCommit is tried again, or sent once."
    )
    rollback_kind: EventKind = choice(
        "asynchronous", "W40", "Whether apiAccessRollback is tried again, or sent once."
    )
    task_finished_kind: EventKind = choice(
        "asynchronous", "W40", "Whether sdTaskFinished is tried again, or sent once."
    )
    model_listed_kind: EventKind = choice(
        "asynchronous", "W40", "Whether sdModelListingResult is tried again, or sent once."
    )
    unanswered_event: Literal["deny", "allow"] = choice(
        "deny",
        "W41",
        "A call whose apiAccessPreInvoke or sdPreInvoke is not answered as documented, within 5"
        " seconds: refused as a denied one is, or let through.",
    )
    server_events: bool = choice(
        False, "W42", "Whether calls of servers, which have no token, fire events."
    )

    # The pages of sessions (section 6.6; choices 1, 2, 15)

    winning_role: Literal["session", "token"] = choice(
        "session",
        "W15",
        "Whose role a page works with where both the session and its token have one.",
    )
    open_page: Literal["follow", "stay"] = choice(
        "follow",
        "W2",
        "A page that is still open when its session is over: goes on with the next session of its"
        " token, in the same browser, or stays over.",
    )
    page_frames: Literal["any", "own", "none"] = choice(
        "any",
        "W1",
        "Which sites may show a session's page in a frame: all, those of the same origin, or none.",
    )
    page_tasks: int = choice(
        4,
        "W1",
        "Unfinished tasks that a token may have when its page asks for another.",
        ge=1,
        le=100,
    )
    shared_token: float = choice(
        300,
        "W1",
        "Seconds for which a browser counts as present after it was seen with a token; another one"
        " with the same token is then warned and remarked on. 0 never does.",
        ge=0,
    )

    # Tasks (sections 7 and 8; choices 14, 20, 22, 30, 31)

    credits: Literal["none", "priced"] = choice(
        "none",
        "W29",
        "What tasks cost in credits: nothing, as the vendor bills by the hour, or what jobs of the"
        " same effort cost.",
    )
    out_of_range: Literal["refuse", "clamp"] = choice(
        "refuse",
        "W22",
        "A number beyond the mock's own ends, where no range is documented: a failure, or the"
        " nearest number that will do.",
    )
    default_side: int = choice(
        512, "W22", "Pixels of a side that a task does not give.", ge=8, le=4096
    )
    default_steps: int = choice(20, "W22", "Steps of a task that gives none.", ge=1, le=1000)
    default_sampler: str = choice("Euler a", "W22", "The sampler of a task that names none.")
    most_side: int = choice(4096, "W22", "The largest width or height.", ge=8, le=16_384)
    most_steps: int = choice(150, "W22", "The most steps.", ge=1, le=1000)
    most_pictures: int = choice(16, "W22", "The most pictures of a task.", ge=1, le=100)
    longest_prompt: int = choice(
        20_000, "W22", "Characters that a prompt may have.", ge=1, le=1_000_000
    )
    missing_init_image: Leniency = choice(
        "refuse", "W22", "An sd_img2img without a picture in init_images."
    )
    models: tuple[str, ...] = choice(
        (),
        "W14",
        "Models that exist beside those that were synchronised; none listed means that any name is"
        " taken for one.",
    )
    task_life: float = choice(
        86_400, "W30", "Seconds for which a task that is over can be asked for.", gt=0
    )
    result_url_life: int = choice(
        3600, "W30", "Seconds for which the URL of a result is good.", ge=1, le=315_360_000
    )
    first_queue_place: int = choice(
        1, "W30", "What lastQueueRemaining is for the task that is next.", ge=0, le=1
    )
    unfinished_result: Literal["data", "fail"] = choice(
        "data",
        "W31",
        "The result call on a task that goes on: success with its status and no pictures, or a"
        " failure.",
    )
    failed_result: Literal["fail", "silent"] = choice(
        "fail",
        "W31",
        "The result call on a task that failed: a failure, which the vendor's SDKs raise, or a"
        " success whose data says failed, which one of them takes for an empty result.",
    )

    # Workflows (section 8; choices 14, 33)

    unknown_workflow: Leniency = choice(
        "accept",
        "W14",
        "A workflow that the catalogue does not have: carried out as one that makes pictures out"
        " of a prompt, or refused.",
    )
    both_names: Literal["version", "alias"] = choice(
        "version", "W33", "Which counts where alias_id and version_id both come."
    )

    # Files (section 8.5; choices 30, 35)

    file_url: str = choice(
        "",
        "W35",
        "Base of the URLs of uploads and results; empty is the address that the caller used.",
        pattern=WEB_ADDRESS,
    )
    upload_limit_bytes: int = choice(104_857_600, "W35", "The largest temporary file.", ge=1)
    upload_life: int = choice(
        3600, "W35", "Seconds for which an uploadUrl takes bytes.", ge=1, le=315_360_000
    )
    upload_kept: int = choice(
        86_400,
        "W35",
        "Seconds for which a temporary file is kept after its URL was asked for.",
        ge=1,
        le=315_360_000,
    )
    expire_time: Literal["milliseconds", "seconds"] = choice(
        "milliseconds", "W35", "The unit of expireTime, a moment of Unix time."
    )

    # Resource pools (section 9; choices 14, 37)

    pools: tuple[str, ...] = choice(
        (), "W14", "Private pools that exist; none listed means that any id is taken for one."
    )
    pool_capacity: int = choice(
        2,
        "W37",
        "Tasks of a sub-product that fill a private pool; its utilisation is the part of them that"
        " wait or run there.",
        ge=1,
        le=1000,
    )
    pool_limit: float = choice(
        0,
        "W37",
        "Utilisation at which a private pool takes no more tasks, as its owner may set; 0 sets no"
        " limit.",
        ge=0,
        le=1,
    )
    monitor_data: Literal["list", "object"] = choice(
        "list",
        "W37",
        "The data of query_sp_resource_monitor_data: a list of pools, or the first one.",
    )
    utilisation_scale: Literal["fraction", "percent"] = choice(
        "fraction", "W37", "What utilizationRatio is for a full pool: 1, or 100."
    )

    # Models (section 10; choice 38)

    model_listing_delay: float = choice(
        60,
        "W38",
        "Seconds after which a synchronised model with a file that was not there is listed.",
        ge=0,
        le=31_536_000,
    )
    most_models: int = choice(
        1000, "W38", "Synchronised models kept; then the oldest make room.", ge=1, le=100_000
    )
