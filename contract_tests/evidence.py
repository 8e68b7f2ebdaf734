"""When each test last passed on each kind of target, with its calls and its time.

The file is written only on request. A test without an entry is unverified.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from contract_tests import PACKAGE
from contract_tests.outcomes import SuiteError

FILE = PACKAGE.parent / "fixtures" / "verified.json"


@dataclass(frozen=True)
class PassRecord:
    """One pass of a test: the day, its calls, and the seconds that it let pass."""

    day: str
    calls: int
    waited: float


PassRecords = Mapping[str, Mapping[str, PassRecord]]
"""For each test, the last pass on each kind of target."""


def read_evidence(path: Path) -> PassRecords:
    """Return the entries of the file, or none if it does not exist. Raises `SuiteError`."""
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {
            test: {kind: PassRecord(**passed) for kind, passed in kinds.items()}
            for test, kinds in data["tests"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SuiteError(f"{path} is not a file that this suite has written: {error}") from error


def record_evidence(path: Path, kind: str, passes: Iterable[tuple[str, PassRecord]]) -> None:
    """Record that tests passed on a kind of target, and keep the other entries."""
    tests = {test: dict(kinds) for test, kinds in read_evidence(path).items()}
    for test, passed in passes:
        tests.setdefault(test, {})[kind] = passed
    shown = {
        test: {name: asdict(passed) for name, passed in sorted(kinds.items())}
        for test, kinds in sorted(tests.items())
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"tests": shown}, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
