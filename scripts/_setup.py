"""Making .venv, for _setup.sh: from the locks, with hashes, one set-up at a time.

What .venv was made from is copied into it at the very end. A set-up that was interrupted leaves
no such copies and is started again from nothing.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
MADE_FROM = VENV / "made-from"
PYTHON = VENV / "bin" / "python"
LOCKS = ("requirements.lock", "requirements-dev.lock")  # the second holds the first


def main(lock: str, wanted_python: str) -> None:
    """Bring .venv to what `lock` says, with the Python that runs this."""
    with Path(__file__).open() as one_at_a_time:
        # The children hold the lock too: if only this process dies, pip is not yet done. Hence
        # close_fds=False below. No file has to be removed afterwards, whoever dies how.
        os.set_inheritable(one_at_a_time.fileno(), True)
        try:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up to end.", flush=True)
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not can_grow(wanted_python):
            version = ".".join(map(str, sys.version_info[:3]))
            print(f"Making .venv with Python {version}; this happens once.", flush=True)
            shutil.rmtree(MADE_FROM, ignore_errors=True)
            run(sys.executable, "-m", "venv", "--clear", str(VENV))
        elif is_made_from(lock) and is_made_from("pyproject.toml"):
            return  # another set-up did it while this one waited
        print(f"Installing {lock}.", flush=True)
        pip_install("--only-binary=:all:", "--require-hashes", "-r", str(ROOT / lock))
        pip_install("--no-deps", "--no-index", "--no-build-isolation", "-e", str(ROOT))
        rooms = [str(ROOT / room) for room in ("mock_server", "contract_tests")]
        run(str(PYTHON), "-m", "compileall", "-q", *rooms)
        remember(lock, wanted_python)


def can_grow(wanted_python: str) -> bool:
    """Return whether .venv is sound and up to date, though it may not hold enough."""
    commands = ["python", "tams-mock"] + ["pytest"] * (MADE_FROM / LOCKS[1]).exists()
    return (
        all((VENV / "bin" / command).exists() for command in commands)
        and is_made_from(LOCKS[0])
        and (is_made_from(LOCKS[1]) or not (MADE_FROM / LOCKS[1]).exists())
        and (MADE_FROM / "root").read_text() == str(ROOT)
        and wanted_python in ("", (MADE_FROM / "PYTHON").read_text())
    )


def is_made_from(name: str) -> bool:
    made_from = MADE_FROM / name
    return made_from.exists() and made_from.read_bytes() == (ROOT / name).read_bytes()


def remember(lock: str, wanted_python: str) -> None:
    MADE_FROM.mkdir(exist_ok=True)
    for name in (*LOCKS[: LOCKS.index(lock) + 1], "pyproject.toml"):
        shutil.copyfile(ROOT / name, MADE_FROM / name)
    if wanted_python or not (MADE_FROM / "PYTHON").exists():
        (MADE_FROM / "PYTHON").write_text(wanted_python)
    (MADE_FROM / "root").write_text(str(ROOT))


def pip_install(*arguments: str) -> None:
    # A personal `user = true` would go past .venv.
    os.environ["PIP_USER"] = "0"
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    run(str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", *arguments)


def run(*command: str) -> None:
    subprocess.run(command, check=True, close_fds=False)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"Set-up failed: {' '.join(error.cmd)}")
    except KeyboardInterrupt:
        sys.exit(130)
