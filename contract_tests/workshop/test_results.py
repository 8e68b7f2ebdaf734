"""Results of tasks: pictures as ordered, and maps that clients can read."""

import pytest

from contract_tests.markers import needs, observes, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.tams.decoding import picture_in
from contract_tests.workshop.envelopes import orderly, reason
from contract_tests.workshop.orders import HEIGHT, WIDTH, a_drawing, a_prompt
from contract_tests.workshop.shared_tasks import fetched
from contract_tests.workshop.uses import use

PAIR = ("sd_txt2img", a_drawing(batch_size=2))
OTHER_SEED = ("sd_txt2img", a_drawing(seed=54321))
PROMPT = ("comfy_prompt", a_prompt())
BOTH = pytest.mark.parametrize(
    "order", [pytest.param(PAIR, id="sd"), pytest.param(PROMPT, id="comfy")]
)
POSTER = "01key7y1m0workf10w00000001"
FILE_KINDS = ("image", "audio", "video")
MONTH = 30 * 86400


@source("Workshop › 7")
@spends(1)
def test_images_are_as_many_as_ordered(recorded):
    assert len(recorded(*PAIR).images()) == 2, "images are not as many as batch_size"
    assert len(set(recorded(*PAIR).result["images"])) == 2


@source("Workshop › 7", "Workshop › 8.1")
@spends(1)
@BOTH
def test_images_decode_and_are_as_large_as_ordered(recorded, order):
    for image in recorded(*order).images():
        size = picture_in(image).size
        assert size == (WIDTH, HEIGHT), f"the size of an image is {size}, not as ordered"


@source("Workshop › 7")
@spends(2)
def test_another_seed_makes_another_picture(recorded):
    pictures = [picture_in(recorded(*order).images()[0]).tobytes() for order in (PAIR, OTHER_SEED)]

    assert pictures[0] != pictures[1], "two seeds made the same picture"


@source("Workshop › 7", "Workshop › 8.3")
@spends(1)
@BOTH
def test_images_open_without_credentials(recorded, order):
    task = recorded(*order)

    assert task.result["images"], "a task that succeeded has no images"
    for url in task.result["images"]:
        assert url.startswith(("http://", "https://"))
        task.files[url].expect_status(200)


@source("Workshop › 7", "Workshop › 8.3")
@spends(1)
@BOTH
def test_a_result_names_its_task(recorded, order):
    task = recorded(*order)

    assert task.result["taskId"] == task.id, "a result names another task"


@source("Workshop › 8.4")
@spends(1)
@pytest.mark.parametrize("name", ["info", "parameters"])
def test_the_maps_of_a_result_hold_texts(recorded, name):
    held = recorded(*PAIR).result[name]

    assert isinstance(held, dict)
    for key, value in held.items():
        assert isinstance(value, str), f"{name}.{key} of a result is {value!r}, expected a text"


@source("Workshop › 8.3")
@spends(1)
def test_the_times_of_a_workflow_are_milliseconds(recorded, clock):
    result = recorded(*PROMPT).result

    begin, end = result["taskBeginTime"], result["taskEndTime"]
    assert begin <= end, f"taskBeginTime {begin} is after taskEndTime {end}"
    assert len(str(begin)) == len(str(end)) == 13, f"taskBeginTime is {begin}, not milliseconds"
    assert end / 1000 <= clock.now() + 60, "taskEndTime lies ahead"
    assert 0 <= result["taskDuration"] <= end - begin + 60_000


@source("Workshop › 8.3")
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

    for name, field in (result["result"] or {}).items():
        if isinstance(field, dict):
            assert field["type"] in FILE_KINDS, f"the type of {name} is {field['type']!r}"
            picture = picture_in(fetched(workshop, field["url"]))
            assert picture.width == field.get("width", picture.width)
    observe("W14", "an unknown workflow", "accepted")


@source("Workshop › 7", "Workshop › 12")
@needs("clock")
@spends(1)
def test_the_url_of_an_image_expires(workshop, clock, observe):
    task = workshop.submit_txt2img(**a_drawing())["taskId"]
    workshop.wait_for(task, "succeeded")
    url = workshop.result(task)["images"][0]
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
    for hours in (0.5, 2, 12, 36):
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
