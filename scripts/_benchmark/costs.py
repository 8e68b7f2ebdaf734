"""How long hostile requests hold the event loop: the cost of every reader and every refusal.

A request may hold the loop for 50 ms per megabyte of its input (goal 13), and at least for 5 ms.
"""

from __future__ import annotations

import base64
import json
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

from mock_server.tams.signature import sign as sign_tams
from mock_server.workshop.signature import sign as sign_workshop
from scripts._benchmark.client import BenchmarkClient, request
from scripts._benchmark.servers import SERVE, BenchmarkServer, Failed

HELD = ("scripts._benchmark.held", *SERVE)

MAX_SECONDS_PER_MB = 0.050
MIN_ALLOWED_SECONDS = 0.005
# An answer later than this is a failure of the measurement.
TIMEOUT = 120.0

_HEAD = 30_000  # bytes of a line or header; servers allow little more

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
_STAGE = b'{"type":"INPUT_INITIALIZE","inputInitialize":{"count":1}}'


class Hostile(NamedTuple):
    """A request that costs as much as it can; `status` is that of its answer.

    `size_bytes` is the size of its input where that is not the request itself.
    """

    title: str
    make: Callable[[], bytes]
    status: int
    size_bytes: int | None = None


class HeldLoop(NamedTuple):
    """What was measured: the input in megabytes, the seconds for which the loop was held."""

    title: str
    megabytes: float
    seconds: float
    status: int

    @property
    def allowed(self) -> float:
        return max(MIN_ALLOWED_SECONDS, MAX_SECONDS_PER_MB * self.megabytes)

    @property
    def within(self) -> bool:
        return self.seconds <= self.allowed


def measure(server: BenchmarkServer, hostile: Hostile, repeats: int) -> HeldLoop:
    """Send the request some times; return the least that it held the loop."""
    seconds = []
    for _ in range(repeats):
        data = hostile.make()
        server.json("GET", "/held")
        status = _status(server, data)
        seconds.append(float(server.json("GET", "/held")))
        if status != hostile.status:
            raise Failed(f"{hostile.title}: expected status {hostile.status}, found {status}")
    megabytes = (hostile.size_bytes or len(data)) / 1e6
    return HeldLoop(hostile.title, megabytes, min(seconds), status)


def _status(server: BenchmarkServer, data: bytes) -> int:
    """Send the bytes and return the status of the answer, which may come before their end."""
    with socket.create_connection(server.address, timeout=TIMEOUT) as connection:
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        while b"\r\n\r\n" not in answer:
            received = connection.recv(65536)
            if not received:
                raise Failed(f"the connection was closed before an answer to {data[:60]!r}")
            answer += received
    return int(answer[9:12])


# Bodies


