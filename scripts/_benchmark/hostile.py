"""Bodies that are hard to read, by their titles; each has about the size that is asked for."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator

STAGE = b'{"type":"INPUT_INITIALIZE","inputInitialize":{"count":1}}'


def filled(size: int, before: bytes, unit: bytes, after: bytes) -> bytes:
    """Return bytes of about this size; the unit may have one %d, which counts."""
    if b"%d" not in unit:
        return before + unit * (size // len(unit)) + after
    each = len(unit % 10**6)
    return before + b"".join([unit % (10**6 + n) for n in range(size // each)]) + after


def many(size: int, before: bytes, unit: bytes, after: bytes) -> bytes:
    """Return the same without the comma behind the last unit."""
    return filled(size, before, unit, b"")[:-1] + after


def json_bodies(size: int, list_name: str, text_name: str) -> Iterator[tuple[str, bytes]]:
    """Yield bodies that are hard to read; the names are those of members with a list and a text."""
    listed, text = b'{"%b":[' % list_name.encode(), b'{"%b":"' % text_name.encode()
    yield "lists without end", b"[" * size
    yield "objects without end", filled(size, b"", b'{"a":', b"")
    yield "deep in a member", b'{"a":' + b"[" * 190 + b"0" * size + b"]" * 190 + b"}"
    yield "unknown members", many(size, b"{", b'"k%d":0,', b"}")
    yield "one member again and again", many(size, b"{", b'"%b":0,' % list_name.encode(), b"}")
    yield "null members", many(size, b"{", b'"k%d":null,', b"}")
    yield "numbers for objects", many(size, listed, b"0,", b"]}")
    yield "floats for objects", many(size, listed, b"1e300,", b"]}")
    yield "empty objects", many(size, listed, b"{},", b"]}")
    yield "lists for objects", many(size, listed, b"[],", b"]}")
    yield "texts for objects", many(size, listed, b'"",', b"]}")
    yield "a long number", b'{"a":' + b"1" * size + b"}"
    yield "a long number for a text", text[:-1] + b"1" * size + b"}"
    yield "a long text", text + b"a" * size + b'"}'
    yield "a long text for a list", listed[:-1] + b'"' + b"a" * size + b'"}'
    yield "escapes", filled(size, text, b"\\u00e9", b'"}')
    yield "not UTF-8 at the end", text + b"a" * size + b"\xff"
    yield "many lines, cut off", filled(size, b"{", b"\n", b"")
    yield "many members, cut off", filled(size, b"{", b'"k%d":0,', b"")


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
    yield "escaped values", filled(size, b"", b"a=%%41&", b"").replace(b"%%", b"%")
    yield "many fields", filled(size, b"", b"k%d=v&", b"")
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
