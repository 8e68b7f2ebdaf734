"""What the Workshop's surface does because somebody public says so, for the fidelity report."""

from __future__ import annotations

from mock_server.web.choices import Fact

FACTS = (
    Fact("paths", "under /scc, every call is a POST", "doc", "Workshop › 2"),
    Fact("request body", "one JSON object; null members are absent", "client", "Workshop › 2"),
    Fact("times", "Unix milliseconds; lifetimes are seconds", "doc", "Workshop › 2"),
    Fact(
        "signature",
        "the gateway's HMAC-SHA256 or HMAC-SHA1 over method, headers, path and parameters",
        "doc",
        "Workshop › 3.2",
    ),
    Fact(
        "signed header names",
        "as spelled in the list, sorted, in any order there",
        "client",
        "Workshop › 3.2",
    ),
    Fact("refusals by the gateway", "empty body, X-Ca-Error-* headers", "doc", "Workshop › 3.4"),
    Fact(
        "envelope", "nine members, the error ones null on success", "client", "Workshop › 4"
    ),
    Fact("token", "a lower-case ULID that stands for one end user", "observed", "Workshop › 5.4"),
    Fact("session", "one for each token, sub-product and gadget", "doc", "Workshop › 6.4"),
    Fact("session lifetime", "3600 s, in inference mode 86400 s", "doc", "Workshop › 6.2"),
    Fact("refresh", "counts from now, so it can shorten a session", "doc", "Workshop › 6.4"),
    Fact("expired session", "its URL stops working", "doc", "Workshop › 6.4"),
)
