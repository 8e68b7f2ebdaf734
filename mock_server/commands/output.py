"""Lines and logs of a running server, written by a thread.

If a program starts the server and does not read its output, the pipe becomes full, and writing to
it blocks. Here only the thread waits, not the event loop.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TextIO

# Text that waits to be written; lines above this are dropped.
MAX_WAITING_BYTES = 8 * 1024 * 1024
# How long the end waits for a reader that reads nothing (seconds).
MAX_STALLED = 1.0
# Messages that are remembered, so that each is logged once.
MAX_REMEMBERED = 1000

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class LineWriter:
    """Writes lines to a stream in the order of the calls; `line` never blocks."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._descriptor = _descriptor_of(stream)
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._written_bytes = 0
        self._dropped = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    def line(self, text: str) -> None:
        """Write a line soon; drop it if too much text waits already."""
        if self._descriptor is None:
            if self._stream is not None:
                self._stream.write(text + "\n")
            return
        data = f"{text}\n".encode(errors="backslashreplace")
        with self._changed:
            if self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
                self._dropped += 1
                return
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="output", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Wait until all lines are written, or until nothing was read for a time."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is None:
            return
        before = -1
        while self._thread.is_alive() and self._written_bytes != before:
            before = self._written_bytes
            self._thread.join(MAX_STALLED)

    def _work(self) -> None:
        try:
            while data := self._next():
                self._write(data)
        except OSError:  # the reader is gone, so further lines have no place
            self._descriptor = self._stream = None

    def _next(self) -> bytes:
        """Wait for lines; return nothing at the end."""
        with self._changed:
            while not (self._waiting or self._dropped or self._closing):
                self._changed.wait()
            waiting, self._waiting = self._waiting, []
            self._waiting_bytes = 0
            if self._dropped:
                waiting.append(b"tams-mock: %d lines were not read in time\n" % self._dropped)
                self._dropped = 0
            return b"".join(waiting)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self._descriptor is not None:
            written = os.write(self._descriptor, rest)
            self._written_bytes += written
            rest = rest[written:]


class LogHandler(logging.Handler):
    """Logs to a line writer; a message that comes with each call is logged once.

    A record may say with `once` what makes it the same as another one.
    """

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORMAT))
        self._writer = writer
        self._logged: dict[int, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.levelno < logging.WARNING or self._is_new(record):
                self._writer.line(self.format(record))
        except Exception:  # as in each handler of logging
            self.handleError(record)

    def _is_new(self, record: logging.LogRecord) -> bool:
        message = getattr(record, "once", None) or record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        key = hash((record.name, message, repr(error)))
        if key in self._logged:
            return False
        if len(self._logged) >= MAX_REMEMBERED:
            del self._logged[next(iter(self._logged))]
        self._logged[key] = None
        return True


def log_to(writer: LineWriter, level: str) -> None:
    """Log what the mock says from `level` on, and of its libraries only warnings.

    Below that, libraries log the URLs of callbacks, which may contain passwords and tokens.
    """
    root = logging.getLogger()
    root.addHandler(LogHandler(writer))
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger("tams_mock").setLevel(number)
    root.setLevel(max(number, logging.WARNING))


def _descriptor_of(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        return None
