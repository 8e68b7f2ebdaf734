"""A client of TAMS for tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx

from contract_tests.answers import ReceivedAnswer, Unmet
from contract_tests.clients.tams_answers import judge
from contract_tests.clients.wire import SurfaceRules, Wire
from contract_tests.money import Reservation
from contract_tests.outcomes import OnlyObserved
from contract_tests.resources import CreatedResource
from contract_tests.targets import ContractTarget

TERMINAL = ("SUCCESS", "FAILED", "CANCELED")
POLL = 2.0  # seconds between polls of a job; the vendor's clients wait 1 to 10
MAX_SECONDS = 600.0  # seconds for a job to end

_CREATE = ("/v1/jobs", "/v1/jobs/workflow", "/v1/jobs/workflow/template")
_RESERVE = ("/v1/resource/image", "/v1/resource/image/sts")


def _created(path: str, body: Any) -> Iterable[tuple[str, str]]:
    if not isinstance(body, dict):
        return
    job = body.get("job")
    if path in _CREATE and isinstance(job, dict) and "id" in job:
        yield "job", str(job["id"])
    if path in _RESERVE and "resourceId" in body:
        yield "upload", str(body["resourceId"])


def _cost(body: Any) -> Decimal | None:
    if isinstance(body, dict) and "code" in body and "job" not in body:
        return Decimal(0)  # a refusal with status 200 (U11)
    job = body.get("job") if isinstance(body, dict) else None
    credits = job.get("credits") if isinstance(job, dict) else None
    return _decimal(credits)


def _decimal(value: object) -> Decimal | None:
    """Return credits, given as a number or a text (`TAMS › 5.4`: accept both)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


# `TAMS › 4 Errors`: 202 asks for the same request again, 429 to slow down.
RULES = SurfaceRules(
    "tams", frozenset(_CREATE), frozenset({202, 429}), _created, _cost, frozenset({"upload"}),
    judge,
)  # fmt: skip


@dataclass(frozen=True)
class Upload:
    """A reserved upload."""

    id: str
    put_url: str
    headers: Mapping[str, str]


