"""What object stores have in common: refusals in XML, and the terms of a URL in its query.

Vendors keep uploads and results in such stores. The URL is the only proof that they want.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from urllib.parse import parse_qsl

from mock_server.core.errors import AccountGone, DomainError
from mock_server.web.calls import Answer, Call

_MAX_FIELDS = 20
_MAX_LOOKED_BACK = 100


class StoreRefusal(DomainError):
    """An object store refuses a call, with the code that such stores have for the reason."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def refuse(error: DomainError, call: Call) -> Answer | None:
    """Word a refusal of a store in XML; what it does not know is left to the surface."""
    if isinstance(error, StoreRefusal):
        return refusal(error.status, error.code, error.message)
    if isinstance(error, AccountGone):
        return refusal(404, "NoSuchKey", "There is no such object.")
    return None


def refusal(status: int, code: str, message: str) -> Answer:
    """Return an error in the form of such stores."""
    from html import escape  # valid for XML too, and loads faster than an XML module

    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, body.encode(), ((b"content-type", b"application/xml"),))


def signed_after(proof: str, signature: Callable[[int], str], expired_links: int) -> int | None:
    """Return how often a job's URLs had been expired by hand when one of them was signed.

    `signature` returns what was signed then. None for a URL that was not, or very long ago.
    """
    for number in range(expired_links, max(-1, expired_links - _MAX_LOOKED_BACK), -1):
        if hmac.compare_digest(proof.encode(), signature(number).encode()):
            return number
    return None


def terms(call: Call) -> dict[str, str]:
    """Return the fields of a URL's query; {} if there are more than are ever used."""
    query = call.scope["query_string"].decode("latin-1")
    try:
        # Of two members with one name the first one counts.
        return dict(reversed(parse_qsl(query, max_num_fields=_MAX_FIELDS)))
    except ValueError:
        return {}
