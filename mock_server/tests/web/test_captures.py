"""Reading captured requests: raw, HAR and curl."""

import base64
import json
import re
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.tests.work import calls_of
from mock_server.web.capture_formats import any_capture, described, har_entry, raw_request
from mock_server.web.captures import MAX_HEAD_BYTES, CaptureError
from mock_server.web.curl_lines import MAX_PARTS, MAX_WORDS, curl_line, words

URL = "http://127.0.0.1:8080/v1/jobs?a=b%20c"
RAW = b"POST /v1/jobs?a=1 HTTP/1.1\r\nHost: x:1\r\nAuthorization:  abc \r\n\r\n{}\r\n"


def test_a_raw_request_is_read_to_the_byte():
    found = raw_request(RAW)

    assert (found.method, found.target, found.body) == ("POST", b"/v1/jobs?a=1", b"{}\r\n")
    assert found.header("authorization") == "abc"
    assert found.host == "x:1"


def test_a_raw_request_ends_where_its_length_says():
    assert raw_request(RAW.replace(b"Host: x:1", b"Content-Length: 2")).body == b"{}"


def test_bare_line_feeds_are_read_too():
    assert raw_request(b"GET /v1/jobs/1 HTTP/1.1\nHost: x\n\n").body == b""
    assert raw_request(b"\nGET http://y/v1/jobs HTTP/1.1\n").target == b"/v1/jobs"


@pytest.mark.parametrize(
    ("data", "words_"),
    [
        (b"hello", "not a request line"),
        (b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", "line 2 is not a header"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "chunked"),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}", "Content-Length says 9"),
    ],
    ids=["text", "header", "chunked", "short"],
)
def test_what_is_no_raw_request_is_refused(data, words_):
    with pytest.raises(CaptureError, match=words_):
        raw_request(data)


HAR: dict[str, Any] = {
    "log": {
        "entries": [
            {"request": {"method": "GET", "url": "https://h/one", "headers": []}},
            {
                "startedDateTime": "2026-01-15T08:00:00.500Z",
                "request": {
                    "method": "POST",
                    "url": URL,
                    "headers": [
                        {"name": ":authority", "value": "h2"},
                        {"name": "Authorization", "value": "abc"},
                    ],
                    "postData": {"mimeType": "application/json", "text": '{"a":"é"}'},
                },
            },
        ]
    }
}


def test_a_har_entry_is_read():
    found = har_entry(HAR, 1)

    assert (found.method, found.target) == ("POST", b"/v1/jobs?a=b%20c")
    assert found.body == '{"a":"é"}'.encode()
    assert found.headers == (("Authorization", "abc"),)
    assert (found.host, found.at) == ("h2", 1_768_464_000.5)
    assert any_capture(json.dumps(HAR).encode()).target == b"/one"
    assert har_entry(HAR["log"]["entries"][0]).scheme == "https"


@pytest.mark.parametrize("har", [{}, {"log": {}}, {"log": {"entries": []}}, {"request": 1}, [], 5])
def test_what_is_no_har_is_refused(har):
    with pytest.raises(CaptureError):
        har_entry(har)


