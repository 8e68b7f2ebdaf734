"""A fake of the service behind a mutation, and exchanges to feed it with."""

import json
from functools import cache
from pathlib import Path

from contract_tests.mutants.calls import HttpCall, a_reply

EXCHANGES = Path(__file__).parents[2] / "fixtures" / "exchanges"


class CannedService:
    """A service that always gives the same answer, and records its calls."""

    url = "http://127.0.0.1:1"

    def __init__(self, reply):
        self.reply, self.calls = reply, []

    def __call__(self, call):
        self.calls.append(call)
        return self.reply

    def signed(self, call):
        return call

    def tams_key(self, app_id):
        return ""

    def tams_apps(self):
        return ()

    def moved(self):
        return 0.0


@cache
def exchanges():
    found = []
    for path in sorted(EXCHANGES.glob("*/*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        request, response = data.get("request", {}), data.get("response", {})
        if "path" in request and "httpStatus" in response:
            headers = tuple(request.get("headers", {}).items())
            body = request.get("rawBody", "").encode()
            call = HttpCall(request.get("method", "POST"), request["path"], headers, body)
            found.append((call, a_reply(response["httpStatus"], response.get("body"))))
    return found
