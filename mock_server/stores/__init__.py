"""Store backends: places where state is kept, all with one interface (`core.store`)."""

from __future__ import annotations

from urllib.parse import urlsplit

from mock_server.core.errors import Invalid
from mock_server.core.store import Store


def open_store(url: str = "memory:", *, blob_bytes: int) -> Store:
    """Return the store that a URL names; `memory:` lives and ends with the process.

    `blob_bytes` is how many bytes of uploads it keeps.
    """
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        from mock_server.stores.memory import MemoryStore

        return MemoryStore(blob_bytes=blob_bytes)
    raise Invalid("store", f"knows memory:, found {scheme or url!r}")
