"""What clients sign in place of the path and the parameters that they send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from json import loads
from urllib.parse import quote, quote_plus, unquote_to_bytes

from mock_server.web.auth_diagnostics.findings import Step, Variant
from mock_server.workshop.auth_diagnostics.evidence import Evidence
from mock_server.workshop.signature import decoded, is_form

_MAX_PAIRS = 40
_MAX_JSON_BYTES = 64 * 1024
_SEGMENT = b"/scc"


Pairs = list[tuple[bytes, bytes]]


def resource_variants(evidence: Evidence) -> Iterator[Variant]:
    """Yield what may be signed as path and parameters, one mistake at a time for the most part."""
    path, _, query = evidence.target.partition(b"?")
    form = evidence.body if is_form(evidence.value(b"content-type")) else b""
    right = _joined(path, _parameters(_raw(query), _raw(form)))
    suffix = right[len(path) :]
    yield from _without(path, query, form)
    for steps, other in _paths(evidence, path):
        yield Variant(steps, other + suffix)
    yield from _respelled(path, query, form)
    if form:
        yield _one("form-appended", "with & and as it came", right + b"&" + form)
        yield _one("form-appended", "with ? and as it came", _joined(path, form))
    elif evidence.body:
        yield from _body_fields(path, query, evidence.body)
    if suffix and b"%" not in right and b"+" not in right:
        yield _one("query-encoded", "percent-encoded", _joined(path, _quoted(query, form)))


def _one(cause: str, how: str, value: bytes) -> Variant:
    return Variant((Step(cause, how),), value)


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


def _without(path: bytes, query: bytes, form: bytes) -> Iterator[Variant]:
    """Leave the query out, the form, or both."""
    if query:
        step = Step("query-left-out", "the path alone" if not form else "the form alone")
        yield Variant((step,), _joined(path, _parameters([], _raw(form))))
    if form:
        step = Step("form-left-out", "the path alone" if not query else "the query alone")
        yield Variant((step,), _joined(path, _parameters(_raw(query), [])))
    if query and form:
        steps = (Step("query-left-out", "the path alone"), Step("form-left-out", "the path alone"))
        yield Variant(steps, path)
    if not query and not form:
        yield _one("query-added", "a bare ?", path + b"?")


def _unplussed(text: bytes) -> bytes:
    return unquote_to_bytes(text)


def _as_it_is(text: bytes) -> bytes:
    return text


def _percent_encoded(text: bytes) -> bytes:
    return quote(decoded(text), safe="").encode()


def _plus_encoded(text: bytes) -> bytes:
    return quote_plus(decoded(text)).encode()


_DECODE = (
    (None, decoded),
    (Step("query-encoded", "as it stands in the URL"), _as_it_is),
    (Step("query-encoded", "percent-encoded"), _percent_encoded),
    (Step("query-encoded", "encoded as a form"), _plus_encoded),
    (Step("query-plus", "+ was left as it is"), _unplussed),
)
_SORT = ((None, True), (Step("query-not-sorted", "in the order in which they were sent"), False))
_KEEP = (
    (None, "first"),
    (Step("query-repeated", "the last value counts"), "last"),
    (Step("query-repeated", "every value counts"), "all"),
    (Step("query-repeated", "the values are joined by commas"), "joined"),
)
_BARE = (
    (None, "bare"),
    (Step("query-empty-equals", "key="), "equals"),
    (Step("query-empty-equals", "left out"), "none"),
)
_FORM = ((None, "query"), (Step("form-first", "the form's value counts"), "form"))


def _respelled(path: bytes, query: bytes, form: bytes) -> Iterator[Variant]:
    """Yield the parameters in other habits, those with the fewest first."""
    if not query and not form:
        return
    found: dict[bytes, tuple[Step, ...]] = {}
    first, second = _raw(query), _raw(form)
    ways = product(_DECODE, _SORT, _KEEP, _BARE, _FORM if query and form else _FORM[:1])
    for several in sorted(ways, key=lambda ways: sum(step is not None for step, _ in ways)):
        (_, decode), (_, sort), (_, keep), (_, bare), (_, leading) = several
        one, other = (first, second) if leading == "query" else (second, first)
        steps = tuple(step for step, _ in several if step is not None)
        text = _parameters(one, other, decode=decode, sort=sort, keep=keep, bare=bare)
        found.setdefault(text, steps)
    for text, steps in found.items():
        if steps:
            yield Variant(steps, _joined(path, text))


def _parameters(
    query: Pairs,
    form: Pairs,
    *,
    decode: Callable[[bytes], bytes] = decoded,
    sort: bool = True,
    keep: str = "first",
    bare: str = "bare",
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
            name + b"=" + value if value or bare == "equals" else name
            for name, value in pairs
            if value or bare != "none"
        ]
    )


def _kept(several: list[bytes], keep: str) -> bytes:
    if keep == "joined":
        return b",".join(several)
    return several[-1 if keep == "last" else 0]


def _quoted(query: bytes, form: bytes) -> bytes:
    return _parameters(_raw(query), _raw(form), decode=_percent_encoded)


def _paths(evidence: Evidence, path: bytes) -> Iterator[Variant]:
    """Yield what may be signed as the path."""
    host = evidence.value(b"host")
    for scheme in dict.fromkeys((evidence.scheme.encode(), b"https", b"http")):
        if host:
            yield _one("host-included", "with scheme and host", scheme + b"://" + host + path)
    if host:
        yield _one("host-included", "with the host", host + path)
        yield _one("host-included", "with // and the host", b"//" + host + path)
    if path.endswith(b"/") and path != b"/":
        yield _one("path-trailing-slash", "without it", path.rstrip(b"/"))
    yield _one("path-trailing-slash", "with one more", path + b"/")
    start = path.find(_SEGMENT + b"/")
    if start > 0:
        cut = path[:start].decode("latin-1")[:60]
        yield _one("path-prefix-left-out", f"without {cut}", path[start:])
    if start >= 0:
        rest = path[start + len(_SEGMENT) :]
        yield _one("path-prefix-left-out", "without /scc", rest)
        yield _one("path-leading-slash", "neither / nor scc", rest.lstrip(b"/"))
    for prefix in (_SEGMENT, b"/api", b"/openapi", b"/v1"):
        yield _one("path-prefix-added", f"with {prefix.decode()}", prefix + path)
    yield _one("path-leading-slash", "without it", path.lstrip(b"/"))
    yield _one("path-case", "in lower case", path.lower())
    yield _one("path-decoded", "decoded", unquote_to_bytes(path))
    yield _one("path-encoded", "encoded", quote(path, safe="/").encode())
    yield _one("path-encoded", "with its slashes encoded", quote(path, safe="").encode())
    while b"//" in path:
        path = path.replace(b"//", b"/")
    yield _one("path-slashes", "with single slashes", path)
    yield _one("path-left-out", "as nothing", b"")
    for other in evidence.paths:
        if other != path:
            yield _one("path-other", f"as {other.decode('latin-1')}", other)


def _body_fields(path: bytes, query: bytes, body: bytes) -> Iterator[Variant]:
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
        text = _parameters(first, fields, decode=_as_it_is, sort=sort)
        yield _one("json-as-parameters", "name=value of each member", _joined(path, text))


def _plain(value: object) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return str(value).encode("utf-8", "replace")
