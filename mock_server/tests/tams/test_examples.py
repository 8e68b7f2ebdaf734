"""Every example pair of the reference, replayed byte for byte, or listed with a reason."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from mock_server.core.accounts import Limits, Progression
from mock_server.core.credits import Wallet
from mock_server.core.jobs.job import Ending, Job, JobState, Order
from mock_server.core.jobs.plans import Plan, PlannedFailure
from mock_server.core.jobs.queue import QueuePlace, QueueState
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Delivery
from mock_server.core.resources import Resource
from mock_server.tests.tams import graphs
from mock_server.tests.tams.world import NOW, ORIGIN, World, a_world

EXAMPLES = Path(__file__).parents[3] / "fixtures" / "exchanges" / "tams"

INJECTED = "answered only when a fault is injected, and faults are not there yet"

NOT_SERVED = {
    "status.202-repeat.json": INJECTED,
    "status.503-overload.json": INJECTED,
}
# The settings that an example wants where it shows another choice than the default.
SETTINGS: dict[str, dict[str, Any]] = {
    "cancel-job.error-already-finished.json": {"tams": {"cancel_finished": "refuse"}},
    "create-job.error-sampler-and-vae-missing.json": {"tams": {"missing_sampler_or_vae": "refuse"}},
    "create-job.error-size-not-multiple-of-64.json": {"tams": {"bad_size": "refuse"}},
    "create-job.error-credits-not-enough.json": {"balance": Decimal("0.1")},
    "create-resource-image.mainland.json": {"tams": {"store_style": "mainland"}},
    "get-job.pending.json": {"tams": {"pending_seconds": 5}},
    "get-job.running.json": {"tams": {"zero_members": "send"}},
    "get-job.running-2023-shape.json": {"tams": {"zero_members": "send", "stages_shape": "2023"}},
    "get-job.waiting-rank-zero.json": {"tams": {"first_rank": 0}},
    "upload-put.callback-failed.json": {
        "tams": {"upload_answer": "callback-failed", "store_style": "mainland"}
    },
}

Preparation = Callable[[World], Awaitable[None]]


def planted(*, age: float = 0.0, job_id: str = "934500000000000001", **changes: Any) -> Preparation:
    """Return a preparation that lays a job of the account, submitted `age` seconds ago."""

    async def plant(world: World) -> None:
        submitted_at = NOW - age
        plan = changes.pop("plan", Plan(1.0, 0.0, 1.0, (10.0,), ahead=2, behind=4))
        job = Job(
            **{
                "id": job_id,
                "account": world.account.id,
                "serial": 1,
                "order": Order("a red kite over green hills", seed=3363668210),
                "plan": plan,
                "price": Decimal("0.8"),
                "progress": Progression.TIME,
                "submitted_at": submitted_at,
                "starts_at": submitted_at + plan.lead,
                **changes,
            }
        )
        async with world.app.accounts.store.transaction(world.account.id) as tx:
            await tx.put(job)
            await tx.put(Wallet(world.account.id, world.account.id, Decimal(1000), held=job.price))
            await tx.put(QueueState(job.account, job.account, waiting=1, last_start=job.starts_at))
            await tx.put(QueuePlace(job.id, job.account, job.starts_at))

    return plant


async def same_request_before(world: World) -> None:
    """Make the job that the example repeats, and let it join the queue."""
    example = read("create-job.txt2img.json")["request"]
    await world.call("POST", "/v1/jobs", example["rawBody"].encode())
    await world.advance(0.3)


async def limit_reached(world: World) -> None:
    """Use the account's window up."""
    await world.change_account(limits=Limits(qps=5))
    for _ in range(5):
        await world.call("GET", "/v1/jobs/1")


LARGE = graphs.ask(graphs.changed(graphs.text_to_image(), "5", width=1024, height=1024))

