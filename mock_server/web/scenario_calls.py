"""What a call does to the scenario of its account: due steps act before it, and it is counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache, partial

from mock_server.core.scenarios import ScenarioStep
from mock_server.web.calls import Answer, Call
from mock_server.web.faults.service import FaultService
from mock_server.web.pipeline import Hooks, Operation, Stage, Surface
from mock_server.web.request_matches import (
    RequestMatchBody,
    RequestView,
    differences,
    names_of,
    steps_of,
    values_at,
)

# What a step may name of the call that it waited for: a JSON pointer into its body or its answer.
OF_CALLS = ("request", "answer")


class ScenarioCall:
    """One call while scenarios run; faults act between its hooks."""

    def __init__(
        self, faults: FaultService, call: Call, operation: Operation, surface: Surface
    ) -> None:
        self.faults = faults
        self.call = call
        self.operation = operation
        self.surface = surface
        self.faulty = faults.hooks_of(call, operation, surface)

    @property
    def hooks(self) -> Hooks:
        return {
            **self.faulty,
            Stage.IDENTIFIED: self.identified,
            Stage.ANSWERED: self.answered,
        }

    async def identified(self, call: Call) -> Answer | None:
        """Let the steps act that are due; the call may have lost its credentials by that."""
        id, scenarios = call.trace.account, call.accounts.scenarios
        if id in scenarios.running and await scenarios.catch_up(id, call.wall):
            account = await (self.operation.caller or self.surface.authenticate)(call)
            if account is not None:
                call.account = account
        if not self.faulty:
            self.faulty = self.faults.hooks_of(call, self.operation, self.surface)
        hook = self.faulty.get(Stage.IDENTIFIED)
        return None if hook is None else await hook(call)

    async def answered(self, call: Call) -> Answer | None:
        """Count the call, whatever came of it."""
        hook = self.faulty.get(Stage.ANSWERED)
        changed = None if hook is None else await hook(call)
        id, scenarios = call.trace.account, call.accounts.scenarios
        if id in scenarios.running:
            answer = changed or call.answer
            await scenarios.count_call(id, call.wall, partial(self._values, answer))
        return changed

    def _values(self, answer: Answer, step: ScenarioStep) -> Mapping[str, str] | None:
        """Return what a step needs to know of the call; None if the call does not fit it."""
        names = partial(names_of, self.operation)
        view = RequestView(self.call, self.call.body, self.surface.name, names)
        if any(differences(_match_of(step.match), view)):
            return None
        try:
            parsed = json.loads(answer.body)
        except ValueError:
            parsed = None
        bodies = {"request": view.parsed, "answer": parsed}
        values: dict[str, str] = {}
        for name in step.values:
            where, _, pointer = name.partition("/")
            found = values_at(bodies[where], steps_of(f"/{pointer}")) if where in bodies else []
            values |= {name: str(found[0])} if found else {}
        return values


@lru_cache(maxsize=1000)
def _match_of(match: bytes) -> RequestMatchBody:
    return RequestMatchBody.model_validate_json(match)
