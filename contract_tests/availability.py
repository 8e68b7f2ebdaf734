"""Whether a target can be tested: it is there, it is the service, and it accepts the credentials.

A free call finds out, before the first test and after a test that failed as if it were not so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from contract_tests import wall
from contract_tests.refused_credentials import refusal
from contract_tests.troubles import TIMEOUT, Trouble, no_answer, not_the_service

PAUSES = (1.0, 2.0)  # seconds before a target that is slow or overloaded is asked again

# Calls that cost nothing and change nothing (`TAMS › 10 Credits`, `Workshop › 5.2` and `7`). The
# first one shows whether a credential is accepted. The second is of another operation: if it works,
# only one operation is broken, and the tests shall say so.
FREE_CALLS: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "tams": (
        ("POST", "/v1/jobs/credits", {"stages": [
            {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": "1", "count": 1}},
            {"type": "DIFFUSION", "diffusion": {
                "width": 512, "height": 512, "prompts": [{"text": "a tree"}], "steps": 10,
                "sdModel": "600423083519508503", "sdVae": "Automatic", "cfgScale": 7,
                "sampler": "Euler a",
            }},
        ]}),
        ("GET", "/v1/models/600423083519508503", None),
    ),
    "workshop": (
        ("POST", "/scc/spQueryToken", {"apiToken": "no-such-token"}),
        ("POST", "/scc/sd_get_progress", {"taskId": "no-such-task"}),
    ),
}  # fmt: skip


def ask(
    http: httpx.Client, surface: str, url: str, auth: httpx.Auth | None, which: int = 0
) -> httpx.Response:
    """Make a free call to a surface. Raises `httpx.TransportError`."""
    method, path, body = FREE_CALLS[surface][which]
    headers = {"Accept": "application/json"}
    request = http.build_request(method, url + path, json=body, headers=headers, timeout=TIMEOUT)
    return http.send(request, auth=auth)


def why_unusable(
    http: httpx.Client,
    surface: str,
    url: str,
    auth: httpx.Auth | None,
    sleep: Callable[[float], None] = wall.sleep,
) -> Trouble | None:
    """Return why a surface cannot be tested with a credential, or None if a free call works."""

    def judge(answer: httpx.Response) -> Trouble | None:
        return not_the_service(answer, url) or (refusal(surface, answer) if auth else None)

    troubles = []
    for which in range(len(FREE_CALLS[surface])):
        call = partial(ask, http, surface, url, auth, which)
        if (trouble := lasting_trouble(url, call, judge, sleep)) is None:
            return None
        troubles.append(trouble)
    return troubles[0]


def lasting_trouble(
    url: str,
    call: Callable[[], httpx.Response],
    judge: Callable[[httpx.Response], Trouble | None],
    sleep: Callable[[float], None] = wall.sleep,
) -> Trouble | None:
    """Return what is wrong with a call to a URL, repeated while it may be over soon, or None."""
    trouble = None
    for pause in (0.0, *PAUSES):
        if pause:
            sleep(pause)
        try:
            trouble = judge(call())
        except httpx.TransportError as error:
            trouble = no_answer(error, url)
        if trouble is None or not trouble.passing:
            break
    return trouble
