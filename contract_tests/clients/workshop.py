"""A client of the Workshop for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from contract_tests.answers import ReceivedAnswer, Unmet
from contract_tests.clients.wire import SurfaceRules, Wire
from contract_tests.clients.workshop_answers import FAILURE, SUCCESS, TASK_ENDS, judge

POLL = 1.0  # seconds between looks at a task, as the vendor's SDKs do
MAX_SECONDS = 600.0  # seconds for a task to end

_GENERATE = ("/scc/sd_txt2img", "/scc/sd_img2img", "/scc/comfy_prompt")
_BILL_TIME = ("/scc/spCreateSession", "/scc/spRefreshOrCreateSession", "/scc/spRefreshSession")
_ONE_USE = Decimal(1)


def _created(path: str, body: Any) -> Iterable[tuple[str, str]]:
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        return
    if path in _GENERATE and "taskId" in data:
        yield "task", str(data["taskId"])
    if path == "/scc/allocate_token" and "apiToken" in data:
        yield "token", shortened(str(data["apiToken"]))
    if path in _BILL_TIME and "apiToken" in data:
        yield "session", f"of token {shortened(str(data['apiToken']))}"


def _cost(body: Any) -> Decimal | None:
    """Return one use for a success, none for a refusal."""
    status = body.get("status") if isinstance(body, dict) else None
    return Decimal(0) if status == FAILURE else _ONE_USE if status == SUCCESS else None


def shortened(token: str) -> str:
    """Return a shortened token that can be recognised and not used."""
    # Tokens begin with their time. The end distinguishes tokens of the same time.
    return f"{token[:10]}…{token[-4:]}" if len(token) >= 20 else f"{token[:4]}…"


# `Workshop › 3.4`: flow control is a 429 of the gateway.
RULES = SurfaceRules(
    "workshop",
    frozenset(_GENERATE + _BILL_TIME),
    frozenset({429}),
    _created,
    _cost,
    frozenset(),
    judge,
)


def _is_json(answer: ReceivedAnswer) -> bool:
    return answer.headers.get("content-type", "").startswith("application/json")


@dataclass(frozen=True)
class Envelope:
    """An answer of the service with its envelope; `ok` means success."""

    answer: ReceivedAnswer
    ok: bool
    body: Any

    def expect_success(self) -> Any:
        """Return `data`, or raise `Unmet`."""
        if not self.ok:
            raise Unmet(
                f"{self.answer.sent} was refused, expected status {SUCCESS}: "
                f"{self.answer.status} {self.answer.excerpt()}"
            )
        return self.body["data"]

    def expect_data(self) -> Any:
        """Return `data` that is an object, or raise `Unmet`."""
        data = self.expect_success()
        if not isinstance(data, dict):
            raise Unmet(f"{self.answer.sent} answered without data: {self.answer.excerpt()}")
        return data


class WorkshopClient:
    """A client of the Workshop with one credential."""

    def __init__(self, wire: Wire, auth: httpx.Auth | None) -> None:
        self.wire = wire
        self._auth = auth
        self._sessions: list[dict[str, Any]] = []

    def using(self, auth: httpx.Auth | None) -> WorkshopClient:
        """Return the same client with another credential; None sends none."""
        other = WorkshopClient(self.wire, auth)
        other._sessions = self._sessions  # the sessions of both clients are ended together
        return other

    def call(self, method: str, path: str, **options: Any) -> ReceivedAnswer:
        """Send any request; options are those of `Wire.send`, and `auth`."""
        headers = {"Accept": "application/json", **(options.pop("headers", None) or {})}
        return self.wire.send(method, path, **{"auth": self._auth, **options, "headers": headers})

    def ask(self, path: str, body: Any = None, **options: Any) -> Envelope:
        """Post a body to an operation below `/scc/` and return the envelope."""
        sent = {} if body is None else body
        answer = self.call("POST", f"/scc/{path}", json=sent, **options)
        if not 200 <= answer.status < 300:
            # The gateway's own refusals have no body; a failure may come with a 4xx (W21).
            return Envelope(answer, False, answer.json if _is_json(answer) else None)
        envelope = answer.json
        return Envelope(answer, envelope["status"] == SUCCESS, envelope)

    def allocate_token(self, **members: Any) -> Any:
        """Make a token (`Workshop › 5.1`). It stays, so the test needs `leaves_traces`."""
        data = self.ask("allocate_token", members).expect_data()
        self.wire.resources.end(shortened(str(data["apiToken"])), "stays")
        return data

    def query_token(self, token: str) -> Any:
        """Return the data of a token (`Workshop › 5.2`)."""
        return self.ask("spQueryToken", {"apiToken": token}).expect_data()

    def put_user_state(self, token: str, **members: Any) -> None:
        """Change what is attached to a token (`Workshop › 5.3`)."""
        self.ask("sp_put_user_state", {"apiToken": token, **members}).expect_success()

    def create_session(self, token: str, **members: Any) -> Any:
        """Create a session (`Workshop › 6.1`); one use."""
        return self._session("spCreateSession", token, members)

    def refresh_or_create_session(self, token: str, **members: Any) -> Any:
        """Refresh a session, or create it (`Workshop › 6.1`); one use."""
        return self._session("spRefreshOrCreateSession", token, members)

    def refresh_session(self, token: str, **members: Any) -> Any:
        """Move a session's expiry (`Workshop › 6.1`); one use."""
        return self._session("spRefreshSession", token, members)

    def delete_session(self, token: str, **members: Any) -> None:
        """End a session (`Workshop › 6.1`)."""
        self.ask("spDeleteSession", {"apiToken": token, **members}).expect_success()
        self.wire.resources.end(f"of token {shortened(token)}", "destroyed")

    def submit_txt2img(self, **members: Any) -> Any:
        """Submit text to image (`Workshop › 7`); one use."""
        return self._use("sd_txt2img", members)

    def submit_img2img(self, **members: Any) -> Any:
        """Submit image to image (`Workshop › 7`); one use."""
        return self._use("sd_img2img", members)

    def submit_prompt(self, workflow_id: str, inputs: Mapping[str, Any], **members: Any) -> Any:
        """Submit a workflow task (`Workshop › 8.1`); one use."""
        return self._use(
            "comfy_prompt", {"workflow_id": workflow_id, "inputs": dict(inputs), **members}
        )

    def progress(self, task_id: str, kind: str = "sd") -> Any:
        """Return a task's progress; `kind` is sd or comfy (`Workshop › 7`, `8.2`)."""
        seen = self.ask(f"{kind}_get_progress", {"taskId": task_id}).expect_data()
        if seen["status"] in TASK_ENDS:
            self.wire.resources.end(task_id, seen["status"])
        return seen

    def result(self, task_id: str, kind: str = "sd") -> Any:
        """Return a task's result; `kind` is sd or comfy (`Workshop › 7`, `8.3`)."""
        return self.ask(f"{kind}_get_result", {"taskId": task_id}).expect_data()

    def watch(
        self,
        task_id: str,
        kind: str = "sd",
        *,
        every: float = POLL,
        max_seconds: float = MAX_SECONDS,
    ) -> Iterator[Any]:
        """Poll the task until it is over and yield its progress; raises `Unmet` after too long."""
        begin = self.wire.clock.elapsed()
        while True:
            seen = self.progress(task_id, kind)
            yield seen
            if seen["status"] in TASK_ENDS:
                return
            if self.wire.clock.elapsed() - begin > max_seconds:
                raise Unmet(f"task {task_id} is still {seen['status']} after {max_seconds:g} s")
            self.wire.clock.pause(every)

    def wait_for(
        self, task_id: str, *states: str, kind: str = "sd", max_seconds: float = MAX_SECONDS
    ) -> Any:
        """Return the progress once the task is in one of the states, by default once it is over."""
        wanted = states or TASK_ENDS
        for seen in self.watch(task_id, kind, max_seconds=max_seconds):
            if seen["status"] in wanted:
                return seen
        raise Unmet(f"task {task_id} ended {seen['status']}, expected {' or '.join(wanted)}")

    def clean_up(self) -> None:
        """End the sessions of this run. Sessions of a crashed run expire by themselves."""
        while self._sessions:
            session = self._sessions.pop()
            envelope = self.ask("spDeleteSession", session, checked=False)
            state = "destroyed" if envelope.ok else "expires"
            self.wire.resources.end(f"of token {shortened(str(session['apiToken']))}", state)

    def _session(self, operation: str, token: str, members: dict[str, Any]) -> Any:
        named = {"apiToken": token, "subProduct": members.get("subProduct", "sd_webui")}
        if "gadgetId" in members:
            named["gadgetId"] = members["gadgetId"]
        if named not in self._sessions:
            self._sessions.append(named)
        return self._use(operation, {"apiToken": token, **members})

    def _use(self, operation: str, body: dict[str, Any]) -> Any:
        """Reserve one use from the declared amount, and make the call."""
        reservation = self.wire.current_test().allowance.take(self.wire.ledger, _ONE_USE)
        return self.ask(operation, body, reservation=reservation).expect_data()
