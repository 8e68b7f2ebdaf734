"""Results of jobs: pictures as ordered, correct metadata, and URLs that expire."""

import re

from contract_tests.markers import needs, observes, source, spends
from contract_tests.tams.decoding import format_of, picture_in
from contract_tests.tams.orders import SIDE, a_small_order
from contract_tests.tams.shared_jobs import only, successful

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PAIR = a_small_order(count=2, width=576)
SMALL = a_small_order()
OTHER_SEED = a_small_order(start={"seed": 8})


@source("TAMS › 5.1", "TAMS › 6", "TAMS › 7")
@spends(2)
def test_pictures_are_as_many_as_ordered(recorded):
    assert len(recorded(PAIR).images()) == 2
    assert len({image["id"] for image in recorded(PAIR).images()}) == 2
    assert len(recorded(SMALL).images()) == 1


@source("TAMS › 7")
@spends(2)
def test_the_id_of_a_picture_is_a_uuid(recorded):
    for image in recorded(PAIR).images():
        assert UUID.fullmatch(image["id"]), f"{image['id']!r} is not a UUID"


@source("TAMS › 12", "TAMS › 7")
@spends(2)
def test_pictures_decode_and_are_as_large_as_ordered(recorded):
    for order, size in ((PAIR, (576, SIDE)), (SMALL, (SIDE, SIDE))):
        job = recorded(order)
        for image in job.images():
            assert picture_in(job.files[image["url"]]).size == size, "the size as ordered"


@source("TAMS › 7")
@spends(2)
def test_the_size_in_meta_is_the_one_ordered(recorded, observe):
    for image in recorded(PAIR).images():
        meta = image["meta"]["image"]
        assert (meta["width"], meta["height"]) == (576, SIDE)
        observe("U56", "meta.image of a result", meta)


@source("TAMS › 7", "TAMS › 9")
@spends(2)
def test_a_result_tells_how_long_its_url_is_good(recorded, observe):
    for image in recorded(PAIR).images():
        assert int(image["expiredIn"]) > 0
        assert image["url"].startswith(("http://", "https://"))
        observe("U50", "expiredIn of a fresh result", image["expiredIn"])


@source("TAMS › 9")
@spends(2)
def test_results_open_without_credentials(recorded):
    job = recorded(PAIR)

    for image in job.images():
        assert format_of(job.files[image["url"]].expect_status(200)) == "image/png"


@source("TAMS › 6")
@spends(1)
def test_another_seed_makes_another_picture(recorded):
    pictures = []
    for order in (SMALL, OTHER_SEED):
        job = recorded(order)
        pictures.append(picture_in(job.files[job.images()[0]["url"]]).tobytes())

    assert pictures[0] != pictures[1], "seeds 7 and 8 made the same picture"


@source("TAMS › 6", "TAMS › 7")
@spends(2)
def test_the_pictures_of_one_job_differ(recorded):
    job = recorded(PAIR)

    pictures = {picture_in(job.files[image["url"]]).tobytes() for image in job.images()}
    assert len(pictures) == 2, "both pictures of a job are the same, as if of one seed"


@source("TAMS › 7")
@spends(2)
def test_the_map_of_metadata_fits_the_pictures(recorded):
    job = recorded(PAIR)

    entries = job.last["successInfo"]["imageExifMetaMap"]
    assert set(entries) == {image["id"] for image in job.images()}
    for image in job.images():
        meta, file = entries[image["id"]]["meta"], job.files[image["url"]]
        assert meta["ImageSize"] == "{}x{}".format(*picture_in(file).size)
        assert meta["MIMEType"] == format_of(file)
        assert meta["Seed"].isdecimal()
        assert meta["FileSize"]


@source("TAMS › 7")
@spends(1)
def test_the_map_of_metadata_tells_the_seed_that_was_ordered(recorded):
    for order, seed in ((SMALL, "7"), (OTHER_SEED, "8")):
        job = recorded(order)
        image = only(job.images(), "pictures")
        entry = job.last["successInfo"]["imageExifMetaMap"][image["id"]]
        assert entry["meta"]["Seed"] == seed


@source("TAMS › 7")
@spends(2)
def test_the_runtime_is_a_text_of_seconds(recorded):
    runtime = successful(recorded(PAIR).last)["successInfo"]["runtime"]

    assert isinstance(runtime, str), f"runtime is {runtime!r}"
    assert float(runtime) >= 0


@source("TAMS › 7", "TAMS › 9")
@spends(2)
def test_results_are_told_about_again(recorded, tams, observe):
    job = recorded(PAIR)

    again = tams.job(job.created["id"])["successInfo"]["images"]

    assert [image["id"] for image in again] == [image["id"] for image in job.images()]
    same = [image["url"] for image in again] == [image["url"] for image in job.images()]
    observe("U50", "a second look shows the same URLs", same)
    observe("U55", "stages in successInfo", "stages" in job.last["successInfo"])


@source("TAMS › 9")
@needs("clock")
@spends(1)
def test_the_url_of_a_result_expires(tams, clock, observe):
    job = tams.wait_for(tams.submit_job(a_small_order()), "SUCCESS")
    image = job["successInfo"]["images"][0]
    tams.download(image["url"]).expect_status(200)
    life = int(image["expiredIn"])

    clock.let_pass(life / 2)
    half = tams.job(job["id"])["successInfo"]["images"][0]
    observe("U50", "expiredIn at first and after half of it", [life, half["expiredIn"]])
    clock.let_pass(life / 2 + 60)

    late = tams.download(image["url"])
    assert 400 <= late.status < 500, f"an expired URL answered {late.status}"
    observe("U51", "an expired URL", late.status)
    fresh = tams.job(job["id"])["successInfo"]["images"][0]["url"]
    observe("U50", "a look after the URL expired", {
        "the URL is another one": fresh != image["url"],
        "what it answers": tams.download(fresh).status,
    })  # fmt: skip


@source("TAMS › 9")
@observes
@needs("clock")
@spends(1)
def test_a_finished_job_can_be_read_for_days(tams, clock, observe):
    job = tams.wait_for(tams.submit_job(a_small_order()), "SUCCESS")

    clock.let_pass(8 * 86400)

    answer = tams.call("GET", f"/v1/jobs/{job['id']}").expect_status(200, 404)
    observe("U52", "a finished job after eight days", answer.status)
    if answer.status == 200:
        url = answer.json["job"]["successInfo"]["images"][0]["url"]
        observe("U51", "its picture after the short term", tams.download(url).status)


@source("TAMS › 6", "TAMS › 7")
@spends(1)
def test_a_seed_of_minus_one_is_a_random_one(recorded, observe):
    job = recorded(a_small_order(start={"seed": -1}))

    image = only(job.images(), "pictures")
    seed = job.last["successInfo"]["imageExifMetaMap"][image["id"]]["meta"]["Seed"]
    observe("U22", "the seed that was used for -1", seed)
    assert 0 <= int(seed) <= 4294967295
