"""Scenarios: named failures that change an account step by step, and take it back when stopped."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from msgspec import to_builtins
from pydantic import ValidationError

from mock_server.control.accounts import AccountBody, Accounts, SettingsChangeBody
from mock_server.control.dependencies import ControlDependencies
from mock_server.control.payloads import read_body, read_query
from mock_server.control.problems import (
    NOT_A_SCENARIO,
    NOT_FOUND,
    ErrorBody,
    Problem,
    problem_in,
    problem_of,
)
from mock_server.control.scenario_files import (
    FileProblem,
    at_places,
    is_file,
    pointed,
    read_scenario,
    shipped,
)
from mock_server.control.scenario_format import (
    ScenarioAction,
    ScenarioMomentBody,
    ScenarioTextsBody,
    actions_of,
    awaited_values,
    filled,
    placeholders_in,
    scenario_type,
    steps_in,
)
from mock_server.core.accounts import SERVER
from mock_server.core.errors import Conflict, DomainError, Invalid, NotFound, SettingsRefused
from mock_server.core.scenarios import OwnScenario, ScenarioRun, ScenarioStep
from mock_server.core.states import SavedAccount
from mock_server.web.byte_order_marks import without_mark
from mock_server.web.calls import CONTROL, Call
from mock_server.web.faults.rules import NewFaultBody
from mock_server.web.hints import near
from mock_server.web.json_bodies import AccountQuery, MomentBody, OutgoingBody, TextOrNull
from mock_server.web.listing import up_to_date
from mock_server.web.pipeline import Operation
from mock_server.web.traces import Trace
from mock_server.web.wall import let_others_run

log = logging.getLogger("tams_mock")

MAX_OWN_SCENARIOS = 200


class StepStateBody(OutgoingBody):
    """A step of a scenario that was started; `problem` is why an action was refused."""

    number: int
    moment: str
    actions: list[str]
    due: MomentBody | None
    done: MomentBody | None
    problem: TextOrNull


class ScenarioRunBody(OutgoingBody):
    """A scenario on an account: its steps, and what a stop has undone.

    `accounts` are those that it made and that are there, by their names in the scenario.
    """

    name: str
    account: str
    accounts: dict[str, AccountBody]
    running: bool
    began: MomentBody
    stopped: MomentBody | None
    steps: list[StepStateBody]
    faults: list[str]
    undone: list[str]


class ScenarioBody(OutgoingBody):
    """A scenario, and where it runs or ran last; `own` is one that was added."""

    name: str
    summary: str
    symptom: str
    advice: str
    own: bool
    runs: list[ScenarioRunBody]


class WholeScenarioBody(ScenarioBody):
    """A scenario with its accounts and actions, as they were written."""

    accounts: dict[str, dict[str, Any]]
    start: list[dict[str, Any]]
    steps: list[dict[str, Any]]


class ScenariosBody(OutgoingBody):
    """All scenarios."""

    scenarios: list[ScenarioBody]


class Scenarios:
    """Operations on scenarios, and what carries out their steps."""

    def __init__(
        self, known: ControlDependencies, accounts: Accounts, operations: Sequence[Operation]
    ) -> None:
        self.known = known
        self.accounts = accounts
        self.service = known.accounts.scenarios
        self.actions = actions_of(operations)
        known.states.checks += [
            (OwnScenario, lambda own: self.read(json.loads(own.spec))),
            (ScenarioRun, lambda run: self.read(json.loads(run.spec))),
            (SavedAccount, _check_steps),
        ]

    @cached_property
    def type(self) -> type[ScenarioTextsBody]:
        """The type of a scenario, made from the types of all actions."""
        return scenario_type(self.actions)

    # Operations

    async def list_scenarios(self, call: Call, query: AccountQuery) -> ScenariosBody:
        if query.account is not None:
            await call.accounts.find(query.account)
        await up_to_date(call.accounts, query.account, call.wall)
        runs = await call.accounts.store.list(ScenarioRun, query.account)
        own = await self._own()
        return ScenariosBody(
            scenarios=[
                ScenarioBody(**await self._told(call, spec, name in own, runs))
                for name, spec in (shipped() | own).items()
            ]
        )

    async def get_scenario(self, call: Call, query: AccountQuery) -> WholeScenarioBody:
        name = call.params["name"]
        spec = await self._find(name)
        await up_to_date(call.accounts, query.account, call.wall)
        runs = await call.accounts.store.list(ScenarioRun, query.account)
        return WholeScenarioBody(
            **await self._told(call, spec, name not in shipped(), runs),
            accounts=spec.get("accounts", {}),
            start=spec.get("start", []),
            steps=spec.get("steps", []),
        )

    async def create_scenario(self, call: Call, body: Any) -> WholeScenarioBody:
        await self.add(json.loads(without_mark(call.body)), body)
        call.params = {"name": body.name}
        return await self.get_scenario(call, AccountQuery())

    async def start_scenario(self, call: Call, query: AccountQuery) -> ScenarioRunBody:
        account = query.account or call.accounts.ready_made.id
        run = await self.start(call.params["name"], account, call.wall)
        for each in run.accounts.values():
            self.known.journal.forget(each)  # what an account with its id did before
        return await self._shown(run, call)

    async def stop_scenario(self, call: Call, query: AccountQuery) -> ScenarioRunBody:
        account = query.account or call.accounts.ready_made.id
        run = await self.service.stop(account, call.params["name"], call.wall)
        return await self._shown(run, call)

    # Scenarios

    def read(self, spec: Any) -> ScenarioTextsBody:
        """Return a scenario that can be carried out, as its type; raises Problem for any other."""
        try:
            scenario = self.type.model_validate_json(json.dumps(spec))
        except ValidationError as error:
            raise problem_in(error, self.type, "body") from error
        self._check(spec, scenario)
        return scenario

    async def add(self, spec: Any, scenario: ScenarioTextsBody) -> None:
        """Keep a scenario, as it was written, in place of an added one of its name."""
        self._check(spec, scenario)
        if scenario.name in shipped():
            raise Conflict(f"a scenario that ships is called {scenario.name}; choose another name")
        async with self.known.accounts.store.transaction(SERVER) as tx:
            is_new = await tx.get(OwnScenario, scenario.name) is None
            if is_new and await tx.count(OwnScenario) >= MAX_OWN_SCENARIOS:
                raise Conflict(f"there are {MAX_OWN_SCENARIOS} scenarios already; reset some")
            await tx.put(OwnScenario(scenario.name, SERVER, json.dumps(spec).encode()))

    async def start(self, name: str, account: str, wall: float) -> ScenarioRun:
        spec = await self._find(name)
        scenario: Any = self.read(spec)
        steps, written = steps_in(spec, scenario), json.dumps(spec).encode()
        made = {name: self.accounts.spec(each) for name, each in scenario.accounts.items()}
        return await self.service.start(account, name, written, steps, wall, made)

    async def begin(self, name: str, account: str, wall: float) -> None:
        """Start a scenario, by its name or its file, on an account."""
        if is_file(name):
            try:
                spec = self.read_file(Path(name))
            except ValueError as error:
                raise Conflict(str(error)) from error
            await self.add(spec, self.read(spec))
            name = spec["name"]
        await self.start(name, account, wall)

    def read_file(self, path: Path) -> dict[str, Any]:
        """Read a scenario file; raises ValueError with a line for each error."""
        try:
            document = read_scenario(path)
            self.read(document.value)
            spec: dict[str, Any] = document.value
            return spec
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error
        except FileProblem as error:
            raise ValueError(f"{path}:{error}") from error
        except Problem as error:
            found = pointed(map(to_builtins, error.errors)) or [("#", error.detail)]
            lines = (f"{path}:{line}" for line in at_places(document, found))
            raise ValueError("\n".join(lines)) from error

    def _check(self, spec: Any, scenario: Any) -> None:
        """Raise Problem for faults that can never act, and for placeholders without a value."""
        errors = list(self._errors(spec, scenario))
        if errors:
            place = (errors[0].pointer or "").removeprefix("#").removeprefix("/")
            words = f"{place}: {errors[0].detail}" if place else errors[0].detail
            raise Problem(NOT_A_SCENARIO, words, errors=errors)

    def _errors(self, spec: Any, scenario: Any) -> Iterator[ErrorBody]:
        if not (scenario.accounts or scenario.start or scenario.steps):
            yield ErrorBody("needs accounts, a start or steps", "#")
        yield from self._refused_accounts(scenario)
        for name, pointer in placeholders_in(spec.get("start", []), "#/start"):
            yield ErrorBody(f"{name} is known only in a step that waits for it", pointer)
        yield from self._refused(scenario.start, "#/start", scenario.accounts)
        for number, step in enumerate(scenario.steps):
            place = f"#/steps/{number}/do"
            yield from self._refused(step.do, place, scenario.accounts)
            if (awaited := step.awaited) is not None and awaited.account is not None:
                where = f"#/steps/{number}/{'after' if step.when is None else 'when'}/account"
                yield from _unknown_account(awaited.account, scenario.accounts, where)
            known = awaited_values(step)
            for name, pointer in placeholders_in(spec["steps"][number]["do"], place):
                if not known.fullmatch(name):
                    yield ErrorBody(f"{name} is not known here: see when and after", pointer)

    def _refused_accounts(self, scenario: Any) -> Iterator[ErrorBody]:
        """Yield what is wrong with accounts beyond their types."""
        for name, body in scenario.accounts.items():
            try:
                self.accounts.spec(body)
            except DomainError as error:
                given = {} if body.settings is None else body.settings.values
                for each in problem_of(error).errors:
                    where = (each.pointer or "#").removeprefix("#/")
                    if where.removeprefix("settings/") not in given:
                        where = where.replace(".", "/")
                    yield ErrorBody(each.detail, f"#/accounts/{name}/{where}")

    def _refused(
        self, actions: Sequence[Any], place: str, accounts: Mapping[str, Any]
    ) -> Iterator[ErrorBody]:
        """Yield what is wrong with faults, settings and accounts beyond their types."""
        for number, action in enumerate(actions):
            (name,) = action.model_fields_set
            body, where = getattr(action, name), f"{place}/{number}/{name}"
            if (account := getattr(body, "account", None)) is not None:
                yield from _unknown_account(account, accounts, f"{where}/account")
            try:
                if isinstance(body, NewFaultBody):
                    self.known.faults.check(body, 0.0)
                elif isinstance(body, SettingsChangeBody):
                    self.known.account_settings.changed((), body.values)
            except SettingsRefused as error:
                for setting, problem in error.problems.items():
                    written = setting if setting in body.values else setting.replace(".", "/")
                    yield ErrorBody(problem, f"{where}/{written}")
            except Invalid as error:
                yield ErrorBody(error.problem, f"{where}/{error.field}")

    async def _own(self) -> dict[str, Any]:
        store = self.known.accounts.store
        return {each.id: json.loads(each.spec) for each in await store.list(OwnScenario)}

    async def _find(self, name: str) -> dict[str, Any]:
        all = shipped() | await self._own()
        if name not in all:
            raise Problem(NOT_FOUND, f"there is no scenario {name[:100]!r}{near(name, all)}")
        found: dict[str, Any] = all[name]
        return found

    # Answers

    async def _told(
        self, call: Call, spec: Any, own: bool, runs: Sequence[ScenarioRun]
    ) -> dict[str, Any]:
        texts = {name: spec.get(name, "") for name in ScenarioTextsBody.model_fields}
        shown = []
        for run in runs:
            if run.name == spec["name"]:
                shown.append(await self._shown(run, call))
                if len(shown) % 50 == 0:
                    await let_others_run()
        return texts | {"own": own, "runs": shown}

    async def _shown(self, run: ScenarioRun, call: Call) -> ScenarioRunBody:
        spec, accounts = json.loads(run.spec), {}
        for name in run.accounts:
            with suppress(NotFound):  # It was deleted.
                id = await self._account_of(run, name)
                accounts[name] = AccountBody.model_validate(
                    await self.accounts.shown(id, call), by_alias=True, by_name=False
                )
        return ScenarioRunBody(
            name=run.name,
            account=run.account,
            accounts=accounts,
            running=run.stopped_at is None,
            began=MomentBody.of(run.began_at),
            stopped=_moment(run.stopped_at),
            steps=[_step_body(spec, step) for step in await self.service.steps(run.account)],
            faults=list(run.faults),
            undone=list(run.undone),
        )

    # Steps

    async def perform(
        self, run: ScenarioRun, step: ScenarioStep, wall: float
    ) -> tuple[tuple[str, ...], str]:
        """Carry out the actions of a step up to the first that is refused."""
        faults: list[str] = []
        problem = ""
        for action in _actions(json.loads(run.spec), step.number):
            ((name, members),) = action.items()
            known, members = self.actions[name], filled(members, step.values)
            try:
                if missing := next(placeholders_in(members), None):
                    raise NotFound(f"{missing[0]} in what was waited for")
                answer = await self._act(known, run, members, wall)
            except DomainError as error:
                problem = f"{name}: {problem_of(error).detail}"
                break
            except Exception:
                log.exception("scenario %s was not foreseen", run.name)
                problem = f"{name}: unexpected error; the log has more"
                break
            if name == "create_fault":
                faults.append(answer.id)
        level = logging.WARNING if problem else logging.INFO
        words = f"step {step.number}: {problem or 'done'}"
        log.log(level, "scenario %s on account %s, %s", run.name, run.account, words)
        return tuple(faults), problem

    async def _account_of(self, run: ScenarioRun, name: str) -> str:
        """Return the id of an account that a scenario made; raises NotFound if it is gone."""
        account = await self.known.accounts.get(run.accounts.get(name, ""))
        if account is None or account.owner != run.account:
            raise NotFound("account of this scenario", name)
        return account.id

    async def _act(
        self, action: ScenarioAction, run: ScenarioRun, members: dict[str, Any], wall: float
    ) -> Any:
        """Call a control operation as its own handler is called."""
        operation, id = action.operation, run.account
        if (account := members.pop("account", None)) is not None:
            id = await self._account_of(run, account)
        params = {each: members.pop(each, "") for each in action.path}
        query = {each: _text(members.pop(each)) for each in action.query if each in members}
        if action.is_about_the_account:
            params = {"id": id}
        if "account" in action.query:
            query["account"] = id
        if action.takes_account:
            members |= {"account": id, "note": f"scenario {run.name}"}
        head = {"method": operation.method, "path": operation.path, "query_string": b""}
        scope = {"type": "http", "scheme": "http", "headers": [], **head}
        trace = Trace("", wall, surface=CONTROL)
        call = Call(scope, trace, params, self.known.accounts)
        parsed: dict[str, Any] = {
            "query": read_query(operation.query, urlencode(query).encode()),
            "body": read_body(operation.body, json.dumps(members).encode()),
        }
        given = {name: value for name, value in parsed.items() if value is not None}
        return await operation.run(call, given)


def _unknown_account(name: str, known: Mapping[str, Any], place: str) -> Iterator[ErrorBody]:
    if name not in known:
        yield ErrorBody(f"{name!r} is no account of the scenario{near(name, known)}", place)


def _check_steps(saved: SavedAccount) -> None:
    """Raise Invalid for a saved step that its scenario does not have."""
    for run in saved.records.get(ScenarioRun, ()):
        spec = json.loads(run.spec)
        numbers = range("start" not in spec, len(spec.get("steps", ())) + 1)
        for place, step in enumerate(saved.records.get(ScenarioStep, ())):
            if step.number not in numbers:
                where = f"records/{ScenarioStep.__name__}/{place}/number"
                raise Invalid(where, "is no step of the scenario")


def _actions(spec: Any, number: int) -> list[dict[str, Any]]:
    actions: list[dict[str, Any]] = spec["steps"][number - 1]["do"] if number else spec["start"]
    return actions


def _text(value: Any) -> Any:
    return ",".join(value) if isinstance(value, list) else value


def _step_body(spec: Any, step: ScenarioStep) -> StepStateBody:
    moment = "at the start"
    if step.number:
        written = dict(spec["steps"][step.number - 1])
        del written["do"]
        moment = ScenarioMomentBody.model_validate_json(json.dumps(written)).words
    return StepStateBody(
        number=step.number,
        moment=moment,
        actions=[next(iter(action)) for action in _actions(spec, step.number)],
        due=_moment(step.due_at),
        done=_moment(step.done_at),
        problem=step.problem,
    )


def _moment(at: float | None) -> MomentBody | None:
    return None if at is None else MomentBody.of(at)
