"""Bodies that other serialisers write, or that were changed on the way."""

import base64
import gzip
import hashlib
import json
import unicodedata

from mock_server.tests.tams.mistakes import MISTAKES, RAW, TIGHT, signing

MIXED = (
    b'{"url":"https://h/a?b=1&c=2","text":"it\'s <caf\xc3\xa9> + \\"x\\"","n":[1,7.0,true,null],'
    b'"o":{},"seed":"42","b":1}'
)


def serialised(name: str, causes: str, signed: str | bytes, body: bytes = MIXED) -> None:
    data = signed if isinstance(signed, bytes) else signed.encode()
    signing(name, causes, body=body, signed_body=data)


TEXT = MIXED.decode()
VALUES = json.loads(MIXED)
serialised("json.dumps", "body-spaced body-ascii-escaped", json.dumps(VALUES))
serialised(
    "Go",
    "body-html-escaped",
    TEXT.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
)
serialised(
    "Go, a map", "body-html-escaped body-sorted-keys",
    json.dumps(VALUES, sort_keys=True, **RAW, **TIGHT).replace("<", "\\u003c")
    .replace(">", "\\u003e").replace("&", "\\u0026"),
)  # fmt: skip


def escaping(characters: str, form: str) -> dict[int, str]:
    return {ord(character): form % ord(character) for character in characters}


serialised("Gson", "body-html-escaped", TEXT.translate(escaping("<>&='", "\\u%04x")))
serialised(
    "System.Text.Json",
    "body-html-escaped body-ascii-escaped",
    TEXT.replace('\\"', "\\u0022").translate(escaping("<>&'+é", "\\u%04X")),
)
serialised(
    "PHP",
    "body-slashes-escaped body-ascii-escaped",
    json.dumps(VALUES, **TIGHT).replace("/", "\\/"),
)
serialised("PHP, numeric check", "body-types-changed", TEXT.replace('"42"', "42"))
serialised("PHP, empty", "body-empty-otherwise", TEXT.replace("{}", "[]"))
serialised(
    "numbers as strings",
    "body-types-changed",
    TEXT.replace('"b":1', '"b":"1"').replace("1,7.0", '"1","7.0"'),
)
serialised("Swift", "body-spaced", TEXT.replace('":', '" : '))
serialised(
    "Jackson",
    "body-pretty-printed",
    '{\n  "a" : [ 1, 2 ],\n  "b" : {\n    "c" : 1\n  }\n}',
    b'{"a":[1,2],"b":{"c":1}}',
)
serialised(
    "Swift, sorted",
    "body-sorted-keys body-slashes-escaped",
    json.dumps(VALUES, sort_keys=True, **RAW, **TIGHT).replace("/", "\\/"),
)
serialised(
    "Gson numbers", "body-numbers-rewritten", '{"a":512.0,"b":[1.5]}', b'{"a":512,"b":[1.5]}'
)
serialised("without null", "body-members-left-out", '{"a":1}', b'{"a":1,"b":null}')
serialised("omitempty", "body-members-left-out", '{"a":1}', b'{"a":1,"b":null,"c":"","d":[],"e":0}')
serialised("one member less", "body-member-left-out", '{"a":{"b":1}}', b'{"a":{"b":1,"c":2}}')
serialised("one member more", "body-member-added", '{"a":1,"notifyUrl":null}', b'{"a":1}')
serialised(
    "sorted outside", "body-sorted-keys", '{"a":1,"b":{"d":1,"c":2}}', b'{"b":{"d":1,"c":2},"a":1}'
)
serialised("mark, spaced", "body-bom body-spaced", '\ufeff{"a": 1, "b": 2}', b'{"a":1,"b":2}')
serialised(
    "repr of spaced", "body-object-text body-spaced", repr(b'{"a": 1, "b": 2}'), b'{"a":1,"b":2}'
)
serialised(
    "hash of spaced", "body-hashed-first body-spaced",
    hashlib.sha256(b'{"a": 1, "b": 2}').hexdigest(), b'{"a":1,"b":2}',
)  # fmt: skip
serialised(
    ".NET on Windows",
    "body-pretty-printed body-crlf",
    '{\r\n  "a": 1,\r\n  "b": 2\r\n}',
    b'{"a":1,"b":2}',
)
serialised("Swift, empty", "body-pretty-printed", '{\n  "a" : {\n\n  }\n}', b'{"a":{}}')
serialised(
    "PHP, empty and slashes",
    "body-empty-otherwise body-slashes-escaped",
    r'{"a":[],"b":"\/"}',
    b'{"a":{},"b":"/"}',
)
serialised("doubled name", "body-members-repeated", '{"a":2}', b'{"a":1,"a":2}')
serialised(
    "snake_case",
    "body-names-changed",
    '{"request_id":1,"cfg_scale":2}',
    b'{"requestId":1,"cfgScale":2}',
)
serialised("camelCase", "body-names-changed", '{"requestId":1}', b'{"request_id":1}')
serialised("capital first", "body-names-changed", '{"RequestId":1}', b'{"requestId":1}')
serialised("inner of twice", "body-quoted", TEXT, json.dumps(TEXT).encode())
serialised("repr of bytes", "body-object-text", repr(MIXED))
serialised("bytearray", "body-object-text", repr(bytearray(MIXED)))
serialised("bytes of JavaScript", "body-object-text", ",".join(map(str, MIXED)))
serialised("bytes of Go", "body-object-text", f"[{' '.join(map(str, MIXED))}]")
SMALL_OBJECT = b'{"b":1,"a":[true,null,"x"]}'
for language, text in (
    ("Java", "{b=1, a=[true, null, x]}"),
    ("Ruby", '{"b"=>1, "a"=>[true, nil, "x"]}'),
    ("new Ruby", '{"b" => 1, "a" => [true, nil, "x"]}'),
    ("Go", "map[a:[true <nil> x] b:1]"),
    ("Dart", "{b: 1, a: [true, null, x]}"),
    ("Node", "{ b: 1, a: [ true, null, 'x' ] }"),
):
    serialised(f"object of {language}", "body-object-text", text, SMALL_OBJECT)
