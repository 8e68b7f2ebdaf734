"""Empty environments that a package is installed into, as its users do it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Environment:
    """A virtual environment with what a lock file names, and nothing of the checkout."""

    def __init__(self, folder: Path, lock: str, python: str = sys.executable) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        run(python, "-m", "venv", "--without-pip", folder)
        self.install("--only-binary=:all:", "--require-hashes", "-r", ROOT / lock)

    def install(self, *arguments: object) -> None:
        """Install with the pip of this project."""
        quiet = ("--quiet", "--no-input", "--disable-pip-version-check")
        run(sys.executable, "-m", "pip", "--python", self.python, "install", *quiet, *arguments)

    def tell(self, command: str, *arguments: object) -> str:
        """Return what one of its commands prints, in a folder without a checkout."""
        return run(self.folder / "bin" / command, *arguments, cwd=self.folder)

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[dict[str, Any]]:
        """Run `tams-mock serve` on a free port; yield its line of JSON."""
        command = [
            str(self.folder / "bin" / "tams-mock"),
            "serve",
            "--port",
            "0",
            "--json",
            *arguments,
        ]
        with subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                if not line:
                    raise SystemExit(f"the mock did not start: {process.communicate()[1]}")
                yield json.loads(line)
            finally:
                process.terminate()

    def sizes(self) -> tuple[int, int]:
        """Return the bytes of all files of its packages, and of those that Python compiled."""
        every = [path for path in self.folder.glob("lib/*/site-packages/**/*") if path.is_file()]
        compiled = [path for path in every if path.suffix == ".pyc"]
        return total(every), total(compiled)


def total(files: list[Path]) -> int:
    """Return the bytes of files."""
    return sum(file.stat().st_size for file in files)


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run(*command: object, cwd: Path = ROOT) -> str:
    """Return what a command prints; it ends this program if it fails."""
    words = list(map(str, command))
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
