"""What the Workshop's surface does because somebody public says so, for the fidelity report.

At the end stands what nobody knows and no setting changes.
"""

from __future__ import annotations

from mock_server.web.vendor_settings import Fact

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
    Fact("envelope", "nine members, the error ones null on success", "client", "Workshop › 4"),
    Fact("token", "a lower-case ULID that stands for one end user", "observed", "Workshop › 5.4"),
    Fact("session", "one for each token, sub-product and gadget", "doc", "Workshop › 6.4"),
    Fact("session lifetime", "3600 s, in inference mode 86400 s", "doc", "Workshop › 6.2"),
    Fact("refresh", "counts from now, so it can shorten a session", "doc", "Workshop › 6.4"),
    Fact("expired session", "its URL stops working", "doc", "Workshop › 6.4"),
    Fact("negtive_prompt", "spelled so in SD tasks", "doc", "Workshop › 7"),
    Fact("control nets", "guidance from 0 to 1, weight from 0 to 2", "doc", "Workshop › 7"),
    Fact(
        "task status",
        "waiting, running, succeeded or failed, and no other",
        "client",
        "Workshop › 7",
    ),
    Fact(
        "progress of a task",
        "always has taskId, progress, etaRelative and status",
        "client",
        "Workshop › 8.4",
    ),
    Fact("parameters and info of a result", "maps of texts to texts", "client", "Workshop › 8.4"),
    Fact("finished workflow task", "has currentImage in its progress", "client", "Workshop › 8.2"),
    Fact(
        "output field that is a file",
        "an object with url, type and what its kind has",
        "observed",
        "Workshop › 8.3",
    ),
    Fact(
        "upload of a file",
        "signed URL, PUT without credentials, the declared content type",
        "client",
        "Workshop › 8.5",
    ),
    Fact(
        "resource pools",
        "the private one with the lowest utilisation; default takes the overflow",
        "doc",
        "Workshop › 9",
    ),
    Fact("model sync", "the whole model each time; civitia is spelled so", "doc", "Workshop › 10"),
    Fact("tokens listed, ended, switched off", "under /_mock/tokens only", "unknown", "W19"),
    Fact("error codes", "a vocabulary of the mock's, or that of a file", "unknown", "W20"),
    Fact("a task is cancelled", "by the control API only; it is failed then", "unknown", "W32"),
    Fact("ids of tasks", "one space for both kinds", "unknown", "W34"),
    Fact("startTime and endTime of the envelope", "null", "unknown", "W36"),
    Fact("names of signed headers", "in the spelling of the list", "unknown", "W44"),
)
