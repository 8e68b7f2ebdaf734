"""Where settings come from: flags win over the environment over a file over the defaults.

Whatever is wrong is one line: the place, the setting as it was spelled there, what was found and
what is expected.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from mock_server.setting_types import HIDDEN, PREFIX, Setting, Source, as_text
from mock_server.web.byte_order_marks import read_file

CONFIG_FILE = "tams-mock.toml"
SEEDS = "seeds_dir"  # the setting
CONFIG_VARIABLE = PREFIX + "CONFIG"

# Variables with the prefix that are not settings. Commands for a running mock use the second, the
# project's own tests the third.
_OTHER_VARIABLES = (CONFIG_VARIABLE, PREFIX + "URL", PREFIX + "REQUIRE_ALL")

# Kubernetes and container links describe each service to its neighbours. The variables of the
# services tams-mock, tams-mock-tls and so on begin with the prefix, and some are also settings:
# TAMS_MOCK_PORT=tcp://10.96.12.34:8080.
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://\S+:\d+", re.IGNORECASE)
_SERVICE_URL_NAME = re.compile(r"_PORT(_\d+_(TCP|UDP|SCTP))?$")
_SERVICE_VARIABLE = re.compile(
    r"_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$"
    r"|_PORT_\d+_(TCP|UDP|SCTP)_(PROTO|ADDR|PORT|(PORT_)?(START|END))$"
)


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
) -> dict[str, Origin]:
    """Return where each setting was set that is set, by name."""
    names = {setting.name: setting for setting in setting_list}
    variables = {setting.environment: setting for setting in setting_list}
    tables = tables_of(setting_list)
    origins: dict[str, Origin] = {}
    wrong: list[str] = []

    def add(known: Mapping[str, Setting], found: Iterable[tuple[str, Origin]]) -> None:
        for spelled, origin in found:
            if spelled in known:
                origins[known[spelled].name] = origin
            else:
                wrong.append(f"{origin.place} is not a setting{hint(spelled, known, tables)}")

    seeds = flags.get(SEEDS) or environment.get(PREFIX + SEEDS.upper())
    add(names, _from_file(tables, environment, config, Path(seeds) if seeds else None))
    add(variables, _from_environment(environment))
    add(names, _from_flags(flags))
    if SEEDS in origins:
        found = _from_folder(setting_list, Path(str(origins[SEEDS].found)), wrong)
        origins = {**found, **origins}
    if wrong:
        raise SettingsError(wrong)
    return origins


def from_code(setting_list: Sequence[Setting], values: Mapping[str, Any]) -> dict[str, Origin]:
    """Return where settings were set that a program gives by name; None is not set."""
    names = [setting.name for setting in setting_list]
    tables = tables_of(setting_list)
    given = {name: each for name, each in flat(values, tables) if each is not None}
    if wrong := [name for name in given if name not in names]:
        raise SettingsError(
            [f"{name} is not a setting{hint(name, names, tables)}" for name in wrong]
        )
    return {name: Origin("code", name, value) for name, value in given.items()}


def tables_of(setting_list: Sequence[Setting]) -> set[str]:
    """Return the names of the tables that settings are in."""
    return {setting.path[0] for setting in setting_list if len(setting.path) > 1}


def nested(setting_list: Sequence[Setting], origins: Mapping[str, Origin]) -> dict[str, Any]:
    """Return the values that were set, nested as the model is."""
    values: dict[str, Any] = {}
    for setting in setting_list:
        if origin := origins.get(setting.name):
            table = values
            for name in setting.path[:-1]:
                table = table.setdefault(name, {})
            table[setting.path[-1]] = setting.read(origin.found)
    return values


def problems(
    setting_list: Sequence[Setting], origins: Mapping[str, Origin], error: ValidationError
) -> dict[str, str]:
    """Return what pydantic refuses as lines that people can act on, by name of the setting."""
    lines: dict[str, str] = {}
    for each in error.errors(include_url=False):
        setting = next(one for one in setting_list if one.path == each["loc"][: len(one.path)])
        origin = origins[setting.name]
        found = HIDDEN if setting.secret else _quoted(origin.found)
        reasons = [f"expected {setting.expects}"]
        if each["type"] == "value_error":
            reasons.insert(0, each["msg"].removeprefix("Value error, "))
        lines[setting.name] = f"{origin.place} is {found}: {'; '.join(reasons)}".lstrip()
    return lines


def _quoted(found: Any) -> str:
    return repr(found) if isinstance(found, str) else as_text(found)


def _from_flags(flags: Mapping[str, Any]) -> Iterator[tuple[str, Origin]]:
    for name, value in flags.items():
        if value is not None:
            yield name, Origin("flag", "--" + re.sub("[._]", "-", name), value)


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Origin]]:
    linked = _linked_services(environment)
    for name, value in environment.items():
        if _describes_a_service(name, value, linked):
            continue
        # An empty variable counts as unset: compose files and CI pass variables on like that.
        if name.startswith(PREFIX) and name not in _OTHER_VARIABLES and value:
            yield name, Origin("environment", f"{name} in the environment", value)


def _linked_services(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the variables of each service begin with: TAMS_MOCK for tams-mock."""
    return tuple(
        name[: place.start()]
        for name, value in environment.items()
        if (place := _SERVICE_URL_NAME.search(name)) and _SERVICE_URL.fullmatch(value)
    )


