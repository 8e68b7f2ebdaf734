"""Drift: the differences of a second recording, by shape and relation.

Values that a vendor may choose are compared by type. Ids are compared by identity: equal ids in the
first recording must be equal ids in the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract_tests.recording.changes import Change, Severity
from contract_tests.recording.normalising import leaves
from contract_tests.recording.shape import RecordedExchange, RecordedScene, Recording
from contract_tests.recording.volatile import REFERENCE

BREAKING, NOTABLE, COSMETIC = Severity.BREAKING, Severity.NOTABLE, Severity.COSMETIC

# Amounts that differ in each recording in real time, and mean nothing by themselves.
AMOUNTS = {
    "progress", "expiredin", "expiredinseconds", "runtime", "queuerank", "queuelen",
    "etarelative", "lastqueueremaining", "estimateddurationinseconds", "taskduration",
    "usedsessiontimeinseconds", "utilizationratio", "step", "sampling_step", "filesize",
}  # fmt: skip
PROSE = {"message", "tips", "reason", "errmessage", "suberrmessage", "description", "name",
         "projectname", "x-ca-error-message"}  # fmt: skip
CODES = {"code", "status", "errcode", "suberrcode", "x-ca-error-code"}
_WORD = re.compile(r"[A-Z][A-Z0-9_]+|[a-z][a-z0-9_]{2,}")
_TIMES = {"time", "date", "now"}
_HOSTS = {"endpoint", "host"}


def compare(before: Recording, now: Recording) -> list[Change]:
    """Return the changes from one recording to another, the most important first."""
    first = {scene.name: scene for scene in before.scenes}
    second = {scene.name: scene for scene in now.scenes}
    words = _vocabulary(before)
    changes: list[Change] = []
    for name, scene in first.items():
        if name in second:
            changes += SceneComparison(name, words).compare(scene, second[name])
        else:
            changes.append(Change(name, "", "", "scene gone", NOTABLE))
    changes += [Change(name, "", "", "scene new", COSMETIC) for name in second if name not in first]
    return sorted(changes, key=lambda change: change.severity.rank)


@dataclass
class SceneComparison:
    """The comparison of one scene. It learns which references correspond to each other."""

    name: str
    words: Mapping[str, set[str]]
    step: str = ""
    passing: bool = False
    forth: dict[str, str] = field(default_factory=dict)
    back: dict[str, str] = field(default_factory=dict)

    def compare(self, before: RecordedScene, now: RecordedScene) -> list[Change]:
        """Return the changes of a scene, exchange by exchange."""
        return list(self._exchanges(before, now))

    def _exchanges(self, before: RecordedScene, now: RecordedScene) -> Iterator[Change]:
        second = {exchange["step"]: exchange for exchange in now.exchanges}
        first = {exchange["step"]: exchange for exchange in before.exchanges}
        for step, exchange in first.items():
            self.step = step
            if step in second:
                self.passing = "passing" in exchange
                yield from self._exchange(exchange, second[step])
            elif "passing" not in exchange:
                yield self._change("", "step gone", NOTABLE)
        for step, exchange in second.items():
            if step not in first and "passing" not in exchange:
                self.step = step
                yield self._change("", "step new", COSMETIC)
        common = [step for step in first if step in second]
        if common != [step for step in second if step in first]:
            self.step = ""
            yield self._change("", "order changed", NOTABLE, common)

    def _exchange(self, before: RecordedExchange, now: RecordedExchange) -> Iterator[Change]:
        if "error" in now:
            error = now["error"]
            if "error" not in before:
                yield self._change("", "no answer", Severity.UNREACHABLE, now=error)
            return
        if "error" in before:
            yield self._change("", "status changed", NOTABLE, before["error"],
                               now["response"]["status"])  # fmt: skip
            return
        # Requests are compared first, because they tell which ids correspond.
        if any(self._values("request", "", before["request"], now["request"])):
            yield self._change("request", "request changed", COSMETIC)
        first, second = before["response"], now["response"]
        if first["status"] != second["status"]:
            yield self._change("status", "status changed", BREAKING, first["status"],
                               second["status"])  # fmt: skip
        yield from self._headers(first.get("headers", {}), second.get("headers", {}))
        for part in ("body", "file"):
            if part in first and part in second:
                yield from self._values(part, "", first[part], second[part])
            elif part in first:
                yield self._change(part, "member gone", BREAKING, first[part])
            elif part in second:
                yield self._change(part, "member new", NOTABLE, now=second[part])

    def _headers(self, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
        for name, value in before.items():
            where = f"headers.{name}"
            matters = name in CODES or name == "content-type"
            if name not in now:
                yield self._change(where, "header gone", BREAKING if matters else NOTABLE, value)
            elif (name == "content-type" and _media(value) != _media(now[name])) or (
                name in CODES and value != now[name]
            ):
                yield self._change(where, "header changed", BREAKING, value, now[name])
            else:
                for change in self._texts(where, name, value, now[name]):
                    kind = change.kind
                    reported = kind if kind.startswith("reference") else "header changed"
                    severity = change.severity if reported == kind else COSMETIC
                    yield self._change(where, reported, severity, change.before, change.now)
        for name, value in now.items():
            if name not in before:
                yield self._change(f"headers.{name}", "header new", COSMETIC, now=value)

    def _values(self, where: str, name: str, before: Any, now: Any) -> Iterator[Change]:
        if _type(before) != _type(now):
            yield self._change(where, "type changed", BREAKING, before, now)
        elif isinstance(before, dict):
            yield from self._objects(where, before, now)
        elif isinstance(before, list):
            yield from self._lists(where, name, before, now)
        elif isinstance(before, str):
            yield from self._texts(where, name, before, now)
        # NaN is not equal to itself.
        elif before != now and str(before) != str(now) and name.lower() not in AMOUNTS:
            severity = BREAKING if name.lower() in CODES else NOTABLE
            yield self._change(where, "value changed", severity, before, now)

    def _objects(self, where: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[Change]:
        # Names of members may be ids: they are compared by their earlier names.
        named = {self._as_before(key): key for key in now}
        for key, value in before.items():
            path = f"{where}.{key}"
            if key in named:
                yield from self._values(path, key, value, now[named[key]])
            elif not self._may_lack(key):
                yield self._change(path, "member gone", BREAKING, value)
        for key, spelled in named.items():
            if key not in before and not self._may_lack(key):
                yield self._change(f"{where}.{key}", "member new", NOTABLE, now=now[spelled])
        common = [key for key in before if key in named]
        if common != [key for key in named if key in before]:
            yield self._change(where, "order changed", COSMETIC, list(before), list(now))

    def _lists(self, where: str, name: str, before: list[Any], now: list[Any]) -> Iterator[Change]:
        if len(before) != len(now):
            yield self._change(where, "items changed", NOTABLE, len(before), len(now))
        elif before != now and _all_plain(before) and _same_items(before, now):
            yield self._change(where, "order changed", NOTABLE, before, now)
            return
        for index, (first, second) in enumerate(zip(before, now, strict=False)):
            yield from self._values(f"{where}[{index}]", name, first, second)

    def _texts(self, where: str, name: str, before: str, now: str) -> Iterator[Change]:
        plain = name.lower()
        refs, others = REFERENCE.findall(before), REFERENCE.findall(now)
        if REFERENCE.split(before)[::4] == REFERENCE.split(now)[::4] and len(refs) == len(others):
            # The text around the references is the same, so they are compared one by one. The
            # signature of a URL is new each time and has no identity.
            signed = REFERENCE.findall(before.partition("?")[2]) if _is_url(before) else []
            for index, (first, second) in enumerate(zip(refs, others, strict=True)):
                bound = index < len(refs) - len(signed)
                yield from self._references(where, _ref(first), _ref(second), bound=bound)
        elif plain in AMOUNTS:
            return
        elif _is_url(before):
            yield self._change(where, "url changed", NOTABLE, before, now)
        elif plain in CODES or (_is_word(before) and _is_word(now)):
            known = self.words.get(_place(where), set())
            new = now not in known
            kind, severity = ("word new", BREAKING) if new else ("value changed", NOTABLE)
            yield self._change(where, kind, BREAKING if plain in CODES else severity, before, now)
        elif plain in PROSE or " " in before:
            yield self._change(where, "text changed", COSMETIC, before, now)
        elif refs or others:
            yield self._change(where, "form changed", NOTABLE, before, now)
        else:
            yield self._change(where, "value changed", NOTABLE, before, now)

    def _references(self, where: str, first: str, second: str, *, bound: bool) -> Iterator[Change]:
        kind, other = _kind(first), _kind(second)
        if kind in _HOSTS and other in _HOSTS:
            return
        if kind != other or (first.endswith(":number}}") != second.endswith(":number}}")):
            yield self._change(where, "form changed", NOTABLE, first, second)
            return
        if not bound or kind in _TIMES:
            return  # which times are equal depends on the speed of the run
        first, second = _bare(first), _bare(second)
        if self.forth.setdefault(first, second) != second:
            yield self._change(where, "reference broken", BREAKING, first, second)
        elif self.back.setdefault(second, first) != first:
            yield self._change(where, "reference merged", BREAKING, first, second)

    def _may_lack(self, key: str) -> bool:
        """Say whether a member may be absent because it is zero for a while (`TAMS › 2`)."""
        return self.passing and key.lower() in AMOUNTS

    def _as_before(self, key: str) -> str:
        """Return the name that a member of the second recording has in the first."""
        return REFERENCE.sub(lambda match: self.back.get(match[0], match[0]), key)

    def _change(
        self, where: str, kind: str, severity: Severity, before: Any = None, now: Any = None
    ) -> Change:
        return Change(self.name, self.step, where, kind, severity, before, now)


def _vocabulary(recording: Recording) -> dict[str, set[str]]:
    """Return the texts in members of each name, anywhere in a recording."""
    words: dict[str, set[str]] = {}
    for scene in recording.scenes:
        for exchange in scene.exchanges:
            for _, name, value in leaves(exchange.get("response", {}).get("body")):
                if isinstance(value, str):
                    words.setdefault(name, set()).add(value)
    return words


def _place(where: str) -> str:
    return where.rpartition(".")[2].partition("[")[0]


def _is_url(text: str) -> bool:
    return "://" in text or text.startswith(("{{endpoint}}", "{{host}}"))


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str) and (found := REFERENCE.fullmatch(value)) and found[3]:
        return "number"
    return type(value).__name__


def _media(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _all_plain(items: list[Any]) -> bool:
    return not any(isinstance(item, dict | list) for item in items)


def _same_items(before: list[Any], now: list[Any]) -> bool:
    return sorted(map(repr, before)) == sorted(map(repr, now))


def _ref(groups: tuple[str, str, str]) -> str:
    kind, number, form = groups
    return "{{" + kind + (f"-{number}" if number else "") + form + "}}"


def _kind(ref: str) -> str:
    found = REFERENCE.fullmatch(ref)
    return found[1] if found else ref


def _bare(ref: str) -> str:
    return ref.replace(":number}}", "}}")
