"""Runs of the command in other processes, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from contract_tests import PACKAGE

ROOT = PACKAGE.parent
START = "from contract_tests.__main__ import main; main()"


def run_in(
    folder: Path,
    *words: str,
    before: str = f"sys.path.insert(0, {str(ROOT)!r})",
    python: tuple[str, ...] = ("-P",),
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, after a statement that prepares the process.

    Both streams are in `stdout`.
    """
    others = {
        k: v for k, v in os.environ.items() if not k.startswith(("TAMS_", "PYTEST_", "GITHUB_"))
    }
    return subprocess.run(
        [sys.executable, *python, "-c", f"import os, sys; {before}; {START}", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=others | environment,
        check=False,
    )
