"""`tams-mock listen`: a receiver that prints callbacks, and answers them as the options say."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from mock_server.commands.errors import CommandFailure, as_said, settings_or_failure
from mock_server.commands.log_lines import TextLines, log_to
from mock_server.commands.output import LineWriter
from mock_server.commands.received_callbacks import ReceivedCallback, read_arrival
from mock_server.core.errors import TooLarge
from mock_server.web.calls import Disconnected, read_body
from mock_server.web.wall import wall

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

LOOPBACK = "127.0.0.1"
MAX_BODY_BYTES = 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024
GRACE = 3  # seconds for open answers when it stops

# The Workshop reads the answers to these events (Workshop › 11).
_QUESTIONS = ("apiAccessPreInvoke", "sdPreInvoke")

_WITHOUT_BODY = (204, 205, 304)


class ReplyPolicy(Struct, frozen=True):
    """How callbacks are answered: status, 500 for the first `fail`, a denial, a delay (s)."""

    answer: int = 200
    fail: int = 0
    deny: str | None = None
    delay: float = 0.0


class EventReceiver:
    """An ASGI app that answers each POST and reports it.

    `tell` gets the callback and the status of the answer; `ready` is called when the server runs
    and handles signals.
    """

    def __init__(
        self,
        secret: str,
        reply_policy: ReplyPolicy,
        tell: Callable[[ReceivedCallback, int], object],
        ready: Callable[[], object] = lambda: None,
    ) -> None:
        self.secret = secret
        self.reply_policy = reply_policy
        self.tell = tell
        self.ready = ready
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.ready()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await self._take(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _answer(send, 405, {"detail": "send callbacks with POST"})
            return
        try:
            body = await read_body(receive, MAX_BODY_BYTES)
        except Disconnected:
            return
        except TooLarge:
            await _answer(send, 413, {"detail": f"the body has more than {MAX_BODY_BYTES} bytes"})
            return
        arrival = read_arrival(scope["query_string"], body, self.secret)
        self.count += 1
        status = 500 if self.count <= self.reply_policy.fail else self.reply_policy.answer
        with suppress(TimeoutError):
            if self.reply_policy.delay:
                await asyncio.wait_for(asyncio.Event().wait(), self.reply_policy.delay)
        await _answer(send, status, self._verdict(arrival))
        self.tell(arrival, status)

    def _verdict(self, arrival: ReceivedCallback) -> dict[str, Any] | None:
        if arrival.event not in _QUESTIONS:
            return None
        deny = self.reply_policy.deny
        return {"success": deny is None, "errMessage": deny}


async def _answer(send: Send, status: int, data: dict[str, Any] | None) -> None:
    body = b"" if data is None or status in _WITHOUT_BODY else json.dumps(data).encode()
    headers = [(b"content-type", b"application/json")] if body else []
    if status not in _WITHOUT_BODY:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@click.command("listen", options_metavar="[OPTIONS]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Port to listen on; 0 picks a free port.",
)
@click.option("--secret", help="Event secret of the mock.  [default: the setting event_secret]")
@click.option(
    "--answer",
    type=click.IntRange(200, 599),
    default=200,
    metavar="STATUS",
    show_default=True,
    help="Status of the answers.",
)
@click.option(
    "--fail",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Answer the first N callbacks with 500.",
)
@click.option("--deny", metavar="TEXT", help="Deny what the Workshop asks for, with this message.")
@click.option(
    "--delay",
    type=click.FloatRange(0, 86_400),
    default=0.0,
    metavar="SECONDS",
    help="Wait before each answer.",
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="Stop after N callbacks.")
@click.option("--json", "as_json", is_flag=True, help="Print each callback as a line of JSON.")
def command(
    port: int,
    secret: str | None,
    answer: int,
    fail: int,
    deny: str | None,
    delay: float,
    count: int | None,
    as_json: bool,
) -> None:
    """Receive callbacks of both vendors on loopback, print them and answer them, until Ctrl-C.

    For example: tams-mock listen --deny "Your quota is used up"
    """
    from mock_server.transport.ports import ServingError

    # SIGTERM ends the command like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    reply_policy = ReplyPolicy(answer, fail, deny, delay)
    secret = settings_or_failure().event_secret if secret is None else secret
    printed, complaints = LineWriter(sys.stdout), LineWriter(sys.stderr)
    if as_json:
        printed.dropped = lambda number: json.dumps({"dropped": number})
    log_to(complaints, TextLines(colours=False), logging.WARNING)
    try:
        with suppress(KeyboardInterrupt):
            _listen(port, secret, reply_policy, count, as_json, printed.line)
        complaints.line(as_said("stopped"))
    except ServingError as error:
        raise CommandFailure(str(error)) from error
    finally:
        printed.close()
        complaints.close()


def _listen(
    port: int,
    secret: str,
    reply_policy: ReplyPolicy,
    count: int | None,
    as_json: bool,
    print_line: Callable[[str], None],
) -> None:
    import uvicorn

    from mock_server.transport.lifetimes import timed
    from mock_server.transport.ports import listen

    def tell(arrival: ReceivedCallback, status: int) -> None:
        print_line(_json_line(arrival, status) if as_json else _line(arrival, status))
        if receiver.count == count:
            server.should_exit = True

    with listen(LOOPBACK, port, "--port") as listener:
        url = listener.url("http")
        receiver = EventReceiver(
            secret,
            reply_policy,
            tell,
            lambda: print_line(json.dumps({"url": url}) if as_json else _banner(url)),
        )
        config = uvicorn.Config(
            receiver,
            http=timed(MAX_HEAD_BYTES),
            ws="none",
            lifespan="on",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        server = uvicorn.Server(config)
        server.run(sockets=listener.sockets)


def _banner(url: str) -> str:
    return (
        f"tams-mock is waiting for callbacks at {url}\n"
        f"  Workshop  tams-mock serve --workshop-event-url {url}\n"
        f'  TAMS      "notifyUrl": "{url}" in the body of a job\n'
    )


def _line(arrival: ReceivedCallback, status: int) -> str:
    return f"{_now():%H:%M:%S}  {arrival.as_line()}  answered {status}"


def _json_line(arrival: ReceivedCallback, status: int) -> str:
    members = {"at": _now().isoformat(), **arrival.as_json(), "answered": status}
    return json.dumps(members)


def _now() -> datetime:
    return datetime.fromtimestamp(wall(), UTC)
