"""The page of what clients can be validated against, each row with its proof."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from contract_tests.evidence import PassRecords, read_evidence

HEAD = """# What you can validate

Each row is something that your client does, with the contract tests that hold the mock to the
reference, a recording of the exchange, and the day when all those tests last passed on the mock and
on the real service. `scripts/documents` makes this page from `fixtures/verified.json`, which
`tams-contract --record-evidence DIR` writes.
"""


def page(root: Path) -> str:
    """Return the page in Markdown."""
    rows = Path(__file__).with_name("validations.toml").read_text("utf-8")
    evidence = read_evidence(root / "fixtures" / "verified.json")
    lines = [HEAD]
    for vendor, proofs in tomllib.loads(rows).items():
        lines.append(f"## {vendor}\n")
        lines.append("| your client | proof | on the mock | on the real service |")
        lines.append("| --- | --- | --- | --- |")
        for sentence, files in proofs.items():
            tests = [file for file in files if file.endswith(".py")]
            days = [_last_day(evidence, tests, kind) for kind in ("mock", "real")]
            proof = ", ".join(_link(root, file) for file in files)
            lines.append(f"| {sentence} | {proof} | {days[0]} | {days[1]} |")
        lines.append("")
    return "\n".join(lines)


def _link(root: Path, file: str) -> str:
    folder = "contract_tests" if file.endswith(".py") else "fixtures/exchanges/mock"
    if not (root / folder / file).is_file():
        raise SystemExit(f"validations.toml names {folder}/{file}, which does not exist")
    return f"[{Path(file).name}](../../{folder}/{file})"


def _last_day(evidence: PassRecords, tests: list[str], kind: str) -> str:
    """Return the first of the days on which the files' tests last passed; each needs one."""
    days = [min(_days(evidence, test, kind), default="") for test in tests]
    return min(days) if all(days) else "not yet"


def _days(evidence: PassRecords, file: str, kind: str) -> Iterator[str]:
    for test, kinds in evidence.items():
        if f"{file}::" in test and kind in kinds:
            yield kinds[kind].day
