"""The state of accounts as a JSON document: written piece by piece, read with pauses, checked.

    {"format": "tams-mock-state", "version": 1, "madeBy": "…", "notes": […], "settings": {…},
     "accountsMade": 2, "server": null or an account,
     "accounts": [{"id": "…", "clock": {…}, "records": {"Job": [{…}, …], …},
                   "blobs": {"…": "…"}, "over": {}}]}

Records have the members of their types, amounts are decimals in quotes, and bytes are base64. A
file with a member that is unknown here is refused, since it would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import DecodeError, MsgspecError, Raw, Struct, ValidationError, field, to_builtins
from msgspec.json import Decoder, Encoder, decode

from mock_server.core.clock import Clock
from mock_server.core.errors import DomainError, Invalid, Malformed
from mock_server.core.state_checks import check_account
from mock_server.core.states import Paced, SavedAccount, SavedState, StateService
from mock_server.core.store import Record

FORMAT = "tams-mock-state"
VERSION = 1

_AT_ONCE = 200  # records that are read or written before others have a turn


class StateHead(Struct):
    """What says whether a document can be read."""

    format: Any = None
    version: Any = None


class StoredAccount(Struct, forbid_unknown_fields=True):
    """An account in a document."""

    id: str
    clock: Clock | None
    records: dict[str, list[Raw]]
    blobs: dict[str, Raw] = {}
    over: dict[str, list[str]] = {}


class StateDocument(Struct, forbid_unknown_fields=True, rename="camel"):
    """A document, whose records are not read yet."""

    format: str
    version: int
    accounts: list[StoredAccount]
    server: StoredAccount | None = None
    made_by: str = ""
    settings: dict[str, Any] = {}
    notes: list[str] = field(default_factory=list)
    accounts_made: int = 0


# Writing


def notes_on(accounts: Sequence[SavedAccount]) -> list[str]:
    """Return what a copy of the accounts does not have, or has in another way."""
    return [
        f"account {each.id}: {each.in_flight} callbacks were being sent, and are sent again"
        for each in accounts
        if each.in_flight
    ]


def written(state: SavedState, made_by: str) -> Iterator[bytes]:
    """Yield the document in pieces."""
    encode = Encoder().encode
    head = {
        "format": FORMAT,
        "version": VERSION,
        "madeBy": made_by,
        "notes": notes_on(state.accounts),
        "settings": state.settings,
        "accountsMade": state.made,
    }
    yield encode(head)[:-1] + b',\n"server":'
    if state.server is None:
        yield b"null"
    else:
        yield from _written_account(state.server, encode)
    yield b',\n"accounts":['
    for number, account in enumerate(state.accounts):
        yield b",\n" if number else b"\n"
        yield from _written_account(account, encode)
    yield b"]}\n"


def _written_account(account: SavedAccount, encode: Any) -> Iterator[bytes]:
    head = {"id": account.id, "clock": account.clock}
    yield encode(head)[:-1] + b',"records":{'
    separator = b"\n"
    for kind, records in account.records.items():
        yield separator + encode(kind.__name__) + b":["
        for begin in range(0, len(records), _AT_ONCE):
            lines = map(encode, records[begin : begin + _AT_ONCE])
            yield (b",\n" if begin else b"\n") + b",\n".join(lines)
        yield b"]"
        separator = b",\n"
    yield b'},"blobs":{'
    separator = b"\n"
    for id, data in account.blobs:
        yield separator + encode(id) + b":" + encode(data)
        separator = b",\n"
    over = {kind.__name__: ids for kind, ids in account.over.items()}
    yield b'},"over":' + encode(over) + b"}"


# Reading


def read(data: bytes, states: StateService) -> Paced[SavedState]:
    """Read a document with pauses; raises Malformed, or Invalid with the place of an error."""
    document = _document(data)
    yield
    server = None
    if document.server is not None:
        server = yield from _read_account(document.server, "server", states)
    accounts: list[SavedAccount] = []
    taken: dict[type[Record], set[str]] = {}
    for number, stored in enumerate(document.accounts):
        place = f"accounts/{number}"
        account = yield from _read_account(stored, place, states)
        if account.clock is None and server is None:
            raise Invalid(f"{place}/clock", "is null, but the document has no clock of the server")
        check_account(account, place)
        for kind, check in states.checks:
            if kind is SavedAccount:
                _checked(check, account, place)
        _refuse_repeated(account, place, taken)
        accounts.append(account)
        yield
    return SavedState(accounts, server, document.accounts_made, document.settings)


def _document(data: bytes) -> StateDocument:
    head = _decoded(StateHead, data, "")
    if head.format != FORMAT:
        raise Invalid("format", f"is not {FORMAT!r}, so this is no state of tams-mock")
    if head.version != VERSION:
        newer = isinstance(head.version, int) and head.version > VERSION
        hint = "; load it with a newer tams-mock" if newer else ""
        raise Invalid("version", f"is {head.version!r}, and only {VERSION} can be read{hint}")
    document: StateDocument = _decoded(StateDocument, data, "")
    return document


def _read_account(stored: StoredAccount, place: str, states: StateService) -> Paced[SavedAccount]:
    kinds, records = states.kinds, dict[type[Record], Sequence[Any]]()
    for name, raws in stored.records.items():
        where = f"{place}/records/{name}"
        if name not in kinds:
            raise Invalid(where, "is a kind of record that this version does not know")
        kind = kinds[name]
        checks = [check for checked, check in states.checks if checked is kind]
        decoder, encode = Decoder(kind), Encoder().encode
        found: list[Any] = []
        for number, raw in enumerate(raws):
            record = _decoded(decoder, raw, at := f"{where}/{number}")
            if encode(record) != bytes(raw):
                _refuse_unknown(decode(raw), to_builtins(record), at)
            if record.account != stored.id:
                raise Invalid(f"{at}/account", f"is not {stored.id!r}")
            for check in checks:
                _checked(check, record, at)
            found.append(record)
            if number % _AT_ONCE == _AT_ONCE - 1:
                yield
        records[kind] = found
    blobs: list[tuple[str, bytes]] = []
    for id, raw in stored.blobs.items():
        blobs.append((id, _decoded(bytes, raw, f"{place}/blobs/{id}")))
        yield
    over: dict[type[Record], Sequence[str]] = {}
    for name, ids in stored.over.items():
        if name not in kinds:
            raise Invalid(f"{place}/over/{name}", "is a kind of record that is unknown")
        over[kinds[name]] = ids
    return SavedAccount(stored.id, stored.clock, records, blobs, over)


def _refuse_repeated(
    account: SavedAccount, place: str, taken: dict[type[Record], set[str]]
) -> None:
    for kind, records in account.records.items():
        ids = taken.setdefault(kind, set())
        before = len(ids)
        ids.update(record.id for record in records)
        if len(ids) - before != len(records):
            raise Invalid(f"{place}/records/{kind.__name__}", "has an id that is there twice")


def _refuse_unknown(value: Any, known: Any, place: str) -> None:
    """Refuse members of a value that the record made of it does not have."""
    if isinstance(value, Mapping) and isinstance(known, Mapping):
        for name, each in value.items():
            if name not in known:
                raise Invalid(f"{place}/{name}", "is unknown in this version")
            _refuse_unknown(each, known[name], f"{place}/{name}")
    elif isinstance(value, list) and isinstance(known, list | tuple):
        for number, (each, other) in enumerate(zip(value, known, strict=False)):
            _refuse_unknown(each, other, f"{place}/{number}")


def _checked(check: Any, record: Any, place: str) -> None:
    try:
        check(record)
    except Invalid as error:
        raise Invalid(f"{place}/{error.field}", error.problem) from error
    except (DomainError, MsgspecError, TypeError, ValueError) as error:
        raise Invalid(place, f"cannot be used: {error}") from error


def _decoded(kind: Any, data: bytes | Raw, place: str) -> Any:
    try:
        return kind.decode(data) if isinstance(kind, Decoder) else decode(data, type=kind)
    except ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        steps = re.sub(r"[\[\].]+", "/", path.rstrip("`").replace("[...]", "")).strip("/")
        where = "/".join(filter(None, (place, steps)))
        raise Invalid(where or "body", problem[:1].lower() + problem[1:]) from error
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"it is not JSON: {error}") from error
