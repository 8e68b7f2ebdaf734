"""Results of tasks: pictures as ordered, and maps that clients can read."""

import json
import re
from typing import Any

import pytest

from contract_tests.markers import needs, observes, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.tams.decoding import picture_in
from contract_tests.workshop.envelopes import orderly, reason
from contract_tests.workshop.orders import HEIGHT, PROMPT, SEVERAL, TASKS, WIDTH, a_drawing
from contract_tests.workshop.sessions import SLACK
from contract_tests.workshop.shared_tasks import fetched, kind_of, submitted
from contract_tests.workshop.uses import use

OTHERS: dict[str, dict[str, Any]] = {
    "seed": {"seed": 54321},
    "prompt": {"prompt": "a red teapot on white"},
}
EACH = pytest.mark.parametrize("order", TASKS.values(), ids=TASKS)
BANDS = 8  # a picture is looked at in so many parts, from its top to its bottom
POSTER = "01key7y1m0workf10w00000001"
FILE_KINDS = ("image", "audio", "video")
MONTH = 30 * 86400


@source("Workshop › 7")
@spends(1)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_images_are_as_many_as_ordered_and_differ(recorded, count):
    task = recorded("sd_txt2img", a_drawing(batch_size=count))

    pictures = {picture_in(image).tobytes() for image in task.images()}
    assert len(task.images()) == count, "images are not as many as batch_size"
    assert len(set(task.result["images"])) == len(pictures) == count, "an image comes twice"


@source("Workshop › 7", "Workshop › 8.1")
@spends(1)
@EACH
def test_images_decode_and_are_as_large_as_ordered(recorded, order):
    images = recorded(*order).images()
    assert len(images) == order[1].get("batch_size", 1), "images are not as many as ordered"
    for image in images:
        size = picture_in(image).size
        assert size == (WIDTH, HEIGHT), f"the size of an image is {size}, not as ordered"


@source("Workshop › 7")
@spends(1)
def test_a_picture_is_drawn_to_its_last_row(recorded):
    picture = picture_in(recorded(*SEVERAL).images()[0]).convert("RGB")

    height = picture.height // BANDS
    for top in range(0, height * BANDS, height):
        colours = picture.crop((0, top, picture.width, top + height)).getcolors(1)
        assert colours is None, f"the image is of one colour from row {top} on"


@source("Workshop › 7")
@spends(2)
@pytest.mark.parametrize("what", OTHERS)
def test_another_seed_or_prompt_makes_another_picture(recorded, what):
    orders = (a_drawing(), a_drawing(**OTHERS[what]))
    one, other = (recorded("sd_txt2img", order).images()[0] for order in orders)

    assert picture_in(one).tobytes() != picture_in(other).tobytes(), (
        f"another {what} made the same picture"
    )


@source("Workshop › 7", "Workshop › 8.3", "Workshop › 8.4")
@spends(1)
@EACH
def test_images_open_without_credentials(recorded, order):
    task = recorded(*order)

    assert task.result["images"], "a task that succeeded has no images"
    for url in task.result["images"]:
        assert url.startswith(("http://", "https://"))
        task.files[url].expect_status(200)


@source("Workshop › 7", "Workshop › 8.4")
@spends(1)
@EACH
def test_a_result_tells_what_was_ordered(recorded, order):
    operation, body = order
    result = recorded(*order).result

    for where in ("parameters", "info") if kind_of(operation) == "sd" else ():
        for name in ("prompt", "seed", "steps", "width", "height"):
            told = result[where].get(name, str(body[name]))
            assert told == str(body[name]), f"{where}.{name} of a result is {told!r}"


@source("Workshop › 8.2")
@spends(1)
def test_the_last_look_at_a_workflow_shows_its_picture(recorded):
    task = recorded(*PROMPT)

    picture = picture_in(task.files[task.looks[-1]["currentImage"]])
    assert picture.size == (WIDTH, HEIGHT), f"the size of currentImage is {picture.size}"


