"""What clients sign in place of the path and the parameters that they send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from json import loads
from urllib.parse import quote, quote_plus, unquote_to_bytes

from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.findings import Mistake, PartVariant, variant
from mock_server.web.auth_diagnostics.search_budget import SearchWork
from mock_server.web.auth_diagnostics.url_variants import path_changes
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.signature import MAX_FORM_BYTES, decoded, is_form

_MAX_PAIRS = 40
_MAX_JSON_BYTES = 64 * 1024
_MAX_RESPELLED_BYTES = MAX_FORM_BYTES
_WAY_UNITS = 15_000  # of work, see search_budget


Pairs = list[tuple[bytes, bytes]]


def resource_variants(
    evidence: Evidence[WorkshopSettings], work: SearchWork
) -> Iterator[PartVariant | None]:
    """Yield what may be signed as path and parameters, one mistake at a time for the most part."""
    path, _, query = evidence.capture.target.partition(b"?")
    form = evidence.capture.body if is_form(evidence.value(b"content-type")) else b""
    if len(form) > MAX_FORM_BYTES:
        return  # such a form is refused without a look at its signature
    right = _joined(path, _parameters(_raw(query), _raw(form)))
    suffix = right[len(path) :]
    yield from _without(path, query, form)
    yield from _paths(evidence, path, suffix)
    yield from _respelled(path, query, form, work)
    if form:
        yield variant("form-appended", "with & and as it came", right + b"&" + form)
        yield variant("form-appended", "with ? and as it came", _joined(path, form))
    elif evidence.capture.body:
        yield from _body_fields(path, query, evidence.capture.body)
    if suffix and b"%" not in right and b"+" not in right:
        quoted = _parameters(_raw(query), _raw(form), decode=_percent_encoded)
        yield variant("query-encoded", "percent-encoded", _joined(path, quoted))


def _joined(path: bytes, parameters: bytes) -> bytes:
    return path + b"?" + parameters if parameters else path


def _raw(encoded: bytes) -> Pairs:
    """Return the parameters as they stand."""
    found = []
    for pair in encoded.split(b"&", _MAX_PAIRS):
        if pair:
            name, _, value = pair.partition(b"=")
            found.append((name, value))
    return found


def _without(path: bytes, query: bytes, form: bytes) -> Iterator[PartVariant]:
    """Leave the query out, the form, or both."""
    if query:
        step = Mistake("query-left-out", "the path alone" if not form else "the form alone")
        yield PartVariant((step,), _joined(path, _parameters([], _raw(form))))
    if form:
        step = Mistake("form-left-out", "the path alone" if not query else "the query alone")
        yield PartVariant((step,), _joined(path, _parameters(_raw(query), [])))
    if query and form:
        steps = (
            Mistake("query-left-out", "the path alone"),
            Mistake("form-left-out", "the path alone"),
        )
        yield PartVariant(steps, path)
    if not query and not form:
        yield variant("query-added", "a bare ?", path + b"?")


def _percent_encoded(text: bytes) -> bytes:
    return quote(decoded(text), safe="").encode()


_DECODE: tuple[tuple[Mistake | None, Callable[[bytes], bytes]], ...] = (
    (None, decoded),
    (Mistake("query-encoded", "as it stands in the URL"), bytes),
    (Mistake("query-encoded", "percent-encoded"), _percent_encoded),
    (Mistake("query-encoded", "encoded as a form"),
     lambda text: quote_plus(decoded(text)).encode()),
    (Mistake("query-plus", "+ was left as it is"), unquote_to_bytes),
)  # fmt: skip
_SORT = ((None, True), (Mistake("query-not-sorted", "in the order in which they were sent"), False))
_KEEP = (
    (None, "first"),
    (Mistake("query-repeated", "the last value counts"), "last"),
    (Mistake("query-repeated", "every value counts"), "all"),
    (Mistake("query-repeated", "the values are joined by commas"), "joined"),
)
# What languages write for values that are false.
_FALSY = (b"", b"0", b"false", b"False", b"null", b"None", b"undefined", b"nil", b"NaN", b"0.0")
# Which values are not written behind their names, and which parameters are left out for theirs.
_BARE: tuple[tuple[Mistake | None, tuple[tuple[bytes, ...], tuple[bytes, ...]]], ...] = (
    (None, ((b"",), ())),
    (Mistake("query-empty-equals", "key="), ((), ())),
    (Mistake("query-empty-equals", "left out"), ((), (b"",))),
    (Mistake("query-falsy-bare", "false, 0 and null as a bare name"), (_FALSY, ())),
    (Mistake("query-falsy-bare", "false, 0 and null left out"), ((), _FALSY)),
)
_FORM = ((None, "query"), (Mistake("form-first", "the form's value counts"), "form"))


def _respelled(
    path: bytes, query: bytes, form: bytes, work: SearchWork
) -> Iterator[PartVariant | None]:
    """Yield the parameters in other habits, those with the fewest first."""
    if (not query and not form) or len(query) + len(form) > _MAX_RESPELLED_BYTES:
        return
    found: dict[bytes, tuple[Mistake, ...]] = {}
    first, second = _raw(query), _raw(form)
    ways = product(_DECODE, _SORT, _KEEP, _BARE, _FORM if query and form else _FORM[:1])
    for several in sorted(ways, key=lambda ways: sum(step is not None for step, _ in ways)):
        (_, decode), (_, sort), (_, keep), (_, (bare, left_out)), (_, leading) = several
        one, other = (first, second) if leading == "query" else (second, first)
        steps = tuple(step for step, _ in several if step is not None)
        text = _parameters(
            one, other, decode=decode, sort=sort, keep=keep, bare=bare, left_out=left_out
        )
        found.setdefault(text, steps)
        work.add(_WAY_UNITS + 50 * len(text))
        if work.is_over():
            yield None
    for text, steps in found.items():
        if steps:
            yield PartVariant(steps, _joined(path, text))


def _parameters(
    query: Pairs,
    form: Pairs,
    *,
    decode: Callable[[bytes], bytes] = decoded,
    sort: bool = True,
    keep: str = "first",
    bare: Sequence[bytes] = (b"",),
    left_out: Sequence[bytes] = (),
) -> bytes:
    """Return the parameters as a client with these habits signs them."""
    pairs = [(decode(name), decode(value)) for name, value in (*query, *form)]
    if keep != "all":
        values: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        pairs = [(name, _kept(several, keep)) for name, several in values.items()]
    if sort:
        pairs.sort(key=lambda pair: pair[0])
    return b"&".join(
        [
            name if value in bare else name + b"=" + value
            for name, value in pairs
            if value not in left_out
        ]
    )


def _kept(several: list[bytes], keep: str) -> bytes:
    if keep == "joined":
        return b",".join(several)
    return several[-1 if keep == "last" else 0]


_PATH_CAUSES = {
    "host": "host-included", "origin": "host-included", "prefix-left-out": "path-prefix-left-out",
    "prefix-added": "path-prefix-added", "prefix-doubled": "path-prefix-added",
    "leading-slash": "path-leading-slash", "slash-added": "path-trailing-slash",
    "slash-removed": "path-trailing-slash", "slashes": "path-slashes", "lower-case": "path-case",
    "decoded": "path-decoded", "encoded": "path-encoded",
    "segment-left-out": "path-segment-left-out", "left-out": "path-left-out",
    "other": "path-other",
}  # fmt: skip


def _paths(
    evidence: Evidence[WorkshopSettings], path: bytes, suffix: bytes
) -> Iterator[PartVariant]:
    """Yield what may be signed as the path."""
    host = evidence.value(b"host")
    for kind, how, change in path_changes(evidence.capture.scheme, host, path, evidence.paths):
        yield variant(_PATH_CAUSES[kind], how, change(path) + suffix)


def _body_fields(path: bytes, query: bytes, body: bytes) -> Iterator[PartVariant]:
    """A JSON body whose members were signed as if they were a form."""
    if len(body) > _MAX_JSON_BYTES:
        return
    try:
        value = loads(body)
    except (ValueError, RecursionError):
        return
    if not isinstance(value, dict) or not value or len(value) > _MAX_PAIRS:
        return
    fields = [(str(name).encode("utf-8", "replace"), _plain(each)) for name, each in value.items()]
    first = [(decoded(name), decoded(each)) for name, each in _raw(query)]
    for sort in (True, False):
        text = _parameters(first, fields, decode=bytes, sort=sort)
        yield variant("json-as-parameters", "name=value of each member", _joined(path, text))


def _plain(value: object) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return str(value).encode("utf-8", "replace")
