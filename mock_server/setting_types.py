"""Settings as a list: what each is called as a flag, in the environment and in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Struct
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

PREFIX = "TAMS_MOCK_"
HIDDEN = "(hidden)"

Source = Literal["flag", "environment", "file", "code", "default"]


def setting(
    group: str,
    default: Any,
    sentence: str,
    *,
    expects: str = "",
    shown_default: str = "",
    secret: bool = False,
    **constraints: Any,
) -> Any:
    """Return a field; `expects` and `shown_default` are for people, where types do not tell."""
    if callable(default):
        constraints["default_factory"] = default
    else:
        constraints["default"] = default
    return Field(
        description=sentence,
        json_schema_extra={
            "group": group,
            "expects": expects,
            "shown_default": shown_default,
            "secret": secret,
        },
        repr=not secret,
        **constraints,
    )


class Setting(Struct, frozen=True):
    """One setting. `path` leads to it: ("port",), or ("tams", "clock_skew") for a surface's."""

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def leaf(self) -> str:
        return self.path[-1]

    @property
    def flag(self) -> str:
        return "--" + "-".join(self.path).replace("_", "-")

    @property
    def environment(self) -> str:
        return PREFIX + "_".join(self.path).upper()

    @property
    def group(self) -> str:
        """The heading under which people look for it."""
        return str(self._extra("group") or f"Choices of the {self.path[0].upper()} surface")

    @property
    def sentence(self) -> str:
        return self.field.description or ""

    @property
    def unknown(self) -> str:
        """The number of the open question that the setting answers, or nothing."""
        return str(self._extra("unknown"))

    @property
    def secret(self) -> bool:
        return bool(self._extra("secret"))

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The types that it may have, None aside."""
        return tuple(kind for kind in _flat(self.field.annotation) if kind is not NoneType)

    @property
    def optional(self) -> bool:
        return NoneType in _flat(self.field.annotation)

    @property
    def is_switch(self) -> bool:
        return self.kinds == (bool,)

    @property
    def words(self) -> tuple[str, ...]:
        """What it can be, where that is a short list."""
        (kind, *_) = self.kinds
        if get_origin(kind) is Literal:
            return tuple(str(word) for word in get_args(kind))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return tuple(str(member.value) for member in kind)
        return ()

    @property
    def expects(self) -> str:
        """What it accepts, as the end of a sentence."""
        if told := self._extra("expects"):
            return str(told)
        *most, last = (*self._kind_words(), *(["none"] if self.optional else []))
        return f"{', '.join(most)} or {last}" if most else last

    @property
    def default(self) -> Any:
        return self.field.get_default(call_default_factory=True)

    @property
    def shown_default(self) -> Any:
        """The default as documents say it, which is the same everywhere."""
        return self._extra("shown_default") or plain(self.default)

    def owner_in(self, settings: BaseModel) -> BaseModel:
        """Return the model that has it as a field."""
        for table in self.path[:-1]:
            settings = getattr(settings, table)
        return settings

    def value_in(self, settings: BaseModel) -> Any:
        return getattr(self.owner_in(settings), self.leaf)

    def shown(self, value: Any) -> Any:
        """Return the value as it may be shown; a secret is, where everybody knows it."""
        return HIDDEN if self.secret and value != self.default else plain(value)

    def from_text(self, text: str) -> Any:
        """Return what a flag or the environment says, for pydantic to judge."""
        if self.optional and text.lower() == "none":
            return None
        (kind, *_) = self.kinds
        if get_origin(kind) is Literal:
            return next((word for word in get_args(kind) if str(word) == text), text)
        if get_origin(kind) is tuple:
            return [part.strip() for part in text.split(",") if part.strip()]
        return text

    def _extra(self, key: str) -> Any:
        extra = self.field.json_schema_extra
        return extra.get(key, "") if isinstance(extra, dict) else ""

    def _kind_words(self) -> tuple[str, ...]:
        (kind, *_) = self.kinds
        if self.words:
            return self.words
        if get_origin(kind) is tuple:
            return ("texts with commas between them",)
        if kind is bool:
            return ("true", "false")
        if kind in (int, float, Decimal):
            return (("a whole number" if kind is int else "a number") + self._bounds(),)
        return ("a path" if kind is Path else "a text",)

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
    """Return every setting of a model, those of the models in it last."""
    return tuple(sorted(_walk(model, ()), key=lambda setting: len(setting.path)))


def _walk(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _walk(field.annotation, (*path, name))
        else:
            yield Setting((*path, name), field)


def _flat(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _flat(each)
    elif origin is Annotated:
        yield from _flat(get_args(annotation)[0])
    else:
        yield annotation


def plain(value: Any) -> Any:
    """Return a setting's value as JSON has it."""
    simpler: dict[type, Callable[[Any], Any]] = {
        Path: str,
        Decimal: lambda number: int(number) if number == int(number) else float(number),
        Enum: lambda member: member.value,
        tuple: list,
        float: lambda number: int(number) if number.is_integer() else number,
    }
    for kind, simplify in simpler.items():
        if isinstance(value, kind):
            return simplify(value)
    return value


def row(setting: Setting, settings: BaseModel, source: Source) -> dict[str, Any]:
    """Return all about a setting and its value, ready for JSON and safe to show."""
    return {
        "name": setting.name,
        "group": setting.group,
        "flag": setting.flag,
        "environment": setting.environment,
        "type": setting.expects,
        "default": setting.shown_default,
        "value": setting.shown(setting.value_in(settings)),
        "source": source,
        "sentence": setting.sentence,
        "unknown": setting.unknown,
    }
