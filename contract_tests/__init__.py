"""Tests of what the reference says about the vendors. They use only HTTP and credentials."""

from pathlib import Path

PACKAGE = Path(__file__).parent
