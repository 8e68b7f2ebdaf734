"""Every mistake of the catalogue, made on purpose by the tests' own signer."""

from __future__ import annotations

from mock_server.tests.workshop.auth_diagnostics import (
    credential_mistakes,
    line_mistakes,
    making,
    part_mistakes,
    string_mistakes,
)

# Each of the modules notes its own when it is imported.
GROUPS = (part_mistakes, line_mistakes, string_mistakes, credential_mistakes)
MISTAKES = tuple(making.MISTAKES)
