"""Makes .venv for _setup.sh from the lock files, with hashes; one set-up runs at a time.

At the end, the lock files are copied into .venv. An interrupted set-up leaves no copies, so the
next one starts from the beginning.
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
LOCKS = ("requirements.lock", "requirements-dev.lock")  # the second contains the first
BUILD = ("requirements-build.lock", "pyproject.toml")  # what installs the project itself


def main(lock: str, wanted_python: str) -> None:
    """Make .venv match `lock`, with the Python that runs this script."""
    with Path(__file__).open() as lock_file:
        # Child processes inherit the lock (see close_fds=False below): if only this process dies,
        # pip is still running. The lock ends with the processes, so no file has to be removed.
        os.set_inheritable(lock_file.fileno(), True)
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up to end.", flush=True)
            fcntl.flock(lock_file, fcntl.LOCK_EX)
        if not can_be_extended(wanted_python):
            version = ".".join(map(str, sys.version_info[:3]))
            print(f"Making .venv with Python {version}; this happens once.", flush=True)
            shutil.rmtree(MADE_FROM, ignore_errors=True)
            run(sys.executable, "-m", "venv", "--clear", str(VENV))
        elif all(map(is_made_from, (lock, *BUILD))):
            return  # another set-up has finished meanwhile
        print(f"Installing {lock}.", flush=True)
        locks = [argument for each in (lock, BUILD[0]) for argument in ("-r", str(ROOT / each))]
        pip_install("--only-binary=:all:", "--require-hashes", *locks)
        pip_install("--no-deps", "--no-index", "--no-build-isolation", "-e", str(ROOT))
        packages = [str(ROOT / package) for package in ("mock_server", "contract_tests")]
        run(str(PYTHON), "-m", "compileall", "-q", *packages)
        remember(lock, wanted_python)


def can_be_extended(wanted_python: str) -> bool:
    """Return whether .venv is valid and up to date; packages may still be missing."""
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
    for name in (*LOCKS[: LOCKS.index(lock) + 1], *BUILD):
        shutil.copyfile(ROOT / name, MADE_FROM / name)
    if wanted_python or not (MADE_FROM / "PYTHON").exists():
        (MADE_FROM / "PYTHON").write_text(wanted_python)
    (MADE_FROM / "root").write_text(str(ROOT))


def pip_install(*arguments: str) -> None:
    # A user's pip setting `user = true` would install outside .venv.
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
