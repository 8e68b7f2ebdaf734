"""What the control API is handed: everything else it does not know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mock_server.core.account_service import AccountService
from mock_server.core.jobs.service import JobService
from mock_server.core.session_service import SessionService
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.journal import Journal

if TYPE_CHECKING:
    from mock_server.web.vendor_settings import Fact


class ControlDependencies(Struct, frozen=True):
    """What the control API works with. `own_hosts` are names, beside localhost, for the server.

    `forget_kept` drops what surfaces keep of jobs and calls beside the store; it takes an account's
    id, or None for all. `check_public_key` raises ValueError with a sentence. `verdict_body` makes
    data of what a surface found out about a signature.
    """

    account_service: AccountService
    job_service: JobService
    journal: Journal
    wall: Callable[[], float]
    version: str
    settings_rows: Callable[[], Sequence[Mapping[str, Any]]]
    routes: Callable[[], Sequence[Mapping[str, Any]]]
    facts: Callable[[], Iterable[Fact]]
    forget_kept: Callable[[str | None], object]
    check_public_key: Callable[[str], object]
    verdict_body: Callable[[Any], dict[str, Any] | None]
    explain: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
    dispatcher: CallbackDispatcher
    session_service: SessionService
    control_token: str = ""
    beyond_loopback: bool = False
    own_hosts: tuple[str, ...] = ()
