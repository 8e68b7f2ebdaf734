"""What is wrong with a target that cannot be tested: the network, TLS, or something else answers.

None of this is a broken contract. Each trouble is one sentence, with another one that says what to
do.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

TIMEOUT = 20.0  # seconds for the answer to a free call
MAX_QUOTED = 160  # characters of an answer in a sentence
BUSY = frozenset({429, 502, 503, 504})
"""Statuses of a target that is offline or too busy now (`TAMS › 4`, `Workshop › 3.4`)."""


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


def quoted(text: str) -> str:
    """Return the beginning of a text of the target, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}…"


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
