"""The calls of test_stacks.py with Python's http.client."""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit


def main(base: str, token: str, order: str, picture: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=20)

    def call(method: str, target: str, body: bytes, headers: dict[str, str]) -> str:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return f"{answer.status} {answer.read().decode()}"

    def post(path: str, body: str, **more: str) -> str:
        return call("POST", path, body.encode(), headers | more)

    print(post("/v1/jobs/credits", order))
    print(post("/v1/jobs/credits", order))
    print(post("/v1/jobs/credits", order, Expect="100-continue"))
    reserved = post("/v1/resource/image", "{}")
    url = urlsplit(json.loads(reserved.partition(" ")[2])["putUrl"])
    uploaded = call("PUT", f"{url.path}?{url.query}", Path(picture).read_bytes(), {})
    print(uploaded[:3], "uploaded")


main(*sys.argv[1:])
