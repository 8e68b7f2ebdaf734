"""Somebody who reads a document, and pastes its blocks into a shell."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


def blocks(document: str, language: str = "sh") -> list[str]:
    """Return the blocks of a document in a language."""
    text = (ROOT / document).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody with an empty home folder, who pastes blocks into fresh shells."""

    def __init__(self, folder: Path, shell: str = "sh") -> None:
        self.folder = folder
        self.shell = shell
        folder.mkdir(exist_ok=True)
        for name, target in ((".venv", Path(sys.prefix)), ("scripts", ROOT / "scripts")):
            (folder / name).symlink_to(target)
        self.environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
        self.started: list[str] = []

    def paste(self, block: str, **environment: str) -> str:
        """Return what a block prints; the shell reads it like one that is typed."""
        done = subprocess.run(
            [self.shell, "-eu"],
            input=block,
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def running(self, block: str) -> Iterator[Iterator[str]]:
        """Run a block that does not end by itself; yields the lines that it prints."""
        with subprocess.Popen(
            [self.shell, "-eu"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment | {"TAMS_MOCK_PORT": "0"},
            encoding="utf-8",
            start_new_session=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(block)
                process.stdin.close()
                yield iter(process.stdout)
            finally:
                os.killpg(process.pid, signal.SIGTERM)


def url_in(lines: Iterator[str], word: str) -> str:
    """Return the URL at the end of the first line with the word."""
    return next(line for line in lines if word in line).split()[-1]
