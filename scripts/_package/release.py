"""Describes a release: what is in it (CycloneDX), and what it was made from (in-toto, SLSA).

The statement is not signed, and says so by having no envelope: who publishes it signs it.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts._package.environments import ROOT, Environment, digest, run

LOCKS = ("requirements-build.lock", "requirements-base.lock", "requirements.lock")


def problem_of_release(version: str) -> str:
    """Return why the checkout is not what can be released, or an empty text."""
    if run("git", "status", "--porcelain").strip():
        return "the checkout has changes that are not committed"
    if f"## [{version}]" not in (ROOT / "CHANGELOG.md").read_text("utf-8"):
        return f"CHANGELOG.md has no part for {version}"
    return ""


def describe(
    files: Sequence[Path], environments: Mapping[str, Environment], tools: Environment
) -> None:
    """Write an SBOM for each environment, the provenance, and the digests, beside the files."""
    dist = files[0].parent
    boms = []
    for name, environment in environments.items():
        boms.append(dist / f"tams-mock-{name}.cdx.json")
        tools.tell(
            "cyclonedx-py", "environment", environment.python, "--pyproject",
            ROOT / "pyproject.toml", "--output-reproducible", "--output-format", "JSON",
            "--output-file", boms[-1],
        )  # fmt: skip
    statement = provenance([*files, *boms], run("git", "rev-parse", "HEAD").strip())
    described = dist / "tams-mock.intoto.json"
    described.write_text(json.dumps(statement, indent=2) + "\n", "utf-8")
    lines = [f"{digest(path)}  {path.name}\n" for path in (*files, *boms, described)]
    (dist / "SHA256SUMS").write_text("".join(lines), "utf-8")


def provenance(files: Sequence[Path], commit: str) -> dict[str, Any]:
    """Return the in-toto statement about the files, with the predicate of SLSA."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    locks = [{"uri": f"file:{name}", "digest": {"sha256": digest(ROOT / name)}} for name in LOCKS]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": each.name, "digest": {"sha256": digest(each)}} for each in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:tams-mock:build:scripts/release",
                "externalParameters": {"command": "scripts/release"},
                "internalParameters": {"python": platform.python_version()},
                "resolvedDependencies": [
                    {"uri": "git:HEAD", "digest": {"gitCommit": commit}},
                    *locks,
                ],
            },
            "runDetails": {
                "builder": {"id": "urn:tams-mock:builder:checkout"},
                "metadata": {"finishedOn": now},
            },
        },
    }
