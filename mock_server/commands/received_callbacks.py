"""Reading a received callback: which vendor sent it, what it says, whether it is genuine."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct, to_builtins


class ReceivedCallback(Struct, frozen=True, rename="camel"):
    """One callback as it arrived.

    `about` is the id of its job or task. `genuine` is None for TAMS, which does not sign. `token`
    is the decrypted token, or the token as it came.
    """

    surface: str
    event: str
    about: str
    state: str
    api_id: str = ""
    invoke_id: str = ""
    token: str = ""
    genuine: bool | None = None
    body: Any = None

    def as_line(self) -> str:
        """Return it as one line of printable characters."""
        words = [f"{self.surface:<8}", f"{self.event:<21}"]
        is_job = self.surface == "tams"  # whose event is the state
        named = {
            "job" if is_job else "task": self.about,
            "state": "" if is_job else self.state,
            "api": self.api_id,
            "invoke": self.invoke_id,
            "token": self.token,
        }
        words += [f"{name} {value}" for name, value in named.items() if value]
        if self.genuine is not None:
            words.append("sign ok" if self.genuine else "WRONG SIGN")
        line = "  ".join(words)
        return "".join(letter if letter.isprintable() else "?" for letter in line)

    def as_json(self) -> dict[str, Any]:
        """Return every member by its JSON name."""
        members: dict[str, Any] = to_builtins(self)
        return members


def read_arrival(query: bytes, body: bytes, secret: str) -> ReceivedCallback:
    """Read a callback of either vendor; no bytes make it raise."""
    text = query.decode("latin-1")
    given = dict(parse_qsl(text, keep_blank_values=True))
    data = _read(body)
    if "bizType" in given:
        return _workshop(text, given, data, secret)
    job = _member(data, "job")
    state = _text(data, "status") or _text(job, "status")
    return ReceivedCallback(
        surface="tams",
        event=state or "(no status)",
        about=_text(data, "jobId") or _text(job, "id"),
        state=state,
        body=data,
    )


def _workshop(query: str, given: dict[str, str], data: Any, secret: str) -> ReceivedCallback:
    from mock_server.workshop.event_signature import is_genuine, unseal

    token = given.get("apiToken", "")
    return ReceivedCallback(
        surface="workshop",
        event=given["bizType"],
        about=_text(data, "taskId"),
        state=_text(data, "status"),
        api_id=given.get("apiId", ""),
        invoke_id=given.get("invokeId", ""),
        token=unseal(secret, token) or token,
        genuine=is_genuine(secret, query),
        body=data,
    )


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def _member(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, dict) else None


def _text(data: Any, name: str) -> str:
    value = _member(data, name)
    return "" if value is None else str(value)
