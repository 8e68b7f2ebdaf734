"""Reads a curl line as the shell and curl would, without running either.

Options are read by `getopt`. Here is what it does not know: the options of curl, the quoting of
bash and of cmd.exe, and which headers curl adds.
"""

from __future__ import annotations

import re
from base64 import b64encode
from getopt import GetoptError, gnu_getopt
from urllib.parse import quote

from mock_server.web.captures import Capture, CaptureError, ReadFile, capture

# Options with a value and without one, by their short names too, that change nothing of the
# request or are read below. Any other option is refused.
_VALUED = """
    A:user-agent C:continue-at D:dump-header E:cert H:header T:upload-file U:proxy-user X:request
    Y:speed-limit b:cookie c:cookie-jar d:data e:referer m:max-time o:output u:user w:write-out
    x:proxy y:speed-time F:form r:range K:config abstract-unix-socket alt-svc cacert capath
    cert-type ciphers connect-timeout connect-to crlfile curves data-ascii data-binary data-raw
    data-urlencode dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url
    expect100-timeout form-string happy-eyeballs-timeout-ms hsts interface json keepalive-time
    key key-type libcurl limit-rate local-port max-filesize max-redirs netrc-file noproxy
    oauth2-bearer output-dir parallel-max pass pinnedpubkey preproxy proto proto-default
    proto-redir proxy-cacert proxy-cert proxy-header proxy-key rate request-target resolve retry
    retry-delay retry-max-time socks4 socks4a socks5 socks5-hostname stderr tls-max tls13-ciphers
    trace trace-ascii unix-socket url url-query
"""
_FLAGS = """
    0:http1.0 1:tlsv1 4:ipv4 6:ipv6 G:get I:head J:remote-header-name L:location N:no-buffer
    O:remote-name R:remote-time S:show-error Z:parallel f:fail g:globoff i:include k:insecure
    n:netrc s:silent v:verbose q:disable j:junk-session-cookies #:progress-bar anyauth basic
    cert-status compressed create-dirs fail-early fail-with-body http0.9 http1.1 http2
    http2-prior-knowledge http3 http3-only ignore-content-length location-trusted
    netrc-optional no-alpn no-clobber no-compressed no-keepalive no-location no-progress-meter
    no-sessionid no-silent no-verbose parallel-immediate path-as-is post301 post302 post303 raw
    remote-name-all remove-on-error retry-all-errors retry-connrefused ssl-no-revoke
    styled-output tcp-fastopen tcp-nodelay tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding
    trace-time
"""
_REFUSED = {
    "form": "sends a form (-F), whose bytes are not known",
    "form-string": "sends a form, whose bytes are not known",
    "config": "has more options in a file (-K)",
    "request-target": "sends another target than its address (--request-target)",
    "range": "asks for a range (-r), which curl words by itself",
}
# Limits of the mock: lines that browsers and people write have far less.
MAX_WORDS = 500
MAX_PARTS = 20_000  # of a line: quoted texts, escapes, and what stands between them
_MAX_FLAGS = 60  # in one word

_HEADERS = {"user-agent": "User-Agent", "referer": "Referer", "cookie": "Cookie"}
_LONG = {
    option.partition(":")[0]: option.partition(":")[2]
    for option in (*_VALUED.split(), *_FLAGS.split())
    if ":" in option
}
_SHORT_FORM = "".join(
    [f"{name}:" for name in re.findall(r"(\S):", _VALUED)] + re.findall(r"(\S):", _FLAGS)
)
_LONG_FORM = [
    *(f"{option.rpartition(':')[2]}=" for option in _VALUED.split()),
    *(option.rpartition(":")[2] for option in _FLAGS.split()),
]
_SHORT_FLAGS = re.escape("".join(re.findall(r"(\S):", _FLAGS)))
_MANY_FLAGS = re.compile(f"-[{_SHORT_FLAGS}]{{{_MAX_FLAGS + 1}}}")


