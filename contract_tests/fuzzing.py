"""Requests that Hypothesis makes up, within a number of calls that is never exceeded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis.strategies import SearchStrategy

from contract_tests.outcomes import Disabled

Example = TypeVar("Example")
Found = TypeVar("Found")


class Fuzzer:
    """Looks for examples that break a law; each law may make `calls` calls."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def check(
        self,
        examples: SearchStrategy[Example],
        ask: Callable[[Example], Found],
        judge: Callable[[Example, Found], None],
        *,
        calls_each: int = 1,
    ) -> None:
        """Ask the target about examples and judge what it answers.

        `ask` makes `calls_each` calls; `judge` makes none and asserts. A failure is shown as it was
        found: making it smaller would take many calls. Raises `Disabled` if there are too few
        calls for one example.
        """
        left = self.calls // calls_each
        if left < 1:
            raise Disabled(f"--fuzz-calls {self.calls} is too few for one example")
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
        def law(example: Example) -> None:
            nonlocal left
            # Hypothesis comes back to an example; what it was answered is remembered, so that
            # coming back costs nothing, and a failure stays one when no call is left.
            key = repr(example)
            if key not in known:
                if left < 1:
                    reject()
                left -= 1
                known[key] = _remembered(ask, example)
            judge(example, known[key]())

        law()


def _remembered(ask: Callable[[Example], Found], example: Example) -> Callable[[], Found]:
    """Ask now, and return what tells the answer, or the expectation that was not met, again."""
    try:
        found = ask(example)
    except AssertionError as unmet:
        # An `except` clause forgets its variable at the end.
        failure = unmet

        def fail() -> Found:
            raise failure

        return fail
    return lambda: found
