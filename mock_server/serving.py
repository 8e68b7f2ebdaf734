"""A running server as a context manager, and the same as a coroutine.

    with serve_in_thread(Settings(port=0)) as server:
        httpx.get(server.url + "/_mock/health")

http and https are two listeners of one app on one loop. Ports are claimed before anything else is
loaded, so that one that is taken is known at once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import uvicorn
from msgspec import Struct
from uvicorn.lifespan.on import LifespanOn

from mock_server.core.accounts import Account
from mock_server.settings import Settings
from mock_server.transport import private_files
from mock_server.transport.ports import Listener, ServingError, listen
from mock_server.transport.tls import Tls, server_tls
from mock_server.web.wall import wall

KEY_FILE = "default-private-key.pem"

# Seconds that open requests have to finish, and that an idle connection is kept.
GRACE = 3
KEEP_ALIVE = 75

log = logging.getLogger("tams_mock")


class App(Protocol):
    """What is served."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def open(self, wall: float) -> Account: ...

    def account_body(self, account: Account) -> Mapping[str, Any]: ...


class Server(Struct, frozen=True):
    """A server that is ready: where it is and who can call it."""

    url: str
    tls_url: str | None
    ca_file: Path | None
    account: Mapping[str, Any]
    private_key_file: Path | None
    settings: Settings

    def as_json(self) -> dict[str, Any]:
        """Return what `serve --json` prints."""
        return {
            "url": self.url,
            "tls_url": self.tls_url,
            "ca_file": None if self.ca_file is None else str(self.ca_file),
            "account": dict(self.account),
        }


class Stop:
    """Asks a server to stop; called again, to stop without waiting for open requests."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()

    def __call__(self) -> None:
        (self.insisted if self.asked.is_set() else self.asked).set()


async def run(
    settings: Settings,
    ready: Callable[[Server], None],
    stop: Stop | None = None,
    *,
    create_app: Callable[[Settings], App] | None = None,
) -> None:
    """Serve until `stop` is called; `ready` is told when calls can come.

    Raises ServingError with a line for people where it cannot begin.
    """
    stop = stop or Stop()
    with ExitStack() as stack:
        plain = stack.enter_context(listen(settings.host, settings.port, "--port"))
        secure = tls = None
        if settings.tls:
            secure = stack.enter_context(listen(settings.host, settings.tls_port, "--tls-port"))
            tls = _tls(settings)
        if settings.beyond_loopback and not settings.control_token:
            settings = settings.model_copy(update={"control_token": secrets.token_urlsafe(24)})
        app = (create_app or _the_mock)(settings)
        config = _config(app, settings.header_limit_bytes)
        lifespan = LifespanOn(config)
        await lifespan.startup()
        if lifespan.should_exit:
            raise ServingError("the app could not start; the log says why")
        account = app.account_body(await app.open(wall()))
        servers = [await _started(config, plain, lifespan)]
        if secure is not None and tls is not None:
            config = _config(app, settings.header_limit_bytes, tls)
            servers.append(await _started(config, secure, lifespan))
        ready(
            Server(
                url=plain.url("http"),
                tls_url=None if secure is None else secure.url("https"),
                ca_file=None if tls is None else tls.ca_file,
                account=account,
                private_key_file=_key_file(settings, account),
                settings=settings,
            )
        )
        await _tick(servers, stop.asked)
        logging.getLogger("uvicorn.error").addFilter(_no_cancellation)
        await _unless(stop.insisted, _shut_down(servers))
        await lifespan.shutdown()


@contextmanager
def serve_in_thread(
    settings: Settings | None = None, *, create_app: Callable[[Settings], App] | None = None
) -> Iterator[Server]:
    """Serve in a thread of its own while the block runs; without settings, on free ports."""
    started = threading.Event()
    outcome: list[Server | BaseException] = []
    control: list[Callable[[], object]] = []

    async def serve() -> None:
        stop, loop = Stop(), asyncio.get_running_loop()
        control.append(lambda: loop.call_soon_threadsafe(stop))

        def ready(server: Server) -> None:
            outcome.append(server)
            started.set()

        await run(settings or Settings(port=0, tls_port=0), ready, stop, create_app=create_app)

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(serve())
        except BaseException as error:  # it belongs to the thread that waits for this one
            outcome.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=work, name="tams-mock", daemon=True)
    thread.start()
    started.wait()
    first = outcome[0]
    if isinstance(first, BaseException):
        thread.join()
        raise first
    try:
        yield first
    finally:
        with suppress(RuntimeError):  # its loop is closed: it came to an end by itself
            control[0]()
        thread.join()
    if isinstance(outcome[-1], BaseException):
        raise outcome[-1]


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest loop that is there; None is the platform's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _the_mock(settings: Settings) -> App:
    from mock_server.app import create_app

    return create_app(settings)


def _protocol(header_limit_bytes: int) -> type[asyncio.Protocol] | str:
    try:
        from mock_server.transport.request_heads import bounded
    except ImportError:
        return "h11"  # where there is no httptools; it is slower, and has a limit built in
    return bounded(header_limit_bytes)


def _config(app: App, header_limit_bytes: int, tls: Tls | None = None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=_protocol(header_limit_bytes),
        ws="none",
        lifespan="off",  # one for all listeners is started by `run`
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=header_limit_bytes,
        ssl_context_factory=None if tls is None else lambda config, default: tls.context,
    )
    config.load()
    return config


async def _started(
    config: uvicorn.Config, listener: Listener, lifespan: LifespanOn
) -> uvicorn.Server:
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    server.lifespan.state = lifespan.state
    await server.on_tick(0)
    await server.startup(sockets=listener.sockets)
    return server


async def _tick(servers: list[uvicorn.Server], stop: asyncio.Event) -> None:
    """Keep the Date header right until it is time to stop.

    uvicorn's own loop looks ten times a second; this one wakes once, and at once when asked.
    """
    while not stop.is_set():
        for server in servers:
            await server.on_tick(0)
        try:
            await asyncio.wait_for(stop.wait(), 1)
        except TimeoutError:
            continue


async def _shut_down(servers: list[uvicorn.Server]) -> None:
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(server.shutdown())


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, object]) -> None:
    """Wait for `work`, but no longer than until `event`."""
    given_up = asyncio.create_task(event.wait())
    working = asyncio.create_task(work)
    await asyncio.wait((given_up, working), return_when=asyncio.FIRST_COMPLETED)
    given_up.cancel()
    if working.done():
        working.result()
    working.cancel()


def _no_cancellation(record: logging.LogRecord) -> bool:
    """Drop the tracebacks of requests that were cut off because the server stops."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _tls(settings: Settings) -> Tls:
    names = [] if settings.host in ("0.0.0.0", "::") else [settings.host]  # noqa: S104 - no bind
    if settings.public_url:
        names.append(urlsplit(settings.public_url).hostname or settings.host)
    try:
        return server_tls(settings.state_dir, names, wall())
    except OSError as error:
        raise ServingError(
            f"{settings.state_dir} cannot hold the certificate authority: {error}"
            "; choose another folder with --state-dir"
        ) from error
    except ValueError as error:
        raise ServingError(f"no certificate can be made for {', '.join(names)}: {error}") from error


def _key_file(settings: Settings, account: Mapping[str, Any]) -> Path | None:
    """Write the ready-made account's private key, where the mock has it."""
    private_key = account.get("privateKey")
    if not private_key:
        return None
    path = settings.state_dir / KEY_FILE
    try:
        private_files.write(path, str(private_key).encode())
    except OSError as error:
        log.warning("the private key could not be written to %s: %s", path, error)
        return None
    return path
