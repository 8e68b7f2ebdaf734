"""Resource pools: where sessions and tasks run (Workshop › 9)."""

from __future__ import annotations

from mock_server.workshop.choices import Choices


def check_pools(ids: str, choices: Choices) -> None:
    """Refuse pools that do not exist, where it is known which do (choice 14)."""
