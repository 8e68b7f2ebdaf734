"""Every knob, once: a name, a type, a default, a sentence and what it accepts.

`Settings(port=0)` is exactly that, whatever the environment says; `read_settings` asks flags,
environment and file. This is plain pydantic: pydantic-settings would add 40 ms to every start, a
third of what a bare server takes, and cannot say where a refused value came from.
"""

# Annotations are no text here: as text, each would be compiled again at every start.

import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from mock_server import setting_sources
from mock_server.core.accounts import LimitMode, Progression
from mock_server.core.clock import LATEST
from mock_server.setting_types import Setting, Source, row, setting, settings_of
from mock_server.tams.settings import TamsSettings
from mock_server.web.vendor_settings import turned_on
from mock_server.workshop.settings import WorkshopSettings

KIB = 1024
MIB = 1024 * KIB
LOOPBACK = "127.0.0.1"


def user_state_dir() -> Path:
    """Return the folder where the platform keeps state of a user's programs."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "tams-mock"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tams-mock"
    xdg = os.environ.get("XDG_STATE_HOME", "")
    # A relative path is invalid there and to be ignored (XDG Base Directory Specification).
    state = Path(xdg) if xdg.startswith("/") else Path.home() / ".local" / "state"
    return state / "tams-mock"


def _seconds(value: Any) -> Any:
    """Take ISO 8601, as text or as TOML's own dates, for seconds since the epoch."""
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


def _readable_public_key(path: Path) -> Path:
    from mock_server.tams.key_pairs import load_public_key

    try:
        load_public_key(path.expanduser().read_text("ascii"))
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:
        raise ValueError("the file is no PEM text") from error
    return path.expanduser()


def _readable_classes(path: Path) -> Path:
    from mock_server.tams.workflow.node_classes import load_classes

    load_classes(path.expanduser())
    return path.expanduser()


def _readable_templates(path: Path) -> Path:
    from mock_server.tams.workflow.node_classes import shipped_classes
    from mock_server.tams.workflow.templates import Templates

    Templates(shipped_classes(), folder=path.expanduser())
    return path.expanduser()


def _readable_error_codes(path: Path) -> Path:
    from mock_server.workshop.error_codes import load_codes

    load_codes(path.expanduser())
    return path.expanduser()


def _readable_workflows(path: Path) -> Path:
    from mock_server.workshop.workflows import load_workflows

    load_workflows(path.expanduser())
    return path.expanduser()


