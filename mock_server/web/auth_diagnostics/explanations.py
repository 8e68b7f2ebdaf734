"""A diagnosis in words: one line for a refusal, data for JSON, a page for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from mock_server.web.auth_diagnostics.excerpts import Place, Shown, escape
from mock_server.web.auth_diagnostics.findings import Diagnosis, Found

MAX_TIPS = 500
_Paint = Callable[[str, str], str]  # a text, in a colour where colours are wanted
_RED, _GREEN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def tips(diagnosis: Diagnosis) -> str:
    """Return the one line for the `tips` member: ASCII, at most 500 characters, no secrets."""
    if diagnosis.accepted:
        return _fine(diagnosis)
    words = [f"{found.cause.id}: {found.cause.sentence} ({found.how})" for found in diagnosis.found]
    if not diagnosis.complete:
        words.append(diagnosis.doubt)
    words += list(dict.fromkeys(f"Fix: {found.cause.fix}" for found in diagnosis.found))
    if diagnosis.difference is not None:
        differs = diagnosis.difference
        words.append(
            f"At byte {differs.offset} the server has {differs.expected}, you signed "
            f"{differs.signed}"
        )
    elif diagnosis.expected is not None and not diagnosis.complete:
        words.append(f"The server's string has SHA-256 {diagnosis.expected.sha256}")
    line = _ascii(" | ".join(words))
    return line if len(line) <= MAX_TIPS else line[: MAX_TIPS - 3] + "..."


def as_data(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return the whole diagnosis for the journal and the control API."""
    differs = diagnosis.difference
    return {
        "accepted": diagnosis.accepted,
        "complete": diagnosis.complete,
        "summary": tips(diagnosis),
        "causes": [_cause_data(found) for found in diagnosis.found],
        "alsoFits": [_cause_data(found) for found in diagnosis.also],
        "serverString": _shown_data(diagnosis.expected),
        "signedString": _shown_data(diagnosis.signed),
        "difference": None
        if differs is None
        else {
            "offset": differs.offset,
            "line": differs.line,
            "server": _place_data(differs.expected),
            "signed": _place_data(differs.signed),
        },
        "evidence": dict(diagnosis.facts),
        "notChecked": list(diagnosis.unchecked),
    }


def as_text(diagnosis: Diagnosis, *, colours: bool = False) -> str:
    """Return a page for people, both strings line by line with what differs marked."""

    def paint(colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if colours else text

    return "\n".join(_page(diagnosis, paint))


def _cause_data(found: Found) -> dict[str, str]:
    cause = found.cause
    return {
        "id": cause.id,
        "sentence": cause.sentence,
        "how": found.how,
        "fix": cause.fix,
        "source": cause.source,
        "proof": found.proof,
    }


def _shown_data(shown: Shown | None) -> dict[str, Any] | None:
    if shown is None:
        return None
    return {
        "text": escape(shown.data),
        "bytes": shown.size_bytes,
        "truncated": shown.cut,
        "sha256": shown.sha256,
    }


def _place_data(place: Place) -> dict[str, str]:
    return {
        "before": escape(place.before),
        "marked": escape(place.marked),
        "after": escape(place.after),
    }


def _fine(diagnosis: Diagnosis) -> str:
    words = "the credentials are fine"
    if diagnosis.unchecked:
        words += f" as far as they could be checked (not checked: {', '.join(diagnosis.unchecked)})"
    return words


def _page(diagnosis: Diagnosis, paint: _Paint) -> Iterator[str]:
    if diagnosis.accepted:
        fine = _fine(diagnosis)
        yield paint(_GREEN, f"{fine[0].upper()}{fine[1:]}.")
    for found in diagnosis.found:
        yield paint(_BOLD, f"{found.cause.id}: {found.cause.sentence}")
        yield f"  found:  {found.how}"
        yield f"  proof:  {_PROOFS[found.proof]}"
        yield f"  fix:    {found.cause.fix}"
        yield f"  source: {found.cause.source}"
    for found in diagnosis.also:
        yield f"  The same bytes are also made by {found.cause.id}: {found.how}."
    if not diagnosis.complete:
        yield paint(_BOLD, f"{diagnosis.doubt[:1].upper()}{diagnosis.doubt[1:]}.")
    expected, signed = diagnosis.expected, diagnosis.signed
    if expected is not None and signed is not None and diagnosis.difference is not None:
        differs = diagnosis.difference
        yield ""
        yield f"They differ from byte {differs.offset} (line {differs.line + 1}):"
        yield "  " + paint(_RED, f"- server  {differs.expected}")
        yield "  " + paint(_GREEN, f"+ signed  {differs.signed}")
        yield ""
        yield "Strings to sign, - the server's, + the signed one; \\n ends a line:"
        yield from _compared(_lines(expected), _lines(signed), paint)
    elif expected is not None:
        yield ""
        yield "The server's string to sign; \\n ends a line:"
        yield from (f"    {line}" for line in _lines(expected))
    if diagnosis.facts:
        yield ""
        yield from (f"{name}: {value}" for name, value in diagnosis.facts)


_PROOFS = {
    "digest": "the signature was made over exactly this string",
    "rule": "a rule is broken",
}


def _lines(shown: Shown) -> list[str]:
    lines = [escape(line) for line in shown.data.splitlines(keepends=True)]
    if shown.cut:
        lines.append(f"… {shown.size_bytes - len(shown.data)} more bytes")
    return lines or [""]


def _compared(server: Sequence[str], signed: Sequence[str], paint: _Paint) -> Iterator[str]:
    matcher = SequenceMatcher(None, server, signed, autojunk=False)
    for tag, first, last, from_, to in matcher.get_opcodes():
        if tag == "equal":
            yield from (f"    {line}" for line in server[first:last])
            continue
        yield from ("  " + paint(_RED, f"- {line}") for line in server[first:last])
        yield from ("  " + paint(_GREEN, f"+ {line}") for line in signed[from_:to])
        if last - first == to - from_ == 1:
            yield "    " + _carets(server[first], signed[from_])


def _carets(server: str, signed: str) -> str:
    """Mark where the signed line differs from the server's."""
    matcher = SequenceMatcher(None, server, signed, autojunk=False)
    marks = [" "] * (len(signed) + 1)
    for tag, _, _, first, last in matcher.get_opcodes():
        if tag != "equal":
            marks[first : max(last, first + 1)] = "^" * max(1, last - first)
    return "".join(marks).rstrip()


def _ascii(text: str) -> str:
    plain = text.replace("…", "...")
    return plain.encode("ascii", "backslashreplace").decode()
