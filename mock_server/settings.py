"""Every setting, once: a name, a type, a default, a sentence, a group, and whether it is common.

`Settings(port=0)` is exactly that, whatever the environment says; `read_settings` reads flags,
environment and file. This is plain pydantic: pydantic-settings would add 40 ms to every start, a
third of the start of a bare server, and cannot say where a refused value came from.
"""

# Annotations are not strings here: strings would be compiled again at every start.

import os
import re
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from mock_server import setting_sources
from mock_server.core.accounts import Credentials, LimitMode, Progression
from mock_server.core.clock import LATEST
from mock_server.core.errors import SettingsRefused
from mock_server.setting_types import Setting, Source, plain, settings_of, validated
from mock_server.tams.settings import TamsSettings
from mock_server.web.byte_order_marks import read_authorities, read_file, read_pem
from mock_server.web.recorder import RecordedSettings
from mock_server.web.vendor_settings import PRESETS, BaseUrl, ChoiceTable, setting
from mock_server.workshop.settings import WorkshopSettings

if TYPE_CHECKING:
    from mock_server.control.seeds import SeededAccountBody

KIB = 1024
MIB = 1024 * KIB
LOOPBACK = "127.0.0.1"
PORT = 8080


def user_state_dir() -> Path:
    """Return the folder where the platform keeps state of a user's programs."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else _home() / "AppData" / "Local") / "tams-mock"
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support" / "tams-mock"
    xdg = os.environ.get("XDG_STATE_HOME", "")
    # A relative path is invalid there and to be ignored (XDG Base Directory Specification).
    state = Path(xdg) if xdg.startswith("/") else _home() / ".local" / "state"
    return state / "tams-mock"


def _home() -> Path:
    """Return the user's home folder, or a folder for temporary files if there is none."""
    with suppress(RuntimeError):
        return Path.home()
    # The user has no HOME and is not in passwd: containers with an arbitrary user id, Bazel.
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(os.environ.get("TMPDIR") or "/tmp") / f"tams-mock-{user}"  # noqa: S108
    # Another user may have made this folder, to read or replace the keys in it.
    taken = folder.is_symlink() or (folder.exists() and folder.stat().st_uid != user)
    return folder.with_name(f"{folder.name}-{os.getpid()}") if taken else folder


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("the home folder that ~ means is not known") from error


