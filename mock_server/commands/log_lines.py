"""What `serve` writes on standard error: a line for each request, and one for each message.

At a terminal the lines are for people; everywhere else each line is a JSON object. Lines from which
secrets have to be removed take long, so the thread of the writer makes them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, TextIO

from msgspec import Struct
from msgspec.json import Encoder

from mock_server.commands.output import LineWriter
from mock_server.web.calls import CONTROL
from mock_server.web.journal import size_of
from mock_server.web.json_values import plain_number
from mock_server.web.traces import Trace
from mock_server.web.wall import wall

MAX_TEXT_LENGTH = 4000
MAX_PATH_LENGTH = 300
MAX_REMARKS = 10
# Texts that are remembered, so that each is written once.
MAX_REMEMBERED = 1000

# Begins the last part of a diagnosis: bytes of the request, in which there may be a secret.
_EXCERPT = " | At byte "
_LEVELS = {number: name.lower() for name, number in logging.getLevelNamesMapping().items()}


class Told(Struct, frozen=True):
    """What a line says of one exchange, without secrets."""

    id: str
    at: float
    level: str
    method: str
    path: str
    status: int | None
    seconds: float
    account: str
    operation: str
    decided: Mapping[str, Any]
    refusal: str = ""
    remarks: Sequence[str] = ()


def told_of(entry: Mapping[str, Any]) -> Told:
    """Return what the line says of an entry of the journal, as the control API answers it."""
    status, refusal, remarks = entry["status"], entry["refusal"] or "", entry["remarks"]
    return Told(
        entry["id"],
        entry["at"],
        _LEVELS[_level_of(status, bool(refusal or remarks))],
        _printable(entry["method"]),
        _printable(entry["path"], MAX_PATH_LENGTH),
        status,
        entry["durationMs"] / 1000,
        entry["account"] or "",
        entry["operation"] or "",
        entry["decided"] or {},
        _without_excerpt(refusal),
        _some_of(remarks),
    )


class Lines(ABC):
    """One form of the lines."""

    def __init__(self) -> None:
        self._logged: dict[int, None] = {}

    @abstractmethod
    def request(self, told: Told) -> str:
        """Return the line about an exchange."""

    @abstractmethod
    def message(self, text: str, level: str, at: float, traceback: str = "") -> str:
        """Return the line about anything else."""

    def dropped(self, number: int) -> str:
        """Return the line about lines that are missing."""
        text = f"{number} lines were dropped; they were not read or written in time"
        return self.message(text, "warning", wall())

    def is_new(self, *parts: object) -> bool:
        """Return whether this was not said before, as far as that is remembered."""
        key = hash(parts)
        if key in self._logged:
            return False
        if len(self._logged) >= MAX_REMEMBERED:
            del self._logged[next(iter(self._logged))]
        self._logged[key] = None
        return True


_encode = Encoder(decimal_format="number").encode


class JsonLines(Lines):
    """A JSON object in each line. Members that have nothing to say are left out."""

    def request(self, told: Told) -> str:
        members = {
            "at": _iso(told.at),
            "level": told.level,
            "request": told.id,
            "method": told.method,
            "path": told.path,
            "status": told.status,
            "ms": int(told.seconds * 10_000 + 0.5) / 10,
            "account": told.account or None,
            "operation": told.operation or None,
            **told.decided,
        }
        if told.refusal:
            members["refusal"] = told.refusal
        if told.remarks:
            members["remarks"] = told.remarks
        return _encode(members).decode()

    def message(self, text: str, level: str, at: float, traceback: str = "") -> str:
        members = {"at": _iso(at), "level": level, "message": text}
        if traceback:
            members["traceback"] = traceback
        return _encode(members).decode()


_RED, _GREEN, _YELLOW, _CYAN, _DIM = "31", "32", "33", "36", "2"
_BY_CLASS = {2: _GREEN, 3: _CYAN, 4: _YELLOW, 5: _RED}
_BY_LEVEL = {"warning": _YELLOW, "error": _RED, "critical": _RED}


class TextLines(Lines):
    """Aligned lines for people. A remark is written out once, and then only counted."""

    def __init__(self, *, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def request(self, told: Told) -> str:
        status = "---" if told.status is None else str(told.status)
        colour = _BY_LEVEL[told.level] if told.level in _BY_LEVEL else _BY_CLASS[int(status[0])]
        target = f"{told.method} {told.path}"
        words = [
            self._coloured(_clock(told.at), _DIM),
            self._coloured(status, colour),
            self._coloured(f"{told.seconds * 1000:6.1f} ms", _DIM),
            f"{target:40}",
            f"{told.account or '-':8}",
        ]
        if decided := ", ".join(map(_fact, told.decided.items())):
            words.append(decided)
        if told.refusal:
            words.append(self._coloured(told.refusal, colour))
        if notes := self._notes(told.remarks):
            words.append(self._coloured(f"note: {notes}", _YELLOW))
        if told.refusal or told.remarks:
            words.append(self._coloured(f"(request {told.id})", _DIM))
        return "  ".join(words).rstrip()

    def message(self, text: str, level: str, at: float, traceback: str = "") -> str:
        named = f"{level}: {text}" if level in _BY_LEVEL else text
        line = f"{self._coloured(_clock(at), _DIM)}  "
        line += self._coloured(named, _BY_LEVEL.get(level, ""))
        return f"{line}\n{traceback}" if traceback else line

    def _notes(self, remarks: Sequence[str]) -> str:
        notes = [remark for remark in remarks if self.is_new(remark)]
        if repeated := len(remarks) - len(notes):
            notes.append(f"{repeated} as before")
        return "; ".join(notes)

    def _coloured(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours and colour else text


def lines_for(stream: TextIO | None) -> Lines:
    """Return lines for people where the stream is a terminal, and JSON elsewhere."""
    return text_lines_for(stream) if stream is not None and stream.isatty() else JsonLines()


def text_lines_for(stream: TextIO) -> TextLines:
    """Return lines for people, with colours where the stream is a terminal that shows them."""
    environment = os.environ  # noqa: TID251 - no settings of the mock
    # https://no-color.org; older consoles of Windows show the codes of colours.
    plain = environment.get("NO_COLOR") or environment.get("TERM") == "dumb" or os.name == "nt"
    return TextLines(colours=stream.isatty() and not plain)


class RequestLog:
    """Observes exchanges: those from `level` on get a line, without secrets.

    Refused ones and those with remarks are warnings. Calls of the control API, and those that come
    again and again, are for debugging. The lines of all that ended in one turn of the event loop
    are made together at its end, which takes less time than to make each between other work.
    """

    def __init__(self, writer: LineWriter, lines: Lines, level: int, control_token: str) -> None:
        self._writer = writer
        self._lines = lines
        self._level = level
        self._control_token = control_token
        self._ended: list[Trace] = []

    def __call__(self, trace: Trace) -> None:
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._write_all)
        self._ended.append(trace)

    def _write_all(self) -> None:
        ended, self._ended = self._ended, []
        for trace in ended:
            self._write(trace)

    def _write(self, trace: Trace) -> None:
        answer = trace.answer
        status = None if answer is None else answer.status
        level = _level_of(status, bool(trace.refusal or trace.remarks))
        if level == logging.INFO and (trace.passing or trace.surface == CONTROL):
            level = logging.DEBUG
        if level >= self._level:
            name = _LEVELS[level]
            if trace.refusal or trace.remarks or "/s/" in trace.path:
                line = _RedactedLine(trace, self._lines, name, self._control_token)
                self._writer.line(line, size_of(trace))
            else:
                self._writer.line(self._lines.request(_told_of(trace, name, trace.path)))


class _RedactedLine(Struct):
    """The line about an exchange in which there may be secrets; it is made when it is written."""

    trace: Trace
    lines: Lines
    level: str
    control_token: str

    def __str__(self) -> str:
        from mock_server.control.redaction import Redactor

        trace = self.trace
        redactor = Redactor.of(trace, self.control_token)
        path = redactor.text(_printable(trace.path, MAX_PATH_LENGTH))
        refusal = _printable(redactor.text(_without_excerpt(trace.refusal)))
        remarks = _some_of(trace.remarks, redactor.text)
        return self.lines.request(_told_of(trace, self.level, path, refusal, remarks))


def _told_of(
    trace: Trace,
    level: str,
    path: str,
    refusal: str = "",
    remarks: Sequence[str] = (),
) -> Told:
    return Told(
        trace.id,
        trace.wall,
        level,
        trace.method,
        _printable(path, MAX_PATH_LENGTH),
        None if trace.answer is None else trace.answer.status,
        trace.seconds,
        trace.account,
        trace.operation,
        trace.decided or {},
        refusal,
        remarks,
    )


class LogHandler(logging.Handler):
    """Writes what is logged; a warning that comes with each call is written once."""

    def __init__(self, writer: LineWriter, lines: Lines) -> None:
        super().__init__()
        self._writer = writer
        self._lines = lines
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._emit(record)
        except Exception:  # as in each handler of logging
            self.handleError(record)

    def _emit(self, record: logging.LogRecord) -> None:
        text, error = _printable(record.getMessage()), record.exc_info and record.exc_info[1]
        if record.levelno >= logging.WARNING and not self._lines.is_new(text, repr(error)):
            return
        traceback = ""
        if record.exc_info and error is not None:
            traceback = self._formatter.formatException(record.exc_info)
        level = _LEVELS.get(record.levelno, "info")
        self._writer.line(self._lines.message(text, level, record.created, traceback))


def log_to(writer: LineWriter, lines: Lines, level: int) -> None:
    """Log what the mock says from `level` on, and of its libraries only warnings.

    Below that, libraries log the URLs of callbacks, which may contain passwords and tokens.
    """
    root = logging.getLogger()
    root.addHandler(LogHandler(writer, lines))
    logging.getLogger("tams_mock").setLevel(level)
    root.setLevel(max(level, logging.WARNING))


def _level_of(status: int | None, odd: bool) -> int:
    """Return how serious an exchange is; an `odd` one was refused, or has remarks."""
    if status is not None and status < 400 and not odd:
        return logging.INFO
    return logging.ERROR if status is not None and status >= 500 else logging.WARNING


def _without_excerpt(refusal: str) -> str:
    return refusal.partition(_EXCERPT)[0]


def _some_of(remarks: Sequence[str], hide: Callable[[str], str] = str) -> list[str]:
    """Return the first remarks as lines, and how many there are beside them."""
    more = [f"and {len(remarks) - MAX_REMARKS} more"][: len(remarks) > MAX_REMARKS]
    return [*(_printable(hide(remark)) for remark in remarks[:MAX_REMARKS]), *more]


def _fact(fact: tuple[str, Any]) -> str:
    """Return one decision in words: whether, how much, in which state, or a thing and its id."""
    name, value = fact
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if isinstance(value, Decimal):
        value = plain_number(value)
    if isinstance(value, int | float):
        return f"{value} {name}"
    return str(value) if name == "state" else f"{name} {value}"


def _printable(text: str, max_length: int = MAX_TEXT_LENGTH) -> str:
    """Return text as one line that changes nothing else in a terminal, cut off at a length."""
    if len(text) > max_length:
        text = text[:max_length] + "…"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _clock(wall: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(wall))


def _iso(wall: float) -> str:
    return f"{_second(int(wall))}.{int(wall * 1000) % 1000:03d}Z"


@lru_cache(maxsize=16)
def _second(wall: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(wall))
