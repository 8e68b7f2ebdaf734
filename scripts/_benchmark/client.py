"""The requests of a client as bytes: signed or with a token, each order with its own id."""

from __future__ import annotations

import json
import os
import signal
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from multiprocessing import get_context
from random import Random
from typing import Any

from mock_server.tams.signature import sign

AGENT = b"user-agent: tams-mock-benchmark\r\naccept: application/json\r\n"
# Below this number, signing in this process is faster than starting others.
MIN_PARALLEL = 2000

_PROMPT = (
    "a red kite over green hills, long shadows of late afternoon, a stone farmhouse with smoke "
    "rising from its chimney, dry grass in the foreground, light clouds, soft colours, fine detail"
)
_NEGATIVE = "blurry, low contrast, text, watermark, frame, extra limbs, out of focus, noise"


@dataclass(frozen=True, slots=True)
class BenchmarkClient:
    """The credentials of an account, and the host of its server."""

    host: str
    app_id: str
    token: str
    private_key: str = field(repr=False)

    @classmethod
    def of(cls, announced: Mapping[str, Any]) -> BenchmarkClient:
        """Return a client for the ready-made account in a server's ready line."""
        account = announced["account"]
        return cls(
            host=announced["url"].partition("://")[2],
            app_id=account["appId"],
            token=account["accessToken"],
            private_key=account["privateKey"],
        )

    def signed(self, method: str, target: str, body: bytes = b"", *, number: int = 0) -> bytes:
        """Return a signed request; the nonce depends on number, target and body."""
        nonce = blake2b(b"%d %b %b" % (number, target.encode(), body), digest_size=16).hexdigest()
        value = sign(
            self.private_key,
            self.app_id,
            method,
            target.encode(),
            body,
            timestamp=int(time.time()),
            nonce=nonce,
        )
        return request(self.host, method, target, body, authorization=value)

    def with_token(self, method: str, target: str, body: bytes = b"") -> bytes:
        """Return a request with the account's bearer token."""
        return request(self.host, method, target, body, authorization=f"Bearer {self.token}")

    def orders(self, first: int, count: int) -> Iterator[bytes]:
        """Yield creations with a token, each with its own request id."""
        for number in range(first, first + count):
            yield self.with_token("POST", "/v1/jobs", order(number))

    def signed_orders(self, first: int, count: int) -> list[bytes]:
        """Return signed creations, each with its own request id; several processes sign them."""
        part = partial(_signed_order, self)
        numbers = range(first, first + count)
        if count < MIN_PARALLEL:
            return list(map(part, numbers))
        workers = min(4, os.cpu_count() or 1)
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _ignore_interrupts)
        with pool:
            return list(pool.map(part, numbers, chunksize=200))


def request(
    host: str,
    method: str,
    target: str,
    body: bytes = b"",
    *,
    authorization: str = "",
    content_type: str = "application/json",
) -> bytes:
    """Return the bytes of a request, with the usual headers."""
    head = f"{method} {target} HTTP/1.1\r\nhost: {host}\r\n".encode() + AGENT
    if authorization:
        head += b"authorization: " + authorization.encode() + b"\r\n"
    if body:
        head += f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n".encode()
    return head + b"\r\n" + body


def order(number: int, *, width: int = 512, height: int = 512) -> bytes:
    """Return the body of a typical job; the number is its request id."""
    return json.dumps(
        {
            "request_id": f"{number:032x}",
            "stages": [
                {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": -1, "count": 1}},
                {
                    "type": "DIFFUSION",
                    "diffusion": {
                        "width": width,
                        "height": height,
                        "prompts": [{"text": f"{_PROMPT}, number {number}"}],
                        "negativePrompts": [{"text": _NEGATIVE}],
                        "sampler": "DPM++ 2M Karras",
                        "sdVae": "Automatic",
                        "steps": 15,
                        "sd_model": "600423083519508503",
                        "clip_skip": 2,
                        "cfg_scale": 7,
                    },
                },
            ],
        }
    ).encode()


def noise_picture(size_bytes: int) -> bytes:
    """Return a PNG of nearly this size."""
    side = int((size_bytes / 3) ** 0.5) - 1
    random = Random(1)
    rows = b"".join(b"\0" + random.randbytes(3 * side) for _ in range(side))
    header = struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)
    chunks = (
        _chunk(b"IHDR", header),
        _chunk(b"IDAT", zlib.compress(rows, 0)),
        _chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def _signed_order(client: BenchmarkClient, number: int) -> bytes:
    return client.signed("POST", "/v1/jobs", order(number))


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
