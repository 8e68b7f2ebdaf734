"""What was copied from the vendors' reference is still what the reference says.

The reference lies beside the repository and is not part of it, so where it is missing there is
nothing to compare.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT.parent / "shared" / "reference"
VENDORS = ("tams", "workshop")


def copies() -> Iterator[tuple[str, str]]:
    """Yield each file of the reference that has a copy, with the place of the copy."""
    yield "tams-constants.json", "mock_server/data/tams-constants.json"
    for vendor in VENDORS:
        yield f"{vendor}-openapi.yaml", f"fixtures/openapi/{vendor}.yaml"
        for original in sorted((REFERENCE / f"{vendor}-examples").glob("*")):
            name = f"{vendor}-examples/{original.name}"
            if original.name == "signature-vectors.json":
                yield name, f"fixtures/signatures/{vendor}.json"
            else:
                yield name, f"fixtures/exchanges/{vendor}/{original.name}"


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="there is no ../shared/reference to compare")
def test_every_copy_equals_its_original_byte_for_byte():
    found = list(copies())
    different = [
        copy
        for original, copy in found
        if not (ROOT / copy).is_file()
        or (ROOT / copy).read_bytes() != (REFERENCE / original).read_bytes()
    ]

    assert len(found) > 100
    assert different == []
