"""The transcript: every exchange of a run as a line of JSON, without secrets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract_tests.answers import SentRequest
from contract_tests.redaction import SecretRedactor

MAX_BODY = 65_536  # characters of a body that are kept
_MAX_READ = 4 * MAX_BODY  # bytes of a body that are read
_TAIL = 8192  # characters before that limit that are dropped: half a secret is not recognised


@dataclass(frozen=True)
class ExchangeResult:
    """The result of a request that was sent `at` this wall time and `took` so many seconds.

    If `status` is None, no answer came and `error` says why.
    """

    at: float
    took: float
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""
    error: str = ""


class Transcript:
    """Writes the exchanges of one process to its own file; keys are unique in the run."""

    def __init__(self, path: Path, prefix: str, redactor: SecretRedactor) -> None:
        self._path = path
        self._prefix = prefix
        self._redactor = redactor
        self._count = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    def write(
        self, test: str, surface: str, sent: SentRequest, result: ExchangeResult
    ) -> tuple[str, dict[str, Any]]:
        """Write an exchange; return its key and what was written."""
        self._count += 1
        key = f"{self._prefix}{self._count:05d}"
        entry: dict[str, Any] = {
            "exchange": key,
            "test": test,
            "surface": surface,
            "at": round(result.at, 3),
            "took_ms": round(result.took * 1000, 1),
            "request": {
                "method": sent.method,
                "url": self._redactor.text(sent.url),
                "headers": self._headers(sent.headers),
                **self._body(sent.body),
            },
        }
        if result.status is None:
            entry["error"] = self._redactor.text(result.error)
        else:
            entry["response"] = {
                "status": result.status,
                "headers": self._headers(result.headers),
                **self._body(result.content),
            }
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()
        return key, entry

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _headers(self, headers: Iterable[tuple[str, str]]) -> list[list[str]]:
        return [[name, self._redactor.header(name, value)] for name, value in headers]

    def _body(self, content: bytes) -> dict[str, Any]:
        """Return a body as text, or the size and digest of a binary body."""
        if not content:
            return {}
        try:
            text = self._redactor.text(_beginning(content).decode())
            if len(content) > _MAX_READ:
                text = text[:-_TAIL]
        except UnicodeDecodeError:
            digest = hashlib.sha256(content).hexdigest()
            return {"bytes": len(content), "sha256": digest}
        if len(text) > MAX_BODY or len(content) > _MAX_READ:
            return {"body": text[:MAX_BODY], "cut": True, "bytes": len(content)}
        return {"body": text}


def _beginning(content: bytes) -> bytes:
    """Return the bytes to read, cut between two characters."""
    end = _MAX_READ
    while end < len(content) and content[end] & 0xC0 == 0x80:
        end -= 1
    return content[:end]