PREPARED: dict[str, Preparation] = {
    "cancel-job.json": planted(age=1.5, job_id="934500000000000023"),
    "cancel-job.error-already-finished.json": planted(age=60),
    "create-job.same-request-id-again.json": same_request_before,
    "get-job.created.json": planted(age=0.5),
    "get-job.waiting.json": planted(age=1.1),
    "get-job.waiting-rank-zero.json": planted(
        age=1.5, plan=Plan(1.0, 0.0, 1.0, (10.0,)), starts_at=NOW + 0.5
    ),
    "get-job.pending.json": planted(age=1.5, plan=Plan(1.0, 5.0, 1.0, (10.0,))),
    "get-job.running.json": planted(age=6),
    "get-job.running-2023-shape.json": planted(age=6),
    "get-job.success.json": planted(age=60, order=Order("a cat", width=768, height=768)),
    "get-job.success-count-2.json": planted(
        age=60, job_id="934500000000000021", order=Order("a cat", count=2), price=Decimal("1.6")
    ),
    "get-job.success-video.json": planted(
        age=200,
        job_id="934500000000000012",
        order=Order("a walk", width=544, height=960, frames=40, fps=8),
        price=Decimal(30),
    ),
    "get-job.running-workflow.json": planted(
        age=6, job_id="934500000000000020", order=graphs.ask(graphs.text_to_image()).order
    ),
    "get-job.success-workflow.json": planted(
        age=60, job_id="934500000000000020", order=LARGE.order
    ),
    "get-job.failed.json": planted(
        age=60,
        job_id="934500000000000022",
        plan=Plan(1.0, 0.0, 1.0, (10.0,), failure=PlannedFailure(0.5, "generation failed")),
    ),
    "get-job.canceled.json": planted(
        age=60, job_id="934500000000000023", ending=Ending(NOW - 59, JobState.CANCELED)
    ),
    "rate-limit.exceeded.json": limit_reached,
}

# Members whose values the mock makes up, or whose numbers the examples made up.
FREE = {"id", "jobId", "credits", "url", "resourceId", "putUrl", "queueRank", "queueLen", "Seed"}
FREE |= {"prompts"}
FREE |= {"runtime", "FileSize", "progress", "tips", "stageIndex", "X-Oss-Callback"}
# Of a graph, whose items and times are the mock's own.
FREE |= {"ctime", "mtime", "step", "filename"}
# Of a form, which is nine strings.
FREE |= {"accessId", "signature", "host", "expire", "callback", "filePath", "policy"}
FREE |= {"securityToken"}
# Members that later answers have and an example may lack.
NEWER = {"triggerWords", "queueLen", "credits", "processingImages"}
# Of a finished node, as a printed reply has it.
NEWER_IN_NODES = {"id", "status", "process"}
NEWER_IN_NODES |= {"type", "height", "width", "format", "imageResourceId"}
FREE_IN_MODELS = {"name", "description", "projectName", "triggerWords", "showcaseImageUrls"}
FREE |= FREE_IN_MODELS


def read(name: str) -> dict[str, Any]:
    example: dict[str, Any] = json.loads((EXAMPLES / name).read_text("utf-8"))
    return example


NAMES = sorted(
    path.name for path in EXAMPLES.glob("*.json") if path.name != "signature-vectors.json"
)


