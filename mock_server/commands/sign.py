"""`tams-mock sign`: the signature headers that a client of a vendor sends, or a curl line."""

from __future__ import annotations

import secrets
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click

from mock_server.commands.errors import CommandFailure, UsageFailure, settings_or_failure
from mock_server.web.wall import wall


@click.command("sign", options_metavar="[OPTIONS]")
@click.argument("method")
@click.argument("url")
@click.option("-d", "--body", default="", help="Body: text, @FILE, or @- for standard input.")
@click.option("--app-id", help="TAMS app id.  [default: that of the ready-made account]")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="PEM file of the TAMS private key.  [default: that of the ready-made account]",
)
@click.option("--app-key", help="Workshop AppKey.  [default: that of the ready-made account]")
@click.option("--app-secret", help="Workshop AppSecret.  [default: that of the ready-made account]")
@click.option("--timestamp", type=int, help="Unix time in seconds.  [default: now]")
@click.option("--nonce", help="Nonce.  [default: random]")
@click.option("--curl", is_flag=True, help="Print a curl line that sends the request.")
def command(
    method: str,
    url: str,
    body: str,
    app_id: str | None,
    key: Path | None,
    app_key: str | None,
    app_secret: str | None,
    timestamp: int | None,
    nonce: str | None,
    curl: bool,
) -> None:
    """Print the signature headers for METHOD and URL, which may be a path.

    For TAMS this is the value of Authorization. For the Workshop (a path below /scc/, or
    --app-key) it is all signed headers, one on each line.

    For example: tams-mock sign POST http://127.0.0.1:8080/v1/resource/image -d '{}' --curl
    """
    target, sent = _target(url), _body(body)
    request = _Unsigned(
        method.upper(),
        target,
        sent,
        int(wall()) if timestamp is None else timestamp,
        secrets.token_hex(16) if nonce is None else nonce,
    )
    if app_key is not None or app_secret is not None or target.startswith(b"/scc/"):
        if app_id is not None or key is not None:
            raise UsageFailure(
                "--app-id and --key are for TAMS: for the Workshop use --app-key and --app-secret"
            )
        headers = _gateway_headers(request, app_key, app_secret)
        shown = "\n".join(f"{name}: {value}" for name, value in headers.items())
    else:
        shown = _authorization(request, app_id, key)
        headers = {"Authorization": shown}
        if body:
            headers["Content-Type"] = "application/json"
    click.echo(_curl_line(request, url, headers, body) if curl else shown)


class _Unsigned(NamedTuple):
    """A request as it will be sent; the timestamp is in seconds."""

    method: str
    target: bytes
    body: bytes
    timestamp: int
    nonce: str


def _authorization(request: _Unsigned, app_id: str | None, key: Path | None) -> str:
    """Return the Authorization header of TAMS."""
    from mock_server.tams.signature import sign
    from mock_server.web.byte_order_marks import read_pem

    if app_id is None or key is None:
        ready_made_id, ready_made_key = _ready_made(needs_key=key is None)
        app_id = ready_made_id if app_id is None else app_id
    try:
        return sign(
            ready_made_key if key is None else read_pem(key),
            app_id,
            request.method,
            request.target,
            request.body,
            timestamp=request.timestamp,
            nonce=request.nonce,
        )
    except OSError as error:
        raise CommandFailure(f"--key {key} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageFailure(f"--key {key} cannot be used: {error}") from error


def _gateway_headers(
    request: _Unsigned, app_key: str | None, app_secret: str | None
) -> dict[str, str]:
    """Return the headers of the Workshop's gateway."""
    from mock_server.workshop.signature import sign

    settings = settings_or_failure()
    if app_secret is None and app_key not in (None, settings.app_key):
        raise UsageFailure(f"--app-key {app_key} needs --app-secret")
    return sign(
        settings.app_secret if app_secret is None else app_secret,
        settings.app_key if app_key is None else app_key,
        request.method,
        request.target,
        request.body,
        timestamp_ms=request.timestamp * 1000,
        nonce=request.nonce,
    )


def _target(url: str) -> bytes:
    """Return path and query as a client sends them in the request line."""
    parts = urlsplit(url)
    if any(character <= " " for character in url) or not (parts.netloc or url.startswith("/")):
        raise UsageFailure(f"{url!r} is neither an http address nor a path that begins with /")
    query = f"?{parts.query}" if "?" in url.partition("#")[0] else ""
    return f"{parts.path or '/'}{query}".encode()


def _body(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    if text == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise CommandFailure(f"--body {text} cannot be read: {error.strerror or error}") from error


def _ready_made(*, needs_key: bool) -> tuple[str, str]:
    """Return the app id and the private key of the account that `serve` would make."""
    from mock_server.tams.key_pairs import key_pair

    settings = settings_or_failure()
    if needs_key and settings.public_key_file is not None:
        raise UsageFailure(
            f"the ready-made account uses {settings.public_key_file}: "
            "give its private key with --key"
        )
    return settings.app_id, key_pair(0).private_pem


def _curl_line(request: _Unsigned, url: str, headers: Mapping[str, str], body: str) -> str:
    # curl must send the URL as it was signed, with its dots and brackets.
    words = ["curl", "-sS", "--path-as-is", "--globoff"]
    words += ["--head"] if request.method == "HEAD" else ["-X", request.method]
    words += [f"http://127.0.0.1:8080{url}" if url.startswith("/") else url]
    for name, value in headers.items():
        words += ["-H", f"{name}: {value}"]
    if body:
        if body.startswith("@") and body != "@-":
            words += ["--data-binary", body]
        else:
            try:
                words += ["--data-raw", request.body.decode()]
            except UnicodeDecodeError as error:
                raise CommandFailure(
                    "the body is not text: give its file with --body @FILE"
                ) from error
    return shlex.join(words)
