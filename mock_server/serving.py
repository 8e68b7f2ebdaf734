"""A running server as a context manager, and the same as a coroutine.

    with serving(progress="instant") as server:
        account = server.client.new_account(balance=100)
        httpx.get(f"{server.url}/v1/jobs/1", headers={"Authorization": account.access_token})

    async with serving() as server:
        await server.async_client.advance(seconds=30)

http and https are two listeners of one app in one event loop. Ports are bound before the app is
loaded, so that a port conflict is reported at once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

import uvicorn
from msgspec import Struct
from uvicorn.lifespan.on import LifespanOn

from mock_server.core.accounts import Account
from mock_server.core.errors import DomainError
from mock_server.settings import Settings, given_settings
from mock_server.transport import private_files
from mock_server.transport.ports import Listener, ServingError, listen
from mock_server.transport.tls import Tls, server_tls
from mock_server.transport.tls_connections import over_tls
from mock_server.web.wall import wall

if TYPE_CHECKING:
    from mock_server.client import AsyncMockClient, MockClient

KEY_FILE = "default-private-key.pem"

SHUTDOWN_SECONDS = 3  # for open requests to finish
KEEP_ALIVE_SECONDS = 75  # for idle connections

log = logging.getLogger("tams_mock")


class ServedApp(Protocol):
    """An app that can be served."""

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]: ...

    async def open(self, wall: float) -> Account: ...

    def account_body(self, account: Account) -> Mapping[str, Any]: ...

    def stopping(self) -> None: ...


class Server(Struct, frozen=True):
    """A ready server: its addresses and the ready-made account."""

    url: str
    tls_url: str | None
    ca_file: Path | None
    account: Mapping[str, Any]
    private_key_file: Path | None
    settings: Settings

    @property
    def client(self) -> MockClient:
        """The control API, with calls that block."""
        from mock_server.client import MockClient

        return MockClient(self.url, control_token=self.settings.control_token)

    @property
    def async_client(self) -> AsyncMockClient:
        """The control API, with calls that are awaited."""
        return self.client.awaited

    def as_json(self) -> dict[str, Any]:
        """Return what `serve --json` prints; a proxy also has its upstream."""
        return {
            "url": self.url,
            "tls_url": self.tls_url,
            "ca_file": _text(self.ca_file),
            "control_token": self.settings.control_token or None,
            "private_key_file": _text(self.private_key_file),
            "account": dict(self.account),
            **({"upstream": self.settings.upstream} if self.settings.upstream else {}),
        }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


class Stop:
    """Stops a server; a second call stops it without waiting for open requests."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.forced = asyncio.Event()

    def __call__(self) -> None:
        (self.forced if self.requested.is_set() else self.requested).set()


async def run(
    settings: Settings,
    ready: Callable[[Server], None],
    stop: Stop | None = None,
    *,
    create_app: Callable[[Settings], ServedApp] | None = None,
) -> None:
    """Serve until `stop` is called; call `ready` when the server accepts requests.

    Raises ServingError, with a message for the user, if it cannot start.
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
        app = (create_app or _mock_app)(settings)
        config = _config(app, settings.header_limit_bytes)
        try:
            account = app.account_body(await app.open(wall()))
        except DomainError as error:
            raise ServingError(str(error)) from error
        lifespan = LifespanOn(config)
        await lifespan.startup()
        if lifespan.should_exit:
            raise ServingError("the app could not start; the log says why")
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
        await _tick(servers, stop.requested)
        app.stopping()
        logging.getLogger("uvicorn.error").addFilter(_no_cancellation)
        await _unless(stop.forced, _shut_down(servers))
        await lifespan.shutdown()


class ServerInThread:
    """What `serving` returns, for `with` and for `async with` (asyncio or trio)."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {"port": 0, "tls_port": 0, **values}
        self._stack = ExitStack()

    def __enter__(self) -> Server:
        with ExitStack() as stack:
            values = self._values
            if "state_dir" not in values:
                folder = stack.enter_context(TemporaryDirectory(prefix="tams-mock-"))
                values = {**values, "state_dir": folder}
            server = stack.enter_context(serve_in_thread(given_settings(values)))
            self._stack = stack.pop_all()
        return server

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    async def __aenter__(self) -> Server:
        from anyio import to_thread

        return await to_thread.run_sync(self.__enter__)

    async def __aexit__(self, *error: object) -> None:
        from anyio import CancelScope, to_thread

        with CancelScope(shield=True):
            await to_thread.run_sync(self.__exit__)


def serving(**values: Any) -> ServerInThread:
    """Return a server that runs in a thread of this process, for `with` and for `async with`.

    The values are settings by name (docs/settings.md); the environment and files do not count.
    Ports that are not given are free ones, and without `state_dir` no file is left. Several may run
    at once. Entering raises SettingsError or ServingError.
    """
    return ServerInThread(values)


@contextmanager
def serve_in_thread(
    settings: Settings | None = None, *, create_app: Callable[[Settings], ServedApp] | None = None
) -> Iterator[Server]:
    """Serve in a thread while the block runs; without settings, on free ports."""
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
        except BaseException as error:  # raised again in the thread that waits
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
        with suppress(RuntimeError):  # the loop is closed if the server has ended by itself
            control[0]()
        thread.join()
    if isinstance(outcome[-1], BaseException):
        raise outcome[-1]


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of uvloop, if installed; None means the default event loop."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _mock_app(settings: Settings) -> ServedApp:
    from mock_server.app import create_app

    return create_app(settings)


def _protocol(header_limit_bytes: int) -> type[asyncio.Protocol]:
    try:
        from mock_server.transport.lifetimes import timed
    except ImportError:  # without httptools: slower, with its own limit
        from uvicorn.protocols.http.h11_impl import H11Protocol

        return H11Protocol
    return timed(header_limit_bytes)


def _config(app: ServedApp, header_limit_bytes: int, tls: Tls | None = None) -> uvicorn.Config:
    http = _protocol(header_limit_bytes)
    config = uvicorn.Config(
        app,
        http=http if tls is None else cast(Any, over_tls(http, tls.context)),
        ws="none",
        lifespan="off",  # `run` starts one lifespan for all listeners
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        h11_max_incomplete_event_size=header_limit_bytes,
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
    """Update the Date header once a second until `stop` is set.

    uvicorn's own loop wakes ten times a second.
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
    """Wait for `work`; give up when `event` is set."""
    given_up = asyncio.create_task(event.wait())
    working = asyncio.create_task(work)
    await asyncio.wait((given_up, working), return_when=asyncio.FIRST_COMPLETED)
    given_up.cancel()
    if working.done():
        working.result()
    working.cancel()


def _no_cancellation(record: logging.LogRecord) -> bool:
    """Drop the tracebacks of requests that were cancelled because the server stops."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _tls(settings: Settings) -> Tls:
    names = [*settings.tls_name]
    if settings.host not in ("0.0.0.0", "::"):  # noqa: S104 - no bind
        names.append(settings.host)
    if settings.public_url:
        names.append(urlsplit(settings.public_url).hostname or settings.host)
    try:
        return server_tls(settings.state_dir, names, wall())
    except OSError as error:
        raise ServingError(
            f"the certificate authority cannot be stored in {settings.state_dir}: {error}"
            "; choose another folder with --state-dir"
        ) from error
    except ValueError as error:
        raise ServingError(
            f"a certificate for {', '.join(names)} cannot be made: {error}"
        ) from error


def _key_file(settings: Settings, account: Mapping[str, Any]) -> Path | None:
    """Write the private key of the ready-made account, if the mock has it."""
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
