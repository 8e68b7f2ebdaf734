"""Normalising: volatile values become references. Equal values become the same reference.

`{{job-1}}` is the first job of a scene, in bodies, URLs and messages.
`{{time-1:number}}` was a JSON number. A second normalising changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from contract_tests.recording import volatile
from contract_tests.recording.bodies import read_body
from contract_tests.recording.shape import RawExchange, RecordedExchange
from contract_tests.recording.volatile import REFERENCE
from contract_tests.redaction import HIDDEN

MAX_ROUNDS = 20
MIN_LENGTH = 6  # characters; a shorter value would match inside ordinary words
_DROPPED_SENT = {
    "host", "user-agent", "accept-encoding", "connection", "content-length", "transfer-encoding",
}  # fmt: skip
_DROPPED = {
    "date", "server", "connection", "keep-alive", "content-length", "transfer-encoding", "via",
    "age", "alt-svc", "cf-ray", "cf-cache-status", "strict-transport-security",
    "nel", "report-to", "server-timing",
}  # fmt: skip
# New for each request, and different in each client.
_MADE_BY_SIGNER = {
    "x-ca-nonce": "{{nonce}}", "x-ca-timestamp": "{{now}}", "x-ca-signature": "{{signature}}",
    "content-md5": "{{digest}}", "date": "{{now}}",
}  # fmt: skip
_IN_SIGNATURE = re.compile(r"(nonce_str|timestamp|signature)=([^,]*)")
_PARTS = {"nonce_str": "{{nonce}}", "timestamp": "{{now}}", "signature": "{{signature}}"}
_NOW = "{{now}}"


def normalise_scene(
    raws: Iterable[RawExchange], known: Mapping[str, str]
) -> list[RecordedExchange]:
    """Return the exchanges of a scene without anything volatile or secret.

    `known` are values with their references, for example endpoint and credentials.
    """
    raws = list(raws)
    made = {value: ref for value, ref in known.items() if value}
    for raw in raws:
        made |= _made_by_signer(raw)
    exchanges = [_plain(raw) for raw in raws]
    return normalise([_replaced(exchange, made) for exchange in exchanges])


def normalise(exchanges: list[RecordedExchange]) -> list[RecordedExchange]:
    """Return exchanges with references instead of volatile values.

    Replacements are repeated until nothing changes.
    """
    for _ in range(MAX_ROUNDS):
        names = _learn(exchanges)
        replaced = [_replaced(exchange, names) for exchange in exchanges]
        if replaced == exchanges:
            break
        exchanges = replaced
    return exchanges


def leaves(value: Any, parent: str = "", name: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield every plain value, with the name of its parent and its own name.

    Keys of objects are included, as texts without a name: they may contain ids.
    """
    if isinstance(value, dict):
        for key, member in value.items():
            yield name, "", key
            yield from leaves(member, name, key)
    elif isinstance(value, list):
        for item in value:
            # An item has the name of its list.
            yield from leaves(item, parent, name)
    else:
        yield parent, name, value


def _plain(raw: RawExchange) -> RecordedExchange:
    exchange: RecordedExchange = {
        "step": raw.step,
        **({"passing": True} if raw.passing else {}),
        "request": {
            "method": raw.method,
            "url": raw.url,
            "headers": _signed_anew(_headers(raw.sent_headers, _DROPPED_SENT)),
            **read_body(raw.sent),
        },
    }
    if raw.status is None:
        return {**exchange, "error": raw.error}
    headers = _headers(raw.headers, _DROPPED)
    return {
        **exchange,
        "response": {"status": raw.status, "headers": headers, **read_body(raw.content)},
    }


def _headers(headers: Iterable[tuple[str, str]], dropped: set[str]) -> dict[str, str]:
    """Return the relevant headers, by name; cookies are secrets."""
    found: dict[str, str] = {}
    for spelled, value in headers:
        name = spelled.lower()
        # Additional headers of a mock are not part of the contract.
        if name in dropped or name.startswith("x-mock-") or (name, value) == ("accept", "*/*"):
            continue
        shown = HIDDEN if "cookie" in name else value
        found[name] = f"{found[name]}, {shown}" if name in found else shown
    return dict(sorted(found.items()))


def _made_by_signer(raw: RawExchange) -> dict[str, str]:
    made: dict[str, str] = {}
    for spelled, value in raw.sent_headers:
        name = spelled.lower()
        if name in _MADE_BY_SIGNER:
            made[value] = _MADE_BY_SIGNER[name]
        elif name == "authorization":
            made |= {part: _PARTS[of] for of, part in _IN_SIGNATURE.findall(value)}
    # A time may also be the time of something else.
    return {v: ref for v, ref in made.items() if len(v) >= MIN_LENGTH and ref != _NOW}


def _signed_anew(headers: dict[str, str]) -> dict[str, str]:
    """Return headers of a request with references for the values of its signer."""
    shown = {name: _MADE_BY_SIGNER.get(name, value) for name, value in headers.items()}
    if "authorization" in shown:
        shown["authorization"] = _IN_SIGNATURE.sub(
            lambda part: f"{part[1]}={_PARTS[part[1]]}", shown["authorization"]
        )
    return shown


