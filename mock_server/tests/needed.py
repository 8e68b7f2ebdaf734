"""Programs that not every machine has."""

import os
import shutil

import pytest


def needed(program: str) -> str:
    """Return the path of a program; without it, skip the test, or fail where all must run."""
    path = shutil.which(program)
    if path is None:
        reason = f"{program} is not installed"
        assert not os.environ.get("TAMS_MOCK_REQUIRE_ALL"), reason
        pytest.skip(reason)
    return path
