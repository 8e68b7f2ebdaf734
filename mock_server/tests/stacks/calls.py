"""The calls of test_stacks.py with Python's http.client."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit


def main(base: str, token: str, order: str, picture: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    site = urlsplit(base)
    schemes = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    connection = schemes[site.scheme](site.netloc, timeout=20)

    def call(
        method: str, target: str, body: bytes | Iterable[bytes], headers: dict[str, str]
    ) -> str:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return f"{answer.status} {answer.read().decode()}"

    def post(path: str, body: bytes | Iterable[bytes], **more: str) -> str:
        return call("POST", path, body, headers | more)

    order_bytes, pixels = order.encode(), Path(picture).read_bytes()
    print("body", post("/v1/jobs/credits", order_bytes))
    print("keep-alive", post("/v1/jobs/credits", order_bytes))
    print("expect", post("/v1/jobs/credits", order_bytes, Expect="100-continue"))
    print("chunked", post("/v1/jobs/credits", iter([order_bytes])))
    reserved = post("/v1/resource/image", b"{}")
    url = urlsplit(json.loads(reserved.partition(" ")[2])["putUrl"])
    target = f"{url.path}?{url.query}"
    print("upload", call("PUT", target, pixels, {})[:3])
    print("chunked-upload", call("PUT", target, iter([pixels]), {})[:3])


main(*sys.argv[1:])
