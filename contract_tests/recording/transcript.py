"""A transcript that also keeps the exchanges of a scene for the recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contract_tests.answers import SentRequest
from contract_tests.openapi import description
from contract_tests.recording.shape import RawExchange
from contract_tests.redaction import SecretRedactor
from contract_tests.transcripts import ExchangeResult, Transcript


class RecordingTranscript(Transcript):
    """Keeps the exchanges of a scene by name, except while it is paused."""

    def __init__(self, path: Path, prefix: str, redactor: SecretRedactor) -> None:
        super().__init__(path, prefix, redactor)
        self._kept: list[RawExchange] = []
        self._keeping = True
        self._label = ""
        self._last_unkept: RawExchange | None = None

    def name_next(self, label: str) -> None:
        """Name the next exchange; the default name is method and operation."""
        self._label = label

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep no exchange inside this context: polling is not part of a scene."""
        self._keeping = False
        try:
            yield
        finally:
            self._keeping = True

    def keep_last(self, label: str, *, passing: bool = False) -> None:
        """Keep the last exchange of a pause, under a name."""
        if self._last_unkept is not None:
            step = step_name(label, [raw.step for raw in self._kept])
            self._kept.append(replace(self._last_unkept, step=step, passing=passing))

    def take_kept(self) -> list[RawExchange]:
        """Return the kept exchanges, and start again."""
        kept, self._kept, self._label, self._last_unkept = self._kept, [], "", None
        return kept

    def write(
        self, test: str, surface: str, sent: SentRequest, result: ExchangeResult
    ) -> tuple[str, dict[str, Any]]:
        """Write an exchange, and keep it."""
        wanted = self._label or does(surface, sent.method, sent.url)
        step = step_name(wanted, [raw.step for raw in self._kept])
        raw = RawExchange(
            step,
            sent.method,
            sent.url,
            sent.headers,
            sent.body,
            result.status,
            result.headers,
            result.content,
            result.error,
        )
        if self._keeping:
            self._kept.append(raw)
            self._label = ""
        else:
            self._last_unkept = raw
        return super().write(test, surface, sent, result)


def does(surface: str, method: str, url: str) -> str:
    """Return method and operation of a request, by the vendor's OpenAPI file."""
    path = urlsplit(url).path
    known = description(surface).operation(method, path)
    return f"{method} {known[0] if known else '(elsewhere)'}"


def step_name(wanted: str, result: list[str]) -> str:
    """Return a name that is unique in the scene."""
    name, count = wanted, 1
    while name in result:
        count += 1
        name = f"{wanted} ({count})"
    return name
