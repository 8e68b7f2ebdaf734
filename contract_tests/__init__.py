"""Tests of what the reference says about the vendors. They use only HTTP and credentials.

PYTEST_DONT_REWRITE: pytest is not to complain that a program loaded this before it did.
"""

from pathlib import Path

PACKAGE = Path(__file__).parent
