"""Conclusions as a settings file of the mock, which says where each line comes from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from contract_tests.learning.conclusions import Conclusion
from contract_tests.report.shape import Observation
from contract_tests.unknowns import questions

MAX_SHOWN = 6  # different observations of one setting
MAX_VALUE = 100  # characters of an observed value


def settings_file(
    conclusions: Mapping[str, Conclusion], manifests: Sequence[tuple[str, Mapping[str, Any]]]
) -> str:
    """Return the text of the file; `manifests` are those of the bundles, with their names."""
    return "\n".join([*_lines(conclusions, manifests), ""])


def _lines(
    conclusions: Mapping[str, Conclusion], manifests: Sequence[tuple[str, Mapping[str, Any]]]
) -> Iterator[str]:
    learned = [each for each in conclusions.values() if each.value is not None]
    yield "# Settings of the mock, learned from a target: tams-mock serve --config THIS_FILE"
    for name, manifest in manifests:
        yield f"# {name}: {_about(manifest)}"
    yield f"# {len(learned)} settings follow from observations. All others keep their defaults."
    tables: dict[str, list[Conclusion]] = defaultdict(list)
    for each in learned:
        tables[each.setting.rpartition(".")[0]].append(each)
    for table in sorted(tables):  # settings without a table come first, as TOML wants
        if table:
            yield from ("", f"[{table}]")
        for each in tables[table]:
            yield from ("", *_about_setting(each))
            yield f"{each.setting.rpartition('.')[2]} = {json.dumps(each.value)}"
    undecided = [each for each in conclusions.values() if each.value is None and each.seen]
    if undecided:
        yield from ("", "# Observed, but no value follows:")
    for each in undecided:
        yield f"#   {each.setting} ({each.unknown}): {each.open}"
        yield from (f"#     {line}" for line in _seen(each.seen))
    missing = [each for each in conclusions.values() if not each.seen]
    if missing:
        yield from ("", "# Not observed:")
    yield from (f"#   {each.setting} ({each.unknown})" for each in missing)


def _about(manifest: Mapping[str, Any]) -> str:
    target = manifest["target"]
    urls = ", ".join(dict.fromkeys(target["urls"].values()))
    version = manifest["versions"]["suite"] or "not installed"
    return (
        f"{target['kind']} {urls}, {_moment(manifest['started'])}, "
        f"profile {manifest['profile']}, suite {version}"
    )


def _about_setting(each: Conclusion) -> Iterator[str]:
    yield f"# {each.unknown} {questions()[each.unknown][1]}"
    if each.conflict:
        yield f"# UNSURE: {each.conflict}"
    yield from (f"# {line}" for line in _seen(each.seen))


def _seen(observations: Sequence[Observation]) -> Iterator[str]:
    """Yield what was observed, how often, when at first, and by which test."""
    groups: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for one in observations:
        groups[one.what, json.dumps(one.value, ensure_ascii=False)].append(one)
    for (what, value), same in list(groups.items())[:MAX_SHOWN]:
        shown = value if len(value) <= MAX_VALUE else f"{value[:MAX_VALUE]}…"
        first = min(same, key=lambda one: one.at)
        times = "once" if len(same) == 1 else f"{len(same)} times"
        yield f"{_one_line(what)}: {shown}; {times}, {_moment(first.at)}, {_one_line(first.test)}"
    if len(groups) > MAX_SHOWN:
        yield f"and {len(groups) - MAX_SHOWN} other observations"


def _one_line(text: str) -> str:
    """Return a text that stays inside a comment."""
    return " ".join(text.split())


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
