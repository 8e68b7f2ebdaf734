"""Videos: the stage VIDEO_DIFFUSION, and animations of a diffusion."""

import pytest

from contract_tests.clients.tams import a_request_id
from contract_tests.clients.tams_answers import expect_whole
from contract_tests.markers import slow, source, spends
from contract_tests.tams.chains import a_film, a_start, sampled
from contract_tests.tams.decoding import format_of
from contract_tests.tams.orders import SIDE
from contract_tests.tams.pictures import a_picture
from contract_tests.tams.shared_jobs import only, successful
from contract_tests.tams.ways import CHEAP_VIDEO


def _created(tams, observe, stages):
    """Return the new job of a chain that only some services know; skips the test if refused."""
    answer = tams.call("POST", "/v1/jobs", json={"requestId": a_request_id(), "stages": stages})
    if 400 <= answer.status < 500:
        observe("U62", "a video was refused", [answer.status, answer.json])
        pytest.skip(f"videos of this kind are refused: {answer.excerpt()}")
    return answer.expect(200)["job"]


def _made(tams, observe, stages):
    """Return the job of a chain that only some services know, once it succeeded."""
    return successful(tams.wait_for(_created(tams, observe, stages)))


@source("TAMS › 5.3", "TAMS › 6")
@slow
@spends(2)
def test_a_video_job_can_be_cancelled_and_stays_so(tams, clock, observe):
    job = _created(tams, observe, [a_start(), a_film(sdModel=CHEAP_VIDEO)])

    assert tams.cancel(job).json["jobId"] == job["id"]

    for pause in (0, 60):
        clock.let_pass(pause)
        ended = tams.job(job["id"])
        assert ended["status"] == "CANCELED"
        expect_whole(ended)


@source("TAMS › 6", "TAMS › 7", "TAMS › 5")
@slow
@spends(40)
@pytest.mark.parametrize("mode", ["TEXT_TO_VIDEO", "IMAGE_TO_VIDEO"])
def test_a_video_job_ends_with_one_video(tams, observe, mode):
    image = tams.upload(a_picture(SIDE)) if mode == "IMAGE_TO_VIDEO" else None

    job = _made(tams, observe, [a_start(image), a_film(generationMode=mode)])

    video = only(job["successInfo"]["videos"], "videos")
    file = tams.download(video["url"]).expect_status(200)
    assert format_of(file) == "video/mp4"
    assert int(video["expiredIn"]) > 0
    observe("U62", f"members of a video by {mode}", sorted(video))


@source("TAMS › 6", "TAMS › 7")
@slow
@spends(10)
def test_a_diffusion_that_moves_ends_with_a_file_that_moves(tams, observe):
    moving = sampled(animateDiff={"args": [{"videoLength": 8, "fps": 8}]})

    job = _made(tams, observe, [a_start(), moving])

    made = job["successInfo"]
    result = only([*(made.get("videos") or []), *(made.get("images") or [])], "files")
    file = tams.download(result["url"]).expect_status(200)
    assert file.content
    observe("U62", "what animateDiff makes", [sorted(made), format_of(file)])
