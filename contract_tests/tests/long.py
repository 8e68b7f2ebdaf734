"""Tests that take minutes: `.ci/run` runs them, and so does TAMS_MOCK_LONG=1."""

import os

import pytest

long = pytest.mark.skipif(
    not os.environ.get("TAMS_MOCK_LONG"), reason="takes minutes: TAMS_MOCK_LONG=1 runs it"
)
