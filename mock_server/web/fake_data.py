"""Made-up names and texts, the same for the same seed; Faker is imported when first needed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from mock_server.core import chance

if TYPE_CHECKING:
    from faker import Faker


def faker(seed: int, *names: str | int) -> Faker:
    """Return a source of texts that depend on nothing but the arguments."""
    source = _faker()
    source.seed_instance(chance.number(seed, *names))
    return source


@cache
def _faker() -> Faker:
    # It takes a third of a second, and most runs never show a made-up text.
    from faker import Faker

    return Faker("en_US")