class ReferenceNames:
    """References, numbered in the order in which values appear."""

    def __init__(self, exchanges: list[RecordedExchange]) -> None:
        self.given: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        for kind, number in _references(exchanges):
            self._counts[kind] = max(self._counts.get(kind, 0), number)

    def give(self, kind: str, value: str) -> None:
        """Give a value a reference, unless it has one."""
        if value not in self.given:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self.given[value] = "{{" + f"{kind}-{self._counts[kind]}" + "}}"


def _learn(exchanges: list[RecordedExchange]) -> dict[str, str]:
    names, constants = ReferenceNames(exchanges), set[str]()
    for exchange in exchanges:
        request = exchange["request"]
        for parent, name, value in leaves(_message(request)):
            _learn_sent(names, constants, parent, name, value)
        for text in request["headers"].values():
            # Signatures and tokens are replaced already; the rest are constants.
            constants.update(found for _, found in volatile.looks(text))
        for parent, name, value in leaves(_message(exchange.get("response", {}))):
            _learn_received(names, constants, parent, name, value)
        for name, text in exchange.get("response", {}).get("headers", {}).items():
            _learn_received(names, constants, "", name, text)
        _learn_received(names, constants, "", "", exchange.get("error", ""))
    return names.given


def _message(part: Mapping[str, Any]) -> list[Any]:
    """Return the parts of a message that may contain values, without its headers."""
    return [part.get("url", ""), part.get("body")]


def _learn_sent(
    names: ReferenceNames, constants: set[str], parent: str, name: str, value: Any
) -> None:
    kind = volatile.kind_of_member(parent, name)
    if isinstance(value, str) and kind in volatile.HIDDEN_WHEN_SENT and _is_free(value):
        names.give(kind, value)
        return
    text = _text(name, value)
    constants.update(
        found
        for kind, found in volatile.looks(text)
        if found not in names.given and kind not in ("time", "date")
    )
    if isinstance(value, str) and kind is not None and value not in names.given:
        constants.add(value)
    _learn_looks(names, constants, text)


def _learn_received(
    names: ReferenceNames, constants: set[str], parent: str, name: str, value: Any
) -> None:
    kind = volatile.kind_of_member(parent, name)
    if isinstance(value, str) and kind is not None and value not in constants:
        long_enough = len(value) >= MIN_LENGTH and any(c.isdigit() for c in value)
        if _is_free(value) and (long_enough or kind in volatile.SECRET):
            names.give(kind, value)
            return
    text = _text(name, value)
    for secret in volatile.secrets_of_url(text):
        if secret not in constants and len(secret) >= MIN_LENGTH:
            names.give("secret", secret)
    _learn_looks(names, constants, text)


def _learn_looks(names: ReferenceNames, constants: set[str], text: str) -> None:
    for kind, found in volatile.looks(text):
        if found not in constants:
            names.give(kind, found)


def _text(name: str, value: Any) -> str:
    """Return the text to search in a value; of numbers only possible times or ids."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        text = str(value)
        # Ten digits may be any amount; thirteen digits are milliseconds.
        return text if len(text) != 10 or volatile.holds_time(name) else ""
    return ""


def _is_free(value: str) -> bool:
    return bool(value) and value != HIDDEN and not REFERENCE.search(value)


def _references(value: Any) -> Iterator[tuple[str, int]]:
    for _, _, leaf in leaves(value):
        if isinstance(leaf, str):
            for kind, number, _ in REFERENCE.findall(leaf):
                yield kind, int(number or 0)


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value with references instead of values, in keys of objects too."""
    if not names:
        return value
    whole = dict(names)
    inside = {value: ref for value, ref in names.items() if len(value) >= MIN_LENGTH}
    longest_first = sorted(inside, key=lambda text: (-len(text), text))
    pattern = re.compile(
        "|".join([REFERENCE.pattern, *map(_bounded, longest_first)]) if inside else "(?!)"
    )

    def put(match: re.Match[str]) -> str:
        return inside.get(match[0], match[0])

    def walk(part: Any) -> Any:
        if isinstance(part, dict):
            return {walk(key): walk(member) for key, member in part.items()}
        if isinstance(part, list):
            return [walk(item) for item in part]
        if isinstance(part, str):
            return whole[part] if part in whole else pattern.sub(put, part)
        if isinstance(part, int) and not isinstance(part, bool) and str(part) in inside:
            return inside[str(part)].replace("}}", ":number}}")
        return part

    return walk(value)


def _bounded(value: str) -> str:
    """Return a pattern for a value that is not a part of a longer word or number."""
    before = r"(?<![0-9A-Za-z])" if value[0].isalnum() else ""
    after = r"(?![0-9A-Za-z])" if value[-1].isalnum() else ""
    return f"{before}{re.escape(value)}{after}"
