"""`tams-mock serve`: every setting as an option, then a server until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

import click

from mock_server.commands.errors import CommandFailure, UsageFailure, settings_or_failure
from mock_server.commands.log_lines import RequestLog, lines_for, log_to
from mock_server.commands.output import LineWriter
from mock_server.setting_sources import CONFIG_FILE, CONFIG_VARIABLE
from mock_server.setting_types import Setting, as_text
from mock_server.settings import Settings, all_settings
from mock_server.web import extras

if TYPE_CHECKING:
    from mock_server.app import App
    from mock_server.serving import Server

log = logging.getLogger("tams_mock")

SIGNALS = (signal.SIGINT, signal.SIGTERM)

# New objects before a garbage collection. Calls leave jobs and journal entries, which are not
# garbage; looking at them as often as Python's default does takes a thirtieth of the time.
MAX_YOUNG_OBJECTS = 20_000

HELP = f"""Run the mock server until Ctrl-C or SIGTERM.

A setting is a flag (--port 0), a variable in the environment (TAMS_MOCK_PORT=0), or a line in
{CONFIG_FILE} (port = 0). For one vendor it is --tams-clock-skew 60, TAMS_MOCK_TAMS_CLOCK_SKEW=60,
or clock_skew = 60 in the table [tams]. A flag without a value, like --tls, is turned off by
--no-tls. A flag for a list takes commas, or is repeated. A flag wins over the environment, the
environment over the file, the file over a preset, and a preset over the default.
"""

MORE = f"""\b
These are the settings that most people need. There are {len(all_settings())} in all:
  tams-mock serve --help-all    what each one does
  tams-mock settings            the values now, and where they come from
"""

_EVERYTHING = "show every setting"
_GIVEN = "options that are given"
_OWN_FLAGS = {"--config", "--json"}


class Serve(click.Command):
    """A command with a flag for each setting.

    Its help has a section for each group of settings; the short one has those that it `shows`.
    """

    def __init__(self, name: str, shows: Callable[[Setting], bool], **more: Any) -> None:
        super().__init__(name, **more)
        self.shows = shows

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse with the flags that are given; with all for help, completion and what is unknown.

        All of them would take 4 ms of each start.
        """
        given = {arg.partition("=")[0] for arg in args if arg.startswith("-")} - _OWN_FLAGS
        chosen = [each for each in all_settings() if not given.isdisjoint(each.flags)]
        known = {flag for each in chosen for flag in each.flags}
        if not ctx.resilient_parsing and given <= known:
            ctx.meta[_GIVEN] = [*_own_options(), *map(SettingOption, chosen)]
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*(ctx.meta.get(_GIVEN) or self._options), *super().get_params(ctx)]

    @cached_property
    def _options(self) -> list[click.Parameter]:
        return [*_own_options(), *map(SettingOption, all_settings())]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        everything = bool(ctx.meta.get(_EVERYTHING))
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            group = "Options"
            if isinstance(parameter, SettingOption):
                if not (everything or self.shows(parameter.setting)):
                    continue
                group = parameter.setting.group
            if record := parameter.get_help_record(ctx):
                groups.setdefault(group, []).append(record)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not ctx.meta.get(_EVERYTHING):
            super().format_epilog(ctx, formatter)


