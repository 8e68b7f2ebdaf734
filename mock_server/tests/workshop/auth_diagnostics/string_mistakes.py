"""Mistakes in path and parameters, and in how the parts are put together."""

from __future__ import annotations

from mock_server.tests.workshop.auth_diagnostics.making import (
    believing,
    changing,
    joining,
    plain,
    sent,
)
from mock_server.tests.workshop.signing import (
    BODY,
    FORM,
    HOST,
    KEY,
    NONCE,
    NOW,
    STAMP,
    TARGET,
    a_request,
    joined,
    signed,
)

# Path


def path(name: str, cause: str, signed_path: str, sent_path: str = TARGET) -> None:
    believing(name, cause, a_request(target=signed_path), a_request(target=sent_path))


path("scheme and host", "host-included", f"http://{HOST}{TARGET}")
path("host", "host-included", HOST + TARGET)
path("slash", "path-trailing-slash", TARGET + "/")
path("no slash", "path-trailing-slash", TARGET, TARGET + "/")
path("without scc", "path-prefix-left-out", "/spQueryToken")
path("without the gateway's prefix", "path-prefix-left-out", TARGET, "/prefix" + TARGET)
path("with a prefix", "path-prefix-added", "/api" + TARGET)
path("bare", "path-leading-slash", "scc/spQueryToken")
path("lower", "path-case", TARGET.lower())
path("decoded", "path-decoded", "/scc/\u00e9", "/scc/%C3%A9")
path("encoded", "path-encoded", "/scc/a%27b", "/scc/a'b")
path("slashes", "path-slashes", TARGET, "//scc//spQueryToken")
path("nothing", "path-left-out", "")
path("another", "path-other", "/scc/allocate_token")
path("without its last part", "path-segment-left-out", "/scc")
path("wholly encoded", "path-encoded", "%2Fscc%2FspQueryToken")
path("// and host", "host-included", f"//{HOST}{TARGET}")
path("// for /", "path-slashes", "//scc//spQueryToken")

# Parameters

QUERY = TARGET + "?b=2&a=x%20y%2Fz+1&b=3&c="


def query(name: str, causes: str, text: str, target: str = QUERY) -> None:
    changing(name, causes, 6, lambda right: TARGET + text, a_request(target=target))


query("left out", "query-left-out", "")
query("a bare ?", "query-added", "?", TARGET)
query("as sent, decoded", "query-not-sorted", "?b=2&a=x y/z 1&c")
query("encoded", "query-encoded", "?a=x%20y%2Fz+1&b=2&c")
query("quoted", "query-encoded", "?a=x%20y%2Fz%201&b=2&c")
query("plus", "query-plus", "?a=x y/z+1&b=2&c")
query("last", "query-repeated", "?a=x y/z 1&b=3&c")
query("all", "query-repeated", "?a=x y/z 1&b=2&b=3&c")
query("equals", "query-empty-equals", "?a=x y/z 1&b=2&c=")
query(
    "as it stands",
    "query-encoded query-not-sorted query-repeated query-empty-equals",
    QUERY.removeprefix(TARGET),
)
FALSY = TARGET + "?a=false&b=1&c=0"
query("false as a bare name", "query-falsy-bare", "?a&b=1&c", FALSY)
query("false left out", "query-falsy-bare", "?b=1", FALSY)
query("null as a bare name", "query-falsy-bare", "?a", TARGET + "?a=null")
FORMED = a_request(target=TARGET + "?a=1&c=3", body=b"b=x+y&a=2", content_type=FORM)
changing("left out", "form-left-out", 6, lambda right: TARGET + "?a=1&c=3", FORMED)
changing("first", "form-first", 6, lambda right: TARGET + "?a=2&b=x y&c=3", FORMED)
changing("as it is", "form-appended", 6, lambda right: TARGET + "?a=1&b=x y&c=3&b=x+y&a=2", FORMED)
changing("neither", "query-left-out form-left-out", 6, lambda right: TARGET, FORMED)
changing(
    "JSON",
    "json-as-parameters",
    6,
    lambda right: TARGET + "?a=x&b=1",
    a_request(body=b'{"b": 1, "a": "x"}'),
)

# Joining


def without_empty_parts(pieces: list[str]) -> str:
    return "".join(f"{each}\n" for each in pieces[:5] if each) + "".join(pieces[5:])


SPARSE = plain(date=None, accept=None)
sent("skipped", "empty-parts-skipped", signed(SPARSE, join=without_empty_parts))
joining("date", "part-left-out", lambda p: "\n".join([*p[:4], p[5] + p[6]]))
joining("accept", "part-left-out", lambda p: "\n".join([p[0], *p[2:5], p[5] + p[6]]))
joining("behind", "feed-added", lambda p: joined(p) + "\n")
joining("CRLF", "feeds-crlf", lambda p: joined(p).replace("\n", "\r\n"))
joining("literal", "feeds-literal", lambda p: joined(p).replace("\n", "\\n"))
joining("echo", "feeds-echo", lambda p: joined(p).replace("\n", "#"))
joining("nothing", "feeds-other", lambda p: joined(p).replace("\n", ""))
joining("swapped", "parts-order", lambda p: joined([p[0], p[1], p[3], p[2], *p[4:]]))
joining("path first", "parts-order", lambda p: "\n".join([*p[:5], p[6], p[5].rstrip()]))
joining("lower", "string-case", lambda p: joined(p).lower())
joining("the path", "string-incomplete", lambda p: p[6])
joining("key and time", "string-incomplete", lambda p: KEY + STAMP)
joining("the body", "body-signed", lambda p: BODY)
joining("with the body", "body-signed", lambda p: joined(p).encode() + b"\n" + BODY)
joining("TAMS", "tams-string", lambda p: f"POST\n{TARGET}\n{NOW}\n{NONCE}\n".encode() + BODY)