def _filled(size: int, before: bytes, unit: bytes, after: bytes) -> bytes:
    """Return bytes of about this size; the unit may have one %d, which counts."""
    if b"%d" not in unit:
        return before + unit * (size // len(unit)) + after
    each = len(unit % 10**6)
    return before + b"".join([unit % (10**6 + n) for n in range(size // each)]) + after


def _many(size: int, before: bytes, unit: bytes, after: bytes) -> bytes:
    """Return the same without the comma behind the last unit."""
    return _filled(size, before, unit, b"")[:-1] + after


def json_bodies(size: int, list_name: str, text_name: str) -> Iterator[tuple[str, bytes]]:
    """Yield bodies that are hard to read; the names are those of members with a list and a text."""
    listed, text = b'{"%b":[' % list_name.encode(), b'{"%b":"' % text_name.encode()
    yield "lists without end", b"[" * size
    yield "objects without end", _filled(size, b"", b'{"a":', b"")
    yield "deep in a member", b'{"a":' + b"[" * 190 + b"0" * size + b"]" * 190 + b"}"
    yield "unknown members", _many(size, b"{", b'"k%d":0,', b"}")
    yield "one member again and again", _many(size, b"{", b'"%b":0,' % list_name.encode(), b"}")
    yield "null members", _many(size, b"{", b'"k%d":null,', b"}")
    yield "numbers for objects", _many(size, listed, b"0,", b"]}")
    yield "floats for objects", _many(size, listed, b"1e300,", b"]}")
    yield "empty objects", _many(size, listed, b"{},", b"]}")
    yield "lists for objects", _many(size, listed, b"[],", b"]}")
    yield "texts for objects", _many(size, listed, b'"",', b"]}")
    yield "a long number", b'{"a":' + b"1" * size + b"}"
    yield "a long number for a text", text[:-1] + b"1" * size + b"}"
    yield "a long text", text + b"a" * size + b'"}'
    yield "a long text for a list", listed[:-1] + b'"' + b"a" * size + b'"}'
    yield "escapes", _filled(size, text, b"\\u00e9", b'"}')
    yield "not UTF-8 at the end", text + b"a" * size + b"\xff"
    yield "many lines, cut off", _filled(size, b"{", b"\n", b"")
    yield "many members, cut off", _filled(size, b"{", b'"k%d":0,', b"")


def graphs(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield the bodies of graphs: many nodes, inputs, links, texts, problems, a long cycle."""
    each = size // 900

    def body(nodes: dict[str, object]) -> bytes:
        return json.dumps({"params": nodes}, separators=(",", ":")).encode()

    def node(kind: str, inputs: object) -> dict[str, object]:
        return {"class_type": kind, "inputs": inputs}

    names = [str(n) for n in range(900)]
    yield "many nodes", body({str(n): {} for n in range(size // 12)})
    yield (
        "many inputs",
        body({n: node("X", dict.fromkeys(map(str, range(each // 9)), 0)) for n in names}),
    )
    yield (
        "many links",
        body({n: node("X", {str(i): [str(i), 0] for i in range(each // 18)}) for n in names}),
    )
    yield "long texts", body({n: node("CLIPTextEncode", {"text": "a" * each}) for n in names})
    yield (
        "texts joined",
        body(
            {
                n: node(
                    "X",
                    {
                        "text": "a" * each,
                        **{f"t{i}": [str(max(0, int(n) - i)), 0] for i in range(1, 11)},
                    },
                )
                for n in names
            }
        ),
    )
    yield (
        "a long cycle",
        body(
            {
                n: node("KSampler", {"model": [str((int(n) + 1) % 900), 0], "cfg": "a" * each})
                for n in names
            }
        ),
    )
    yield (
        "wrong values",
        body({n: node("SaveImage", {"images": ["0"] * (each // 5)}) for n in names}),
    )
    yield (
        "a deep value",
        b'{"params":{"1":{"class_type":"KSampler","inputs":{"seed":%b}}}}'
        % (b"[" * 150 + b"0," * (size // 2) + b"0" + b"]" * 150),
    )
    yield "long names", body({n + "a" * each: node("a" * each, {}) for n in names})


def forms(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield form bodies, of many kinds of fields."""
    yield "escaped values", _filled(size, b"", b"a=%%41&", b"").replace(b"%%", b"%")
    yield "many fields", _filled(size, b"", b"k%d=v&", b"")
    yield "fields without a value", b"a&" * (size // 2)
    yield "one long value", b"a=" + b"%41" * (size // 3)
    yield "plus signs", b"a=" + b"+" * size
    yield "semicolons and equals signs", b"a=;" * (size // 3)


def multiparts(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield multipart bodies with the boundary x."""
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    yield "many parts", part * (size // len(part)) + b"--x--\r\n"
    yield "almost boundaries", part[:-3] + b"\r\n--" * (size // 4) + b"\r\n--x--\r\n"
    yield "carriage returns", part[:-3] + b"\r" * size + b"\r\n--x--\r\n"
    yield "line feeds", part[:-3] + b"\n" * size + b"\r\n--x--\r\n"
    yield "many headers", b"--x\r\n" + b"a: b\r\n" * (size // 6) + b"\r\n1\r\n--x--\r\n"
    yield "a long header", b"--x\r\na: " + b"b" * size + b"\r\n\r\n1\r\n--x--\r\n"
    yield (
        "parameters of a header",
        (
            b"--x\r\nContent-Disposition: form-data"
            + b";a=b" * (size // 4)
            + b"\r\n\r\n1\r\n--x--\r\n"
        ),
    )
    yield "quotes in a header", (
        b'--x\r\nContent-Disposition: form-data; name="' + b'\\"' * (size // 2)
        + b'"\r\n\r\n1\r\n--x--\r\n'
    )  # fmt: skip
    yield "nothing but dashes", b"-" * size


def pictures(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield files that look like pictures."""
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    end = _chunk(b"IEND", b"")
    tiny = _chunk(b"IDAT", b"")
    text = _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000), 9))
    yield "PNG of many chunks", head + tiny * (size // len(tiny)) + end
    yield "PNG of many texts", head + text * (size // len(text)) + end
    yield (
        "PNG of many names",
        (head + b"".join(_chunk(b"tEXt", b"k%d\0" % n) for n in range(size // 20)) + end),
    )
    yield "JPEG of many segments", b"\xff\xd8" + b"\xff\xfe\0\x02" * (size // 4) + b"\xff\xd9"
    yield "JPEG of filling", b"\xff\xd8\xff\xe0" + b"\xff" * size
    yield "JPEG of many Exif parts", b"\xff\xd8" + _exif() * (size // len(_exif())) + b"\xff\xd9"
    yield "WebP of nothing", b"RIFF" + struct.pack("<I", size + 4) + b"WEBP" + bytes(size)
    yield "nothing known", b"<" * size
    yield "white space", b" " * size


def _exif() -> bytes:
    data = b"Exif\0\0MM\0*\0\0\0\x08\x10\0" + b"\x01\x12\0\x03\0\0\0\x01\0\x01\0\0" * 4096
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def curl_lines(size: int) -> Iterator[tuple[str, str]]:
    """Yield lines that are hard to split."""
    start = "curl http://127.0.0.1/v1/jobs "
    yield "many words", start + "a " * (size // 2)
    yield "many headers", start + "-H a:b " * (size // 7)
    yield "many quotes", start + "''" * (size // 2)
    yield "one open quote", start + '"' + "a" * size
    yield "many open quotes", start + '"\\' * (size // 2)
    yield "ANSI quotes", start + "-d $'" + "\\x41" * (size // 4) + "'"
    yield "double quotes", start + '-d "' + "\\$" * (size // 2) + '"'
    yield "backslashes", start + "\\a" * (size // 2)
    yield "line joints", start + "\\\n" * (size // 2)
    yield "digits", start + "1" * size
    yield "carets", start + '-d ^"' + "^a" * (size // 2) + '^"'
    yield "doubled quotes", start + '-d "' + '""' * (size // 2) + '"'
    yield "back slashes for cmd.exe", start + '^"' + "\\" * size + '^"'
    yield "fields to encode", start + "--data-urlencode a=b " * (size // 21)
    yield "brackets", "curl http://" + "[" * size


class HostileRequests:
    """Every hostile request to a server. `size_bytes` is that of bodies."""

    def __init__(self, server: BenchmarkServer, size_bytes: int) -> None:
        self.server = server
        self.client = BenchmarkClient.of(server.announced)
        self.account = server.announced["account"]
        self.host = self.client.host
        self.size = size_bytes
        self._numbers = count(int(time.time() * 1000))

    def __iter__(self) -> Iterator[Hostile]:
        for rows in (
            self.tams, self.tams_refusals, self.uploads, self.workshop, self.workshop_refusals,
            self.heads, self.control, self.captures, self.journal,
        ):  # fmt: skip
            yield from rows()

    # TAMS

    def tams(self) -> Iterator[Hostile]:
        statuses = {"null members": 400, "unknown members": 400}
        for title, body in json_bodies(self.size, "stages", "requestId"):
            yield self._bearer(f"job: {title}", "/v1/jobs", body, statuses.get(title, 400))
        stages = b'{"stages":['
        yield self._bearer(
            "job: many stages", "/v1/jobs", _many(self.size, stages, _STAGE + b",", b"]}"), 400
        )
        prompts = stages + _STAGE + b',{"type":"DIFFUSION","diffusion":{"prompts":['
        yield self._bearer(
            "job: many prompts",
            "/v1/jobs",
            _many(self.size, prompts, b'{"text":"a"},', b"]}}]}"),
            400,
        )
        yield self._bearer(
            "job: wrong last prompt",
            "/v1/jobs",
            prompts + b'{"text":"a"},' * 9000 + b" " * self.size + b"0]}}]}",
            400,
        )
        embedding = stages + b'{"type":"DIFFUSION","diffusion":{"embedding":{'
        yield self._bearer(
            "job: a free map", "/v1/jobs", _many(self.size, embedding, b'"k%d":[],', b"}}}]}"), 400
        )
        for title, body in graphs(self.size):
            path = "/v1/jobs/workflow"
            yield self._bearer(f"graph: {title}", path, body, 400)
        for title, body in json_bodies(self.size, "fieldAttrs", "templateId"):
            body = b'{"templateId":"676018193025756628","fields":' + body + b"}"
            path = "/v1/workflows/template/check"
            yield self._bearer(f"template: {title}", path, body, 400)
        fields = b'{"templateId":"676018193025756628","fields":{"fieldAttrs":['
        field = b'{"nodeId":"%d","fieldName":"text"},'
        yield self._bearer(
            "template: many fields",
            "/v1/workflows/template/check",
            _many(self.size, fields, field, b"]}}"),
            400,
        )

    def tams_refusals(self) -> Iterator[Hostile]:
        """Signatures that fit nothing: the diagnosis looks for what was signed."""
        bodies = [*json_bodies(self.size, "stages", "requestId"), *forms(self.size)]
        for title, body in bodies:
            yield Hostile(f"TAMS refusal: {title}", self._missigned("/v1/jobs", body), 401)
        query = "/v1/jobs/1?" + "a=%41&" * 5000
        yield Hostile("TAMS refusal: a long query", self._missigned(query, b""), 401)
        for title, value in (
            ("a long header", "TAMS-SHA256-RSA " + "a" * _HEAD),
            ("commas in a header", "TAMS-SHA256-RSA " + "," * _HEAD),
            ("equals signs in a header", "TAMS-SHA256-RSA " + "=" * _HEAD),
            ("members of a header", "TAMS-SHA256-RSA " + "app_id=1," * (_HEAD // 9)),
            ("blanks in a header", "TAMS-SHA256-RSA" + " " * _HEAD + "a"),
            ("a long token", "Bearer " + "a" * _HEAD),
        ):
            make = self._plain("POST", "/v1/jobs", b"{}", authorization=value)
            yield Hostile(f"TAMS refusal: {title}", make, 401)

    def uploads(self) -> Iterator[Hostile]:
        for title, data in pictures(self.size):
            make = self._plain("PUT", self._put_path(), data, content_type="image/png")
            yield Hostile(f"upload: {title}", make, 200)
        for title, body in multiparts(self.size):
            make = self._plain("POST", "/oss-form", body, content_type=MULTIPART)
            yield Hostile(f"form upload: {title}", make, 400)
        boundary = "multipart/form-data; " + "a=b;" * (_HEAD // 4)
        make = self._plain("POST", "/oss-form", b"-", content_type=boundary)
        yield Hostile("form upload: parameters of the media type", make, 400)
        policy = base64.b64encode(b"[" * 6000).decode()
        for name in ("policy", "callback"):
            body = "".join(
                f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
                for field, value in self._form_fields(name, policy)
            )
            make = self._plain("POST", "/oss-form", body.encode(), content_type=MULTIPART)
            yield Hostile(f"form upload: a deep {name}", make, 400 if name == "callback" else 403)

    def _form_fields(self, name: str, value: str) -> Iterator[tuple[str, str]]:
        place = self._reserved("/sts")
        fields = {
            "key": place["filePath"], "policy": place["policy"],
            "OSSAccessKeyId": place["accessId"], "Signature": place["signature"],
            "x-oss-security-token": place["securityToken"], name: value,
        }  # fmt: skip
        yield from fields.items()
        yield "file", "a\r\n--x--"

    # Workshop

    def workshop(self) -> Iterator[Hostile]:
        lists = {
            "query_sp_resource_monitor_data": ("resourceConfigIds", "subProduct"),
            "spSdModelSync": ("versions", "modelId"),
            "sd_img2img": ("init_images", "prompt"),
            "comfy_prompt": ("inputs", "workflow_id"),
        }
        for name, (list_name, text_name) in lists.items():
            for title, body in json_bodies(self.size, list_name, text_name):
                yield self._scc(f"{name}: {title}", name, body)
        units = b'{"alwayson_scripts":{"controlnet":{"units":['
        yield self._scc(
            "sd_txt2img: many units", "sd_txt2img", _many(self.size, units, b"{},", b"]}}}")
        )
        inputs = b'{"workflow_id":"w","alias_id":"main","inputs":{'
        yield self._scc(
            "comfy_prompt: many inputs",
            "comfy_prompt",
            _many(self.size, inputs, b'"k%d":0,', b"}}"),
        )
        yield self._scc("comfy_prompt: a deep input", "comfy_prompt",
                        inputs + b'"a":' + b"[" * 150 + b"0," * (self.size // 2) + b"0"
                        + b"]" * 150 + b"}}")  # fmt: skip
        for title, value in (
            ("Base64", b"A" * self.size), ("blanks in Base64", b"A " * (self.size // 2)),
            ("an escaped data URI", b"data:image/png," + b"%41" * (self.size // 3)),
            ("parameters of a data URI", b"data:" + b";" * self.size),
        ):  # fmt: skip
            yield self._scc(f"sd_img2img: {title}", "sd_img2img", b'{"init_images":["%b"]}' % value)
        for title, data in pictures(self.size * 3 // 4):
            body = b'{"init_images":["%b"]}' % base64.b64encode(data)
            yield self._scc(f"sd_img2img: {title}", "sd_img2img", body)
        page = self._page()
        for title, body in json_bodies(self.size, "width", "prompt"):
            make = self._plain("POST", f"{page}/generate", body)
            yield Hostile(f"page form: {title}", make, 400)
        for title, body in json_bodies(250_000, "values", "values"):
            make = self._plain("PUT", f"{page}/preferences", body)
            yield Hostile(f"page preferences: {title}", make, 400)

    def workshop_refusals(self) -> Iterator[Hostile]:
        for title, body in json_bodies(self.size, "units", "prompt"):
            yield self._scc(f"Workshop refusal: {title}", "sd_txt2img", body, 403, secret="wrong")
        for title, body in forms(self.size):
            yield self._scc(
                f"Workshop refusal: {title}", "allocate_token", body, 403, secret="wrong", kind=FORM
            )
        for title, headers in (
            ("many signed names", {"x-ca-signature-headers": "a," * (_HEAD // 2)}),
            ("names in other separators", {"x-ca-signature-headers": "a;" * (_HEAD // 2)}),
            ("a long timestamp", {"x-ca-timestamp": "1" * _HEAD}),
            ("a long date", {"date": "1 " * (_HEAD // 2)}),
            ("a long accept", {"accept": ";," * (_HEAD // 2)}),
            ("a long media type", {"content-type": ";" * _HEAD}),
            ("a long signature", {"x-ca-signature": "A" * _HEAD}),
            ("a long digest", {"content-md5": "A" * _HEAD}),
            ("a long key", {"x-ca-key": "A" * _HEAD}),
            ("many headers", {f"x-ca-{n}": "a" for n in range((_HEAD // 20))}),
        ):
            status = 400 if title in ("a long timestamp", "a long digest", "a long key") else 403
            yield self._scc(
                f"Workshop refusal: {title}", "allocate_token", b"{}", status, headers=headers
            )
        query = "allocate_token?" + "a=%41&" * 5000
        yield self._scc("Workshop refusal: a long query", query, b"", 403, secret="wrong")
        yield self._scc("Workshop: a long query", query, b"", 200)

    # What all have

    def heads(self) -> Iterator[Hostile]:
        for title, target, status in (
            ("a long path", "/v1/" + "a/" * (_HEAD // 2), 404),
            ("a long id", "/v1/jobs/" + "1" * _HEAD, 400),
            ("escapes in a path", "/v1/jobs/" + "%41" * (_HEAD // 3), 400),
            ("a path of the control API", "/_mock/" + "a" * _HEAD, 404),
            ("a path of the Workshop", "/scc/" + "a" * _HEAD, 404),
            ("a path of a page", "/sd_webui/s/" + "a" * _HEAD, 404),
            ("a path of a temporary file", "/temp-upload/" + "-" * (_HEAD // 2) + "/" + "a" * (_HEAD // 2), 404),
            ("a query of a picture", "/resource-upload/short-term/2026-01-01/COMFY/images/1_0.png?"
             + "auth_key=" + "-" * _HEAD, 404),
            ("a query of an upload", self._put_path().partition("?")[0] + "?" + "&a=" * (_HEAD // 3), 403),
            ("a query of the control API", "/_mock/jobs?" + "a&" * (_HEAD // 2), 400),
            ("a value of the control API", "/_mock/jobs?limit=" + "1" * _HEAD, 400),
        ):  # fmt: skip
            make = self._plain(
                "PUT"
                if "upload/" in target
                and "temp" not in target
                and "X-Amz" not in target
                and "resource-upload" not in target
                else "GET",
                target,
                b"",
                authorization=f"Bearer {self.client.token}",
            )
            yield Hostile(f"head: {title}", make, status)

    def control(self) -> Iterator[Hostile]:
        size = min(self.size, 1_000_000)
        for path, list_name, text_name in (
            ("/_mock/accounts", "clock", "id"),
            ("/_mock/clock/advance", "seconds", "to"),
            ("/_mock/requests/verify", "count", "path"),
            ("/_mock/signature/explain", "headers", "url"),
        ):
            for title, body in json_bodies(size, list_name, text_name):
                status = 422 if "explain" in path and title in ("a long text", "escapes") else 400
                make = self._plain("POST", path, body)
                yield Hostile(f"{path}: {title}", make, status)
        for title, body in (
            ("a long public key", b'{"publicKey":"' + b"A" * size + b'"}'),
            ("lines of a public key", b'{"publicKey":"-----BEGIN PUBLIC KEY-----'
             + b"\\n" * (size // 2) + b'"}'),
            ("a long moment", b'{"clock":{"now":"' + b"1" * size + b'"}}'),
            ("a long number for credits", b'{"balance":' + b"1" * size + b"}"),
            ("a long fraction", b'{"balance":0.' + b"1" * size + b"}"),
        ):  # fmt: skip
            yield Hostile(f"accounts: {title}", self._plain("POST", "/_mock/accounts", body), 400)

    def captures(self) -> Iterator[Hostile]:
        size = min(self.size, 1_000_000) - 1000
        for title, line in curl_lines(size // 2):
            yield self._explain(f"curl: {title}", {"curl": line}, None)
        head = "POST /v1/jobs HTTP/1.1\r\nauthorization: TAMS-SHA256-RSA app_id=mockApp01,"
        signed = head + "nonce_str=1,timestamp=1,signature=AAAA\r\n"
        workshop = (
            "POST /scc/allocate_token HTTP/1.1\r\nx-ca-key: 204800001\r\n"
            "x-ca-signature: " + base64.b64encode(b"q" * 32).decode() + "\r\n"
        )
        for title, text in (
            ("many headers", signed + "a: b\r\n" * (size // 8) + "\r\n"),
            ("the same header", head + "\r\nauthorization: b" * (size // 22) + "\r\n\r\n"),
            ("a long line", "POST /" + "a" * size + " HTTP/1.1\r\n\r\n"),
            ("line feeds", signed + "\n" * (size // 2)),
            ("a long signature", head + "signature=" + "A" * size + "\r\n\r\n"),
            ("members of a header", head + "a=b," * (size // 4) + "\r\n\r\n"),
            ("a long query", signed.replace("jobs", "jobs?" + "a=%41&" * (size // 6)) + "\r\n"),
        ):
            yield self._explain(f"raw: {title}", {"raw": text}, None)
        for title, text in (
            ("many headers", workshop + "a: b\r\n" * (size // 8) + "\r\n"),
            (
                "many x-ca headers",
                workshop + "".join(f"x-ca-{n}: b\r\n" for n in range(size // 20)) + "\r\n",
            ),
            (
                "signed names",
                workshop + "x-ca-signature-headers: " + "a," * (size // 2) + "\r\n\r\n",
            ),
            (
                "different names",
                workshop
                + "x-ca-signature-headers: "
                + ",".join(f"a{n}" for n in range(size // 9))
                + "\r\n\r\n",
            ),
            ("a form", workshop + f"content-type: {FORM}\r\n\r\n" + "a=%41&" * (size // 6)),
        ):
            yield self._explain(f"raw, Workshop: {title}", {"raw": text}, None)
        har = {
            "request": {
                "method": "POST",
                "url": "http://127.0.0.1/v1/jobs",
                "headers": [{"name": "a", "value": "b"}] * (size // 26),
            }
        }
        yield self._explain("HAR: many headers", {"har": har}, None)
        yield self._explain(
            "HAR: many entries", {"har": {"log": {"entries": [0] * (size // 2)}}}, None
        )
        headers = {f"a{n}": "b" for n in range(size // 16)}
        members = {"method": "POST", "url": "http://127.0.0.1/v1/jobs", "headers": headers}
        yield self._explain("members: many headers", members, None)

    def journal(self) -> Iterator[Hostile]:
        size = 65_000
        for title, body in (
            ("fields of a form", b'name="a"\r\n' * (size // 10)),
            ("heads of fields", b'name="a"\r\n' + b"a:b\r\n" * (size // 5)),
            ("blank lines", b'name="a"' + b"\r\n" * (size // 2)),
            ("pairs", b"a=b&" * (size // 4)),
            ("secret pairs", b"token=b&" * (size // 8)),
            ("names", b"a" * size),
            ("dots and dashes", b"-." * (size // 2)),
            ("members", b'{"a":"b"},' * (size // 10)),
            ("secret members", b'{"token":"b"},' * (size // 14)),
            ("blanks", b'"token"' + b" " * size),
            ("quotes", b'"' * size),
            ("open members", b'"a":"' * (size // 5)),
            ("members in texts", b'\\"token\\":\\"' * (size // 13)),
            ("open members in texts", b'\\"a\\":\\"a' * (size // 10)),
            ("headers", b"authorization: a\n" * (size // 17)),
            ("x- headers", b"x-" * (size // 2)),
            ("blanks in headers", b"cookie" + b" " * size),
            ("links", b"/s/" * (size // 3)),
            ("digits of links", b"/s/" + b"0" * size),
        ):  # fmt: skip
            yield self._entry(f"entry: {title}", body, {})
        for title, headers in (
            ("cookies", {"cookie": "; ".join(f"a=secret{n:08d}" for n in range(1500))}),
            (
                "members of credentials",
                {"authorization": "A " + ",".join(f"token=secret{n:08d}" for n in range(1200))},
            ),
            ("secret headers", {f"x-{n}-token": f"secret{n:08d}" for n in range(1000)}),
            ("pairs in a header", {"x": "token=secret123&" * 1800}),
        ):
            yield self._entry(f"entry: {title}", b"secret00" * (size // 8), headers)
        target = "/v1/jobs?" + "&".join(f"token=secret{n:08d}" for n in range(1500))
        yield self._entry("entry: pairs in a query", b"secret00" * (size // 8), {}, target)

    def _entry(
        self, title: str, body: bytes, headers: dict[str, str], target: str = "/v1/jobs"
    ) -> Hostile:
        """Return the reading of an entry of the journal, whose size counts."""
        status, answer = self.server.ask("POST", target, body, headers=headers)
        entries = self.server.json("GET", "/_mock/requests?limit=1")["requests"]
        size_bytes = len(body) + sum(map(len, (target, *headers, *headers.values())))
        make = self._plain("GET", f"/_mock/requests/{entries[0]['id']}", b"")
        return Hostile(title, make, 200, size_bytes)

    # Requests

    def _plain(
        self, method: str, target: str, body: bytes, *, authorization: str = "",
        content_type: str = "application/json",
    ) -> Callable[[], bytes]:  # fmt: skip
        made = request(self.host, method, target, body, authorization=authorization,
                       content_type=content_type)  # fmt: skip
        return lambda: made

    def _bearer(self, title: str, target: str, body: bytes, status: int) -> Hostile:
        made = self.client.with_token("POST", target, body)
        return Hostile(title, lambda: made, status)

    def _missigned(self, target: str, body: bytes) -> Callable[[], bytes]:
        def make() -> bytes:
            value = sign_tams(
                self.client.private_key, self.client.app_id, "POST", target.encode(), b"other",
                timestamp=int(time.time()), nonce=str(next(self._numbers)),
            )  # fmt: skip
            return request(self.host, "POST", target, body, authorization=value)

        return make

    def _scc(
        self, title: str, name: str, body: bytes, status: int = 200, *, secret: str = "",
        kind: str = "application/json", headers: dict[str, str] | None = None,
    ) -> Hostile:  # fmt: skip
        def make() -> bytes:
            target = f"/scc/{name}"
            signed = sign_workshop(
                secret or self.account["appSecret"], self.account["appKey"], "POST",
                target.encode(), body, timestamp_ms=int(time.time() * 1000),
                nonce=str(next(self._numbers)), content_type=kind,
            ) | (headers or {})  # fmt: skip
            lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
            head = f"POST {target} HTTP/1.1\r\nhost: {self.host}\r\n{lines}"
            return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

        return Hostile(title, make, status)

    def _explain(self, title: str, members: dict[str, object], status: int | None) -> Hostile:
        body = json.dumps(members, separators=(",", ":")).encode()
        make = self._plain("POST", "/_mock/signature/explain", body)
        return Hostile(title, make, 0)

    def _reserved(self, kind: str = "") -> dict[str, str]:
        status, answer = self.server.ask(
            "POST", f"/v1/resource/image{kind}", b'{"expireSec":86400}',
            headers={"authorization": f"Bearer {self.client.token}"},
        )  # fmt: skip
        found: dict[str, str] = json.loads(answer)
        return found

    def _put_path(self) -> str:
        return "/" + self._reserved()["putUrl"].split("/", 3)[3]

    def _page(self) -> str:
        token = self._call("allocate_token", {})["apiToken"]
        session = self._call("spCreateSession", {"apiToken": token})
        return "/" + session["sessionUrl"].split("/", 3)[3]

    def _call(self, name: str, body: dict[str, object]) -> dict[str, str]:
        target, data = f"/scc/{name}", json.dumps(body).encode()
        headers = sign_workshop(
            self.account["appSecret"], self.account["appKey"], "POST", target.encode(), data,
            timestamp_ms=int(time.time() * 1000), nonce=str(next(self._numbers)),
        )  # fmt: skip
        found: dict[str, str] = self.server.json("POST", target, data, headers=headers)["data"]
        return found