def _web_address(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if text and (scheme not in ("http", "https") or not rest.strip("/")):
        raise ValueError("not a web address")
    return text.rstrip("/")


def _known_store(text: str) -> str:
    if text != "memory:":
        raise ValueError("no such store")
    return text


_serving = partial(setting, "Serving")
_bounds = partial(setting, "Bounds")
_world = partial(setting, "World")
_account = partial(setting, "Ready-made account")

_NAME = r"^[A-Za-z0-9._-]{1,64}$"
_NAME_EXPECTED = "1 to 64 letters, digits, dots, dashes or underscores"
_VISIBLE = r"^[!-~]{1,256}$"
_VISIBLE_EXPECTED = "1 to 256 visible ASCII characters without blanks"


class Settings(BaseModel):
    """What a server is told when it starts; it is read once and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    # Where each value came from, by name; `read_settings` fills it in.
    _sources: Mapping[str, Source] = PrivateAttr(default_factory=dict)

    host: str = _serving(
        LOOPBACK,
        "Address or name to listen on; beyond loopback, /_mock wants the control token.",
        min_length=1,
        expects="an address or a host name",
    )
    port: int = _serving(8080, "Port for http; 0 picks a free one.", ge=0, le=65535)
    tls: bool = _serving(False, "Whether https is served as well, on a port of its own.")
    tls_port: int = _serving(8443, "Port for https; 0 picks a free one.", ge=0, le=65535)
    public_url: Annotated[str, AfterValidator(_web_address)] = _serving(
        "",
        "Base of the URLs that are handed out, in place of the one that the caller used.",
        expects="an address that begins with http:// or https://",
    )
    control_token: str = _serving(
        "",
        "What /_mock wants as bearer token when it can be reached from beyond loopback; without"
        " one, `serve` makes one up and prints it.",
        pattern=r"^[!-~]{0,256}$",
        expects="visible ASCII without blanks",
        secret=True,
    )
    callback_targets: tuple[str, ...] = _serving(
        ("private",),
        "Hosts that callbacks may go to: names, private (loopback and private addresses) or any;"
        " link-local addresses never.",
    )
    state_dir: Annotated[Path, AfterValidator(Path.expanduser)] = _serving(
        user_state_dir,
        "Folder for what is made once and kept: certificate authority, the account's key file.",
        shown_default="the user's state folder, ~/.local/state/tams-mock on Linux",
    )
    store: Annotated[str, AfterValidator(_known_store)] = _serving(
        "memory:",
        "Where state lives; memory: forgets it when the server stops.",
        expects="memory:, the only store so far",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _serving(
        "info", "The least that is logged on standard error."
    )

    header_limit_bytes: int = _bounds(
        32 * KIB, "The largest request line and headers together; more is a 431.", ge=1 * KIB
    )
    body_limit_bytes: int = _bounds(10 * MIB, "The largest request body, uploads aside.", ge=1)
    body_timeout: float = _bounds(30, "Seconds for a request body to arrive.", gt=0, le=86_400)
    upload_limit_bytes: int = _bounds(20 * MIB, "The largest uploaded picture.", ge=1)
    stored_bytes: int = _bounds(
        256 * MIB, "Uploaded bytes kept in all; then the oldest make room.", ge=0
    )
    picture_cache_bytes: int = _bounds(
        64 * MIB, "Made pictures kept at hand; one that is gone is drawn again.", ge=0
    )
    journal_entries: int = _bounds(1000, "Requests that the journal keeps; 0 is off.", ge=0)
    journal_bytes: int = _bounds(16 * MIB, "Bytes that the journal keeps.", ge=0)
    journal_body_bytes: int = _bounds(
        64 * KIB,
        "Bytes of each body that the journal keeps, of a picture 4096; the rest is cut off.",
        ge=0,
    )
    keep_jobs: int = _bounds(
        10_000, "Jobs kept for each account; then finished ones make room.", ge=1
    )
    keep_uploads: int = _bounds(
        10_000, "Uploads kept for each account; then the oldest make room.", ge=1
    )
    keep_tokens: int = _bounds(
        10_000, "End users' tokens kept for each account; then the oldest make room.", ge=1
    )
    keep_sessions: int = _bounds(
        10_000, "Sessions kept for each account; then those that are over make room.", ge=1
    )
    keep_accounts: int = _bounds(500, "Accounts kept; then the oldest make room.", ge=1)

    seed: int = _world(
        1, "Everything left to chance follows from it: plans, ids, pictures.", ge=0, le=2**63 - 1
    )
    balance: Decimal = _world(
        Decimal(1000), "Credits of a new account.", ge=0, le=1_000_000_000_000
    )
    qps: int = _world(5, "Calls that an account has in any second.", ge=1, le=1_000_000)
    rate_limit: LimitMode = _world(
        LimitMode.ON, "Whether calls over the limit are refused, let through, or only reported."
    )
    progress: Progression = _world(
        Progression.TIME, "What moves a job along: nothing, time, each look at it, or a hand."
    )
    profile: Literal["short", "realistic"] = _world(
        "short", "How long jobs take: seconds, or about as long as for real."
    )
    slots: int = _world(2, "Jobs that run at the same time in an account.", ge=1, le=1000)
    polls: int = _world(
        4, "Looks at a job until it is over, when they move it along.", ge=1, le=1000
    )
    memory_pixels: int = _world(
        8_294_400, "The largest picture that fits; a larger one runs out of memory.", ge=1
    )
    clock_start: Annotated[float | None, BeforeValidator(_seconds)] = _world(
        None,
        "Where virtual time starts; none is the time of day.",
        expects=f"ISO 8601 (UTC unless it says otherwise) or seconds from 0 to {LATEST:.0f},"
        " or none",
        ge=0,
        le=LATEST,
        allow_inf_nan=False,
    )
    clock_rate: float = _world(
        1, "How much faster than the wall virtual time runs; 0 freezes it.", ge=0, le=1_000_000
    )

    account_id: str = _account(
        "default", "Its id in the control API.", pattern=_NAME, expects=_NAME_EXPECTED
    )
    app_id: str = _account("mockApp01", "Its TAMS app id.", pattern=_NAME, expects=_NAME_EXPECTED)
    access_token: str = _account(
        "mock-token-0001",
        "Its TAMS bearer token.",
        pattern=_VISIBLE,
        expects=_VISIBLE_EXPECTED,
        secret=True,
    )
    app_key: str = _account(
        "204800001", "Its Workshop AppKey.", pattern=_VISIBLE, expects=_VISIBLE_EXPECTED
    )
    app_secret: str = _account(
        "mock-secret-0001",
        "Its Workshop AppSecret.",
        pattern=_VISIBLE,
        expects=_VISIBLE_EXPECTED,
        secret=True,
    )
    event_secret: str = _account(
        "mock-event-secret-0001",
        "The secret that the Workshop's events are signed and their tokens encrypted with.",
        pattern=_VISIBLE,
        expects=_VISIBLE_EXPECTED,
        secret=True,
    )
    public_key_file: Annotated[Path, AfterValidator(_readable_public_key)] | None = _account(
        None, "PEM file with the public key that it signs with, in place of the test key."
    )

    strict: bool = _world(
        False,
        "Refuse whatever a stricter service might: turns every choice of the surfaces that lets"
        " something through with a warning, unless that choice is set itself.",
    )
    node_classes_file: Annotated[Path, AfterValidator(_readable_classes)] | None = _world(
        None, "JSON file with further node classes, in the shape of ComfyUI's /object_info."
    )
    templates_dir: Annotated[Path, AfterValidator(_readable_templates)] | None = _world(
        None, "Folder with workflow templates, one JSON file each, beside those that are shipped."
    )

    error_codes_file: Annotated[Path, AfterValidator(_readable_error_codes)] | None = _world(
        None, "JSON file with the Workshop's error codes and messages, in place of the mock's own."
    )

    workflows_file: Annotated[Path, AfterValidator(_readable_workflows)] | None = _world(
        None, "JSON file with published workflows of the Workshop, beside those that are shipped."
    )

    tams: TamsSettings = Field(
        default_factory=TamsSettings, description="What the TAMS surface does where nobody knows."
    )
    workshop: WorkshopSettings = Field(
        default_factory=WorkshopSettings,
        description="What the Workshop's surface does where nobody knows.",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_strict_surfaces(cls, given: Any) -> Any:
        if turned_on(given, "strict"):
            tams = given.get("tams", {})
            if isinstance(tams, Mapping):
                return {**given, "tams": {"strict": True, **tams}}
        return given

    @property
    def beyond_loopback(self) -> bool:
        """Whether others than this computer's own programs may reach the server."""
        try:
            return not ip_address(self.host).is_loopback
        except ValueError:
            return self.host != "localhost"

    @property
    def public_key(self) -> str:
        """The PEM text of `public_key_file`; empty where the test key is used."""
        return "" if self.public_key_file is None else self.public_key_file.read_text("ascii")

    def source_of(self, setting: Setting) -> Source:
        """Say where the value of a setting came from."""
        if setting.name in self._sources:
            return self._sources[setting.name]
        return "code" if setting.leaf in setting.owner_in(self).model_fields_set else "default"


def all_settings() -> tuple[Setting, ...]:
    """Return every setting, those of the surfaces last."""
    return settings_of(Settings)


def read_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    warn: Callable[[str], None] = lambda line: None,
) -> Settings:
    """Read what was set; flags win over environment over file over default.

    `flags` are by name of the setting. The file is `config`, or what TAMS_MOCK_CONFIG names, or
    tams-mock.toml where the process was started, if it is there. Raises SettingsError; what is
    only doubtful goes to `warn`.
    """
    values, sources = setting_sources.gather(
        all_settings(), flags or {}, os.environ, config, warn=warn
    )
    with setting_sources.refusals(all_settings(), values, sources):
        settings = Settings.model_validate(values)
    settings._sources = {name: origin.source for name, origin in sources.items()}
    return settings


def settings_table(settings: Settings) -> list[dict[str, Any]]:
    """Return a row for each setting, ready for JSON and safe to show."""
    return [row(setting, settings, settings.source_of(setting)) for setting in all_settings()]