def _seconds(value: Any) -> Any:
    """Turn ISO 8601, as text or as TOML's own dates, into seconds since the epoch."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            value = datetime.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return value


_NAME_IN_CERTIFICATES = re.compile(r"(\*\.)?[\w-]{1,63}(\.[\w-]{1,63})*", re.ASCII)


def _certificate_name(text: str) -> str:
    with suppress(ValueError):
        return str(ip_address(text))
    if not _NAME_IN_CERTIFICATES.fullmatch(text):
        raise ValueError(f"{text!r} is neither a host name nor an address")
    return text.lower()


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))  # its ValueError names the text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _known_store(text: str) -> str:
    if text != "memory:":
        raise ValueError("no such store")
    return text


_listening = partial(
    setting, "Where to listen", server_only="a server listens in one way for all accounts"
)
_account = partial(
    setting,
    "Ready-made account",
    server_only="it is where the ready-made account begins; its credentials can be rotated",
)
_jobs = partial(setting, "How jobs go")
_time = partial(
    setting, "Time", server_only="PUT /_mock/clock?account=ID changes the clock of an account"
)
_limits = partial(
    setting,
    "Limits and credits",
    server_only="PUT .../balance and PUT .../limits change those of an account",
)
_presets = partial(setting, "Presets")
_callbacks = partial(
    setting, "Callbacks", server_only="it protects the network of the server, not an account"
)
_files = partial(setting, "Files", server_only="files are read once, for all accounts")
_control = partial(
    setting, "Control", server_only="it is about the server's own API, journal and log"
)
_sizes = partial(setting, "Sizes", server_only="it bounds the server, not an account")
_kept = partial(setting, "Sizes")
_proxy = partial(setting, "Proxy", server_only="a proxy has one upstream for all calls")

_NAME: dict[str, Any] = {
    "pattern": r"^[A-Za-z0-9._-]{1,64}$",
    "expects": "1 to 64 letters, digits, dots, dashes or underscores",
}
_MAYBE = r"^[!-~]{0,4096}$"
_VISIBLE: dict[str, Any] = {
    "pattern": r"^[!-~]{1,256}$",
    "expects": "1 to 256 visible ASCII characters without spaces",
}


# Settings that count only with another one, which comes before them.
_PAIRED = {
    "max_credits": "allow_spending",
    "upstream_private_key_file": "upstream_app_id",
    "upstream_app_secret": "upstream_app_key",
}
_LOADED = {"loaded": True}  # the context of settings whose files were read already

# Where a server runs and what it tells, which no answer of a vendor depends on.
_OF_THE_PLACE = {
    "log_level",
    "otel",
    "port",
    "quiet",
    "seeds_dir",
    "state_dir",
    "store",
    "tls",
    "tls_port",
}


class _CheckedSettings(BaseModel):
    """What is checked of settings, whichever of them a model has."""

    # Validators of all fields would take 7 ms and 2 MB of each start, which needs those of a few.
    model_config = ConfigDict(
        frozen=True, extra="forbid", coerce_numbers_to_str=True, defer_build=True
    )

    @field_validator(
        "public_key_file",
        "callback_ca_file",
        "accounts_file",
        "scenarios_dir",
        "templates_dir",
        "node_classes_file",
        "workflows_file",
        "error_codes_file",
        "faults_file",
        "upstream_ca_file",
        "upstream_private_key_file",
        check_fields=False,
    )
    @classmethod
    def _loadable(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is None or info.context is _LOADED:
            return path
        from mock_server.tams.key_pairs import load_private_key, load_public_key
        from mock_server.tams.workflow.node_classes import load_classes, shipped_classes
        from mock_server.tams.workflow.templates import Templates
        from mock_server.web.faults.rules import load_faults
        from mock_server.workshop.error_codes import load_codes
        from mock_server.workshop.workflows import load_workflows

        load: dict[str | None, Callable[[Path], object]] = {
            "public_key_file": lambda path: load_public_key(read_pem(path)),
            "callback_ca_file": read_authorities,
            "accounts_file": _load_accounts,
            "scenarios_dir": lambda path: [*path.iterdir()],
            "templates_dir": lambda path: Templates(shipped_classes(), folder=path),
            "node_classes_file": load_classes,
            "workflows_file": load_workflows,
            "error_codes_file": load_codes,
            "faults_file": load_faults,
            "upstream_ca_file": read_authorities,
            "upstream_private_key_file": lambda path: load_private_key(read_pem(path)),
        }
        path = _expanded(path)
        try:
            load[info.field_name](path)
        except OSError as error:
            raise ValueError(f"the file cannot be read: {error.strerror or error}") from error
        except UnicodeError as error:
            raise ValueError("the file is not text") from error
        return path

    @field_validator("control_open_to", check_fields=False)
    @classmethod
    def _told_apart(cls, who: str, info: ValidationInfo) -> str:
        if who == "private" and info.data.get("trusted_proxies"):
            raise ValueError("with --trusted-proxies, all callers have the address of a proxy")
        return who

    @field_validator("upstream", check_fields=False)
    @classmethod
    def _reachable(cls, url: str, info: ValidationInfo) -> str:
        parts = urlsplit(url)
        if parts.path:
            raise ValueError("it has a path, and signatures cover paths, so none can be added")
        is_here = _is_loopback(parts.hostname or "")
        if is_here and parts.port == info.data.get("port", PORT):
            raise ValueError("it is the proxy's own port; choose another one with --port")
        if url and not (is_here or info.data.get("allow_remote_upstream")):
            raise ValueError(
                f"{parts.hostname} is another computer; --allow-remote-upstream lets calls go there"
            )
        return url

    @field_validator("upstream_token", check_fields=False)
    @classmethod
    def _unseen(cls, token: str, info: ValidationInfo) -> str:
        parts = urlsplit(info.data.get("upstream", ""))
        if token and parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            raise ValueError(f"it would go to {parts.hostname} unencrypted; use https")
        return token

    @field_validator(*_PAIRED, check_fields=False)
    @classmethod
    def _paired(cls, value: Any, info: ValidationInfo) -> Any:
        other = _PAIRED[str(info.field_name)]
        if value not in (None, "") and not info.data.get(other):
            raise ValueError(f"it needs --{other.replace('_', '-')} too")
        return value


class Settings(_CheckedSettings):
    """The settings of a server; they are read once, when it starts, and never change."""

    # Where each value came from, by name; `read_settings` fills it in.
    _sources: Mapping[str, Source] = PrivateAttr(default_factory=dict)

    host: str = _listening(
        LOOPBACK,
        "Address or host name to listen on.",
        common=True,
        min_length=1,
        expects="an address or a host name",
    )
    port: int = _listening(PORT, "Port for http; 0 picks a free port.", common=True, ge=0, le=65535)
    tls: bool = _listening(False, "Serve https too, on port 8443 or --tls-port.", common=True)
    tls_port: int = _listening(8443, "Port for https; 0 picks a free port.", ge=0, le=65535)
    tls_name: tuple[Annotated[str, AfterValidator(_certificate_name)], ...] = _listening(
        (),
        "More host names or addresses for the certificate of https.",
        expects="host names or addresses with commas between them",
    )
    public_url: BaseUrl = _listening(
        "",
        "Base of the URLs in answers; empty is the address that the caller used.",
        common=True,
        expects="an address that begins with http:// or https://",
    )
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = _listening(
        (),
        "Proxies whose X-Forwarded-Proto and X-Forwarded-Host, or Forwarded, count in URLs.",
        expects="addresses or networks (10.0.0.0/8) with commas between them",
    )

    account_id: str = _account("default", "Id of the account in the control API.", **_NAME)
    app_id: str = _account("mockApp01", "TAMS app id of the account.", common=True, **_NAME)
    access_token: str = _account(
        "mock-token-0001", "TAMS bearer token.", common=True, secret=True, **_VISIBLE
    )
    public_key_file: Path | None = _account(
        None, "PEM file with the TAMS public key, in place of the test key.", common=True
    )
    app_key: str = _account("204800001", "Workshop AppKey.", common=True, **_VISIBLE)
    app_secret: str = _account(
        "mock-secret-0001", "Workshop AppSecret.", common=True, secret=True, **_VISIBLE
    )
    event_secret: str = _account(
        "mock-event-secret-0001",
        "Secret that signs the Workshop's events and encrypts their tokens.",
        secret=True,
        **_VISIBLE,
    )

    progress: Progression = _jobs(
        Progression.TIME,
        "What advances jobs: instant, time, polls (each GET advances), or manual.",
        common=True,
    )
    profile: Literal["short", "realistic"] = _jobs(
        "short",
        "How long jobs take: short (seconds) or realistic (like the real service).",
        common=True,
    )
    seed: int = _jobs(
        1,
        "Seed of everything random.",
        common=True,
        ge=0,
        le=2**63 - 1,
        server_only="an account gets its seed when it is created",
    )
    slots: int = _jobs(2, "Jobs of one account that run at the same time.", ge=1, le=1000)
    polls: int = _jobs(4, "Polls until a job ends, if polls advance jobs.", ge=1, le=1000)
    memory_pixels: int = _jobs(
        8_294_400, "Pixels of the largest picture; a larger one fails as out of memory.", ge=1
    )

    clock_start: Annotated[float | None, BeforeValidator(_seconds)] = _time(
        None,
        "Virtual time at the start; none is the present time.",
        common=True,
        expects=f"ISO 8601 (UTC if no zone is given), seconds from 0 to {LATEST:.0f}, or none",
        ge=0,
        le=LATEST,
        allow_inf_nan=False,
    )
    clock_rate: float = _time(
        1, "Speed of virtual time: 1 is real time, 0 freezes it.", common=True, ge=0, le=1_000_000
    )

    balance: Decimal = _limits(
        Decimal(1000), "Credits of a new account.", common=True, ge=0, le=1_000_000_000_000
    )
    qps: int = _limits(
        5, "Calls that an account may make per second.", common=True, ge=1, le=1_000_000
    )
    rate_limit: LimitMode = _limits(
        LimitMode.ON,
        "Calls over the limit: refused (on), accepted (off), or only reported (shadow).",
        common=True,
    )

    strict: bool = _presets(False, "Refuse what a stricter service might refuse.", common=True)
    as_documented: bool = _presets(
        False, "Follow the vendors' documents wherever a choice is open.", common=True
    )

    callback_targets: tuple[str, ...] = _callbacks(
        ("private",),
        "Hosts that callbacks may go to: names, private (with loopback), or any.",
        common=True,
    )
    callback_ca_file: Path | None = _callbacks(
        None, "PEM file with more certificate authorities that https receivers may have."
    )

    state_dir: Annotated[Path, AfterValidator(_expanded)] = _files(
        user_state_dir,
        "Folder for the certificate authority and the account's private key.",
        common=True,
        shown_default="the user's state folder, ~/.local/state/tams-mock on Linux",
    )
    seeds_dir: Annotated[Path, AfterValidator(_expanded)] | None = _files(
        None,
        "Folder with what a server begins with: tams-mock.toml, accounts.json, faults.json,"
        " scenarios/, templates/, workflows.json, node-classes.json, error-codes.json.",
    )
    accounts_file: Path | None = _files(
        None,
        "JSON file with a list of accounts, each as POST /_mock/accounts takes it, with an id.",
        seed="accounts.json",
    )
    templates_dir: Path | None = _files(
        None,
        "Folder with more TAMS workflow templates, one JSON file each.",
        common=True,
        seed="templates",
    )
    node_classes_file: Path | None = _files(
        None,
        "JSON file with more node classes, in the format of ComfyUI's /object_info.",
        seed="node-classes.json",
    )
    workflows_file: Path | None = _files(
        None,
        "JSON file with more workflows of the Workshop.",
        common=True,
        seed="workflows.json",
    )
    error_codes_file: Path | None = _files(
        None,
        "JSON file with the Workshop's error codes and messages, in place of the mock's own.",
        seed="error-codes.json",
    )
    store: Annotated[str, AfterValidator(_known_store)] = _files(
        "memory:",
        "Where state is kept; memory: loses it when the server stops.",
        expects="memory:, the only store so far",
    )

    faults_file: Path | None = _files(
        None,
        "JSON file with a list of faults, each as POST /_mock/faults takes it.",
        seed="faults.json",
    )
    scenarios_dir: Path | None = _files(
        None,
        "Folder with more scenarios, one YAML file each, which can be started by name.",
        seed="scenarios",
    )
    scenario: str = _files(
        "",
        "Scenario that the ready-made account begins with: a name, or a YAML file.",
        expects="the name of a scenario (tams-mock scenario list), or a file",
    )
    request_faults: bool = _control(
        True, "Let calls ask for a fault: by the header X-Mock-Fault, or [mock:...] in a prompt."
    )
    echo_request_ids: bool = _control(
        False,
        "Send the X-Request-Id and the traceparent of a call back in its answer.",
        unknown="U61",
    )
    otel: bool = _control(
        False,
        "Send an OpenTelemetry span of each request, to where the OTEL_ variables say; needs the"
        " extra otel.",
    )
    control_token: str = _control(
        "",
        "Bearer token for /_mock if the host is not loopback; if empty, serve makes one.",
        common=True,
        pattern=r"^[!-~]{0,256}$",
        expects="visible ASCII characters without spaces",
        secret=True,
    )
    control_open_to: Literal["nobody", "private"] = _control(
        "nobody",
        "Who may call /_mock without the token from other computers: nobody, or private, which are"
        " the addresses of private networks.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _control(
        "info",
        "Lowest level of the lines on standard error: info has a line for each call of a vendor's"
        " API, warning only refused calls and those with remarks, debug also calls of /_mock.",
    )
    quiet: bool = _control(False, "Print only errors on standard error.", common=True)
    journal_entries: int = _control(1000, "Requests that the journal keeps; 0 is off.", ge=0)
    journal_bytes: int = _control(16 * MIB, "Bytes that the journal keeps.", ge=0)
    journal_body_bytes: int = _control(
        64 * KIB, "Bytes that the journal keeps of each body; of a picture it keeps 4096.", ge=0
    )
    recorded_bytes: int = _control(
        32 * MIB,
        "Bytes to keep of the last requests, to record them as an incident; 0 is off.",
        ge=0,
    )

    header_limit_bytes: int = _sizes(
        32 * KIB, "Largest request line and headers together; larger ones get 431.", ge=1 * KIB
    )
    body_limit_bytes: int = _sizes(10 * MIB, "Largest request body, except uploads.", ge=1)
    compressed_bodies: Literal["refuse", "read"] = _sizes(
        "refuse", "Request bodies with Content-Encoding gzip or deflate: refuse or read."
    )
    body_timeout: float = _sizes(30, "Seconds for a request body to arrive.", gt=0, le=86_400)
    upload_limit_bytes: int = _sizes(20 * MIB, "Largest uploaded picture.", ge=1)
    state_limit_bytes: int = _sizes(
        512 * MIB, "Largest state that is loaded: PUT /_mock/state, tams-mock state load.", ge=1
    )
    stored_bytes: int = _sizes(
        256 * MIB, "Uploaded bytes to keep in all; the oldest uploads are deleted first.", ge=0
    )
    picture_cache_bytes: int = _sizes(
        64 * MIB, "Pictures to keep in memory; others are drawn again when needed.", ge=0
    )
    keep_jobs: int = _kept(
        10_000, "Jobs to keep for each account; the oldest finished jobs are deleted first.", ge=1
    )
    keep_callbacks: int = _kept(
        10_000,
        "Callbacks to keep for each account; with as many open ones, calls get no more, and are"
        " told so in the header X-Mock-Remark.",
        ge=1,
    )
    keep_uploads: int = _kept(
        10_000, "Uploads to keep for each account; the oldest are deleted first.", ge=1
    )
    keep_tokens: int = _sizes(
        10_000, "Workshop tokens to keep for each account; the oldest are deleted first.", ge=1
    )
    keep_sessions: int = _sizes(
        10_000, "Sessions to keep for each account; ended sessions are deleted first.", ge=1
    )
    keep_accounts: int = _sizes(500, "Accounts to keep; the oldest are deleted first.", ge=1)

    allow_remote_upstream: bool = _proxy(
        False, "Let the upstream be on another computer, such as the real service."
    )
    upstream: BaseUrl = _proxy(
        "",
        "Service to pass all calls of the vendors' APIs to, as scheme, host and port; if empty,"
        " the mock answers them.",
        expects="an address that begins with http:// or https://, without a path",
    )
    allow_spending: bool = _proxy(
        False, "Pass also calls that cost money at the upstream; otherwise they get 403."
    )
    max_credits: Decimal | None = _proxy(
        None,
        "Credits that passed calls may cost in all, by the documented prices; then they get 403.",
        ge=0,
        le=1_000_000_000,
    )
    upstream_timeout: float = _proxy(
        60,
        "Seconds to wait for the upstream: for a connection, and for each part of an answer.",
        gt=0,
        le=86_400,
    )
    upstream_ca_file: Path | None = _proxy(
        None, "PEM file with more certificate authorities that an https upstream may have."
    )
    rewrite_urls: bool = _proxy(
        False, "Replace the upstream's address in JSON answers, so that pictures pass here too."
    )
    upstream_app_id: str = _proxy("", "TAMS app id to sign calls with.", pattern=_MAYBE)
    upstream_private_key_file: Path | None = _proxy(
        None, "PEM file with the TAMS private key to sign calls with."
    )
    upstream_token: str = _proxy(
        "",
        "TAMS bearer token to send if no key signs; refused as a flag, which others could see.",
        secret=True,
        pattern=_MAYBE,
    )
    upstream_app_key: str = _proxy("", "Workshop AppKey to sign calls with.", pattern=_MAYBE)
    upstream_app_secret: str = _proxy(
        "",
        "Workshop AppSecret to sign calls with; refused as a flag, which others could see.",
        secret=True,
        pattern=_MAYBE,
    )

    tams: TamsSettings = Field(default_factory=TamsSettings.model_construct)
    workshop: WorkshopSettings = Field(default_factory=WorkshopSettings.model_construct)

    def model_post_init(self, context: Any) -> None:
        """Turn on the presets of this server for each vendor."""
        presets = [preset for preset in PRESETS if getattr(self, preset)]
        if presets:
            tables = {name: each for name, each in self if isinstance(each, ChoiceTable)}
            vars(self).update({name: t.with_presets(presets) for name, t in tables.items()})

    @property
    def beyond_loopback(self) -> bool:
        """Whether programs on other computers may reach the server, perhaps through a proxy."""
        if self.trusted_proxies:
            return True
        return not _is_loopback(self.host)

    @property
    def seed_files(self) -> dict[str, Path]:
        """The files and folders that a server begins with, by the setting that names them."""
        named = {each.name: self.value_of(each) for each in all_settings() if each.seed}
        return {name: path for name, path in named.items() if path is not None}

    @property
    def failing_models(self) -> frozenset[str]:
        """The models that were taken down, as far as jobs with them fail."""
        tables = (self.tams, self.workshop)
        fail = [each.removed_models for each in tables if each.removed_model_jobs == "fail"]
        return frozenset().union(*fail)

    @property
    def public_key(self) -> str:
        """The PEM text of `public_key_file`; empty if the test key is used."""
        return "" if self.public_key_file is None else read_pem(self.public_key_file)

    @property
    def callback_authorities(self) -> str:
        """The certificates of `callback_ca_file` as text."""
        file = self.callback_ca_file
        return "" if file is None else read_authorities(file)

    @property
    def upstream_authorities(self) -> str:
        """The certificates of `upstream_ca_file` as text."""
        file = self.upstream_ca_file
        return "" if file is None else read_authorities(file)

    @property
    def upstream_secrets(self) -> tuple[str, ...]:
        """What must not be shown of the upstream's credentials."""
        return self.upstream_token, self.upstream_app_secret

    @property
    def upstream_credentials(self) -> Credentials:
        """What a proxy signs calls with; its members are empty where it does not."""
        file = self.upstream_private_key_file
        return Credentials(
            app_id=self.upstream_app_id,
            token=self.upstream_token,
            key=self.upstream_app_key,
            secret=self.upstream_app_secret,
            private_key="" if file is None else read_pem(file),
        )

    def with_own(self, own: Mapping[str, Any]) -> Self:
        """Return the settings of an account that has some of its own, by name.

        Raises SettingsRefused for values that cannot be.
        """
        origins = {
            each.name: setting_sources.Origin(self.source_of(each), each.name, self.value_of(each))
            for each in all_settings()
            if each.path[-1] in self._owner(each).model_fields_set
        }
        origins |= {
            name: setting_sources.Origin("account", "", value) for name, value in own.items()
        }
        try:
            settings = self.model_validate(
                setting_sources.nested(all_settings(), origins), context=_LOADED
            )
        except ValidationError as error:
            problems = setting_sources.problems(all_settings(), origins, error)
            raise SettingsRefused(problems) from error
        settings._sources = {name: origin.source for name, origin in origins.items()}
        return settings

    def row(self, setting: Setting) -> dict[str, Any]:
        """Return all about a setting and its value, ready for JSON and safe to show."""
        owner, leaf = self._owner(setting), setting.path[-1]
        presets = owner.presets if isinstance(owner, ChoiceTable) else {}
        return {
            "name": setting.name,
            "group": setting.group,
            "flag": setting.flag,
            "environment": setting.environment,
            "type": setting.expects,
            "default": setting.shown_default,
            "value": setting.shown(self.value_of(setting)),
            "source": self.source_of(setting),
            "sentence": setting.sentence,
            "unknown": setting.unknown,
            "account": not setting.server_only,
            "presets": {
                name: plain(values[leaf]) for name, values in presets.items() if leaf in values
            },
        }

    def value_of(self, setting: Setting) -> Any:
        return getattr(self._owner(setting), setting.path[-1])

    def source_of(self, setting: Setting) -> Source:
        owner, leaf = self._owner(setting), setting.path[-1]
        if setting.name in self._sources:
            return self._sources[setting.name]
        if isinstance(owner, ChoiceTable) and (preset := owner.preset_of(leaf)):
            return f"preset {preset.replace('_', '-')}"
        return "code" if leaf in owner.model_fields_set else "default"

    def _owner(self, setting: Setting) -> BaseModel:
        table: BaseModel = self if len(setting.path) == 1 else getattr(self, setting.path[0])
        return table