def sent(line: str) -> tuple[str, bytes, bytes]:
    found = curl_line(line)
    return found.method, found.target, found.body


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"curl {URL}", ("GET", b"/v1/jobs?a=b%20c", b"")),
        ("curl -X DELETE http://h/v1/jobs/1#part", ("DELETE", b"/v1/jobs/1", b"")),
        ("curl -XPUT --url=h:1/a", ("PUT", b"/a", b"")),
        ("curl h", ("GET", b"/", b"")),
        ("curl -sSLd 'a b' h/x", ("POST", b"/x", b"a b")),
        ("curl -d a=1 --data b=2 h", ("POST", b"/", b"a=1&b=2")),
        ("curl -G -d a=1 'h/x?y=2'", ("GET", b"/x?y=2&a=1", b"")),
        ("curl --json '{\"a\":1}' h", ("POST", b"/", b'{"a":1}')),
        ('curl --data-raw "{\\"a\\": \\"\\$x\\"}" h', ("POST", b"/", b'{"a": "$x"}')),
        ("curl --data-raw $'{\\'a\\':\\n\\u00e9\\x41}' h", ("POST", b"/", b"{'a':\n\xc3\xa9A}")),
        ("curl --data-raw @name h", ("POST", b"/", b"@name")),
        ("curl --data-urlencode 'a=b c&d' h", ("POST", b"/", b"a=b%20c%26d")),
        ("curl -I h/a", ("HEAD", b"/a", b"")),
        ("curl \\\n  -X POST \\\n  h/a -o /dev/null | jq .", ("POST", b"/a", b"")),
        ("curl h/a?b=1&c=2", ("GET", b"/a?b=1", b"")),
        ("curl h/a 2>&1 > /dev/null", ("GET", b"/a", b"")),
        ("curl --url-query a=b h/a", ("GET", b"/a?a=b", b"")),
        ("curl -A agent -b c=d -e r h/a", ("GET", b"/a", b"")),
        ("$ curl --compressed -m 5 --max-time 9 -k h/a", ("GET", b"/a", b"")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_curl_line_is_read_as_curl_does(line, expected):
    assert sent(line) == expected


def test_headers_and_credentials_of_a_curl_line():
    found = curl_line("curl -H 'Host: other' -H'X-A:  1 ' -u me:pw h")

    assert found.header("x-a") == "1"
    assert found.header("authorization") == "Basic " + base64.b64encode(b"me:pw").decode()
    assert found.host == "other"
    assert curl_line("curl --json {} h").header("content-type") == "application/json"


def test_files_of_a_curl_line_are_read_only_where_that_is_allowed():
    assert curl_line("curl -d @f h", lambda name: b"a\nb\n").body == b"ab"
    assert curl_line("curl --data-binary @f h", lambda name: b"a\nb\n").body == b"a\nb\n"
    assert curl_line("curl -T f h", lambda name: name.encode()).method == "PUT"
    with pytest.raises(CaptureError, match="in the file f"):
        curl_line("curl -d @f h")


@pytest.mark.parametrize(
    "line",
    ["wget h", "curl", "curl 'h", 'curl "h', "curl $'h", "curl -H", "curl -F a=b h", "", "curl a b",
     "curl a --next b", "curl --unheard-of h", "curl -K f h", "curl -H @f h", "curl h/{a,b}",
     "curl -T f h/", "curl -r 1-2 h",
     "curl ^\"h", 'curl ^"h^" -d "a\\\\b', 'curl "h""x" -d "a\\\\b"'],
)  # fmt: skip
def test_a_line_that_cannot_be_read_for_certain_is_refused(line):
    with pytest.raises(CaptureError):
        curl_line(line, lambda name: b"")


def chrome_on_windows(text: str) -> str:
    """Quote as Chrome does for "Copy as cURL (cmd)"."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    text = re.sub(r"[^a-zA-Z0-9\s_\-:=+~'\/.',?;()*`]", r"^\g<0>", text)
    text = re.sub("%(?=[a-zA-Z0-9_])", "%^", text)
    return '^"' + re.sub(r"\r?\n", "^\n\n", text) + '^"'


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40)


@given(st.lists(st.sampled_from("a\"\\^%&|<>! \n{}$`'").map(str), max_size=12).map("".join) | TEXTS)
def test_a_line_that_chrome_copies_on_windows_is_read(body):
    url, header = "http://127.0.0.1:8080/v1/jobs?a=1&b=%20", "Authorization: a b=/+="
    line = (
        f"curl {chrome_on_windows(url)} ^\r\n  -H {chrome_on_windows(header)} ^\r\n"
        f"  --data-raw {chrome_on_windows(body)}"
    )
    found = curl_line(line)

    assert found.target == b"/v1/jobs?a=1&b=%20"
    assert found.header("authorization") == "a b=/+="
    assert found.body == body.encode()


def test_older_lines_of_windows_are_read():
    assert curl_line('curl "h/a" ^\n -H "X: ^^" -d "{""a"":1}"').body == b'{"a":1}'
    assert curl_line('curl ^"h/a?b=1^&c=2^" -d ^"a^\n\nb^" > out & dir').body == b"a\nb"
    assert curl_line('curl.exe "h/a" ^\r\n-d "{\\"a\\":\\"C:\\d\\"}"').body == b'{"a":"C:\\d"}'


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"))))
def test_quoted_words_come_back(texts):
    import shlex

    assert words(shlex.join(["curl", *texts])) == ["curl", *texts]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    for start in (b"", b"curl ", b"{", b"GET / HTTP/1.1\n"):
        with suppress(CaptureError):
            assert any_capture(start + data).method


@pytest.mark.parametrize(
    "members",
    [
        {"method": "POST", "url": "/v1/jobs", "headers": {"A": "1"}, "body": "é"},
        {"method": "POST", "url": "/v1/jobs", "headers": [{"name": "A", "value": "1"}],
         "bodyBase64": base64.b64encode("é".encode()).decode()},
        {"curl": "curl -H 'A: 1' -d é http://h/v1/jobs"},
        {"raw": "POST /v1/jobs HTTP/1.1\r\nA: 1\r\n\r\né"},
        {"rawBase64": base64.b64encode("POST /v1/jobs HTTP/1.1\nA: 1\n\né".encode()).decode()},
        {"har": {"request": {"method": "POST", "url": "/v1/jobs", "postData": {"text": "é"},
                             "headers": [{"name": "A", "value": "1"}]}}},
    ],
    ids=["object", "list", "curl", "raw", "raw in base64", "har"],
)  # fmt: skip
def test_one_request_described_in_every_way(members):
    found = described(members)

    assert (found.method, found.target, found.body) == ("POST", b"/v1/jobs", "é".encode())
    assert found.header("a") == "1"


@pytest.mark.parametrize(
    "members",
    [{}, {"curl": "curl h", "raw": ""}, {"curl": 5}, {"raw": None}, {"method": "GET"},
     {"method": "GET", "url": "/", "headers": [1]}, {"method": 1, "url": "/"},
     {"method": "G T", "url": "/"}, {"method": "GET", "url": "http://[", "headers": {}},
     {"rawBase64": "!"}, {"method": "GET", "url": "/", "bodyBase64": "!"}],
    ids=str,
)  # fmt: skip
def test_a_description_that_says_nothing_is_refused(members):
    with pytest.raises(CaptureError):
        described(members)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a " * MAX_WORDS, f"the curl line has {MAX_WORDS + 1} words"),
        ("-" + "s" * 100, "a word of the curl line has more than 60 options"),
        ("''" * (MAX_PARTS + 1), f"the curl line has more than {MAX_PARTS} quotes"),
        ("-d $'" + "\\x41" * (MAX_PARTS + 1) + "'", f"has more than {MAX_PARTS} quotes"),
        ('-d ^"' + "^a" * (MAX_PARTS + 1) + '^"', f"has more than {MAX_PARTS} quotes"),
    ],
)
def test_a_line_of_very_many_parts_is_refused(line, problem):
    with pytest.raises(CaptureError, match=re.escape(problem)):
        curl_line(f"curl {line}")


def test_a_long_text_in_a_line_takes_no_step_for_each_character():
    body = "a" * 1_000_000
    for line in (f"-d '{body}'", f'-d "{body}"', f"-d {body}", '-d "' + "\\$" * 100_000 + '"'):
        assert calls_of(partial(curl_line, f"curl h {line}")) < 3000


def test_a_head_that_no_server_takes_is_refused_before_it_is_read():
    many = [{"name": "a", "value": "b"}] * MAX_HEAD_BYTES
    raw = b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * MAX_HEAD_BYTES + b"\r\n"
    har = {"request": {"method": "GET", "url": URL, "headers": many}}

    assert calls_of(lambda: suppressed(raw_request, raw)) < 100
    for read in (partial(raw_request, raw), partial(har_entry, har)):
        with pytest.raises(CaptureError, match=f"must have at most {MAX_HEAD_BYTES}"):
            read()


def suppressed(read: Any, capture: Any) -> None:
    with suppress(CaptureError):
        read(capture)
