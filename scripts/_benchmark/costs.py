"""How long hostile requests hold the event loop: the cost of every reader and every refusal.

A request may hold the loop for 50 ms per megabyte of its input (goal 13), and at least for 10 ms.
"""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

from mock_server.tams.signature import sign as sign_tams
from mock_server.workshop.signature import sign as sign_workshop
from scripts._benchmark.client import BenchmarkClient, request
from scripts._benchmark.hostile import (
    STAGE,
    curl_lines,
    forms,
    graphs,
    json_bodies,
    many,
    multiparts,
    pictures,
)
from scripts._benchmark.servers import SERVE, BenchmarkServer, Failed, Servers

HELD = ("scripts._benchmark.held", *SERVE)

MAX_SECONDS_PER_MB = 0.050
MIN_ALLOWED_SECONDS = 0.010
TIMEOUT = 120.0  # for an answer

_MAX_CONTROL_BYTES = 1_000_000
_ENTRY_BYTES = 65_000  # of a body in the journal
_HEAD = 30_000  # of a line or header; servers allow little more
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data; boundary=x"
_TEMPLATE = "676018193025756628"


class Hostile(NamedTuple):
    """A request that costs as much as it can; `size_bytes` is that of its input, if not its own."""

    title: str
    make: Callable[[], bytes]
    size_bytes: int | None = None


class HeldLoop(NamedTuple):
    """What was measured: the input in megabytes, and the seconds for which the loop was held."""

    title: str
    megabytes: float
    seconds: float
    status: int

    @property
    def share(self) -> float:
        """How much of the allowed time it was."""
        return self.seconds / max(MIN_ALLOWED_SECONDS, MAX_SECONDS_PER_MB * self.megabytes)


def measure(server: BenchmarkServer, hostile: Hostile, repeats: int) -> HeldLoop:
    """Send the request some times; return the least that it held the loop."""
    seconds = []
    for _ in range(repeats):
        data = hostile.make()
        server.json("GET", "/held")
        status = _status(server, data)
        seconds.append(float(server.json("GET", "/held")))
    megabytes = (hostile.size_bytes or len(data)) / 1e6
    return HeldLoop(hostile.title, megabytes, min(seconds), status)


def measure_all(
    servers: Servers, sizes: Sequence[int], repeats: int, show_progress: Callable[[str], None]
) -> list[HeldLoop]:
    """Measure each kind of request with bodies of these sizes; return the worst of each kind."""
    server = servers.start("the mock that measures its loop", HELD)
    worst: dict[str, HeldLoop] = {}
    for size_bytes in sizes:
        for each in HostileRequests(server, size_bytes):
            show_progress(f"{size_bytes / 1e6:g} MB: {each.title}")
            held = measure(server, each, repeats)
            worst[held.title] = max(held, worst.get(held.title, held), key=lambda held: held.share)
    return list(worst.values())


def _status(server: BenchmarkServer, data: bytes) -> int:
    """Send the bytes and return the status of the answer, which may come before their end."""
    answer = b""
    with socket.create_connection(server.address, timeout=TIMEOUT) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        while b"\r\n\r\n" not in answer:
            received = connection.recv(65536)
            if not received:
                raise Failed(f"the connection was closed before an answer to {data[:60]!r}")
            answer += received
    return int(answer[9:12])


