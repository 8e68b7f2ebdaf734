"""The kept score: which test notices each generated mutant, and which mutants no test notices."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from contract_tests.mutants.generated.allowed import why_allowed
from contract_tests.mutants.generated.making import GeneratedMutant, all_generated

SCORES = Path(__file__).with_name("scores.json")


@dataclass(frozen=True)
class Scores:
    """`noticed` are the tests that notice mutants, `missed` says why a mutant is not noticed."""

    noticed: Mapping[str, str] = field(default_factory=dict)
    missed: Mapping[str, str] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Return the noticed share of all scored mutants; 0 if there are none."""
        scored = len(self.noticed) + len(self.missed)
        return len(self.noticed) / scored if scored else 0.0


@cache
def all_lies() -> dict[str, GeneratedMutant]:
    """Return the generated mutants that the reference does not allow, by name."""
    return {name: made for name, made in all_generated().items() if not why_allowed(name)}


def chosen(only: re.Pattern[str], sample: int | None, seed: int) -> list[GeneratedMutant]:
    """Return the mutants whose whole name matches `only`, or a sample of them."""
    found = [made for name, made in all_lies().items() if only.fullmatch(name)]
    if sample is not None and sample < len(found):
        found = random.Random(seed).sample(found, sample)
    return found


def read_scores(path: Path = SCORES) -> Scores:
    """Return the kept score; empty if there is none."""
    if not path.is_file():
        return Scores()
    data = json.loads(path.read_text(encoding="utf-8"))
    noticed = {
        f"{member}:{kind}": test
        for test, members in data["noticed"].items()
        for member, kinds in members.items()
        for kind in kinds.split()
    }
    return Scores(noticed, data["missed"])


def write_scores(scores: Scores, path: Path = SCORES) -> None:
    """Write a score, in the order of names, without mutants that are no lies any more."""
    grouped: dict[str, dict[str, list[str]]] = {}
    for name in sorted(_kept(scores.noticed)):
        member, _, kind = name.rpartition(":")
        grouped.setdefault(scores.noticed[name], {}).setdefault(member, []).append(kind)
    data = {
        "noticed": {
            test: {member: " ".join(kinds) for member, kinds in grouped[test].items()}
            for test in sorted(grouped)
        },
        "missed": {name: scores.missed[name] for name in sorted(_kept(scores.missed))},
    }
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _kept(names: Iterable[str]) -> list[str]:
    return [name for name in names if name in all_lies()]
