"""Volatile values, and how they are recognised.

They are recognised by the name of their member (`TAMS › 5`, `Workshop › 5-8`), else by their form.
Values that the client sent first are constants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from contract_tests.redaction import HIDDEN

# Members and the kind of their values. Clients make new request ids each time.
NAMED = {
    "requestid": "request", "jobid": "job", "taskid": "task", "resourceid": "resource",
    "apitoken": "token", "apiinvokeid": "call", "objectkey": "file", "securitytoken": "secret",
    "signature": "secret", "policy": "secret", "callback": "secret", "accessid": "secret",
    "accesstoken": "secret", "invokeid": "call", "x-ca-request-id": "call",
}  # fmt: skip
IN_PARENT = {("job", "id"): "job", ("images", "id"): "image", ("resourceimage", "id"): "image",
             ("videos", "id"): "video"}  # fmt: skip
SECRET = {"token", "secret"}
"""Kinds whose whole value is hidden, whatever its form."""

HIDDEN_WHEN_SENT = {"request", "token", "secret"}
"""Kinds that are hidden in requests too: they are new each time, or secrets."""

TIMES = {
    "expiredat", "tokenexpiredat", "expiretime", "taskbegintime", "taskendtime", "starttime",
    "endtime", "ctime", "mtime", "job_timestamp", "expire", "timestamp",
}  # fmt: skip

REFERENCE = re.compile(r"\{\{([a-z][a-z-]*?)(?:-(\d+))?(:number)?\}\}")

_LOOKS = re.compile(
    "|".join(
        f"(?P<{kind}>{pattern})"
        for kind, pattern in (
            ("date", r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC)"
                     r"|(?<!\d)20\d\d-\d\d-\d\d(?:T[\d:.]{5,}(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)"
                     r"|(?<!\d)20\d{6}T\d{6}Z"),
            ("uuid", r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
                     r"(?![0-9A-Fa-f])"),
            ("ulid", r"(?<![0-9A-Za-z])0[0-9a-hjkmnp-tv-z]{25}(?![0-9A-Za-z])"),
            ("call", r"(?<![0-9A-Za-z])i_[0-9a-f]{24}(?![0-9A-Za-z])"),
            # Seconds or milliseconds, or the digits of a date and a time of day.
            ("time", r"(?<![0-9A-Za-z.])(?:[12]\d{9}(?:\d{3})?"
                     r"|20\d\d[01]\d[0-3]\d[0-2]\d[0-5]\d[0-5]\d)(?![0-9A-Za-z.])"),
            ("number", r"(?<![0-9A-Za-z.])\d{15,20}(?![0-9A-Za-z.])"),
            ("hex", r"(?<![0-9A-Za-z])(?=[a-f]*\d)[0-9a-f]{24,64}(?![0-9A-Za-z])"),
            ("code", r"(?<![0-9A-Za-z_-])(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[0-9A-Za-z_-]{20,}"
                     r"(?![0-9A-Za-z_-])"),
        )
    )
)  # fmt: skip
_PARAMETER = re.compile(r"[?&;]([\w.-]+)=([^&;\s\"'<>`]+)")
_SECRET_NAME = re.compile(
    r"(?i)[\w-]*(?:token|secret|signature|password|accesskeyid|credential|policy)|sign?"
)


def kind_of_member(parent: str, name: str) -> str | None:
    """Return the kind of a member's value, by its name and that of its parent."""
    plain = _plain(name)
    return IN_PARENT.get((_plain(parent), plain)) or NAMED.get(plain)


def holds_time(name: str) -> bool:
    """Say whether a member is a time."""
    return name.lower() in TIMES or _plain(name) in TIMES


def looks(text: str) -> Iterator[tuple[str, str]]:
    """Yield kind and text of volatile parts of a text, in order."""
    for match in _LOOKS.finditer(text):
        yield match.lastgroup or "", match[0]


def secrets_of_url(text: str) -> Iterator[str]:
    """Yield the values of URL parameters that grant access."""
    for name, value in _PARAMETER.findall(text):
        if _SECRET_NAME.fullmatch(name) and not REFERENCE.search(value) and value != HIDDEN:
            yield value


def _plain(name: str) -> str:
    return name if name.startswith("x-") else name.replace("_", "").lower()
