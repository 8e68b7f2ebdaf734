"""Credentials and endpoints: from the environment, or from a TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from contract_tests.signing import BadKey, TamsBearer, TamsSignature, WorkshopSignature

FILE_NAME = "tams-contract.toml"
ENVIRONMENT: Mapping[str, tuple[str, str]] = {
    "TAMS_ENDPOINT": ("tams", "endpoint"),
    "TAMS_APP_ID": ("tams", "app_id"),
    "TAMS_PRIVATE_KEY": ("tams", "private_key"),
    "TAMS_ACCESS_TOKEN": ("tams", "access_token"),
    "WORKSHOP_ENDPOINT": ("workshop", "endpoint"),
    "WORKSHOP_APP_KEY": ("workshop", "app_key"),
    "WORKSHOP_APP_SECRET": ("workshop", "app_secret"),
}
TABLES = ("tams", "workshop")
_HEADER_VALUES = {(table, key) for table, key in ENVIRONMENT.values()} - {
    ("tams", "endpoint"), ("tams", "private_key"), ("workshop", "endpoint"),
}  # fmt: skip
_PATH = re.compile(r"(~|\.{0,2}/|[A-Za-z]:\\)[\w./\\-]{1,100}$|[\w./-]{1,100}\.(pem|key|txt|der)$")
_API_PATH = re.compile(r"/(v1|scc)(/.*)?$")


class BadSettings(Exception):
    """A setting cannot be used; the message says what to change."""


@dataclass(frozen=True)
class TamsCredentials:
    """Credentials of TAMS: an app id with its private key (PEM text), a bearer token, or both."""

    app_id: str = ""
    private_key: str = ""
    access_token: str = ""

    def auth(self) -> httpx.Auth | None:
        """Return the default credential: the signature if there is one, else the token."""
        return self.signature() or self.bearer()

    def signature(self) -> TamsSignature | None:
        """Return the standard scheme, if its parts are there."""
        if not (self.app_id and self.private_key):
            return None
        return TamsSignature(self.app_id, self.private_key)

    def bearer(self) -> TamsBearer | None:
        """Return the simple scheme, if there is a token."""
        return TamsBearer(self.access_token) if self.access_token else None

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be written to a file."""
        return tuple(filter(None, (self.private_key, self.access_token)))


@dataclass(frozen=True)
class WorkshopCredentials:
    """Credentials of the Workshop: AppKey and AppSecret."""

    app_key: str = ""
    app_secret: str = ""

    def auth(self) -> WorkshopSignature | None:
        """Return the credential, if both parts are there."""
        if not (self.app_key and self.app_secret):
            return None
        return WorkshopSignature(self.app_key, self.app_secret)

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be written to a file."""
        return (self.app_secret,) if self.app_secret else ()


@dataclass(frozen=True)
class TargetCredentials:
    """Credentials and endpoints of both surfaces; a surface may have none."""

    tams: TamsCredentials = TamsCredentials()
    workshop: WorkshopCredentials = WorkshopCredentials()
    tams_endpoint: str = ""
    workshop_endpoint: str = ""

    def auth(self, surface: str) -> httpx.Auth | None:
        """Return the default credential of a surface, or None."""
        return self.tams.auth() if surface == "tams" else self.workshop.auth()

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be written to a file."""
        return self.tams.secrets() + self.workshop.secrets()


def read_credentials(
    environment: Mapping[str, str], file: Path | None, folder: Path
) -> TargetCredentials:
    """Return the credentials of environment and file; the environment wins.

    Without a `file`, the default file in `folder` is read if it exists. Raises `BadSettings`.
    """
    return credentials_of(read_values(environment, file, folder))


def read_values(
    environment: Mapping[str, str], file: Path | None, folder: Path
) -> dict[tuple[str, str], str]:
    """Return the given values by table and key, as they were written. Raises `BadSettings`."""
    values = _read_file(file, folder)
    for name, (table, key) in ENVIRONMENT.items():
        if environment.get(name):
            values[table, key] = environment[name]
    return values


