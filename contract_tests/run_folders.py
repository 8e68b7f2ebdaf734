"""Where runs keep their files: a folder for each, the last ones kept."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from contract_tests import wall
from contract_tests.credentials import BadSettings

MAX_RUNS = 20
_ASKED = "asked.json"
_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")


def new_folder(state: Path) -> Path:
    """Return the path of a new run's folder; it is made when it is needed."""
    moment = datetime.fromtimestamp(wall.now(), UTC).strftime("%Y%m%dT%H%M%S")
    return state / "runs" / f"{moment}-{secrets.token_hex(3)}"


def last_folder(state: Path, asked: str) -> Path:
    """Return the folder of the last run of this target, or raise `BadSettings`."""
    for folder in reversed(_runs(state)):
        if _asked(folder) == asked:
            return folder
    raise BadSettings(f"there is no run of {asked} in {state} to go on with")


def make_folder(folder: Path, asked: str) -> None:
    """Make a run's folder, wherever it is; nothing beside it is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    # The folder keeps itself out of version control.
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    (folder / _ASKED).write_text(json.dumps({"target": asked}), encoding="utf-8")


def delete_old_runs(state: Path) -> None:
    """Remove the oldest runs, and nothing that is not certainly a run of this suite."""
    for folder in _runs(state)[:-MAX_RUNS]:
        shutil.rmtree(folder, ignore_errors=True)


def _runs(state: Path) -> list[Path]:
    """Return the folders of runs, the oldest first: by name and by what is in them."""
    return sorted(
        folder
        for folder in (state / "runs").glob("*")
        if _NAME.fullmatch(folder.name) and not folder.is_symlink() and _asked(folder) is not None
    )


def _asked(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _ASKED).read_text(encoding="utf-8"))["target"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
