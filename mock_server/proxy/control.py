"""What the proxy says of itself in the control API."""

from __future__ import annotations

from collections.abc import Sequence

from mock_server.proxy.surface import Proxy
from mock_server.web.calls import Call
from mock_server.web.json_bodies import Amount, OutgoingBody
from mock_server.web.pipeline import Operation


class ProxyBody(OutgoingBody):
    """Where calls go, and what they may cost: `spent` counts only if there is a budget."""

    upstream: str
    allow_spending: bool
    max_credits: Amount | None
    spent: Amount


class ProxyControl:
    """The operation that shows the proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.operations: Sequence[Operation] = (
            Operation("GET", "/_mock/proxy", self.get_proxy, "Where calls go, and what they cost"),
        )

    async def get_proxy(self, call: Call) -> ProxyBody:
        spending = self.proxy.spending
        return ProxyBody(
            upstream=self.proxy.upstream.url,
            allow_spending=spending.allowed,
            max_credits=spending.max_credits,
            spent=spending.spent,
        )
