import logging
import subprocess
import sys
from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.web.forms import MAX_PARTS, MalformedForm, NotAForm, Part, read_form

TYPE = b"multipart/form-data; boundary=line"
PNG = b"\x89PNG\r\n\x1a\n--line? no\r\n--lin\r\n\r\n"


def a_form(*fields, end=b"--line--\r\n"):
    """Return a body made of complete parts: headers and data."""
    return (
        b"".join(b"--line\r\n" + headers + b"\r\n\r\n" + data + b"\r\n" for headers, data in fields)
        + end
    )


def named(name, more=b""):
    return b'Content-Disposition: form-data; name="' + name + b'"' + more


def test_fields_and_files_keep_their_order_and_bytes():
    body = a_form(
        (named(b"key"), b"short-term/1"),
        (named(b"file", b'; filename="a b.png"\r\nContent-Type: image/png'), PNG),
        (named(b"empty"), b""),
    )

    assert read_form(TYPE, body) == (
        Part("key", b"short-term/1"),
        Part("file", PNG),
        Part("empty", b""),
    )


@given(
    fields=st.lists(st.tuples(st.text("abc-_$é", min_size=1), st.text()), max_size=5),
    file=st.binary(max_size=200),
)
def test_every_form_of_a_client_is_read_unchanged(fields, file):
    files = [(name, (None, text.encode())) for name, text in fields]
    request = httpx.Request("POST", "http://mock.test/", files=[*files, ("file", ("f", file))])

    *parts, last = read_form(request.headers["content-type"].encode(), request.read())

    assert [(part.name, part.text) for part in parts] == [(name, text) for name, text in fields]
    assert (last.name, last.data) == ("file", file)


@pytest.mark.parametrize(
    "content_type",
    [None, b"", b"application/json", b"application/x-www-form-urlencoded", b"multipart/mixed"],
)
def test_other_content_types_are_refused(content_type):
    with pytest.raises(NotAForm, match="multipart/form-data"):
        read_form(content_type, b"key=1")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"multipart/form-data", a_form((named(b"key"), b"1"))),
        (b"multipart/form-data; boundary=", a_form((named(b"key"), b"1"))),
        (b"multipart/form-data; boundary=" + b"x" * 71, b""),
        (b"multipart/form-data; boundary=other", a_form((named(b"key"), b"1"))),
        (TYPE, b""),
        (TYPE, b"key=1"),
        (TYPE, a_form((named(b"key"), b"1"), end=b"")),
        (TYPE, a_form((b"Content-Disposition: form-data", b"1"))),
        (TYPE, a_form((b"X-Nothing: 1", b"1"))),
        (TYPE, a_form((b"no header", b"1"))),
        (TYPE, a_form((named(b"key") + b"\r\n" + b"X: 1\r\n" * 1000, b"1"))),
        (TYPE, a_form((named(b"k" * 1_000_000), b"1"))),
        (TYPE, a_form(*[(named(b"key"), b"1")] * (MAX_PARTS + 1))),
    ],
)
def test_broken_forms_are_refused_and_nothing_is_logged(content_type, body, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(MalformedForm):
        read_form(content_type, body)

    assert not caplog.records


@given(cut=st.integers(0, 200), content=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(cut, content):
    complete = a_form((named(b"key"), b"1"), (named(b"file", b'; filename="f"'), PNG))
    for body in (complete[:cut], complete[:cut] + content + complete[cut:], content):
        with suppress(MalformedForm):
            read_form(TYPE, body)


def test_the_parser_is_not_imported_at_start():
    program = (
        "import sys\n"
        "import mock_server.web.forms\n"
        "print([name for name in sys.modules if 'multipart' in name])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=60
    )

    assert finished.stdout.strip() == b"[]"


def test_a_media_type_with_endless_parameters_is_not_read():
    with pytest.raises(MalformedForm, match="more than 1000"):
        read_form(TYPE + b'; a="b"' * 1000, a_form((named(b"key"), b"x")))
