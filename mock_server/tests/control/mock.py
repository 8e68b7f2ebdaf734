"""The control API beside a toy vendor, with a wall clock that tests move."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from anyio.lowlevel import checkpoint
from starlette.types import Receive, Scope, Send

from mock_server.account_settings import AccountSettings
from mock_server.control.api import ControlApi, ControlDependencies
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.service import Snapshot
from mock_server.core.outbox import Delivery
from mock_server.core.resets import ResetService
from mock_server.core.states import StateService
from mock_server.settings import Settings
from mock_server.tests.makers import NOW, an_account_service, an_order, some_work
from mock_server.web.authentication import CredentialsVerdict
from mock_server.web.callback_formats import CallbackAdapter, CallbackReply
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Bounds, Call, json_answer, send_answer
from mock_server.web.captures import CaptureError
from mock_server.web.faults.service import FaultService
from mock_server.web.journal import Journal
from mock_server.web.metrics import Metrics
from mock_server.web.observers import Tracing
from mock_server.web.recorder import RecordedSettings, Recorder
from mock_server.web.targets import CallbackTarget, CallbackTargets
from mock_server.web.vendor_settings import Fact

PREFIX = "/_mock"
TOKEN = "the-control-token"


class ToyVerdict(CredentialsVerdict, frozen=True):
    detail: str

    def body(self, head) -> dict[str, Any]:
        return {"detail": self.detail}


class Mock:
    """Everything in one place: what tests call, and what they look behind."""

    def __init__(self, accounts: AccountService | None = None, **changes: Any) -> None:
        self.wall = NOW
        self.accounts = accounts or an_account_service()
        self.resets = ResetService(self.accounts)
        self.forgotten: list[str | None] = []
        self.answer: Any = {"status": "ok"}
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.callback_status = 200
        self.callback_answer = b""
        self.dispatcher = CallbackDispatcher(
            self.accounts,
            lambda: self.wall,
            targets=CallbackTargets(["private"]),
            send=self._send,
        )
        callback_adapter = CallbackAdapter(_notice, changes.pop("delays", ()))
        self.dispatcher.register("toy", lambda account: callback_adapter)
        self.accounts.on_callbacks = self.dispatcher.wake
        bounds = {"entries": 100, "total_bytes": 10_000_000, "body_bytes": 1000}
        self.journal = Journal(**bounds | changes.pop("journal", {}))
        self.recorder = Recorder(entries=100, total_bytes=10_000_000)
        self.metrics = Metrics(self.wall)
        faults = FaultService(
            self.accounts, self.journal, tuple, lambda name: {}, lambda: self.wall, by_request=False
        )
        known: dict[str, Any] = {
            "faults": faults,
            "accounts": self.accounts,
            "resets": self.resets,
            "states": StateService(self.accounts, self.resets),
            "journal": self.journal,
            "recorder": self.recorder,
            "metrics": self.metrics,
            "recorded_settings": lambda: RecordedSettings({}, {}),
            "dispatcher": self.dispatcher,
            "version": "1.2.3",
            "settings_rows": lambda own: [{"name": "port", "value": 8080}],
            "account_settings": AccountSettings(Settings()),
            "routes": lambda: [{"method": "GET", "path": "/toy", "surface": "toy"}],
            "facts": lambda own: [Fact("a", "b", "unknown", "U1", "toy_a")],
            "seeded": lambda: {"toy": {"blocks": ["red", "blue"]}},
            "seed": self._seed,
            "seed_files": dict,
            "forget": self.forgotten.append,
            "check_public_key": _check_public_key,
            "explain": self._explain,
        }
        self.control = ControlApi(ControlDependencies(**(known | changes)))
        observers = (self.recorder.keep, self.journal.keep, self.metrics.observe)
        self.app = Tracing(self._route, lambda: self.wall, observers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.app(scope, receive, send)

    def _route(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        app = self.control if scope["path"].startswith(PREFIX) else self._vendor
        return app(scope, receive, send)

    async def _vendor(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note in the trace what the headers say, and answer what the test wants."""
        trace = scope["trace"]
        call = Call(scope, trace, {}, self.accounts)
        await call.read(receive, Bounds())
        trace.surface = "toy"
        trace.account = (call.header(b"x-account") or b"").decode()
        trace.operation = f"{call.method} {call.path}"
        trace.now = self.wall
        if found := call.header(b"x-verdict"):
            trace.verdict = ToyVerdict(detail=found.decode())
        await send_answer(
            send, json_answer(self.answer, int(call.header(b"x-status") or 200)), call
        )

    async def _explain(self, captured: dict[str, Any]) -> dict[str, Any]:
        if "curl" in captured:
            raise CaptureError("this is not a curl line")
        return {"accepted": True, "given": captured}

    async def _send(self, target: CallbackTarget, body: bytes) -> CallbackReply:
        self.sent.append((target.url, json.loads(body)))
        problem = "" if self.callback_status == 200 else "as told"
        return CallbackReply(self.callback_status, problem, self.callback_answer)

    async def _seed(self, wall: float) -> None:
        """Begin with nothing more."""

    async def submit(self, id: str = "ready", **changes: Any) -> Snapshot:
        """Make a job of an account."""
        async with self.accounts.act(id, self.wall) as world:
            return await world.jobs.submit(an_order(), some_work(), **changes)


class Http:
    """A client whose paths lie under /_mock unless they begin with the vendor's."""

    def __init__(self, mock: Mock, client: httpx.AsyncClient) -> None:
        self.mock = mock
        self.client = client

    async def __call__(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        """Return the data of a successful answer."""
        answer = await self.raw(method, path, json, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def raw(self, method: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        if json is not None:
            more["json"] = json
        return await self.client.request(method, PREFIX + path, **more)

    async def problem(self, status: int, *args: Any, **more: Any) -> dict[str, Any]:
        """Return the problem in the answer to a call."""
        answer = await self.raw(*args, **more)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-mock-request-id"]
        problem: dict[str, Any] = answer.json()
        assert problem["status"] == status
        assert {"type", "title", "detail", "instance"} <= problem.keys()
        return problem

    async def vendor(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.client.request(method, path, **more)

    async def until_a_wait_has_begun(self) -> None:
        while not self.mock.journal.listeners:
            await checkpoint()


@asynccontextmanager
async def a_client(
    mock: Mock | None = None, peer: str = "127.0.0.1", **options: Any
) -> AsyncIterator[Http]:
    """Open a client of a mock, by default of a new one, with the address of the peer."""
    mock = mock or Mock()
    options.setdefault("base_url", "http://127.0.0.1:8080")
    transport = httpx.ASGITransport(app=mock, client=(peer, 40_000))
    async with httpx.AsyncClient(transport=transport, **options) as client:
        yield Http(mock, client)


def _notice(delivery: Delivery, job: Job, account: Account) -> bytes:
    return json.dumps({"job": job.id, "state": delivery.state, "of": account.id}).encode()


def _check_public_key(text: str) -> None:
    if "PUBLIC KEY" not in text.upper():
        raise ValueError("the public key cannot be read")