def all_settings() -> tuple[Setting, ...]:
    """Return every setting, group by group."""
    return settings_of(Settings)


def read_settings(
    flags: Mapping[str, Any] | None = None, *, config: Path | None = None
) -> Settings:
    """Read the settings; flags win over environment over file over default.

    `flags` are by name of the setting. The file is `config`, or what TAMS_MOCK_CONFIG names, or
    tams-mock.toml in the working directory, if there is one. Raises SettingsError.
    """
    return _made_of(setting_sources.gather(all_settings(), flags or {}, os.environ, config))


def given_settings(values: Mapping[str, Any]) -> Settings:
    """Return settings with these values, by name, and otherwise the defaults.

    Those in a table are `{"tams": {"upload_answer": "empty"}}`, or have its name before theirs:
    `tams.upload_answer`. Raises SettingsError.
    """
    return _made_of(setting_sources.from_code(all_settings(), values))


def recorded_settings(settings: Settings) -> RecordedSettings:
    """Return what was set, with the files that it names; nothing of where the server runs."""
    from mock_server.control.scenario_files import is_file

    values, files, secrets = dict[str, Any](), dict[str, str](), list[str]()
    for each in all_settings():
        value, source = settings.value_of(each), settings.source_of(each)
        if not _is_replayed(each) or source.startswith(("default", "preset ")):
            continue
        if each.name == "scenario" and is_file(value):
            value = Path(value)
        if isinstance(value, Path):
            found = sorted(value.glob("*.[jy]*")) if value.is_dir() else [value]
            if each.name == "accounts_file":
                bodies = _load_accounts(value)
                secrets += [one for body in bodies for one in body.secrets]
            files |= {f"{each.name}/{path.name}": read_file(path).decode() for path in found}
            value = each.name if value.is_dir() else f"{each.name}/{value.name}"
        if each.secret and value != each.default:
            secrets.append(str(value))
        values[each.name] = plain(value)
    missing = "calls that another service answered are answered by the mock"
    partial = (missing,) if settings.upstream else ()
    return RecordedSettings(values, files, tuple(secrets), partial)


