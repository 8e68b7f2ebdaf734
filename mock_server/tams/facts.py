"""What the TAMS surface does because somebody public says so, for the fidelity report."""

from __future__ import annotations

from mock_server.web.vendor_settings import Fact

FACTS = (
    Fact("request keys", "snake_case and camelCase, mixed freely", "doc", "TAMS › 2.3"),
    Fact("64-bit integers in answers", "decimal strings", "doc", "TAMS › 2.2"),
    Fact("numbers in requests", "strings are taken for integers", "observed", "TAMS › 2.4"),
    Fact("unknown request members", "ignored", "observed", "TAMS › 2.5"),
    Fact("waitingInfo", "an object while WAITING, whatever is in it", "client", "TAMS › 2.6"),
    Fact("Content-Type", "not needed", "client", "TAMS › 2.7"),
    Fact("white space around bodies", "taken, and signed as it came", "client", "TAMS › 2.8"),
    Fact("CORS", "any origin, on the API and the store", "client", "TAMS › 2.9"),
    Fact("bearer token", "Authorization: Bearer", "doc", "TAMS › 3.1"),
    Fact(
        "signature",
        "RSASSA-PKCS1-v1_5 with SHA-256 over method, path and query, time, nonce and raw body",
        "doc",
        "TAMS › 3.2",
    ),
    Fact("public keys", "PKCS#1 and SubjectPublicKeyInfo PEM", "doc", "TAMS › 3.2"),
    Fact("wrong signature", "401, and nothing is carried out", "doc", "TAMS › 3.2"),
    Fact("unknown bearer token", "404, code 100001, app not found", "observed", "TAMS › 3.4"),
    Fact("error body", "code, message, details", "doc", "TAMS › 4"),
    Fact(
        "invalid parameters",
        'the message "Params Valid", the useful text in details[0].message',
        "doc",
        "TAMS › 4",
    ),
    Fact("too few credits", "credits not enough in details[0].message", "observed", "TAMS › 4"),
    Fact("unknown job", "404, job not found", "doc", "TAMS › 4"),
    Fact("answer to a creation", "status CREATED", "doc", "TAMS › 7"),
    Fact("failed job", "HTTP 200 with FAILED and failedInfo", "doc", "TAMS › 5.2"),
    Fact("cancellation", "answers the job's id", "doc", "TAMS › 5.3"),
    Fact("model listing", "not offered", "doc", "TAMS › 5"),
    Fact("stages", "an ordered chain that begins with INPUT_INITIALIZE", "doc", "TAMS › 6"),
    Fact("upscaler size", "hrScale wins over hrResizeX and hrResizeY", "doc", "TAMS › 6"),
    Fact("credits in every state", "a number, fractional", "client", "TAMS › 7"),
    Fact("imageExifMetaMap and runtime", "always with SUCCESS", "observed", "TAMS › 7"),
    Fact("failed or cancelled jobs", "cost nothing", "doc", "TAMS › 10"),
    Fact("price", "0.8 for 768×768, 8 steps, SDXL-type", "observed", "TAMS › 10"),
    Fact("limit", "5 calls a second", "doc", "TAMS › 11"),
    Fact("upload answer", '{"Status":"OK"} as JSON', "client", "TAMS › 9"),
    Fact("short-term files", "kept for 7 days", "doc", "TAMS › 9"),
    Fact("result URL", "auth_key with expiry, 32 hex digits and md5", "observed", "TAMS › 9"),
)
