"""Removing secrets from everything that the suite writes down."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

HIDDEN = "***"
MIN_LENGTH = 6  # shorter secrets would match inside ordinary words

_NAMES = (
    r"[\w-]*(?:token|secret|signature|password|private_?key|auth_key|accessid|session_?url|cookie)"
)
_NAME = re.compile(rf"(?i){_NAMES}|policy|callback")
_PAIR = re.compile(rf"(?i)(?<![\w-])({_NAMES}|policy|sign|sig|x-amz-credential)=([^&\s\"'<>,]+)")
# JSON may be inside a text of JSON, any number of times.
_MEMBER = re.compile(
    rf'(?i)(\\*"(?:{_NAMES}|policy|callback)\\*"\s*:\s*\\*")((?:[^"\\]|\\+[^"\\])*)'
)
_CREDENTIAL_HEADERS = {
    "authorization", "cookie", "proxy-authorization", "set-cookie", "x-ca-signature",
    "x-oss-callback",
}  # fmt: skip
# Values of these members are hidden wherever they come again, such as in the URL of a page.
_AGAIN = re.compile(r"(?i)api_?token|session_?url")
_LONG_WORD = re.compile(r"[A-Za-z0-9_-]{16,}")
_USER = re.compile(r"(?<=://)[^/\s@\"']+@")
_KEPT = re.compile(r"(app_id|nonce_str|timestamp)=[^,]*")


class SecretRedactor:
    """Hides known secrets everywhere, and all values in places for secrets."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        words = {form for secret in secrets for form in _forms(secret)}
        longest_first = sorted(words, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_in_any_escape, longest_first)) or r"(?!)")
        self._long_words: set[str] = set()

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide the long words of these secrets from now on, too; this is fast for many."""
        for secret in secrets:
            self._long_words.update(_LONG_WORD.findall(secret))

    def known(self, value: str) -> str:
        """Return a text without the secrets that are known."""
        if self._long_words:
            value = _LONG_WORD.sub(self._word, value)
        return self._pattern.sub(HIDDEN, value)

    def text(self, value: str) -> str:
        """Return a text (a URL, a body, a message) without secrets."""
        value = _USER.sub(f"{HIDDEN}@", self.known(value))
        if "=" in value:  # most bodies have none, and the search is long
            value = _PAIR.sub(rf"\1={HIDDEN}", value)
        return _MEMBER.sub(self._member, value)

    def value(self, value: Any) -> Any:
        """Return JSON data without secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self._item(name, item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def _item(self, name: str, item: Any) -> Any:
        if not (_NAME.fullmatch(name) and isinstance(item, str)):
            return self.value(item)
        if _AGAIN.fullmatch(name):
            self.learn([item])
        return HIDDEN

    def _member(self, match: re.Match[str]) -> str:
        if _AGAIN.search(match[1]):
            self.learn([match[2]])
        return match[1] + HIDDEN

    def _word(self, match: re.Match[str]) -> str:
        return HIDDEN if match[0] in self._long_words else match[0]

    def header(self, name: str, value: str) -> str:
        """Return a header's value; a credential keeps its scheme and its public parts."""
        if name.lower() not in _CREDENTIAL_HEADERS:
            return self.text(value)
        if name.lower() != "authorization":
            return HIDDEN
        scheme, blank, rest = value.partition(" ")
        kept = [match[0] for match in _KEPT.finditer(rest)] if blank else []
        return self.text(" ".join([scheme if blank else "", ",".join([*kept, HIDDEN])]).strip())


def _forms(secret: str) -> set[str]:
    """Return the texts to hide for a secret: the whole, and the lines of a private key."""
    if len(secret) < MIN_LENGTH:
        return set()
    lines = [line for line in secret.splitlines() if len(line) > 20 and "-----" not in line]
    return {secret, *lines, "".join(lines)} - {""}


def _in_any_escape(text: str) -> str:
    """Return a pattern for a text, however a URL or JSON escapes its characters."""
    return "".join(
        character
        if character.isalnum()
        else rf"(?:\\*{re.escape(character)}|%(?i:{ord(character):02x})"
        + (r"|\\+[nr]+)" if character in "\r\n" else ")")
        for character in text
    )
