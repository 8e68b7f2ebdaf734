"""What the mock can be installed without: the extras of its package."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec

from mock_server.core.errors import NotInstalled

# What each extra is for, and the modules that it brings. pyproject.toml has the packages.
EXTRAS = {
    "data": ("made-up descriptions of models", ("faker",)),
    "fast": ("a faster event loop", ("uvloop",)),
    "fonts": ("letters of every script on pictures", ("manimgx_fonts", "manimgx_fonts_cjk")),
    "otel": ("spans for OpenTelemetry", ("opentelemetry.sdk", "opentelemetry.exporter")),
    "video": ("videos", ("av",)),
}


@cache
def is_installed(extra: str) -> bool:
    """Return whether all modules of an extra are there; none of them is imported."""
    try:
        return all(find_spec(module) is not None for module in EXTRAS[extra][1])
    except ModuleNotFoundError:  # of the package that the module is in
        return False


def require(extra: str) -> None:
    """Raise NotInstalled if an extra is missing."""
    if not is_installed(extra):
        raise NotInstalled(EXTRAS[extra][0], extra)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the version of each package, or "none" if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def missing() -> str:
    """Return a sentence about the extras that are missing, or an empty text."""
    there = {"fast"} if sys.platform == "win32" else set()  # uvloop is not for Windows
    absent = [extra for extra in EXTRAS if extra not in there and not is_installed(extra)]
    if not absent:
        return ""
    without = ", ".join(EXTRAS[extra][0] for extra in absent)
    return f'not installed: {without}; pip install "tams-mock[{",".join(absent)}]" adds this'
