"""Large answers, sent in pieces that are made meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace
from starlette.types import Send

from mock_server.web.calls import GONE, LEFT_LATE, WHOLE, Answer, Call
from mock_server.web.traces import Headers
from mock_server.web.wall import let_others_run


class InPieces(Struct, frozen=True):
    """Sends pieces as fast as the client takes them; nobody keeps them."""

    pieces: Iterable[bytes]

    async def send(self, send: Send, answer: Answer, headers: Headers, call: Call) -> None:
        trace, state = call.trace, call.scope["state"]
        state.pop(WHOLE, None)
        headers = tuple(each for each in headers if each[0] != b"content-length")
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            trace.answer = replace(answer, wire=None)
            for piece in self.pieces if call.method != "HEAD" else ():
                if GONE in state:
                    break
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await let_others_run()
            await send({"type": "http.response.body", "body": b""})
            if GONE not in state:
                return
        except OSError:
            pass  # Other servers raise instead.
        trace.remarks += (LEFT_LATE,)
