"""Builds the image of the Dockerfile without a container engine, runs it, and checks it.

The Dockerfile's own steps are performed in a clean Debian, in memory. Only the image of Python is
replaced, by the Python of the same Debian.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from scripts._image.build import CACHE, Builder, mount
from scripts._image.checks import problems_of_files, problems_of_runs, size_of
from scripts._image.dockerfile import read

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("unshare", "nsenter", "mount", "chroot", "debootstrap", "apt-get", "tar")


def main() -> None:
    """Print the size, the time of a start, and what is wrong; fail if something is."""
    stages = read(ROOT / "Dockerfile")
    parser = argparse.ArgumentParser(prog="scripts/image", description=__doc__)
    parser.add_argument("--target", choices=stages, default=[*stages][-1])
    target = parser.parse_args().target
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        why = f"{', '.join(missing)} is missing" if missing else "this needs root"
        sys.exit(f"NOT TESTED: the image cannot be built here: {why}")
    work = CACHE / "work"
    work.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "tmpfs", work)  # in the mount namespace that the script was started in
    built = Builder(ROOT, stages, work).build(target)
    problems = problems_of_files(built)
    bytes_all, bytes_mock = size_of(built.root), size_of(built.root / "opt/tams-mock")
    wrong_runs, seconds = problems_of_runs(built)
    problems += wrong_runs
    print(
        f"image {target}: {bytes_all / 1e6:.0f} MB, of which the mock and its packages are"
        f" {bytes_mock / 1e6:.0f} MB; it starts in {min(seconds):.2f} s"
    )
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
