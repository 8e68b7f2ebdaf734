"""Where settings come from: flags win over the environment over a file over the defaults.

Whatever is wrong is one line that names the setting as it was spelled, where it stood, what was
found and what is expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from mock_server.setting_types import HIDDEN, PREFIX, Setting, Source

CONFIG_FILE = "tams-mock.toml"
CONFIG_VARIABLE = PREFIX + "CONFIG"


class SettingsError(Exception):
    """Settings that cannot be used; `problems` has a line for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Origin(Struct, frozen=True):
    """Where a value came from, what it was called there, and the value itself."""

    source: Source
    place: str
    found: Any


def gather(
    setting_list: Sequence[Setting],
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    config: Path | None,
    *,
    warn: Callable[[str], None],
) -> tuple[dict[str, Any], dict[str, Origin]]:
    """Return what was set, nested as the model is, and where each came from by name."""
    origins = {
        **_from_file(setting_list, environment, config),
        **_from_environment(setting_list, environment, warn),
        **{
            setting.name: Origin("flag", setting.flag, flags[setting.name])
            for setting in setting_list
            if flags.get(setting.name) is not None
        },
    }
    values: dict[str, Any] = {}
    for setting in setting_list:
        if setting.name in origins:
            table = values
            for name in setting.path[:-1]:
                table = table.setdefault(name, {})
            origin = origins[setting.name]
            is_text = origin.source != "file" and isinstance(origin.found, str)
            table[setting.leaf] = setting.from_text(origin.found) if is_text else origin.found
    return values, origins


@contextmanager
def refusals(
    setting_list: Sequence[Setting], values: Mapping[str, Any], origins: Mapping[str, Origin]
) -> Iterator[None]:
    """Turn what pydantic refuses into a SettingsError that people can act on."""
    try:
        yield
    except ValidationError as error:
        by_path = {setting.path: setting for setting in setting_list}
        problems: dict[str, str] = {}
        for each in error.errors(include_url=False):
            path = tuple(str(part) for part in each["loc"])
            setting = next(by_path[path[:end]] for end in (2, 1) if path[:end] in by_path)
            origin = origins[setting.name]
            found = HIDDEN if setting.secret else repr(origin.found)
            reason = ""
            if each["type"] == "value_error":
                reason = each["msg"].removeprefix("Value error, ") + "; "
            problems[setting.name] = (
                f"{origin.place} is {found}: {reason}expected {setting.expects}"
            )
        raise SettingsError(list(problems.values())) from error


def _from_environment(
    setting_list: Sequence[Setting], environment: Mapping[str, str], warn: Callable[[str], None]
) -> dict[str, Origin]:
    # An empty variable counts as none: that is how compose files and CI pass on what is not set.
    known = {setting.environment: setting for setting in setting_list}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known and name != CONFIG_VARIABLE:
            warn(f"{name} in the environment is no setting{_meant(name, known)}")
    return {
        setting.name: Origin("environment", f"{name} in the environment", environment[name])
        for name, setting in known.items()
        if environment.get(name)
    }


def _from_file(
    setting_list: Sequence[Setting], environment: Mapping[str, str], config: Path | None
) -> dict[str, Origin]:
    if config is None and environment.get(CONFIG_VARIABLE):
        config = Path(environment[CONFIG_VARIABLE])
    if config is None:
        config = Path(CONFIG_FILE)
        if not config.is_file():
            return {}
    found = dict(_leaves(_parsed(config), {setting.path[:-1] for setting in setting_list}))
    known = {setting.path: setting for setting in setting_list}
    names = [setting.name for setting in setting_list]
    unknown = [
        f"{'.'.join(path)} in {config} is no setting{_meant('.'.join(path), names)}"
        for path in found
        if path not in known
    ]
    if unknown:
        raise SettingsError(unknown)
    return {
        known[path].name: Origin("file", f"{'.'.join(path)} in {config}", value)
        for path, value in found.items()
    }


def _parsed(config: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(config.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{config} cannot be read: {error.strerror or error}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{config} is no TOML: {error}"]) from error


def _leaves(
    table: Mapping[str, Any], tables: set[tuple[str, ...]], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in table.items():
        here = (*path, name)
        if isinstance(value, dict) and here in tables:
            yield from _leaves(value, tables, here)
        else:
            yield here, value


def _meant(name: str, known: Sequence[str] | Mapping[str, Setting]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