class HostileRequests:
    """Every hostile request to a server. `size_bytes` is that of bodies."""

    def __init__(self, server: BenchmarkServer, size_bytes: int) -> None:
        self.server = server
        self.client = BenchmarkClient.of(server.announced)
        self.account = server.announced["account"]
        self.size = size_bytes
        self._numbers = count(int(time.time() * 1000))

    def __iter__(self) -> Iterator[Hostile]:
        yield from self._tams()
        yield from self._tams_refusals()
        yield from self._uploads()
        yield from self._workshop()
        yield from self._workshop_refusals()
        yield from self._pages()
        yield from self._heads()
        yield from self._control()
        yield from self._captures()
        yield from self._journal()

    def _tams(self) -> Iterator[Hostile]:
        size, jobs, check = self.size, "/v1/jobs", "/v1/workflows/template/check"
        stages = b'{"stages":[' + STAGE + b","
        prompts = stages + b'{"type":"DIFFUSION","diffusion":{"prompts":['
        loras = stages + b'{"type":"DIFFUSION","diffusion":{"lora":{"items":['
        embedding = stages + b'{"type":"DIFFUSION","diffusion":{"embedding":{'
        template = b'{"templateId":"%b","fields":' % _TEMPLATE.encode()
        fields, field = template + b'{"fieldAttrs":[', b'{"nodeId":"%d","fieldName":"text"},'
        for title, target, body in (
            ("job: many stages", jobs, many(size, stages, STAGE + b",", b"]}")),
            ("job: many prompts", jobs, many(size, prompts, b'{"text":"a"},', b"]}}]}")),
            ("job: many LoRAs", jobs, many(size, loras, b'{"loraModel":"a"},', b"]}}}]}")),
            ("job: a free map", jobs, many(size, embedding, b'"k%d":[],', b"}}}]}")),
            ("template: many fields", check, many(size, fields, field, b"]}}")),
            *((f"job: {title}", jobs, body)
              for title, body in json_bodies(size, "stages", "requestId")),
            *((f"graph: {title}", "/v1/jobs/workflow", body) for title, body in graphs(size)),
            *((f"template: {title}", check, template + body + b"}")
              for title, body in json_bodies(size, "fieldAttrs", "templateId")),
        ):  # fmt: skip
            yield Hostile(title, self._made("POST", target, body, self._bearer))

    def _tams_refusals(self) -> Iterator[Hostile]:
        """Signatures that fit nothing: the diagnosis looks for what was signed."""
        for title, body in (*json_bodies(self.size, "stages", "requestId"), *forms(self.size)):
            yield Hostile(f"TAMS refusal: {title}", self._missigned("/v1/jobs", body))
        query = "/v1/jobs/1?" + "a=%41&" * (_HEAD // 6)
        yield Hostile("TAMS refusal: a long query", self._missigned(query, b""))
        for title, value in (
            ("a long header", "TAMS-SHA256-RSA " + "a" * _HEAD),
            ("commas in a header", "TAMS-SHA256-RSA " + "," * _HEAD),
            ("equals signs in a header", "TAMS-SHA256-RSA " + "=" * _HEAD),
            ("members of a header", "TAMS-SHA256-RSA " + "app_id=1," * (_HEAD // 9)),
            ("blanks in a header", "TAMS-SHA256-RSA" + " " * _HEAD + "a"),
            ("a long token", "Bearer " + "a" * _HEAD),
        ):
            yield Hostile(f"TAMS refusal: {title}", self._made("POST", "/v1/jobs", b"{}", value))

    def _uploads(self) -> Iterator[Hostile]:
        target = self._reserved("")["putUrl"]
        for title, data in pictures(self.size):
            yield Hostile(
                f"upload: {title}", self._made("PUT", _target(target), data, "", "image/png")
            )
        for title, body in (*multiparts(self.size), *self._deep_forms()):
            make = self._made("POST", "/oss-form", body, "", _MULTIPART)
            yield Hostile(f"form upload: {title}", make)
        kind = "multipart/form-data; " + "a=b;" * (_HEAD // 4)
        make = self._made("POST", "/oss-form", b"-", "", kind)
        yield Hostile("form upload: parameters of the media type", make)

    def _deep_forms(self) -> Iterator[tuple[str, bytes]]:
        deep = base64.b64encode(b"[" * 6000).decode()
        for name in ("policy", "callback"):
            place = self._reserved("/sts")
            fields = {
                "key": place["filePath"], "policy": place["policy"],
                "OSSAccessKeyId": place["accessId"], "Signature": place["signature"],
                "x-oss-security-token": place["securityToken"], name: deep, "file": "a",
            }  # fmt: skip
            parts = (
                f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
                for field, value in fields.items()
            )
            yield f"a deep {name}", "".join((*parts, "--x--\r\n")).encode()

    def _workshop(self) -> Iterator[Hostile]:
        size, units = self.size, b'{"alwayson_scripts":{"controlnet":{"units":['
        inputs = b'{"workflow_id":"w","alias_id":"main","inputs":{'
        deep = b'"a":' + b"[" * 150 + b"0," * (size // 2) + b"0" + b"]" * 150 + b"}}"
        files = (
            ("Base64", b"A" * size),
            ("blanks in Base64", b"A " * (size // 2)),
            ("an escaped data URI", b"data:image/png," + b"%41" * (size // 3)),
            ("parameters of a data URI", b"data:" + b";" * size),
            *((title, base64.b64encode(data)) for title, data in pictures(size * 3 // 4)),
        )
        names = {
            "query_sp_resource_monitor_data": ("resourceConfigIds", "subProduct"),
            "spSdModelSync": ("versions", "modelId"),
            "sd_img2img": ("init_images", "prompt"),
            "comfy_prompt": ("inputs", "workflow_id"),
        }
        for name, title, body in (
            ("sd_txt2img", "many units", many(size, units, b"{},", b"]}}}")),
            ("comfy_prompt", "many inputs", many(size, inputs, b'"k%d":0,', b"}}")),
            ("comfy_prompt", "a deep input", inputs + deep),
            *(("sd_img2img", title, b'{"init_images":["%b"]}' % data) for title, data in files),
            *((name, title, body) for name, members in names.items()
              for title, body in json_bodies(size, *members)),
        ):  # fmt: skip
            yield self._scc(f"{name}: {title}", name, body)
        yield self._scc("Workshop: a long query", "allocate_token?" + "a=%41&" * (_HEAD // 6), b"")

    def _workshop_refusals(self) -> Iterator[Hostile]:
        for title, body in json_bodies(self.size, "units", "prompt"):
            yield self._scc(f"Workshop refusal: {title}", "sd_txt2img", body, secret="wrong")
        # The longest that is looked at, and a longer one.
        for size, form in ((15_000, "a form with"), (self.size, "a long form with")):
            for title, body in forms(size):
                more = {"content-type": _FORM}
                named = f"Workshop refusal: {form} {title}"
                yield self._scc(named, "allocate_token", body, more, secret="wrong")
        query = "allocate_token?" + "a=%41&" * (_HEAD // 6)
        yield self._scc("Workshop refusal: a long query", query, b"", secret="wrong")
        for title, more in (
            ("many signed names", {"x-ca-signature-headers": "a," * (_HEAD // 2)}),
            ("names in other separators", {"x-ca-signature-headers": "a;" * (_HEAD // 2)}),
            ("a long timestamp", {"x-ca-timestamp": "1" * _HEAD}),
            ("a long date", {"date": "1 " * (_HEAD // 2)}),
            ("a long accept", {"accept": ";," * (_HEAD // 2)}),
            ("a long media type", {"content-type": ";" * _HEAD}),
            ("a long signature", {"x-ca-signature": "A" * _HEAD}),
            ("a long digest", {"content-md5": "A" * _HEAD}),
            ("a long key", {"x-ca-key": "A" * _HEAD}),
            ("many headers", {f"x-ca-{number}": "a" for number in range(_HEAD // 15)}),
        ):
            yield self._scc(f"Workshop refusal: {title}", "allocate_token", b"{}", more)

    def _pages(self) -> Iterator[Hostile]:
        token = self._call("allocate_token", {})["apiToken"]
        page = _target(self._call("spCreateSession", {"apiToken": token})["sessionUrl"])
        for title, body in json_bodies(self.size, "width", "prompt"):
            yield Hostile(f"page form: {title}", self._made("POST", f"{page}/generate", body))
        for title, body in json_bodies(min(self.size, 250_000), "values", "values"):
            make = self._made("PUT", f"{page}/preferences", body)
            yield Hostile(f"page preferences: {title}", make)

    def _heads(self) -> Iterator[Hostile]:
        half = _HEAD // 2
        picture = "/resource-upload/short-term/2026-01-01/COMFY/images/1_0.png?auth_key="
        for title, target in (
            ("a long path", "/v1/" + "a/" * (_HEAD // 2)),
            ("a long id", "/v1/jobs/" + "1" * _HEAD),
            ("escapes in a path", "/v1/jobs/" + "%41" * (_HEAD // 3)),
            ("a path of the control API", "/_mock/" + "a" * _HEAD),
            ("a path of the Workshop", "/scc/" + "a" * _HEAD),
            ("a path of a page", "/sd_webui/s/" + "a" * _HEAD),
            ("a path of a temporary file", f"/temp-upload/{'-' * half}/{'a' * half}"),
            ("a query of a picture", picture + "-" * _HEAD),
            ("a query of the control API", "/_mock/jobs?" + "a&" * (_HEAD // 2)),
            ("a value of the control API", "/_mock/jobs?limit=" + "1" * _HEAD),
        ):  # fmt: skip
            yield Hostile(f"head: {title}", self._made("GET", target, b"", self._bearer))
        target = _target(self._reserved("")["putUrl"]).partition("?")[0] + "?"
        make = self._made("PUT", target + "&a=" * (_HEAD // 3), b"")
        yield Hostile("head: a query of an upload", make)

    def _control(self) -> Iterator[Hostile]:
        size = min(self.size, _MAX_CONTROL_BYTES)
        pem = b'{"publicKey":"-----BEGIN PUBLIC KEY-----' + b"\\n" * (size // 2) + b'"}'
        names = {
            "/_mock/accounts": ("clock", "id"),
            "/_mock/clock/advance": ("seconds", "to"),
            "/_mock/requests/verify": ("count", "path"),
            "/_mock/signature/explain": ("headers", "url"),
            "/_mock/scenarios": ("steps", "summary"),
            "/_mock/faults": ("match", "name"),
        }
        for target, title, body in (
            ("/_mock/accounts", "a long public key", b'{"publicKey":"' + b"A" * size + b'"}'),
            ("/_mock/accounts", "lines of a public key", pem),
            ("/_mock/accounts", "a long moment", b'{"clock":{"now":"' + b"1" * size + b'"}}'),
            ("/_mock/accounts", "a long balance", b'{"balance":' + b"1" * size + b"}"),
            ("/_mock/accounts", "a long fraction", b'{"balance":0.' + b"1" * size + b"}"),
            *((target, title, body) for target, members in names.items()
              for title, body in json_bodies(size, *members)),
        ):  # fmt: skip
            yield Hostile(f"{target}: {title}", self._made("POST", target, body))

    def _captures(self) -> Iterator[Hostile]:
        size = min(self.size, _MAX_CONTROL_BYTES) - 1000
        url = "http://127.0.0.1/v1/jobs"
        head = "POST /v1/jobs HTTP/1.1\r\nauthorization: TAMS-SHA256-RSA app_id=mockApp01,"
        tams = head + "nonce_str=1,timestamp=1,signature=AAAA\r\n"
        workshop = (
            "POST /scc/allocate_token HTTP/1.1\r\nx-ca-key: 204800001\r\n"
            f"x-ca-signature: {base64.b64encode(b'q' * 32).decode()}\r\n"
        )
        names, short = workshop + "x-ca-signature-headers: ", min(size, 60_000)
        numbered = "".join(f"x-ca-{number}: b\r\n" for number in range(short // 15))
        different = ",".join(f"a{number}" for number in range(short // 9))
        form = f"{workshop}content-type: {_FORM}\r\n\r\n"
        entries = {"log": {"entries": [0] * (size // 2)}}
        for title, text in (
            ("headers", tams + "a: b\r\n" * (short // 8) + "\r\n"),
            ("too many headers", tams + "a: b\r\n" * (size // 8) + "\r\n"),
            ("a long line", "POST /" + "a" * size + " HTTP/1.1\r\n\r\n"),
            ("line feeds", tams + "\n" * (size // 2)),
            ("a long signature", head + "signature=" + "A" * short + "\r\n\r\n"),
            ("members of a header", head + "a=b," * (short // 4) + "\r\n\r\n"),
            ("a long query", tams.replace("jobs", "jobs?" + "a=%41&" * (short // 6)) + "\r\n"),
            ("headers, Workshop", workshop + "a: b\r\n" * (short // 8) + "\r\n"),
            ("x-ca headers, Workshop", workshop + numbered + "\r\n"),
            ("signed names, Workshop", names + "a," * (short // 2) + "\r\n\r\n"),
            ("different names, Workshop", names + different + "\r\n\r\n"),
            ("a form, Workshop", form + "a=%41&" * (size // 6)),
        ):  # fmt: skip
            yield self._explain(f"raw: {title}", {"raw": text})
        for title, line in curl_lines(size // 2):
            yield self._explain(f"curl: {title}", {"curl": line})
        headers = [{"name": "a", "value": "b"}] * (size // 26)
        har = {"request": {"method": "POST", "url": url, "headers": headers}}
        yield self._explain("HAR: many headers", {"har": har})
        yield self._explain("HAR: many entries", {"har": entries})
        pairs = {f"a{number}": "b" for number in range(size // 16)}
        yield self._explain("members: headers", {"method": "POST", "url": url, "headers": pairs})

    def _journal(self) -> Iterator[Hostile]:
        size = _ENTRY_BYTES
        for title, body in (
            ("fields of a form", b'name="a"\r\n' * (size // 10)),
            ("heads of fields", b'name="a"\r\n' + b"a:b\r\n" * (size // 5)),
            ("blank lines", b'name="a"' + b"\r\n" * (size // 2)),
            ("pairs", b"a=b&" * (size // 4)),
            ("secret pairs", b"token=b&" * (size // 8)),
            ("encoded names", b"%41=&" * (size // 5)),
            ("names", b"a" * size),
            ("dots and dashes", b"-." * (size // 2)),
            ("members", b'{"a":"b"},' * (size // 10)),
            ("secret members", b'{"token":"b"},' * (size // 14)),
            ("blanks", b'"token"' + b" " * size),
            ("quotes", b'"' * size),
            ("open members", b'"a":"' * (size // 5)),
            ("members in texts", b'\\"token\\":\\"' * (size // 13)),
            ("headers", b"authorization: a\n" * (size // 17)),
            ("x- headers", b"x-" * (size // 2)),
            ("blanks in headers", b"cookie" + b" " * size),
            ("links", b"/s/" * (size // 3)),
        ):
            yield self._entry(title, body, {})
        text = b"secret00" * (size // 8)
        for title, headers in (
            ("cookies", {"cookie": "; ".join(f"a=secret{n:08d}" for n in range(1500))}),
            ("fewer cookies", {"cookie": "; ".join(f"a=secret{n:08d}" for n in range(190))}),
            ("credentials", {"authorization": "A " + "token=secret123," * 1800}),
            ("secret headers", {f"x-{n}-token": f"secret{n:08d}" for n in range(1000)}),
            ("pairs in a header", {"x": "token=secret123&" * 1800}),
        ):
            yield self._entry(title, text, headers)
        target = "/v1/jobs?" + "&".join(f"token=secret{n:08d}" for n in range(1500))
        yield self._entry("pairs in a query", text, {}, target)

    # Helpers

    @property
    def _bearer(self) -> str:
        return f"Bearer {self.client.token}"

    def _made(
        self, method: str, target: str, body: bytes, authorization: str = "",
        kind: str = "application/json",
    ) -> Callable[[], bytes]:  # fmt: skip
        host = self.client.host
        made = request(host, method, target, body, authorization=authorization, content_type=kind)
        return lambda: made

    def _missigned(self, target: str, body: bytes) -> Callable[[], bytes]:
        def make() -> bytes:
            value = sign_tams(
                self.client.private_key, self.client.app_id, "POST", target.encode(), b"other",
                timestamp=int(time.time()), nonce=str(next(self._numbers)),
            )  # fmt: skip
            return request(self.client.host, "POST", target, body, authorization=value)

        return make

    def _scc(
        self, title: str, name: str, body: bytes, more: Mapping[str, str] | None = None, *,
        secret: str = "",
    ) -> Hostile:  # fmt: skip
        def make() -> bytes:
            headers = self._signed(f"/scc/{name}", body, secret) | dict(more or {})
            lines = "".join(f"{header}: {value}\r\n" for header, value in headers.items())
            head = f"POST /scc/{name} HTTP/1.1\r\nhost: {self.client.host}\r\n{lines}"
            return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

        return Hostile(title, make)

    def _signed(self, target: str, body: bytes, secret: str = "") -> dict[str, str]:
        return sign_workshop(
            secret or self.account["appSecret"], self.account["appKey"], "POST", target.encode(),
            body, timestamp_ms=int(time.time() * 1000), nonce=str(next(self._numbers)),
        )  # fmt: skip

    def _call(self, name: str, members: Mapping[str, str]) -> Any:
        target, body = f"/scc/{name}", json.dumps(members).encode()
        answer = self.server.json("POST", target, body, headers=self._signed(target, body))
        return answer["data"]

    def _explain(self, title: str, members: Mapping[str, Any]) -> Hostile:
        body = json.dumps(members, separators=(",", ":")).encode()
        return Hostile(title, self._made("POST", "/_mock/signature/explain", body))

    def _entry(
        self, title: str, body: bytes, headers: Mapping[str, str], target: str = "/v1/jobs"
    ) -> Hostile:
        """Return the reading of an entry of the journal, whose size counts."""
        self.server.ask("POST", target, body, headers=headers)
        entry = self.server.json("GET", "/_mock/requests?limit=1")["requests"][0]
        size_bytes = len(body) + sum(map(len, (target, *headers, *headers.values())))
        make = self._made("GET", f"/_mock/requests/{entry['id']}", b"")
        return Hostile(f"entry of the journal: {title}", make, size_bytes)

    def _reserved(self, kind: str) -> Any:
        return self.server.json(
            "POST", f"/v1/resource/image{kind}", {"expireSec": 86400},
            headers={"authorization": self._bearer},
        )  # fmt: skip


def _target(url: str) -> str:
    """Return the target of the request line for a URL."""
    return "/" + url.split("/", 3)[3]