def alike(found: Any, expected: Any, place: str = "") -> None:
    """Assert the same members and types, and equal values wherever the value is no free one."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), place
        if place.endswith(("nodes", "finishedNodes")):
            found = {name: each for name, each in found.items() if name in expected}
        if place.endswith("imageExifMetaMap"):
            found, expected = dict(enumerate(found.values())), dict(enumerate(expected.values()))
        missing = {name for name in expected if name not in found}
        assert missing <= {name for name in missing if expected[name] in ("", [])}, place
        newer = NEWER | (NEWER_IN_NODES if ".nodes." in place else set())
        assert found.keys() <= expected.keys() | newer, place
        for name in found.keys() & expected.keys():
            if (found[name], expected[name]) == ("", None):
                continue  # The printed reply has "" for an image that waits to be chosen.
            alike(found[name], expected[name], f"{place}.{name}")
    elif isinstance(expected, list):
        assert isinstance(found, list), place
        assert len(found) == len(expected) or place.endswith("showcaseImageUrls"), place
        for index, (each, wanted) in enumerate(zip(found, expected, strict=False)):
            alike(each, wanted, f"{place}[{index}]")
    elif isinstance(expected, float | int):
        assert isinstance(found, float | int), place
        assert found == expected or place.rpartition(".")[2] in FREE, (place, found)
    else:
        assert type(found) is type(expected), place
        name = place.rpartition(".")[2].partition("[")[0]
        if name == "message":
            assert expected.split(":")[0] in found, (place, found)
        else:
            assert found == expected or name in FREE, (place, found, expected)


def test_every_example_is_replayed_or_listed_with_a_reason():
    others = {"README.md", "rsa-public-key.pem", "signature-vectors.json"}

    assert {path.name for path in EXAMPLES.iterdir()} - others == set(NAMES)
    assert NOT_SERVED.keys() | SETTINGS.keys() | PREPARED.keys() <= set(NAMES)


NOTICES = {"notify.belief-a.json": "a", "notify.belief-b.json": "b", "notify.guess-c.json": "job"}


@pytest.mark.parametrize("name", NOTICES)
async def test_the_notification_is_sent(name: str):
    watch = Watch("http://127.0.0.1:9999/hook", "tams", origin=ORIGIN)
    async with a_world(tams={"notify_payload": NOTICES[name]}) as world:
        await planted(age=60, job_id="934500000000000013", watch=watch)(world)
        async with world.act() as unit:
            job = (await unit.jobs.look("934500000000000013")).job
            (told,) = await unit.tx.list(Delivery, world.account.id)
        sent = json.loads(world.tams.answers.notice(told, job, world.account))

    alike(sent, read(name)["request"]["body"])


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in NOT_SERVED and name not in NOTICES]
)
async def test_the_example_is_answered(name: str):
    await replay(name)


@pytest.mark.parametrize("name", NOT_SERVED)
async def test_an_example_that_is_not_served_is_not_answered(name: str):
    with pytest.raises(AssertionError):
        await replay(name)


async def replay(name: str) -> None:
    """Send what an example sends, and assert that the answer is like the example's."""
    example = read(name)
    request, expected = example["request"], example["response"]
    key = (EXAMPLES / "rsa-public-key.pem").read_text("ascii")
    async with a_world(**SETTINGS.get(name, {})) as world:
        await sign_with(world, key)
        if name in PREPARED:
            await PREPARED[name](world)
        if "host" in request:
            answer = await put_like(world, request)
        else:
            body = (request.get("rawBody") or "").encode()
            answer = await world.http.request(
                request["method"], request["path"], content=body, headers=request["headers"]
            )

    assert answer.status_code == expected["httpStatus"], answer.text
    if name.startswith("job-credits.documented-"):
        assert answer.json() == expected["body"]
    elif isinstance(expected["body"], str):
        assert answer.text.startswith("<Error><Code>CallbackFailed</Code>")
    else:
        alike(answer.json(), expected["body"])
        assert answer.headers["content-type"] == "application/json"


async def sign_with(world: World, public_key: str) -> None:
    """Give the ready-made account the examples' public key."""
    credentials = replace(world.account.credentials, public_key=public_key)
    await world.change_account(credentials=credentials)


async def put_like(world: World, request: dict[str, Any]) -> httpx.Response:
    """PUT to a URL of this mock's own making: the examples' store is not ours."""
    place = (await world.call("POST", "/v1/resource/image", {})).json()
    return await world.http.request(
        request["method"], place["putUrl"], content=b"\x89PNG", headers=request["headers"]
    )


async def test_an_upload_is_known_to_the_account_that_reserved_it():
    async with a_world() as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        async with world.app.accounts.store.view() as view:
            kept = await view.get(Resource, place["resourceId"])
    assert kept is not None
    assert kept.account == world.account.id
