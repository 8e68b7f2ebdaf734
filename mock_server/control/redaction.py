"""Hides secrets in what the journal shows.

It works in two ways. What is in the place of a secret (credentials, cookies, signed URLs, secret
links, members with such a name) is hidden. What was found in such a place, and the control token,
is hidden everywhere else in the same exchange too. The parts that explain a refused signature stay
visible: scheme, app id, nonce, timestamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from mock_server.web.traces import Trace

if TYPE_CHECKING:
    from mock_server.web.auth_diagnostics.search_budget import Paced

HIDDEN = "***"

# Shorter secrets are not searched for, as they may be part of ordinary words.
MIN_LENGTH = 8

# An exchange with more secrets is hidden completely: each is searched for in all texts.
MAX_SECRETS = 200
_SECRETS_PER_STEP = 20
_PIECE_BYTES = 32 * 1024

_NAMES = {
    "api_key", "apikey", "auth_key", "authorization", "cookie", "cookie2", "private_key",
    "privatekey", "proxy_authorization", "set_cookie", "sig", "sign",
}  # fmt: skip
_ENDINGS = ("password", "secret", "signature", "token")
_KEPT_PAIRS = {"app_id", "nonce_str", "timestamp"}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,23}")


def _names_pattern() -> str:
    """Return a pattern for the names, in any case; `re` skips quickly what begins otherwise.

    It takes any of their first letters for that of a name, which hides a bit too much.
    """
    rests: dict[str, list[str]] = {}
    for word in sorted((*_ENDINGS, *_NAMES)):
        alone = "" if word in _ENDINGS else r"(?<![\w%.\-]..)"
        rest = word[2:].replace("_", "[-_]")
        rests.setdefault(word[1], []).append(f"{alone}(?i:{rest})")
    seconds = (f"[{each}{each.upper()}](?:{'|'.join(found)})" for each, found in rests.items())
    first = "".join(sorted({word[0] for word in (*_ENDINGS, *_NAMES)}))
    return f"[{first}{first.upper()}](?:{'|'.join(seconds)})"


# Patterns for bodies. Each takes a time that grows with the length of the text, whatever is in it:
# what one has passed is not looked at again.
_NAME = _names_pattern()
_LETTER = "%(?i:4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a]|2d)"  # of a name that is percent-encoded
_ENCODED = rf"(?<![\w%.\-])((?:[\w.\-]|%(?!{_LETTER[1:]}))*+{_LETTER}[\w%.\-]*+=)"
_LINK = re.compile(r"(/s/)[0-9a-f]{24,}+")


@cache
def _pairs_in_target() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(name + r"([^&]*+)", re.ASCII) for name in (rf"({_NAME}=)", _ENCODED))


@cache
def pairs_in_bodies() -> tuple[re.Pattern[bytes], ...]:
    value = r"[^&\s\"'<>\\]*+"
    return tuple(re.compile((name + value).encode()) for name in (rf"({_NAME}=)", _ENCODED))


@cache
def in_bodies() -> tuple[re.Pattern[bytes], ...]:
    patterns = (
        rf'({_NAME}"\s*+:\s*+")(?:[^"\\]++|\\.)*+',  # a member
        rf'({_NAME}\\"\s*+:\s*+\\")(?:[^"\\]++|\\(?!"))*+',  # a member in a text
        # A header in a text, such as a curl line.
        r"((?i:(?<![\w-])(?:(?:proxy-)?authorization|(?:set-)?cookie)|-signature)[ \t]*+:[ \t]*+)"
        r"[^\r\n\"'\\]++",
        # A field of a form upload: its name in the part's head, its value behind the blank line.
        r'^((?>[^\r\n]*?\bname="(?=[\w\-]++"))(?>[\w\-]*?'
        rf'{_NAME}")[^\r\n]*+\r\n(?:[^\r\n]++\r\n){{0,8}}+\r\n)[^\r\n]*+',
        # A secret link: a long secret behind /s/ in the path.
        r"(/s/)[0-9a-f]{24,}+",
    )
    flags = re.DOTALL | re.MULTILINE
    return tuple(re.compile(pattern.encode(), flags) for pattern in patterns)


def is_secret(name: str) -> bool:
    """Return whether a header, parameter or member of this name is a secret."""
    plain = unquote(name).lower().replace("-", "_")
    return plain in _NAMES or plain.endswith(_ENDINGS)


def shown_authorization(value: str) -> str:
    """Return a credential header with only its scheme and its public parts."""
    scheme, parts = credential_parts(value)
    if not scheme:
        return HIDDEN
    shown = (name if kept else f"{name}={HIDDEN}" if name else HIDDEN for name, _, kept in parts)
    return f"{scheme} {','.join(shown)}"


class Redactor:
    """Hides the secrets of one exchange everywhere in it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        words = {word for secret in secrets for word in (secret, quote(secret, safe=""))}
        long = sorted((word for word in words if len(word) >= MIN_LENGTH), key=len, reverse=True)
        self._hides_all = len(long) > 2 * MAX_SECRETS
        self._words = [(word, word.encode()) for word in long]

    @classmethod
    def of(cls, trace: Trace, *secrets: str) -> Redactor:
        """Return a redactor that knows the secrets of the server and those of the exchange."""
        return cls([*secrets, *_secrets(trace)])

    def text(self, value: str) -> str:
        """Return a text without the secrets."""
        if self._hides_all:
            return HIDDEN
        for word, _ in self._words:
            value = value.replace(word, HIDDEN)
        return _LINK.sub(rf"\1{HIDDEN}", value)

    def target(self, trace: Trace) -> str:
        """Return path and query as they were sent, without the secrets."""
        return self.text(_hide_pairs(trace.head.target.decode("latin-1")))

    def header(self, name: str, value: str) -> str:
        """Return a header's value without the secrets."""
        if name.lower() in ("authorization", "proxy-authorization"):
            return self.text(shown_authorization(value))
        return HIDDEN if is_secret(name) else self.text(_hide_pairs(value))

    def body(self, data: bytes, *, cut: bool = False) -> bytes:
        """Return a body without the secrets; `cut` says that its end is missing."""
        from mock_server.web.auth_diagnostics.turns import finish

        return finish(self.body_in_steps(data, cut=cut))

    def body_in_steps(self, data: bytes, *, cut: bool = False) -> Paced[bytes]:
        """Return the same, with a pause after each step."""
        hidden = HIDDEN.encode()
        if self._hides_all:
            return hidden
        for pattern in pairs_in_bodies():
            pieces = []
            for piece in pieces_of(data):
                pieces.append(_hide(pattern, piece))
                yield
            data = b"".join(pieces)
        for pattern in in_bodies():
            data = _hide(pattern, data)
            yield
        for number, (_, word) in enumerate(self._words):
            data = data.replace(word, hidden)
            if number % _SECRETS_PER_STEP == 0:
                yield
        if cut:
            begun = (_begun(word, data) for _, word in self._words)
            data = data[: len(data) - max(begun, default=0)]
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