class TamsClient:
    """A client of TAMS with one credential."""

    def __init__(self, wire: Wire, target: ContractTarget, auth: httpx.Auth | None) -> None:
        self.wire = wire
        self._target = target
        self._auth = auth

    def using(self, auth: httpx.Auth | None) -> TamsClient:
        """Return the same client with another credential; None sends none."""
        return TamsClient(self.wire, self._target, auth)

    def call(self, method: str, path: str, **options: Any) -> ReceivedAnswer:
        """Send any request; options are those of `Wire.send`, and `auth`."""
        return self.wire.send(method, path, **{"auth": self._auth, **options})

    def estimate(self, stages: Any) -> Decimal:
        """Return the price of a chain of stages; free (`TAMS › 5.4`)."""
        body = self.call("POST", "/v1/jobs/credits", json={"stages": stages}).expect(200)
        return _credits(body)

    def check_workflow(self, params: Any) -> Any:
        """Return the verdict on a graph and its price; free (`TAMS › 5.6`)."""
        path = "/v1/jobs/workflow/params/check"
        return self.call("POST", path, json={"params": params}).expect(200)

    def check_template(self, template_id: str, fields: Any) -> Any:
        """Return the verdict on a filled-in template and its price; free (`TAMS › 5.8`)."""
        body = {"templateId": template_id, "fields": {"fieldAttrs": fields}}
        return self.call("POST", "/v1/workflows/template/check", json=body).expect(200)

    def submit_job(self, order: Mapping[str, Any], **options: Any) -> Any:
        """Create a job from stages, after an estimate, and return it (`TAMS › 5.1`)."""
        body = {"requestId": a_request_id(), **order}
        reservation = self.reserve(self.estimate(body["stages"]))
        return self._submit("/v1/jobs", body, reservation, options)

    def submit_workflow(self, params: Any, **members: Any) -> Any:
        """Create a job from a graph, after an estimate, and return it (`TAMS › 5.5`)."""
        body = {"requestId": a_request_id(), "params": params, **members}
        reservation = self.reserve(_credits(self.check_workflow(params)))
        return self._submit("/v1/jobs/workflow", body, reservation, {})

    def submit_template(self, template_id: str, fields: Any, /, **members: Any) -> Any:
        """Create a job from a template, after an estimate (`TAMS › 5.9`)."""
        reservation = self.reserve(_credits(self.check_template(template_id, fields)))
        body = {
            "requestId": a_request_id(),
            "templateId": template_id,
            "fields": {"fieldAttrs": fields},
            **members,
        }
        return self._submit("/v1/jobs/workflow/template", body, reservation, {})

    def price_of(self, order: Mapping[str, Any]) -> Decimal:
        """Return the price of any order: stages, a graph, or a filled-in template; free."""
        if "params" in order:
            return _credits(self.check_workflow(order["params"]))
        if "templateId" in order:
            return _credits(self.check_template(order["templateId"], order["fields"]["fieldAttrs"]))
        return self.estimate(order["stages"])

    def submit(self, order: Mapping[str, Any]) -> Any:
        """Create a job from any order, after an estimate, and return it."""
        if "params" in order:
            return self.submit_workflow(**order)
        if "templateId" in order:
            fields = order["fields"]["fieldAttrs"]
            return self.submit_template(order["templateId"], fields, **order)
        return self.submit_job(order)

    def job(self, job_id: str) -> Any:
        """Return a job in its present state (`TAMS › 5.2`)."""
        job = the_job(self.call("GET", f"/v1/jobs/{job_id}"))
        if job["status"] in TERMINAL:
            self.wire.resources.end(str(job_id), job["status"].lower())
        return job

    def cancel(self, job: Mapping[str, Any]) -> ReceivedAnswer:
        """Cancel a job and return the answer (`TAMS › 5.3`).

        Raises `OnlyObserved` if the job ran or was over before, because then the answer is open
        (U30, U31).
        """
        answer = self.discard(job)
        seen = self.job(job["id"])["status"]
        if seen in ("SUCCESS", "FAILED") or (seen == "RUNNING" and answer.status != 200):
            raise OnlyObserved(f"the job was {seen} before it was cancelled")
        return answer.expect_status(200)

    def discard(self, job: Mapping[str, Any]) -> ReceivedAnswer:
        """Cancel a job that is not needed any more, and return the answer."""
        return self.call("DELETE", f"/v1/jobs/{job['id']}")

    def watch(
        self,
        job: Mapping[str, Any],
        *,
        every: float = POLL,
        slower: float = 1.0,
        max_seconds: float = MAX_SECONDS,
    ) -> Iterator[Any]:
        """Poll the job until it is over, and yield each answer.

        The pause grows by the factor `slower`, up to `POLL` seconds. Raises `Unmet` if the job is
        not over after `max_seconds` seconds of the target's time.
        """
        begin = self.wire.clock.elapsed()
        while True:
            seen = self.job(job["id"])
            yield seen
            if seen["status"] in TERMINAL:
                return
            if self.wire.clock.elapsed() - begin > max_seconds:
                raise Unmet(f"job {job['id']} is still {seen['status']} after {max_seconds:g} s")
            self.wire.clock.pause(every)
            every = max(every, min(every * slower, POLL))

    def wait_for(
        self,
        job: Mapping[str, Any],
        *states: str,
        every: float = POLL,
        max_seconds: float = MAX_SECONDS,
    ) -> Any:
        """Return the job once it is in one of the states, by default once it is over.

        Raises `Unmet` if it ends in another state, or not within `max_seconds`.
        """
        wanted = states or TERMINAL
        for seen in self.watch(job, every=every, max_seconds=max_seconds):
            if seen["status"] in wanted:
                return seen
        raise Unmet(f"job {job['id']} ended {seen['status']}, expected {' or '.join(wanted)}")

    def balance(self) -> Decimal:
        """Return what the account can spend; the test `needs("balance")`."""
        return self._target.balance()

    def model(self, model_id: str) -> Any:
        """Return a model (`TAMS › 5.10`)."""
        return self.call("GET", f"/v1/models/{model_id}").expect(200)["model"]

    def template(self, template_id: str) -> Any:
        """Return a workflow template (`TAMS › 5.7`)."""
        return self.call("GET", f"/v1/workflows/{template_id}").expect(200)

    def reserve_upload(self, **members: Any) -> Upload:
        """Reserve an upload for the short term (`TAMS › 5.11`); it expires by itself."""
        members = {"term": 1, **members}  # a reservation without a term may be refused (U46)
        body = self.call("POST", "/v1/resource/image", json=members).expect(200)
        return Upload(body["resourceId"], body["putUrl"], dict(body["headers"]))

    def upload(self, data: bytes, **members: Any) -> str:
        """Reserve an upload, put bytes there and return the resource's id (`TAMS › 9`)."""
        reserved = self.reserve_upload(**members)
        self.put(reserved, data).expect_status(200, 201, 203)
        return reserved.id

    def put(self, upload: Upload, data: bytes, **options: Any) -> ReceivedAnswer:
        """Put bytes to a reserved upload, without credentials."""
        headers = {**upload.headers, **options.pop("headers", {})}
        return self.wire.send(
            "PUT", upload.put_url, auth=None, content=data, headers=headers, **options
        )

    def download(self, url: str) -> ReceivedAnswer:
        """Fetch a result, without credentials (`TAMS › 9`)."""
        return self.wire.send("GET", url, auth=None)

    def reserve(self, price: Decimal) -> Reservation:
        """Reserve the price of one submission, from the amount that the test declared."""
        return self.wire.current_test().allowance.take(self.wire.ledger, price)

    def clean_up(self, made: Iterable[CreatedResource]) -> None:
        """Cancel jobs that may still run, at the end of a run."""
        for thing in made:
            path = f"/v1/jobs/{thing.id}"
            seen = self.call("GET", path, checked=False)
            if seen.status == 200 and seen.json["job"]["status"] in TERMINAL:
                self.wire.resources.end(thing.id, seen.json["job"]["status"].lower())
                continue
            answer = self.call("DELETE", path, checked=False)
            ended = {200: "cancelled", 404: "gone"}
            self.wire.resources.end(thing.id, ended.get(answer.status, f"left ({answer.status})"))

    def _submit(
        self, path: str, body: Any, reservation: Reservation, options: dict[str, Any]
    ) -> Any:
        answer = self.call("POST", path, json=body, reservation=reservation, **options)
        return the_job(answer)


def the_job(answer: ReceivedAnswer) -> Any:
    """Return the job of a good answer; raises `Unmet` if anything is beside it.

    `TAMS › 2.10`: strict clients decode the wrapper into a map of jobs, or into a fixed type.
    """
    body = answer.expect(200)
    media_type = answer.headers.get("content-type", "")
    if not media_type.lower().startswith("application/json"):
        raise Unmet(f"{answer.sent} answered a job as {media_type!r}, not as JSON (`TAMS › 2.1`)")
    job = body["job"]
    if len(body) > 1:
        raise Unmet(f"{answer.sent} answered {', '.join(body)}: members beside the job")
    return job


def a_request_id() -> str:
    """Return a request id that no other test uses."""
    return f"contract-{secrets.token_hex(12)}"


def _credits(body: Any) -> Decimal:
    amount = _decimal(body["credits"])
    if amount is None:
        raise Unmet(f"credits is {body['credits']!r}, expected a number")
    return amount
