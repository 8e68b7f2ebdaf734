"""Incidents: what happened on the mock, as a file that another mock plays again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote

from pydantic import Field
from pydantic_core import from_json

from mock_server.control.dependencies import ControlDependencies
from mock_server.control.problems import CONFLICT, Problem
from mock_server.control.stand_ins import StandIns
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job
from mock_server.core.outbox import Delivery
from mock_server.core.scenarios import ScenarioRun
from mock_server.web import extras
from mock_server.web.auth_diagnostics.search_budget import Paced
from mock_server.web.auth_diagnostics.turns import Turns
from mock_server.web.calls import CONTROL, LEFT_LATE, Answer, Call
from mock_server.web.incident_files import (
    AccountPart,
    AnswerPart,
    CallbackStep,
    IncidentBody,
    RecordedBody,
    RequestStep,
    ResumeStep,
    Step,
)
from mock_server.web.json_bodies import IncomingBody
from mock_server.web.recorder import RecordedCall, RecordedTry
from mock_server.web.traces import Headers

# What decides the bytes of pictures and videos.
_LIBRARIES = ("pillow", "av", "faker", "manimgx-fonts", "manimgx-fonts-cjk")


class NewIncidentBody(IncomingBody):
    """What goes into the file: the calls of one `account`, or all, and if secrets are hidden."""

    account: Annotated[str, Field(max_length=100)] | None = None
    redact: bool = True


class Incidents:
    """The operation that writes an incident."""

    def __init__(self, known: ControlDependencies) -> None:
        self.known = known
        self._turns = Turns()

    async def create_incident(self, call: Call, body: NewIncidentBody) -> Answer:
        if not self.known.recorder.entries:
            raise Problem(
                CONFLICT, "nothing is recorded: --journal-entries or --recorded-bytes is 0"
            )
        account = None if body.account is None else await call.accounts.find(body.account)
        recorder, partial = self.known.recorder, list[str]()
        calls, tries, dropped = recorder.calls, recorder.tries, recorder.dropped
        if account is not None:
            ids = {account.id, *await _made_by_its_scenario(account, call.accounts)}
            tries = [each for each in tries if each.account in ids]
            calls = [
                each
                for each in calls
                if each.trace.account in ids or await _concerns(account.id, each, call.accounts)
            ]
            made_at = max((each.turn for each in calls if _makes(account.id, each)), default=0)
            if made_at > recorder.last_dropped:
                calls = [each for each in calls if each.turn >= made_at or not each.trace.account]
                dropped = 0
        if dropped:
            partial.append(f"the first {dropped} requests had to make room")
        if recorder.dropped_tries:
            partial.append(f"{recorder.dropped_tries} answers to callbacks had to make room")
        accounts = list(await call.accounts.all())
        if account is not None:
            accounts = [each for each in accounts if each.id in ids]
        writing = self._written(account, accounts, calls, tries, partial, redact=body.redact)
        incident = await self._turns.finish(writing)
        return Answer(200, incident.model_dump_json(by_alias=True, exclude_defaults=True).encode())

    def _written(
        self,
        account: Account | None,
        accounts: list[Account],
        calls: list[RecordedCall],
        tries: list[RecordedTry],
        partial: list[str],
        *,
        redact: bool,
    ) -> Paced[IncidentBody]:
        recorder, settings = self.known.recorder, self.known.recorded_settings()
        own = {each for account in accounts for each in self._own(account)}
        stand_ins = StandIns(own.difference(settings.secrets), settings.secrets if redact else ())
        if redact:
            texts = [value.encode() for value in settings.values.values() if isinstance(value, str)]
            yield from stand_ins.learn((), texts, is_signed=False)
            for each in calls:
                yield from _learn(stand_ins, each)
        partial += _unsignable(accounts, calls, stand_ins)
        steps: list[tuple[int, Step]] = []
        with_client = "trusted_proxies" in settings.values
        for each in calls:
            step = request_step(each, stand_ins, with_client=with_client)
            partial += _missing(each, step)
            steps.append((each.turn, step))
            for number, turn in enumerate(each.trace.acts[1:], start=2):
                steps.append((turn, ResumeStep(kind="resume", id=step.id, act=number)))
            yield
        steps += [(each.turn, _callback_step(each, stand_ins)) for each in tries]
        steps.sort(key=lambda step: step[0])
        return IncidentBody(
            tams_mock_incident=1,
            made_by=f"tams-mock {self.known.version}",
            libraries=extras.versions(_LIBRARIES),
            redacted=redact,
            partial=[*settings.partial, *partial],
            account=None if account is None else account.id,
            began_at=recorder.began_at,
            settings={name: _shown(value, stand_ins) for name, value in settings.values.items()},
            files={name: stand_ins.text(text) for name, text in settings.files.items()},
            accounts=[
                AccountPart.like(each, app_id=each.credentials.app_id, app_key=each.credentials.key)
                for each in accounts
            ],
            steps=_without_needless_resumes([step for _, step in steps]),
        )

    def _own(self, account: Account) -> list[str]:
        """Return the secrets of an account that the mock made, or that are its defaults."""
        accounts, shown = self.known.accounts, account.credentials
        made = {"token": shown.token, "secret": shown.secret}
        return [
            value
            for kind, value in made.items()
            if account.ready_made
            or value == accounts.new_credential(kind, account.id, account.number)
        ]


# Whose calls


async def _made_by_its_scenario(account: Account, accounts: AccountService) -> Iterable[str]:
    run = await accounts.store.get(ScenarioRun, account.id)
    return () if run is None else run.accounts.values()


async def _concerns(id: str, call: RecordedCall, accounts: AccountService) -> bool:
    """Return whether a call may matter to an account: it is about that one, or about no other."""
    trace = call.trace
    if trace.surface != CONTROL:
        return trace.account == id
    path, answer = trace.path, _members(None if call.answer is None else call.answer.body)
    first, _, rest = path.removeprefix("/_mock/").partition("/")
    if first == "accounts":
        return id == (unquote(rest.partition("/")[0]) or answer.get("id", id))
    if first in ("jobs", "callbacks"):
        kind = Job if first == "jobs" else Delivery
        found = await accounts.store.get(kind, rest.partition("/")[0])
        return found is None or found.account == id
    query = dict(parse_qsl(trace.head.query))
    named = query.get("account") or _members(call.body).get("account") or answer.get("account")
    return named in (None, id)


def _makes(id: str, call: RecordedCall) -> bool:
    """Return whether a call created the account."""
    if call.trace.operation != "POST /_mock/accounts" or call.answer is None:
        return False
    return call.answer.status == 201 and _members(call.answer.body).get("id") == id


def _members(body: bytes | None) -> dict[str, Any]:
    try:
        found = from_json(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


# Steps


def _learn(stand_ins: StandIns, call: RecordedCall) -> Paced[None]:
    head = call.trace.head
    texts = (head.target, call.body or b"")
    yield from stand_ins.learn(head.headers, texts, is_signed=bool(call.trace.account))
    if call.answer is not None:
        yield from stand_ins.trust(call.answer.headers, call.answer.body)


def request_step(
    call: RecordedCall, stand_ins: StandIns, *, with_client: bool = False
) -> RequestStep:
    """Return an exchange as a step of an incident."""
    trace, answer = call.trace, call.answer
    head = trace.head
    body = None
    if call.body:
        body = RecordedBody.of(stand_ins.data(call.body))
    elif call.body is None:
        body = RecordedBody(size=_length_of(head.headers))
    return RequestStep(
        kind="request",
        id=trace.id,
        at=trace.wall,
        account=trace.account or None,
        operation=trace.operation or None,
        method=trace.method,
        target=stand_ins.data(head.target).decode("latin-1"),
        scheme="https" if head.scheme == "https" else "http",
        server=None if head.server is None else [*head.server],
        client=head.client[0] if with_client and head.client else None,
        headers=_lines(head.headers, stand_ins),
        body=body,
        unanswered=LEFT_LATE in trace.remarks,
        remark=trace.announced or None,
        answer=None
        if answer is None
        else AnswerPart(
            status=answer.status,
            headers=_lines(answer.headers, stand_ins),
            body=RecordedBody(size=call.size_bytes, digest=call.digest)
            if call.digest
            else RecordedBody.of(stand_ins.data(answer.body)),
        ),
    )


def _unsignable(
    accounts: Iterable[Account], calls: Iterable[RecordedCall], stand_ins: StandIns
) -> Iterator[str]:
    """Yield whose calls a replay refuses, since the secret that signed them has a stand-in."""
    signers = Counter(
        call.trace.account
        for call in calls
        if any(name.endswith(b"signature") for name, _ in call.trace.head.headers)
    )
    for account in accounts:
        secret = account.credentials.secret
        if signers[account.id] and stand_ins.text(secret) != secret:
            yield (
                f"{signers[account.id]} calls of account {account.id} are signed with a secret of"
                " your own, which is not in the file, so that a replay refuses them: record with"
                " --no-redact to keep the secret"
            )


def _callback_step(tried: RecordedTry, stand_ins: StandIns) -> CallbackStep:
    reply = tried.reply
    return CallbackStep(
        kind="callback",
        at=tried.began,
        until=tried.ended,
        account=tried.account,
        callback=tried.callback,
        number=tried.number,
        status=None if reply is None else reply.status,
        url=stand_ins.text(reply.url) if reply else "",
        problem=stand_ins.text(reply.problem) if reply else "",
        answer=RecordedBody.of(stand_ins.data(reply.body)) if reply and reply.body else None,
        final=tried.is_final,
        alone=tried.is_alone,
        fault=tried.fault,
    )


def _lines(headers: Headers, stand_ins: StandIns) -> list[str]:
    return [
        (name + b": " + stand_ins.header(name, value)).decode("latin-1") for name, value in headers
    ]


def _length_of(headers: Headers) -> int:
    return int(dict(headers).get(b"content-length", b"0"))


def _shown(value: Any, stand_ins: StandIns) -> Any:
    return stand_ins.text(value) if isinstance(value, str) else value


def _missing(call: RecordedCall, step: RequestStep) -> list[str]:
    """Return what of a request cannot be played again."""
    which = f"{step.method} {step.target.partition('?')[0]} ({step.id})"
    if call.body is None:
        return [f"the body of {which} had to make room"]
    return []


def _without_needless_resumes(steps: list[Step]) -> list[Step]:
    """Leave out where a request goes on although nothing else had effects meanwhile."""
    kept: list[Step] = []
    for step in steps:
        last = kept[-1] if kept else None
        if isinstance(step, ResumeStep) and last and getattr(last, "id", "") == step.id:
            continue
        kept.append(step)
    return kept
