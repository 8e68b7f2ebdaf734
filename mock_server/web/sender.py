"""Sending one callback to a checked address, and reading the beginning of the answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mock_server.web.callback_formats import CallbackReply
from mock_server.web.targets import CallbackTarget

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx

MAX_ANSWER_BYTES = 64 * 1024


class Sender:
    """Posts bodies; the caller limits the time.

    `authorities` are certificates in PEM format, to trust beside the public ones.
    """

    def __init__(self, authorities: str = "") -> None:
        self._authorities = authorities
        self._client: asyncio.Task[httpx.AsyncClient] | None = None

    async def send(self, target: CallbackTarget, body: bytes) -> CallbackReply:
        """POST the body to the first address that accepts a connection."""
        if self._client is None:
            # The import takes a quarter of a second; it must not block other requests.
            self._client = asyncio.create_task(asyncio.to_thread(_new_client, self._authorities))
        client = await asyncio.shield(self._client)
        import httpx

        problem = ""
        for url in target.pinned_urls:
            try:
                async with client.stream(
                    "POST",
                    url,
                    content=body,
                    headers={"Content-Type": target.content_type, "Host": target.host},
                    extensions={"sni_hostname": target.name},
                ) as answer:
                    beginning = await _beginning(answer)
                    problem = "" if answer.is_success else answer.reason_phrase
                    return CallbackReply(answer.status_code, problem, beginning)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                problem = f"{type(error).__name__}: {error}"
                if "CERTIFICATE_VERIFY_FAILED" in problem:
                    problem += "; --callback-ca-file names authorities to trust"
                if not isinstance(error, httpx.ConnectError):
                    break
        return CallbackReply(0, problem)

    async def close(self) -> None:
        if self._client is not None:
            await (await self._client).aclose()
            self._client = None


async def _beginning(answer: httpx.Response) -> bytes:
    """Return the body, cut off at the limit; the rest is not read."""
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in answer.aiter_raw():
        chunks.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > MAX_ANSWER_BYTES:
            break
    return b"".join(chunks)[:MAX_ANSWER_BYTES]


def _new_client(authorities: str) -> httpx.AsyncClient:
    import httpx

    # Each callback gets a new connection: a kept one would be shared between names at one address,
    # and receivers close it at any time. The caller limits the time.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(
        headers={"Accept-Encoding": "identity"},  # the answer is not decompressed
        follow_redirects=False,
        limits=limits,
        timeout=None,  # noqa: S113 - see above
        trust_env=False,
        verify=trusting(authorities),
    )


def trusting(authorities: str) -> SSLContext:
    """Return what checks certificates: by the public authorities, and by those in a PEM text."""
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    if authorities:
        context.load_verify_locations(cadata=authorities)
    return context
