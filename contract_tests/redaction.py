"""Removing secrets from everything that the suite writes down."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
MIN_LENGTH = 6  # shorter secrets would match inside ordinary words

_NAMES = r"[\w-]*(?:token|secret|signature|password|private_?key|auth_key|accessid)"
_NAME = re.compile(rf"(?i){_NAMES}|policy|callback")
_PAIR = re.compile(rf"(?i)(?<![\w-])({_NAMES}|policy|sign|sig|x-amz-credential)=([^&\s\"'<>,]+)")
_MEMBER = re.compile(rf'(?i)(\\?"(?:{_NAMES}|policy|callback)\\?"\s*:\s*\\?")((?:[^"\\]|\\[^"])*)')
_CREDENTIAL_HEADERS = {
    "authorization", "cookie", "proxy-authorization", "set-cookie", "x-ca-signature",
    "x-oss-callback",
}  # fmt: skip
_KEPT = re.compile(r"(app_id|nonce_str|timestamp)=[^,]*")


class SecretRedactor:
    """Hides known secrets everywhere, and all values in places for secrets."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        words = {form for secret in secrets for form in _forms(secret)}
        longest_first = sorted(words, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def text(self, value: str) -> str:
        """Return a text (a URL, a body, a message) without secrets."""
        value = self._pattern.sub(HIDDEN, value)
        value = _PAIR.sub(rf"\1={HIDDEN}", value)
        return _MEMBER.sub(rf"\g<1>{HIDDEN}", value)

    def value(self, value: Any) -> Any:
        """Return JSON data without secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                name: HIDDEN
                if _NAME.fullmatch(name) and isinstance(item, str)
                else self.value(item)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

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
    """Return the texts to hide for a secret: plain, quoted and escaped."""
    if len(secret) < MIN_LENGTH:
        return set()
    # Every line of a private key is a secret.
    lines = {line for line in secret.splitlines() if len(line) > 20 and "-----" not in line}
    return {secret, quote(secret, safe=""), secret.replace("\n", "\\n"), *lines}
