"""The format of scenarios: texts, accounts, a start, and steps with control operations as actions.

An action has the name of an operation, and the members of its path, query and body. It is about
the account that the scenario was started for, or names one of those that the scenario makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from msgspec import Struct
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo

from mock_server.control.accounts import AccountOptionsBody
from mock_server.core.jobs.job import JobState
from mock_server.core.scenarios import ENDED, SUBMITTED, ScenarioStep
from mock_server.web.json_bodies import WHOLE, ChoiceBody, IncomingBody
from mock_server.web.pipeline import Operation
from mock_server.web.request_matches import RequestMatchBody, Text

# What a scenario may do: operations that change an account, and end at once.
ACTIONS = (
    "create_fault", "delete_faults",
    "put_balance", "put_limits", "patch_account_settings",
    "rotate_credentials", "revoke_credentials",
    "put_clock", "advance_clock", "freeze_clock", "resume_clock",
    "plan_job", "advance_job", "complete_job", "fail_job",
    "expire_results", "expire_account_results", "expire_upload", "expire_account_uploads",
    "expire_token", "extend_token", "disable_token", "enable_token", "close_sessions",
    "expire_tokens", "disable_tokens", "enable_tokens", "close_account_sessions",
    "redeliver", "drain", "reset",
)  # fmt: skip

MAX_ACCOUNTS = 10
MAX_STEPS = 100
MAX_ACTIONS = 50  # of a step
MAX_SECONDS = 1e9  # about thirty years

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,6})?) ?([smhd]?)")
# Stands for what the event of a step named: a job, or a member of the call or of its answer.
_PLACEHOLDER = re.compile(r"\{(job|(?:request|answer)/[^{}]+)\}")


def _seconds(value: Any) -> Any:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) * _UNITS[found[2] or "s"] if found else value


Seconds = Annotated[
    float,
    Field(ge=0, le=MAX_SECONDS),
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": MAX_SECONDS},
                {"type": "string", "pattern": f"^{_DURATION.pattern}$"},
            ],
            "description": "Seconds of virtual time, or a duration such as 90 s, 2 m, 1.5 h",
        }
    ),
]
_SLUG = "^[a-z0-9]+(-[a-z0-9]+)*$"
AccountName = Annotated[
    str, Field(pattern=_SLUG, max_length=20, description="One of the accounts of the scenario")
]
_ACCOUNTS: Any = Annotated[
    dict[AccountName, AccountOptionsBody],
    Field(
        max_length=MAX_ACCOUNTS,
        json_schema_extra={"additionalProperties": False, "propertyNames": {"maxLength": 20}},
        description="Accounts that a start makes and a stop deletes, by names that steps use. An id"
        " that is left out is made of the account that the scenario is started for and the name;"
        " their time is that of this account.",
    ),
]
Count = Annotated[int, Field(ge=1, le=10_000), WHOLE]
Sentences = Annotated[str, Field(max_length=1000)]
AwaitedState = Literal[
    "submitted", "pending", "waiting", "running", "succeeded", "failed", "canceled", "ended"
]


class AwaitedBody(IncomingBody):
    """Something that happens to the account that the scenario was started for, or to another."""

    account: AccountName | None = None

    @property
    def of(self) -> str:
        return f" of {self.account}" if self.account else ""


class AwaitedJobBody(AwaitedBody):
    """The `job`-th job that the account makes from the start on reaches a state, or passed it."""

    job: Count = 1
    state: AwaitedState


class AwaitedCallsBody(AwaitedBody):
    """So many `calls` that match were answered, whatever the answers were."""

    calls: Count = 1
    match: RequestMatchBody = Field(default_factory=RequestMatchBody)


class ScenarioMomentBody(ChoiceBody):
    """When a step acts: some time after the start, or (after a `delay`) when something happened."""

    beside = frozenset({"delay", "do"})

    at: Seconds | None = None
    when: AwaitedJobBody | None = None
    after: AwaitedCallsBody | None = None
    delay: Seconds = 0.0

    @property
    def awaited(self) -> AwaitedJobBody | AwaitedCallsBody | None:
        return self.when or self.after

    @property
    def words(self) -> str:
        if self.at is not None:
            return f"at {self.at:g} s"
        delay = f"{self.delay:g} s after " if self.delay else ""
        if self.when is not None:
            begins = f"{delay}job {self.when.job}" if delay else f"when job {self.when.job}"
            return f"{begins}{self.when.of} is {self.when.state}"
        assert self.after is not None  # noqa: S101 - one of three is there
        match = self.after.match
        named = match.operation or " ".join(filter(None, (match.method, match.path))) or "any kind"
        calls = "call" if self.after.calls == 1 else "calls"
        of = self.after.of.replace("of", "by")
        words = f"{delay}after {self.after.calls} {calls} of {named}{of}"
        return words.replace("after after", "after")

    def step(self, number: int, values: Iterable[str]) -> ScenarioStep:
        """Return the step before it has begun; `values` are the placeholders of its actions."""
        when, after = self.when, self.after
        return ScenarioStep(
            number,
            due_at=self.at,
            delay=self.delay,
            of=(self.awaited and self.awaited.account) or "",
            job_number=0 if when is None else when.job,
            job_state="" if when is None else when.state,
            calls=0 if after is None else after.calls,
            match=b""
            if after is None
            else after.match.model_dump_json(exclude_unset=True).encode(),
            values=dict.fromkeys(values, ""),
        )


class ScenarioTextsBody(IncomingBody):
    """A scenario: its name, and in a sentence each what it does, what a client sees, and what a
    good client does.
    """

    name: Annotated[str, Field(pattern=_SLUG, max_length=60)]
    summary: Sentences = ""
    symptom: Sentences = ""
    advice: Sentences = ""


class ScenarioActionBody(IncomingBody):
    """One control operation by its name, with its members."""

    model_config = ConfigDict(
        alias_generator=None, json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            found = " and ".join(sorted(self.model_fields_set)) or "none"
            raise ValueError(f"needs the name of one operation; found {found}")
        return self


class ScenarioAction(Struct, frozen=True):
    """An operation that scenarios may use, and how its members are told apart."""

    operation: Operation
    path: tuple[str, ...]
    query: frozenset[str]

    @classmethod
    def of(cls, operation: Operation) -> ScenarioAction:
        named = tuple(re.findall(r"\{(\w+)\}", operation.path))
        return cls(operation, named, frozenset(_members(operation.query)))

    @property
    def is_about_the_account(self) -> bool:
        return self.operation.path.startswith("/_mock/accounts/")

    @property
    def takes_account(self) -> bool:
        """Whether the body names an account."""
        return "account" in _members(self.operation.body)

    def model(self) -> Any:
        """Return the type of its members."""
        operation = self.operation
        more: dict[str, Any] = {}
        if self.path and not self.is_about_the_account:
            more = dict.fromkeys(self.path, (Text, ...))
        more |= {name: (each.annotation, each) for name, each in _members(operation.query).items()}
        if self.is_about_the_account or self.takes_account or "account" in self.query:
            more["account"] = (AccountName | None, None)
        base: Any = operation.body or IncomingBody
        title = operation.run.__name__.title().replace("_", "")
        model = create_model(title, __base__=base, __doc__=operation.summary, **more)
        if issubclass(model, ChoiceBody):
            model.beside |= more.keys()  # type: ignore[attr-defined]
        return model


def _members(model: type | None) -> dict[str, FieldInfo]:
    return model.model_fields if model is not None and issubclass(model, BaseModel) else {}


def actions_of(operations: Iterable[Operation]) -> dict[str, ScenarioAction]:
    """Return what scenarios may do, by name."""
    by_name = {operation.run.__name__: operation for operation in operations}
    return {name: ScenarioAction.of(by_name[name]) for name in ACTIONS if name in by_name}


def scenario_type(actions: Mapping[str, ScenarioAction]) -> type[ScenarioTextsBody]:
    """Return the type of a whole scenario."""
    members: dict[str, Any] = {
        name: (action.model(), Field(None, description=action.operation.summary))
        for name, action in actions.items()
    }
    action = create_model("Action", __base__=ScenarioActionBody, **members)
    several: Any = Annotated[list[action], Field(max_length=MAX_ACTIONS)]
    step = create_model(
        "Step",
        __base__=ScenarioMomentBody,
        __doc__=ScenarioMomentBody.__doc__,
        do=(Annotated[several, Field(min_length=1)], ...),
    )
    return create_model(
        "Scenario",
        __base__=ScenarioTextsBody,
        __doc__=ScenarioTextsBody.__doc__,
        accounts=(_ACCOUNTS, Field(default_factory=dict)),
        start=(several, Field(default_factory=list)),
        steps=(
            Annotated[list[step], Field(max_length=MAX_STEPS)],
            Field(default_factory=list),
        ),
    )


def steps_in(spec: Any, scenario: Any) -> list[ScenarioStep]:
    """Return the steps of a scenario, `spec` being what was written; the start is the step 0."""
    steps = [ScenarioStep(0, due_at=0.0)] if scenario.start else []
    steps += [
        step.step(number, dict(placeholders_in(spec["steps"][number - 1]["do"])))
        for number, step in enumerate(scenario.steps, 1)
    ]
    return steps


def placeholders_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the names of placeholders in a value, and the JSON pointers to them."""
    if isinstance(value, str) and (found := _PLACEHOLDER.fullmatch(value)):
        yield found[1], path
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, each in items:
        yield from placeholders_in(each, f"{path}/{key}")


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """Return a value with its placeholders replaced; one without a value stays as it is."""
    if isinstance(value, dict):
        return {key: filled(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, values) for each in value]
    if isinstance(value, str) and (found := _PLACEHOLDER.fullmatch(value)):
        return values.get(found[1]) or value
    return value


def awaited_values(moment: ScenarioMomentBody) -> re.Pattern[str]:
    """Return which placeholders the event of a step gives a value."""
    if moment.after is not None:
        return re.compile("(request|answer)/.+")
    return re.compile("job" if moment.when is not None else "(?!)")


assert {*JobState, SUBMITTED, ENDED} >= {*AwaitedState.__args__}  # type: ignore[attr-defined] # noqa: S101
