"""What object stores have in common: errors in XML, and signed URLs.

Vendors keep uploads and results in such stores. Clients need no credentials there, only the URL.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from mock_server.web.calls import Answer, Call

_MAX_FIELDS = 20


def refusal(status: int, code: str, message: str) -> Answer:
    """Return an error in the form of such stores."""
    from html import escape  # valid for XML too, and loads faster than an XML module

    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, body.encode(), ((b"content-type", b"application/xml"),))


def terms(call: Call) -> dict[str, str]:
    """Return the fields of a URL's query; {} if there are more than are ever used."""
    query = call.scope["query_string"].decode("latin-1")
    try:
        # If a name appears twice, its first value counts.
        return dict(reversed(parse_qsl(query, max_num_fields=_MAX_FIELDS)))
    except ValueError:
        return {}
