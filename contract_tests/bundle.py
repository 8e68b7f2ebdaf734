"""Evidence of a run in one dated file without secrets, with a digest of each part.

manifest.json            what was tested, when, with which versions, budget and outcome; digests
report.json              the report of a run of the suite
observations.json        open questions, and what the target does; `learn` reads this
exchanges/tams/….jsonl   requests and answers of the tests of one file, in order
recording/…              the scenes, if `record` made the bundle; as in `recording/shape.py`
"""

from __future__ import annotations

import hashlib
import json
import platform
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contract_tests.redaction import SecretRedactor

FORMAT = 1
MANIFEST = "manifest.json"
OBSERVATIONS = "observations.json"
EXCHANGES = "exchanges/"
RECORDING = "recording/"
DISTRIBUTION = "tams-mock"
MAX_BYTES = 2_000_000_000  # of all members of a bundle


class BadBundle(Exception):
    """A file is not a bundle, or was changed; the message says why."""


@dataclass(frozen=True)
class EvidenceBundle:
    """A bundle that was read: its manifest, and its members as bytes."""

    manifest: Mapping[str, Any]
    members: Mapping[str, bytes]

    def json(self, name: str) -> Any:
        """Return the data of a member, or raise `BadBundle`."""
        if name not in self.members:
            raise BadBundle(f"the bundle has no {name}: {self.manifest.get('made_by')} made it")
        return json.loads(self.members[name])

    def exchanges(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the transcript."""
        for name, content in self.members.items():
            if name.startswith(EXCHANGES):
                yield from map(json.loads, content.splitlines())


def write_bundle(
    folder: Path,
    manifest: Mapping[str, Any],
    members: Mapping[str, Any],
    redactor: SecretRedactor,
) -> Path:
    """Write a bundle into a folder and return its path; others in the folder stay.

    A member's data is written as JSON, or as lines of JSON if its name ends with `jsonl`; a text is
    written as it is, because it has references in places for secrets. The manifest needs `target`
    (kind and urls) and `finished`; versions and digests are added. Secrets are removed from it all.
    """
    contents = {
        name: redactor.known(data).encode()
        if isinstance(data, str)
        else _as_bytes(name, redactor.value(data))
        for name, data in members.items()
    }
    about = redactor.value({**manifest, "format": FORMAT, "versions": _versions()})
    about["members"] = [
        {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.fromtimestamp(manifest["finished"], UTC)
    path = _free_path(folder, f"evidence-{moment:%Y-%m-%d}-{_slug(about['target'])}")
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as file:
        for name, content in {MANIFEST: _as_bytes(MANIFEST, about), **contents}.items():
            file.writestr(zipfile.ZipInfo(name, moment.timetuple()[:6]), content,
                          zipfile.ZIP_DEFLATED)  # fmt: skip
    return path


def read_bundle(path: Path) -> EvidenceBundle:
    """Return a bundle after its digests were compared, or raise `BadBundle`."""
    try:
        with zipfile.ZipFile(path) as file:
            if sum(info.file_size for info in file.infolist()) > MAX_BYTES:
                raise BadBundle(f"{path} is larger than {MAX_BYTES} bytes")
            members = {name: file.read(name) for name in file.namelist()}
        manifest = json.loads(members.pop(MANIFEST))
        if manifest["format"] != FORMAT:
            raise BadBundle(f"{path} has format {manifest['format']}, expected {FORMAT}")
        digests = {each["name"]: each["sha256"] for each in manifest["members"]}
    except OSError as error:
        raise BadBundle(f"{path} cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise BadBundle(f"{path} is not a bundle of evidence: {error}") from None
    found = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    if changed := sorted(name for name, _ in found.items() ^ digests.items()):
        raise BadBundle(
            f"{path} was changed: {changed[0]} does not have the digest of the manifest"
        )
    return EvidenceBundle(manifest, members)


def transcript_members(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the exchanges of a run's folder as members, one for each file of tests."""
    members: dict[str, list[dict[str, Any]]] = {}
    for entry in read_transcripts(folder):
        place = str(entry["test"]).partition("::")[0].removesuffix(".py")
        surface = entry["surface"]
        name = place if place.startswith(f"{surface}/") else f"{surface}/{place}"
        members.setdefault(f"{EXCHANGES}{name.replace(' ', '-')}.jsonl", []).append(entry)
    ordered = sorted(members.items())
    return {name: sorted(lines, key=lambda entry: str(entry["test"])) for name, lines in ordered}


def read_transcripts(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of all transcripts of a run's folder."""
    for path in sorted(folder.glob("transcript-*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # the last line of a killed process


def suite_version() -> str:
    """Return the version of the installed suite, or an empty text."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return ""


def _versions() -> dict[str, str]:
    return {
        "suite": suite_version(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _as_bytes(name: str, data: Any) -> bytes:
    lines: Iterable[Any] = data if name.endswith(".jsonl") else [data]
    indent = None if name.endswith(".jsonl") else 1
    text = "".join(json.dumps(line, ensure_ascii=False, indent=indent) + "\n" for line in lines)
    return text.encode("utf-8", "backslashreplace")


def _slug(target: Mapping[str, Any]) -> str:
    """Return the kind of a target, or its host if it is a URL."""
    if target["kind"] != "url":
        return str(target["kind"])
    hosts = [urlsplit(url).hostname or "" for url in target["urls"].values()]
    return "".join(c if c.isalnum() or c in ".-" else "-" for c in (hosts or ["url"])[0])


def _free_path(folder: Path, stem: str) -> Path:
    path, count = folder / f"{stem}.zip", 1
    while path.exists():
        count += 1
        path = folder / f"{stem}-{count}.zip"
    return path
