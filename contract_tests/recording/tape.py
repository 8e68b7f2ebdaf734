"""The tape: a transcript that also keeps what was said, as it was said, for the recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contract_tests.answers import Sent
from contract_tests.documents import description
from contract_tests.recording.shape import Raw
from contract_tests.redaction import Redactor
from contract_tests.transcripts import Outcome, Transcript


class Tape(Transcript):
    """Keeps the exchanges of a scene, named by what is done, unless it is told not to look."""

    def __init__(self, path: Path, prefix: str, redactor: Redactor) -> None:
        super().__init__(path, prefix, redactor)
        self._kept: list[Raw] = []
        self._rolling = True
        self._label = ""
        self._unseen: Raw | None = None

    def call_it(self, label: str) -> None:
        """Name the next exchange; without a name it is called by method and operation."""
        self._label = label

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Keep nothing of what happens inside: waiting is no part of a scene."""
        self._rolling = False
        try:
            yield
        finally:
            self._rolling = True

    def keep_last(self, label: str, *, passing: bool = False) -> None:
        """Keep the last exchange of what was unseen after all, under a name."""
        if self._unseen is not None:
            step = step_name(label, [raw.step for raw in self._kept])
            self._kept.append(replace(self._unseen, step=step, passing=passing))

    def take_out(self) -> list[Raw]:
        """Return what was kept, and begin anew."""
        kept, self._kept, self._label, self._unseen = self._kept, [], "", None
        return kept

    def write(
        self, test: str, surface: str, sent: Sent, outcome: Outcome
    ) -> tuple[str, dict[str, Any]]:
        """Write an exchange down, and keep it."""
        wanted = self._label or does(surface, sent.method, sent.url)
        step = step_name(wanted, [raw.step for raw in self._kept])
        raw = Raw(
            step,
            sent.method,
            sent.url,
            sent.headers,
            sent.body,
            outcome.status,
            outcome.headers,
            outcome.content,
            outcome.error,
        )
        if self._rolling:
            self._kept.append(raw)
            self._label = ""
        else:
            self._unseen = raw
        return super().write(test, surface, sent, outcome)


def does(surface: str, method: str, url: str) -> str:
    """Return what a request does: its operation, where the vendor's OpenAPI file knows it."""
    path = urlsplit(url).path
    known = description(surface).operation(method, path)
    return f"{method} {known[0] if known else '(elsewhere)'}"


def step_name(wanted: str, taken: list[str]) -> str:
    """Return a name that no other step of the scene has."""
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted} ({count})"
    return name
