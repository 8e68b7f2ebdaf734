"""A byte order mark at the beginning of a file changes nothing."""

import codecs
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mock_server.cli import tams_mock
from mock_server.settings import read_settings
from mock_server.tams.key_pairs import key_pair
from mock_server.tams.workflow.node_classes import read_json
from mock_server.web.byte_order_marks import without_mark
from mock_server.web.capture_formats import any_capture, described, raw_request

ENCODINGS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
encodings = pytest.mark.parametrize("encoding", ENCODINGS)


def marked(text: str, encoding: str) -> bytes:
    return ENCODINGS[encoding] + text.encode(encoding)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(sorted(ENCODINGS)))
def test_a_marked_text_becomes_utf_8(text, encoding):
    assert without_mark(marked(text, encoding)) == text.encode() or text.startswith("\0")


@pytest.mark.parametrize("data", [b"", b"text", b"\xff", b"\xff\xfeodd", "ünï".encode()])
def test_other_data_is_unchanged(data):
    assert without_mark(data) == data


FILES = {
    "public_key_file": key_pair(1).public_pem,
    "workflows_file": '{"workflows": []}',
    "node_classes_file": "{}",
    "error_codes_file": "{}",
}


@encodings
@pytest.mark.parametrize("name", FILES)
def test_files_that_settings_name_may_have_one(tmp_path, name, encoding):
    path = tmp_path / "file"
    path.write_bytes(marked(FILES[name], encoding))

    settings = read_settings({name: str(path)})

    assert getattr(settings, name) == path
    assert settings.public_key == (key_pair(1).public_pem if name == "public_key_file" else "")


@encodings
def test_the_configuration_may_have_one(tmp_path, encoding):
    (tmp_path / "settings.toml").write_bytes(marked("port = 5\n", encoding))

    assert read_settings(config=tmp_path / "settings.toml").port == 5


@encodings
def test_a_template_may_have_one(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes(marked('{"templateId": "1"}', encoding))

    assert read_json(tmp_path / "a.json") == {"templateId": "1"}


CAPTURES = {
    "raw": "GET /v1/jobs/1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "curl": "curl http://a/v1/jobs/1",
    "har": '{"request": {"method": "GET", "url": "http://a/v1/jobs/1"}}',
}


@encodings
@pytest.mark.parametrize("kind", CAPTURES)
def test_a_captured_request_may_have_one(kind, encoding):
    assert any_capture(marked(CAPTURES[kind], encoding)).target == b"/v1/jobs/1"


@pytest.mark.parametrize("kind", ["raw", "curl"])
def test_a_captured_request_in_json_may_have_one(kind):
    assert described({kind: "\ufeff" + CAPTURES[kind]}).target == b"/v1/jobs/1"


def test_the_body_of_a_captured_request_keeps_it():
    body = codecs.BOM_UTF8 + b"{}"

    assert raw_request(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n" + body).body == body


def test_a_key_to_sign_with_may_have_one_and_a_signed_body_keeps_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, data in (
        ("plain.pem", key_pair(1).private_pem.encode()),
        ("marked.pem", marked(key_pair(1).private_pem, "utf-16-le")),
        ("plain.json", b"{}"),
        ("marked.json", codecs.BOM_UTF8 + b"{}"),
    ):
        Path(name).write_bytes(data)

    def signed(key: str, body: str) -> str:
        fixed = ("--app-id", "a", "--timestamp", "5", "--nonce", "n")
        words = ("sign", "POST", "/v1/jobs", "--key", key, "-d", f"@{body}", *fixed)
        return CliRunner().invoke(tams_mock, words, catch_exceptions=False).stdout

    assert signed("plain.pem", "plain.json").startswith("TAMS-SHA256-RSA app_id=a,")
    assert signed("marked.pem", "plain.json") == signed("plain.pem", "plain.json")
    assert signed("plain.pem", "marked.json") != signed("plain.pem", "plain.json")
