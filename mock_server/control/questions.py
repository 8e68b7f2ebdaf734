"""Questions to the journal: how many requests came, and whether they came in an order.

A question looks at entries in the order in which they came, those that wait for more included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mock_server.control.matching import STEP, JournalSearch, MatchBody
from mock_server.control.problems import UNANSWERABLE, Problem
from mock_server.web.auth_diagnostics.search_budget import Paced
from mock_server.web.calls import CONTROL
from mock_server.web.json_bodies import WHOLE, ChoiceBody
from mock_server.web.request_matches import RequestView
from mock_server.web.traces import Trace

MAX_STEPS = 50  # of a sequence
MAX_WAIT = 60.0

Count = Annotated[int, Field(ge=0, le=1_000_000), WHOLE]


class CountBody(ChoiceBody):
    """Bounds for a number of entries."""

    several = True

    at_least: Count | None = None
    at_most: Count | None = None

    def holds(self, number: int) -> bool:
        return (self.at_least or 0) <= number and not self.exceeded(number)

    def exceeded(self, number: int) -> bool:
        return self.at_most is not None and number > self.at_most

    def __str__(self) -> str:
        if self.at_least == self.at_most:
            return f"exactly {self.at_least}"
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{words} {bound}" for words, bound in bounds if bound is not None)


def bounds_of(*names: str) -> BeforeValidator:
    """Return a validator that takes a number for these bounds."""

    def bounds(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return dict.fromkeys(names, value) if is_number else value

    return BeforeValidator(bounds, json_schema_input_type=Count | CountBody)


class QuestionBody(MatchBody):
    """What must have come: a number of entries that match, or a sequence.

    `never` is short for a count of 0. `sequence` lists what each of its entries must match, and
    the other members say among which entries. Others may come between them, unless `contiguous`.
    """

    count: CountBody | None = None
    never: bool = False
    sequence: Annotated[list[MatchBody], Field(min_length=1, max_length=MAX_STEPS)] | None = None
    contiguous: bool = False

    def question(self, search: JournalSearch) -> CountQuestion | SequenceQuestion:
        """Return the question; raises Problem for a contradiction or an unknown operation."""
        asked = {"count": self.count, "never": self.never, "sequence": self.sequence}
        if len(names := [name for name, given in asked.items() if given]) > 1:
            raise Problem(UNANSWERABLE, f"{' and '.join(names)} cannot be asked together")
        if self.contiguous and not self.sequence:
            raise Problem(UNANSWERABLE, "contiguous is about a sequence, and there is none")
        for each in (self, *(self.sequence or ())):
            if self.surface != CONTROL and (problem := search.problem_with(each)):
                raise Problem(UNANSWERABLE, problem)
        if self.sequence:
            return SequenceQuestion(self, self.sequence, search, contiguous=self.contiguous)
        expected = self.count or CountBody.model_construct(at_least=1)
        if self.never:
            expected = CountBody.model_construct(at_least=0, at_most=0)
        if expected.exceeded(expected.at_least or 0):
            raise Problem(UNANSWERABLE, f"no number of requests is {expected}")
        return CountQuestion(self, expected, search)


class VerifyBody(QuestionBody):
    """What must have come; `count` is a number or bounds, by default at least one."""

    count: Annotated[CountBody, bounds_of("atLeast", "atMost")] | None = None


class WaitBody(QuestionBody):
    """What is waited for, for at most `timeout` real seconds.

    A number as `count` means at least so many. What has an upper bound (`atMost`, `never`) is only
    known at the end of this time, unless too many come before.
    """

    count: Annotated[CountBody, bounds_of("atLeast")] | None = None
    timeout: Annotated[float, Field(ge=0, le=MAX_WAIT)] = 10.0


class _Question:
    """What is asked of the entries that match. `found` are those that count, the oldest first."""

    def __init__(self, match: MatchBody, search: JournalSearch) -> None:
        self.found: list[Trace] = []
        self.match = match
        self.search = search
        self.undecided = 0  # entries that may match, but only a part of their body was kept

    def look(self, trace: Trace) -> None:
        """Take the next entry into account."""
        sent = self.search.request_of(trace)
        misses = list(self.search.misses(self.match, trace, sent))
        if not misses:
            self._take(trace, sent)
        elif all(each.unknown for each in misses):
            self.undecided += 1

    def look_at(self, traces: Iterable[Trace]) -> Paced[None]:
        """Take entries into account, with pauses."""
        for number, trace in enumerate(traces):
            if number % STEP == 0:
                yield
            self.look(trace)

    def _take(self, trace: Trace, sent: RequestView) -> None:
        self.found.append(trace)


class CountQuestion(_Question):
    """Whether as many entries match as expected."""

    before_match = "with"

    def __init__(self, match: MatchBody, expected: CountBody, search: JournalSearch) -> None:
        super().__init__(match, search)
        self.expected = expected

    @property
    def exceeded(self) -> bool:
        return self.expected.exceeded(len(self.found))

    @property
    def holds(self) -> bool:
        number = len(self.found)
        most = number + self.undecided
        return self.expected.holds(number) and not self.expected.exceeded(most)

    @property
    def settled(self) -> bool:
        """Whether more entries change nothing."""
        return self.exceeded or (self.expected.at_most is None and self.holds)

    @property
    def missing(self) -> MatchBody:
        """What should have come, or should not."""
        return self.match

    def __str__(self) -> str:
        unknown = f", and perhaps {self.undecided} more whose bodies were cut"
        found = f"{len(self.found)}{unknown if self.undecided else ''}"
        return f"expected {self.expected} requests, found {found}"


class SequenceQuestion(_Question):
    """Whether entries that match came in an order."""

    exceeded = False
    before_match = "and then none with"

    def __init__(
        self,
        match: MatchBody,
        steps: Sequence[MatchBody],
        search: JournalSearch,
        *,
        contiguous: bool,
    ) -> None:
        super().__init__(match, search)
        self._steps = steps
        self._contiguous = contiguous
        self._begun: list[list[Trace]] = []  # sequences that the next entry may go on

    @property
    def holds(self) -> bool:
        return len(self.found) == len(self._steps)

    settled = holds

    @property
    def missing(self) -> MatchBody:
        """What should have come next."""
        step = self._steps[len(self.found)]
        changes: dict[str, Any] = {"account": step.account or self.match.account}
        if self.found:
            changes["since"] = self.found[-1].id
        return step.model_copy(update=changes)

    def _take(self, trace: Trace, sent: RequestView) -> None:
        if self.holds:
            return
        self._begun = [
            [*begun, trace]
            for begun in ([*self._begun, []] if self._contiguous else [self.found])
            if not any(self.search.misses(self._steps[len(begun)], trace, sent))
        ]
        self.found = max([self.found, *self._begun], key=len)  # the first of the longest

    def __str__(self) -> str:
        order = "directly after each other" if self._contiguous else "in this order"
        return f"expected {len(self._steps)} requests {order}, found {len(self.found)}"
