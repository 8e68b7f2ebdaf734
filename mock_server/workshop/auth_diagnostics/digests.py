"""What clients put into Content-MD5, or sign in its place, other than the MD5 of the body."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import new

from mock_server.web.auth_diagnostics.body_variants import BodyVariants
from mock_server.web.auth_diagnostics.findings import Mistake, PartVariant, Stream, variant
from mock_server.web.auth_diagnostics.search_budget import Paced, SearchWork
from mock_server.web.auth_diagnostics.streams import pieces_of
from mock_server.workshop.signature import digest_of

# Of a body that a client may have digested and not sent.
_MEMBERS = ("requestId", "apiToken", "sessionId", "callbackUrl", "userId", "extra")
_ABSENT = Mistake("digest-not-sent", "the header did not come")


class DigestVariants:
    """What may be signed as Content-MD5. None stands where a slice of the work is over."""

    def __init__(self, sent: bytes, body: bytes, work: SearchWork) -> None:
        self.sent = sent
        self.body = body
        self.work = work
        self._bodies = BodyVariants(body, work, _MEMBERS)

    def singles(self) -> Iterator[PartVariant | None]:
        """Yield what one mistake makes, or two where the header did not come."""
        if self.sent:
            yield variant("digest-not-signed", "as nothing", b"")
            right = yield from self.right()
            yield variant("digest-sent-otherwise", "of the body as it came", right)
            yield from self.forms()
            return
        yield PartVariant((_ABSENT,), (yield from self.right()))
        for each in self.forms():
            yield None if each is None else PartVariant((_ABSENT, *each.steps), each.value)

    def right(self) -> Paced[bytes]:
        """Return what Content-MD5 says of the body as it came."""
        return b64encode((yield from self._digest(self.body)))

    def forms(self) -> Iterator[PartVariant | None]:
        """Yield what clients take for the Content-MD5 of a body, each with the mistake in it."""
        body = self.body
        digest = yield from self._digest(body)
        yield from _encodings(digest)
        if not body:
            return
        yield variant("digest-of-nothing", "of no bytes", digest_of(b""))
        for name in ("SHA-1", "SHA-256"):
            other = yield from self._digest(body, name.replace("-", ""))
            yield variant("digest-other-hash", name, b64encode(other))
            yield variant("digest-other-hash", f"{name} in hexadecimal", other.hex().encode())
        yield variant("digest-is-body", f"{len(body)} bytes", body)
        for word in (b"{}", b"null"):
            how = f"of {word.decode()}"
            yield variant("digest-of-other-bytes", how, digest_of(word))
        yield from self._of(self._bodies.singles())

    def rare(self) -> Iterator[PartVariant | None]:
        """Yield digests of what several things make of the body."""
        absent = () if self.sent else (_ABSENT,)
        for each in self._of(self._bodies.several()):
            yield None if each is None else PartVariant((*absent, *each.steps), each.value)

    def _of(self, bodies: Iterator[PartVariant | None]) -> Iterator[PartVariant | None]:
        for each in bodies:
            if each is None:
                yield None
                continue
            digest = yield from self._digest(each.value)
            how = ", ".join(step.how for step in each.steps)
            yield variant("digest-of-other-bytes", f"the body {how}", b64encode(digest))

    def _digest(self, value: bytes | Stream, name: str = "md5") -> Paced[bytes]:
        hashing = new(name, usedforsecurity=False)
        for piece in pieces_of(value) if isinstance(value, bytes) else value():
            hashing.update(piece)
            self.work.add(2 * len(piece))
            if self.work.is_over() or not piece:
                yield
        return hashing.digest()


def _encodings(digest: bytes) -> Iterator[PartVariant]:
    small, capital = digest.hex().encode(), digest.hex().upper().encode()
    yield variant("digest-hex", "in lower case", small)
    yield variant("digest-hex", "in capitals", capital)
    yield variant("digest-base64-of-hex", "in lower case", b64encode(small))
    yield variant("digest-base64-of-hex", "in capitals", b64encode(capital))
    yield variant("digest-encoding", "without padding", b64encode(digest).rstrip(b"="))
    yield variant("digest-encoding", "URL-safe", urlsafe_b64encode(digest))
    yield variant("digest-encoding", "URL-safe, without padding",
                  urlsafe_b64encode(digest).rstrip(b"="))  # fmt: skip
    yield variant("digest-encoding", "with a line feed behind it", b64encode(digest) + b"\n")
    yield variant("digest-encoding", "base64 twice", b64encode(b64encode(digest)))
