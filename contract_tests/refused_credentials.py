"""Why a vendor refuses a credential, from its answer to a free call."""

from __future__ import annotations

import re
from contextlib import suppress

import httpx

from contract_tests.signing import workshop_string_to_sign
from contract_tests.troubles import Trouble, quoted


def refusal(surface: str, answer: httpx.Response) -> Trouble | None:
    """Return why a free call was refused for its credential, or None."""
    return (_tams_refusal if surface == "tams" else _workshop_refusal)(answer)


def _tams_refusal(answer: httpx.Response) -> Trouble | None:
    """Return what `TAMS › 3.4 Failures` says about a refusal."""
    status, words = answer.status_code, _words(answer)
    if status == 404 and ("100001" in words or "app not found" in words):
        return Trouble(
            "credentials",
            f"TAMS does not know this app at this endpoint: 404, {words}",
            "use the endpoint that the console shows for this app, and the scheme that the app is"
            " set up for",
        )
    if status == 401:
        return Trouble(
            "credentials",
            f"TAMS refuses the credential: 401, {words}",
            "check that the public half of this key is uploaded to this app, or that the token is"
            " complete, and that the clock of this computer is right",
        )
    if status == 403:
        return Trouble(
            "credentials",
            f"the app has no permission: 403, {words}",
            "check the app in the console",
        )
    if status in (404, 405) and not _is_rpc(answer):
        return Trouble(
            "answer",
            f"there is no TAMS API at this address: {status}, {words}",
            "copy the endpoint from the app's page in the console",
        )
    return None


# Codes of the gateway (`Workshop › 3.4`); the older generation has texts only.
_GATEWAY = (
    (r"MA$|empty signature", "the gateway saw no credentials",
     "check whether a proxy removes the headers x-ca-*"),
    (r"IK$|invalid appkey", "the gateway does not know the AppKey", "copy the AppKey again"),
    (r"IS$|invalid signature", "the gateway refuses the signature",
     "copy the AppSecret again; if it is right, a proxy changes the request"),
    (r"403AA$|unauthorized", "the application is not authorised for this API",
     "open the API for the application in the console"),
    (r"EP$", "the authorisation of the application has expired", "renew it in the console"),
    (r"timestamp", "the gateway refuses the time of the call",
     "set the clock of this computer: a call is good for 15 minutes"),
    (r"404(NF|DO)$|api not found|invalid (url|domain)", "the gateway has no such API or host",
     "check WORKSHOP_ENDPOINT"),
)  # fmt: skip


def _workshop_refusal(answer: httpx.Response) -> Trouble | None:
    """Return what `Workshop › 3.4` says about a refusal of the gateway."""
    status = answer.status_code
    code = answer.headers.get("x-ca-error-code", "")
    message = quoted(answer.headers.get("x-ca-error-message", ""))
    if answer.is_success or status == 429 or code.startswith("T429"):
        return None
    if not (code or message):
        # An envelope may come with any status (W21).
        return (
            None
            if _is_envelope(answer)
            else Trouble(
                "credentials" if status in (401, 403) else "answer",
                f"the Workshop answers {status} to a signed call: {_words(answer)}",
                "check WORKSHOP_ENDPOINT, AppKey and AppSecret",
                passing=status >= 500,
            )
        )
    shown = f"{status} {code} {message}".rstrip()
    if same := _same_string_to_sign(answer):
        return Trouble("credentials", f"the gateway refuses the signature: {status} {code}", same)
    for pattern, sentence, advice in _GATEWAY:
        if re.search(rf"(?i){pattern}", code) or re.search(rf"(?i){pattern}", message):
            return Trouble("credentials", f"{sentence}: {shown}", advice)
    if status >= 500:
        return Trouble("answer", f"the gateway has a fault: {shown}", "try again later", True)
    return Trouble("credentials", f"the gateway refuses a free call: {shown}", "ask the vendor")


def _same_string_to_sign(answer: httpx.Response) -> str:
    """Return what follows from the string-to-sign in a refusal, if the gateway sent its own."""
    _, found, text = answer.headers.get("x-ca-error-message", "").partition("StringToSign:")
    if not found:
        return ""
    sent = answer.request
    own = workshop_string_to_sign(sent.method, sent.url.raw_path, sent.headers, sent.content)
    theirs = text.strip().strip("`")
    if theirs in (own.decode().replace("\n", "#"), own.decode().replace("\n", "")):
        return "it signs the same text, so the AppSecret is another one: copy it again"
    return f"a proxy changes the request; the gateway saw {quoted(theirs)}"


def _words(answer: httpx.Response) -> str:
    """Return code, message and tips of an answer in one line."""
    with suppress(ValueError, AttributeError):
        body = answer.json()
        parts = [str(body[name]) for name in ("code", "message", "tips") if body.get(name)]
        return quoted(" ".join(parts)) or "no words"
    return quoted(answer.text) or "an empty body"


def _is_rpc(answer: httpx.Response) -> bool:
    """Say whether a body is an error of the API: `TAMS › 4 Errors`."""
    try:
        return isinstance(answer.json()["code"], int)
    except (ValueError, KeyError, TypeError):
        return False


def _is_envelope(answer: httpx.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("status") in (10, 20)
