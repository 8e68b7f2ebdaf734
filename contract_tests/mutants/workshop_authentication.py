"""Mutants of the Workshop: gateway, envelope and tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Service, a_reply
from contract_tests.mutants.mutant import Memory, Mutant, Mutation, on_json, on_reply, on_request

ALL = r"/scc/.*"
TOKENS = r"/scc/(allocate_token|spQueryToken)"
ERROR_HEADERS = ("X-Ca-Error-Code", "X-Ca-Error-Message", "X-Ca-Request-Id")
SUCCESS, FAILURE = 10, 20
FORBIDDEN = HttpReply(403, (
    ("X-Ca-Error-Code", "A403IS"), ("X-Ca-Request-Id", "0F0A9C1E-0000-4000-8000-000000000001"),
    ("X-Ca-Error-Message", "Invalid Signature, Server StringToSign:`POST######/scc/`"),
))  # fmt: skip


def from_gateway(reply: HttpReply) -> bool:
    """Say whether an answer is a refusal of the gateway."""
    return not reply.good and bool(reply.header("X-Ca-Error-Code"))


def body_of(call: HttpCall) -> dict[str, Any]:
    """Return the JSON object of a call; empty if it has none."""
    body = call.json
    return body if isinstance(body, dict) else {}


def on_data(pattern: str, change: Callable[[Any, Memory], object]) -> Mutation:
    """Return a mutation of `data` of successes, in place, if it is an object."""

    def change_data(body: Any, memory: Memory) -> None:
        if body.get("status") == SUCCESS and isinstance(body.get("data"), dict):
            change(body["data"], memory)

    return on_json("POST", pattern, change_data)


def _letting_in(why: Callable[[HttpCall, HttpReply], bool]) -> Mutation:
    """Return a mutation that accepts what the gateway refuses for a reason."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        return service(service.signed(call)) if from_gateway(reply) and why(call, reply) else reply

    return on_reply("*", ALL, change)


def reason_of(reply: HttpReply) -> str:
    """Return why the gateway refuses, without its string to sign."""
    return reply.header("X-Ca-Error-Message").partition(", Server StringToSign")[0].lower()


def _mismatch(call: HttpCall, reply: HttpReply) -> bool:
    return "signature" in reason_of(reply)


def _old(call: HttpCall, reply: HttpReply) -> bool:
    return "timestamp" in reason_of(reply)


def _replayed(call: HttpCall, reply: HttpReply) -> bool:
    return "nonce" in reason_of(reply)


def _nameless(call: HttpCall, reply: HttpReply) -> bool:
    return not call.header("x-ca-key")


def _unknown_key(call: HttpCall, reply: HttpReply) -> bool:
    return "appkey" in reason_of(reply)


