"""Output that is not read delays nothing, and logs have neither repetitions nor secrets."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

from mock_server.commands import output
from mock_server.commands.log_lines import TextLines, log_to
from mock_server.commands.output import LineWriter

no_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@contextmanager
def pipe():
    """Yield the reading end and a writer for the other end."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading, "rb") as reader:
        writer = LineWriter(stream)
        yield reader, writer
        reader.close()
        writer.close()
        if writer.thread is not None:  # It must not find another file under the same number.
            writer.thread.join()


@pytest.fixture
def root_logger():
    loggers = [logging.getLogger(name) for name in (None, "tams_mock")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield loggers[0]
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def test_lines_are_written_in_their_order(monkeypatch):
    monkeypatch.setattr(output, "MAX_STALLED", 60)  # also on a computer that is busy
    with pipe() as (reader, writer):
        for number in range(1000):
            writer.line(f"line {number}")
        writer.close()

        assert [reader.readline() for _ in range(1000)] == [
            f"line {number}\n".encode() for number in range(1000)
        ]


def test_a_pipe_that_is_not_read_blocks_neither_lines_nor_the_end(monkeypatch):
    monkeypatch.setattr(output, "MAX_STALLED", 0.1)
    with pipe() as (reader, writer):
        for _ in range(20):
            writer.line("x" * 1024 * 1024)
        writer.close()

        while (line := reader.readline()).startswith(b"x"):
            assert len(line) == 1024 * 1024 + 1
        assert b" lines were dropped; " in line


def test_a_reader_that_is_gone_ends_nothing():
    with pipe() as (reader, writer):
        reader.close()
        writer.line("into nothing")
        writer.close()
        writer.line("and again")


class Unwritable:
    def __str__(self):
        raise ValueError("no words")


@pytest.mark.parametrize("size_bytes", [0, 100], ids=["at once", "by the thread"])
def test_a_line_that_cannot_be_made_ends_nothing(size_bytes, monkeypatch):
    monkeypatch.setattr(output, "MAX_STALLED", 60)  # also on a computer that is busy
    with pipe() as (reader, writer):
        writer.line(Unwritable(), size_bytes)
        writer.line("the next line")
        writer.close()

        assert reader.readline() == (
            b"tams-mock: a line could not be made: ValueError('no words')\n"
        )
        assert reader.readline() == b"the next line\n"


@pytest.mark.parametrize("stream", [io.StringIO(), None], ids=["in memory", "none"])
def test_other_streams_are_written_directly(stream):
    writer = LineWriter(stream)
    writer.line("a line")
    writer.close()

    assert stream is None or stream.getvalue() == "a line\n"


def test_a_warning_that_comes_with_each_call_is_logged_once(root_logger):
    stream, log = io.StringIO(), logging.getLogger("tams_mock")
    log_to(LineWriter(stream), TextLines(colours=False), logging.INFO)

    for _ in range(3):
        log.warning("a callback failed")
        log.info("a request")

    lines = stream.getvalue().splitlines()
    assert [line.partition("  ")[2] for line in lines] == [
        "warning: a callback failed",
        "a request",
        "a request",
        "a request",
    ]


def test_different_errors_under_the_same_words_are_all_logged(root_logger):
    stream, log = io.StringIO(), logging.getLogger("tams_mock")
    log_to(LineWriter(stream), TextLines(colours=False), logging.INFO)

    for key in ("a", "b", "a"):
        try:
            raise KeyError(key)
        except KeyError:
            log.exception("it failed")

    assert stream.getvalue().count("it failed") == 2


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_libraries_log_only_warnings_because_of_secrets_in_urls(root_logger, level):
    log_to(LineWriter(None), TextLines(colours=False), getattr(logging, level.upper()))

    for library in ("httpx", "httpcore", "httpcore.http11", "uvicorn.error", "asyncio"):
        assert not logging.getLogger(library).isEnabledFor(logging.INFO)
    assert logging.getLogger("tams_mock").isEnabledFor(getattr(logging, level.upper()))


@contextmanager
def unread(*arguments):
    """Run a command whose output is not read, except for its first line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mock_server", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name[:10] != "TAMS_MOCK_"},
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


@no_signals
def test_listen_answers_and_stops_while_its_output_is_not_read():
    with unread("listen", "--json") as (process, url), httpx.Client(trust_env=False) as client:
        for _ in range(20):
            body = {"jobId": "7", "status": "SUCCESS", "filling": "x" * 10_000}
            assert client.post(url, json=body).status_code == 200
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=10) == 0


@no_signals
def test_serve_answers_and_stops_while_its_log_is_not_read():
    with (
        unread("serve", "--json", "--port", "0", "--rate-limit", "off") as (process, url),
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        for number in range(700):
            # A value that is not foreseen is in a warning, and each call has another one. Together
            # they have more than a pipe holds.
            prompts = [{"text": "x"}]
            diffusion = {"width": 512, "height": 512, "steps": 5, "prompts": prompts}
            diffusion["sampler"] = f"{number}" + "s" * 1000
            stages = [
                {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": 1}},
                {"type": "DIFFUSION", "diffusion": diffusion},
            ]
            headers = {"Authorization": "Bearer mock-token-0001"}
            answer = client.post("/v1/jobs/credits", json={"stages": stages}, headers=headers)
            assert answer.status_code == 200, answer.text
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=10) == 0
