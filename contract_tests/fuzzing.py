"""Requests that Hypothesis generates, within a fixed number of calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis.strategies import SearchStrategy

from contract_tests.outcomes import Disabled

Example = TypeVar("Example")
Found = TypeVar("Found")


class Fuzzer:
    """Looks for examples that fail a check; each check may make `calls` calls."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def check(
        self,
        examples: SearchStrategy[Example],
        ask: Callable[[Example], Found],
        judge: Callable[[Example, Found], None],
        *,
        calls_each: int = 1,
    ) -> list[Found]:
        """Send examples to the target, judge its answers, and return them.

        `ask` makes `calls_each` calls; `judge` makes none and asserts. Failures are not minimised,
        because that would take many calls. Raises `Disabled` if there are too few calls for one
        example.
        """
        left = self.calls // calls_each
        if left < 1:
            raise Disabled(f"--fuzz-calls {self.calls} is too small for one example")
        known: dict[str, Callable[[], Found]] = {}

        @settings(
            max_examples=left,
            phases=(Phase.generate,),
            report_multiple_bugs=False,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(examples)
        def check_example(example: Example) -> None:
            nonlocal left
            # Hypothesis repeats examples. Answers are remembered, so a repetition makes no call and
            # a failure stays a failure when no calls are left.
            key = repr(example)
            if key not in known:
                if left < 1:
                    reject()
                left -= 1
                known[key] = _remembered(ask, example)
            judge(example, known[key]())

        check_example()
        return [answer() for answer in known.values()]


def _remembered(ask: Callable[[Example], Found], example: Example) -> Callable[[], Found]:
    """Ask now, and return a function that repeats the answer or the unmet expectation."""
    try:
        found = ask(example)
    except AssertionError as unmet:
        # Python deletes the variable of an `except` clause at its end.
        failure = unmet

        def fail() -> Found:
            raise failure

        return fail
    return lambda: found
