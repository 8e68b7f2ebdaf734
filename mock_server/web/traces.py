"""What is remembered of an exchange: while it goes on, and afterwards in the journal."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder
from starlette.types import Scope

from mock_server.core.errors import DomainError

if TYPE_CHECKING:
    from mock_server.web.calls import Answer

Headers = tuple[tuple[bytes, bytes], ...]
Address = tuple[str, int | None]


def target_of(scope: Scope) -> bytes:
    """Return path and query as they stood on the request line, undecoded."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


class Head(Struct, frozen=True, array_like=True):
    """The head of a request, but for its method. `target` is as it stood on the request line."""

    target: bytes
    headers: Headers
    scheme: str
    version: str
    server: Address | None
    client: Address | None

    @classmethod
    def of(cls, scope: Scope) -> Head:
        return unpack(pack(scope))

    @property
    def query(self) -> str:
        return self.target.partition(b"?")[2].decode("latin-1")


def pack(scope: Scope) -> bytes:
    """Return a request's head as one piece of bytes.

    The journal keeps it so: dozens of objects take longer to keep and to forget.
    """
    return _encode(
        (
            target_of(scope),
            scope["headers"],
            scope.get("scheme", "http"),
            scope.get("http_version", "1.1"),
            scope.get("server"),
            scope.get("client"),
        )
    )


_encode = Encoder().encode
unpack = Decoder(Head).decode


# Counts what began: exchanges, units of work and callbacks, so that their order is known.
next_turn = count(1).__next__


class Trace(Struct):
    """What is remembered of one exchange while it goes on; the journal keeps it afterwards.

    `answer` is what was sent of the answer: None if nothing was, without a body if the connection
    broke before it, or for HEAD. `decided` is what came of the request, by name, and `refusal` why
    it was refused, with an error of the class `refused`. `faults` are the kinds that acted.
    `verdict` is a CredentialsVerdict, where there were credentials. `announced` is sent in a header
    of the answer. One that is `passing` comes again and again, and is kept only if something is to
    be said of it. `kept` is its place in the order in which exchanges ended. `turn` and `acts` say
    when it came, and when each of its units of work began, as numbers of one count.
    """

    id: str
    wall: float
    method: str = ""
    path: str = ""
    packed_head: bytes = b""
    seconds: float = 0.0
    body: bytes = b""
    answer: Answer | None = None
    surface: str = ""
    account: str = ""
    operation: str = ""
    now: float | None = None
    verdict: Any = None
    decided: dict[str, Any] | None = None
    refusal: str = ""
    refused: type[DomainError] | None = None
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    passing: bool = False
    kept: int = 0
    announced: str = ""
    turn: int = 0
    acts: tuple[int, ...] = ()

    @property
    def head(self) -> Head:
        """The head of the request, once the exchange is over."""
        return unpack(self.packed_head)
