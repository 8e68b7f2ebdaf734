"""`tams-mock serve`: every setting as an option, then a server until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from mock_server.commands.errors import CommandFailure, UsageFailure, say
from mock_server.setting_sources import CONFIG_FILE, CONFIG_VARIABLE, SettingsError
from mock_server.setting_types import Setting
from mock_server.settings import Settings, all_settings, read_settings

if TYPE_CHECKING:
    from mock_server.serving import Server, Stop

SIGNALS = (signal.SIGINT, signal.SIGTERM)

# How many new objects there are before a collection. What calls leave behind are jobs and the
# journal, no garbage, and to look at them as often as by default takes a thirtieth of all time.
MAX_YOUNG_OBJECTS = 20_000

HELP = f"""Run the mock until Ctrl-C or SIGTERM.

Every option has a name in the environment, TAMS_MOCK_PORT for --port, and a key in a TOML file,
port in {CONFIG_FILE}; --tams-clock-skew is TAMS_MOCK_TAMS_CLOCK_SKEW there, and clock_skew in the
table [tams]. Options win over the environment over the file over the defaults.
"""


class Serve(click.Command):
    """A command whose help has a section for each group of settings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [parameter for parameter in self.params if not isinstance(parameter, SettingOption)]
        with formatter.section("Options"):
            formatter.write_dl(_records(own, ctx))
        setting_list = [
            parameter for parameter in self.params if isinstance(parameter, SettingOption)
        ]
        for group, options in groupby(setting_list, key=lambda option: option.setting.group):
            with formatter.section(group):
                formatter.write_dl(_records(list(options), ctx))


class SettingOption(click.Option):
    """The option of one setting. It hands on text: what is right is for the settings to say."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        flag = setting.flag
        shown = setting.shown_default
        known = "" if shown in (None, "") else f"  [default: {_as_typed(shown)}]"
        super().__init__(
            [f"{flag}/--no-{flag[2:]}" if setting.is_switch else flag, "__".join(setting.path)],
            default=None,
            type=click.BOOL if setting.is_switch else _kind(setting),
            metavar=None if setting.is_switch or setting.words else "VALUE",
            help=setting.sentence + known,
        )


def _kind(setting: Setting) -> click.ParamType[str]:
    return click.Choice(setting.words) if setting.words and not setting.optional else click.STRING


def _as_typed(value: Any) -> str:
    return ("off", "on")[value] if isinstance(value, bool) else str(value)


def _records(parameters: list[click.Parameter], ctx: click.Context) -> list[tuple[str, str]]:
    found = (parameter.get_help_record(ctx) for parameter in parameters)
    return [record for record in found if record is not None]


def _serve(config: Path | None, as_json: bool, **flags: Any) -> None:
    # Until the loop takes over, SIGTERM ends the start in the same way as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        _run(config, as_json, flags)
    say("stopped")


def _run(config: Path | None, as_json: bool, flags: Mapping[str, Any]) -> None:
    try:
        settings = read_settings(
            {name.replace("__", "."): value for name, value in flags.items()},
            config=config,
            warn=say,
        )
    except SettingsError as error:
        raise UsageFailure.of(error) from error
    _log_to_stderr(settings)

    from mock_server.commands.banner import banner
    from mock_server.serving import loop_factory
    from mock_server.transport.ports import ServingError

    def ready(server: Server) -> None:
        if server.settings.control_token != settings.control_token:
            say(f"control token (made up, as none was set): {server.settings.control_token}")
        click.echo(json.dumps(server.as_json()) if as_json else banner(server))
        gc.freeze()  # what is there now stays, so collections need not look at it
        gc.set_threshold(MAX_YOUNG_OBJECTS, *gc.get_threshold()[1:])
        gc.enable()

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_until_signalled(settings, ready))
    except ServingError as error:
        raise CommandFailure(str(error)) from error


async def _until_signalled(settings: Settings, ready: Callable[[Server], None]) -> None:
    from mock_server.serving import Stop, run

    stop = Stop()
    _on_signals(stop)
    await run(settings, ready, stop)


def _on_signals(stop: Stop) -> None:
    loop = asyncio.get_running_loop()

    def later(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)

    for number in SIGNALS:
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, later)


def _log_to_stderr(settings: Settings) -> None:
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    if settings.log_level != "debug":
        logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _options() -> Iterator[click.Parameter]:
    yield click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        help=f"TOML file with settings; also {CONFIG_VARIABLE}.  [default: {CONFIG_FILE} here]",
    )
    yield click.Option(
        ["--json", "as_json"],
        is_flag=True,
        help="When ready, print one line of JSON on standard output and nothing else.",
    )
    for setting in all_settings():
        yield SettingOption(setting)


command = Serve("serve", callback=_serve, params=list(_options()), help=HELP)