@source("Workshop › 8.3")
@spends(1)
@pytest.mark.parametrize("order", [PROMPT, TASKS["workflow over a picture"]], ids=["plain", "over"])
def test_a_workflow_runs_between_its_submission_and_its_result(recorded, order):
    task = recorded(*order)
    begin, end = task.result["taskBeginTime"], task.result["taskEndTime"]

    assert begin <= end, f"taskBeginTime {begin} is after taskEndTime {end}"
    assert begin / 1000 >= task.begin - SLACK, "taskBeginTime is before the submission"
    assert end / 1000 <= task.end + SLACK, "taskEndTime lies ahead"
    duration = task.result["taskDuration"]
    off = abs(duration - (end - begin))
    assert off <= min(1000, max(100, (end - begin) / 2)), (
        f"taskDuration is {duration}, expected {end - begin}"
    )


@source("Workshop › 8.3", "Workshop › 8.4")
@spends(1)
def test_a_workflow_with_output_fields_tells_its_files(workshop, observe):
    order = {"workflow_id": POSTER, "alias_id": "main", "inputs": {"prompt": "a teapot"}}
    submission = use(workshop, "comfy_prompt", order)
    if not orderly(submission.answer):
        # Workflows are published in the console, and this one may be missing.
        observe("W14", "an unknown workflow", reason(submission.answer))
        raise OnlyObserved("the workflow is not known here")
    task = submission.body["data"]["taskId"]
    assert workshop.wait_for(task, kind="comfy")["status"] == "succeeded"

    result = workshop.result(task, "comfy")

    files = {k: v for k, v in (result["result"] or {}).items() if isinstance(v, dict)}
    assert files or result["images"], "a workflow has neither output fields nor images"
    for name, field in files.items():
        assert field["type"] in FILE_KINDS, f"the type of {name} is {field['type']!r}"
        picture = picture_in(fetched(workshop, field["url"]))
        for side in ("width", "height"):
            told, drawn = field.get(side), getattr(picture, side)
            assert told in (None, drawn), f"{side} of {name} is {told!r}, expected {drawn}"
    # One SDK fetches every text that begins like a URL.
    for url in re.findall(r'"(https?://[^"]*)"', json.dumps(result["result"])):
        fetched(workshop, url).expect_status(200)
    observe("W14", "an unknown workflow", "accepted")


@source("Workshop › 7", "Workshop › 8.3", "Workshop › 12")
@needs("clock")
@spends(1)
@pytest.mark.parametrize("order", [("sd_txt2img", a_drawing()), PROMPT], ids=["sd", "comfy"])
def test_the_url_of_an_image_expires(workshop, clock, observe, order):
    task, kind = submitted(workshop, *order)["taskId"], kind_of(order[0])
    workshop.wait_for(task, "succeeded", kind=kind)
    url = workshop.result(task, kind)["images"][0]
    fetched(workshop, url).expect_status(200)

    clock.let_pass(MONTH)

    late = fetched(workshop, url)
    assert 400 <= late.status < 500, f"a URL that should have expired answered {late.status}"
    observe("W30", "the URL of an image after a month", late.status)


@source("Workshop › 7", "Workshop › 12")
@observes
@needs("clock")
@spends(1)
def test_how_long_a_task_and_its_urls_live(workshop, clock, observe):
    task = workshop.submit_txt2img(**a_drawing())["taskId"]
    workshop.wait_for(task, "succeeded")
    url = workshop.result(task)["images"][0]
    begin = clock.elapsed()
    for hours in (0.5, 0.95, 1.05, 2, 12, 23.5, 24.5, 36):
        clock.let_pass(begin + hours * 3600 - clock.elapsed())
        envelope = workshop.ask("sd_get_result", {"taskId": task})
        orderly(envelope.answer)
        observe("W30", f"the URL of an image after {hours:g} h", fetched(workshop, url).status)
        observe("W30", f"a task after {hours:g} h", reason(envelope.answer))


@source("Workshop › 7")
@spends(1)
def test_a_result_can_be_asked_for_again(workshop):
    task = workshop.submit_txt2img(**a_drawing())["taskId"]
    workshop.wait_for(task, "succeeded")

    first, second = workshop.result(task), workshop.result(task)

    assert first["status"] == second["status"] == "succeeded"
    assert len(first["images"]) == len(second["images"]) == 1
    urls = [*first["images"], *second["images"]] * 2
    pictures = {fetched(workshop, url).expect_status(200).content for url in urls}
    assert len(pictures) == 1, "the image of a task changes"
