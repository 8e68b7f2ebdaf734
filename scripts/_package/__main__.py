"""Builds the package and tries it; with --release, describes it too, and publishes nothing.

The wheel must be the same from a checkout and from the source distribution. It is installed into
an empty environment, and the contract suite runs with the lowest versions of its dependencies.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from urllib.request import urlopen

from mock_server import __version__
from scripts._package.environments import ROOT, Environment, digest, run
from scripts._package.release import describe, problem_of_release

MAX_BASE_BYTES = 60_000_000  # of what is downloaded; Python compiles some of it


def main() -> None:
    """Do everything, and print a line for each part."""
    parser = argparse.ArgumentParser(prog="scripts/package", description=__doc__)
    parser.add_argument("--release", action="store_true", help="write SBOM and provenance to dist/")
    release = parser.parse_args().release
    if release and (problem := problem_of_release(__version__)):
        sys.exit(f"no release: {problem}")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        wheel, source = built(ROOT, work / "dist")
        again, _ = built(unpacked(source, work / "source"), work / "again")
        if digest(again) != digest(wheel):
            sys.exit("the wheel of the source distribution differs from that of the checkout")
        tools = Environment(work / "tools", "requirements-release.lock")
        print(tools.tell("twine", "check", "--strict", wheel, source).strip())
        base = Environment(work / "base", "requirements-base.lock")
        try_base(base, wheel)
        try_lowest(work / "lowest", wheel)
        if release:
            full = Environment(work / "full", "requirements.lock")
            full.install("--no-deps", "--no-index", wheel)
            dist = ROOT / "dist"
            shutil.rmtree(dist, ignore_errors=True)
            dist.mkdir()
            files = [Path(shutil.copy(file, dist)) for file in (wheel, source)]
            describe(files, {"base": base, "full": full}, tools)
            print(f"{dist.name}/ has the release {__version__}. Nothing was published.")


def built(project: Path, dist: Path) -> tuple[Path, Path]:
    """Return the wheel and the source distribution of a folder."""
    run(sys.executable, "-m", "hatchling", "build", "--directory", dist, cwd=project)
    return next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))


def unpacked(source: Path, folder: Path) -> Path:
    """Return the folder inside a source distribution."""
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


def try_base(base: Environment, wheel: Path) -> None:
    """Try the package without extras."""
    base.install("--no-deps", "--no-index", wheel)
    run(sys.executable, "-m", "pip", "--python", base.python, "check")
    expected = f"tams-mock {__version__}"
    for command in (("tams-mock", "--version"), ("python", "-m", "mock_server", "--version")):
        if base.tell(*command).strip() != expected:
            sys.exit(f"{' '.join(command)} does not say {expected}")
    if "--target" not in base.tell("tams-contract", "--help"):
        sys.exit("tams-contract --help does not show its options")
    check_serving(base)
    every, compiled = base.sizes()
    downloaded = every - compiled
    print(
        f"without extras: {downloaded / 1e6:.1f} MB of packages, {every / 1e6:.1f} MB with what"
        f" Python compiled"
    )
    if downloaded > MAX_BASE_BYTES:
        sys.exit(f"that is more than {MAX_BASE_BYTES / 1e6:.0f} MB: make an extra of something")


def check_serving(environment: Environment) -> None:
    """Start a server, with https too, and ask which version it is."""
    state = str(environment.folder)
    with (
        environment.serving("--tls", "--tls-port", "0", "--state-dir", state) as ready,
        urlopen(f"{ready['url']}/_mock/version", timeout=30) as answer,
    ):
        served = answer.read().decode()
    if f'"{__version__}"' not in served:
        sys.exit(f"/_mock/version answers {served}")


def try_lowest(folder: Path, wheel: Path) -> None:
    """Run the contract suite with the lowest versions of all dependencies."""
    old = sys.version_info < (3, 13)
    python = sys.executable if old else next(filter(shutil.which, ("python3.11", "python3.12")), "")
    if not python:
        print("NOT TESTED: the lowest versions, which need Python 3.11 or 3.12", file=sys.stderr)
        return
    lowest = Environment(folder, "requirements-lowest.lock", python)
    lowest.install("--no-deps", "--no-index", wheel)
    check_serving(lowest)
    told = lowest.tell("tams-contract").splitlines()
    print(f"with the lowest versions: {next(line for line in told if 'Contract KEPT' in line)}")


if __name__ == "__main__":
    main()
