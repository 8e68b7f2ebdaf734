"""Settings as a list: what each is called as a flag, in the environment and in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

from msgspec import Struct
from pydantic import BaseModel, create_model
from pydantic.fields import FieldInfo

PREFIX = "TAMS_MOCK_"
HIDDEN = "(hidden)"

Model = TypeVar("Model", bound=BaseModel)

# "account", "flag", "environment", "file", "code", "default", or "preset" and its name.
Source = str


class Setting(Struct, frozen=True):
    """One setting. `path` leads to it: ("port",), or ("tams", "clock_skew") for a vendor's."""

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def flag(self) -> str:
        return "--" + "-".join(self.path).replace("_", "-")

    @property
    def flags(self) -> tuple[str, ...]:
        """The flag, and for a switch also the one that turns it off."""
        return (self.flag, f"--no-{self.flag[2:]}") if self.kind is bool else (self.flag,)

    @property
    def environment(self) -> str:
        return PREFIX + "_".join(self.path).upper()

    @property
    def sentence(self) -> str:
        return self.field.description or ""

    @property
    def group(self) -> str:
        """The heading under which people look for it."""
        return str(self._about("group"))

    @property
    def common(self) -> bool:
        """Whether the short help shows it."""
        return bool(self._about("common"))

    @property
    def unknown(self) -> str:
        """The number of the open question that the setting answers, or an empty text."""
        return str(self._about("unknown"))

    @property
    def server_only(self) -> str:
        """Why accounts cannot have another value; empty if they can."""
        return str(self._about("server_only"))

    @property
    def seed(self) -> str:
        """What the file or folder is called in a folder with seeds; empty if it is no seed."""
        return str(self._about("seed"))

    @property
    def secret(self) -> bool:
        return bool(self._about("secret"))

    @property
    def optional(self) -> bool:
        return isinstance(self.field.annotation, UnionType)

    @property
    def kind(self) -> Any:
        """Its type, None left out."""
        kinds = get_args(self.field.annotation) if self.optional else (self.field.annotation,)
        return next(kind for kind in kinds if kind is not NoneType)

    @property
    def words(self) -> tuple[str, ...]:
        """Its values, if they are a short list."""
        if get_origin(self.kind) is Literal:
            return tuple(str(word) for word in get_args(self.kind))
        if isinstance(self.kind, type) and issubclass(self.kind, Enum):
            return tuple(str(member.value) for member in self.kind)
        return ()

    @property
    def expects(self) -> str:
        """What it accepts, as the end of a sentence."""
        if told := self._about("expects"):
            return str(told)
        *most, last = (*self._kind_words(), *(["none"] if self.optional else []))
        return f"{', '.join(most)} or {last}" if most else last

    @property
    def default(self) -> Any:
        return self.field.get_default(call_default_factory=True)

    @property
    def shown_default(self) -> Any:
        """The default as documents say it, which is the same everywhere."""
        return self._about("shown_default") or plain(self.default)

    def shown(self, value: Any) -> Any:
        """Return the value for people to see; a secret only if it is the default."""
        return HIDDEN if self.secret and value != self.default else plain(value)

    def read(self, found: Any) -> Any:
        """Return what a source says in a form that pydantic can check."""
        if not isinstance(found, str):
            return found
        if self.optional and found.lower() == "none":
            return None
        if get_origin(self.kind) is Literal:
            return next((word for word in get_args(self.kind) if str(word) == found), found)
        if get_origin(self.kind) is tuple:
            return [part.strip() for part in found.split(",") if part.strip()]
        return found

    def _about(self, key: str) -> Any:
        about = self.field.json_schema_extra
        return about[key] if isinstance(about, dict) else ""

    def _kind_words(self) -> tuple[str, ...]:
        if self.words:
            return self.words
        if get_origin(self.kind) is tuple:
            return ("values with commas between them",)
        if self.kind is bool:
            return ("true", "false")
        if self.kind in (int, float, Decimal):
            return (("a whole number" if self.kind is int else "a number") + self._bounds(),)
        return ("a path" if self.kind is Path else "a text",)

    def _bounds(self) -> str:
        limits = {
            name: getattr(each, name)
            for each in self.field.metadata
            for name in ("ge", "gt", "le")
            if hasattr(each, name)
        }
        match limits:
            case {"ge": least, "le": most}:
                return f" from {least} to {most}"
            case {"gt": least, "le": most}:
                return f" above {least}, {most} at most"
            case {"ge": least}:
                return f", {least} or more"
            case {"gt": least}:
                return f" above {least}"
        return ""


@cache
def settings_of(model: type[BaseModel]) -> tuple[Setting, ...]:
    """Return every setting of a model and of the models in it, group by group."""
    found = sorted(_walk(model, ()), key=lambda setting: len(setting.path))
    groups = list(dict.fromkeys(setting.group for setting in found))
    return tuple(sorted(found, key=lambda setting: groups.index(setting.group)))


def _walk(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        if table := _table_of(field):
            yield from _walk(table, (*path, name))
        else:
            yield Setting((*path, name), field)


def validated(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Return what `model_validate` returns; fields without a value get no validator.

    Those of all fields would take 7 ms and 2 MB of each start.
    """
    return _filled(model, _part(model, values).model_validate(values))


def _part(model: type[BaseModel], values: Mapping[str, Any]) -> type[BaseModel]:
    """Return a model with the fields that have a value, and the checks of a model."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in values:
            table = _table_of(field)
            fields[name] = (_part(table, values[name]), ...) if table else (field.annotation, field)
    bases = (base for base in model.__mro__ if issubclass(base, BaseModel))
    checks = next(base for base in bases if not base.model_fields)
    return create_model(model.__name__, __base__=checks, **fields)


def _filled(model: type[Model], part: BaseModel) -> Model:
    values: dict[str, Any] = {}
    for name, value in part:
        table = _table_of(model.model_fields[name])
        values[name] = _filled(table, value) if table else value
    return model.model_construct(**values)


def _table_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model that a field has as its value, if it has one."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def plain(value: Any) -> Any:
    """Return a setting's value as JSON has it."""
    match value:
        case Enum():
            return value.value
        case Path():
            return str(value)
        case Decimal() | float():
            return int(value) if value == int(value) else float(value)
        case tuple():
            return list(value)
    return value


def as_text(value: Any) -> str:
    """Return a plain value as people write it in the environment."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return ",".join(map(str, value))
        case None:
            return "none"
    return str(value)
