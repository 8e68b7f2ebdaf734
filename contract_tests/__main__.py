"""`tams-contract`, and `python -m contract_tests`: the command, if its packages are installed."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command, or say which package to install."""
    _open_closed_streams()
    _leave_outer_pytest()
    _prefer_installed_packages()
    try:
        from contract_tests.cli import main as run

        run()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "contract_tests":
            raise
        sys.exit(
            f"tams-contract needs {error.name}, which is not installed: run scripts/contract in a"
            " clone, which installs it, or pip install 'tams-mock[contract]'"
        )


def _open_closed_streams() -> None:
    """Open the null device in place of standard streams that are closed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def _leave_outer_pytest() -> None:
    """Forget the variables that configure pytest for the project under test.

    Its options and plugins (PYTEST_ADDOPTS, PYTEST_PLUGINS, …) do not fit this suite.
    """
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:  # noqa: TID251
        del os.environ[name]  # noqa: TID251 - this is for the process, before settings are read


def _prefer_installed_packages() -> None:
    """Search the working folder and PYTHONPATH last, in this process and its children.

    The project under test may have a `pytest.py` or a `typing.py` there. So this module imports
    only what Python has imported itself.
    """
    environment = os.environ  # noqa: TID251 - as above
    environment["PYTHONSAFEPATH"] = "1"
    last = {"", *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))}
    try:  # noqa: SIM105 - see above
        last |= {os.path.abspath(path) for path in last}  # noqa: PTH100 - see above
    except OSError:
        pass  # the working folder is gone, and so is what was in it
    sys.path.sort(key=last.__contains__)
    if "PYTHONPATH" in environment:
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)


if __name__ == "__main__":
    main()