def curl_line(line: str, read_file: ReadFile | None = None) -> Capture:
    """Return the request that a curl line would send.

    Files that it names are read by `read_file`; without one they are refused.
    """
    found = words(line.strip().removeprefix("$ "))
    if not found or re.split(r"[/\\]", found[0])[-1].lower() not in ("curl", "curl.exe"):
        raise CaptureError("this is not a curl line, expected it to begin with curl")
    if len(found) > MAX_WORDS:
        raise CaptureError(
            f"the curl line has {len(found)} words, and must have at most {MAX_WORDS}"
        )
    if any(map(_MANY_FLAGS.match, found)):
        raise CaptureError(f"a word of the curl line has more than {_MAX_FLAGS} options")
    try:
        pairs, rest = gnu_getopt(found[1:], _SHORT_FORM, _LONG_FORM)
    except GetoptError as error:
        raise CaptureError(f"the curl line cannot be read: {error}") from error
    options = [
        (name[2:] if name.startswith("--") else _LONG[name[1:]], value) for name, value in pairs
    ]
    for name, value in options:
        if name in _REFUSED or (name in ("header", "json") and value.startswith("@")):
            words_ = _REFUSED.get(name, f"takes its --{name} out of a file")
            raise CaptureError(f"the curl line {words_}")
    given = {name for name, _ in options}
    urls = [*rest, *(value for name, value in options if name == "url")]
    if len(urls) != 1:
        raise CaptureError(f"the curl line has {len(urls) or 'no'} addresses, expected one")
    url = urls[0]
    if "globoff" not in given and re.search(r"[{\[]", re.sub(r"^[a-z]+://\[[^\]]*\]", "", url)):
        raise CaptureError("the address is a pattern with braces or brackets, expected one address")
    data = [_data(name, value, read_file) for name, value in options if name in _DATA]
    body = (b"" if "json" in given else b"&").join(data)
    query = [
        _data("data-urlencode", value, read_file).decode()
        for name, value in options
        if name == "url-query"
    ]
    if "get" in given and data:
        query.append(body.decode("utf-8", "surrogateescape"))
    if query:
        base, mark, fragment = url.partition("#")
        url = f"{base}{'&' if '?' in base else '?'}{'&'.join(query)}{mark}{fragment}"
    if "get" in given:
        data, body = [], b""
    method = "HEAD" if "head" in given else "POST" if data else "GET"
    for name, value in options:
        if name == "upload-file":
            if url.endswith("/"):
                raise CaptureError("curl adds the file's name to an address that ends in /")
            method, body = "PUT", _file(value, read_file)
    method = next((value for name, value in reversed(options) if name == "request"), method)
    return capture(method, url, tuple(_headers(options, sends_form=bool(data))), body)


def _headers(options: list[tuple[str, str]], *, sends_form: bool) -> list[tuple[str, str]]:
    """Return the headers of the line, and those that curl adds by itself."""
    headers: list[tuple[str, str]] = []
    implied: list[tuple[str, str]] = []
    left_out: set[str] = set()
    for name, value in options:
        if name == "header":
            header, colon, text = value.partition(":")
            if colon and not text.strip():
                left_out.add(header.strip().lower())  # `-H 'Accept:'` sends no such header.
            elif colon:
                headers.append((header.strip(), text.strip()))
            elif header.endswith(";"):
                headers.append((header[:-1].strip(), ""))
        elif name in _HEADERS:
            implied.append((_HEADERS[name], value))
        elif name == "json":
            implied += [("Content-Type", "application/json"), ("Accept", "application/json")]
        elif name == "user":
            implied.append(("Authorization", f"Basic {b64encode(value.encode()).decode()}"))
        elif name == "oauth2-bearer":
            implied.append(("Authorization", f"Bearer {value}"))
    if sends_form:
        implied.append(("Content-Type", "application/x-www-form-urlencoded"))
    implied.append(("Accept", "*/*"))
    named = left_out | {header.lower() for header, _ in headers}
    for name, value in implied:
        if name.lower() not in named:
            named.add(name.lower())
            headers.append((name, value))
    return headers


_DATA = ("data", "data-ascii", "data-raw", "data-binary", "data-urlencode", "json")


def _data(option: str, value: str, read_file: ReadFile | None) -> bytes:
    if option == "data-urlencode":
        at = re.search("[=@]", value)
        name, text = (value[: at.start()], value[at.end() :]) if at else ("", value)
        plain = _file(text, read_file) if at and at[0] == "@" else text.encode()
        encoded = quote(plain, safe="-._~")
        return (f"{name}={encoded}" if name else encoded).encode()
    if option == "data-raw" or not value.startswith("@"):
        return value.encode("utf-8", "surrogateescape")
    content = _file(value[1:], read_file)
    # -d leaves out line breaks of a file, --data-binary does not.
    return content if option == "data-binary" else re.sub(rb"[\r\n\0]", b"", content)


def _file(name: str, read_file: ReadFile | None) -> bytes:
    if read_file is None:
        raise CaptureError(f"the body is in the file {name}, expected it in the line")
    return read_file(name)


# Words

_SEGMENT = re.compile(
    r"""  '(?P<single>[^']*)' | \$'(?P<ansi>(?:[^'\\]|\\.)*+)'
    | \$?"(?P<double>(?:[^"\\]|\\.)*+)"(?P<doubled>")? | (?P<joint>\\\r?\n) | \\(?P<escaped>.)
    | (?P<cmd>\^["\r\n]) | (?P<end>(?<!\S)\#|\d?[<>]|[|;&]) | (?P<blank>\s+) | (?P<open>['"\\])
    | (?P<plain>[^'"\\$^#|;&<>\d\s]+ | \d+(?![<>]) | .)""",
    re.DOTALL | re.VERBOSE,
)
# In this order, so that two backslashes are one before anything else is read.
_DOUBLE_ESCAPES = (("\\\r\n", ""), ("\\\n", ""), ("\\$", "$"), ("\\`", "`"), ('\\"', '"'))
_ANSI_ESCAPE = re.compile(
    rb"\\(?:x([0-9A-Fa-f]{1,2})|[uU]([0-9A-Fa-f]{1,8})|([0-7]{1,3})|(.))", re.DOTALL
)
_LETTERS = dict(zip(b"abeEfnrtv\\'\"?", b"\a\b\x1b\x1b\f\n\r\t\v\\'\"?", strict=True))


