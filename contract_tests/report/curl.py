"""Commands that send a recorded request again, from a shell that has the credentials.

Secrets are shell variables, named as in the environment of the suite. A signed request gets a
new signature from openssl, because the old signature expires.
"""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import urlsplit

from contract_tests.redaction import HIDDEN
from contract_tests.signing import SCHEME

# Made by curl, made by the commands below, or without meaning for the target.
_OWN = {
    "host", "content-length", "connection", "accept-encoding", "user-agent", "authorization",
    "content-md5", "date", "x-ca-key", "x-ca-timestamp", "x-ca-nonce", "x-ca-signature",
    "x-ca-signature-method", "x-ca-signature-headers",
}  # fmt: skip
_SIGN_TAMS = """\
T=$(date +%s) N=$(openssl rand -hex 16)
S=$(printf '%s\\n%s\\n%s\\n%s\\n%s' {method} {target} "$T" "$N" "$B" |
  openssl dgst -sha256 -sign "$TAMS_PRIVATE_KEY" | openssl base64 -A)
"""
_SIGN_WORKSHOP = """\
T=$(date +%s)000 N=$(openssl rand -hex 16)
M=$(printf '%s' "$B" | openssl dgst -md5 -binary | openssl base64 -A)
[ -n "$B" ] || M=
S=$(printf '%s\\n%s\\n%s\\n%s\\n\\nx-ca-key:%s\\nx-ca-nonce:%s\\nx-ca-timestamp:%s\\n%s' \\
  {method} {accept} "$M" {type} "$WORKSHOP_APP_KEY" "$N" "$T" {target} |
  openssl dgst -sha256 -hmac "$WORKSHOP_APP_SECRET" -binary | openssl base64 -A)
"""


def curl_command(request: dict[str, Any]) -> str:
    """Return shell commands that send a request of a transcript again; the last one is curl."""
    headers = [(str(name), str(value)) for name, value in request.get("headers", [])]
    sent = {name.lower(): value for name, value in headers}
    method, url = str(request["method"]), str(request["url"])
    path = urlsplit(url)
    target = shlex.quote((path.path or "/") + (f"?{path.query}" if path.query else ""))
    word = shlex.quote(method)
    lines = [_body(request)]
    credentials: list[str] = []
    if sent.get("authorization", "").startswith(SCHEME):
        lines.append(_SIGN_TAMS.format(method=word, target=target))
        says = f"{SCHEME} app_id=$TAMS_APP_ID,nonce_str=$N,timestamp=$T,signature=$S"
        credentials = [f'"Authorization: {says}"']
    elif sent.get("authorization", "").lower().startswith("bearer"):
        credentials = ['"Authorization: Bearer $TAMS_ACCESS_TOKEN"']
    elif "x-ca-key" in sent:
        accept, kind = sent.get("accept", ""), sent.get("content-type", "")
        lines.append(
            _SIGN_WORKSHOP.format(
                method=word, accept=shlex.quote(accept), type=shlex.quote(kind), target=target
            )
        )
        credentials = [
            '"x-ca-key: $WORKSHOP_APP_KEY"', '"x-ca-timestamp: $T"', '"x-ca-nonce: $N"',
            '"x-ca-signature-headers: x-ca-key,x-ca-nonce,x-ca-timestamp"',
            '"content-md5: $M"', '"x-ca-signature: $S"',
        ]  # fmt: skip
    # curl adds a Content-Type to a body, and an Accept; both may be signed.
    plain = [shlex.quote(f"{name}: {value}") for name, value in headers if name.lower() not in _OWN]
    plain += [f"'{name};'" for name in ("content-type",) if name not in sent and _has_body(request)]
    options = [f"-H {header}" for header in plain + credentials]
    if _has_body(request):
        options.append('--data-binary "$B"' if "sha256" not in request else "--data-binary @body")
    joined = "".join(f" \\\n  {option}" for option in options)
    return "".join(lines) + f"curl -g -i -X {word} {shlex.quote(url)}{joined}"


def remark(request: dict[str, Any]) -> str:
    """Return what to fill in before the commands work; an empty text if nothing."""
    if "sha256" in request:
        return f"The body is {request.get('bytes')} binary bytes: put them into the file `body`."
    if request.get("cut"):
        return "The body was long; only its beginning is here."
    if HIDDEN in f"{request.get('url')}{request.get('body', '')}":
        return f"Replace {HIDDEN} by the hidden values."
    return ""


def _body(request: dict[str, Any]) -> str:
    if "sha256" in request:
        return ""
    return f"B={shlex.quote(str(request.get('body', '')))}\n"


def _has_body(request: dict[str, Any]) -> bool:
    return bool(request.get("body")) or "sha256" in request
