"""Files in the state folder; some of them only their owner may read.

They are written under a temporary name first, so that another server never reads half a file.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644


def write(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Write `data` to `path`, unless the file already has this content and mode."""
    if _holds(path, data, mode):
        return
    _draft(path, data, mode).replace(path)


def write_first(path: Path, data: bytes, *, mode: int = PRIVATE) -> bool:
    """Write `data` to `path` and return True; return False if the file exists."""
    draft = _draft(path, data, mode)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


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
