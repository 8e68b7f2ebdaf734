"""What can go wrong, as facts, without HTTP status or wording.

DomainError
├── Unauthenticated       the caller could not be identified
├── Forbidden             the caller is known and not allowed
├── NotFound              the account has nothing with this id
│   └── AccountGone       the account was deleted or reset meanwhile
├── Invalid               the request has a wrong value
│   ├── Malformed         it cannot be read
│   ├── CreditsShort      it costs more than the balance
│   └── SettingsRefused   an account cannot have these settings
├── TooLarge              more bytes than the limit
├── TooSlow               the bytes did not arrive in time
├── RateLimited           too many calls inside the window
├── NotInstalled          the mock was installed without what it needs
└── Conflict              it contradicts the present state
    ├── AlreadyEnded      the job is over
    └── RequestRepeated   the request key was used before
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_server.core.accounts import Account


class DomainError(Exception):
    """A request is refused; each vendor maps the class to status, code and words."""


class Unauthenticated(DomainError):
    """The caller could not be identified.

    `known_account` is false if no account has the credential, and true if the account is known but
    the proof is wrong; `account` is the one that the proof was checked for. `diagnosis` is what
    the vendor found out.
    """

    def __init__(
        self,
        why: str,
        *,
        known_account: bool = True,
        account: Account | None = None,
        diagnosis: Any = None,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.account = account
        self.known_account = known_account
        self.diagnosis = diagnosis


class Forbidden(DomainError):
    """The caller is known and may not do this."""


class NotFound(DomainError):
    """There is no `kind` with this id, or it belongs to another account."""

    def __init__(self, kind: str, id: str = "") -> None:
        super().__init__(f"{kind} not found")
        self.kind = kind
        self.id = id


class AccountGone(NotFound):
    """The account does not exist, or was deleted or reset while something was under way."""

    def __init__(self, id: str) -> None:
        super().__init__("account", id)


class Invalid(DomainError):
    """`field` has a wrong value; `problem` says what was expected."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem if problem.startswith(f"{field}: ") else f"{field}: {problem}")
        self.field = field
        self.problem = problem


class Malformed(Invalid):
    """The bytes do not have the expected format."""

    def __init__(self, problem: str, *, field: str = "body") -> None:
        super().__init__(field, problem)


class CreditsShort(Invalid):
    """The account cannot pay `price` out of `balance`."""

    def __init__(self, *, price: Decimal, balance: Decimal) -> None:
        super().__init__("credits", f"{price} needed, {balance} there")
        self.price = price
        self.balance = balance


class SettingsRefused(Invalid):
    """An account cannot have these settings; `problems` says why not, by name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        (first, problem), *others = problems.items()
        more = "".join(f"; {name}: {text}" for name, text in others)
        super().__init__(first, f"{problem}{more}")
        self.problems = problems


class TooLarge(DomainError):
    """`what` has more bytes than `limit_bytes`."""

    def __init__(self, what: str, *, limit_bytes: int) -> None:
        super().__init__(f"{what} is larger than {limit_bytes} bytes")
        self.what = what
        self.limit_bytes = limit_bytes


class TooSlow(DomainError):
    """`what` did not arrive within `seconds`."""

    def __init__(self, what: str, *, seconds: float) -> None:
        super().__init__(f"{what} did not arrive within {seconds:g} s")
        self.what = what
        self.seconds = seconds


class RateLimited(DomainError):
    """The account has used all `qps` calls of a window of `window` seconds.

    The next call is let through in `retry_after` seconds of the account's clock, or of `real` time.
    `counts` says which calls are counted.
    """

    def __init__(
        self,
        *,
        retry_after: float,
        qps: int = 0,
        window: float = 1.0,
        counts: str = "",
        frozen: bool = False,
        real: bool = False,
    ) -> None:
        used = f"{qps} of {qps} calls{counts and f' ({counts})'} within {window:g} s are used; "
        time = "real" if real else "the account's"
        waiting = ", whose clock is frozen: advance it" if frozen else ""
        super().__init__(
            f"rate limit reached: {used if qps else ''}"
            f"the next one is let through in {retry_after:.3f} s"
            f" of {time} time{waiting}"
        )
        self.retry_after = retry_after


class NotInstalled(DomainError):
    """The mock was installed without the packages of an `extra`, which `what` needs."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what}: not installed; pip install "tams-mock[{extra}]" adds it')
        self.extra = extra


class Conflict(DomainError):
    """The request contradicts the present state."""


class AlreadyEnded(Conflict):
    """The job has ended, so it cannot change any more."""

    def __init__(self, job_id: str) -> None:
        super().__init__("job already finished")
        self.job_id = job_id


class RequestRepeated(Conflict):
    """This request key made a job before."""

    def __init__(self, request_key: str, job_id: str, *, same_content: bool) -> None:
        super().__init__(f"request id {request_key!r} was already used for job {job_id}")
        self.request_key = request_key
        self.job_id = job_id
        self.same_content = same_content
