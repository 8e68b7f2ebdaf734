"""Answers for browsers: pages, their files and JSON, all of them with the same strict headers."""

from __future__ import annotations

from typing import Any

from mock_server.web.calls import Answer, json_answer
from mock_server.web.traces import Headers
from mock_server.workshop.settings import WorkshopSettings

HTML = "text/html; charset=utf-8"

# What `page_frames` means, for browsers of today and for older ones.
_ANCESTORS = {"any": "*", "own": "'self'", "none": "'none'"}
_FRAME_OPTIONS = {"own": b"SAMEORIGIN", "none": b"DENY"}

# Nothing inline and nothing from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors {ancestors}"
)


class PageAnswers:
    """Puts on every answer what browsers are told to do, and not to do, with it."""

    def __init__(self, settings: WorkshopSettings) -> None:
        policy = _POLICY.format(ancestors=_ANCESTORS[settings.page_frames])
        headers: list[tuple[bytes, bytes]] = [
            (b"cache-control", b"no-store"),
            (b"content-security-policy", policy.encode()),
            (b"referrer-policy", b"no-referrer"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if option := _FRAME_OPTIONS.get(settings.page_frames):
            headers.append((b"x-frame-options", option))
        self._headers: Headers = tuple(headers)

    def file(self, body: bytes, media_type: str, status: int = 200) -> Answer:
        """Return bytes of a media type."""
        content_type = (b"content-type", media_type.encode())
        return Answer(status, body, (content_type, *self._headers))

    def page(self, text: str, status: int = 200, *further: tuple[bytes, bytes]) -> Answer:
        """Return a page; `further` headers are its own."""
        answer = self.file(text.encode(), HTML, status)
        return Answer(status, answer.body, (*answer.headers, *further))

    def json(self, body: Any, status: int = 200) -> Answer:
        """Return the value as JSON."""
        plain = json_answer(body, status)
        return Answer(status, plain.body, (*plain.headers, *self._headers))