def _refusing(why: Callable[[HttpCall], bool]) -> Mutation:
    """Return a mutation that refuses good calls."""

    def change(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
        return FORBIDDEN if why(call) else call

    return on_request("*", ALL, change)


def _names(call: HttpCall) -> list[str]:
    return [name for name in call.header("x-ca-signature-headers").split(",") if name]


def _unsorted(call: HttpCall) -> bool:
    return _names(call) != sorted(_names(call), key=str.lower)


def _capitals(call: HttpCall) -> bool:
    return _names(call) != [name.lower() for name in _names(call)]


def _short_digest(call: HttpCall) -> bool:
    return call.header("x-ca-signature-method") == "HmacSHA1"


def _undigested(call: HttpCall) -> bool:
    return bool(call.body) and not call.header("Content-MD5") and "form" not in call.header(
        "Content-Type"
    )  # fmt: skip


def _refusals(change: Callable[[HttpReply], HttpReply]) -> Mutation:
    """Return a mutation of the refusals of the gateway."""

    def change_refusal(
        call: HttpCall, reply: HttpReply, memory: Memory, service: Service
    ) -> HttpReply:
        return change(reply) if from_gateway(reply) else reply

    return on_reply("*", ALL, change_refusal)


def _without(name: str) -> Mutation:
    return _refusals(lambda reply: reply.without_header(name))


def _silent(reply: HttpReply) -> HttpReply:
    message = reply.header("X-Ca-Error-Message").partition(", Server")[0]
    return reply.with_header("X-Ca-Error-Message", message)


def _talkative(reply: HttpReply) -> HttpReply:
    return a_reply(reply.status, {"status": FAILURE, "errMessage": "no"}).with_header(
        "X-Ca-Error-Code", reply.header("X-Ca-Error-Code")
    ).with_header("X-Ca-Error-Message", reply.header("X-Ca-Error-Message")).with_header(
        "X-Ca-Request-Id", reply.header("X-Ca-Request-Id")
    )  # fmt: skip


def _in_status(status: int, change: Callable[[Any, Memory], object]) -> Mutation:
    """Return a mutation of the envelopes of successes (10) or failures (20)."""

    def change_some(body: Any, memory: Memory) -> None:
        if body.get("status") == status:
            change(body, memory)

    return on_json("*", ALL, change_some)


def _empty_texts(body: Any, memory: Memory) -> None:
    body.update(errCode="", errMessage="", subErrCode="", subErrMessage="")


def _same_invocation(body: Any, memory: Memory) -> None:
    body["apiInvokeId"] = memory.setdefault("id", body["apiInvokeId"])


def _no_reason(body: Any, memory: Memory) -> None:
    body.update(errCode=None, errMessage=None, subErrCode=None, subErrMessage=None)


def _any_token(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    body = reply.json
    if not reply.good or not isinstance(body, dict) or body.get("status") != FAILURE:
        return reply
    token = (call.json or {}).get("apiToken") if isinstance(call.json, dict) else None
    if not isinstance(token, str):
        return reply
    data = {"apiToken": token, "tokenExpiredAt": None, "usedSessionTimeInSeconds": 0}
    return reply.with_json({
        **body, "status": SUCCESS, "data": data, "errCode": None, "errMessage": None,
        "subErrCode": None, "subErrMessage": None,
    })  # fmt: skip


def _one_token(data: Any, memory: Memory) -> None:
    data["apiToken"] = memory.setdefault("token", data["apiToken"])


def _expiry_in_seconds(data: Any, memory: Memory) -> None:
    if data.get("tokenExpiredAt"):
        data["tokenExpiredAt"] //= 1000


def _expiry_forgotten(data: Any, memory: Memory) -> None:
    data["tokenExpiredAt"] = None


def _without_nulls(data: Any, memory: Memory) -> None:
    for name in [name for name, value in data.items() if value is None]:
        del data[name]


def _used_by_all(data: Any, memory: Memory) -> None:
    memory[data["apiToken"]] = data["usedSessionTimeInSeconds"]
    data["usedSessionTimeInSeconds"] = sum(memory.values())


def _body_wanted(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    empty = call.body.strip() in (b"", b"null")
    return replace(FORBIDDEN, status=400) if empty else call


def _nulls_refused(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    return replace(FORBIDDEN, status=400) if None in body_of(call).values() else call


MUTANTS = (
    Mutant("mismatch-let-in", "Any signature is good.", "Workshop › 3.2",
        "(?i)signature|refus|expected", _letting_in(_mismatch)),
    Mutant("old-timestamp-let-in", "An old timestamp is accepted.", "Workshop › 3.1",
        "(?i)time|old", _letting_in(_old)),
    Mutant("nonce-taken-twice", "A nonce may be used twice.", "Workshop › 3.1", "(?i)nonce",
        _letting_in(_replayed)),
    Mutant("nameless-let-in", "A call without credentials is carried out.", "Workshop › 3.4",
        "(?i)credential|unsigned|key", _letting_in(_nameless)),
    Mutant("unknown-key-let-in", "Any AppKey is good.", "Workshop › 3.4", "(?i)key",
        _letting_in(_unknown_key)),
    Mutant("list-order-enforced", "The list of signed headers has to be sorted.", "Workshop › 3.2",
        "(?i)order|sort", _refusing(_unsorted)),
    Mutant("names-lower-cased", "Names in capitals in the list break the signature.",
        "Workshop › 3.2", "(?i)spell|capital|case|name", _refusing(_capitals)),
    Mutant("sha1-refused", "HmacSHA1 is refused.", "Workshop › 3.1", "(?i)sha1|algorithm",
        _refusing(_short_digest)),
    Mutant("digest-required", "A body without Content-MD5 is refused.", "Workshop › 3.3",
        "(?i)md5|digest", _refusing(_undigested)),
    Mutant("error-code-missing", "A refusal has no X-Ca-Error-Code.", "Workshop › 3.4",
        "(?i)error-code", on_reply("*", ALL, lambda call, reply, memory, service:
                                   reply.without_header(ERROR_HEADERS[0]))),
    Mutant("error-message-missing", "A refusal has no X-Ca-Error-Message.", "Workshop › 3.4",
        "(?i)message", _without(ERROR_HEADERS[1])),
    Mutant("request-id-missing", "A refusal has no X-Ca-Request-Id.", "Workshop › 3.4",
        "(?i)request-id", _without(ERROR_HEADERS[2])),
    Mutant("string-to-sign-missing", "A mismatch does not show the server's string.",
        "Workshop › 3.4", "StringToSign", _refusals(_silent)),
    Mutant("refusal-has-a-body", "A refusal of the gateway has a body.", "Workshop › 3.4",
        "(?i)body|empty|b''", _refusals(_talkative)),
    Mutant("refusal-is-200", "A refusal of the gateway is a 200.", "Workshop › 3.4",
        "(?i)200|status|refus", _refusals(lambda reply: replace(reply, status=200))),
    Mutant("failure-says-10", "A failure has status 10.", "Workshop › 4",
        "(?i)refusal|succeeded|status",
        _in_status(FAILURE, lambda body, memory: body.update(status=SUCCESS))),
    Mutant("success-says-0", "A success has status 0.", "Workshop › 4",
        r"\$\.status|status is 0|expected 10",
        _in_status(SUCCESS, lambda body, memory: body.update(status=0))),
    Mutant("empty-error-texts", "A success has empty texts for errors.", "Workshop › 4",
        "(?i)err|null", _in_status(SUCCESS, _empty_texts)),
    Mutant("refusal-without-reason", "A failure has neither code nor message.", "Workshop › 4",
        "(?i)err|code|message|reason", _in_status(FAILURE, _no_reason)),
    Mutant("envelope-member-missing", "The envelope has no subErrCode.", "Workshop › 4",
        "subErrCode|member", on_json("*", ALL, lambda body, memory: body.pop("subErrCode", 0))),
    Mutant("status-as-text", "The envelope's status is a text.", "Workshop › 4", "status is '",
        on_json("*", ALL, lambda body, memory: body.update(status=str(body.get("status"))))),
    Mutant("invocation-repeated", "Every call has the same apiInvokeId.", "Workshop › 4",
        "(?i)invoke", on_json("*", ALL, _same_invocation)),
    Mutant("invocation-without-form", "apiInvokeId is a number in a text.", "Workshop › 4",
        "(?i)invoke", on_json("*", ALL, lambda body, memory: body.update(apiInvokeId="17"))),
    Mutant("empty-body-refused", "A call without a body is refused.", "Workshop › 2",
        "(?i)empty|null|body|nothing", on_request("POST", r"/scc/allocate_token", _body_wanted)),
    Mutant("nulls-refused", "A member that is null is refused.", "Workshop › 2", "(?i)null",
        on_request("POST", r"/scc/allocate_token", _nulls_refused)),
    Mutant("any-token-known", "An unknown token is found.", "Workshop › 5.2",
        "(?i)token|refusal", on_reply("POST", r"/scc/spQueryToken", _any_token)),
    Mutant("one-token-for-all", "Each end user gets the same token.", "Workshop › 5.4",
        "(?i)different_token|same token",
        on_data(r"/scc/allocate_token", _one_token)),
    Mutant("token-expiry-in-seconds", "tokenExpiredAt is in seconds.", "Workshop › 5.1",
        "(?i)tokenExpiredAt|expir",
        on_data(TOKENS, _expiry_in_seconds)),
    Mutant("token-expiry-forgotten", "The requested expiry is lost.", "Workshop › 5.1",
        "(?i)tokenExpiredAt|expir", on_data(r"/scc/spQueryToken", _expiry_forgotten)),
    Mutant("token-without-usage", "A token has no usedSessionTimeInSeconds.", "Workshop › 5.1",
        "usedSessionTimeInSeconds", on_data(
            TOKENS, lambda data, memory: data.pop("usedSessionTimeInSeconds"))),
    Mutant("token-expiry-absent", "A token without an expiry has no tokenExpiredAt.",
        "Workshop › 5.1", "tokenExpiredAt", on_data(TOKENS, _without_nulls)),
    Mutant("used-time-zero", "usedSessionTimeInSeconds stays 0.", "Workshop › 5.1",
        "usedSessionTimeInSeconds", on_data(
            TOKENS, lambda data, memory: data.update(usedSessionTimeInSeconds=0))),
    Mutant("used-time-of-all", "usedSessionTimeInSeconds is that of all tokens.",
        "Workshop › 5.1", "usedSessionTimeInSeconds", on_data(TOKENS, _used_by_all)),
    Mutant("nulls-refused-in-sessions", "A null in a call about a session is refused.",
        "Workshop › 2", "(?i)null", on_request("POST", r"/scc/sp(Query|Delete|Refresh)Session",
            _nulls_refused)),
    Mutant("octets-refused", "JSON that is called application/octet-stream is refused.",
        "Workshop › 2", "(?i)type|media", _refusing(
            lambda call: "octet" in call.header("Content-Type"))),
    Mutant("error-code-short", "X-Ca-Error-Code has five characters.", "Workshop › 3.4",
        "X-Ca-Error-Code", _refusals(lambda reply: reply.with_header(
            ERROR_HEADERS[0], reply.header(ERROR_HEADERS[0])[:5]))),
    Mutant("success-with-error-code", "A success has an X-Ca-Error-Code.", "Workshop › 3.4",
        "X-Ca-Error-Code", on_reply("POST", ALL, lambda call, reply, memory, service:
            reply.with_header(ERROR_HEADERS[0], "X000OK") if reply.good else reply)),
)  # fmt: skip