def _describes_a_service(name: str, value: str, linked: Iterable[str]) -> bool:
    """Say whether the platform set a variable, not the user."""
    if _SERVICE_URL_NAME.search(name) and _SERVICE_URL.fullmatch(value):
        return True
    # Container links also pass on the name of the other container, and its whole environment.
    return _SERVICE_VARIABLE.search(name) is not None or any(
        name.startswith(f"{service}_ENV_") or (name == f"{service}_NAME" and "/" in value)
        for service in linked
    )


def _from_file(
    tables: set[str], environment: Mapping[str, str], config: Path | None, seeds: Path | None
) -> Iterator[tuple[str, Origin]]:
    named = config or environment.get(CONFIG_VARIABLE)
    path = Path(named or CONFIG_FILE)
    if not named and seeds is not None and (seeds / CONFIG_FILE).is_file():
        path = seeds / CONFIG_FILE
    try:
        if not named and not path.is_file():
            return
        import tomllib

        text = read_file(path).decode()
        values = tomllib.loads(text)
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror or error}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = f"{path} is not TOML: {error}; write one `name = value` on each line"
        raise SettingsError([problem]) from error
    for spelled, value in flat(values, tables):
        yield spelled, Origin("file", f"{path}{_line_of(spelled, text)}: {spelled}", value)


def _from_folder(
    setting_list: Sequence[Setting], folder: Path, wrong: list[str]
) -> dict[str, Origin]:
    """Return what a folder with seeds sets; hidden files in it are left alone."""
    known = {setting.seed: setting.name for setting in setting_list if setting.seed}
    origins = {}
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        wrong.append(f"the folder {folder} cannot be read: {error.strerror}")
        return {}
    for path in entries:
        if path.name in known:
            origins[known[path.name]] = Origin("file", f"the seed {path.name}", str(path))
        elif path.name != CONFIG_FILE:
            names = ", ".join((CONFIG_FILE, *known))
            wrong.append(f"{path} is not a seed; these are: {names}")
    return origins


def flat(values: Mapping[str, Any], tables: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield the values by name; those in a table also have the name of the table."""
    for key, value in values.items():
        inner = value if key in tables and isinstance(value, dict) else {"": value}
        for name, each in inner.items():
            yield f"{key}.{name}" if name else key, each


def _line_of(name: str, text: str) -> str:
    """Return the line of a file that sets this, if it is written in the usual way."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            table = header[1] + "."
            key = header[1]
        else:
            key = table + "".join(re.findall(r"^\s*([\w.-]+)\s*=", line))
        if key == name:
            return f", line {number}"
    return ""


def hint(name: str, known: Iterable[str], tables: Collection[str] = ()) -> str:
    """Return how a message about a name that is not a setting ends."""
    from difflib import get_close_matches

    if name in tables:
        return f" but a table: write [{name}] and its settings below"
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else "; `tams-mock settings` lists all"