def credentials_of(values: Mapping[tuple[str, str], str]) -> TargetCredentials:
    """Return the credentials that these values are, or raise `BadSettings`."""
    for name, place in ENVIRONMENT.items():
        if place in _HEADER_VALUES and (wrong := _wrong_form(values.get(place, ""))):
            raise BadSettings(f"{name} {wrong}: copy it again")
    tams = TamsCredentials(
        app_id=values.get(("tams", "app_id"), ""),
        private_key=_pem(values.get(("tams", "private_key"), "")),
        access_token=values.get(("tams", "access_token"), ""),
    )
    if bool(tams.app_id) != bool(tams.private_key) and not tams.access_token:
        missing = "TAMS_PRIVATE_KEY" if tams.app_id else "TAMS_APP_ID"
        raise BadSettings(f"{missing} is missing: a signature needs an app id and a private key")
    try:
        tams.signature()
    except BadKey as error:
        raise BadSettings(f"TAMS_PRIVATE_KEY: {error}") from None
    key, secret = (values.get(("workshop", name), "") for name in ("app_key", "app_secret"))
    if bool(key) != bool(secret):
        missing = "WORKSHOP_APP_SECRET" if key else "WORKSHOP_APP_KEY"
        raise BadSettings(f"{missing} is missing: the Workshop needs an AppKey and an AppSecret")
    return TargetCredentials(
        tams=tams,
        workshop=WorkshopCredentials(key, secret),
        tams_endpoint=as_url(values.get(("tams", "endpoint"), ""), "TAMS_ENDPOINT"),
        workshop_endpoint=as_url(values.get(("workshop", "endpoint"), ""), "WORKSHOP_ENDPOINT"),
    )


def as_url(text: str, name: str) -> str:
    """Return a host or URL as a URL without a slash at the end; a host alone means https."""
    if not text:
        return ""
    url = (text if "://" in text else f"https://{text}").rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # wrong brackets, or a port that is not a number
        usable = False
    if usable and (path := _API_PATH.search(parts.path)):
        raise BadSettings(f"{name} is {text!r}: leave out {path[0]}, the suite adds it")
    if not usable or re.search(r"[\s?#]", url):
        raise BadSettings(f"{name} is {text!r}: expected a host, or http(s)://host")
    return url


def _wrong_form(value: str) -> str:
    """Return what is wrong with the form of a value that is sent in a header, or nothing."""
    if value != value.strip():
        return "has white space around it"
    if value[:1] in "\"'" and value[:1] == value[-1:] and value:
        return "has quotes around it"
    if value.lower().startswith("bearer "):
        return "begins with the word Bearer, which the suite adds"
    if not all("!" <= character <= "~" for character in value):
        return "has white space or other characters that no credential has"
    return ""


def _read_file(file: Path | None, folder: Path) -> dict[tuple[str, str], str]:
    path = file or folder / FILE_NAME
    if file is None and not path.is_file():
        return {}
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} is not valid TOML: {error}") from None
    return dict(_entries(path, data))


def _entries(path: Path, data: Mapping[str, Any]) -> list[tuple[tuple[str, str], str]]:
    known = set(ENVIRONMENT.values())
    found = []
    for table, members in data.items():
        if table not in TABLES or not isinstance(members, dict):
            raise BadSettings(f"{path}: {table!r} is not known; expected [tams] and [workshop]")
        for key, value in members.items():
            if (table, key) not in known:
                names = ", ".join(sorted(name for of, name in known if of == table))
                raise BadSettings(f"{path}: [{table}] {key} is not known; expected {names}")
            if not isinstance(value, str):
                raise BadSettings(f"{path}: [{table}] {key} must be a text in quotes")
            found.append(((table, key), value))
    return found


def _pem(value: str) -> str:
    """Return PEM text, read from its file if `value` is a path."""
    if not value or "-----BEGIN" in value:
        return value.replace("\\n", "\n")  # as CI systems write line breaks
    try:
        return Path(value).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: ~ is not known
        reason = getattr(error, "strerror", None) or "it is not text"
        # What does not look like a path may be a secret.
        shown = f"{value[:200]}: {reason}" if _PATH.match(value) else "the value is not shown"
        raise BadSettings(
            f"TAMS_PRIVATE_KEY is neither PEM text nor a readable file: {shown}"
        ) from None