def _hide(pattern: re.Pattern[bytes], data: bytes) -> bytes:
    """Hide what follows the group of each match; in older Pythons, `sub` is slow with a group."""
    parts: list[bytes] = pattern.split(data)
    parts[1::2] = [name + HIDDEN.encode() for name in parts[1::2]]
    return b"".join(parts)


def pieces_of(data: bytes) -> Iterator[bytes]:
    """Yield a body in pieces that end with &, so that no pair is cut."""
    at = 0
    while at < len(data):
        end = data.find(b"&", at + _PIECE_BYTES) + 1 or len(data)
        yield data[at:end]
        at = end


def _begun(word: bytes, data: bytes) -> int:
    """Return how many bytes of the word's beginning the data ends with."""
    tail, beginning = data[-len(word) :], word[:MIN_LENGTH]
    at = tail.find(beginning)
    while at >= 0:
        if word.startswith(tail[at:]):
            return len(tail) - at
        at = tail.find(beginning, at + 1)
    return 0


def _hide_pairs(text: str) -> str:
    for pattern in _pairs_in_target():
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text


def credential_parts(value: str) -> tuple[str, list[tuple[str, str, bool]]]:
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
    head = trace.head
    headers = [*head.headers, *(trace.answer.headers if trace.answer else ())]
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in ("authorization", "proxy-authorization"):
            yield from (secret for _, secret, _ in credential_parts(value)[1])
        elif name in ("cookie", "set-cookie"):
            yield from (crumb.partition("=")[2].strip() for crumb in value.split(";"))
        elif is_secret(name):
            yield value.strip()
    for pair in chain(*(pattern.finditer(head.query) for pattern in _pairs_in_target())):
        yield pair[2]
        yield unquote(pair[2])
