"""The stages of a request, and hooks at them."""

from functools import partial

import httpx
import pytest

from mock_server.app import create_app
from mock_server.core.jobs.job import Job
from mock_server.tests.tams.chains import diffusion, start
from mock_server.web.calls import Answer, Bounds
from mock_server.web.observers import Tracing
from mock_server.web.pipeline import Pipeline, Stage
from mock_server.web.wall import wall

HEADERS = {"authorization": "Bearer mock-token-0001"}


async def created(hooks):
    """Create a job with hooks; return the status of the answer, and how many jobs there are."""
    async with create_app(port=0) as app:
        surface = app.vendors["tams"].surface
        pipeline = Pipeline(surface, app.accounts, Bounds(), lambda *call: hooks)
        transport = httpx.ASGITransport(app=Tracing(pipeline, wall))
        async with httpx.AsyncClient(transport=transport, base_url="http://mock") as http:
            answer = await http.post(
                "/v1/jobs", json={"stages": [start(), diffusion()]}, headers=HEADERS
            )
        return answer.status_code, await app.accounts.store.count(Job)


async def test_hooks_run_at_each_stage_in_their_order():
    seen = []

    async def note(stage, call):
        seen.append(stage)

    assert await created({stage: partial(note, stage) for stage in Stage}) == (200, 1)
    assert seen == list(Stage)


@pytest.mark.parametrize("stage", Stage)
async def test_the_answer_of_a_hook_replaces_what_would_follow(stage):
    async def answer(call):
        return Answer(299)

    is_done = stage in (Stage.DONE, Stage.ANSWERED)
    assert await created({stage: answer}) == (299, int(is_done))
