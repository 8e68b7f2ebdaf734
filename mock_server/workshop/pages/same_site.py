"""Calls that spend something come from the page itself, and never from another site's page.

A page elsewhere cannot leave `Origin` out of a POST, and cannot send JSON without asking first.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from mock_server.core.errors import DomainError
from mock_server.web.calls import Call


class OtherSite(DomainError):
    """A browser says that another site's page made the call."""


class NotJson(DomainError):
    """The body is said to be something else than JSON, which pages of other sites could send."""


def check_call(call: Call, own_hosts: Collection[str]) -> None:
    """Refuse other sites' calls; `own_hosts` are names (and ports) beside that of the caller."""
    media_type = (call.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise NotJson("the content type must be application/json")
    site = call.header(b"sec-fetch-site")
    if site is not None:
        # Browsers alone send it, and no page can change it.
        if site.lower() not in (b"same-origin", b"none"):
            raise OtherSite("the call comes from another site")
        return
    origin = call.header(b"origin")
    if origin is None:
        return
    # The scheme is left out of account: who ends TLS before the mock changes it.
    host = (call.header(b"host") or b"").decode("latin-1").lower()
    if _host_of(origin.decode("latin-1")) not in {host, *own_hosts}:
        raise OtherSite("the call comes from another site")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:  # no address at all, such as unbalanced brackets
        return None
