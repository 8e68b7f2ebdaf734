"""Uploads, with an expiry; their bytes are in the blobs of the store."""

from __future__ import annotations

from msgspec import Struct

from mock_server.core.accounts import SERVER


class Resource(Struct, frozen=True):
    """A place for one upload. Moments are virtual; `keep_until` None means for ever.

    `media_type` is the declared type; without one the upload must be a picture. `format`, `width`
    and `height` are set when the bytes are a picture that can be decoded; else `flaw` says why not.
    """

    id: str
    account: str
    made_at: float
    upload_until: float
    keep_until: float | None = None
    uploaded_at: float | None = None
    size_bytes: int = 0
    format: str = ""
    width: int = 0
    height: int = 0
    media_type: str = ""
    flaw: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether it is declared as a picture."""
        return not self.media_type or self.media_type.startswith("image/")

    def problem_at(self, moment: float) -> str:
        """Return why a job that starts at the moment cannot use it, or an empty text."""
        if self.uploaded_at is None or self.uploaded_at > moment:
            return f"input image {self.id} was never uploaded"
        if self.keep_until is not None and self.keep_until <= moment:
            return f"input image {self.id} was kept no longer"
        if not self.format and self.is_picture:
            reason = f": {self.flaw}" if self.flaw else ""
            return f"input image {self.id} is not an image that can be read{reason}"
        return ""


def shared_upload(id: str) -> Resource:
    """Return a picture that every account has from the beginning and for ever."""
    moment = 0.0  # the epoch; no clock begins before it
    return Resource(
        id, SERVER, moment, moment, uploaded_at=moment, format="png", width=512, height=512
    )
