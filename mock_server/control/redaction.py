"""Hides secrets in what the journal shows.

It works in two ways. What is in the place of a secret (credentials, cookies, signed URLs, secret
links, members with such a name) is hidden. What was found in such a place, and the control token,
is hidden everywhere else in the same exchange too. The parts that explain a refused signature stay
visible: scheme, app id, nonce, timestamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote

from mock_server.web.calls import Trace, raw_target

HIDDEN = "***"

# Shorter secrets are not searched for, as they may be part of ordinary words.
MIN_LENGTH = 8

_NAMES = {
    "api_key", "apikey", "auth_key", "authorization", "cookie", "cookie2", "private_key",
    "privatekey", "proxy_authorization", "set_cookie", "sig", "sign",
}  # fmt: skip
_ENDINGS = ("password", "secret", "signature", "token")
_KEPT_PAIRS = {"app_id", "nonce_str", "timestamp"}
# A secret link: a long secret behind /s/ in the path.
_LINK = r"(?<=/s/)[0-9a-f]{24,}"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,23}")
_NAME = r"(?<![\w%.\-])([\w%.\-]{1,64})="
_PAIR_IN_TARGET = re.compile(_NAME + r"([^&]*)", re.ASCII)
_PAIR_IN_TEXT = re.compile((_NAME + r"([^&\s\"'<>\\]*)").encode())
_MEMBER = re.compile(rb'"([\w\-]{1,64})"\s*:\s*"((?:[^"\\]|\\.)*)', re.DOTALL)
_MEMBER_IN_TEXT = re.compile(rb'\\"([\w\-]{1,64})\\"\s*:\s*\\"(.*?)(?=\\"|"|\Z)', re.DOTALL)
# A header in a text, such as a curl line.
_HEADER = re.compile(
    rb"(?i)(?<![\w-])((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{1,40}-signature)"
    rb"[ \t]*:[ \t]*([^\r\n\"'\\]+)"
)
# A field of a form upload: its name in the part's head, its value behind the blank line.
_FIELD = re.compile(rb'\bname="([\w\-]{1,64})"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)')


def is_secret(name: str) -> bool:
    """Return whether a header, parameter or member of this name is a secret."""
    plain = unquote(name).lower().replace("-", "_")
    return plain in _NAMES or plain.endswith(_ENDINGS)


def shown_authorization(value: str) -> str:
    """Return a credential header with only its scheme and its public parts."""
    scheme, parts = _credential(value)
    if not scheme:
        return HIDDEN
    shown = (name if kept else f"{name}={HIDDEN}" if name else HIDDEN for name, _, kept in parts)
    return f"{scheme} {','.join(shown)}"


class Redactor:
    """Hides the secrets of one exchange everywhere in it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        words = {word for secret in secrets for word in (secret, quote(secret, safe=""))}
        long = sorted((word for word in words if len(word) >= MIN_LENGTH), key=len, reverse=True)
        self._words = [word.encode() for word in long]
        pattern = "|".join((*map(re.escape, long), _LINK))
        self._text = re.compile(pattern)
        self._bytes = re.compile(pattern.encode())

    @classmethod
    def of(cls, trace: Trace, control_token: str) -> Redactor:
        """Return a redactor that knows the secrets of the exchange."""
        return cls([control_token, *_secrets(trace)])

    def text(self, value: str) -> str:
        """Return a text without the secrets."""
        return self._text.sub(HIDDEN, value)

    def target(self, trace: Trace) -> str:
        """Return path and query as they were sent, without the secrets."""
        return self.text(_hide_pairs(raw_target(trace.scope).decode("latin-1")))

    def header(self, name: str, value: str) -> str:
        """Return a header's value without the secrets."""
        if name.lower() in ("authorization", "proxy-authorization"):
            return self.text(shown_authorization(value))
        return HIDDEN if is_secret(name) else self.text(_hide_pairs(value))

    def body(self, data: bytes, *, cut: bool = False) -> bytes:
        """Return a body without the secrets; `cut` says that its end is missing."""
        for pattern in (_MEMBER, _MEMBER_IN_TEXT, _HEADER, _PAIR_IN_TEXT, _FIELD):
            data = pattern.sub(_hide_match, data)
        data = self._bytes.sub(HIDDEN.encode(), data)
        if cut:
            data = data[: len(data) - max((_begun(word, data) for word in self._words), default=0)]
        return data

    def value(self, value: Any) -> Any:
        """Return nested data without the secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(name): self.value(member) for name, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(member) for member in value]
        return value


def _begun(word: bytes, data: bytes) -> int:
    """Return how many bytes of the word's beginning the data ends with."""
    lengths = range(min(len(word), len(data)), MIN_LENGTH - 1, -1)
    return next((length for length in lengths if data.endswith(word[:length])), 0)


def _hide_pairs(text: str) -> str:
    def hide(match: re.Match[str]) -> str:
        return f"{match[1]}={HIDDEN}" if is_secret(match[1]) else match[0]

    return _PAIR_IN_TARGET.sub(hide, text)


def _hide_match(match: re.Match[bytes]) -> bytes:
    if not is_secret(match[1].decode("latin-1")):
        return match[0]
    before = match.start(2) - match.start()
    return match[0][:before] + HIDDEN.encode() + match[0][before + len(match[2]) :]


def _credential(value: str) -> tuple[str, list[tuple[str, str, bool]]]:
    """Return the scheme and the parts of a credential: what to show, the secret, if public."""
    scheme, blank, rest = value.strip().partition(" ")
    if not blank or not _SCHEME.fullmatch(scheme):
        return "", [("", value.strip(), False)]
    parts = []
    for part in rest.split(","):
        name, equals, secret = part.strip().partition("=")
        if equals and name.lower() in _KEPT_PAIRS:
            parts.append((part.strip(), "", True))
        elif secret.strip("=") and is_secret(name):
            parts.append((name, secret.strip('"'), False))
        else:
            # A lone token may end in equals signs; no part of it is a name.
            parts.append(("", part.strip(), False))
    return scheme, parts


def _secrets(trace: Trace) -> Iterator[str]:
    """Yield what is in the places of secrets in an exchange."""
    headers = [*trace.scope["headers"], *(trace.answer.headers if trace.answer else ())]
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in ("authorization", "proxy-authorization"):
            yield from (secret for _, secret, _ in _credential(value)[1])
        elif name in ("cookie", "set-cookie"):
            yield from (crumb.partition("=")[2].strip() for crumb in value.split(";"))
        elif is_secret(name):
            yield value.strip()
    for pair in _PAIR_IN_TARGET.finditer(trace.scope["query_string"].decode("latin-1")):
        if is_secret(pair[1]):
            yield pair[2]
            yield unquote(pair[2])
