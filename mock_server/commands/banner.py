"""What `serve` says when it is ready."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mock_server.transport.tls import TRUST_VARIABLES

if TYPE_CHECKING:
    from mock_server.serving import Server
    from mock_server.settings import Settings

# Asks for a price and makes nothing; the body of POST /v1/jobs/credits (TAMS › 5.4).
_ORDER = {
    "stages": [
        {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": -1, "count": 1}},
        {
            "type": "DIFFUSION",
            "diffusion": {
                "width": 512,
                "height": 512,
                "prompts": [{"text": "a lighthouse"}],
                "sampler": "DPM++ 2M Karras",
                "sdVae": "Automatic",
                "steps": 15,
                "sd_model": "600423083519508503",
                "clip_skip": 2,
                "cfg_scale": 7,
            },
        },
    ]
}


def banner(server: Server, control_token: str = "") -> str:
    """Return the URLs, the account, the control token if there is one, and a curl line."""
    facts = [*_facts(server)]
    if control_token:
        facts.append(f"  /_mock token {control_token}")
    if server.settings.upstream:
        return "\n".join((*facts, "", *_trust(server))).rstrip()
    return "\n".join((*facts, "", *_trust(server), "Try it:", f"  {curl_line(server)}"))


def curl_line(server: Server) -> str:
    """Return a command that asks for a price with the bearer token."""
    token = server.account["accessToken"]
    parts = (
        f"{server.url}/v1/jobs/credits",
        "-H",
        f"Authorization: Bearer {token}",
        "-H",
        "Content-Type: application/json",
        "-d",
        json.dumps(_ORDER, separators=(",", ":")),
    )
    return f"curl -sS {shlex.join(parts)}"


def _facts(server: Server) -> Iterator[str]:
    account = server.account
    yield f"tams-mock is ready at {server.url}"
    if server.tls_url:
        yield f"  https        {server.tls_url}"
    yield f"  control API  {server.url}/_mock"
    if server.settings.upstream:
        yield from _proxy_facts(server.settings)
        return
    yield f"  account      {account['id']}, {account['balance']} credits"
    yield f"  app id       {account['appId']}"
    yield f"  access token {account['accessToken']}"
    yield f"  app key      {account['appKey']}"
    if server.private_key_file is not None:
        yield f"  private key  {server.private_key_file}"
    elif server.settings.public_key_file is not None:
        yield f"  private key  the one of your {server.settings.public_key_file}"


def _proxy_facts(settings: Settings) -> Iterator[str]:
    """Yield what is passed where, how it is signed, and what it may cost."""
    credentials, limits = settings.upstream_credentials, settings.max_credits
    yield f"  passes to    {settings.upstream}"
    if credentials.private_key:
        signs = [f"as TAMS app {credentials.app_id}"]
    else:
        signs = ["with a TAMS token"] if credentials.token else []
    if credentials.secret:
        signs.append(f"with the Workshop AppKey {credentials.key}")
    yield f"  signs calls  {' and '.join(signs) or 'not; those of clients go through unchanged'}"
    spending = "allowed, without a budget" if limits is None else f"at most {limits} credits"
    refused = "refused (--allow-spending allows it)"
    yield f"  spending     {spending if settings.allow_spending else refused}"


def _trust(server: Server) -> Iterator[str]:
    if server.ca_file is not None:
        yield "To make clients trust the certificate of https:"
        for name in TRUST_VARIABLES:
            yield f"  export {name}={shlex.quote(str(server.ca_file))}"
        yield ""
