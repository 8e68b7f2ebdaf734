"""What clients sign in place of the header lines that the server makes from their list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple
from urllib.parse import quote

from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.findings import Mistake, PartVariant, variant
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.signature import MAX_NAMES, UNSIGNABLE

Lines = tuple[tuple[bytes, bytes], ...]  # names, each with its value
_Selection = tuple[tuple[Mistake, ...], Lines]
_Order = Callable[[Lines], Lines]


class _LineForm(NamedTuple):
    step: Mistake
    line: bytes
    end: bytes = b""


_FORMS = (
    _LineForm(Mistake("line-blank", "name: value"), b"%b: %b\n"),
    _LineForm(Mistake("line-blank", "name : value"), b"%b : %b\n"),
    _LineForm(Mistake("line-equals", "name=value"), b"%b=%b\n"),
    _LineForm(Mistake("line-names-left-out", "the value alone"), b"%.0b%b\n"),
    _LineForm(Mistake("lines-joined-otherwise", "with &"), b"%b:%b&", b"&"),
    _LineForm(Mistake("lines-joined-otherwise", "with commas"), b"%b:%b,", b","),
    _LineForm(Mistake("lines-joined-otherwise", "with blanks"), b"%b:%b ", b" "),
    _LineForm(Mistake("lines-joined-otherwise", "with nothing"), b"%b:%b"),
    _LineForm(Mistake("lines-joined-otherwise", "as name=value with &"), b"%b=%b&", b"&"),
)
# What a client may believe that it sends.
_UNSENT = {
    b"x-ca-stage": (b"RELEASE", b"TEST", b"PRE"),
    b"x-ca-signature-method": (b"HmacSHA256", b"HmacSHA1"),
    b"x-ca-version": (b"1",),
}
_MAX_NAMES = 24
_MAX_DIGITS = 20  # of a timestamp


def line_variants(
    evidence: Evidence[WorkshopSettings], names: tuple[bytes, ...] | None
) -> Iterator[PartVariant]:
    """Yield what may be signed as header lines; `names` are those of the list."""
    selections = list(_selections(evidence, names))
    for steps, lines in selections:
        yield PartVariant(steps, _text(_sorted(lines)))
    listed = _valued(evidence, _signable(names or ()))
    if names is None:
        listed = selections[0][1] if selections else ()
    missing = _LIST if names is None else ()
    for step, order in _ORDERS:
        yield PartVariant((*missing, step), _text(order(listed)))
    for step, spelled in _spelled(listed):
        yield PartVariant((*missing, step), _text(_sorted(spelled)))
    for form in _FORMS:
        yield PartVariant((*missing, form.step), _text(_sorted(listed), form))
    for step, changed in _changed(evidence, listed):
        yield PartVariant((*missing, step), _text(_sorted(changed)))
    if len(listed) != len(set(listed)):
        yield PartVariant(
            (Mistake("name-listed-twice", "each time"),), _text(tuple(sorted(listed)))
        )


def line_pairs(
    evidence: Evidence[WorkshopSettings], names: tuple[bytes, ...] | None
) -> Iterator[PartVariant]:
    """Yield what two or three mistakes make of the lines: in choice, spelling and order."""
    listed: _Selection = ((), _valued(evidence, _signable(names or ())))
    for steps, lines in (*([listed] if names is not None else []), *_selections(evidence, names)):
        spellings = [((), lines), *(((step,), other) for step, other in _spelled(lines))]
        orders: list[tuple[tuple[Mistake, ...], _Order]] = [((), _sorted)]
        orders += [((step,), order) for step, order in _ORDERS]
        for (spelling, spelled), (ordering, order) in product(spellings, orders):
            several = (*steps, *spelling, *ordering)
            if len(several) > 1:
                yield PartVariant(several, _text(order(spelled)))


_LIST = (Mistake("list-not-sent", "there is no x-ca-signature-headers"),)


def _signable(names: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(name for name in names[:_MAX_NAMES] if name.lower() not in UNSIGNABLE)


def _valued(evidence: Evidence[WorkshopSettings], names: tuple[bytes, ...]) -> Lines:
    return tuple((name, evidence.value(name.lower())) for name in names)


def _selections(
    evidence: Evidence[WorkshopSettings], names: tuple[bytes, ...] | None
) -> Iterator[_Selection]:
    """Yield other choices of headers than that of the list."""
    listed_as = {name.lower(): name for name in names or ()}
    every = dict.fromkeys(
        listed_as.get(name.lower(), name)
        for name, _ in evidence.headers
        if name.lower().startswith(b"x-ca-")
    )
    sent = _valued(evidence, _signable(tuple(every)))
    if names is None:
        yield _LIST, sent
        for lines in (
            tuple(line for line in sent if line[0].lower() in _KEYED),
            tuple(line for line in sent if line[0].lower() != b"x-ca-signature-method"),
        ):
            yield _LIST, lines
        return
    listed = _valued(evidence, _signable(names))
    yield (Mistake("lines-left-out", "the list names some"),), ()
    for number, (name, _) in enumerate(listed):
        stage = name.lower() == b"x-ca-stage"
        cause = "stage-not-signed" if stage else "line-left-out"
        yield (_named(cause, name),), (*listed[:number], *listed[number + 1 :])
    yield (
        (Mistake("empty-lines-left-out", "of headers that are empty or did not come"),),
        tuple(line for line in listed if line[1]),
    )
    if any(b"_" in name for name in names):
        hyphened = tuple(name.replace(b"_", b"-") for name in names)
        yield (Mistake("names-underscored", "in the list"),), _valued(evidence, _signable(hyphened))
    known = {name.lower() for name, _ in listed}
    for line in sent:
        if line[0].lower() not in known:
            yield (_named("line-not-in-list", line[0]),), (*listed, line)
    yield (Mistake("lines-of-all-headers", "whatever the list says"),), sent
    apart = _valued(evidence, tuple(name for name in names if name.lower() in UNSIGNABLE))
    if apart:
        yield (_named("unsignable-signed", apart[0][0]),), (*listed, *apart)
    for name in (b"x-ca-signature-headers", b"X-Ca-Signature-Headers"):
        line = (name, evidence.value(b"x-ca-signature-headers"))
        yield (_named("unsignable-signed", name),), (*listed, line)


_KEYED = {b"x-ca-key", b"x-ca-timestamp", b"x-ca-nonce"}


def _spelled(lines: Lines) -> Iterator[tuple[Mistake, Lines]]:
    """Yield the lines with names that are spelled otherwise than in the list."""
    for cause, how, spell in (
        ("names-lower-cased", "x-ca-…", bytes.lower),
        ("names-capitalised", "X-Ca-…", bytes.title),
        ("names-upper-cased", "X-CA-…", bytes.upper),
        ("names-upper-cased", "X-CA-Key", _prefixed),
        ("names-underscored", "x_ca_…", lambda name: name.replace(b"-", b"_")),
        ("names-underscored", "hyphens for underscores", lambda name: name.replace(b"_", b"-")),
    ):
        yield Mistake(cause, how), tuple((spell(name), value) for name, value in lines)


def _prefixed(name: bytes) -> bytes:
    return b"X-CA-" + name[5:].title() if name.lower().startswith(b"x-ca-") else name


def _changed(evidence: Evidence[WorkshopSettings], lines: Lines) -> Iterator[tuple[Mistake, Lines]]:
    """Yield the lines with one value that is not the one that came."""
    for number, (name, value) in enumerate(lines):
        for step, other in _values(evidence, name, value):
            yield step, (*lines[:number], (name, other), *lines[number + 1 :])


def _values(
    evidence: Evidence[WorkshopSettings], name: bytes, value: bytes
) -> Iterator[tuple[Mistake, bytes]]:
    several = evidence.values(name.lower())
    if len(several) > 1:
        yield _named("header-sent-twice", name), several[0].strip(b" \t")
        yield _named("header-sent-twice", name), b",".join(several)
        yield _named("header-sent-twice", name), b", ".join(several)
    if not value:
        hyphened = evidence.value(name.lower().replace(b"_", b"-"))
        if b"_" in name and hyphened:
            yield _named("names-underscored", name), hyphened
        for other in _UNSENT.get(name.lower(), ()):
            yield _named("value-not-sent", name), other
        return
    if name.lower() == b"x-ca-timestamp" and value.isdigit() and len(value) <= _MAX_DIGITS:
        cause = "timestamp-signed-otherwise"
        yield Mistake(cause, "in seconds"), value[:-3]
        yield Mistake(cause, "in seconds, sent in milliseconds"), value[:-3] + b"000"
        yield Mistake(cause, "in milliseconds"), value + b"000"
        seconds = b"%d.%03d" % divmod(int(value), 1000)
        for text in (seconds, repr(int(value) / 1000).encode(), value + b".0"):
            yield Mistake("timestamp-fraction", f"as {text.decode()}"), text
    yield _named("value-case", name), value.lower()
    yield _named("value-case", name), value.upper()
    yield _named("value-space", name), value + b" "
    yield _named("value-space", name), b" " + value
    yield _named("value-space", name), b"".join(value.split())
    yield _named("value-encoded", name), quote(value, safe="").encode()
    yield _named("value-left-out", name), b""


def split_list(value: bytes) -> tuple[bytes, ...]:
    """Return the names of a list that has other separators than commas; none if it has not."""
    parts = re.split(rb"[\s;:|&,\[\]\"']+", value, maxsplit=MAX_NAMES)
    names = tuple(name for name in parts if name)
    return names if len(names) > 1 and len(names) != value.count(b",") + 1 else ()


def exact_timestamps(
    evidence: Evidence[WorkshopSettings], names: tuple[bytes, ...] | None
) -> Iterator[PartVariant]:
    """Yield the lines with every value that time.time() * 1000 can have in this millisecond."""
    lines = _valued(evidence, _signable(names or ()))
    for number, (name, value) in enumerate(lines):
        if name.lower() != b"x-ca-timestamp" or not value.isdigit() or len(value) != 13:
            continue
        for step in range(_DOUBLES_PER_MS):
            text = repr(int(value) + step / _DOUBLES_PER_MS).encode()
            changed = (*lines[:number], (name, text), *lines[number + 1 :])
            yield variant("timestamp-fraction", f"as {text.decode()}", _text(_sorted(changed)))


_DOUBLES_PER_MS = 4096  # of thirteen digits before the point


def _named(cause: str, name: bytes) -> Mistake:
    return Mistake(cause, name.decode("latin-1")[:60])


def _sorted(lines: Lines) -> Lines:
    return tuple(sorted(dict.fromkeys(lines)))


_ORDERS: tuple[tuple[Mistake, _Order], ...] = (
    (Mistake("list-order-kept", "in the order of the list"),
     lambda lines: tuple(dict.fromkeys(lines))),
    (Mistake("names-sorted-otherwise", "without regard to case"),
     lambda lines: tuple(sorted(dict.fromkeys(lines), key=lambda line: line[0].lower()))),
    (Mistake("names-sorted-otherwise", "backwards"), lambda lines: _sorted(lines)[::-1]),
)  # fmt: skip


def _text(lines: Lines, form: _LineForm | None = None) -> bytes:
    if form is None:
        return b"".join([b"%b:%b\n" % line for line in lines])
    joined = b"".join([form.line % line for line in lines])
    return joined.removesuffix(form.end) + b"\n" if form.end else joined
