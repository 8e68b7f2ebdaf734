"""What follows from the observations of bundles: settings, conflicts, and what stays open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from contract_tests.learning.rules import LearningRule, SettingValue, plain_number
from contract_tests.report.shape import Observation

MAX_RATIO = 1.25
"""A likely limit is concluded only if the limits that are possible differ by less."""


@dataclass
class Conclusion:
    """What is known about one setting.

    `value` is None if nothing follows, and `open` says why. A conflict has the value that was seen
    most often. Of what was `seen`, it has the parts that the rules look at.
    """

    setting: str
    unknown: str
    value: SettingValue | list[str] | None = None
    conflict: str = ""
    open: str = ""
    seen: list[Observation] = field(default_factory=list)


def conclude(
    observations: Iterable[Observation], rules: Sequence[LearningRule]
) -> dict[str, Conclusion]:
    """Return the conclusion about each setting that has a rule, by its name."""
    every = list(observations)
    found = {rule.setting: Conclusion(rule.setting, rule.unknown) for rule in reversed(rules)}
    for name, conclusion in found.items():
        votes: list[tuple[SettingValue, ...]] = []
        for rule in (rule for rule in rules if rule.setting == name):
            seen = [one for one in every if rule.applies(one.unknown, one.what)]
            shown = [replace(one, value=rule.part(one.value)) for one in seen]
            conclusion.seen += [one for one in shown if one not in conclusion.seen]
            if rule.accepted:
                _conclude_limit(conclusion, rule, seen)
            elif rule.entry:
                _add_entry(conclusion, rule, seen)
            else:
                votes += filter(None, (rule.values(one.value) for one in seen))
        if votes:
            _decide(conclusion, votes)
        elif conclusion.seen and conclusion.value is None:
            conclusion.open = conclusion.open or "no other value of the setting follows"
    return dict(reversed(found.items()))


def _decide(conclusion: Conclusion, votes: list[tuple[SettingValue, ...]]) -> None:
    """Take the only value that all observations allow, or the most frequent one."""
    # 1 and True are the same key, but no setting has both.
    possible = set(votes[0]).intersection(*votes)
    if len(possible) == 1:
        conclusion.value = possible.pop()
    elif possible:
        conclusion.open = f"it may be {' or '.join(sorted(map(str, possible)))}"
    else:
        counts = Counter(value for vote in votes for value in vote)
        conclusion.value = counts.most_common(1)[0][0]
        told = ", ".join(f"{value} {count} times" for value, count in counts.most_common())
        conclusion.conflict = f"the observations contradict each other: {told}"


def _add_entry(conclusion: Conclusion, rule: LearningRule, seen: Sequence[Observation]) -> None:
    """Add what follows to a setting that is a list."""
    if votes := [values for one in seen if (values := rule.values(one.value))]:
        own = Conclusion(rule.setting, rule.unknown)
        _decide(own, votes)
        others = conclusion.value if isinstance(conclusion.value, list) else []
        conclusion.value = [*others, rule.entry.format(own.value)]
        conclusion.conflict = conclusion.conflict or own.conflict


def _conclude_limit(
    conclusion: Conclusion, rule: LearningRule, seen: Sequence[Observation]
) -> None:
    """Find a limit between what was taken and what was not."""
    tried: Mapping[bool, list[float]] = {True: [], False: []}
    for one in seen:
        for taken in rule.values(one.value):
            tried[bool(taken)].append(rule.tried(one.what))
    if not seen:
        return
    # Values that are too small, such as 0, are refused, too.
    low = max(tried[True], default=0.0)
    high = min((value for value in tried[False] if value > low), default=None)
    if high is None:
        conclusion.value = rule.unlimited
        conclusion.open = "" if rule.unlimited is not None else f"it is {low:g} or more"
        return
    likely = [value for value in rule.likely if low <= value <= high]
    if high == low + 1:
        conclusion.value = plain_number(low)
    elif len(likely) == 1 and low and high / low < MAX_RATIO:
        conclusion.value = plain_number(likely[0])
        conclusion.conflict = f"it is between {low:g} and {high:g}; {likely[0]:g} is usual"
    else:
        conclusion.open = f"it is between {low:g} and {high:g}"
