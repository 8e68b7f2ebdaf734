"""Made-up names and texts, the same for the same seed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from mock_server.core import chance
from mock_server.web import extras

if TYPE_CHECKING:
    from faker import Faker


def faker(seed: int, *names: str | int) -> Faker:
    """Return a source of texts that depend only on the arguments; raises NotInstalled."""
    source = _faker()
    source.seed_instance(chance.number(seed, *names))
    return source


@cache
def _faker() -> Faker:
    extras.require("data")
    # The import takes a third of a second, and most runs need no made-up texts.
    from faker import Faker

    return Faker("en_US")
