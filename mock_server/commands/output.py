"""Lines of a running server, written by a thread.

If a program starts the server and does not read its output, the pipe becomes full, and writing to
it blocks. Here only the thread waits, not the event loop. It works in small pieces with pauses
between them, because a thread that computes for long keeps the event loop from running.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TextIO

# Lines that wait to be written; lines above this are dropped.
MAX_WAITING_BYTES = 8 * 1024 * 1024
# How long the end waits for a reader that reads nothing (seconds).
MAX_STALLED = 1.0

# The thread writes pieces of so many bytes, with pauses between them (seconds). A line that it has
# to make first counts as so many bytes, and makes the pause shorter.
_PIECE_BYTES = 256 * 1024
_MAKING_BYTES = _PIECE_BYTES // 16
_PAUSE = 0.05
_SHORT_PAUSE = 0.01
# How long dropped lines are counted while others wait (seconds).
_COUNTING = 1.0


def _not_in_time(dropped: int) -> str:
    return f"tams-mock: {dropped} lines were dropped; they were not read or written in time"


class LineWriter:
    """Writes lines to a stream in the order of the calls; `line` never blocks.

    `dropped` makes the line that says how many lines were dropped.
    """

    def __init__(
        self, stream: TextIO | None, dropped: Callable[[int], object] = _not_in_time
    ) -> None:
        self.dropped = dropped
        self._stream = stream
        self._descriptor = _descriptor_of(stream)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        # Lines that are made, in pieces, and others with their sizes.
        self._waiting: deque[bytearray | tuple[object, int]] = deque()
        self._waiting_bytes = 0
        self._written_bytes = 0
        self._dropped = 0
        self._dropping_since = 0.0
        self._idle = False
        self._closing = threading.Event()
        self.thread: threading.Thread | None = None

    @property
    def is_read(self) -> bool:
        """Whether somebody can see the lines: the stream is there, and is not the null device."""
        if self._descriptor is None:
            return self._stream is not None
        return not os.path.samestat(os.fstat(self._descriptor), Path(os.devnull).stat())

    def line(self, line: object, size_bytes: int = 0) -> None:
        """Write `str(line)` soon; drop it if too much waits already.

        With `size_bytes`, the memory that it takes until then, the thread makes the string.
        """
        if self._descriptor is None:
            if self._stream is not None:
                self._stream.write(f"{line}\n")
            return
        made = b"" if size_bytes else _encoded(line)
        with self._lock:
            waiting_bytes = self._waiting_bytes + (size_bytes or len(made))
            if waiting_bytes > MAX_WAITING_BYTES and self._waiting:
                if not self._dropped:
                    self._dropping_since = perf_counter()
                self._dropped += 1
                return
            self._waiting_bytes = waiting_bytes
            last = self._waiting[-1] if self._waiting else None
            if not made:
                self._waiting.append((line, size_bytes))
            elif isinstance(last, bytearray) and len(last) < _PIECE_BYTES:
                last += made
            else:
                self._waiting.append(bytearray(made))
            if self.thread is None:
                self.thread = threading.Thread(target=self._work, name="output", daemon=True)
                self.thread.start()
            elif self._idle:
                self._idle = False
                self._changed.notify()

    def close(self) -> None:
        """Wait until all lines are written, or until nothing was read for a time."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        if self.thread is None:
            return
        before = -1
        while self.thread.is_alive() and self._written_bytes != before:
            before = self._written_bytes
            self.thread.join(MAX_STALLED)

    def _work(self) -> None:
        try:
            while found := self._next():
                self._write(b"".join(map(_bytes_of, found)))
                is_ready = all(isinstance(each, bytearray) for each in found)
                self._closing.wait(_PAUSE if is_ready else _SHORT_PAUSE)
        except OSError:  # the reader is gone, so further lines have no place
            self._descriptor = self._stream = None

    def _next(self) -> list[bytearray | tuple[object, int]]:
        """Wait for lines; return nothing at the end."""
        with self._changed:
            while not (self._waiting or self._dropped or self._closing.is_set()):
                self._idle = True
                self._changed.wait()
            found: list[bytearray | tuple[object, int]] = []
            room = _PIECE_BYTES
            while self._waiting and room > 0:
                each = self._waiting.popleft()
                found.append(each)
                is_made = isinstance(each, bytearray)
                self._waiting_bytes -= len(each) if is_made else each[1]
                room -= len(each) if is_made else _MAKING_BYTES
            if self._dropped and (
                not self._waiting or perf_counter() >= self._dropping_since + _COUNTING
            ):
                found.append((self.dropped(self._dropped), 0))
                self._dropped = 0
        return found

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self._descriptor is not None:
            written = os.write(self._descriptor, rest)
            self._written_bytes += written
            rest = rest[written:]


def _bytes_of(waiting: bytearray | tuple[object, int]) -> bytes | bytearray:
    return waiting if isinstance(waiting, bytearray) else _encoded(waiting[0])


def _encoded(line: object) -> bytes:
    try:
        text = str(line)
    except Exception as error:  # an error here must end neither a request nor the thread
        text = f"tams-mock: a line could not be made: {error!r}"
    return f"{text}\n".encode(errors="backslashreplace")


def _descriptor_of(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        return None
