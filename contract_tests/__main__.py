"""`tams-contract`, and `python -m contract_tests`: the command, if its packages are installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command, or say which package to install."""
    try:
        from contract_tests.cli import main as run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "contract_tests":
            raise
        sys.exit(
            f"tams-contract needs {error.name}, which is not installed: run scripts/contract in a"
            " clone, which installs it, or pip install 'tams-mock[contract]'"
        )
    run()


if __name__ == "__main__":
    main()
