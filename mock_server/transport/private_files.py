"""Files in the state folder; some of them only their owner may read.

They are written under a temporary name first, so that another server never reads half a file.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK_FILE = ".lock"
PRIVATE = 0o600
PUBLIC = 0o644


def write(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Write `data` to `path`, unless the file already has this content and mode."""
    if _holds(path, data, mode):
        return
    _draft(path, data, mode).replace(path)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process holds the lock of this folder, and hold it during the block.

    A file system that has no locks does not hinder the block.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("ab") as file:
        with suppress(OSError):
            _lock(file.fileno())
        yield  # closing the file releases the lock


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

else:

    def _lock(descriptor: int) -> None:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _draft(path: Path, data: bytes, mode: int) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft = Path(name)
    draft.chmod(mode)
    return draft


def _holds(path: Path, data: bytes, mode: int) -> bool:
    try:
        same_mode = os.name == "nt" or path.stat().st_mode & 0o777 == mode
        return same_mode and path.read_bytes() == data
    except OSError:
        return False
