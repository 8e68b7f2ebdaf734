"""`tams-mock sign`: the Authorization header that a TAMS client sends, or the whole curl line."""

from __future__ import annotations

import secrets
import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from mock_server.verbs.failures import Failure, Misused
from mock_server.web.wall import wall


@click.command("sign", options_metavar="[OPTIONS]")
@click.argument("method")
@click.argument("url")
@click.option("-d", "--body", default="", help="The body: text, @FILE, or @- for standard input.")
@click.option("--app-id", help="Who signs.  [default: the ready-made account's]")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="PEM file of the private key.  [default: the ready-made account's]",
)
@click.option("--timestamp", type=int, help="Seconds since the epoch.  [default: now]")
@click.option("--nonce", help="The nonce.  [default: a random one]")
@click.option("--curl", is_flag=True, help="Print the whole curl line.")
def command(
    method: str,
    url: str,
    body: str,
    app_id: str | None,
    key: Path | None,
    timestamp: int | None,
    nonce: str | None,
    curl: bool,
) -> None:
    """Print the Authorization header for METHOD and URL, which may be a path.

    For example: tams-mock sign POST http://127.0.0.1:8080/v1/resource/image -d '{}' --curl
    """
    from mock_server.tams.signature import sign

    method = method.upper()
    sent = _body(body)
    if app_id is None or key is None:
        ready_made_id, ready_made_key = _ready_made(needs_key=key is None)
        app_id = ready_made_id if app_id is None else app_id
    try:
        header = sign(
            ready_made_key if key is None else key.read_text("ascii"),
            app_id,
            method,
            _target(url),
            sent,
            timestamp=int(wall()) if timestamp is None else timestamp,
            nonce=secrets.token_hex(16) if nonce is None else nonce,
        )
    except OSError as error:
        raise Failure(f"--key {key} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise Misused(f"--key {key} cannot be used: {error}") from error
    click.echo(_curl_line(method, url, header, body, sent) if curl else header)


def _target(url: str) -> bytes:
    """Return path and query as a client puts them into the request line."""
    parts = urlsplit(url)
    if any(character <= " " for character in url) or not (parts.netloc or url.startswith("/")):
        raise Misused(f"{url!r} is neither an http address nor a path that begins with /")
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
        raise Failure(f"--body {text} cannot be read: {error.strerror or error}") from error


def _ready_made(*, needs_key: bool) -> tuple[str, str]:
    """Return the app id and the private key of the account that `serve` would make."""
    from mock_server.knob_sources import SettingsError
    from mock_server.settings import read_settings
    from mock_server.tams.key_pairs import key_pair

    try:
        settings = read_settings()
    except SettingsError as error:
        raise Misused.of(error) from error
    if needs_key and settings.public_key_file is not None:
        raise Misused(
            f"the ready-made account has the key {settings.public_key_file}: "
            "name its private half with --key"
        )
    return settings.app_id, key_pair(0).private_pem


def _curl_line(method: str, url: str, header: str, body: str, sent: bytes) -> str:
    # As the URL was signed it has to be sent: no dots resolved, no brackets taken for patterns.
    words = ["curl", "-sS", "--path-as-is", "--globoff"]
    words += ["--head"] if method == "HEAD" else ["-X", method]
    words += [f"http://127.0.0.1:8080{url}" if url.startswith("/") else url]
    words += ["-H", f"Authorization: {header}"]
    if body:
        words += ["-H", "Content-Type: application/json"]
        if body.startswith("@") and body != "@-":
            words += ["--data-binary", body]
        else:
            try:
                words += ["--data-raw", sent.decode()]
            except UnicodeDecodeError as error:
                raise Failure("the body is no text: name its file with --body @FILE") from error
    return shlex.join(words)
