"""A HAR of a browser, a proxy or the real service, played as requests of a test account.

Each request is signed again and answered by a mock, a new one in this process or one that runs.
Ids and URLs of the recorded answers are replaced by those that the mock gave in their places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import httpx
from msgspec import Struct

from mock_server.client import MockClient
from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Credentials
from mock_server.incidents.playing import Player
from mock_server.incidents.replay import Progress, UnreadableIncident
from mock_server.settings import Settings
from mock_server.tams import signature as tams
from mock_server.web.capture_formats import har_entry
from mock_server.web.captures import Capture, CaptureError
from mock_server.web.incident_files import RequestStep
from mock_server.web.pipeline import NO_SUCH_PATH
from mock_server.web.wall import wall
from mock_server.workshop import signature as workshop

HOST = "127.0.0.1:8080"
MAX_SHOWN = 5  # differences of one answer

_LEFT_OUT = re.compile(
    r"authorization|proxy-.*|host|content-length|connection|accept-encoding|transfer-encoding"
    r"|date|content-md5|x-ca-.*",
    re.IGNORECASE,
)
# What may be an id, a token or a URL: it is long, and has a digit.
_ID = re.compile(r"(?=.*\d)\S{8,}")


class HarRow(Struct, frozen=True):
    """One request: the status that was recorded, the mock's, and how the answers differ."""

    number: int
    request: str
    recorded: int
    answered: int | None
    differences: list[str]


class HarEntry(Struct, frozen=True):
    """A request of a HAR and its answer; `data` is the answer as JSON, or None."""

    captured: Capture
    host: str
    status: int
    data: Any