serialised("gzip sent", "body-compressed", MIXED, gzip.compress(MIXED, mtime=5))
serialised("gzip signed", "body-compressed", gzip.compress(MIXED, mtime=0))
serialised("NFD", "body-normalised", unicodedata.normalize("NFD", TEXT))
serialised("mojibake", "body-charset", MIXED.decode("latin-1"))
serialised("mojibake sent", "body-charset", MIXED, MIXED.decode("latin-1").encode())
serialised("hexadecimal body", "body-hexadecimal", MIXED.hex())
serialised("twice over", "body-repeated", MIXED + MIXED)
serialised("line breaks lost", "body-lf", "{'a'}", b"{\n'a'\n}")
LONG = json.dumps({str(n): [n, "é/<", None] for n in range(2000)}, **RAW).encode()
serialised("long, compact", "body-compact", LONG.replace(b", ", b",").replace(b": ", b":"), LONG)
serialised("long, escaped", "body-ascii-escaped", LONG.replace("é".encode(), b"\\u00e9"), LONG)
serialised(
    "long, sorted", "body-sorted-keys", json.dumps(json.loads(LONG), sort_keys=True, **RAW), LONG
)
serialised("long, repr", "body-object-text", repr(LONG), LONG)
serialised("long, hashed", "body-hashed-first", hashlib.sha256(LONG).hexdigest(), LONG)
serialised("long, base64", "body-base64", base64.b64encode(LONG), LONG)
PICTURE = b'{"image": "' + base64.b64encode(bytes(range(256)) * 800) + b'", "n": 1}'
serialised(
    "picture, compact", "body-compact", PICTURE.replace(b": ", b":").replace(b", ", b","), PICTURE
)
serialised("picture, slashes", "body-slashes-escaped", PICTURE.replace(b"/", b"\\/"), PICTURE)

ALL_MISTAKES = MISTAKES
