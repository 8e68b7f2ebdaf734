"""`tams-mock explain`: why a captured request was refused, or that its signature is fine."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mock_server.commands.errors import ConnectionFailure, UsageFailure, settings_or_failure
from mock_server.commands.running_mock import account_option, token_option

if TYPE_CHECKING:
    from mock_server.settings import Settings
    from mock_server.web.auth_diagnostics.findings import Diagnosis
    from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
    from mock_server.web.captures import Capture


@click.command("explain", options_metavar="[OPTIONS]")
@click.argument("file", required=False)
@click.option("--curl", help="A curl line, in place of FILE.")
@click.option("--har", type=click.Path(), help="A HAR file, in place of FILE.")
@click.option("--entry", type=int, default=0, help="Which request of the HAR file, from 0.")
@click.option("--raw", type=click.Path(), help="A file with a raw HTTP request.")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="PEM file of the app's public key.  [default: the ready-made account's]",
)
@click.option(
    "--app-secret",
    help="Secret of the AppKey in a Workshop request.  [default: the ready-made account's]",
)
@account_option("With --url: the account that is meant.")
@click.option("--url", help="Ask the mock that runs there, which knows all its accounts.")
@token_option
@click.option("--json", "as_json", is_flag=True, help="Print the diagnosis as JSON.")
@click.option("--colour/--no-colour", default=None, help="[default: on a terminal]")
def command(
    file: str | None,
    curl: str | None,
    har: str | None,
    entry: int,
    raw: str | None,
    key: Path | None,
    app_secret: str | None,
    account: str | None,
    url: str | None,
    control_token: str,
    as_json: bool,
    colour: bool | None,
) -> None:
    """Say what is wrong with the signature of a request in FILE (- is standard input).

    FILE holds a curl line, a HAR file or a raw HTTP request. The exit code is 0 when the
    signature is fine, 1 when it is not, 2 when the request cannot be read, 3 when the mock at --url
    does not answer.

    For example: tams-mock explain --curl "curl http://127.0.0.1:8080/v1/jobs/1 -H '…'"
    """
    if sum(each is not None for each in (file, curl, har, raw)) != 1:
        raise UsageFailure("expected one of FILE, --curl, --har and --raw")
    if account is not None and url is None:
        raise UsageFailure("--account needs --url: only a running mock knows its accounts")
    if url is not None and (key is not None or app_secret is not None):
        option = "--key" if key is not None else "--app-secret"
        raise UsageFailure(f"{option} and --url exclude each other: a running mock has the keys")
    capture = _capture(file, curl, har, entry, raw)
    if url is not None:
        answer = _ask(url, control_token, capture, account)
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        sys.exit(0 if answer.get("accepted") else 1)
    diagnosis = _diagnose(capture, key, app_secret)
    from mock_server.web.auth_diagnostics.explanations import as_data, as_text

    if as_json:
        click.echo(json.dumps(as_data(diagnosis), indent=2, ensure_ascii=False))
    else:
        colours = sys.stdout.isatty() if colour is None else colour
        click.echo(as_text(diagnosis, colours=colours), color=colours)
    sys.exit(0 if diagnosis.accepted else 1)


def _capture(
    file: str | None, curl: str | None, har: str | None, entry: int, raw: str | None
) -> Capture:
    from mock_server.web.byte_order_marks import without_mark
    from mock_server.web.capture_formats import any_capture, har_entry, raw_request
    from mock_server.web.captures import CaptureError
    from mock_server.web.curl_lines import curl_line

    try:
        if curl is not None:
            return curl_line(curl, _read)
        if har is not None:
            return har_entry(json.loads(without_mark(_read(har))), entry)
        if raw is not None:
            return raw_request(_read(raw))
        return any_capture(_read(file or "-"), entry=entry, read_file=_read)
    except CaptureError as error:
        raise UsageFailure(str(error)) from error
    except ValueError as error:
        raise UsageFailure(f"{har} is not a HAR file: {error}") from error


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageFailure(f"{name} cannot be read: {error.strerror or error}") from error


def _diagnose(capture: Capture, key: Path | None, app_secret: str | None) -> Diagnosis:
    from mock_server.tams.key_pairs import key_pair
    from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
    from mock_server.workshop.authentication import understands

    settings = settings_or_failure()
    ready_made = KnownAccount(
        settings.account_id,
        settings.app_id,
        settings.public_key or key_pair(0).public_pem,
        settings.access_token,
        settings.app_key,
        settings.app_secret,
    )
    if understands(capture):
        return _explain_gateway(capture, ready_made, app_secret, settings)
    return _explain_tams(capture, ready_made, key, settings)


def _explain_gateway(
    capture: Capture, ready_made: KnownAccount, app_secret: str | None, settings: Settings
) -> Diagnosis:
    from mock_server.web.auth_diagnostics.evidence import Evidence
    from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
    from mock_server.web.auth_diagnostics.turns import finish
    from mock_server.workshop.auth_diagnostics.diagnosis import WorkshopDiagnoser

    own = None
    if app_secret is not None:
        # Only its owner knows whose secret this is: it is taken for that of the header's AppKey.
        app_key = (capture.header("x-ca-key") or "").strip() or settings.app_key
        own = KnownAccount("--app-secret", "", key=app_key, secret=app_secret)
    evidence = Evidence(capture, settings.workshop, own, (ready_made,))
    return finish(WorkshopDiagnoser(evidence).run())


def _explain_tams(
    capture: Capture, ready_made: KnownAccount, key: Path | None, settings: Settings
) -> Diagnosis:
    from mock_server.tams.auth_diagnostics.diagnosis import TamsDiagnoser
    from mock_server.tams.key_pairs import PublicKeyError, load_public_key
    from mock_server.web.auth_diagnostics.evidence import Evidence
    from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
    from mock_server.web.auth_diagnostics.turns import finish
    from mock_server.web.byte_order_marks import without_mark

    own = None
    if key is not None:
        try:
            pem = without_mark(_read(str(key))).decode("ascii", "replace")
            load_public_key(pem)
        except PublicKeyError as error:
            raise UsageFailure(f"--key {key} cannot be used: {error}") from error
        # Only its owner knows whose key this is: it is taken for that of the header's app.
        own = KnownAccount(str(key), _app_id(capture) or settings.app_id, pem)
    evidence = Evidence(capture, settings.tams, own, (ready_made,))
    return finish(TamsDiagnoser(evidence).run())


def _app_id(capture: Capture) -> str:
    from mock_server.tams.auth_diagnostics.header_mistakes import read
    from mock_server.tams.signature import SignedHeader

    value = capture.header("authorization")
    header = read(value.encode("latin-1", "replace") if value else None, lenient=True).header
    return header.app_id if isinstance(header, SignedHeader) else ""


def _ask(url: str, control_token: str, capture: Capture, account: str | None) -> dict[str, Any]:
    """Ask a running mock."""
    from mock_server.client import CallRefused, MockClient, NotReachable

    members: dict[str, Any] = {
        "account": account,
        "method": capture.method,
        "url": f"{capture.scheme}://{capture.host or 'localhost'}"
        + capture.target.decode("utf-8", "surrogateescape"),
        "headers": [{"name": name, "value": value} for name, value in capture.headers],
        "body_base64": b64encode(capture.body).decode(),
    }
    try:
        mock = MockClient(url, control_token=control_token)
        return mock.explain(**members)
    except NotReachable as error:
        raise ConnectionFailure(str(error)) from error
    except CallRefused as error:
        raise UsageFailure(f"{url} answered {error.status}: {error}") from error
    except ValueError as error:
        raise UsageFailure(str(error)) from error
