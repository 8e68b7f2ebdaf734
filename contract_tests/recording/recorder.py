"""Recording: playing the scenes against a target, and keeping its answers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from contract_tests import wall
from contract_tests.answers import Unmet
from contract_tests.bundle import (
    RECORDING,
    BadBundle,
    read_bundle,
    read_transcripts,
    transcript_members,
    write_bundle,
)
from contract_tests.control import ControlClient
from contract_tests.current_test import CurrentTest
from contract_tests.pacing import WINDOW
from contract_tests.recording.normalising import normalise_scene
from contract_tests.recording.scenes import Scene, SceneContext
from contract_tests.recording.shape import (
    BadRecording,
    RawExchange,
    RecordedScene,
    Recording,
    read_recording,
)
from contract_tests.recording.tams_scenes import scene as tams_scene
from contract_tests.recording.transcript import RecordingTranscript, does, step_name
from contract_tests.recording.workshop_scenes import scene as workshop_scene
from contract_tests.report.gathering import gather
from contract_tests.resources import CreatedResource, read_resources
from contract_tests.run import Run
from contract_tests.run_folders import new_folder
from contract_tests.selection import admit
from contract_tests.settings import RunSettings
from contract_tests.targets import ContractTarget, TargetDown, check_target

SCENES = (*tams_scene.all, *workshop_scene.all)

# A mock's clock is frozen during a recording, so that nothing depends on speed. The moment is the
# same each time, and later than the time of any recording: 2033-05-18.
FROZEN_AT = 2_000_000_000


@dataclass(frozen=True)
class RecordingResult:
    """A recording, the scenes that were not played, the resources left at the target.

    `bundle` is the path of the evidence, if that was asked for.
    """

    recording: Recording
    not_played: tuple[tuple[str, str], ...]
    left: tuple[CreatedResource, ...]
    bundle: Path | None = None


class RecordingRun(Run):
    """A run whose transcript keeps the exchanges for a recording."""

    @cached_property
    def transcript(self) -> RecordingTranscript:
        """Return the transcript of this process."""
        path = self.folder / "transcript-record.jsonl"
        return RecordingTranscript(path, "record-", self.redactor)


def record(
    settings: RunSettings,
    only: Sequence[str] | None = None,
    on_scene: Callable[[str], None] = lambda _: None,
) -> RecordingResult:
    """Play the scenes (all, or the named ones) and return what was recorded.

    `on_scene` gets the name of each scene before it is played. Raises `TargetDown`, `BadSettings`.
    """
    check_target(settings)
    with tempfile.TemporaryDirectory(prefix="tams-contract-") as state:
        # A recording is a run, so it has the folder of a run.
        run = RecordingRun(settings, new_folder(Path(state)), "record")
        started = wall.now()
        try:
            recording, not_played = _record_scenes(run, only, on_scene)
        finally:
            run.close()
        made = read_resources(sorted(run.folder.glob("made-*.jsonl")))
        left = tuple(thing for thing in made if thing.state == "open")
        result = RecordingResult(recording, not_played, left)
        folder = settings.flags.record_evidence
        return (
            result
            if folder is None
            else replace(result, bundle=_bundle(run, result, folder, started))
        )


def from_run(folder: Path) -> Recording:
    """Return the exchanges of a run as a recording, with one scene for each test.

    Raises `BadRecording` for a folder without transcripts.
    """
    try:
        about = json.loads((folder / "target.json").read_text(encoding="utf-8"))
        return _from_transcripts(about, read_transcripts(folder))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BadRecording(f"{folder} is not the folder of a run: {error}") from error


def open_recording(path: Path) -> Recording:
    """Return the recording in a folder or in a bundle of evidence, or raise `BadRecording`.

    A bundle of the suite has one scene for each test.
    """
    if not path.is_file():
        return read_recording(path)
    try:
        bundle = read_bundle(path)
        scenes = {n: c for n, c in bundle.members.items() if n.startswith(RECORDING)}
        if not scenes:
            return _from_transcripts(bundle.manifest["target"], bundle.exchanges())
        with tempfile.TemporaryDirectory(prefix="tams-contract-") as folder:
            for name, content in scenes.items():
                file = Path(folder, *PurePosixPath(name).parts)
                if ".." in file.parts:
                    raise BadRecording(f"{path} has a member outside of it: {name}")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            return read_recording(Path(folder, RECORDING))
    except BadBundle as error:
        raise BadRecording(str(error)) from None
    except (KeyError, AttributeError, TypeError) as error:
        raise BadRecording(f"{path} has no exchanges: {error}") from None


def _bundle(run: RecordingRun, result: RecordingResult, folder: Path, started: float) -> Path:
    """Write the evidence of a recording, and return its path."""
    about = gather(run.folder, run.settings.flags.target, started=started, finished=wall.now(),
                   complete=not result.not_played)  # fmt: skip
    manifest = {
        "made_by": "record",
        **{name: about.to_json()[name] for name in ("started", "finished", "complete", "target",
                                                    "profile", "money")},
        "outcome": f"{len(result.recording.scenes)} scenes",
        "not_played": [list(each) for each in result.not_played],
        "left": [asdict(made) for made in result.left],
    }  # fmt: skip
    scenes = {f"{RECORDING}{name}": text for name, text in result.recording.files().items()}
    return write_bundle(folder, manifest, scenes | transcript_members(run.folder), run.redactor)


def _from_transcripts(about: Mapping[str, Any], entries: Iterable[dict[str, Any]]) -> Recording:
    urls = {str(url): "{{endpoint}}" for url in about["urls"].values()}
    target = str(about["kind"])
    found: dict[str, list[RawExchange]] = {}
    for entry in entries:
        name, raw = _raw_exchange(entry)
        raws = found.setdefault(name, [])
        step = step_name(raw.step, [other.step for other in raws])
        raws.append(RawExchange(**{**raw.__dict__, "step": step}))
    scenes = [
        RecordedScene(name, "", (), tuple(normalise_scene(raws, urls)))
        for name, raws in found.items()
    ]
    return Recording(target, tuple(sorted(scenes, key=lambda scene: scene.name)))


def _record_scenes(
    run: RecordingRun, only: Sequence[str] | None, on_scene: Callable[[str], None]
) -> tuple[Recording, tuple[tuple[str, str], ...]]:
    target = run.target
    if target.kind == "mock":
        _freeze_clock(run.settings, target)
    recorded, not_played = [], []
    for scene in SCENES:
        if (only is not None and scene.name not in only) or (
            scene.surface not in run.settings.surfaces
        ):
            continue
        on_scene(scene.name)
        run.current_test = CurrentTest.of(scene.name, scene.surface, scene.marks.spends)
        try:
            admit(scene.surface, scene.marks, run.settings, run.limits, target, run.ledger)
        except pytest.skip.Exception as reason:
            not_played.append((scene.name, str(reason)))
            continue
        run.transcript.take_kept()  # exchanges that the previous scene left
        try:
            if target.clock.moves:
                # The pace of one scene must not affect the next.
                target.clock.pause(2 * WINDOW)
            scene.play(_context(run))
        except (Unmet, pytest.skip.Exception) as reason:
            not_played.append((scene.name, f"to its end: {run.redactor.text(str(reason))}"))
        except httpx.HTTPError as reason:
            not_played.append((scene.name, f"to its end: {type(reason).__name__}: {reason}"))
        exchanges = normalise_scene(run.transcript.take_kept(), _known(target, scene))
        if exchanges:
            source = scene.marks.source
            recorded.append(RecordedScene(scene.name, scene.says, source, tuple(exchanges)))
    _check_reached(recorded)
    return Recording(target.kind, tuple(recorded)), tuple(not_played)


def _context(run: RecordingRun) -> SceneContext:
    credentials = run.target.credentials
    return SceneContext(
        tams=run.tams,
        workshop=run.workshop,
        clock=run.target.clock,
        transcript=run.transcript,
        bearer=credentials.tams.bearer(),
        key=credentials.workshop.auth(),
    )


def _freeze_clock(settings: RunSettings, target: ContractTarget) -> None:
    """Freeze the account's clock at the time of all recordings."""
    control = ControlClient(target.http, target.urls["tams"], settings.control_token)
    account = control.account_of(target.credentials)
    if account is None:
        raise TargetDown("the mock does not know the account of this run")
    token = settings.control_token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = target.http.put(
            f"{target.urls['tams']}/_mock/clock",
            params={"account": account.id},
            json={"now": FROZEN_AT, "rate": 0},
            headers=headers,
        )
    except httpx.TransportError as error:
        raise TargetDown(f"the mock's clock cannot be frozen: {error}") from error
    if not answer.is_success:
        raise TargetDown(f"the mock's clock cannot be frozen: {answer.text[:300]}")