def read_har(har: Any) -> list[HarEntry]:
    """Return the entries of a HAR in the order of their times; raises UnreadableIncident."""
    found = []
    try:
        for number, entry in enumerate(har["log"]["entries"]):
            try:
                captured = har_entry(entry)
            except CaptureError as error:
                raise UnreadableIncident(f"log/entries/{number}: {error}") from error
            response = entry["response"]
            content = response.get("content", {})
            found.append(HarEntry(captured, captured.host, int(response["status"]), _json(content)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableIncident(f"this is no HAR: {type(error).__name__} {error}") from error
    return sorted(found, key=lambda entry: entry.captured.at or 0.0)


class MockAnswer(Struct, frozen=True):
    """What a mock answered; the status is None where the path is none of a vendor's."""

    status: int | None
    body: bytes


class Mock(Protocol):
    """Who answers the requests of a HAR."""

    credentials: Credentials

    def moment(self, recorded: float | None) -> float:
        """Return the real time at which a request is played that was recorded then."""

    async def answer(
        self, number: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> MockAnswer: ...


class NewMock:
    """A mock in this process. It plays requests at their recorded times."""

    def __init__(self, player: Player, credentials: Credentials) -> None:
        self.player = player
        self.credentials = credentials

    def moment(self, recorded: float | None) -> float:
        self.player.now = max(self.player.now, recorded or 0.0)
        return self.player.now

    async def answer(
        self, number: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> MockAnswer:
        step = RequestStep(
            kind="request", id=f"{number:08x}", at=self.player.now, method=method, target=target,
            headers=[],
        )  # fmt: skip
        sent = {"host": HOST, **headers, "content-length": str(len(body))}.items()
        lines = ((name.encode("latin-1"), value.encode("latin-1")) for name, value in sent)
        await self.player.request(step, tuple(lines), body)
        call = self.player.recorded(step.id)
        if call is None or call.trace.refusal == NO_SUCH_PATH:
            return MockAnswer(None, b"")
        return MockAnswer(0 if call.answer is None else call.answer.status, self.player.last_body)


class RunningMock:
    """A mock that runs, with an account of it. It plays requests now."""

    def __init__(self, mock: MockClient, account: str | None) -> None:
        """Without an `account`, the ready-made one is used. Raises CallRefused, NotReachable."""
        if account is None:
            account = next(each["id"] for each in mock.accounts() if each["readyMade"])
        found = mock.account(account)
        self.mock = mock
        self.credentials = Credentials(
            found["appId"], found["accessToken"], found["appKey"], found["appSecret"],
            private_key=found["privateKey"] or "",
        )  # fmt: skip
        self.http = httpx.AsyncClient(base_url=mock.url, timeout=mock.timeout, trust_env=False)

    def moment(self, recorded: float | None) -> float:
        return wall()

    async def answer(
        self, number: int, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> MockAnswer:
        request = self.http.build_request(method, "/", headers=headers, content=body)
        request.url = request.url.copy_with(raw_path=target.encode("latin-1"))
        try:
            answer = await self.http.send(request)
        except httpx.HTTPError:
            return MockAnswer(0, b"")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            entry = self.mock.request(answer.headers["x-mock-request-id"])
            if entry["refusal"] == NO_SUCH_PATH:
                return MockAnswer(None, b"")
        return MockAnswer(answer.status_code, answer.content)


async def play_har(
    entries: list[HarEntry],
    settings: Settings,
    progress: Progress = lambda done, of: None,
    account: str = "",
) -> list[HarRow]:
    """Play the entries of a HAR into a new mock with these settings; return a row for each.

    The `account` is made; without it, the ready-made one is used.
    """
    first = next((each.captured.at for each in entries if each.captured.at), None)
    player = Player(settings, first or wall())
    await player.open()
    try:
        accounts, id = player.app.accounts, account or settings.account_id
        found = await accounts.get(id) or await accounts.create(AccountSpec(id=id), player.now)
        return await _played_all(entries, NewMock(player, found.credentials), progress)
    finally:
        await player.close()


async def play_har_on(
    mock: RunningMock, entries: list[HarEntry], progress: Progress = lambda done, of: None
) -> list[HarRow]:
    """Play the entries of a HAR on a mock that runs; return a row for each."""
    async with mock.http:
        return await _played_all(entries, mock, progress)


async def _played_all(entries: list[HarEntry], mock: Mock, progress: Progress) -> list[HarRow]:
    rows, known = list[HarRow](), dict[str, str]()
    for number, entry in enumerate(entries, start=1):
        rows.append(await _played(number, entry, mock, known))
        progress(number, len(entries))
    return rows


async def _played(number: int, entry: HarEntry, mock: Mock, known: dict[str, str]) -> HarRow:
    captured = entry.captured
    url = _replaced(f"{captured.scheme}://{entry.host}{captured.target.decode('latin-1')}", known)
    target = re.sub(r"^[a-z]+://[^/]*", "", url)
    body = _replaced(captured.body.decode("latin-1"), known).encode("latin-1")
    headers = {
        name.lower(): value for name, value in captured.headers if not _LEFT_OUT.fullmatch(name)
    }
    at = mock.moment(captured.at)
    headers |= _signed(captured.method, target, body, headers, mock.credentials, at, number)
    answer = await mock.answer(number, captured.method, target, headers, body)
    request, answered = f"{captured.method} {target.partition('?')[0]}", answer.status
    if answered is None:
        return HarRow(number, request, entry.status, None, [])
    found = _read(answer.body)
    differences = []
    if entry.data is not None and found is not None:
        known.update(_names(entry.data, found))
        differences = _shape_differences(entry.data, found)
    if answered != entry.status:
        differences = [f"the status is {answered} {_reason(answered)}".strip()]
    return HarRow(number, request, entry.status, answered, differences)


def _signed(
    method: str,
    target: str,
    body: bytes,
    headers: Mapping[str, str],
    credentials: Credentials,
    at: float,
    number: int,
) -> dict[str, str]:
    """Return the headers that a client of the account sends; none where a URL is enough."""
    path, nonce = target.encode("latin-1"), f"replay-{number}"
    if target.startswith("/scc/"):
        return workshop.sign(
            credentials.secret,
            credentials.key,
            method,
            path,
            body,
            timestamp_ms=int(at * 1000),
            nonce=nonce,
            content_type=headers.get("content-type", "application/json; charset=utf-8"),
        )
    if not target.startswith("/v1/"):
        return {}
    if not credentials.private_key:
        return {"authorization": f"Bearer {credentials.token}"}
    signed = tams.sign(
        credentials.private_key,
        credentials.app_id,
        method,
        path,
        body,
        timestamp=int(at),
        nonce=nonce,
    )
    return {"authorization": signed}


def _replaced(text: str, known: Mapping[str, str]) -> str:
    for recorded in sorted(known, key=len, reverse=True):
        text = text.replace(recorded, known[recorded])
    return text


def _names(recorded: Any, found: Any) -> Iterator[tuple[str, str]]:
    """Yield texts that stand in the same places of both answers, and may be named later."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        for name in recorded.keys() & found.keys():
            yield from _names(recorded[name], found[name])
    elif isinstance(recorded, list) and isinstance(found, list):
        for old, new in zip(recorded, found, strict=False):
            yield from _names(old, new)
    elif isinstance(recorded, str) and isinstance(found, str) and _ID.fullmatch(recorded):
        yield recorded, found


def _shape_differences(recorded: Any, found: Any) -> list[str]:
    was, now = set(_shape(recorded)), set(_shape(found))
    differences = [f"{each} is missing" for each in sorted(was - now)]
    differences += [f"{each} is new" for each in sorted(now - was)]
    more = len(differences) - MAX_SHOWN
    return differences[:MAX_SHOWN] + ([f"and {more} more"] if more > 0 else [])


def _shape(value: Any, pointer: str = "") -> Iterator[str]:
    """Yield each place in a JSON value with its type; all members of a list are one place."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _shape(each, f"{pointer}/{name}")
    elif isinstance(value, list):
        for each in value:
            yield from _shape(each, f"{pointer}/*")
    else:
        kind = "number" if type(value) in (int, float) else type(value).__name__
        yield f"{pointer or '/'} ({ {'str': 'text', 'NoneType': 'null'}.get(kind, kind) })"


def _json(content: Mapping[str, Any]) -> Any:
    if content.get("encoding") == "base64":
        return None
    return _read((content.get("text") or "").encode())


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