def _load_accounts(path: Path) -> "list[SeededAccountBody]":
    from mock_server.control.seeds import load_accounts  # here, because it takes long to load

    return load_accounts(path)


def _is_replayed(setting: Setting) -> bool:
    """Return whether answers may depend on a setting; a replay calls no other service."""
    return setting.name not in _OF_THE_PLACE and setting.group != "Proxy"


def settings_from(values: Mapping[str, Any], folder: Path, files: Collection[str]) -> Settings:
    """Return recorded settings, whose `files` are in a folder; raises SettingsError."""
    names = {setting.name: setting for setting in all_settings()}
    origins: dict[str, setting_sources.Origin] = {}
    for name, value in values.items():
        if name not in names or not _is_replayed(names[name]):
            raise setting_sources.SettingsError([f"{name} is not a setting of incidents"])
        if isinstance(value, str) and value in files:
            origins[name] = setting_sources.Origin("file", name, str(folder / value))
        elif names[name].kind is Path and value is not None:
            raise setting_sources.SettingsError([f"{name} names a file that is not there"])
        else:
            origins[name] = setting_sources.Origin("file", name, value)
    return _made_of(origins)


def _made_of(origins: Mapping[str, setting_sources.Origin]) -> Settings:
    try:
        settings = validated(Settings, setting_sources.nested(all_settings(), origins))
    except ValidationError as error:
        problems = setting_sources.problems(all_settings(), origins, error)
        raise setting_sources.SettingsError([*problems.values()]) from error
    settings._sources = {name: origin.source for name, origin in origins.items()}
    return settings


def settings_table(settings: Settings) -> list[dict[str, Any]]:
    """Return a row for each setting, ready for JSON and safe to show."""
    return [settings.row(setting) for setting in all_settings()]