def _known(target: ContractTarget, scene: Scene) -> dict[str, str]:
    """Return the values that are known before the scene, with their references."""
    url = target.urls.get(scene.surface, "")
    tams, workshop = target.credentials.tams, target.credentials.workshop
    return {
        url: "{{endpoint}}",
        urlsplit(url).netloc: "{{host}}",
        tams.app_id: "{{app-id}}",
        tams.access_token: "{{access-token}}",
        workshop.app_key: "{{app-key}}",
        workshop.app_secret: "{{app-secret}}",
    }


def _check_reached(scenes: list[RecordedScene]) -> None:
    """Raise `TargetDown` if no request was answered."""
    exchanges = [exchange for scene in scenes for exchange in scene.exchanges]
    if exchanges and all("error" in exchange for exchange in exchanges):
        raise TargetDown(f"the target answered nothing: {exchanges[0]['error']}")


def _raw_exchange(entry: Mapping[str, Any]) -> tuple[str, RawExchange]:
    """Return a line of a transcript as an exchange, with the name of its scene."""
    surface, request = entry["surface"], entry["request"]
    response = entry.get("response") or {}
    # The id of a test becomes a file name: tams/test_jobs.py::test_x is tams/test_jobs.test_x.
    test = entry["test"].replace(".py::", ".").replace("/", ".").replace("::", ".")
    return f"{surface}/{test.removeprefix(f'{surface}.')}", RawExchange(
        step=does(surface, request["method"], request["url"]),
        method=request["method"],
        url=request["url"],
        sent_headers=tuple((n, v) for n, v in request["headers"]),
        sent=str(request.get("body", "")).encode(),
        status=response.get("status"),
        headers=tuple((n, v) for n, v in response.get("headers", [])),
        content=str(response.get("body", "")).encode(),
        error=entry.get("error", ""),
    )
