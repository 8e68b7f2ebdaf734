"""Why a target cannot be tested: it is down, slow, something else, or it refuses the credentials.

None of this is a broken contract, so it never fails a test. Each trouble is one sentence, with
another one that says what to do.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from contract_tests import wall
from contract_tests.signing import workshop_string_to_sign

PAUSES = (1.0, 2.0)  # seconds before a target that is slow or overloaded is asked again
TIMEOUT = 20.0  # seconds for the answer to a free call
MAX_QUOTED = 160  # characters of an answer in a sentence

# Calls that cost nothing and change nothing (`TAMS › 10 Credits`, `Workshop › 5.2`).
FREE_CALLS: dict[str, tuple[str, Any]] = {
    "tams": (
        "/v1/jobs/credits",
        {
            "stages": [
                {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": "1", "count": 1}},
                {
                    "type": "DIFFUSION",
                    "diffusion": {
                        "width": 512, "height": 512, "prompts": [{"text": "a tree"}], "steps": 10,
                        "sdModel": "600423083519508503", "sdVae": "Automatic", "cfgScale": 7,
                        "sampler": "Euler a",
                    },
                },
            ]
        },
    ),
    "workshop": ("/scc/spQueryToken", {"apiToken": "no-such-token"}),
}  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a target, and what to do; `area` is the step that failed.

    Areas: name, connection, TLS, answer, credentials. A `passing` trouble may be over soon.
    """

    area: str
    sentence: str
    advice: str
    passing: bool = False

    def __str__(self) -> str:
        return f"{self.sentence}; {self.advice}"


def ask(http: httpx.Client, surface: str, url: str, auth: httpx.Auth | None) -> httpx.Response:
    """Make the free call of a surface. Raises `httpx.TransportError`."""
    path, body = FREE_CALLS[surface]
    headers = {"Accept": "application/json"}
    request = http.build_request("POST", url + path, json=body, headers=headers, timeout=TIMEOUT)
    return http.send(request, auth=auth)


def why_unusable(
    http: httpx.Client,
    surface: str,
    url: str,
    auth: httpx.Auth | None,
    sleep: Callable[[float], None] = wall.sleep,
) -> Trouble | None:
    """Return why a surface cannot be tested with a credential, or None."""
    return lasting_trouble(
        url,
        lambda: ask(http, surface, url, auth),
        lambda answer: not_the_service(answer, url) or (refusal(surface, answer) if auth else None),
        sleep,
    )


def lasting_trouble(
    url: str,
    call: Callable[[], httpx.Response],
    judge: Callable[[httpx.Response], Trouble | None],
    sleep: Callable[[float], None] = wall.sleep,
) -> Trouble | None:
    """Return what is wrong with a call to a URL, repeated while it may be over soon, or None."""
    trouble = None
    for pause in (0.0, *PAUSES):
        if pause:
            sleep(pause)
        try:
            trouble = judge(call())
        except httpx.TransportError as error:
            trouble = no_answer(error, url)
        if trouble is None or not trouble.passing:
            break
    return trouble


def no_answer(error: BaseException, url: str) -> Trouble:
    """Return why a call to a URL failed, from the error of httpx or of a socket."""
    parts = urlsplit(url)
    host, where = parts.hostname or "", _place(url)
    if isinstance(error, httpx.ProxyError):
        return Trouble(
            "connection",
            f"the proxy refuses to connect to {host}: {error}",
            "unset HTTPS_PROXY, or add the host to NO_PROXY",
        )
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return _tls(cause, host, where)
        if isinstance(cause, socket.gaierror):
            return Trouble(
                "name",
                f"the name {host} is not known: {cause.strerror}",
                "check the spelling of the endpoint, and the DNS of this computer",
            )
        if isinstance(cause, ConnectionRefusedError):
            return Trouble(
                "connection",
                f"nothing answers at {where}: the connection is refused",
                "check host and port, and start the service if it is yours",
            )
    if isinstance(error, httpx.ConnectTimeout | TimeoutError):
        return Trouble(
            "connection",
            f"{where} does not answer to a connection in time",
            "check the network and firewalls between this computer and the target",
            passing=True,
        )
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
        return Trouble(
            "answer",
            f"{where} is too slow: a free call got no answer in {TIMEOUT:g} s",
            "try again later",
            passing=True,
        )
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return Trouble(
            "answer",
            f"{where} does not speak HTTP: {error}",
            "check the port, and whether the URL begins with https",
        )
    if isinstance(error, httpx.ConnectError | OSError):
        return Trouble(
            "connection",
            f"{where} cannot be reached: {error}",
            "check the network between this computer and the target",
        )
    return Trouble(
        "answer",
        f"{where} breaks the connection instead of answering: {_named(error)}",
        "check the port, and whether the URL begins with https",
        passing=True,
    )