def words(line: str) -> list[str]:
    """Split a line as bash does, or as cmd.exe if it is quoted for that; nothing is expanded."""
    found: list[str] = []
    word: list[str] | None = None
    for number, segment in enumerate(_SEGMENT.finditer(line)):
        _check_parts(number)
        kind = str(segment.lastgroup)
        text = segment[kind]
        match kind:
            case "cmd" | "doubled":
                return _cmd_words(line)
            case "open":
                raise CaptureError(f"the curl line cannot be read: {text} is not closed")
            case "end":
                break  # what follows is no longer the curl line
            case "joint":
                continue
            case "blank":
                if word is not None:
                    found.append("".join(word))
                word = None
                continue
            case "ansi":
                text = _ansi(text)
            case "double":
                text = _unescaped(text)
        word = word or []
        word.append(text)
    return found if word is None else [*found, "".join(word)]


def _check_parts(number: int) -> None:
    if number > MAX_PARTS:
        raise CaptureError(f"the curl line has more than {MAX_PARTS} quotes, escapes and texts")


def _unescaped(text: str) -> str:
    """Return what bash makes of a text in double quotes."""
    parts = text.split("\\\\")
    for escape, plain in _DOUBLE_ESCAPES:
        parts = [part.replace(escape, plain) for part in parts]
    return "\\".join(parts)


def _ansi(text: str) -> str:
    """Return what bash makes of $'…'."""

    def plain(match: re.Match[bytes]) -> bytes:
        byte, unicode, octal, letter = match.groups()
        if unicode:
            return chr(int(unicode, 16)).encode("utf-8", "surrogatepass")
        if letter:
            return bytes([_LETTERS[letter[0]]]) if letter[0] in _LETTERS else match[0]
        return bytes([int(byte, 16) if byte else int(octal, 8) & 0xFF])

    _check_parts(text.count("\\"))
    data = _ANSI_ESCAPE.sub(plain, text.encode("utf-8", "surrogateescape"))
    return data.decode("utf-8", "surrogateescape")


_CARET = re.compile(
    r"""  "[^"\r\n]*"? | \^(?:\r?\n(?P<newline>\r?\n)?|(?P<letter>.)) | (?P<end>[&|<>])
    | [^"^&|<>]+ | .""",
    re.DOTALL | re.VERBOSE,
)
_ARGUMENT = re.compile(r'(?P<slashes>\\*)(?:(?P<quote>"+)|(?P<blank>\s+)|(?P<text>[^\\"\s]*))')


def _cmd_words(line: str) -> list[str]:
    r"""Split a line as cmd.exe and the C runtime do.

    Browsers write every backslash twice, also where the C runtime would leave two. With their
    carets (`^"`) it is known who wrote the line; without, two backslashes are refused.
    """
    of_browser = '^"' in line
    plain = ""
    for number, part in enumerate(_CARET.finditer(line)):
        _check_parts(number)
        if part["end"]:
            break
        if part[0].startswith("^"):
            plain += "\n" if part["newline"] else part["letter"] or ""
        else:
            plain += part[0]
    found: list[str] = []
    word: str | None = None
    quoted = False
    for number, part in enumerate(_ARGUMENT.finditer(plain)):
        _check_parts(number)
        count, quotes = len(part["slashes"]), len(part["quote"] or "")
        if count or quotes or part["text"]:
            word = word or ""
        if not quotes:
            if count > 1 and not of_browser:
                raise CaptureError(
                    "the line has two backslashes that cmd.exe and browsers read differently,"
                    " expected bash quoting, a HAR file or a raw request"
                )
            count = (count + 1) // 2
        else:
            escaped = count % 2
            count //= 2
            quotes -= escaped
        if count and word is not None:
            word += "\\" * count
        if part["quote"] and word is not None:
            word += '"' * escaped
            while quotes:
                if quoted and quotes > 1:  # two quotes inside quotes are one
                    word, quotes = word + '"', quotes - 2
                else:
                    quoted, quotes = not quoted, quotes - 1
        if part["text"] and word is not None:
            word += part["text"]
        if part["blank"]:
            if quoted:
                word = (word or "") + part["blank"]
            elif word is not None:
                found.append(word)
                word = None
    if quoted:
        raise CaptureError("a double quote of the line is not closed")
    return found if word is None else [*found, word]
