"""The folders of runs. The last ones are kept."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from contract_tests import wall
from contract_tests.credentials import BadSettings
from contract_tests.options import RUNS

MAX_RUNS = 20
_TARGET_FILE = "asked.json"
_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")


def new_folder(state: Path) -> Path:
    """Return the path of the folder of a new run; `make_folder` makes it later."""
    moment = datetime.fromtimestamp(wall.now(), UTC).strftime("%Y%m%dT%H%M%S")
    return state / RUNS / f"{moment}-{secrets.token_hex(3)}"


def last_folder(state: Path, target: str) -> Path:
    """Return the folder of the last run of this target, or raise `BadSettings`."""
    for folder in reversed(_runs(state)):
        if _target_of(folder) == target:
            return folder
    raise BadSettings(f"there is no run of {target} in {state} to continue")


def make_folder(folder: Path, target: str) -> None:
    """Make the folder of a run; files next to it are not touched."""
    folder.mkdir(parents=True, exist_ok=True)
    # This keeps the folder out of version control.
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    (folder / _TARGET_FILE).write_text(json.dumps({"target": target}), encoding="utf-8")


def delete_old_runs(state: Path) -> None:
    """Delete the folders of the oldest runs, and only folders that are certainly runs."""
    for folder in _runs(state)[:-MAX_RUNS]:
        shutil.rmtree(folder, ignore_errors=True)


def _runs(state: Path) -> list[Path]:
    """Return the folders of runs, oldest first, recognised by name and content."""
    return sorted(
        folder
        for folder in (state / RUNS).glob("*")
        if _NAME.fullmatch(folder.name)
        and not folder.is_symlink()
        and _target_of(folder) is not None
    )


def _target_of(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _TARGET_FILE).read_text(encoding="utf-8"))["target"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
