"""Choices that the mock makes where nothing public says what a vendor does.

A vendor lists its choices once, as the fields of one frozen model. Flags, environment, file,
documents and the fidelity report are made from that model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, cast
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from mock_server.core.accounts import Account, OwnSettings

PRESETS = ("strict", "as_documented")

# Why some settings cannot differ from account to account.
NO_ACCOUNT = "it counts before the account of a call is known"


def setting(
    group: str,
    default: Any,
    sentence: str,
    *,
    common: bool = False,
    expects: str = "",
    shown_default: str = "",
    secret: bool = False,
    unknown: str = "",
    server_only: str = "",
    seed: str = "",
    **constraints: Any,
) -> Any:
    """Return the field of one setting.

    `common` settings are in the short help. `expects` and `shown_default` replace the texts that
    follow from type and default. `unknown` is the number of the open question that it answers.
    `server_only` says why accounts cannot have another value. `seed` is the name that the file or
    folder has in a folder with seeds.
    """
    constraints["default_factory" if callable(default) else "default"] = default
    about: dict[str, Any] = {
        "group": group,
        "common": common,
        "expects": expects,
        "shown_default": shown_default,
        "secret": secret,
        "unknown": unknown,
        "server_only": server_only,
        "seed": seed,
    }
    return Field(description=sentence, json_schema_extra=about, repr=not secret, **constraints)


def choice(group: str, default: Any, number: str, sentence: str, **more: Any) -> Any:
    """Return the field of one choice; `number` refers to the reference's list of unknowns."""
    return setting(group, default, sentence, unknown=number, **more)


class _CheckedChoices(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class ChoiceTable(_CheckedChoices):
    """The choices of one vendor. `presets` has the values that each preset gives to choices."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]]

    strict: bool = setting("Presets", False, "Turn on the preset strict for this vendor only.")
    as_documented: bool = setting(
        "Presets", False, "Turn on the preset as-documented for this vendor only."
    )

    def model_post_init(self, context: Any) -> None:
        """Give the values of presets to the choices that are not set."""
        for preset in reversed(PRESETS):
            if getattr(self, preset):
                values = {**self.presets[preset], preset: True}
                unset = values.keys() - self.model_fields_set
                vars(self).update({name: values[name] for name in unset})

    def preset_of(self, name: str) -> str:
        """Return the preset that decides a choice, or an empty text."""
        if name in self.model_fields_set:
            return ""
        on = [preset for preset in PRESETS if getattr(self, preset)]
        return next((preset for preset in on if name in (preset, *self.presets[preset])), "")

    def with_presets(self, names: Iterable[str]) -> Self:
        """Return the table with these presets on, as far as it does not set them itself."""
        table = self.model_copy()
        vars(table).update({name: True for name in names if name not in self.model_fields_set})
        table.model_post_init(None)
        return table


_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_NOT_IN_URLS = re.compile(r"[^!-~]|[\"<>\\^`{|}]")


def base_url(text: str) -> str:
    """Return a URL that others are appended to, without slashes at the end; it may be empty.

    Raises ValueError, which names the part that would break every URL.
    """
    if not text:
        return ""
    if found := _NOT_IN_URLS.search(text):
        raise ValueError(f"{found[0]!r} cannot be part of a URL")
    if not text.startswith(("http://", "https://")):
        raise ValueError("not a web address")
    if "?" in text or "#" in text:
        raise ValueError("a query or a fragment cannot be at the beginning of URLs")
    parts = urlsplit(text)  # raises ValueError for wrong brackets
    if "@" in parts.netloc:
        raise ValueError("credentials cannot be part of URLs that everybody gets")
    bracketed, bracket, rest = parts.netloc.rpartition("]")
    name, colon, port = rest.partition(":")
    host = bracketed + bracket + name
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is not a host name" if host else "the host name is missing")
    if colon and not (port.isdecimal() and 1 <= int(port) <= 65535):
        raise ValueError(f"{port!r} is not a port from 1 to 65535")
    return text.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(base_url)]

Table = TypeVar("Table", bound=ChoiceTable)


class _PlainChoices:
    """Has the fields of a table, and nothing else."""


def at_hand(table: Table) -> Table:
    """Return the choices in a plain object, for code that reads about twenty in each call.

    A pydantic model takes several times as long to read an attribute.
    """
    plain = _PlainChoices()
    vars(plain).update(table)
    return cast(Table, plain)


MAX_OWN = 512  # different settings of accounts whose choices and surfaces are kept


class Choices(Generic[Table]):
    """A vendor's choices, at hand: the server's, and those that hold for an account.

    `own` returns the choices of accounts with these settings.
    """

    def __init__(self, server: Table, own: Callable[[OwnSettings], Table] | None = None) -> None:
        self._server = server
        self._table_of = own or _none
        self._own = lru_cache(MAX_OWN)(lambda settings: at_hand(self.table(settings)))

    @cached_property
    def server(self) -> Table:
        return at_hand(self._server)

    def table(self, own: OwnSettings = ()) -> Table:
        """Return the choices that hold with these settings of an account, as a table."""
        return self._table_of(own) if own else self._server

    def of(self, account: Account) -> Table:
        return self._own(account.settings) if account.settings else self.server


def _none(own: OwnSettings) -> Any:
    raise LookupError(own)


def number_of(field: FieldInfo) -> str:
    """Return the number of the unknown that a choice answers; presets have none."""
    extra = field.json_schema_extra
    return str(extra["unknown"]) if isinstance(extra, dict) else ""


class Fact(Struct, frozen=True):
    """One behaviour and where it comes from: doc, client, observed, or unknown and chosen."""

    subject: str
    behaviour: str
    source: str  # "doc", "client", "observed" or "unknown"
    reference: str  # the section of the fact sheet, or the number of the unknown
    setting: str = ""  # the setting that changes it, where there is one
    alternatives: str = ""  # what that setting could be instead


def facts_of(vendor: str, *rows: tuple[str, str, str, str]) -> tuple[Fact, ...]:
    """Return facts by subject, behaviour, source, and the section or the number of the unknown."""
    return tuple(
        Fact(subject, behaviour, source, where if source == "unknown" else f"{vendor} › {where}")
        for subject, behaviour, source, where in rows
    )