class SettingOption(click.Option):
    """The option of one setting. It passes on text; the settings decide what is right."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        is_switch, is_list = setting.kind is bool, get_origin(setting.kind) is tuple
        super().__init__(
            ["/".join(setting.flags), "__".join(setting.path)],
            default=None,
            multiple=is_list,
            callback=_joined if is_list else None,
            type=click.BOOL if is_switch else click.STRING,
            metavar=f"[{'|'.join(setting.words)}]" if setting.words else "VALUE",
        )

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        default = self.setting.shown_default
        shown = ("off", "on")[default] if self.is_flag else as_text(default) or "empty"
        names = self.setting.flag if self.is_flag else f"{self.setting.flag} {self.metavar}"
        return names, f"{self.setting.sentence}  [default: {shown}]"


def _joined(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> str | None:
    """Return what a repeated flag was given as it could also be given at once."""
    return ",".join(values) if values else None


def _show_everything(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_EVERYTHING] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def _refuse_secrets(flags: Mapping[str, Any]) -> None:
    """Refuse secrets of a real account in the command line, which other users see."""
    for setting in all_settings():
        if setting.secret and setting.group == "Proxy" and flags.get(setting.name) is not None:
            raise UsageFailure(
                f"{setting.flag} could be seen by other users: set {setting.environment} in the"
                f" environment, or {setting.name} in {CONFIG_FILE}"
            )


def serve(config: Path | None, as_json: bool, *, proxies: bool = False, **flags: Any) -> None:
    """Run a server until a signal stops it; one that `proxies` needs an upstream."""
    # Until the loop takes over, SIGTERM ends the start in the same way as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    complaints = LineWriter(sys.stderr)
    try:
        with suppress(KeyboardInterrupt):
            by_name = {name.replace("__", "."): value for name, value in flags.items()}
            _refuse_secrets(by_name)
            settings = settings_or_failure(by_name, config)
            if proxies and not settings.upstream:
                raise UsageFailure("a proxy needs --upstream URL, the service to pass calls to")
            _run(settings, as_json, complaints)
        log.info("stopped")
    finally:
        complaints.close()


def _run(settings: Settings, as_json: bool, complaints: LineWriter) -> None:
    lines = lines_for(sys.stderr)
    complaints.dropped = lines.dropped
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    log_to(complaints, lines, logging.ERROR if settings.quiet else level)

    from mock_server.commands.banner import banner
    from mock_server.serving import loop_factory
    from mock_server.transport.ports import ServingError

    def ready(server: Server) -> None:
        made_token = "" if settings.control_token else server.settings.control_token
        click.echo(json.dumps(server.as_json()) if as_json else banner(server, made_token))
        if without := extras.missing():
            log.info(without)
        gc.freeze()  # these objects stay, so collections need not look at them
        gc.set_threshold(MAX_YOUNG_OBJECTS, *gc.get_threshold()[1:])
        gc.enable()

    def logged_app(settings: Settings) -> App:
        from mock_server.app import create_app

        if settings.quiet or not complaints.is_read:
            return create_app(settings)
        return create_app(settings, [RequestLog(complaints, lines, level, settings.control_token)])

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_until_signalled(settings, ready, logged_app))
    except ServingError as error:
        raise CommandFailure(str(error)) from error


async def _until_signalled(
    settings: Settings, ready: Callable[[Server], None], create_app: Callable[[Settings], App]
) -> None:
    from mock_server.serving import Stop, run

    stop, loop = Stop(), asyncio.get_running_loop()
    unwritten: list[OSError] = []

    def ready_or_stop(server: Server) -> None:
        try:
            ready(server)
        except OSError as error:  # standard output is full or closed
            unwritten.append(error)
            stop()

    for number in SIGNALS:
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda number, frame: loop.call_soon_threadsafe(stop))
    await run(settings, ready_or_stop, stop, create_app=create_app)
    if unwritten:
        raise unwritten[0]


def _own_options() -> Iterator[click.Parameter]:
    """Yield the options of a command that serves, beside the flags of settings."""
    yield click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        help=f"TOML file with settings; also {CONFIG_VARIABLE}.  [default: ./{CONFIG_FILE}]",
    )
    yield click.Option(
        ["--json", "as_json"],
        is_flag=True,
        help="When ready, print one line of JSON and nothing else on standard output.",
    )
    yield click.Option(
        ["--help-all"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_everything,
        help="Show all settings and exit.",
    )


command = Serve(
    "serve",
    lambda setting: setting.common,
    callback=serve,
    help=HELP,
    epilog=MORE,
)
