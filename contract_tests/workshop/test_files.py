"""Uploads of files, and tasks that use them (`Workshop › 8.5`)."""

from typing import Any

import pytest

from contract_tests.markers import needs, observes, source, spends
from contract_tests.tams.pictures import a_picture
from contract_tests.workshop.envelopes import orderly, reason
from contract_tests.workshop.orders import a_prompt, a_redrawing, some_inputs

SIGN = "sp_create_temp_file_upload_sign"
PNG = a_picture(64)
FILES = [PNG, a_picture(80), b"\0\xff\r\n text \x1a\n", b""]
YEAR = 366 * 86_400  # seconds; more than any upload waits
REQUESTS: dict[str, dict[str, Any]] = {
    "as one SDK asks": {"contentType": "image/png", "originalFilename": "in.png"},
    "with its size": {"contentType": "image/png", "originalFilename": "in.png", "size": len(PNG)},
    "of a name in Chinese": {"contentType": "image/png", "originalFilename": "图片 1.png"},
    "of another kind": {"contentType": "audio/mpeg", "originalFilename": "voice.mp3"},
}


def uploaded(workshop, content=PNG, media_type="image/png"):
    """Upload a file; return the data of the upload and the answer of the store."""
    asked = {"contentType": media_type, "originalFilename": "in.png"}
    place = workshop.ask(SIGN, asked).expect_success()
    headers = {"Content-Type": media_type}
    put = workshop.wire.send("PUT", place["uploadUrl"], auth=None, content=content, headers=headers)
    return place, put


@source("Workshop › 8.5")
@pytest.mark.parametrize("request_", REQUESTS)
def test_a_place_for_a_file_is_handed_out(workshop, clock, observe, request_):
    place = workshop.ask(SIGN, REQUESTS[request_]).expect_success()

    assert place["uploadUrl"].startswith(("http://", "https://"))
    for name in ("objectKey", "path"):
        assert place[name], f"{name} of an upload is empty"
    assert isinstance(place["expireTime"], int), f"expireTime is {place['expireTime']!r}"
    ahead = [round(place["expireTime"] / unit - clock.now()) for unit in (1, 1000)]
    assert any(0 < seconds < YEAR for seconds in ahead), f"expireTime is {ahead} seconds ahead"
    observe("W35", "seconds until expireTime, if it is in seconds and in milliseconds", ahead)


@source("Workshop › 8.5", "Workshop › 12")
@needs("clock")
def test_a_place_takes_a_file_until_shortly_before_its_expiry(workshop, clock):
    place = workshop.ask(SIGN, REQUESTS["as one SDK asks"]).expect_success()
    left = [place["expireTime"] / unit - clock.now() for unit in (1, 1000)]  # W35

    clock.let_pass(0.9 * max([0, *(seconds for seconds in left if seconds < YEAR)]))

    put = workshop.wire.send(
        "PUT", place["uploadUrl"], auth=None, content=PNG, headers={"Content-Type": "image/png"}
    )
    assert 200 <= put.status < 300, f"a PUT before expireTime answered {put.status}"


@source("Workshop › 8.5")
def test_two_places_are_two(workshop):
    first, second = (
        workshop.ask(SIGN, REQUESTS["as one SDK asks"]).expect_success() for _ in range(2)
    )

    for name in ("uploadUrl", "objectKey", "accessUrl"):
        assert first[name] != second[name], f"two uploads have the same {name}"


@source("Workshop › 8.5")
def test_files_are_put_without_a_signature_and_read_back(workshop):
    uploads = [uploaded(workshop, content) for content in FILES]

    for _, put in uploads:
        assert 200 <= put.status < 300, f"a PUT without x-ca headers answered {put.status}"
    for (place, _), content in [*zip(uploads, FILES, strict=True)] * 2:
        found = workshop.wire.send("GET", place["accessUrl"], auth=None)
        assert found.expect_status(200).content == content, "an upload is not read back as it was"


@source("Workshop › 7", "Workshop › 8.5")
@spends(1)
def test_an_uploaded_file_can_be_drawn_over(workshop):
    place, _ = uploaded(workshop)

    task = workshop.submit_img2img(**a_redrawing(place["accessUrl"]))["taskId"]

    assert workshop.wait_for(task)["status"] == "succeeded"


@source("Workshop › 8.1", "Workshop › 8.5")
@spends(1)
def test_an_uploaded_file_can_be_an_input(workshop):
    place, _ = uploaded(workshop)
    order = a_prompt(inputs=some_inputs(control_image=place["accessUrl"]))

    task = workshop.submit_prompt(**order)["taskId"]

    assert workshop.wait_for(task, kind="comfy")["status"] == "succeeded"


@source("Workshop › 8.5")
@observes
@pytest.mark.parametrize("missing", ["contentType", "originalFilename"])
def test_what_a_place_without_kind_or_name_gets(workshop, observe, missing):
    asked = {k: v for k, v in REQUESTS["as one SDK asks"].items() if k != missing}

    answer = workshop.ask(SIGN, asked).answer

    orderly(answer)
    observe("W22", f"an upload without {missing}", reason(answer))


@source("Workshop › 8.5", "Workshop › 12")
@observes
def test_how_large_a_file_may_be_said_to_be(workshop, observe):
    for size in (0, -1, 2**31, 2**40):
        answer = workshop.ask(SIGN, {**REQUESTS["as one SDK asks"], "size": size}).answer
        orderly(answer)
        observe("W35", f"an upload of {size} bytes", reason(answer))
