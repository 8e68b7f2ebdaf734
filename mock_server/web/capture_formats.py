"""Reads captured requests: a raw HTTP text, an entry of a HAR file, a curl line, JSON members."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mock_server.web.byte_order_marks import without_mark
from mock_server.web.captures import Capture, CaptureError, ReadFile, capture, check_head
from mock_server.web.curl_lines import curl_line


def raw_request(data: bytes) -> Capture:
    """Read an HTTP/1 request as it is on the wire; bare line feeds are read, too."""
    data = without_mark(data).lstrip(b"\r\n")
    head, body = _split(data)
    check_head(len(head))
    lines = head.replace(b"\r\n", b"\n").decode("latin-1").split("\n")
    words = lines[0].split(" ")
    if len(words) < 2 or (len(words) == 3 and not words[2].startswith("HTTP/")) or len(words) > 3:
        raise CaptureError("the first line is not a request line, expected METHOD TARGET HTTP/1.1")
    headers = []
    for number, line in enumerate(lines[1:], start=2):
        name, colon, value = line.partition(":")
        if not colon:
            raise CaptureError(f"line {number} is not a header, expected Name: value")
        headers.append((name.strip(), value.strip(" \t")))
    taken = capture(words[0], words[1].encode("latin-1").decode("utf-8", "surrogateescape"))
    found = Capture(taken.method, taken.target, tuple(headers), body, taken.scheme, taken.host)
    if (encoding := found.header("transfer-encoding")) and "chunked" in encoding.lower():
        raise CaptureError("the body is chunked, expected the bytes themselves")
    length = found.header("content-length")
    if length is not None and length.isdigit():
        if len(body) < int(length):
            raise CaptureError(f"the body has {len(body)} bytes, its Content-Length says {length}")
        body = body[: int(length)]
    host = found.header("host") or taken.host
    return Capture(taken.method, taken.target, tuple(headers), body, taken.scheme, host)


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Return head and body at the first empty line."""
    ends = [(data.find(end), end) for end in (b"\r\n\r\n", b"\n\n", b"\n\r\n")]
    at, end = min(((at, end) for at, end in ends if at >= 0), default=(-1, b""))
    if at < 0:
        return data.rstrip(b"\r\n"), b""
    return data[:at].rstrip(b"\r"), data[at + len(end) :]


def har_entry(har: Any, entry: int = 0) -> Capture:
    """Read one request of a HAR file, or an entry of one."""
    try:
        if "log" in har:
            entries = har["log"]["entries"]
            if not 0 <= entry < len(entries):
                raise CaptureError(f"there is no entry {entry}, the file has {len(entries)}")
            har = entries[entry]
        request = har.get("request", har)
        headers = tuple((str(h["name"]), str(h["value"])) for h in request.get("headers", ()))
        posted = request.get("postData") or {}
        text = posted.get("text") or ""
        if posted.get("encoding") == "base64":
            body = b64decode(text, validate=True)
        else:
            body = text.encode("utf-8", "surrogatepass")
        at = har.get("startedDateTime")
        moment = datetime.fromisoformat(at).timestamp() if at else None
        return capture(str(request["method"]), str(request["url"]), headers, body, at=moment)
    except CaptureError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CaptureError(f"this is not a HAR entry: {type(error).__name__} {error}") from error


def any_capture(
    data: bytes, *, entry: int | None = None, read_file: ReadFile | None = None
) -> Capture:
    """Read a capture of any of the three formats, told apart by how it begins."""
    data = without_mark(data)
    start = data.lstrip()[:5]
    if start[:1] == b"{":
        try:
            har = json.loads(data)
        except ValueError as error:
            raise CaptureError(f"this is not a HAR file: {error}") from error
        return har_entry(har, entry or 0)
    if start.startswith((b"curl ", b"$ cur", b"curl\t")):
        return curl_line(data.decode("utf-8", "surrogateescape"), read_file)
    return raw_request(data)


def described(members: Mapping[str, Any]) -> Capture:
    """Read a capture out of JSON members.

    One of `curl`, `har` (with `entry`), `raw`, `rawBase64`; or `method` and `url` with `headers`
    (an object, or a list of objects with name and value) and `body` or `bodyBase64`.
    """
    kinds = [name for name in ("curl", "har", "raw", "rawBase64", "method") if name in members]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        raise CaptureError(f"needs one of curl, har, raw, rawBase64 or method; found {found}")
    try:
        match kinds[0]:
            case "curl":
                return curl_line(members["curl"].removeprefix("\ufeff"))
            case "har":
                return har_entry(members["har"], members.get("entry") or 0)
            case "raw":
                return raw_request(members["raw"].encode())
            case "rawBase64":
                return raw_request(b64decode(members["rawBase64"], validate=True))
        return _plain(members)
    except CaptureError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise CaptureError(f"{kinds[0]} cannot be read: {type(error).__name__} {error}") from error


def _plain(members: Mapping[str, Any]) -> Capture:
    given = members.get("headers") or {}
    if isinstance(given, Mapping):
        headers = tuple((str(name), str(value)) for name, value in given.items())
    else:
        headers = tuple((str(pair["name"]), str(pair["value"])) for pair in given)
    if members.get("bodyBase64") is not None:
        body = b64decode(members["bodyBase64"], validate=True)
    else:
        body = (members.get("body") or "").encode()
    return capture(members["method"], members["url"], headers, body, at=members.get("at"))
