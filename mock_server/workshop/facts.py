"""What the Workshop's surface does because public material says so, for the fidelity report.

The last facts are choices that no setting changes.
"""

from __future__ import annotations

from mock_server.web.vendor_settings import facts_of

FACTS = facts_of(
    "Workshop",
    ("paths", "below /scc; every call is a POST", "doc", "2"),
    ("request body", "one JSON object; null counts as absent", "client", "2"),
    ("times", "Unix milliseconds; lifetimes are seconds", "doc", "2"),
    ("signature", "HMAC-SHA256 or HMAC-SHA1 over method, headers, path, parameters", "doc", "3.2"),
    ("signed header names", "spelled as in the list, and sorted", "client", "3.2"),
    ("refusals by the gateway", "empty body, X-Ca-Error-* headers", "doc", "3.4"),
    ("envelope", "nine members; the error members are null on success", "client", "4"),
    ("token", "a lower-case ULID that stands for one end user", "observed", "5.4"),
    ("session", "one for each token, sub-product and gadget", "doc", "6.4"),
    ("session lifetime", "3600 s, in inference mode 86400 s", "doc", "6.2"),
    ("refresh", "its seconds count from now, so it can shorten a session", "doc", "6.4"),
    ("expired session", "its URL stops working", "doc", "6.4"),
    ("negtive_prompt", "spelled so in SD tasks", "doc", "7"),
    ("control nets", "guidance from 0 to 1, weight from 0 to 2", "doc", "7"),
    ("task status", "waiting, running, succeeded or failed; no other", "client", "7"),
    ("progress of a task", "always has taskId, progress, etaRelative and status", "client", "8.4"),
    ("parameters and info of a result", "maps from strings to strings", "client", "8.4"),
    ("finished workflow task", "has currentImage in its progress", "client", "8.2"),
    ("output field that is a file", "an object with url, type and others", "observed", "8.3"),
    ("upload of a file", "a PUT to a signed URL, with the declared content type", "client", "8.5"),
    ("resource pools", "the least used private pool; default takes the rest", "doc", "9"),
    ("model sync", "sends the whole model each time; civitia is spelled so", "doc", "10"),
    ("listing, ending and disabling tokens", "only below /_mock/tokens", "unknown", "W19"),
    ("error codes", "the mock's own, or those of a file", "unknown", "W20"),
    ("cancelling a task", "only by the control API; the task is failed then", "unknown", "W32"),
    ("ids of tasks", "unique across both kinds", "unknown", "W34"),
    ("startTime and endTime of the envelope", "null", "unknown", "W36"),
    ("names of signed headers", "as spelled in the list", "unknown", "W44"),
)
