"""Reading a curl line as a shell and curl would, without running either."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

from mock_server.web.captures import Capture, CaptureError, ReadFile, capture

_PLAIN_ESCAPES = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "v": "\v", "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_CODED_ESCAPE = re.compile(
    r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})"
)
# Options that have a value and change nothing of what is signed.
_SKIPPED_SHORT = "AbceoKmrtwxyYzCDEPQ"
_SKIPPED_LONG = {
    "cacert", "capath", "cert", "cert-type", "ciphers", "config", "connect-timeout", "connect-to",
    "cookie", "cookie-jar", "dump-header", "interface", "keepalive-time", "key", "key-type",
    "limit-rate", "max-redirs", "max-time", "noproxy", "output", "pass", "proxy", "proxy-user",
    "referer", "resolve", "retry", "retry-delay", "retry-max-time", "stderr", "tlsv1.3-ciphers",
    "trace", "trace-ascii", "unix-socket", "user-agent", "write-out",
}  # fmt: skip
_SHORT = {
    "X": "request", "H": "header", "d": "data", "u": "user", "G": "get", "I": "head", "F": "form",
    "T": "upload-file",
}  # fmt: skip
_VALUED = {
    "request", "header", "data", "data-ascii", "data-raw", "data-binary", "data-urlencode", "json",
    "user", "url", "form", "form-string", "upload-file", "oauth2-bearer",
} | _SKIPPED_LONG  # fmt: skip


def words(line: str) -> list[str]:
    """Split a line as a POSIX shell does, with $'…' of bash; nothing is expanded."""
    found: list[str] = []
    word: list[str] | None = None
    at = 0
    while at < len(line):
        letter = line[at]
        if letter in " \t\n\r":
            if word is not None:
                found.append("".join(word))
                word = None
            at += 1
            continue
        if line.startswith(("\\\n", "\\\r\n"), at):
            at += 3 if line[at + 1] == "\r" else 2
            continue
        if word is None:
            word = []
            if letter in "|;&<>#" and found:
                break  # what follows is no longer the curl line
        part, at = _part(line, at)
        word.append(part)
    if word is not None:
        found.append("".join(word))
    return found


def _part(line: str, at: int) -> tuple[str, int]:
    """Return one piece of a word and where the next begins."""
    letter = line[at]
    if letter == "'":
        end = _end(line, "'", at + 1)
        return line[at + 1 : end], end + 1
    if line.startswith("$'", at):
        return _ansi_quoted(line, at + 2)
    if letter == '"' or line.startswith('$"', at):
        return _quoted(line, at + (1 if letter == '"' else 2))
    if letter == "\\" and at + 1 < len(line):
        return line[at + 1], at + 2
    return letter, at + 1


def _end(line: str, quote_: str, start: int) -> int:
    end = line.find(quote_, start)
    if end < 0:
        raise CaptureError(f"the quote {quote_} at position {start - 1} is not closed")
    return end


def _quoted(line: str, at: int) -> tuple[str, int]:
    start = at
    letters: list[str] = []
    while at < len(line):
        letter = line[at]
        if letter == '"':
            return "".join(letters), at + 1
        if letter == "\\" and line[at + 1 : at + 2] in ("$", "`", '"', "\\"):
            at += 1
            letter = line[at]
        elif line.startswith("\\\n", at):
            at += 2
            continue
        letters.append(letter)
        at += 1
    raise CaptureError(f'the quote " at position {start - 1} is not closed')


def _ansi_quoted(line: str, at: int) -> tuple[str, int]:
    start, data = at, bytearray()
    while at < len(line):
        letter = line[at]
        if letter == "'":
            return data.decode("utf-8", "surrogateescape"), at + 1
        if letter == "\\" and at + 1 < len(line):
            at += 1
            if coded := _CODED_ESCAPE.match(line, at):
                byte, short, long, octal = coded.groups()
                if short or long:
                    data += chr(int(short or long, 16)).encode("utf-8", "surrogatepass")
                else:
                    data.append(int(byte, 16) if byte else int(octal, 8) & 0xFF)
                at = coded.end()
                continue
            data += _PLAIN_ESCAPES.get(line[at], "\\" + line[at]).encode()
        else:
            data += letter.encode("utf-8", "surrogateescape")
        at += 1
    raise CaptureError(f"the quote $' at position {start - 2} is not closed")


def curl_line(line: str, read_file: ReadFile | None = None) -> Capture:
    """Return the request that a curl line would send.

    Files that it names are read by `read_file`; without one they are refused.
    """
    found = words(line.strip().removeprefix("$ "))
    if not found or found[0].rpartition("/")[2] not in ("curl", "curl.exe"):
        raise CaptureError("this is no curl line, expected it to begin with curl")
    method = url = ""
    headers: list[tuple[str, str]] = []
    data: list[bytes] = []
    implied: list[tuple[str, str]] = []
    left_out: set[str] = set()
    in_query = head = False
    joint = b"&"
    for name, value in _options(found[1:]):
        match name:
            case "request":
                method = value
            case "header":
                header, colon, text = value.partition(":")
                if colon and not text.strip():
                    left_out.add(header.strip().lower())  # `-H 'Accept:'` sends no such header.
                elif colon:
                    headers.append((header.strip(), text.strip()))
                elif header.endswith(";"):
                    headers.append((header[:-1].strip(), ""))
            case "data" | "data-ascii" | "data-raw" | "data-binary" | "data-urlencode":
                data.append(_data(name, value, read_file))
            case "json":
                data.append(_data("data-binary", value, read_file))
                joint = b""
                implied = [("Content-Type", "application/json"), ("Accept", "application/json")]
            case "user":
                basic = b64encode(value.encode()).decode()
                implied.append(("Authorization", f"Basic {basic}"))
            case "oauth2-bearer":
                implied.append(("Authorization", f"Bearer {value}"))
            case "upload-file":
                data, method = [_file(value, read_file)], method or "PUT"
            case "form" | "form-string":
                raise CaptureError("the line sends a form (-F), whose bytes are not known")
            case "get":
                in_query = True
            case "head":
                head = True
            case "url":
                url = url or value
    if not url:
        raise CaptureError("the curl line has no address")
    body = joint.join(data)
    if in_query and body:
        base, mark, fragment = url.partition("#")
        more = "&" if "?" in base else "?"
        url, body = f"{base}{more}{body.decode('utf-8', 'surrogateescape')}{mark}{fragment}", b""
    if not method:
        method = "HEAD" if head else "GET" if in_query or not data else "POST"
    # What curl adds by itself, and what a signature over headers has to count with.
    if data and not in_query:
        implied.append(("Content-Type", "application/x-www-form-urlencoded"))
    implied.append(("Accept", "*/*"))
    named = left_out | {header.lower() for header, _ in headers}
    for name, value in implied:
        if name.lower() not in named:
            named.add(name.lower())
            headers.append((name, value))
    return capture(method, url, tuple(headers), body)


def _options(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """Yield options by their long names with their values; addresses are `url`."""
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith("--") and len(argument) > 2:
            name, equals, value = argument[2:].partition("=")
            if name in _VALUED:
                yield name, value if equals else _next(rest, argument)
            else:
                yield name, ""
        elif argument.startswith("-") and len(argument) > 1:
            yield from _bundle(argument[1:], rest)
        else:
            yield "url", argument


def _bundle(letters: str, rest: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of one argument, such as -sSXPOST."""
    for number, letter in enumerate(letters):
        name = _SHORT.get(letter, "")
        if name in _VALUED or letter in _SKIPPED_SHORT:
            value = letters[number + 1 :] or _next(rest, f"-{letter}")
            yield name, value
            return
        yield name, ""


def _next(rest: Iterator[str], option: str) -> str:
    value = next(rest, None)
    if value is None:
        raise CaptureError(f"{option} has no value")
    return value


def _data(option: str, value: str, read_file: ReadFile | None) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    if option == "data-urlencode":
        name, equals, text = value.partition("=")
        encoded = quote(text if equals else value, safe="-._~")
        return (f"{name}={encoded}" if equals and name else encoded).encode()
    if option == "data-raw" or not value.startswith("@"):
        return data
    content = _file(value[1:], read_file)
    # -d leaves out line breaks of a file, --data-binary does not.
    if option == "data-binary":
        return content
    return content.replace(b"\r", b"").replace(b"\n", b"")


def _file(name: str, read_file: ReadFile | None) -> bytes:
    if read_file is None:
        raise CaptureError(f"the body is in the file {name}, expected it in the line")
    return read_file(name)
