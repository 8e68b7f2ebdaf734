"""The format of a recording on disk: a folder with a file for each scene.

    about.json               {"format": 1, "target": "mock"}
    tams/prices.json         one scene: {"scene", "says", "source", "exchanges": […]}

An exchange has a `step`, a `request` (method, url, headers, body) and a `response` (status,
headers, body) or, if no answer came, an `error`. A body is `body` (JSON as JSON, else text) or
`file` (a description of binary data). A `passing` exchange may be missing in other recordings.
Nothing depends on the time of the recording.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
ABOUT = "about.json"

RecordedExchange = dict[str, Any]
"""A normalised exchange, as plain data."""


class BadRecording(Exception):
    """A folder contains no readable recording; the message says why."""


@dataclass(frozen=True)
class RawExchange:
    """An exchange as sent and received, with its secrets. It is never written to a file.

    If `status` is None, no answer came and `error` says why. `passing` means that the exchange
    shows a short state, which other recordings may miss.
    """

    step: str
    method: str
    url: str
    sent_headers: tuple[tuple[str, str], ...]
    sent: bytes
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""
    error: str = ""
    passing: bool = False


@dataclass(frozen=True)
class RecordedScene:
    """A scene as it was recorded; `name` begins with its surface, as in tams/prices."""

    name: str
    says: str
    source: tuple[str, ...]
    exchanges: tuple[RecordedExchange, ...]

    def to_text(self) -> str:
        """Return the text of the scene's file."""
        data = {
            "scene": self.name,
            "says": self.says,
            "source": list(self.source),
            "exchanges": list(self.exchanges),
        }
        return as_text(data)


@dataclass(frozen=True)
class Recording:
    """All scenes of a target; `target` is mock, url or real."""

    target: str
    scenes: tuple[RecordedScene, ...]

    def files(self) -> dict[str, str]:
        """Return the text of each file of the recording, by its path in the folder."""
        about = {"format": FORMAT, "target": self.target}
        return {ABOUT: as_text(about)} | {f"{s.name}.json": s.to_text() for s in self.scenes}


def as_text(data: Any) -> str:
    """Return data as readable JSON in one fixed form, for version control."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which needs an escape
        text = json.dumps(data, indent=2) + "\n"
    return text


def write_recording(recording: Recording, folder: Path) -> None:
    """Write a recording, and delete old scenes of its surfaces.

    Raises `BadRecording` for a folder with other content, `OSError`.
    """
    if folder.is_dir() and any(folder.iterdir()):
        read_recording(folder)
    surfaces = {scene.name.partition("/")[0] for scene in recording.scenes}
    for surface in surfaces:
        for old in (folder / surface).glob("*.json"):
            old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in recording.files().items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def read_recording(folder: Path) -> Recording:
    """Return the recording in a folder, or raise `BadRecording`."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise BadRecording(f"{folder} has format {about['format']}, expected {FORMAT}")
        scenes = tuple(_read_scene(path) for path in sorted(folder.glob("*/*.json")))
        return Recording(str(about["target"]), scenes)
    except FileNotFoundError:
        raise BadRecording(f"{folder} is not a recording: {ABOUT} is missing") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRecording(f"{folder} is not a readable recording: {error}") from error


def _read_scene(path: Path) -> RecordedScene:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        exchanges = tuple(dict(exchange) for exchange in data["exchanges"])
        for exchange in exchanges:
            if not isinstance(exchange["step"], str) or not {"response", "error"} & set(exchange):
                raise BadRecording(f"{path}: an exchange needs a step, and a response or an error")
        return RecordedScene(
            str(data["scene"]), str(data["says"]), tuple(data["source"]), exchanges
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadRecording(f"{path} is not a scene of a recording: {error}") from error
