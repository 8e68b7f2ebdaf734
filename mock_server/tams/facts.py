"""What the TAMS surface does because public material says so, for the fidelity report.

The last facts are choices that no setting changes.
"""

from __future__ import annotations

from mock_server.web.vendor_settings import facts_of

FACTS = facts_of(
    "TAMS",
    ("request keys", "snake_case and camelCase, mixed freely", "doc", "2.3"),
    ("64-bit integers in answers", "decimal strings", "doc", "2.2"),
    ("numbers in requests", "strings are accepted for integers", "observed", "2.4"),
    ("unknown request members", "ignored", "observed", "2.5"),
    ("waitingInfo", "always an object while WAITING, also an empty one", "client", "2.6"),
    ("Content-Type", "not required", "client", "2.7"),
    ("white space around bodies", "accepted, and part of what is signed", "client", "2.8"),
    ("CORS", "any origin, on the API and the store", "client", "2.9"),
    ("bearer token", "Authorization: Bearer", "doc", "3.1"),
    ("signature", "RSASSA-PKCS1-v1_5, SHA-256 over method, path, time, nonce, body", "doc", "3.2"),
    ("public keys", "PKCS#1 and SubjectPublicKeyInfo PEM", "doc", "3.2"),
    ("wrong signature", "401, and the request is not carried out", "doc", "3.2"),
    ("unknown bearer token", "404, code 100001, app not found", "observed", "3.4"),
    ("error body", "code, message, details", "doc", "4"),
    ("invalid parameters", '"Params Valid", the reason in details[0].message', "doc", "4"),
    ("too few credits", "credits not enough in details[0].message", "observed", "4"),
    ("unknown job", "404, job not found", "doc", "4"),
    ("answer to a creation", "status CREATED", "doc", "7"),
    ("failed job", "HTTP 200 with FAILED and failedInfo", "doc", "5.2"),
    ("cancellation", "answers the job's id", "doc", "5.3"),
    ("model listing", "not offered", "doc", "5"),
    ("stages", "an ordered list that begins with INPUT_INITIALIZE", "doc", "6"),
    ("upscaler size", "hrScale wins over hrResizeX and hrResizeY", "doc", "6"),
    ("credits in every state", "a number with decimals", "client", "7"),
    ("imageExifMetaMap and runtime", "always with SUCCESS", "observed", "7"),
    ("failed or cancelled jobs", "cost nothing", "doc", "10"),
    ("price", "the formula of the billing page, stage by stage", "doc", "10"),
    ("price of a graph", "each sampler costs what a DIFFUSION costs", "doc", "10"),
    ("price of a video", "(frames + 1) × coefficient × 1.25, by a table", "doc", "10"),
    ("control-net preprocessors", "work on an uploaded image, free of charge", "doc", "5.13"),
    ("words for an image", "a list of prompts; llm asks for sentences; free", "doc", "5.14"),
    ("latent upscalers", "allowed only after a DIFFUSION stage", "doc", "6"),
    ("image that waits to be chosen", 'fieldValue is ""', "doc", "5.7"),
    ("limit", "5 calls a second", "doc", "11"),
    ("upload answer", '{"Status":"OK"} as JSON', "client", "9"),
    ("short-term files", "kept for 7 days", "doc", "9"),
    ("result URL", "auth_key with expiry, 32 hex digits and an md5", "observed", "9"),
    ("form upload", "answers and fields as in the example", "unknown", "U49"),
    ("cancelling an unknown job", "404, job not found", "unknown", "U32"),
    ("credits run out after an estimate", "the same error as too few credits", "unknown", "U35"),
    ("malformed body or path id", "400 with code 3", "unknown", "U57"),
    ("unknown path", "404 with code 5, Not Found", "unknown", "U58"),
    ("202 answers", "are never sent by themselves", "unknown", "U60"),
    ("answer headers", "content-type and the mock's request id", "unknown", "U61"),
    ("IMAGE_TO_ANIMATE_DIFF", "a free object at the price of a DIFFUSION stage", "unknown", "U62"),
)
