"""Plays an incident into a new mock, and compares the answers with those in the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from mock_server import __version__
from mock_server.control.incidents import request_step
from mock_server.control.problems import problem_in
from mock_server.control.stand_ins import StandIns
from mock_server.incidents.playing import Player
from mock_server.setting_sources import SettingsError
from mock_server.settings import Settings, settings_from
from mock_server.web import extras
from mock_server.web.incident_files import (
    AnswerPart,
    CallbackStep,
    IncidentBody,
    RecordedBody,
    RequestStep,
    ResumeStep,
)
from mock_server.web.traces import Headers

MAX_SHOWN = 80  # characters of a value in a difference

Progress = Callable[[int, int], object]  # how many requests were played, of how many


class UnreadableIncident(Exception):
    """The file is not an incident; the message says where and why."""


class AnswerDifference(Struct, frozen=True):
    """Where an answer differs first: `number` counts requests from 1, `place` is in words."""

    number: int
    id: str
    request: str
    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"request {self.number}, {self.request} ({self.id}): {self.place} differs\n"
            f"expected: {self.expected}\n"
            f"found:    {self.found}"
        )


class ReplayReport(Struct, frozen=True):
    """What came of a replay. `notes` are sentences about what limits it."""

    requests: int
    same: int
    differences: list[AnswerDifference]
    notes: list[str]


def read_incident(data: bytes) -> IncidentBody:
    """Return the incident that a file has; raises UnreadableIncident."""
    try:
        return IncidentBody.model_validate_json(data)
    except ValidationError as error:
        raise UnreadableIncident(problem_in(error, IncidentBody, "body").detail) from error


async def replay(
    incident: IncidentBody, progress: Progress = lambda done, of: None
) -> ReplayReport:
    """Play an incident; raises UnreadableIncident if its settings cannot be used."""
    with TemporaryDirectory(prefix="tams-mock-") as folder:
        settings = _settings(incident, Path(folder))
        replaying = _Replaying(incident, settings, progress)
        return await replaying.run()


class _Replaying:
    def __init__(self, incident: IncidentBody, settings: Settings, progress: Progress) -> None:
        self.incident = incident
        self.progress = progress
        self.requests = [each for each in incident.steps if isinstance(each, RequestStep)]
        self.numbers = {each.id: number for number, each in enumerate(self.requests, start=1)}
        self.steps_by_id = {each.id: each for each in self.requests}
        self.resumed = {each.id for each in incident.steps if isinstance(each, ResumeStep)}
        self.differences: list[AnswerDifference] = []
        self.notes = [*_version_notes(incident), *incident.partial]
        self.done = 0
        self.player = Player(
            settings,
            incident.began_at,
            callbacks=[each for each in incident.steps if isinstance(each, CallbackStep)],
            gates=[(each.id, each.act) for each in incident.steps if isinstance(each, ResumeStep)],
        )

    async def run(self) -> ReplayReport:
        player = self.player
        await player.open()
        try:
            for place, step in enumerate(self.incident.steps):
                match step:
                    case RequestStep():
                        await self._request(step, self._beside(place))
                    case ResumeStep():
                        if await player.resume(step.id):
                            self._compare(self.steps_by_id[step.id])
                    case CallbackStep():
                        await player.callback(step)
        finally:
            await player.close()
        compared = len(self.requests)
        differing = {each.number for each in self.differences}
        return ReplayReport(compared, compared - len(differing), self.differences, self.notes)

    def _beside(self, place: int) -> list[CallbackStep]:
        """Return the callbacks that were sent between a request and the moment it went on."""
        found: list[CallbackStep] = []
        request = self.incident.steps[place]
        if not isinstance(request, RequestStep) or request.id not in self.resumed:
            return []
        for step in islice(self.incident.steps, place + 1, None):
            if isinstance(step, ResumeStep) and step.id == request.id:
                break
            if isinstance(step, CallbackStep):
                found.append(step)
        return found

    async def _request(self, step: RequestStep, beside: list[CallbackStep]) -> None:
        body = b"" if step.body is None else step.body.data
        if body is None:
            self._differs(step, "the request", "its body", "it had to make room")
            return
        if self._creates_the_account(step):
            await self.player.count_accounts(self.incident.accounts[0].number)
        if await self.player.request(step, headers_of(step.headers), body, beside):
            self._compare(step)

    def _creates_the_account(self, step: RequestStep) -> bool:
        return self.incident.account is not None and (step.method, step.target) == (
            "POST",
            "/_mock/accounts",
        )

    def _compare(self, step: RequestStep) -> None:
        self.done += 1
        self.progress(self.done, len(self.requests))
        call = self.player.recorded(step.id)
        if call is None or step.unanswered:
            return
        found = request_step(call, StandIns((), ()))
        for place, was, now in _differences(step, found):
            self._differs(step, place, was, now)
            return

    def _differs(self, step: RequestStep, place: str, expected: str, found: str) -> None:
        request = f"{step.method} {step.target.partition('?')[0]}"
        number = self.numbers[step.id]
        self.differences.append(AnswerDifference(number, step.id, request, place, expected, found))


def headers_of(lines: list[str]) -> Headers:
    """Return headers that are lines as pairs."""
    pairs = (line.partition(": ") for line in lines)
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, _, value in pairs)


def _settings(incident: IncidentBody, folder: Path) -> Settings:
    """Return the settings, with the files that they name in a folder."""
    names = {part for name in incident.files for part in (name, name.partition("/")[0])}
    for name, text in incident.files.items():
        owner, _, leaf = name.partition("/")
        if not owner.isidentifier() or leaf != Path(leaf).name or leaf in ("", ".", ".."):
            raise UnreadableIncident(f"files/{name}: is not the name of a setting and a file")
        path = folder / owner / leaf
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    try:
        return settings_from(incident.settings, folder, names)
    except SettingsError as error:
        raise UnreadableIncident(f"settings: {error}") from error


def _version_notes(incident: IncidentBody) -> Iterator[str]:
    if incident.made_by != f"tams-mock {__version__}":
        yield f"it was recorded by {incident.made_by}, and this is tams-mock {__version__}"
    for name, here in extras.versions(incident.libraries).items():
        recorded = incident.libraries[name]
        if recorded != here:
            yield f"it was recorded with {name} {recorded}, and this is {name} {here}"


# Comparing


def _differences(step: RequestStep, found: RequestStep) -> Iterator[tuple[str, str, str]]:
    """Yield places, and what is expected and found there."""
    was, now = step.answer, found.answer
    if was is None or now is None:
        if was is not now:
            yield "the answer", _status(was), _status(now)
        return
    if was.status != now.status:
        yield "the status", _status(was), _status(now)
    if step.remark != found.remark:
        yield "the header x-mock-remark", str(step.remark), str(found.remark)
    yield from _header_differences(was.headers, now.headers)
    yield from _body_differences(was.body, now.body)


def _status(answer: AnswerPart | None) -> str:
    if answer is None:
        return "no answer"
    text = answer.body.text
    return f"{answer.status}" + (f" {_short(text)}" if text else "")


def _header_differences(was: list[str], now: list[str]) -> Iterator[tuple[str, str, str]]:
    kept, found = (
        [line for line in lines if not line.lower().startswith("date: ")] for lines in (was, now)
    )
    if kept == found:
        return
    for line in kept:
        if line not in found:
            name = line.partition(":")[0]
            others = [each for each in found if each.startswith(f"{name}:")]
            yield f"the header {name}", line, ", ".join(others) or "none"
            return
    more = [line for line in found if line not in kept]
    yield "the headers", ", ".join(kept), ", ".join(more or found)


def _body_differences(was: RecordedBody, now: RecordedBody) -> Iterator[tuple[str, str, str]]:
    if was == now:
        return
    expected, found = was.data, now.data
    if expected is None or found is None:
        yield "the body", _size(was), _size(now)
        return
    offset = next(
        (at for at, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b),
        min(len(expected), len(found)),
    )
    where = f"the body at byte {offset}"
    member = next(_members_that_differ(_json(expected), _json(found)), None)
    if member is not None:
        pointer, old, new = member
        yield f"{where}, in {pointer or 'the whole'},", _json_text(old), _json_text(new)
        return
    yield where, _around(expected, offset), _around(found, offset)


def _size(body: RecordedBody) -> str:
    if body.digest:
        return f"{body.size} bytes with digest {body.digest}"
    return f"{len(body.data or b'')} bytes"


_NOTHING = object()


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return _NOTHING


def _json_text(value: Any) -> str:
    return "nothing" if value is _NOTHING else _short(json.dumps(value, ensure_ascii=False))


def _members_that_differ(was: Any, now: Any, pointer: str = "") -> Iterator[tuple[str, Any, Any]]:
    if was is _NOTHING or now is _NOTHING:
        if pointer:
            yield pointer, was, now
    elif isinstance(was, dict) and isinstance(now, dict):
        for name in {**was, **now}:
            inner = f"{pointer}/{name}"
            yield from _members_that_differ(was.get(name, _NOTHING), now.get(name, _NOTHING), inner)
    elif isinstance(was, list) and isinstance(now, list):
        for at in range(max(len(was), len(now))):
            old, new = (each[at] if at < len(each) else _NOTHING for each in (was, now))
            yield from _members_that_differ(old, new, f"{pointer}/{at}")
    elif type(was) is not type(now) or was != now:
        yield pointer, was, now


def _around(data: bytes, offset: int) -> str:
    return repr(data[max(0, offset - 20) : offset + 40])


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
