"""Mutants of the Workshop: files of results, uploads and pools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

from PIL import Image

from contract_tests.mutants.calls import HttpCall, HttpReply, Service, a_reply
from contract_tests.mutants.mutant import Memory, Mutant, Mutation, on_json, on_reply, on_request
from contract_tests.mutants.pictures import a_png
from contract_tests.mutants.workshop_authentication import on_data

SIGN = r"/scc/sp_create_temp_file_upload_sign"
MONITOR = r"/scc/query_sp_resource_monitor_data"
FILES = r"/(?!scc/|v1/|_mock/).*"


def _half_black(content: bytes) -> bytes:
    with Image.open(BytesIO(content)) as picture:
        whole, kind = picture.convert("RGB"), picture.format
    whole.paste((0, 0, 0), (0, whole.height // 2, whole.width, whole.height))
    painted = BytesIO()
    whole.save(painted, kind)
    return painted.getvalue()


def _two_pools(body: Any, memory: Memory) -> None:
    if isinstance(body.get("data"), list):
        body["data"] = body["data"][:2]


def _picture(change: Callable[[HttpReply], HttpReply]) -> Mutation:
    def change_good(
        call: HttpCall, reply: HttpReply, memory: Memory, service: Service
    ) -> HttpReply:
        picture = reply.header("Content-Type").startswith("image/")
        return change(reply) if reply.good and picture else reply

    return on_reply("GET", FILES, change_good)


def _kept(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    """Keep serving files that a result has shown."""
    host = tuple(pair for pair in call.headers if pair[0].lower() == "host")
    if reply.good and call.path.endswith("_get_result"):
        data = (reply.json or {}).get("data")
        urls: list[str] = data.get("images", []) if isinstance(data, dict) else []
        for url in urls:
            target = "/" + url.split("/", 3)[3]
            if target not in memory:
                memory[target] = service(HttpCall("GET", target, host))
        return reply
    kept: HttpReply = memory.get(call.target, reply)
    return reply if reply.good else kept


def _put_wants_key(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    return call if call.header("x-ca-key") else a_reply(403, {"message": "sign it"})


def _put_dropped(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    return a_reply(200, {})


def _each_pool(change: Callable[[Any], object]) -> Mutation:
    """Return a mutation of pools; `data` may be one object or a list (W37)."""

    def change_pools(body: Any, memory: Memory) -> None:
        data = body.get("data")
        for pool in data if isinstance(data, list) else [data]:
            if isinstance(pool, dict):
                change(pool)

    return on_json("POST", MONITOR, change_pools)


def _ratio_as_text(pool: Any) -> None:
    for entry in pool["monitorData"]:
        entry["utilizationRatio"] = str(entry["utilizationRatio"])


MUTANTS = (
    Mutant("image-too-small", "Images are smaller than ordered.", "Workshop › 7",
        "(?i)size|large|width", _picture(lambda reply: replace(reply, body=a_png(64, 64)))),
    Mutant("image-torn", "Images are truncated.", "Workshop › 7", "(?i)decode|picture|image",
        _picture(lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]))),
    Mutant("image-not-served", "The URL of an image is not found.", "Workshop › 7", "expected 200",
        _picture(lambda reply: a_reply(404, {"message": "no such file"}))),
    Mutant("image-served-for-ever", "The URL of an image never expires.", "Workshop › 7",
        "(?i)expire", on_reply("*", ".*", _kept)),
    Mutant("image-half-drawn", "The lower half of an image is black.", "Workshop › 7",
        "(?i)one colour", _picture(lambda reply: replace(reply, body=_half_black(reply.body)))),
    Mutant("upload-over", "The expireTime of an upload is over.", "Workshop › 8.5",
        "expireTime", on_data(SIGN, lambda data, memory: data.update(expireTime=1))),
    Mutant("uploads-share-a-key", "Each upload has the same objectKey.", "Workshop › 8.5",
        "objectKey", on_data(SIGN, lambda data, memory:
            data.update(objectKey=memory.setdefault("key", data["objectKey"])))),
    Mutant("last-byte-lost", "An upload loses its last byte.", "Workshop › 8.5",
        "(?i)read.back", on_request("PUT", FILES, lambda call, memory, service:
            replace(call, body=call.body[:-1]))),
    Mutant("two-pools-at-most", "The use of two pools at most is told.", "Workshop › 9",
        "(?i)pools", on_json("POST", MONITOR, _two_pools)),
    Mutant("upload-without-key", "An upload has no objectKey.", "Workshop › 8.5", "objectKey",
        on_data(SIGN, lambda data, memory: data.pop("objectKey"))),
    Mutant("upload-expiry-as-text", "The expiry of an upload is a text.", "Workshop › 8.5",
        "expireTime", on_data(SIGN, lambda data, memory:
                                data.update(expireTime=str(data["expireTime"])))),
    Mutant("upload-wants-signature", "A PUT without x-ca headers is refused.", "Workshop › 8.5",
        "(?i)without_a_signature|put", on_request("PUT", FILES, _put_wants_key)),
    Mutant("file-dropped", "An uploaded file is lost.", "Workshop › 8.5",
        "(?i)upload|read_back", on_request("PUT", FILES, _put_dropped)),
    Mutant("utilization-as-text", "utilizationRatio is a text.", "Workshop › 9",
        "utilizationRatio", _each_pool(_ratio_as_text)),
    Mutant("pool-without-data", "A pool has no monitorData.", "Workshop › 9", "monitorData",
        _each_pool(lambda pool: pool.pop("monitorData"))),
)  # fmt: skip
