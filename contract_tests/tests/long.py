"""Tests that take minutes: `.ci/run` runs them, and so does LONG_TESTS=1."""

import os

import pytest

long = pytest.mark.skipif(
    not os.environ.get("LONG_TESTS"), reason="takes minutes: LONG_TESTS=1 runs it"
)
