"""Runs a command as long as the process that started this one.

The starter keeps the other end of standard input open and never writes to it. When the starter
ends, for any reason, standard input closes, and the watchdog stops the command.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

STOP_TIMEOUT = 10.0  # seconds for the command to stop


def guard(command: list[str]) -> int:
    """Run a command until it ends or standard input does; return its exit status."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - it is the purpose

    def end_with_input() -> None:
        # Without Python's buffer, whose lock would break the end of this process.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        child.terminate()
        try:
            child.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()

    threading.Thread(target=end_with_input, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(guard(sys.argv[1:]))
