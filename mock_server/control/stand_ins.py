"""Stand-ins for foreign secrets, so that an incident keeps its shape and tells no secret.

A secret that the mock made, or that it knows as a default, stays: a replay needs it, and it opens
nothing else. Any other value in the place of a secret is foreign. It gets a stand-in of the same
length, the same wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, unquote

from mock_server.control.redaction import (
    MIN_LENGTH,
    credential_parts,
    in_bodies,
    is_secret,
    pairs_in_bodies,
    pieces_of,
)
from mock_server.web.auth_diagnostics.search_budget import Paced
from mock_server.web.traces import Headers

_AUTHORIZATION = (b"authorization", b"proxy-authorization")
_COOKIES = (b"cookie", b"set-cookie")


class StandIns:
    """Learns which secrets are the mock's own, and replaces all others."""

    def __init__(self, own: Iterable[str], foreign: Iterable[str]) -> None:
        self._own = set(own)
        self._stand_ins: dict[str, str] = {}
        self._long: list[tuple[bytes, bytes]] = []
        self._has_short = False
        for secret in foreign:
            self._learn(secret)

    def __len__(self) -> int:
        """How many secrets have stand-ins."""
        return len(self._stand_ins)

    # Learning

    def learn(self, headers: Headers, texts: Iterable[bytes], *, is_signed: bool) -> Paced[None]:
        """Take what is in places of secrets in a request for foreign, unless it is known.

        Where it `is_signed` for an account of the mock, its signature tells nothing.
        """
        for place, value in _in_headers(headers):
            if not (is_signed and place == "signature"):
                self._learn(value)
        for text in texts:
            yield from _in_text(text, self._learn)

    def trust(self, headers: Headers, text: bytes) -> Paced[None]:
        """Take what is in places of secrets in an answer for the mock's own, unless it is known."""
        for _, value in _in_headers(headers):
            self._trust(value)
        yield from _in_text(text, self._trust)

    def _trust(self, secret: str) -> None:
        if secret not in self._stand_ins:
            self._own.update((secret, unquote(secret)))

    def _learn(self, secret: str) -> None:
        if secret and secret not in self._own and secret not in self._stand_ins:
            name = f"redacted{len(self._stand_ins) + 1}"
            stand_in = name[: len(secret)].ljust(len(secret), "x")
            self._stand_ins[secret] = stand_in
            self._has_short = self._has_short or len(secret) < MIN_LENGTH
            if len(secret) >= MIN_LENGTH:
                for each in dict.fromkeys((secret, quote(secret, safe="", encoding="latin-1"))):
                    self._long.append((each.encode("latin-1"), stand_in.encode()))

    # Replacing

    def text(self, value: str) -> str:
        """Return a text with stand-ins."""
        return self.data(value.encode()).decode() if self._stand_ins else value

    def data(self, value: bytes) -> bytes:
        """Return bytes with stand-ins; short secrets are replaced in the places of secrets only."""
        if not self._stand_ins:
            return value
        for pattern in (*pairs_in_bodies(), *in_bodies()) if self._has_short else ():
            value = pattern.sub(self._in_place, value)
        for secret, stand_in in self._long:
            value = value.replace(secret, stand_in)
        return value

    def header(self, name: bytes, value: bytes) -> bytes:
        """Return the value of a header with stand-ins."""
        for _, secret in _in_headers(((name, value),)):
            if secret in self._stand_ins:
                stand_in = self._stand_ins[secret].encode("latin-1")
                value = value.replace(secret.encode("latin-1"), stand_in)
        return self.data(value)

    def _in_place(self, match: re.Match[bytes]) -> bytes:
        secret = match[0][len(match[1]) :].decode("latin-1")
        return match[1] + self._stand_ins.get(secret, secret).encode("latin-1")


def _in_headers(headers: Headers) -> Iterable[tuple[str, str]]:
    for name, raw in headers:
        value = raw.decode("latin-1")
        if name in _AUTHORIZATION:
            for part, secret, _ in credential_parts(value)[1]:
                yield "signature" if part.lower() == "signature" else "", secret
        elif name in _COOKIES:
            for crumb in value.split(";")[: 1 if name == b"set-cookie" else None]:
                yield "", crumb.partition("=")[2].strip()
        elif is_secret(name.decode("latin-1")):
            yield "signature" if name.endswith(b"signature") else "", value.strip()


def _in_text(text: bytes, found: Callable[[str], None]) -> Paced[None]:
    for pattern in (*pairs_in_bodies(), *in_bodies()):
        for piece in pieces_of(text):
            for match in pattern.finditer(piece):
                found(match[0][len(match[1]) :].decode("latin-1"))
            yield
