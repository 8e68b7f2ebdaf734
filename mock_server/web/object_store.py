"""How object stores speak to whoever holds one of their URLs: refusals in XML, terms in the query.

Vendors keep uploads and results in such stores, and clients come there without credentials.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from mock_server.web.calls import Answer, Call

_MAX_TERMS = 20


def refusal(status: int, code: str, message: str) -> Answer:
    """Return an error as such stores tell it."""
    from html import escape  # What is well escaped for HTML is for XML, and this costs less.

    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, body.encode(), ((b"content-type", b"application/xml"),))


def terms(call: Call) -> dict[str, str]:
    """Return the members of a URL's query; one with more than any of ours has none."""
    query = call.scope["query_string"].decode("latin-1")
    try:
        # Of two members with one name the first one counts.
        return dict(reversed(parse_qsl(query, max_num_fields=_MAX_TERMS)))
    except ValueError:
        return {}
