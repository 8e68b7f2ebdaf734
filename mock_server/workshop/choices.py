"""What the mock does where the Workshop's reference says "unknown", as settings with defaults.

The numbers are those of the fact sheet's last section, with a W before them. Words of a choice are
values of a setting: the first is the default.
"""

from __future__ import annotations

from typing import Literal

from mock_server.web.choices import ChoiceTable, choice

Leniency = Literal["accept", "refuse"]
EventKind = Literal["asynchronous", "synchronous"]

WEB_ADDRESS = r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$"


class Choices(ChoiceTable):
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
        "usedSessionTimeInSeconds in session mode: that of sessions that are over, or with the"
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
    missing_session: Literal["null", "fail"] = choice(
        "null", "W5", "A query where there is no live session: success with null, or a failure."
    )
    delete_missing_session: Literal["succeed", "fail"] = choice(
        "succeed", "W6", "A destroy where there is no live session."
    )
    delete_all_gadgets: bool = choice(
        False, "W7", "Whether a destroy without gadgetId ends the sessions of all gadgets too."
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
        "sdImgGenControlConfig, sent when a page is rendered: asked, or told without an answer.",
    )
    commit_kind: EventKind = choice(
        "asynchronous", "W40", "apiAccessCommit: tried again, or sent once."
    )
    rollback_kind: EventKind = choice(
        "asynchronous", "W40", "apiAccessRollback: tried again, or sent once."
    )
    task_finished_kind: EventKind = choice(
        "asynchronous", "W40", "sdTaskFinished: tried again, or sent once."
    )
    model_listed_kind: EventKind = choice(
        "asynchronous", "W40", "sdModelListingResult: tried again, or sent once."
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