def is_connection_lost(error: BaseException) -> bool:
    """Say whether a request was not sent, because there was no connection."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)


def not_the_service(answer: httpx.Response, url: str) -> Trouble | None:
    """Return why an answer is not one of a vendor's service, or None."""
    where, status = _place(url), answer.status_code
    if answer.is_redirect:
        place = answer.headers.get("location", "")[:MAX_QUOTED]
        return Trouble(
            "answer",
            f"{where} redirects to {place} ({status})",
            "use the address of the API itself; signed calls cannot be redirected",
        )
    if is_page(answer.headers.get("content-type", ""), answer.content):
        title = re.search(rb"(?is)<title[^>]*>([^<]*)", answer.content)
        words = " ".join(title[1].decode("utf-8", "replace").split())[:60] if title else ""
        named = f" «{words}»" if words else ""
        return Trouble(
            "answer",
            f"{where} answers {status} with an HTML page{named}, not as an API",
            "a proxy, a login page or a web site is in between: check the endpoint",
            passing=status >= 500,
        )
    if status in (502, 503, 504):
        return Trouble(
            "answer",
            f"the service behind {where} is offline or overloaded: it answers {status}",
            "try again later",
            passing=True,
        )
    return None


def is_page(content_type: str, content: bytes) -> bool:
    """Say whether an answer is an HTML page."""
    begins = content[:200].lstrip().lower()
    return content_type.lower().startswith("text/html") or begins.startswith(
        (b"<!doctype html", b"<html")
    )


def refusal(surface: str, answer: httpx.Response) -> Trouble | None:
    """Return why a free call was refused for its credential, or None."""
    return (_tams_refusal if surface == "tams" else _workshop_refusal)(answer)


def quoted(text: str) -> str:
    """Return the beginning of a text of the target, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}…"


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
    if status in (404, 405):
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


def _is_envelope(answer: httpx.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("status") in (10, 20)


# Codes of OpenSSL for a certificate (X509_V_ERR_…).
_EXPIRED, _NOT_YET, _WRONG_HOST, _WRONG_ADDRESS = 10, 9, 62, 64


def _tls(error: ssl.SSLError, host: str, where: str) -> Trouble:
    reason = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if code == _EXPIRED:
        words, advice = f"the certificate of {where} has expired", "the service must renew it"
    elif code == _NOT_YET:
        words = f"the certificate of {where} is not valid yet"
        advice = "check the clock of this computer"
    elif code in (_WRONG_HOST, _WRONG_ADDRESS):
        words = f"the certificate of {where} is for another host, not for {host}"
        advice = "use the name that the certificate has"
    elif code:
        words = f"the certificate of {where} is from an authority that is not trusted here"
        advice = "name the file of that authority with --ca-file; a proxy may have put it there"
    elif "wrong version number" in reason or "http request" in reason or "record layer" in reason:
        words, advice = f"{where} does not speak TLS at this port", "check the port, or use http://"
    elif "version" in reason or "unsupported protocol" in reason:
        words = f"{where} offers no version of TLS that this computer accepts (1.2 and later)"
        advice = "the service must offer TLS 1.2"
    else:
        words, advice = f"TLS with {where} fails: {reason}", "check the port and the network"
    return Trouble("TLS", words, advice)


def _place(url: str) -> str:
    """Return host and port of a URL, without the password that it may have."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _named(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
